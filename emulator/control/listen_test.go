package control

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestListenMakesItsFolderAndASocketForThisUser(t *testing.T) {
	socket := filepath.Join(shortDir(t), "run", "fob", "s")
	l, err := Listen(socket)
	check(t, err)
	for path, want := range map[string]os.FileMode{
		socket:               os.ModeSocket | 0o600,
		filepath.Dir(socket): os.ModeDir | 0o700,
	} {
		if info, err := os.Stat(path); err != nil || info.Mode() != want {
			t.Errorf("%s is %v, %v, want %v", path, info.Mode(), err, want)
		}
	}
	check(t, l.Close())
	if _, err := os.Lstat(socket); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("closed, the socket is there: %v", err)
	}
}

func TestLiveSocketIsRefused(t *testing.T) {
	socket := filepath.Join(shortDir(t), "s")
	l, err := Listen(socket)
	check(t, err)
	defer l.Close()
	if _, err := Listen(socket); !errors.Is(err, ErrLive) || !strings.Contains(err.Error(), socket) {
		t.Errorf("got %v", err)
	}
	conn, err := net.Dial("unix", socket) // it is still the first one's
	check(t, err)
	conn.Close()
}

func TestStaleSocketIsReplaced(t *testing.T) {
	socket := filepath.Join(shortDir(t), "s")
	old, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket, Net: "unix"})
	check(t, err)
	old.SetUnlinkOnClose(false)
	check(t, old.Close())
	l, err := Listen(socket)
	check(t, err)
	check(t, l.Close())
}

func TestOneOfManyStartsServes(t *testing.T) {
	socket := filepath.Join(shortDir(t), "s")
	old, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket, Net: "unix"})
	check(t, err)
	old.SetUnlinkOnClose(false)
	check(t, old.Close())

	listeners, errs := make([]net.Listener, 20), make([]error, 20)
	var starts sync.WaitGroup
	for i := range listeners {
		starts.Go(func() { listeners[i], errs[i] = Listen(socket) })
	}
	starts.Wait()
	serving := 0
	for i, l := range listeners {
		if l != nil {
			serving++
			defer l.Close()
		} else if !errors.Is(errs[i], ErrLive) {
			t.Errorf("start %d: %v", i, errs[i])
		}
	}
	if serving != 1 {
		t.Errorf("%d serve, want 1", serving)
	}
}

func TestListenRefusals(t *testing.T) {
	dir := shortDir(t)
	file := filepath.Join(dir, "file")
	check(t, os.WriteFile(file, []byte("precious"), 0o600))
	check(t, os.Symlink(file, filepath.Join(dir, "link")))
	check(t, os.Mkdir(filepath.Join(dir, "folder"), 0o700))
	open := filepath.Join(dir, "open")
	check(t, os.Mkdir(open, 0o700))
	check(t, os.Chmod(open, 0o777))
	for path, want := range map[string]string{
		file:                         "no socket is in the way",
		filepath.Join(dir, "link"):   "no socket is in the way",
		filepath.Join(dir, "folder"): "no socket is in the way",
		filepath.Join(open, "s"):     "can be changed by others",
		filepath.Join(file, "s"):     "not a directory",
		filepath.Join(dir, strings.Repeat("x", 108)): "and the system takes 107",
	} {
		if l, err := Listen(path); err == nil {
			l.Close()
			t.Errorf("%s was taken", path)
		} else if !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
	if b, err := os.ReadFile(file); err != nil || string(b) != "precious" {
		t.Errorf("the file is %q, %v", b, err)
	}
}
