package server

import (
	"context"
	"sync"
)

// heardKey is where a request's context has the func that says that its
// connection was heard.
type heardKey struct{}

// arrivals counts connections that were accepted and not heard yet: no request
// of theirs has reached the server.
type arrivals struct {
	mu      sync.Mutex
	pending int
	// none, unless nil, is closed when pending comes to 0.
	none chan struct{}
}

// came counts a connection until the func it returns is called.
func (a *arrivals) came() func() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.pending++
	return sync.OnceFunc(func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.pending--
		if a.pending == 0 && a.none != nil {
			close(a.none)
			a.none = nil
		}
	})
}

// heard waits until each connection was heard, or ctx ends. No more may come.
func (a *arrivals) heard(ctx context.Context) {
	a.mu.Lock()
	if a.pending == 0 {
		a.mu.Unlock()
		return
	}
	none := make(chan struct{})
	a.none = none
	a.mu.Unlock()
	select {
	case <-none:
	case <-ctx.Done():
	}
}
