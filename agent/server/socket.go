package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"sync"
	"time"
)

// watchEvery is how often the socket's place is looked at.
const watchEvery = time.Second

// A LostError says that a socket was deleted or replaced: nobody finds the
// agent any more, or finds another in its place.
type LostError struct{ Path string }

func (e *LostError) Error() string {
	return fmt.Sprintf("socket %s was deleted or replaced; nobody finds this agent any more", e.Path)
}

// A Socket is a listener that knows its own file, and leaves alone what stands
// in that one's place. Its methods may be called at once from many goroutines.
type Socket struct {
	*net.UnixListener
	made fs.FileInfo

	mu     sync.Mutex
	closed bool
}

// newSocket takes over a listener whose file was just made.
func newSocket(ln *net.UnixListener) (*Socket, error) {
	made, err := os.Lstat(ln.Addr().String())
	if err != nil {
		return nil, err
	}
	ln.SetUnlinkOnClose(false)
	return &Socket{UnixListener: ln, made: made}, nil
}

func (s *Socket) path() string { return s.Addr().String() }

func (s *Socket) inPlace() bool {
	now, err := os.Lstat(s.path())
	return err == nil && os.SameFile(s.made, now)
}

// Close ends the listening and takes the socket's file away, where it is still
// in its place.
func (s *Socket) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var err error
	if !s.closed && s.inPlace() {
		// The file goes first: as long as it is there somebody listens, and no
		// other agent takes its place.
		if err = os.Remove(s.path()); errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
	}
	s.closed = true
	return errors.Join(err, s.UnixListener.Close())
}

// lost reports whether the socket isn't in its place any more, though it wasn't
// closed.
func (s *Socket) lost() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.closed && !s.inPlace()
}

// Watch returns a *LostError once the socket's file isn't in its place any
// more, and nil once ctx ends.
func (s *Socket) Watch(ctx context.Context) error {
	every := time.NewTicker(watchEvery)
	defer every.Stop()
	for {
		if s.lost() {
			return &LostError{Path: s.path()}
		}
		select {
		case <-every.C:
		case <-ctx.Done():
			return nil
		}
	}
}
