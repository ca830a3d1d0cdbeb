//go:build pcsc && (cgo || windows)

package pcsc

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/ebfe/scard"

	"github.com/fob-auth/fob/devices"
	"github.com/fob-auth/fob/devices/oath"
)

const (
	// busyPatience is how long a card that others hold is asked for, unless
	// the caller's deadline comes first.
	busyPatience = 8 * time.Second
	// guestPatience is how much of that goes by before an operation goes
	// between those of a program that shares the card and stays connected; one
	// that is known to have been there for so long isn't waited for.
	guestPatience = 4 * time.Second
	// arrival is how long after it came to the service a program may connect
	// to the card at any moment.
	arrival = 500 * time.Millisecond
	// maxPause is the longest pause between two tries.
	maxPause = 4 * time.Millisecond
	// endPatience bounds the end of a transaction.
	endPatience = 5 * time.Second
)

// Open reads what the YubiKey in slot s is. A card that has no OATH applet, or
// no serial number, is no token: it is devices.ErrUnsupported, and Watch
// reports it no more.
func (d *Driver) Open(ctx context.Context, s devices.Slot) (devices.Token, error) {
	s.Emulated = emulated()
	c := &channel{driver: d, slot: s, lane: d.enter(s.Path), gone: make(chan struct{})}
	err := c.lane.run(ctx, c.gone, c.establish, c.release)
	if err != nil {
		c.Close()
		return nil, &devices.Error{Op: "open", Token: s.Path, Err: err}
	}
	t := devices.Transport(c)
	if d.Tap != nil {
		t = d.Tap(t, s)
	}
	token, err := oath.Open(ctx, t, s)
	if err != nil {
		t.Close()
		if errors.Is(err, devices.ErrUnsupported) {
			d.disown(s)
		}
		return nil, err
	}
	return &key{Key: token, channel: c}, nil
}

// A channel is a devices.Transport to the card in a slot. It is connected
// within a transaction alone, so that other programs may have the card for
// themselves between two.
type channel struct {
	driver *Driver
	slot   devices.Slot
	lane   *lane
	once   sync.Once
	gone   chan struct{} // closed by Close

	// What follows is the lane's.
	service *scard.Context // nil before establish and after release
	eye     eye
	card    *scard.Card // nil outside a transaction
	// guest says that a program stays connected to the card whatever one
	// waits, where the crowd can't be seen.
	guest bool
}

func (c *channel) establish() (err error) {
	service, err := scard.EstablishContext()
	if err != nil {
		return meaning(err)
	}
	if c.eye, err = openEye(); err != nil {
		_ = service.Release()
		return meaning(err)
	}
	c.service = service
	return nil
}

// release lets go of everything. It does so once.
func (c *channel) release() {
	_ = c.disconnect()
	if c.service != nil {
		c.eye.close()
		_ = c.service.Release()
		c.service = nil
	}
}

// errGuest says that another program is connected to the card.
var errGuest = fmt.Errorf("%w: it is in use", devices.ErrBusy)

// Begin connects to the card and keeps other programs off it until end is
// called. One that has the card for itself is waited for until ctx ends or for
// eight seconds, whichever is first; then the error is devices.ErrBusy.
func (c *channel) Begin(ctx context.Context) (end func() error, err error) {
	if err := c.persist(ctx, c.connect); err != nil {
		return nil, err
	}
	return c.end, nil
}

// persist tries again and again, on the lane, while the card is busy with
// others.
func (c *channel) persist(ctx context.Context, try func(patient bool) error) error {
	begun := c.driver.now()
	var busy error // as the last try found
	for {
		patient := c.driver.now().Sub(begun) < guestPatience
		err := c.lane.run(ctx, c.gone, func() error { return try(patient) }, c.abandon)
		if err == nil {
			return nil
		}
		if busy != nil && ctx.Err() != nil && errors.Is(err, ctx.Err()) {
			// The try that was under way undoes itself, on the lane.
			return overdue(ctx, busy)
		}
		if !errors.Is(err, devices.ErrBusy) {
			return c.failed(err)
		}
		busy = err
		// Not in step with another program that tries too.
		pause := time.NewTimer(maxPause/4 + rand.N(maxPause*3/4))
		select {
		case <-pause.C:
		case <-c.gone:
			pause.Stop()
			return devices.ErrRemoved
		case <-ctx.Done():
			pause.Stop()
			return overdue(ctx, busy)
		}
		if c.driver.now().Sub(begun) > busyPatience {
			return held(busy)
		}
	}
}

// overdue is the error of a caller who left, or whose deadline came, while
// others held the card.
func overdue(ctx context.Context, busy error) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return held(busy)
	}
	return ctx.Err()
}

