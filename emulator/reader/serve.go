package reader

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/fob-auth/fob/emulator"
	"github.com/fob-auth/fob/emulator/reader/ifd"
)

const (
	// seatTimeout is how long power-up waits for another client of the card.
	seatTimeout = 5 * time.Second
	// writeTimeout is how long a handler may leave a frame unread.
	writeTimeout = 10 * time.Second
)

// A slot serves one token to one handler.
type slot struct {
	seat
	bench *emulator.Bench
	conn  net.Conn

	// session is nil while the card has no power, and off says that the handler
	// took it away; the goroutine that answers owns them.
	session *emulator.Session
	off     bool
}

// serve answers the handler until it goes or ctx ends, and closes conn.
func (s *slot) serve(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	var helpers sync.WaitGroup
	defer helpers.Wait()
	defer cancel(nil)
	helpers.Go(func() {
		<-ctx.Done()
		s.conn.Close()
	})
	helpers.Go(func() { cancel(s.tell(ctx)) })
	requests := make(chan ifd.Frame)
	helpers.Go(func() { cancel(s.read(ctx, requests)) })
	defer s.powerDown()
	for {
		select {
		case f := <-requests:
			if err := s.send(s.answer(ctx, f)); err != nil {
				return err
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// tell says whether the card is in, at once and with every change. A card that
// was out between two looks is told as removed and inserted. One that is its own
// reader doesn't come back to it: that one goes too, and another comes.
func (s *slot) tell(ctx context.Context) error {
	var in bool
	var plugs uint64
	for first := true; ; first = false {
		changed := s.bench.Changed()
		state := s.token.State()
		if in && state.Plugs != plugs || (in || first) && !state.Plugged {
			if err := s.send(ifd.Frame{Kind: ifd.Removed}); err != nil {
				return err
			}
			in = false
			if s.Own && !first {
				<-ctx.Done()
				return context.Cause(ctx)
			}
		}
		if state.Plugged && !in {
			if err := s.send(ifd.Frame{Kind: ifd.Inserted, Payload: s.ATR}); err != nil {
				return err
			}
			in, plugs = true, state.Plugs
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// read hands on requests. It goes on reading while a card waits for its touch,
// so that a handler that goes is noticed.
func (s *slot) read(ctx context.Context, requests chan<- ifd.Frame) error {
	r := bufio.NewReader(s.conn)
	for {
		f, err := ifd.ReadFrame(r)
		if err != nil {
			return err
		}
		if f.Kind == ifd.Waiting {
			s.told()
			continue
		}
		select {
		case requests <- f:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// answer does what the handler asks for.
func (s *slot) answer(ctx context.Context, f ifd.Frame) ifd.Frame {
	switch f.Kind {
	case ifd.PowerUp:
		return s.powerUp(ctx)
	case ifd.PowerDown:
		s.powerDown()
		s.off = true
		return ifd.Frame{Kind: ifd.Powered}
	case ifd.Command:
		return s.transmit(ctx, f.Payload)
	}
	return ifd.Frame{Kind: ifd.Absent}
}

func (s *slot) powerUp(ctx context.Context) ifd.Frame {
	s.powerDown()
	ctx, cancel := context.WithTimeout(ctx, seatTimeout)
	defer cancel()
	session, err := s.token.Open(ctx)
	if err != nil {
		return ifd.Frame{Kind: ifd.Absent}
	}
	s.session, s.off = session, false
	return ifd.Frame{Kind: ifd.Powered, Payload: s.ATR}
}

func (s *slot) powerDown() {
	if s.session != nil {
		s.session.Close()
		s.session = nil
	}
}

// transmit has the card do a command. One that is in and was switched off
// doesn't answer; pcscd would take another word for its removal.
func (s *slot) transmit(ctx context.Context, cmd []byte) ifd.Frame {
	switch {
	case s.session == nil && s.off && s.token.State().Plugged:
		return ifd.Frame{Kind: ifd.Silent}
	case s.session == nil:
		return ifd.Frame{Kind: ifd.Absent}
	}
	answer, err := s.session.Transmit(ctx, cmd)
	switch {
	case errors.Is(err, emulator.ErrNoAnswer) || err == nil && len(answer) > ifd.MaxPayload:
		return ifd.Frame{Kind: ifd.Silent}
	case err != nil:
		s.powerDown()
		return ifd.Frame{Kind: ifd.Absent}
	}
	return ifd.Frame{Kind: ifd.Answer, Payload: answer}
}

func (s *slot) send(f ifd.Frame) error {
	if err := s.conn.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	if err := ifd.WriteFrame(s.conn, f); err != nil {
		return fmt.Errorf("handler: %w", err)
	}
	return nil
}

// announce says on the bus which readers there are, at once and with every
// change.
func announce(ctx context.Context, b *emulator.Bench, list []seat, conn net.Conn) error {
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })() // while a write is stuck
	plugs := make([]uint64, len(list))                      // of those that are there, 0 for none
	for {
		changed := b.Changed()
		for i, s := range list {
			now := s.plug()
			if now == plugs[i] {
				continue
			}
			if plugs[i] != 0 {
				if err := ifd.WriteFrame(conn, ifd.Change{Reader: i}.Frame()); err != nil {
					return err
				}
			}
			if now != 0 {
				if err := ifd.WriteFrame(conn, ifd.Change{Reader: i, Attached: true}.Frame()); err != nil {
					return err
				}
			}
			plugs[i] = now
		}
		for i, s := range list {
			if plugs[i] == 0 {
				s.told()
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
