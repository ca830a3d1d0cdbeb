//go:build unix

package control

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/fob-auth/fob/emulator/api"
)

func TestFobOnItsLine(t *testing.T) {
	h := start(t)
	link := filepath.Join(h.dir, "fob1")
	open := func() *os.File {
		t.Helper()
		f, err := os.OpenFile(link, os.O_RDWR|unix.O_NOCTTY, 0)
		check(t, err)
		t.Cleanup(func() { f.Close() })
		return f
	}
	ask := func(f *os.File, question, want string) {
		t.Helper()
		_, err := io.WriteString(f, question+"\r\n")
		check(t, err)
		expectLine(t, f, want)
	}
	f := open()
	ask(f, "identity", "GAHT12345678")
	ask(f, "code", "~")
	if fob := h.act(t, api.PathPress, "fob1", ""); fob.Presses != 1 || fob.Codes != 1 || fob.Waiting {
		t.Errorf("after the press it is %+v", fob)
	}
	expectLine(t, f, "digits=")

	h.act(t, api.PathUnplug, "fob1", "")
	if _, err := os.Lstat(link); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("unplugged, the link is there: %v", err)
	}
	if n, err := f.Read(make([]byte, 1)); err == nil && n > 0 {
		t.Error("unplugged, the line still answers")
	}
	h.act(t, api.PathPlug, "fob1", "")
	ask(open(), "identity", "GAHT12345678")
}

// BenchmarkFobLine is one exchange with an emulated fob on a pseudo terminal.
func BenchmarkFobLine(b *testing.B) {
	h := start(b)
	f, err := os.OpenFile(filepath.Join(h.dir, "fob1"), os.O_RDWR|unix.O_NOCTTY, 0)
	check(b, err)
	defer f.Close()
	for b.Loop() {
		_, err := io.WriteString(f, "clock\r\n")
		check(b, err)
		expectLine(b, f, "unix=")
	}
}
