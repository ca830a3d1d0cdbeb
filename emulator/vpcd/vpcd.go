// Package vpcd puts a token of a bench into a slot of a stock vpcd, the virtual
// reader of the vsmartcard project, as found in distributions: nothing of this
// repository is then inside pcscd. The bench's own reader (package reader) has
// one slot a reader, needs no network, and tells removals at once; this is for
// where its handler can't be loaded, or pcscd is somebody else's.
//
// vpcd listens on TCP, on all of a machine's addresses, and asks whoever
// connects (vsmartcard, "Virtual Smart Card", "vpcd"): two bytes of length,
// big-endian, then a command APDU, or one byte that stands for a change of
// power or for the question what the card answers to its reset. The connection
// is the card: its end is the card's removal.
package vpcd

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/fob-auth/fob/emulator"
)

// What vpcd says in one byte. Only atr is answered; it is asked again and again
// to see whether the card is still in.
const (
	powerOff = 0x00
	powerOn  = 0x01
	reset    = 0x02
	atr      = 0x04
)

// maxMessage bounds a message of either side, in bytes: its length has 16 bits.
const maxMessage = 1<<16 - 1

const (
	// firstRetry and lastRetry are the waits between two tries to reach a vpcd
	// that isn't there: doubled each time, up to the last.
	firstRetry = 50 * time.Millisecond
	lastRetry  = time.Second
	// absence is how long a card stays out at least: pcscd looks at a vpcd every
	// 400 ms, and would never know of one that was back sooner.
	absence = 600 * time.Millisecond
	// writeTimeout is how long vpcd may leave an answer unread.
	writeTimeout = 10 * time.Second
	// seatTimeout is how long power-up waits for another client of the card.
	seatTimeout = 5 * time.Second
)

// errGone ends a connection whose card was taken out.
var errGone = errors.New("card was taken out")

// A Slot is the place of one token in a vpcd.
type Slot struct {
	Bench *emulator.Bench
	Token *emulator.Token
	// Addr is vpcd's address.
	Addr string
	// Dial makes the connection; nil stands for net.Dialer's.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	Log  *slog.Logger
}

// Run keeps the token connected while it is plugged in, until ctx ends.
func (s *Slot) Run(ctx context.Context) {
	dial := s.Dial
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	wait := firstRetry
	for ctx.Err() == nil {
		plugs, ok := s.awaitPlug(ctx)
		if !ok {
			return
		}
		conn, err := dial(ctx, "tcp", s.Addr)
		if err == nil {
			wait = firstRetry
			err = s.serve(ctx, conn, plugs)
		}
		s.Log.Debug("vpcd", "address", s.Addr, "error", err)
		pause := time.NewTimer(wait)
		if errors.Is(err, errGone) {
			pause.Reset(absence)
		} else {
			wait = min(2*wait, lastRetry)
		}
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
		}
	}
}

// awaitPlug returns once the token is plugged in, or false once ctx ends.
func (s *Slot) awaitPlug(ctx context.Context) (plugs uint64, ok bool) {
	for {
		changed := s.Bench.Changed()
		if state := s.Token.State(); state.Plugged {
			return state.Plugs, true
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return 0, false
		}
	}
}

// serve is the card in the reader until vpcd goes, the card does or ctx ends.
func (s *Slot) serve(ctx context.Context, conn net.Conn, plugs uint64) error {
	_, atr, _ := s.Token.VPCD()
	ctx, cancel := context.WithCancelCause(ctx)
	var helpers sync.WaitGroup
	defer helpers.Wait()
	defer cancel(nil)
	helpers.Go(func() {
		<-ctx.Done()
		conn.Close()
	})
	helpers.Go(func() { cancel(s.awaitRemoval(ctx, plugs)) })
	messages := make(chan []byte)
	helpers.Go(func() { cancel(read(ctx, conn, messages)) })
	c := &card{token: s.Token, atr: atr}
	defer c.powerDown()
	for {
		select {
		case m := <-messages:
			answer, err := c.answer(ctx, m)
			if err == nil && answer != nil {
				err = write(conn, answer)
			}
			if err != nil {
				return causeOf(ctx, err)
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// causeOf is why a connection ended: ctx's end goes before what came of it.
func causeOf(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// awaitRemoval returns once the token was taken out, or ctx ends.
func (s *Slot) awaitRemoval(ctx context.Context, plugs uint64) error {
	for {
		changed := s.Bench.Changed()
		if state := s.Token.State(); !state.Plugged || state.Plugs != plugs {
			return errGone
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// read hands on what vpcd says. It goes on while a card waits for its touch, so
// that a vpcd that goes is noticed.
func read(ctx context.Context, conn net.Conn, messages chan<- []byte) error {
	r := bufio.NewReader(prompt{conn})
	for {
		m, err := readMessage(r)
		if err != nil {
			return err
		}
		select {
		case messages <- m:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// A prompt conn acknowledges at once what it gets. vpcd sends the length and
// what it is the length of by themselves, and Linux holds the second back until
// the first is acknowledged: without, each command takes some 40 ms.
type prompt struct{ net.Conn }

func (p prompt) Read(b []byte) (int, error) {
	acknowledge(p.Conn)
	return p.Conn.Read(b)
}

// readMessage reads one message. The end of the stream between two is io.EOF,
// within one io.ErrUnexpectedEOF.
func readMessage(r io.Reader) ([]byte, error) {
	var head [2]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	m := make([]byte, binary.BigEndian.Uint16(head[:]))
	if _, err := io.ReadFull(r, m); err != nil {
		return nil, io.ErrUnexpectedEOF
	}
	return m, nil
}

// write writes one message in a single Write.
func write(conn net.Conn, m []byte) error {
	if len(m) > maxMessage {
		return fmt.Errorf("answer of %d bytes is over the bound of %d", len(m), maxMessage)
	}
	if err := conn.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	_, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(m))), m...))
	return err
}

// A card answers vpcd. One goroutine owns it.
type card struct {
	token   *emulator.Token
	atr     []byte
	session *emulator.Session // nil without power
}

// answer does what vpcd asks for; nil is no answer, and none is due. An error
// means that the card has none to give: the end of the connection says so.
func (c *card) answer(ctx context.Context, m []byte) ([]byte, error) {
	switch {
	case len(m) > 1:
		return c.transmit(ctx, m)
	case len(m) == 0:
		return nil, nil
	}
	switch m[0] {
	case powerOff:
		c.powerDown()
	case powerOn, reset:
		return nil, c.powerUp(ctx)
	case atr:
		return c.atr, nil
	}
	return nil, nil
}

func (c *card) powerUp(ctx context.Context) (err error) {
	c.powerDown()
	ctx, cancel := context.WithTimeout(ctx, seatTimeout)
	defer cancel()
	c.session, err = c.token.Open(ctx)
	return err
}

func (c *card) powerDown() {
	if c.session != nil {
		c.session.Close()
		c.session = nil
	}
}

// transmit has the card do a command.
func (c *card) transmit(ctx context.Context, cmd []byte) ([]byte, error) {
	if c.session == nil {
		return nil, emulator.ErrNoAnswer
	}
	return c.session.Transmit(ctx, cmd)
}

// ErrRemote says that a vpcd isn't on this machine: whoever is between could
// use the token.
var ErrRemote = errors.New("vpcd is not on this machine's loopback")

// CheckLocal refuses addresses outside this machine's loopback.
func CheckLocal(addr string) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return err
	}
	if ip := net.ParseIP(host); host == "localhost" || ip != nil && ip.IsLoopback() {
		return nil
	}
	return fmt.Errorf("%w: %s", ErrRemote, addr)
}
