//go:build unix

package config

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestAFIFOIsRefusedAtOnce: opened as other files are, it would wait for a
// writer for ever.
func TestAFIFOIsRefusedAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fob.yaml")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(path); err == nil || !strings.Contains(err.Error(), path+" isn't a regular file") {
		t.Errorf("got %v", err)
	}
	if _, err := ReadTrusted(path); err == nil || !strings.Contains(err.Error(), "isn't a regular file") {
		t.Errorf("got %v", err)
	}
}
