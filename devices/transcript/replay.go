package transcript

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/fob-auth/fob/devices"
	"github.com/fob-auth/fob/devices/oath"
)

// ErrUnexpected says that a driver sent a command that isn't the recorded one,
// or opened the token once more than was recorded.
var ErrUnexpected = errors.New("not in the transcript")

// Name is the driver's name in the slots it reports.
const Name = "transcript"

// The events that a replay knows of itself.
const (
	EventUnplug = "unplug"
	EventPlug   = "plug"
)

// A Replay is a driver with one token, which answers from recorded sessions:
// each opening takes the next one. A command that isn't the recorded one is
// [ErrUnexpected], and so is all that comes after it in that session. Its
// tokens are emulated ones.
type Replay struct {
	slot string

	mu       sync.Mutex
	sessions []Session // that are still to come
	plugs    uint64
	plugged  bool
	gone     chan struct{} // closed when the token is unplugged
	waiting  []*wait
	changed  chan struct{} // closed by the next change of all this
}

var _ devices.Driver = (*Replay)(nil)

// A wait is a command that waits for an event; one without a name waits for its
// caller to give up.
type wait struct {
	event string
	came  chan struct{}
}

// NewReplay is a driver whose one token, in a slot called by path, is plugged
// in.
func NewReplay(path string, sessions []Session) *Replay {
	return &Replay{slot: path, sessions: slices.Clone(sessions), plugged: true,
		gone: make(chan struct{}), changed: make(chan struct{})}
}

// change does f, which alters the replay, and tells.
func (r *Replay) change(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f()
	close(r.changed)
	r.changed = make(chan struct{})
}

// Unplug takes the token out.
func (r *Replay) Unplug() {
	r.Happen(EventUnplug)
	r.change(func() {
		if r.plugged {
			r.plugged = false
			close(r.gone)
		}
	})
}

// Plug puts it back.
func (r *Replay) Plug() {
	r.Happen(EventPlug)
	r.change(func() {
		if !r.plugged {
			r.plugged, r.gone = true, make(chan struct{})
			r.plugs++
		}
	})
}

// Happen does what was recorded by that name, for a command that waits for it.
func (r *Replay) Happen(event string) {
	r.change(func() {
		for _, w := range r.waiting {
			if w.event == event {
				close(w.came)
				w.event = ""
			}
		}
	})
}

// Waiting returns once a command waits for something to happen; the error is
// ctx's.
func (r *Replay) Waiting(ctx context.Context) error {
	for {
		r.mu.Lock()
		n, changed := len(r.waiting), r.changed
		r.mu.Unlock()
		if n > 0 {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Watch reports the token while it is plugged in.
func (r *Replay) Watch(ctx context.Context, out chan<- []devices.Slot) error {
	var last []devices.Slot
	for first := true; ; first = false {
		r.mu.Lock()
		set, changed := r.slots(), r.changed
		r.mu.Unlock()
		if first || !slices.Equal(set, last) {
			select {
			case out <- slices.Clone(set):
				last = set
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (r *Replay) slots() []devices.Slot {
	if !r.plugged {
		return nil
	}
	return []devices.Slot{{Driver: Name, Path: r.slot, Generation: r.plugs, Emulated: true}}
}

// Open opens the token with the next recorded session.
func (r *Replay) Open(ctx context.Context, s devices.Slot) (devices.Token, error) {
	p, err := r.next(ctx, s)
	if err != nil {
		return nil, &devices.Error{Op: "open", Token: s.Path, Err: err}
	}
	s.Emulated = true
	token, err := oath.Open(ctx, p, s)
	if err != nil {
		p.Close()
		return nil, err
	}
	return token, nil
}

func (r *Replay) next(ctx context.Context, s devices.Slot) (devices.Transport, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case !r.plugged || s.Path != r.slot:
		return nil, devices.ErrRemoved
	case len(r.sessions) == 0:
		return nil, fmt.Errorf("%w: no session is left", ErrUnexpected)
	}
	p := &player{replay: r, gone: r.gone, closed: make(chan struct{}), lines: r.sessions[0].Lines}
	r.sessions = r.sessions[1:]
	return p, nil
}

// Transport is the card alone, with the next recorded session.
func (r *Replay) Transport() (devices.Transport, error) {
	return r.next(context.Background(), devices.Slot{Path: r.slot})
}
