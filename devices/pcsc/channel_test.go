//go:build pcsc && (cgo || windows)

package pcsc

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fob-auth/fob/devices"
)

// startChannel is a channel of a driver whose clock shows at, beside the programs
// that are there.
func startChannel(there ...connection) (c *channel, at *time.Time) {
	at = new(time.Time)
	*at = time.Unix(0, 0).Add(time.Hour)
	d := New()
	d.now = func() time.Time { return *at }
	ours := connection{1, 101}
	d.crowd = &crowd{
		list: func() ([]connection, error) { return append(there, ours), nil },
		ours: func() map[uint32]bool { return map[uint32]bool{ours.client: true} },
	}
	return &channel{driver: d, lane: d.enter("reader"), gone: make(chan struct{})}, at
}

// TestPatienceEnds: a card that is in use is asked for patiently at first, then
// without, and then no more.
func TestPatienceEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, at := startChannel()
		var patient []bool
		err := c.persist(t.Context(), func(p bool) error {
			patient = append(patient, p)
			*at = at.Add(time.Second)
			return errGuest
		})
		if !errors.Is(err, devices.ErrBusy) {
			t.Errorf("the end: %v", err)
		}
		for i, p := range patient {
			if p != (i < int(guestPatience/time.Second)) {
				t.Errorf("after %d s: patient %v", i, p)
			}
		}
		if len(patient) != int(busyPatience/time.Second)+1 {
			t.Errorf("%d tries", len(patient))
		}
	})
}

// TestDeadlineAtABusyCard: who wants no longer to wait for a card that others
// hold is told so, at whatever moment of the trying that is, and the channel
// stays of use.
func TestDeadlineAtABusyCard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := startChannel()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var tries atomic.Int32
		hung := make(chan struct{})
		err := c.persist(ctx, func(bool) error {
			if tries.Add(1) > 1 {
				<-hung
			}
			return errGuest
		})
		if !errors.Is(err, devices.ErrBusy) || tries.Load() != 2 {
			t.Errorf("%v after %d tries", err, tries.Load())
		}
		close(hung)
		if err := c.persist(t.Context(), func(bool) error { return nil }); err != nil {
			t.Errorf("the next one: %v", err)
		}
	})
}

// TestGuestsAreWaitedFor: one that came just now may be about to connect; one
// that stays is waited for as long as it may yet go, and one that has been there
// for that long isn't.
func TestGuestsAreWaitedFor(t *testing.T) {
	c, at := startChannel(connection{2, 202})
	for _, step := range []struct {
		after         time.Duration
		came, visited bool
	}{
		{0, true, true},
		{arrival - 1, true, true},
		{1, false, true},
		{guestPatience - arrival - 1, false, true},
		{1, false, false},
	} {
		*at = at.Add(step.after)
		if came, visited := c.came(arrival), c.visited(true, true); came != step.came || visited != step.visited {
			t.Errorf("%v after its coming: came %v, visited %v", at.Sub(time.Unix(0, 0).Add(time.Hour)), came, visited)
		}
		if c.visited(true, false) || c.visited(false, true) {
			t.Error("waited without patience, or for nobody")
		}
	}
}
