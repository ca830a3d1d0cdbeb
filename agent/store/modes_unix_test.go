//go:build unix

package store

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func TestFilesAreTheOwnersAlone(t *testing.T) {
	p := newPlace(t)
	if err := os.MkdirAll(p.state, 0o755); err != nil {
		t.Fatal(err)
	}
	old := syscall.Umask(0)
	s := p.open(t, noon())
	take(t, s, 100)
	syscall.Umask(old)
	for _, dir := range []string{p.state, p.other} {
		err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := e.Info()
			if err != nil {
				return err
			}
			if want := map[bool]fs.FileMode{true: 0o700, false: 0o600}[e.IsDir()]; info.Mode().Perm() != want {
				t.Errorf("%s is %v", path, info.Mode())
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(p.file() + "-wal"); err != nil {
		t.Errorf("the log: %v", err)
	}
}
