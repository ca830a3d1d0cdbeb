package api

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestCodes holds the table to what programs rely on: each code has a row, a
// status that HTTP knows, and an exit status of its own that no shell uses.
func TestCodes(t *testing.T) {
	exits := map[int]ErrorCode{}
	form := regexp.MustCompile(`^[a-z]+(_[a-z]+)*$`)
	for _, row := range Codes() {
		if !form.MatchString(string(row.Code)) || row.Meaning == "" || row.Code.Info() != row {
			t.Errorf("row %+v", row)
		}
		if row.HTTP < 400 || http.StatusText(row.HTTP) == "" {
			t.Errorf("%s has HTTP status %d", row.Code, row.HTTP)
		}
		if row.Exit < 1 || row.Exit > 125 {
			t.Errorf("%s has exit status %d", row.Code, row.Exit)
		}
		if other, ok := exits[row.Exit]; ok {
			t.Errorf("%s and %s share exit status %d", row.Code, other, row.Exit)
		}
		exits[row.Exit] = row.Code
	}
	if info := ErrorCode("of_a_newer_agent").Info(); info != Internal.Info() {
		t.Errorf("an unknown code has row %+v", info)
	}
}

// TestDefaultSocket: an absolute XDG_RUNTIME_DIR decides, else the user's name
// is in the path.
func TestDefaultSocket(t *testing.T) {
	run := t.TempDir()
	t.Setenv("XDG_RUNTIME_DIR", run)
	if got, want := DefaultSocket(), filepath.Join(run, "fob", "agent.sock"); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for _, dir := range []string{"", "relative"} {
		t.Setenv("XDG_RUNTIME_DIR", dir)
		if got, end := DefaultSocket(), fmt.Sprintf("/fob-%d/agent.sock", os.Getuid()); !strings.HasSuffix(got, end) || !filepath.IsAbs(got) {
			t.Errorf("XDG_RUNTIME_DIR %q: %s", dir, got)
		}
	}
}
