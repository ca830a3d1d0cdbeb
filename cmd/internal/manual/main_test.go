package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fob-auth/fob/agent/api"
)

// TestPages: each command has its page, and the first all exit statuses.
func TestPages(t *testing.T) {
	dir := t.TempDir()
	if err := write(dir); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"fob", "fob-credentials", "fob-service-install", "fobd", "fobd-check", "fobemu-press", "fobaws-serve"} {
		b, err := os.ReadFile(filepath.Join(dir, name+".1"))
		if err != nil || !strings.Contains(string(b), ".SH SYNOPSIS") {
			t.Errorf("%s: %d bytes, %v", name, len(b), err)
		}
		if !strings.Contains(string(b), `"1" "" "fob" "fob"`) {
			t.Errorf("%s has a date: %.200s", name, b)
		}
		if name != "fob" {
			continue
		}
		for _, row := range api.Codes() {
			if !strings.Contains(string(b), "\n"+strings.ReplaceAll(row.Meaning, "'", `\(aq`)+"\n") {
				t.Errorf("exit status %d is missing", row.Exit)
			}
		}
	}
}
