package server

import (
	"context"
	"fmt"
	"io/fs"
	"net"
	"os"
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

// Watch returns a *LostError once the socket that ln listens on isn't in its
// place any more, and nil once ctx ends. What stands in its place then is left
// alone when ln is closed.
func Watch(ctx context.Context, ln net.Listener) error {
	path := ln.Addr().String()
	ours, err := os.Lstat(path)
	every := time.NewTicker(watchEvery)
	defer every.Stop()
	for {
		var now fs.FileInfo
		if err == nil {
			now, err = os.Lstat(path)
		}
		if err != nil || !os.SameFile(ours, now) {
			if u, ok := ln.(*net.UnixListener); ok {
				u.SetUnlinkOnClose(false)
			}
			return &LostError{Path: path}
		}
		select {
		case <-every.C:
		case <-ctx.Done():
			return nil
		}
	}
}
