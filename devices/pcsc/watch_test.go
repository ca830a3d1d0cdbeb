//go:build pcsc && (cgo || windows)

package pcsc

import (
	"testing"
	"time"

	"github.com/ebfe/scard"
)

// A service tells of its one reader as pcsc-lite does.
type service struct {
	state scard.StateFlag
	waits []time.Duration
}

func (s *service) GetStatusChange(states []scard.ReaderState, wait time.Duration) error {
	s.waits = append(s.waits, wait)
	changed := false
	for i, told := range states {
		if told.Reader == pnp {
			continue
		}
		states[i].EventState = s.state
		counted := generation(told.CurrentState) != 0
		same := told.CurrentState&0xffff == s.state&0xffff && (!counted || generation(told.CurrentState) == generation(s.state))
		if told.CurrentState == scard.StateUnaware || !same {
			states[i].EventState |= scard.StateChanged
			changed = true
		}
	}
	if !changed {
		return scard.ErrTimeout
	}
	return nil
}

// TestFirstPlugIsSeen takes a reader's first card out and puts it in again
// while nobody looks: the service, whose count the caller has as 0, calls that
// no change.
func TestFirstPlugIsSeen(t *testing.T) {
	const first, second = scard.StatePresent, scard.StatePresent | 2<<16
	readers := func(state scard.StateFlag) []scard.ReaderState {
		return []scard.ReaderState{{Reader: "Yubico YubiKey 00 00", CurrentState: state}, {Reader: pnp, CurrentState: 1}}
	}
	s := &service{state: second}
	if err := s.GetStatusChange(readers(first), time.Minute); err != scard.ErrTimeout {
		t.Fatalf("the service itself: %v, want a time-out", err)
	}
	s.waits = nil
	states := readers(first)
	if err := awaitChange(s, states); err != nil || generation(states[0].EventState) != 2 {
		t.Errorf("the card that is back: %v, %+v", err, states[0])
	}
	if len(s.waits) != 2 || s.waits[0] != lookSoon || s.waits[1] != 0 {
		t.Errorf("waits of %v", s.waits)
	}
	if states[1].CurrentState != 1 {
		t.Errorf("the list of readers is taken for unknown: %+v", states[1])
	}
	s.waits = nil
	if err := awaitChange(s, readers(second)); err != nil || s.waits[0] != lookAgain {
		t.Errorf("a card that is counted: %v after waits of %v", err, s.waits)
	}
	none := readers(first)[1:]
	if err := awaitChange(s, none); err != scard.ErrTimeout {
		t.Errorf("no readers: %v", err)
	}
}
