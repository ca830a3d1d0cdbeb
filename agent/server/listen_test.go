//go:build unix

package server

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// tempDir returns a folder with a path short enough for a socket.
func tempDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "fob")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// bind makes a socket at path that nobody listens on any more.
func stale(t testing.TB, path string) {
	t.Helper()
	ln, err := net.Listen("unix", path)
	must(t, err)
	ln.(*net.UnixListener).SetUnlinkOnClose(false)
	must(t, ln.Close())
}

func folder(t testing.TB, dir string, mode fs.FileMode) {
	t.Helper()
	must(t, os.Mkdir(dir, 0o700))
	must(t, os.Chmod(dir, mode))
}

// TestListenSetups is the table of places that an agent may find at its start.
func TestListenSetups(t *testing.T) {
	ours := os.Getuid()
	tests := []struct {
		name string
		// prepare returns the socket's path; dir is an empty folder.
		prepare func(t *testing.T, dir string) string
		uid     int
		refused string // part of the error; empty where it has to work
	}{
		{"missing runtime folder", func(t *testing.T, dir string) string {
			return filepath.Join(dir, "run", "fob", "agent.sock")
		}, ours, ""},
		{"folder 0700", func(t *testing.T, dir string) string {
			folder(t, filepath.Join(dir, "fob"), 0o700)
			return filepath.Join(dir, "fob", "agent.sock")
		}, ours, ""},
		{"folder 0755", func(t *testing.T, dir string) string {
			folder(t, filepath.Join(dir, "fob"), 0o755)
			return filepath.Join(dir, "fob", "agent.sock")
		}, ours, "mode 0755; it has to be 0700"},
		{"folder 0777", func(t *testing.T, dir string) string {
			folder(t, filepath.Join(dir, "fob"), 0o777)
			return filepath.Join(dir, "fob", "agent.sock")
		}, ours, "mode 0777"},
		{"read-only folder", func(t *testing.T, dir string) string {
			folder(t, filepath.Join(dir, "fob"), 0o500)
			return filepath.Join(dir, "fob", "agent.sock")
		}, ours, "mode 0500"},
		{"folder of another user", func(t *testing.T, dir string) string {
			folder(t, filepath.Join(dir, "fob"), 0o700)
			return filepath.Join(dir, "fob", "agent.sock")
		}, ours + 1, "belongs to uid"},
		{"folder is a link", func(t *testing.T, dir string) string {
			folder(t, filepath.Join(dir, "real"), 0o700)
			must(t, os.Symlink("real", filepath.Join(dir, "fob")))
			return filepath.Join(dir, "fob", "agent.sock")
		}, ours, "symbolic link"},
		{"folder is a file", func(t *testing.T, dir string) string {
			must(t, os.WriteFile(filepath.Join(dir, "fob"), nil, 0o600))
			return filepath.Join(dir, "fob", "agent.sock")
		}, ours, "not a directory"},
		{"socket is a link", func(t *testing.T, dir string) string {
			folder(t, filepath.Join(dir, "fob"), 0o700)
			path := filepath.Join(dir, "fob", "agent.sock")
			must(t, os.Symlink("elsewhere", path))
			return path
		}, ours, "symbolic link; it is left alone"},
		{"socket is a file", func(t *testing.T, dir string) string {
			folder(t, filepath.Join(dir, "fob"), 0o700)
			path := filepath.Join(dir, "fob", "agent.sock")
			must(t, os.WriteFile(path, []byte("precious"), 0o600))
			return path
		}, ours, "a file; it is left alone"},
		{"socket is a folder", func(t *testing.T, dir string) string {
			folder(t, filepath.Join(dir, "fob"), 0o700)
			path := filepath.Join(dir, "fob", "agent.sock")
			folder(t, path, 0o700)
			return path
		}, ours, "a folder; it is left alone"},
		{"stale socket", func(t *testing.T, dir string) string {
			folder(t, filepath.Join(dir, "fob"), 0o700)
			path := filepath.Join(dir, "fob", "agent.sock")
			stale(t, path)
			return path
		}, ours, ""},
		{"live socket", func(t *testing.T, dir string) string {
			folder(t, filepath.Join(dir, "fob"), 0o700)
			path := filepath.Join(dir, "fob", "agent.sock")
			ln, err := net.Listen("unix", path)
			must(t, err)
			t.Cleanup(func() { must(t, ln.Close()) })
			return path
		}, ours, "another agent"},
		{"live socket of datagrams", func(t *testing.T, dir string) string {
			folder(t, filepath.Join(dir, "fob"), 0o700)
			path := filepath.Join(dir, "fob", "agent.sock")
			c, err := net.ListenPacket("unixgram", path)
			must(t, err)
			t.Cleanup(func() { must(t, c.Close()) })
			return path
		}, ours, "is there already"},
		{"path of 107 bytes", func(t *testing.T, dir string) string {
			return filepath.Join(dir, "fob", strings.Repeat("s", 107-len(dir)-len("/fob/")))
		}, ours, ""},
		{"path of 108 bytes", func(t *testing.T, dir string) string {
			return filepath.Join(dir, "fob", strings.Repeat("s", 108-len(dir)-len("/fob/")))
		}, ours, "108 bytes"},
		{"relative path", func(*testing.T, string) string { return "agent.sock" }, ours, "absolute"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := tt.prepare(t, tempDir(t))
			ln, err := listen(t.Context(), path, tt.uid)
			if tt.refused != "" {
				if err == nil {
					ln.Close()
					t.Fatal("it listens")
				}
				if !strings.Contains(err.Error(), tt.refused) || !strings.Contains(err.Error(), path) {
					t.Errorf("error %q names not %q and the path", err, tt.refused)
				}
				return
			}
			must(t, err)
			t.Cleanup(func() { must(t, ln.Close()) })
			checkModes(t, path)
			c, err := net.Dial("unix", path)
			must(t, err)
			must(t, c.Close())
		})
	}
}

