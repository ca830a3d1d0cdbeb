package serialfob

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/fob-auth/fob/devices"
	"github.com/fob-auth/fob/firmware/fob/line"
)

const (
	// tries is how often a request is sent whose answer is damaged or doesn't
	// come: noise may swallow a request or an answer, and the noise that it left
	// on the line the next.
	tries = 3
	// answerWithin is how long a fob has for an answer, the sending of the
	// request included. Where it waits for its button it says for how long.
	answerWithin = time.Second
	// grace is how long a fob has to say that nobody pressed its button, after
	// the time it set itself; its clock may be slow.
	grace = 2 * time.Second
	// maxWait bounds the wait for a button, whatever the fob says.
	maxWait = 2 * time.Minute
)

// What a try can come to beside an answer, and be worth another.
var (
	errDamaged = fmt.Errorf("%w: damaged on the line", devices.ErrAnswer)
	errSilent  = devices.ErrSilent
)

// errOtherRate is of a fob that doesn't answer, on a line whose rate was found
// out when it was opened: it is sought anew.
var errOtherRate = &otherRateError{}

type otherRateError struct{}

func (*otherRateError) Error() string {
	return "token doesn't answer; the rate of its line is found out anew"
}

func (*otherRateError) Unwrap() []error { return []error{devices.ErrSilent, devices.ErrRemoved} }

// ask sends a request and returns the frame that ends it: an answer or a
// failure. All requests but the one that seals may be repeated, so one whose
// answer was lost is sent again.
func (f *fob) ask(ctx context.Context, verb string) (line.Frame, error) {
	return f.askTimes(ctx, verb, plainly(verb), tries)
}

// A question makes the frame that asks something under a number.
type question func(seq uint16) line.Frame

// plainly asks for a verb without details.
func plainly(verb string) question {
	return func(seq uint16) line.Frame { return line.NewRequest(seq, verb) }
}

func (f *fob) askTimes(ctx context.Context, verb string, q question, tries int) (line.Frame, error) {
	var frame line.Frame
	var err error
	for try := 1; try <= tries; try++ {
		if err = ctx.Err(); err != nil {
			return line.Frame{}, err
		}
		frame, err = f.once(ctx, verb, q, try == tries)
		if err != errDamaged && err != errSilent {
			break
		}
	}
	if err == errSilent && f.sought {
		f.wire.hangUp()
		return line.Frame{}, errOtherRate
	}
	return frame, err
}

// listen takes every line that comes, also while nobody asks: what a fob says
// unasked counts then, too.
func (f *fob) listen() {
	var ear chan received
	for {
		select {
		case ear = <-f.ears:
		case got := <-f.wire.in:
			f.overhear(got)
			for heard := ear == nil; !heard; {
				select {
				case ear <- got:
					heard = true
				case ear = <-f.ears: // who asked has left
					heard = ear == nil
				case <-f.wire.gone:
					return
				case <-f.wire.stop:
					return
				}
			}
		case <-f.wire.gone:
			return
		case <-f.wire.stop:
			return
		}
	}
}

// lend sets who hears the lines from now on; nil is nobody. Nobody hears any
// once the line is gone.
func (f *fob) lend(ear chan received) {
	select {
	case f.ears <- ear:
	case <-f.wire.gone:
	case <-f.wire.stop:
	}
}

// overhear takes note of what a fob says of itself unasked (PROTOCOL.md,
// "Events"). One that was wiped isn't the token that was opened.
func (f *fob) overhear(got received) {
	if got.err != nil {
		return
	}
	frame, err := line.Parse(got.raw)
	if err != nil || !frame.Checked || frame.Kind != line.Event {
		return
	}
	switch frame.Verb {
	case line.VerbWiped:
		f.wire.hangUp()
	case line.VerbBattery, line.VerbClock:
	default:
		return
	}
	select {
	case f.news <- struct{}{}:
	default:
	}
}