// connect connects to the card that the slot was reported with and begins a
// transaction. A patient one leaves a card alone that a program is connected to
// which may go soon.
//
// The OATH applet can't be selected without ending what others have open on the
// card: that much is the card's. PC/SC's way to tell them is a reset. A program
// that stays connected then learns of it at its next step, selects its applet
// anew and, where it kept the PIN, logs in again. Without, its next command
// would go to an applet that it doesn't expect, or find its PIN forgotten.
func (c *channel) connect(patient bool) error {
	state, _, err := c.eye.look(c.slot.Path)
	switch {
	case err != nil:
		return meaning(err)
	case state&scard.StatePresent == 0 || c.slot.Generation != c.driver.generation(c.slot.Path, state):
		return devices.ErrRemoved
	}
	shared := state&scard.StateInuse != 0
	if c.visited(shared, patient) {
		return errGuest
	}
	card, err := c.service.Connect(c.slot.Path, scard.ShareShared, protocols)
	if errors.Is(err, scard.ErrUnpoweredCard) {
		card, err = c.wake()
	}
	if err != nil {
		return meaning(err)
	}
	c.card = card
	err = card.BeginTransaction()
	if errors.Is(err, scard.ErrResetCard) { // by its last user, just now
		err = fmt.Errorf("%w: it was reset", devices.ErrBusy)
	}
	if err == nil && patient && c.came(arrival) {
		// It may have begun between the look and the transaction.
		err = errGuest
	}
	if err == nil && shared {
		err = card.Reconnect(scard.ShareShared, protocols, scard.ResetCard)
	}
	if err == nil && card.ActiveProtocol()&protocols == 0 {
		err = devices.ErrRemoved // as it was reset; the library panics at what has no protocol
	}
	if err != nil {
		_ = c.disconnect()
		return meaning(err)
	}
	return nil
}

// wake gives a card its power back that one program switched off while another
// stayed connected: pcsc-lite then connects nobody until all have gone, but to
// the reader.
func (c *channel) wake() (*scard.Card, error) {
	card, err := c.service.Connect(c.slot.Path, scard.ShareDirect, scard.ProtocolUndefined)
	if err != nil {
		return nil, err
	}
	if err := card.Reconnect(scard.ShareShared, protocols, scard.ResetCard); err != nil {
		_ = card.Disconnect(scard.LeaveCard)
		return nil, err
	}
	return card, nil
}

// protocols are those that a card is spoken to with.
const protocols = scard.ProtocolT0 | scard.ProtocolT1

// visited says whether a card that is in use or not had better be left alone.
func (c *channel) visited(shared, patient bool) bool {
	if !shared || !patient {
		c.guest = shared
		return false
	}
	came, known := c.driver.crowd.visited(c.driver.now(), guestPatience)
	if !known {
		return !c.guest
	}
	return came
}

// came says whether a program came to the service in the last moments.
func (c *channel) came(recent time.Duration) bool {
	came, _ := c.driver.crowd.visited(c.driver.now(), recent)
	return came
}

// end ends the transaction.
func (c *channel) end() error {
	ctx, cancel := context.WithTimeout(context.Background(), endPatience)
	defer cancel()
	return c.failed(c.lane.run(ctx, c.gone, c.disconnect, c.abandon))
}

// disconnect lets the card go.
func (c *channel) disconnect() error {
	if c.card == nil {
		return nil
	}
	card := c.card
	c.card = nil
	// The connection ends with its transaction whatever becomes of that.
	_ = card.EndTransaction(scard.LeaveCard)
	return meaning(card.Disconnect(scard.LeaveCard))
}

// abandon is what follows a call that nobody waits for any more.
func (c *channel) abandon() { _ = c.disconnect() }

// Transmit sends one command within a transaction. Where ctx ends first the
// channel is of no more use: the card goes on with the command, and is let go
// when it is done.
func (c *channel) Transmit(ctx context.Context, cmd []byte) ([]byte, error) {
	if len(cmd) == 0 {
		return nil, fmt.Errorf("%w: an empty command", devices.ErrUnsupported)
	}
	sent := append([]byte(nil), cmd...) // the caller may wipe his
	answer := make(chan []byte, 1)      // and may be gone when it comes
	err := c.lane.run(ctx, c.gone, func() error {
		defer clear(sent)
		if c.card == nil {
			return devices.ErrRemoved
		}
		got, err := c.card.Transmit(sent)
		switch {
		case err != nil:
			return meaning(err)
		case len(got) == 0:
			return fmt.Errorf("%w: no answer", devices.ErrRemoved) // some readers say so
		}
		answer <- got
		return nil
	}, c.abandon)
	if err != nil {
		return nil, c.failed(err)
	}
	return <-answer, nil
}

// failed closes a channel whose call was given up or whose card is gone, and
// gives err back.
func (c *channel) failed(err error) error {
	if err != nil && !errors.Is(err, devices.ErrBusy) {
		c.Close()
	}
	return err
}

// Close lets the card go, once no call is under way. A Transmit under way ends
// with devices.ErrRemoved.
func (c *channel) Close() error {
	c.once.Do(func() {
		close(c.gone)
		c.lane.owe(c.release)
		go func() {
			c.lane.turn <- struct{}{}
			c.lane.settle()
			<-c.lane.turn
			c.driver.leave(c.slot.Path, c.lane)
		}()
	})
	return nil
}
