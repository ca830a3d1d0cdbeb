package server

import (
	"context"
	"sync"
	"time"
)

// idleness knows since when nobody has asked.
type idleness struct {
	after time.Duration
	busy  func() bool

	mu      sync.Mutex
	running int
	since   time.Time
}

func (i *idleness) begin() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.running++
}

func (i *idleness) end() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.running--
	i.since = time.Now()
}

// left is how long it takes until nobody has asked for long enough, 0 where
// that is so now.
func (i *idleness) left(now time.Time) time.Duration {
	if i.busy != nil && i.busy() {
		return i.after
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.running > 0 {
		return i.after
	}
	return max(0, i.after-now.Sub(i.since))
}

// over returns a channel that is closed once nobody has asked for long enough,
// and never where that has no bound or ctx ends before.
func (i *idleness) over(ctx context.Context) <-chan struct{} {
	over := make(chan struct{})
	if i.after <= 0 {
		return over
	}
	i.mu.Lock()
	i.since = time.Now()
	i.mu.Unlock()
	go func() {
		for left := i.after; left > 0; left = i.left(time.Now()) {
			timer := time.NewTimer(left)
			select {
			case <-timer.C:
			case <-ctx.Done():
				timer.Stop()
				return
			}
		}
		close(over)
	}()
	return over
}
