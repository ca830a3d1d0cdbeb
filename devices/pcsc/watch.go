//go:build pcsc && (cgo || windows)

package pcsc

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/ebfe/scard"

	"github.com/fob-auth/fob/devices"
	"github.com/fob-auth/fob/devices/internal/follow"
)

const (
	// lookAgain is how long the service may be asked to wait for a change, and
	// lookSoon how long where it may miss one.
	lookAgain = 5 * time.Second
	lookSoon  = time.Second
	// firstRetry and lastRetry are the waits between two tries to reach a
	// service that isn't there: doubled each time, up to the last.
	firstRetry = 100 * time.Millisecond
	lastRetry  = 2 * time.Second
)

// pnp is the reader whose changes are those of the list of readers.
const pnp = `\\?PnP?\Notification`

var _ devices.Driver = (*Driver)(nil)

// Watch reports the YubiKeys in the service's readers. While the service is
// gone the set is empty. It returns ctx's error once ctx ends, and nothing
// else ends it.
func (d *Driver) Watch(ctx context.Context, out chan<- []devices.Slot) error {
	return follow.Watch(ctx, out, follow.Retry{First: firstRetry, Last: lastRetry}, d.follow)
}

// follow sends what one connection to the service shows until that breaks, and
// reports whether it showed anything.
func (d *Driver) follow(ctx context.Context, s *follow.Sender) (came bool) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	sets := make(chan []devices.Slot)
	go d.watchReaders(ctx, sets)
	var cards []devices.Slot
	for {
		select {
		case set, ok := <-sets:
			if !ok {
				return came
			}
			cards, came = set, true
		case <-d.changed:
		case <-ctx.Done():
			return came
		}
		if came && !s.Send(ctx, d.tokens(cards)) {
			return came
		}
	}
}

// watchReaders sends the set of YubiKeys, at once and with each change, until
// the service is lost or ctx ends, and then closes sets. It is the worker that
// waits in the PC/SC library.
func (d *Driver) watchReaders(ctx context.Context, sets chan<- []devices.Slot) {
	defer close(sets)
	service, err := scard.EstablishContext()
	if err != nil {
		return
	}
	// Nothing can be done about a service that doesn't let go.
	defer func() { _ = service.Release() }()
	// A wait that this misses ends by itself.
	defer context.AfterFunc(ctx, func() { _ = service.Cancel() })()
	send := func(states []scard.ReaderState) {
		select {
		case sets <- d.yubiKeys(states):
		case <-ctx.Done():
		}
	}
	var names []string
	var states []scard.ReaderState
	for first := true; ctx.Err() == nil; first = false {
		now, err := service.ListReaders()
		if err != nil && !errors.Is(err, scard.ErrNoReadersAvailable) {
			return
		}
		if first || !slices.Equal(now, names) {
			names, states = now, unaware(now)
			d.noteReaders(names)
			if len(names) == 0 {
				send(nil) // there is no state whose news would say so
			}
		}
		err = awaitChange(service, states)
		d.crowd.look(d.now())
		switch {
		case errors.Is(err, scard.ErrTimeout), errors.Is(err, scard.ErrUnknownReader):
			continue
		case err != nil:
			return
		}
		for i := range states {
			states[i].CurrentState = states[i].EventState &^ scard.StateChanged
		}
		send(states)
	}
}

// changes is the part of the service that tells of changes.
type changes interface {
	GetStatusChange(states []scard.ReaderState, wait time.Duration) error
}

// awaitChange waits for a change of the readers for some time, and then looks
// at them afresh: pcsc-lite compares the count of a reader's insertions and
// removals only where the caller's isn't 0 (SCardGetStatusChange,
// winscard_clnt.c), so a busy machine may not see that a reader's first card
// was out for a moment.
func awaitChange(service changes, states []scard.ReaderState) error {
	wait := lookAgain
	if slices.ContainsFunc(states, func(s scard.ReaderState) bool {
		return s.CurrentState&scard.StatePresent != 0 && generation(s.CurrentState) == 0
	}) {
		wait = lookSoon
	}
	err := service.GetStatusChange(states, wait)
	if !errors.Is(err, scard.ErrTimeout) {
		return err
	}
	for i := range states {
		if states[i].Reader != pnp {
			states[i].CurrentState = scard.StateUnaware
		}
	}
	return service.GetStatusChange(states, 0)
}

// unaware are readers whose states are news, whatever they are, and the one for
// changes of the list.
func unaware(names []string) []scard.ReaderState {
	states := make([]scard.ReaderState, 0, len(names)+1)
	for _, name := range append(slices.Clone(names), pnp) {
		states = append(states, scard.ReaderState{Reader: name, CurrentState: scard.StateUnaware})
	}
	return states
}

// yubiKeys are the slots with a YubiKey that answers.
func (d *Driver) yubiKeys(states []scard.ReaderState) []devices.Slot {
	var set []devices.Slot
	for _, s := range states {
		if answers(s.EventState) && isYubiKey(s.Reader, s.Atr) {
			set = append(set, d.slot(s.Reader, s.EventState))
		}
	}
	return set
}

// noteReaders takes note of the readers that are there.
func (d *Driver) noteReaders(names []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, name := range names {
		if !slices.Contains(d.here, name) {
			d.came[name]++
		}
	}
	d.here = names
}

// slot is the place of a card.
func (d *Driver) slot(reader string, state scard.StateFlag) devices.Slot {
	return devices.Slot{Driver: Name, Path: reader, Generation: d.generation(reader, state), Emulated: emulated()}
}

// generation tells apart the cards that were in a reader, one after the other.
// pcsc-lite counts a reader's insertions and removals in the upper half of its
// state; one that comes back, as a YubiKey on USB does, begins anew.
func (d *Driver) generation(reader string, state scard.StateFlag) uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.came[reader]<<16 | generation(state)
}

// generation is pcsc-lite's count.
func generation(state scard.StateFlag) uint64 { return uint64(state >> 16) }
