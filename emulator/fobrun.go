package emulator

import (
	"bytes"
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/fob-auth/fob/emulator/api"
	"github.com/fob-auth/fob/emulator/clock"
	"github.com/fob-auth/fob/emulator/fault"
	"github.com/fob-auth/fob/firmware/fob"
)

// A fobRun is a fob from plugging it in to unplugging it. Whoever sits on its
// seat has the firmware for himself: the goroutine that reads the line, the
// heart, a hand.
type fobRun struct {
	fob  *serialFob
	line *fault.Line
	stay *stay
	seat chan struct{} // holds a value while somebody sits

	// What follows is for who sits.
	firmware *fob.Fob
	seen     vitals // what token knows of this start's counts
	waiting  bool   // what token knows, too

	// deaf is while the fob neither hears nor says anything: its power fails, or
	// it hangs. hung counts those times.
	deaf atomic.Bool
	hung atomic.Uint64
}

// sit waits for the seat. The error is ErrUnplugged or ctx's.
func (r *fobRun) sit(ctx context.Context) error {
	select {
	case r.seat <- struct{}{}:
	case <-r.stay.power.Done():
		return ErrUnplugged
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if r.stay.power.Err() != nil {
		r.rise()
		return ErrUnplugged
	}
	return nil
}

func (r *fobRun) rise() { <-r.seat }

// end is what comes of a cut: nobody sits any more, and the line goes.
func (r *fobRun) end() {
	defer r.fob.running.Done()
	r.fob.token.heart.remove(r)
	r.seat <- struct{}{} // and is never left: who waits on power lets it go at once
	err := r.line.Close()
	r.fob.mu.Lock()
	r.fob.lineErr = err
	r.fob.mu.Unlock()
	r.fob.token.note(func(v *vitals) { v.waiting = false })
}

// read gives the firmware what comes down the line, until the line ends.
func (r *fobRun) read() {
	defer r.fob.token.end(r.stay) // a line that broke is a fob that is gone
	buf := make([]byte, 128)
	for {
		n, err := r.line.Read(buf)
		if hung := r.hung.Load(); n > 0 && !r.deaf.Load() {
			if r.sit(context.Background()) != nil {
				return
			}
			if r.hung.Load() == hung { // else it came before the power failed
				r.take(buf[:n])
			}
			r.rise()
		}
		if err != nil {
			return
		}
	}
}

// tick lets the firmware look at its clock, unless it is busy.
func (r *fobRun) tick() {
	select {
	case r.seat <- struct{}{}:
	default:
		return
	}
	if !r.deaf.Load() && r.stay.power.Err() == nil {
		r.send(r.firmware.Tick())
	}
	r.rise()
}

// take gives bytes of the line to the firmware, up to one line end at a time,
// so that each command meets its own fault.
func (r *fobRun) take(p []byte) {
	for len(p) > 0 && r.stay.power.Err() == nil && !r.deaf.Load() {
		n := bytes.IndexAny(p, "\r\n") + 1
		if n == 0 {
			n = len(p)
		}
		hung, before := r.hung.Load(), r.firmware.Commands()
		answer := r.firmware.Input(p[:n])
		p = p[n:]
		if r.firmware.Commands() == before {
			r.send(answer)
			continue
		}
		r.answer(answer)
		if r.hung.Load() != hung {
			return // the rest came while it didn't hear
		}
	}
}

// answer sends the answer to a command, or what its fault makes of it.
func (r *fobRun) answer(answer []byte) {
	t := r.fob.token
	r.report()
	f, hit := t.nextFault()
	if !hit {
		r.send(answer)
		return
	}
	answer, err := t.spoil(f, answer)
	if err != nil {
		return // no randomness for the garbage: no answer at all
	}
	late := time.Duration(f.DelayMS) * time.Millisecond
	switch f.Kind {
	case api.FaultRemove:
		t.end(r.stay)
	case api.FaultMove:
		r.fob.move(r.stay, late)
	case api.FaultBrownOut:
		r.brownOut(context.Background(), Power{BrownOut: late}) // unplugged meanwhile is unplugged
	case api.FaultHang:
		r.send(answer)
		r.hang(late)
	default:
		delay(r.stay.power, f)
		r.send(answer)
	}
}

// hang makes the fob deaf and dumb for so long, or for as long as the power
// lasts. Nobody waits for it.
func (r *fobRun) hang(long time.Duration) {
	hung := r.hung.Add(1)
	r.deaf.Store(true)
	if long == 0 {
		return
	}
	time.AfterFunc(long, func() {
		if r.hung.Load() == hung {
			r.deaf.Store(false)
		}
	})
}

// brownOut is a supply that fails for a while. The clock stands meanwhile;
// then the firmware starts anew: what was in its memory is gone.
func (r *fobRun) brownOut(ctx context.Context, p Power) error {
	r.hung.Add(1)
	r.deaf.Store(true)
	defer r.deaf.Store(false)
	r.report()
	c := r.fob.token.clock
	stood := c.State().Frozen
	freeze := true
	if err := c.Change(clock.Change{Freeze: &freeze}); err != nil {
		return err
	}
	late := time.NewTimer(p.BrownOut)
	defer late.Stop()
	select {
	case <-late.C:
	case <-r.stay.power.Done():
	case <-ctx.Done(): // who asked is gone: the power is back at once
	}
	ch := clock.Change{Freeze: &stood}
	if p.NewBattery {
		ch.Lost = &p.NewBattery
	}
	if err := c.Change(ch); err != nil {
		return err
	}
	firmware, err := r.fob.boot()
	if err != nil {
		r.fob.token.end(r.stay)
		return fmt.Errorf("starting anew: %w", err)
	}
	r.firmware, r.seen = firmware, vitals{}
	r.report()
	return nil
}

// send puts bytes on the line; one that fails takes the fob with it. The counts
// are brought up first: whoever has an answer finds it counted.
func (r *fobRun) send(p []byte) {
	r.report()
	if len(p) == 0 || r.stay.power.Err() != nil {
		return
	}
	if _, err := r.line.Write(p); err != nil {
		r.fob.token.end(r.stay)
	}
}

func (r *fobRun) press() error {
	if r.deaf.Load() || !r.firmware.Waiting() {
		return ErrNotWaiting
	}
	r.send(r.firmware.Press())
	return nil
}

// button moves the button, for a fob that feels it.
func (r *fobRun) button(move func() []byte) {
	if !r.deaf.Load() {
		r.send(move())
	}
}

// report brings the token's serial number and counts up to the firmware's, which start at zero
// with each start.
func (r *fobRun) report() {
	r.fob.named(r.firmware.Serial())
	now := vitals{
		presses:  r.firmware.Presses(),
		commands: r.firmware.Commands(),
		codes:    r.firmware.Codes(),
	}
	seen := r.seen
	waiting := r.firmware.Waiting()
	if now == seen && waiting == r.waiting {
		return
	}
	r.seen, r.waiting = now, waiting
	r.fob.token.note(func(v *vitals) {
		v.presses += now.presses - seen.presses
		v.commands += now.commands - seen.commands
		v.codes += now.codes - seen.codes
		v.waiting = waiting
	})
}
