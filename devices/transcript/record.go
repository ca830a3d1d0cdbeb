package transcript

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/fob-auth/fob/devices"
	"github.com/fob-auth/fob/firmware/apdu"
)

// ErrFull says that a session is too long to be recorded to its end.
var ErrFull = errors.New("transcript is full")

// A Recorder records sessions, each into a text of its own.
type Recorder struct {
	// New is where the text of a session goes. It is closed when the session
	// is over.
	New func(devices.Slot) (io.WriteCloser, error)
	// Now is the clock by which answers take their time.
	Now func() time.Time
	// Failed is told why a session is not, or no longer, recorded, which harms
	// the session in no way; nil for nobody.
	Failed func(error)

	mu   sync.Mutex
	open []*tape
}

// Wrap begins a session with the card in slot s: what goes over the transport
// it returns goes on to t, and is recorded. It has transactions where t has
// them.
func (r *Recorder) Wrap(t devices.Transport, s devices.Slot) devices.Transport {
	w, err := r.New(s)
	if err != nil {
		r.failed(err)
		return t
	}
	recording := &tape{recorder: r, inner: t, w: w}
	recording.write(fmt.Appendf(nil, "session %s\n", plain(strings.TrimSpace(s.Driver+" "+s.Path))))
	r.mu.Lock()
	r.open = append(r.open, recording)
	r.mu.Unlock()
	if b, ok := t.(transactor); ok {
		return struct {
			*tape
			transactor
		}{recording, b}
	}
	return recording
}

// A transactor is a transport that has transactions.
type transactor interface {
	Begin(ctx context.Context) (end func() error, err error)
}

// Happen notes what a hand did to the token, in sessions in which a command is
// under way.
func (r *Recorder) Happen(event string) {
	r.mu.Lock()
	open := slices.Clone(r.open)
	r.mu.Unlock()
	for _, t := range open {
		t.happen(event)
	}
}

func (r *Recorder) failed(err error) {
	if r.Failed != nil {
		r.Failed(fmt.Errorf("transcript: %w", err))
	}
}

func (r *Recorder) forget(t *tape) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.open = slices.DeleteFunc(r.open, func(o *tape) bool { return o == t })
}

// plain makes a text one that [Decode] takes as a word.
func plain(s string) string {
	s = strings.Map(func(c rune) rune {
		if c < ' ' || c > '~' {
			return '?'
		}
		return c
	}, s)
	return s[:min(len(s), maxWord)]
}

// A tape is a transport whose session is recorded.
type tape struct {
	recorder *Recorder
	inner    devices.Transport

	mu     sync.Mutex
	w      io.WriteCloser // nil once the session is over, or can't be written
	size   int
	redact redactor
	asked  asked
	// held are lines whose redaction waits for the rest of an answer.
	held     []Line
	inFlight bool
	closed   bool
}

// Transmit passes a command on, and its answer back.
func (t *tape) Transmit(ctx context.Context, cmd []byte) ([]byte, error) {
	t.command(cmd)
	begun := t.recorder.Now()
	answer, err := t.inner.Transmit(ctx, cmd)
	t.answered(answer, err, t.recorder.Now().Sub(begun).Truncate(time.Microsecond))
	return answer, err
}

// Close closes the transport and ends the session.
func (t *tape) Close() error {
	t.mu.Lock()
	if t.inFlight && !t.closed {
		t.hold(Line{Kind: Event, Word: EventClosed})
	}
	t.closed = true
	if !t.inFlight {
		t.end()
	}
	t.mu.Unlock()
	return t.inner.Close()
}

func (t *tape) happen(event string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.inFlight {
		t.hold(Line{Kind: Event, Word: plain(event)})
	}
}

func (t *tape) command(raw []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.inFlight = true
	if len(t.held) > 0 && goesOn(raw) {
		t.hold(Line{Kind: Command, APDU: slices.Clone(raw)})
		return
	}
	t.flush(false)
	var shown []byte
	shown, t.asked = t.redact.command(raw)
	t.hold(Line{Kind: Command, APDU: shown})
}

func (t *tape) answered(answer []byte, err error, after time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.inFlight = false
	response, malformed := apdu.ParseResponse(answer)
	switch {
	case err != nil || len(answer) == 0:
		t.flush(false)
		t.hold(Line{Kind: Failure, Word: reason(err), After: after})
	case malformed != nil:
		t.flush(false)
		t.hold(Line{Kind: Answer, APDU: make([]byte, len(answer)), After: after})
	default:
		t.held = append(t.held, Line{Kind: Answer, APDU: slices.Clone(answer), After: after})
		if _, more := response.SW.More(); !more {
			t.flush(true)
		}
	}
	if t.closed {
		t.end()
	}
}

// reason is the word for an error of a transport.
func reason(err error) string {
	switch {
	case errors.Is(err, devices.ErrRemoved):
		return FailedRemoved
	case errors.Is(err, devices.ErrBusy):
		return FailedBusy
	case errors.Is(err, devices.ErrSilent):
		return FailedSilent
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return FailedGivenUp
	}
	return FailedOther
}

// hold writes a line that has nothing to hide, behind those that are held.
func (t *tape) hold(l Line) {
	if len(t.held) > 0 {
		t.held = append(t.held, l)
		return
	}
	t.write(l.append(nil))
}

// flush redacts the answer that is held, which is whole or broke off, and
// writes it.
func (t *tape) flush(whole bool) {
	if len(t.held) == 0 {
		return
	}
	var joined []byte
	var sw apdu.SW
	for _, l := range t.held {
		if r, err := apdu.ParseResponse(l.APDU); l.Kind == Answer && err == nil {
			joined, sw = append(joined, r.Data...), r.SW
		}
	}
	t.redact.answer(t.asked, joined, sw, whole)
	var text []byte
	for _, l := range t.held {
		if r, err := apdu.ParseResponse(l.APDU); l.Kind == Answer && err == nil {
			joined = joined[copy(r.Data, joined):]
		}
		text = l.append(text)
	}
	t.held = nil
	t.write(text)
}

// write writes text while there is somewhere to write to.
func (t *tape) write(text []byte) {
	if t.w == nil {
		return
	}
	var err error
	if t.size += len(text); t.size > MaxSize {
		err = ErrFull
	} else {
		_, err = t.w.Write(text)
	}
	if err != nil {
		t.recorder.failed(errors.Join(err, t.w.Close()))
		t.w = nil
	}
}

// end ends the session.
func (t *tape) end() {
	t.flush(false)
	if t.w != nil {
		if err := t.w.Close(); err != nil {
			t.recorder.failed(err)
		}
		t.w = nil
	}
	t.recorder.forget(t)
}
