package serialfob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fob-auth/fob/devices"
	"github.com/fob-auth/fob/firmware/fob/line"
)

const (
	// closeWithin is how long Close waits for the goroutines of a port.
	closeWithin = time.Second
	// pause keeps a port that returns nothing at once from spinning.
	pause = 2 * time.Millisecond
)

// A wire is an open port with the goroutine that reads it and the one that
// writes to it. The last of them closes the port: a Close from outside would
// block behind a call that hangs.
type wire struct {
	port  Port
	in    chan received
	out   chan []byte
	stop  chan struct{} // closed by Close
	gone  chan struct{} // closed when the line was hung up
	done  chan struct{} // closed when the port is closed
	last  []byte        // written before the wire ends; set before stop is closed
	users atomic.Int32

	stopOnce, goneOnce sync.Once
}

// received is a line that came, or why it is none.
type received struct {
	raw []byte
	err error
}

func newWire(p Port) *wire {
	w := &wire{
		port: p,
		in:   make(chan received),
		out:  make(chan []byte, 1),
		stop: make(chan struct{}),
		gone: make(chan struct{}),
		done: make(chan struct{}),
	}
	w.users.Store(2)
	go w.read()
	go w.write()
	return w
}

func (w *wire) read() {
	defer w.leave()
	var lines line.Splitter
	buf := make([]byte, 512)
	for {
		n, err := w.port.Read(buf)
		if !w.deliver(&lines, buf[:max(0, n)]) {
			return
		}
		switch {
		case n > 0:
			continue
		case w.port.Gone() || err != nil && !errors.Is(err, io.EOF):
			w.hangUp()
			return
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-w.stop:
			timer.Stop()
			return
		case <-w.gone:
			timer.Stop()
			return
		}
	}
}

// deliver hands on the lines that a piece completes. It is false once the wire
// is closed or hung up.
func (w *wire) deliver(lines *line.Splitter, piece []byte) bool {
	for len(piece) > 0 {
		var raw []byte
		var err error
		raw, piece, err = lines.Next(piece)
		if raw == nil && err == nil {
			continue
		}
		select {
		case w.in <- received{append([]byte(nil), raw...), err}:
		case <-w.stop:
			return false
		case <-w.gone:
			return false
		}
	}
	select {
	case <-w.stop:
		return false
	default:
		return true
	}
}

func (w *wire) write() {
	defer w.leave()
	for {
		select {
		case b := <-w.out:
			if _, err := w.port.Write(b); err != nil {
				w.hangUp()
				return
			}
		case <-w.stop:
			w.finish()
			return
		case <-w.gone:
			return
		}
	}
}

// finish writes what is still to be written.
func (w *wire) finish() {
	select {
	case b := <-w.out:
		if _, err := w.port.Write(b); err != nil {
			return
		}
	default:
	}
	if len(w.last) > 0 {
		w.port.Write(w.last) // nobody is left to tell if it fails
	}
}

// put hands bytes to the port's writer. A writer that still hangs in earlier
// ones makes it errStuck.
func (w *wire) put(ctx context.Context, b []byte, late <-chan time.Time) error {
	select {
	case w.out <- b:
		return nil
	case <-late:
		return errStuck
	case <-ctx.Done():
		return ctx.Err()
	case <-w.gone:
		return devices.ErrRemoved
	case <-w.stop:
		return devices.ErrRemoved
	}
}

func (w *wire) hangUp() { w.goneOnce.Do(func() { close(w.gone) }) }

func (w *wire) leave() {
	if w.users.Add(-1) == 0 {
		w.port.Close() // what it held is released either way
		close(w.done)
	}
}

// Close ends the wire, with last as the last thing that is written. It waits
// for the port to be closed, but no longer than closeWithin: a write that hangs
// keeps the port, and its lock, until the line is hung up, and Close then says
// devices.ErrSilent.
func (w *wire) Close(last []byte) error {
	w.stopOnce.Do(func() {
		w.last = last
		close(w.stop)
	})
	timer := time.NewTimer(closeWithin)
	defer timer.Stop()
	select {
	case <-w.done:
		return nil
	case <-timer.C:
		return errStuck
	}
}

// errStuck says that a write hangs.
var errStuck = fmt.Errorf("%w: the port takes no bytes", devices.ErrSilent)
