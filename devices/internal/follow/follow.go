// Package follow is what the Watches of drivers have in common whose source,
// a bench or a service, may go away and come back: while it is gone there is
// nothing, and it is looked for again and again.
package follow

import (
	"context"
	"slices"
	"time"

	"github.com/fob-auth/fob/devices"
)

// Retry is how long to wait before a source that is gone is tried again: First,
// then twice as long each time, up to Last.
type Retry struct{ First, Last time.Duration }

// Watch calls source again and again until ctx ends, and returns ctx's error.
// source sends what one connection shows until that breaks, and reports
// whether it showed anything; then the set is empty.
func Watch(ctx context.Context, out chan<- []devices.Slot, retry Retry, source func(context.Context, *Sender) (came bool)) error {
	s := Sender{out: out}
	wait := retry.First
	for ctx.Err() == nil {
		if source(ctx, &s) {
			wait = retry.First
		}
		s.Send(ctx, nil)
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
		wait = min(2*wait, retry.Last)
	}
	return ctx.Err()
}

// A Sender sends sets, each only where it differs from the one before.
type Sender struct {
	out  chan<- []devices.Slot
	last []devices.Slot
	sent bool
}

// Send reports false once ctx ended before the set was taken.
func (s *Sender) Send(ctx context.Context, set []devices.Slot) bool {
	if s.sent && slices.Equal(s.last, set) {
		return ctx.Err() == nil
	}
	select {
	case s.out <- slices.Clone(set):
		s.last, s.sent = set, true
		return true
	case <-ctx.Done():
		return false
	}
}
