package session

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// A Wait is what a session on its way waits for.
type Wait struct {
	// Token is the serial of the token that is waited for; empty where it is
	// AWS, or nothing that takes long.
	Token string
	// Touch says that the token wants a touch.
	Touch bool
	// Until is when the token's next code comes, in AWS's time; zero where
	// nobody knows how long it takes.
	Until time.Time
}

// A PendingError says that the caller's time is over and the session still on
// its way: it is being made all the same, and serves the next call.
type PendingError struct {
	Profile string
	Wait    Wait
	cause   error
}

func (e *PendingError) Error() string {
	switch {
	case e.Wait.Touch:
		return fmt.Sprintf("profile %s: token %s still waits for a touch", e.Profile, e.Wait.Token)
	case e.Wait.Token != "":
		return fmt.Sprintf("profile %s: the next code of token %s is still awaited", e.Profile, e.Wait.Token)
	}
	return fmt.Sprintf("profile %s: its session is still on its way", e.Profile)
}

func (e *PendingError) Unwrap() error { return e.cause }

// A progress is what a flight waits for now; where it waits for another flight,
// what that one does.
type progress struct {
	mu    sync.Mutex
	wait  Wait
	below *progress
}

type progressKey struct{}

// Await notes what the session that is being made under ctx waits for, until
// the returned function is called. Under any other context it does nothing.
func Await(ctx context.Context, w Wait) (over func()) {
	p, ok := ctx.Value(progressKey{}).(*progress)
	if !ok {
		return func() {}
	}
	p.set(w)
	return func() { p.set(Wait{}) }
}

func (p *progress) set(w Wait) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wait = w
}

// follow makes other's wait the wait of p.
func (p *progress) follow(other *progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.below = other
}

func (p *progress) now() Wait {
	p.mu.Lock()
	w, below := p.wait, p.below
	p.mu.Unlock()
	if w == (Wait{}) && below != nil {
		return below.now()
	}
	return w
}
