package pcsc

import (
	"context"
	"fmt"
	"sync"

	"github.com/fob-auth/fob/devices"
)

// A lane lets one call at a time into the PC/SC library for a reader. A call
// that hangs holds up those behind it, and nobody waits longer than he wants.
type lane struct {
	turn  chan struct{}
	users int // guarded by the driver's mu

	mu sync.Mutex
	// due is what goes before any other call: letting go of a card that the
	// next one would wait for, and not come back.
	due []func()
}

// owe has f done at the lane's next turn, whoever's that is.
func (l *lane) owe(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.due = append(l.due, f)
}

// settle does what is due. It runs within a turn.
func (l *lane) settle() {
	l.mu.Lock()
	due := l.due
	l.due = nil
	l.mu.Unlock()
	for _, f := range due {
		f()
	}
}

// enter takes a lane for a reader, and leave gives it back.
func (d *Driver) enter(reader string) *lane {
	d.mu.Lock()
	defer d.mu.Unlock()
	l, ok := d.lanes[reader]
	if !ok {
		l = &lane{turn: make(chan struct{}, 1)}
		d.lanes[reader] = l
	}
	l.users++
	return l
}

func (d *Driver) leave(reader string, l *lane) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if l.users--; l.users == 0 {
		delete(d.lanes, reader)
	}
}

// run runs call on a goroutine of its own and waits until it is done, ctx ends
// or gone is closed. In the last two cases undo follows the call, whenever that
// returns; the error is ctx's, or devices.ErrRemoved.
func (l *lane) run(ctx context.Context, gone <-chan struct{}, call func() error, undo func()) error {
	select {
	case <-gone:
		return devices.ErrRemoved
	default:
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case l.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	case <-gone:
		return devices.ErrRemoved
	}
	done, left := make(chan error), make(chan struct{})
	go func() {
		defer func() { <-l.turn }()
		l.settle()
		err := contain(call)
		select {
		case done <- err:
		case <-left:
			undo()
		}
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		close(left)
		return ctx.Err()
	case <-gone:
		close(left)
		return devices.ErrRemoved
	}
}

// contain turns a panic of a library into an error.
func contain(call func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: PC/SC library failed: %v", devices.ErrAnswer, p)
		}
	}()
	return call()
}
