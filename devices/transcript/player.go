package transcript

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/fob-auth/fob/devices"
	"github.com/fob-auth/fob/firmware/apdu"
)

// A player is a transport that answers from one session.
type player struct {
	replay *Replay
	gone   <-chan struct{} // closed when the token is unplugged
	closed chan struct{}
	once   sync.Once

	// What follows is the owner's of the transport.
	lines  []Line
	redact redactor
	asked  asked
	parts  []byte // of the answer at hand
	more   bool   // the answer at hand isn't whole
	lost   error  // why nothing is answered any more
}

var _ devices.Transport = (*player)(nil)

// Transmit gives the recorded answer to the recorded command. One that was
// given up, or that ended with what a hand did, waits for that.
func (p *player) Transmit(ctx context.Context, cmd []byte) ([]byte, error) {
	select {
	case <-p.closed:
		return nil, devices.ErrRemoved
	case <-p.gone:
		return nil, devices.ErrRemoved
	default:
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if p.lost != nil {
		return nil, p.lost
	}
	shown := p.show(cmd)
	switch next, ok := p.take(); {
	case !ok:
		return nil, p.fail("the session has ended, and the driver sends %X", shown)
	case next.Kind != Command || !bytes.Equal(next.APDU, shown):
		return nil, p.fail("the driver sends %X, and what was recorded is %c %X%s", shown, next.Kind, next.APDU, next.Word)
	}
	for {
		next, ok := p.take()
		switch {
		case !ok || next.Kind == Command:
			return nil, p.fail("the command %X was never answered", shown)
		case next.Kind == Answer:
			p.note(next.APDU)
			return slices.Clone(next.APDU), nil
		case next.Kind == Failure:
			return nil, p.failure(ctx, next.Word)
		}
		if err := p.await(ctx, next.Word); err != nil {
			return nil, err
		}
	}
}

// show redacts a command as the recorder did.
func (p *player) show(cmd []byte) []byte {
	if p.more && goesOn(cmd) {
		return cmd
	}
	var shown []byte
	shown, p.asked = p.redact.command(cmd)
	p.parts = nil
	return shown
}

// note tells the redactor what the card answers.
func (p *player) note(answer []byte) {
	r, err := apdu.ParseResponse(answer)
	if err != nil {
		return
	}
	p.parts = append(p.parts, r.Data...)
	if _, p.more = r.SW.More(); !p.more {
		p.redact.answer(p.asked, p.parts, r.SW, true)
	}
}

func (p *player) take() (Line, bool) {
	if len(p.lines) == 0 {
		return Line{}, false
	}
	l := p.lines[0]
	p.lines = p.lines[1:]
	return l, true
}

// fail ends the session: what comes after a wrong command fits nothing.
func (p *player) fail(format string, args ...any) error {
	p.lost = fmt.Errorf("%w: %s", ErrUnexpected, fmt.Sprintf(format, args...))
	return p.lost
}

// failure is the error that a word stands for.
func (p *player) failure(ctx context.Context, word string) error {
	switch word {
	case FailedRemoved:
		return devices.ErrRemoved
	case FailedBusy:
		return devices.ErrBusy
	case FailedSilent:
		return devices.ErrSilent
	case FailedGivenUp:
		return p.await(ctx, "")
	}
	return fmt.Errorf("%w: a failure that was recorded", devices.ErrAnswer)
}

// await waits for an event, or with none for the caller to give up.
func (p *player) await(ctx context.Context, event string) error {
	w := &wait{event: event, came: make(chan struct{})}
	p.replay.change(func() { p.replay.waiting = append(p.replay.waiting, w) })
	defer p.replay.change(func() {
		p.replay.waiting = slices.DeleteFunc(p.replay.waiting, func(o *wait) bool { return o == w })
	})
	select {
	case <-w.came:
		return nil
	case <-p.gone:
		return devices.ErrRemoved
	case <-p.closed:
		return devices.ErrRemoved
	case <-ctx.Done():
		p.Close()
		return ctx.Err()
	}
}

// Close ends the session; a Transmit that waits ends with devices.ErrRemoved.
func (p *player) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}
