package fob

import (
	"time"

	"github.com/fob-auth/fob/firmware/fob/line"
	"github.com/fob-auth/fob/firmware/otp"
)

// Patience is how long a code request waits for the button.
const Patience = 15 * time.Second

// A wait is a code request that waits for the button.
type wait struct {
	on   bool
	seq  uint16        // of the request
	from time.Duration // since the fob started
}

// code gives the present code, at once or after a press. The same request
// sent again is told again that it waits; a newer one takes its place, so that
// a host that started anew isn't held up by what it asked before.
func (f *Fob) code(out []byte, req line.Frame) []byte {
	if f.options.Button == ButtonAuto {
		return f.giveCode(out, req.Seq)
	}
	if why := f.withheld(); why != nil {
		return send(out, why.Frame(req.Seq))
	}
	if f.wait.on && req.Seq != f.wait.seq {
		out = f.endWait(out, line.FailSuperseded)
	}
	now := f.elapsed()
	if !f.wait.on {
		f.wait = wait{on: true, seq: req.Seq, from: now}
	}
	return send(out, line.Wait{For: Patience - (now - f.wait.from)}.Frame(req.Seq))
}

// endWait refuses the code request that waits, if there is one.
func (f *Fob) endWait(out []byte, why line.FailureCode) []byte {
	if !f.wait.on {
		return out
	}
	f.wait.on = false
	return f.refuse(out, f.wait.seq, line.VerbCode, why)
}

// tickWait ends a wait for the button that lasted too long.
func (f *Fob) tickWait(out []byte) []byte {
	// A clock that was set back would make the wait last for hours.
	waited := f.elapsed() - f.wait.from
	if waited >= 0 && waited < Patience {
		return out
	}
	return f.endWait(out, line.FailTimeout)
}

func (f *Fob) cancel(out []byte, req line.Frame) []byte {
	if !f.wait.on {
		return f.refuse(out, req.Seq, line.VerbCancel, line.FailIdle)
	}
	out = f.endWait(out, line.FailCancelled)
	return send(out, line.CancelledFrame(req.Seq))
}

// withheld is why the fob gives no code now; nil if it does.
func (f *Fob) withheld() *line.FailureError {
	why := &line.FailureError{Verb: line.VerbCode}
	_, usable := f.usableTime()
	switch {
	case f.state == unprovisioned:
		why.Code = line.FailUnprovisioned
	case f.state == damaged:
		why.Code = line.FailFault
	case !usable:
		why.Code = line.FailClock
	case f.tooSoon() > 0:
		why.Code, why.After = line.FailRate, f.tooSoon()
	default:
		return nil
	}
	return why
}

// tooSoon is how long the next code must wait for the rate limit: a leaky
// bucket that holds the codes of a minute. nextDue is when it will be empty.
func (f *Fob) tooSoon() time.Duration {
	price := f.codePrice()
	if price == 0 {
		return 0
	}
	now := f.elapsed()
	// Only a clock that jumped leaves these bounds.
	f.nextDue = min(max(f.nextDue, now), now+time.Minute)
	return f.nextDue + price - now - time.Minute
}

// codePrice is how long a code keeps the bucket from emptying; 0 without a
// limit.
func (f *Fob) codePrice() time.Duration {
	if f.options.CodesPerMinute <= 0 {
		return 0
	}
	return time.Minute / time.Duration(f.options.CodesPerMinute)
}

// giveCode sends the code of the present step, or why there is none.
func (f *Fob) giveCode(out []byte, seq uint16) []byte {
	if why := f.withheld(); why != nil {
		return send(out, why.Frame(seq))
	}
	now := f.hw.Now()
	step := otp.Step(now, Period)
	digits, err := otp.HOTP(otp.SHA1, f.record.seed, step, Digits)
	if err != nil {
		return f.refuse(out, seq, line.VerbCode, line.FailFault)
	}
	f.codes++
	f.nextDue += f.codePrice()
	into := now.Sub(time.Unix(int64(step)*int64(Period/time.Second), 0))
	return send(out, line.Code{Digits: digits, Step: step, Period: Period, Into: into}.Frame(seq))
}
