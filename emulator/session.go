package emulator

import (
	"context"
	"fmt"
	"sync"

	"github.com/fob-auth/fob/emulator/api"
)

// A Session is a client's time with a card, from power-up to power-down. One
// goroutine uses it at a time.
type Session struct {
	token *Token
	key   *yubiKey
	stay  *stay
	once  sync.Once
}

// Open powers the card up for one client; the next one waits until this one
// closes its session or loses it. The error is [ErrKind] for a token that is
// no card, [ErrUnplugged], or [ErrBusy] where ctx ends first.
func (t *Token) Open(ctx context.Context) (*Session, error) {
	key, ok := t.body.(*yubiKey)
	if !ok {
		return nil, fmt.Errorf("%w: a %s is no card", ErrKind, t.spec.Kind)
	}
	s := t.present()
	if s == nil {
		return nil, ErrUnplugged
	}
	select {
	case s.seat <- struct{}{}:
	case <-s.power.Done():
		return nil, ErrUnplugged
	case <-ctx.Done():
		return nil, ErrBusy
	}
	c := <-key.chip
	c.card.Reset()
	key.chip <- c
	return &Session{token: t, key: key, stay: s}, nil
}

// Done is closed when the token is unplugged, which ends the session.
func (s *Session) Done() <-chan struct{} { return s.stay.power.Done() }

// Transmit answers one command APDU. It lasts as long as a touch is awaited;
// where ctx ends, the card loses its power. The error is [ErrUnplugged],
// [ErrNoAnswer], or ctx's.
func (s *Session) Transmit(ctx context.Context, cmd []byte) ([]byte, error) {
	power, cut := context.WithCancel(ctx)
	defer cut()
	defer context.AfterFunc(s.stay.power, cut)()

	if s.stay.power.Err() != nil {
		return nil, ErrUnplugged
	}
	f, hit := s.token.nextFault()
	if hit && f.Kind == api.FaultRemove {
		s.token.end(s.stay)
		return nil, ErrUnplugged
	}
	answer := s.process(power, cmd)
	if hit {
		var err error
		if answer, err = s.token.spoil(f, answer); err != nil {
			return nil, err
		}
		delay(power, f)
	}
	switch {
	case s.stay.power.Err() != nil:
		return nil, ErrUnplugged
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case answer == nil:
		return nil, ErrNoAnswer
	}
	return answer, nil
}

// process has the card do a command, and counts it.
func (s *Session) process(power context.Context, cmd []byte) []byte {
	c := <-s.key.chip
	defer func() { s.key.chip <- c }()
	if power.Err() != nil { // unplugged, and perhaps in another's hands already
		return nil
	}
	c.power = power
	before := c.oath.Codes()
	answer := c.card.Transmit(cmd)
	codes := c.oath.Codes() - before
	s.token.note(func(v *vitals) {
		v.commands++
		v.codes += codes
	})
	return answer
}

// Close powers the card down and lets the next client have it.
func (s *Session) Close() error {
	s.once.Do(func() { <-s.stay.seat })
	return nil
}
