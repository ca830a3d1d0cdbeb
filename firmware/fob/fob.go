package fob

import (
	"time"

	"github.com/fob-auth/fob/firmware/fob/line"
)

// The code's parameters, those of an AWS hardware TOTP token.
const (
	Digits = 6
	Period = 30 * time.Second
)

// A Button says what the fob's button is for, beside wiping the fob.
type Button int

const (
	// ButtonAuto: codes are given without a press.
	ButtonAuto Button = iota
	// ButtonManual: each code waits for a press.
	ButtonManual
)

// Options are the settings of a fob.
type Options struct {
	// Button is ButtonAuto if zero.
	Button Button
	// CodesPerMinute is how many codes the fob gives per minute, and how many
	// at once after a pause; 0 is no limit. A board that leaves the house
	// should have one: what computing a code gives away of the seed, by power
	// or by radio, it gives away a little at each code.
	CodesPerMinute int
}

// A Fob is one running fob. Its methods must not be called at the same time.
type Fob struct {
	hw Hardware
	powers
	options Options
	state   state
	record  record // of a sealed fob; what the factory has set so far of a new one
	booted  time.Time
	lines   line.Splitter
	wait    wait
	hold    hold
	said    said
	nextDue time.Duration // rate limit: when the codes given are paid off
	events  uint16        // events sent, modulo 65536
	counts
}

// A state is what a fob has in its memory.
type state int

const (
	unprovisioned state = iota
	sealed
	damaged
)

// counts count since the fob started.
type counts struct {
	presses, codes, commands uint64
}

// New starts a fob from its stored record; without one it is unprovisioned.
// The error is the hardware's own, or ErrDamaged. Of the latter, and of no
// other, the fob that comes with it runs all the same: it gives no codes, but
// answers, and its button can wipe it.
func New(hw Hardware, o Options) (*Fob, error) {
	f := &Fob{hw: hw, powers: powersOf(hw), options: o, booted: hw.Now()}
	err := f.load()
	if err != nil && err != ErrDamaged {
		return nil, err
	}
	return f, err
}

// load takes up what is stored.
func (f *Fob) load() error {
	stored, err := f.hw.Load()
	if err != nil {
		return err
	}
	f.record, f.state = record{model: DefaultModel}, unprovisioned
	if len(stored) == 0 {
		return nil
	}
	r, err := decodeRecord(stored)
	if err != nil {
		f.state = damaged
		return err
	}
	f.record, f.state = r, sealed
	return nil
}

// Sealed says that the fob has its seed.
func (f *Fob) Sealed() bool { return f.state == sealed }

// Serial is the serial number, "" of a fob that isn't sealed.
func (f *Fob) Serial() string {
	if f.state != sealed {
		return ""
	}
	return f.record.serial
}

// Waiting says that a code request waits for the button.
func (f *Fob) Waiting() bool { return f.wait.on }

// Presses counts the presses of the button since the fob started.
func (f *Fob) Presses() uint64 { return f.presses }

// Codes counts the codes given since the fob started.
func (f *Fob) Codes() uint64 { return f.codes }

// Commands counts the requests read since the fob started, refused ones
// included; lines that are no request don't count.
func (f *Fob) Commands() uint64 { return f.commands }

// Input takes bytes from the line, cut anywhere, and returns what to send:
// nothing until a line ends, then at most two frames for each line, and what
// Tick has to say before.
func (f *Fob) Input(p []byte) []byte {
	out := f.Tick()
	for len(p) > 0 {
		raw, rest, err := f.lines.Next(p)
		p = rest
		switch {
		case err != nil:
			out = f.refuse(out, 0, line.VerbLine, line.FailTooLong)
		case raw != nil:
			out = f.handle(out, raw)
		}
	}
	return out
}

// Tick lets the fob look at its clock, its button and its battery, and returns
// what there is to say: at most four frames. Call it every 100 ms at least.
func (f *Fob) Tick() []byte {
	out := f.tickWait(nil)
	out = f.tickHold(out)
	out = f.tickClock(out)
	out = f.tickBattery(out)
	if f.watchdog != nil {
		f.watchdog.Kick()
	}
	return out
}

// handle answers one line.
func (f *Fob) handle(out, raw []byte) []byte {
	if line.FromFob(raw) {
		return out
	}
	req, err := line.Parse(raw)
	switch err {
	case nil:
		f.commands++
		return f.answer(out, req)
	case line.ErrVersion:
		return f.refuse(out, req.Seq, line.VerbLine, line.FailVersion)
	case line.ErrCRC:
		return f.refuse(out, 0, line.VerbLine, line.FailCRC)
	}
	return f.refuse(out, 0, line.VerbLine, line.FailSyntax)
}

// answer answers one request.
func (f *Fob) answer(out []byte, req line.Frame) []byte {
	c := f.command(req.Verb)
	switch {
	case c.do == nil:
		return f.refuse(out, req.Seq, line.VerbLine, line.FailUnknown)
	case c.writes && !req.Checked:
		return f.refuse(out, req.Seq, req.Verb, line.FailNoCRC)
	case c.factory && f.state != unprovisioned:
		return f.refuse(out, req.Seq, req.Verb, f.closed())
	case len(req.Fields) > 0 && !c.takes:
		return f.refuse(out, req.Seq, req.Verb, line.FailFields)
	}
	return c.do(out, req)
}

// closed is why a fob takes nothing from a factory.
func (f *Fob) closed() line.FailureCode {
	if f.state == damaged {
		return line.FailFault
	}
	return line.FailSealed
}

// A command is what the fob does about a verb.
type command struct {
	do func(out []byte, req line.Frame) []byte // nil for an unknown verb
	// takes: it takes fields.
	takes bool
	// writes: it changes something, so that a person can't type it without a
	// CRC.
	writes bool
	// factory: a sealed fob refuses it, whatever is in it.
	factory bool
}

func (f *Fob) command(verb string) command {
	switch verb {
	case line.VerbHello:
		return command{do: f.hello}
	case line.VerbIdentity:
		return command{do: f.identity}
	case line.VerbCode:
		return command{do: f.code}
	case line.VerbClock:
		return command{do: f.clock}
	case line.VerbStatus:
		return command{do: f.status}
	case line.VerbSelfTest:
		return command{do: f.selfTest}
	case line.VerbCancel:
		return command{do: f.cancel, writes: true}
	case line.VerbTime:
		return command{do: f.setTime, takes: true, writes: true, factory: true}
	case line.VerbSerial:
		return command{do: f.setSerial, takes: true, writes: true, factory: true}
	case line.VerbSeed:
		return command{do: f.setSeed, takes: true, writes: true, factory: true}
	case line.VerbSeal:
		return command{do: f.seal, writes: true, factory: true}
	}
	return command{}
}

func (f *Fob) refuse(out []byte, seq uint16, verb string, code line.FailureCode) []byte {
	return send(out, (&line.FailureError{Verb: verb, Code: code}).Frame(seq))
}

// send appends a frame's line. A frame that can't be written is a fault of the
// fob, and is told as one: the host must not wait in vain.
func send(out []byte, frame line.Frame) []byte {
	sent, err := frame.Append(out)
	if err != nil {
		fault := line.FailureError{Verb: line.VerbLine, Code: line.FailFault}
		sent, _ = fault.Frame(frame.Seq).Append(out) // has a line, always
	}
	return sent
}
