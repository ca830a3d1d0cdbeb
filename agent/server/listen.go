//go:build unix

package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/fob-auth/fob/agent/caller"
)

const (
	// maxPath is the longest path of a Unix socket: sun_path holds 108 bytes
	// with the closing zero (unix(7)), and 104 on macOS.
	maxPath = 107
	// lockTime is how long another agent's start is waited for.
	lockTime = 2 * time.Second
	// lockPoll is how often.
	lockPoll = 10 * time.Millisecond
)

// Listen opens the agent's socket: 0600, in a folder of ours that is 0700 and
// is made where it is missing. A socket that nobody listens on any more is
// replaced; one that an agent listens on is a *LiveError, and anything else at
// that place is left alone and refused. Of agents that start at the same
// moment exactly one gets the socket.
func Listen(ctx context.Context, path string) (*Socket, error) {
	return listen(ctx, path, os.Getuid())
}

func listen(ctx context.Context, path string, uid int) (*Socket, error) {
	if !filepath.IsAbs(path) {
		return nil, fmt.Errorf("socket %s: the path has to be absolute", path)
	}
	path = filepath.Clean(path)
	if len(path) > maxPath {
		return nil, fmt.Errorf("socket %s: the path has %d bytes, and the system takes %d", path, len(path), maxPath)
	}
	dir := filepath.Dir(path)
	if err := makeFolder(dir, uid); err != nil {
		return nil, fmt.Errorf("socket %s: %w", path, err)
	}
	unlock, err := lockFolder(ctx, dir)
	if err != nil {
		return nil, fmt.Errorf("socket %s: %w", path, err)
	}
	defer unlock()
	if err := clearPlace(ctx, path); err != nil {
		return nil, err
	}
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("socket %s: %w", path, errors.Unwrap(err))
	}
	socket, err := newSocket(ln)
	if err != nil {
		return nil, fmt.Errorf("socket %s: %w", path, errors.Join(err, ln.Close()))
	}
	// Until here the socket has the mode that the umask left it, which the
	// folder's 0700 makes harmless.
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, fmt.Errorf("socket %s: %w", path, errors.Join(err, socket.Close()))
	}
	return socket, nil
}

// makeFolder makes the socket's folder, or checks that the one there is ours
// alone.
func makeFolder(dir string, uid int) error {
	if err := os.MkdirAll(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("%s is no folder but %s", dir, kind(info.Mode()))
	}
	var st unix.Stat_t
	if err := unix.Lstat(dir, &st); err != nil {
		return &fs.PathError{Op: "lstat", Path: dir, Err: err}
	}
	if int(st.Uid) != uid {
		return fmt.Errorf("folder %s belongs to uid %d, not to uid %d", dir, st.Uid, uid)
	}
	if mode := info.Mode().Perm(); mode != 0o700 {
		return fmt.Errorf("folder %s has mode %04o; it has to be 0700 (chmod 700 %s)", dir, mode, dir)
	}
	return nil
}

// lockFolder keeps others from taking the place over at the same time. The
// lock is on the folder itself, so that no file is left behind.
func lockFolder(ctx context.Context, dir string) (unlock func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, lockTime)
	defer cancel()
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	poll := time.NewTicker(lockPoll)
	defer poll.Stop()
	for {
		err := unix.Flock(int(d.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return func() { _ = d.Close() }, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			_ = d.Close()
			return nil, fmt.Errorf("lock of %s: %w", dir, err)
		}
		select {
		case <-poll.C:
		case <-ctx.Done():
			_ = d.Close()
			return nil, fmt.Errorf("lock of %s: another agent is starting and doesn't get on: %w", dir, ctx.Err())
		}
	}
}

// clearPlace removes a socket that nobody listens on.
func clearPlace(ctx context.Context, path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode().Type() != fs.ModeSocket {
		return fmt.Errorf("socket %s: something else is there, %s; it is left alone", path, kind(info.Mode()))
	}
	var d net.Dialer
	c, err := d.DialContext(ctx, "unix", path)
	if err == nil {
		defer c.Close()
		live := &LiveError{Path: path}
		if p, err := kernelPeer(c, caller.Chain); err == nil {
			live.PID = p.PID
		}
		return live
	}
	if !errors.Is(err, unix.ECONNREFUSED) {
		// Somebody may listen and be too busy for us, or it isn't ours to
		// judge.
		return fmt.Errorf("socket %s: is there already: %w", path, err)
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("socket %s: a stale one can't be removed: %w", path, err)
	}
	return nil
}

// kind names what a path is.
func kind(m fs.FileMode) string {
	switch m.Type() {
	case 0:
		return "a file"
	case fs.ModeDir:
		return "a folder"
	case fs.ModeSymlink:
		return "a symbolic link"
	case fs.ModeSocket:
		return "a socket"
	default:
		return "a special file"
	}
}

// Inherited takes over the one socket that a service manager listens on for
// the agent (sd_listen_fds(3)); the caller has checked that the files were
// meant for this process. It closes them.
func Inherited(files []*os.File) (net.Listener, error) {
	defer func() {
		for _, f := range files {
			_ = f.Close()
		}
	}()
	if len(files) != 1 {
		return nil, fmt.Errorf("the service manager handed over %d sockets; one is needed", len(files))
	}
	fd := int(files[0].Fd())
	// A socket that doesn't listen would be found out only at the first
	// accept, after the agent has said that it is ready.
	if listens, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN); err != nil || listens == 0 {
		return nil, errors.New("the file handed over by the service manager isn't a listening socket")
	}
	ln, err := net.FileListener(files[0])
	if err != nil {
		return nil, fmt.Errorf("the socket handed over by the service manager: %w", err)
	}
	u, ok := ln.(*net.UnixListener)
	if !ok {
		_ = ln.Close()
		return nil, fmt.Errorf("the socket handed over by the service manager is %s, not a Unix socket", ln.Addr().Network())
	}
	return u, nil
}