func checkModes(t *testing.T, path string) {
	t.Helper()
	for name, want := range map[string]fs.FileMode{
		path:               fs.ModeSocket | 0o600,
		filepath.Dir(path): fs.ModeDir | 0o700,
	} {
		info, err := os.Lstat(name)
		must(t, err)
		if info.Mode() != want {
			t.Errorf("%s has mode %v, want %v", name, info.Mode(), want)
		}
	}
}

func TestListenLeavesWhatItRefuses(t *testing.T) {
	path := filepath.Join(tempDir(t), "agent.sock")
	must(t, os.WriteFile(path, []byte("precious"), 0o600))
	if _, err := Listen(t.Context(), path); err == nil {
		t.Fatal("it listens")
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != "precious" {
		t.Errorf("the file holds %q, %v", b, err)
	}
}

func TestListenNamesTheOther(t *testing.T) {
	path := filepath.Join(tempDir(t), "agent.sock")
	ln, err := Listen(t.Context(), path)
	must(t, err)
	defer ln.Close()
	_, err = Listen(t.Context(), path)
	var live *LiveError
	if !errors.As(err, &live) || live.PID != os.Getpid() || live.Path != path {
		t.Errorf("error %v", err)
	}
}

// TestListenRace starts agents at the same moment, over a stale socket: one
// gets the place, and the others learn that it is taken.
func TestListenRace(t *testing.T) {
	const agents = 100
	path := filepath.Join(tempDir(t), "agent.sock")
	stale(t, path)
	begin := make(chan struct{})
	listeners := make(chan net.Listener, agents)
	refusals := make(chan error, agents)
	var all sync.WaitGroup
	for range agents {
		all.Go(func() {
			<-begin
			ln, err := Listen(t.Context(), path)
			if err != nil {
				refusals <- err
				return
			}
			listeners <- ln
		})
	}
	close(begin)
	all.Wait()
	if n := len(listeners); n != 1 {
		t.Errorf("%d agents listen", n)
	}
	for len(listeners) > 0 {
		must(t, (<-listeners).Close())
	}
	for len(refusals) > 0 {
		if err := <-refusals; !errors.As(err, new(*LiveError)) {
			t.Errorf("refused with %v", err)
		}
	}
}

func TestListenGivesUpOnALock(t *testing.T) {
	dir := tempDir(t)
	d, err := os.Open(dir)
	must(t, err)
	defer d.Close()
	must(t, unix.Flock(int(d.Fd()), unix.LOCK_EX))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Listen(ctx, filepath.Join(dir, "agent.sock")); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestInherited(t *testing.T) {
	dir := tempDir(t)
	unixStream, err := net.Listen("unix", filepath.Join(dir, "s"))
	must(t, err)
	defer unixStream.Close()
	datagrams, err := net.ListenPacket("unixgram", filepath.Join(dir, "d"))
	must(t, err)
	defer datagrams.Close()
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer tcp.Close()
	connected, err := net.Dial("unix", filepath.Join(dir, "s"))
	must(t, err)
	defer connected.Close()
	regular, err := os.Create(filepath.Join(dir, "f"))
	must(t, err)

	fileOf := func(v any) *os.File {
		f, err := v.(interface{ File() (*os.File, error) }).File()
		must(t, err)
		return f
	}
	for _, tt := range []struct {
		name    string
		files   []*os.File
		refused string
	}{
		{"a listening Unix socket", []*os.File{fileOf(unixStream)}, ""},
		{"none", nil, "0 sockets"},
		{"two", []*os.File{fileOf(unixStream), fileOf(unixStream)}, "2 sockets"},
		{"datagrams", []*os.File{fileOf(datagrams)}, "isn't a listening socket"},
		{"TCP", []*os.File{fileOf(tcp)}, "not a Unix socket"},
		{"a connection", []*os.File{fileOf(connected)}, "isn't a listening socket"},
		{"a file", []*os.File{regular}, "isn't a listening socket"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ln, err := Inherited(tt.files)
			if tt.refused != "" {
				if err == nil || !strings.Contains(err.Error(), tt.refused) {
					t.Errorf("error %v", err)
				}
				return
			}
			must(t, err)
			must(t, ln.Close())
			if _, err := os.Lstat(filepath.Join(dir, "s")); err != nil {
				t.Errorf("the service manager's socket was taken away: %v", err)
			}
		})
	}
}
