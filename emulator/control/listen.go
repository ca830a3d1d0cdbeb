package control

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// maxPath is the longest path of a Unix socket, in bytes: sun_path holds 108
// with the closing zero (unix(7)).
const maxPath = 107

// ErrLive says that another bench serves the socket.
var ErrLive = errors.New("another program serves it")

// Listen makes the bench's Unix socket (0600), and its folder (0700) where that
// is missing. A socket that another program serves is refused with [ErrLive],
// one that an ended program left is replaced, and anything else at path is
// refused. Closing the listener takes the socket away.
func Listen(path string) (net.Listener, error) {
	if len(path) > maxPath {
		return nil, fmt.Errorf("socket %s: the path has %d bytes, and the system takes %d", path, len(path), maxPath)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("socket's folder: %w", err)
	}
	unlock, err := lockFolder(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	defer unlock()
	if err := clearPath(path); err != nil {
		return nil, fmt.Errorf("socket %s: %w", path, err)
	}
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error { return c.Control(makePrivate) }}
	l, err := lc.Listen(context.Background(), "unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// lockFolder keeps other benches out of dir until unlock is called, so that of
// several that start at once on one socket only one finds it free. A folder in
// which others could put a socket in this one's place is refused.
func lockFolder(dir string) (unlock func() error, err error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("socket's folder: %w", err)
	}
	info, err := f.Stat()
	if err == nil && info.Mode().Perm()&0o022 != 0 && info.Mode()&fs.ModeSticky == 0 {
		err = fmt.Errorf("%s can be changed by others (%v): chmod 700 it", dir, info.Mode().Perm())
	}
	if err == nil {
		err = lockFile(f)
	}
	if err != nil {
		return nil, fmt.Errorf("socket's folder: %w", errors.Join(err, f.Close()))
	}
	return f.Close, nil
}

// clearPath makes room for a socket at path.
func clearPath(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode().Type() != fs.ModeSocket:
		return errors.New("something that is no socket is in the way")
	}
	conn, err := net.DialTimeout("unix", path, 2*time.Second)
	if err == nil {
		conn.Close()
		return ErrLive
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return err
	}
	return os.Remove(path)
}
