package fob

import (
	"time"

	"github.com/fob-auth/fob/firmware/fob/line"
)

// WipeHold is how long the button must be held to make the fob forget its
// seed.
const WipeHold = 10 * time.Second

// A hold is a button that is held down.
type hold struct {
	down bool
	from time.Duration // since the fob started
	done bool          // it was long enough, and did what it does
}

// Down is the button, pressed and not yet let go. Held for WipeHold it wipes
// the fob.
func (f *Fob) Down() []byte {
	out := f.Tick()
	if !f.hold.down {
		f.hold = hold{down: true, from: f.elapsed()}
	}
	return out
}

// Up is the button, let go. A code request that waits gets its code; otherwise
// the press is an event. A press that wiped the fob is no other press.
func (f *Fob) Up() []byte {
	out := f.Tick()
	last := f.hold
	f.hold = hold{}
	if !last.down || last.done {
		return out
	}
	f.presses++
	if f.wait.on {
		f.wait.on = false
		return f.giveCode(out, f.wait.seq)
	}
	f.events++
	return send(out, line.PressFrame(f.events, f.presses))
}

// Press is the button, pressed and let go: Down and Up.
func (f *Fob) Press() []byte { return append(f.Down(), f.Up()...) }

// tickHold wipes the fob once the button was held long enough.
func (f *Fob) tickHold(out []byte) []byte {
	if !f.hold.down || f.hold.done || f.elapsed()-f.hold.from < WipeHold {
		return out
	}
	f.hold.done = true
	return f.wipe(out)
}

// wipe makes the fob unprovisioned. It has forgotten its seed even where the
// board fails to, until it starts anew.
func (f *Fob) wipe(out []byte) []byte {
	out = f.endWait(out, line.FailCancelled)
	clear(f.record.seed)
	f.record, f.state = record{model: DefaultModel}, unprovisioned
	f.lines = line.Splitter{} // may hold a seed that was set
	if err := f.hw.Store(nil); err != nil {
		f.state = damaged
		return f.refuse(out, 0, line.VerbLine, line.FailFault)
	}
	f.events++
	return send(out, line.WipedFrame(f.events))
}