// once sends a request and waits for its end. A damaged line may have been the
// answer: unless this is the last try it ends the wait at once. Where the fob
// waits for its button it doesn't, as asking again would want a second press.
func (f *fob) once(ctx context.Context, verb string, q question, last bool) (line.Frame, error) {
	f.asking.Store(verb == line.VerbCode)
	defer f.asking.Store(false)
	timer := time.NewTimer(f.within)
	defer timer.Stop()
	ear := make(chan received)
	f.lend(ear)
	defer f.lend(nil)
	if err := f.send(ctx, q(f.nextSeq()), ear, timer.C); err != nil {
		return line.Frame{}, err
	}
	waiting, damaged := false, false
	for {
		select {
		case got := <-ear:
			frame, what := judge(got, f.seq, verb)
			switch {
			case what == ending:
				return frame, nil
			case what == doubtful && !last:
				return line.Frame{}, errDamaged
			case what == doubtful:
				return frame, nil
			case what == foreign:
				return line.Frame{}, fmt.Errorf("%w: it speaks another protocol version", devices.ErrUnsupported)
			case what == broken && !waiting && !last:
				return line.Frame{}, errDamaged
			case what == broken:
				damaged = true
			case what == notice:
				if wait, err := line.ParseWait(frame); err == nil {
					waiting = true
					timer.Reset(min(wait.For, maxWait) + grace)
				}
			}
		case <-timer.C:
			f.takeBack(verb)
			switch {
			case damaged && waiting:
				return line.Frame{}, fmt.Errorf("%w: damaged on the line", devices.ErrAnswer)
			case damaged:
				return line.Frame{}, errDamaged
			case waiting:
				return line.Frame{}, devices.ErrNoTouch
			}
			return line.Frame{}, errSilent
		case <-ctx.Done():
			f.takeBack(verb)
			return line.Frame{}, ctx.Err()
		case <-f.wire.gone:
			return line.Frame{}, devices.ErrRemoved
		case <-f.wire.stop:
			return line.Frame{}, devices.ErrRemoved
		}
	}
}

// nextSeq counts requests from 1 to 65535 and round again: 0 stands for none.
func (f *fob) nextSeq() uint16 {
	if f.seq++; f.seq == 0 {
		f.seq = 1
	}
	return f.seq
}

// send hands a request to the port's writer. A writer that still hangs in an
// earlier one makes it errStuck.
func (f *fob) send(ctx context.Context, frame line.Frame, ear <-chan received, late <-chan time.Time) error {
	var request []byte
	if f.begin {
		request, f.begin = []byte("\r\n"), false
	}
	request, err := frame.Append(request)
	if err != nil {
		return fmt.Errorf("%w: %w", devices.ErrUnsupported, err)
	}
	for {
		select {
		case f.wire.out <- request:
			return nil
		case <-ear: // came before the question: not the answer
		case <-late:
			return errStuck
		case <-ctx.Done():
			return ctx.Err()
		case <-f.wire.gone:
			return devices.ErrRemoved
		case <-f.wire.stop:
			return devices.ErrRemoved
		}
	}
}

// takeBack tells a fob that may wait for its button that nobody wants the code
// any more, so that a later press does nothing. It waits for nothing: what
// comes of it is an answer to a sequence number that is past.
func (f *fob) takeBack(verb string) {
	if verb != line.VerbCode {
		return
	}
	select {
	case f.wire.out <- cancelRequest(f.nextSeq()):
	default:
	}
}

func cancelRequest(seq uint16) []byte {
	request, err := line.NewRequest(seq, line.VerbCancel).Append(nil)
	if err != nil {
		return nil
	}
	return request
}

// A verdict is what a line that came is to the request under way.
type verdict int

const (
	other    verdict = iota // of another request, unasked, or noise
	ending                  // answer or failure
	notice                  // the answer will take a while
	broken                  // damaged, and perhaps the answer
	foreign                 // of another protocol version
	doubtful                // a failure, perhaps of a damaged request
)

// judge compares a line with the request under way. A line is only ever taken
// for the answer where its checksum, sequence number and verb are right.
func judge(got received, seq uint16, verb string) (line.Frame, verdict) {
	if got.err != nil { // too long for a line: noise
		return line.Frame{}, other
	}
	frame, err := line.Parse(got.raw)
	switch {
	case errors.Is(err, line.ErrVersion) && frame.Seq == seq && line.FromFob(got.raw):
		return line.Frame{}, foreign
	case err != nil && line.FromFob(got.raw):
		return line.Frame{}, broken
	case err != nil || !frame.Checked:
		return line.Frame{}, other
	case frame.Kind == line.Failure && frame.Seq == 0 && frame.Verb == line.VerbLine:
		return line.Frame{}, broken // the fob couldn't read a request, perhaps this one
	case frame.Seq != seq:
		return line.Frame{}, other
	case frame.Kind == line.Failure && (frame.Verb == verb || frame.Verb == line.VerbLine):
		return frame, failed(frame)
	case frame.Verb != verb:
		return line.Frame{}, other
	case frame.Kind == line.Answer:
		return frame, ending
	case frame.Kind == line.Notice:
		return frame, notice
	}
	return line.Frame{}, other
}

// failed is what a failure is to the request under way. A request that lost the
// mark of its checksum on the line is one that a person may type: the fob then
// takes the rest for an odd verb, or for details.
func failed(f line.Frame) verdict {
	var failure *line.FailureError
	if !errors.As(f.Err(), &failure) {
		return ending
	}
	switch failure.Code {
	case line.FailSyntax, line.FailTooLong, line.FailCRC, line.FailNoCRC:
		return broken
	case line.FailUnknown, line.FailFields, line.FailVersion:
		return doubtful
	}
	return ending
}
