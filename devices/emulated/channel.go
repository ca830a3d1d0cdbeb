package emulated

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"github.com/fob-auth/fob/devices"
	"github.com/fob-auth/fob/emulator/api"
)

// maxHeader bounds an answer's header, and an error whole, in bytes.
const maxHeader = 64 << 10

// maxExchange bounds one command on a card, whatever the caller's context
// says: longer than any wait for a touch.
const maxExchange = time.Minute

// longAgo as a deadline makes reads and writes under way return at once.
var longAgo = time.Unix(1, 0)

// A stream is a connection to the bench whose request was answered. limit
// bounds what may still be read from it.
type stream struct {
	conn    net.Conn
	limit   *io.LimitedReader
	r       *bufio.Reader
	resp    *http.Response
	refusal api.ErrorCode // where the answer is an error
}

// request dials the bench, asks for path and reads the answer's header. With
// an upgrade it asks for that protocol.
func (d *Driver) request(ctx context.Context, path, upgrade string) (*stream, error) {
	caller := ctx
	ctx, cancel := context.WithTimeout(caller, patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://bench"+path, nil)
	if err != nil {
		return nil, err
	}
	if upgrade != "" {
		req.Header.Set("Connection", "Upgrade")
		req.Header.Set("Upgrade", upgrade)
	}
	conn, err := d.dial(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return nil, late(caller)
		}
		return nil, fmt.Errorf("%w: bench can't be reached: %w", devices.ErrRemoved, err)
	}
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(longAgo) })
	limit := &io.LimitedReader{R: conn, N: maxHeader}
	s := &stream{conn: conn, limit: limit, r: bufio.NewReader(limit)}
	err = s.ask(req)
	if !stop() {
		err = late(caller)
	}
	if err != nil {
		conn.Close()
		return nil, lost(err)
	}
	return s, nil
}

// ask sends a request and reads the answer's header, and of an error its code.
func (s *stream) ask(req *http.Request) error {
	err := req.Write(s.conn)
	if err != nil {
		return err
	}
	if s.resp, err = http.ReadResponse(s.r, req); err != nil {
		return err
	}
	if s.resp.StatusCode >= http.StatusBadRequest {
		var said api.Error
		if json.NewDecoder(s.resp.Body).Decode(&said) == nil {
			s.refusal = said.Code
		}
	}
	return nil
}

// A card is the channel to one card: a devices.Transport. It lives for as long
// as command and answer stay in step; anything else closes it.
type card struct {
	conn   net.Conn
	r      *bufio.Reader
	closed atomic.Bool
}

var _ devices.Transport = (*card)(nil)

func newCard(s *stream) *card {
	s.limit.N = math.MaxInt64 // from here on each frame has its bound
	return &card{conn: s.conn, r: s.r}
}

// Transmit sends one command and returns the answer to it. When ctx ends
// first the channel is closed, so that the late answer meets no later command.
func (c *card) Transmit(ctx context.Context, cmd []byte) ([]byte, error) {
	if c.closed.Load() {
		return nil, devices.ErrRemoved
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if len(cmd) > api.MaxFrame {
		return nil, fmt.Errorf("command of %d bytes is over the bound of %d", len(cmd), api.MaxFrame)
	}
	caller := ctx
	ctx, cancel := context.WithTimeout(caller, maxExchange)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { c.conn.SetDeadline(longAgo) })
	err := api.WriteFrame(c.conn, cmd)
	var answer []byte
	if err == nil {
		answer, err = api.ReadFrame(c.r)
	}
	if !stop() {
		err = late(caller) // the deadline on the connection is spoilt either way
	}
	if err != nil {
		c.Close()
		return nil, lost(err)
	}
	return answer, nil
}

// Close closes the channel, which powers the card down. A Transmit under way
// ends with devices.ErrRemoved.
func (c *card) Close() error {
	if c.closed.Swap(true) {
		return nil
	}
	return c.conn.Close()
}

// late is why a wait was ended: by its caller, or by the driver's own bound.
func late(caller context.Context) error {
	if err := caller.Err(); err != nil {
		return err
	}
	return devices.ErrSilent
}

// lost gives an error of the connection its meaning: one that has a meaning
// stays what it is, an end of the line is a removed token, and the rest is nonsense.
func lost(err error) error {
	var line *net.OpError
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), errors.Is(err, devices.ErrSilent):
		return err
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.ErrClosedPipe),
		errors.Is(err, net.ErrClosed), errors.Is(err, os.ErrClosed), errors.As(err, &line):
		return fmt.Errorf("%w: bench closed the connection", devices.ErrRemoved)
	default:
		return fmt.Errorf("%w: %w", devices.ErrAnswer, err)
	}
}
