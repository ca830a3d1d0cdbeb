package client

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/fob-auth/fob/agent/api"
)

// The exchange is HTTP/1.1 (RFC 9112), one call after another, written here
// rather than left to net/http: that one links TLS and starts three goroutines
// for a connection, which is a quarter of the time that `fob credentials` takes.

// maxHead bounds an answer's status line and headers, in bytes.
const maxHead = 64 << 10

// An answer is the head of an HTTP answer, and its body to be read.
type answer struct {
	ctx    context.Context
	what   string // method and path, for errors
	status int
	// kind is the media type, without parameters.
	kind string
	body io.Reader
	// last says that the agent ends the connection with this answer, whole that
	// the answer was read to its end.
	last, whole bool
	// close ends the call. Its connection is kept where both sides can go on.
	close func()
}

// send sends one request and reads the answer's head. The answer must be
// closed.
func (c *Client) send(ctx context.Context, method, path string, in []byte) (*answer, error) {
	a := &answer{ctx: ctx, what: method + " " + path}
	if strings.ContainsFunc(c.Ticket, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, &api.Error{Code: api.TicketRefused, Message: "the ticket has characters in it that none has", Hint: "put it into FOB_TICKET as 'fob ticket issue' printed it"}
	}
	l, err := c.link(ctx)
	var typed *api.Error
	if errors.As(err, &typed) {
		return nil, typed
	}
	if err != nil {
		return nil, a.broken(err)
	}
	// A deadline in the past ends whatever the connection waits for.
	stop := context.AfterFunc(ctx, func() { _ = l.conn.SetDeadline(time.Unix(1, 0)) })
	a.close = func() {
		if stop() && a.whole && !a.last && l.r.Buffered() == 0 {
			c.kept.put(l, time.Now())
			return
		}
		_ = l.conn.Close()
	}
	_, writeErr := l.conn.Write(request(method, path, c.Ticket, in))
	if err := a.readHead(l); err != nil {
		a.close()
		if writeErr != nil {
			err = writeErr
		}
		return nil, a.broken(err)
	}
	// An agent may refuse before it has read all: then its answer counts, not
	// that the rest could not be written.
	return a, nil
}

// request is a whole request.
func request(method, path, ticket string, in []byte) []byte {
	b := fmt.Appendf(nil, "%s %s HTTP/1.1\r\nHost: %s\r\n", method, path, api.Host)
	if ticket != "" {
		b = fmt.Appendf(b, "Authorization: Bearer %s\r\n", ticket)
	}
	if in != nil {
		b = fmt.Appendf(b, "Content-Type: application/json\r\nContent-Length: %d\r\n", len(in))
	}
	b = append(b, "\r\n"...)
	return append(b, in...)
}

// readHead reads status line and headers, and finds out how long the body is
// (RFC 9112 section 6.3).
func (a *answer) readHead(l *link) error {
	l.head.N = maxHead
	line, err := readLine(l.r)
	if err != nil {
		return err
	}
	if a.status, err = parseStatus(string(line)); err != nil {
		return err
	}
	a.last = !bytes.HasPrefix(line, []byte("HTTP/1.1 "))
	h, err := readFields(l.r)
	if err != nil {
		return err
	}
	l.head.N = 1 << 62 // the body has bounds of its own
	kind, _, _ := strings.Cut(h.kind, ";")
	a.kind = strings.ToLower(strings.TrimSpace(kind))
	a.last = a.last || strings.EqualFold(h.connection, "close")
	switch {
	case a.status == 204:
		a.body = strings.NewReader("")
	case strings.EqualFold(h.coding, "chunked"):
		a.body = &chunks{r: l.r}
	case h.coding != "":
		return errors.New("the answer is encoded in a way that wasn't asked for")
	case h.length != "":
		n, err := strconv.ParseUint(h.length, 10, 62)
		if err != nil {
			return errors.New("the answer has a length that is no number")
		}
		a.body = &exactly{r: l.r, left: int64(n)}
	default:
		a.body, a.last = l.r, true
	}
	return nil
}

// fields are the headers that matter here.
type fields struct{ kind, length, connection, coding string }

var errHeaders = errors.New("the answer's headers can't be read")

// readFields reads the headers (RFC 9112 section 5). Of one that stands there
// twice the first counts; one over several lines is refused, as section 5.2 has
// it.
func readFields(r *bufio.Reader) (fields, error) {
	var h fields
	for {
		line, err := readLine(r)
		if err != nil {
			return h, err
		}
		if len(line) == 0 {
			return h, nil
		}
		name, value, ok := bytes.Cut(line, []byte(":"))
		if !ok || len(name) == 0 || bytes.ContainsAny(name, " \t") {
			return h, errHeaders
		}
		for _, f := range []struct {
			name string
			into *string
		}{{"content-type", &h.kind}, {"content-length", &h.length}, {"connection", &h.connection}, {"transfer-encoding", &h.coding}} {
			if len(name) == len(f.name) && strings.EqualFold(string(name), f.name) && *f.into == "" {
				*f.into = string(bytes.TrimSpace(value))
			}
		}
	}
}

// readLine reads a line of the head, without its end, good until the next read.
// It may not be longer than the reader's buffer.
func readLine(r *bufio.Reader) ([]byte, error) {
	line, err := r.ReadSlice('\n')
	switch {
	case err == io.EOF:
		return nil, io.ErrUnexpectedEOF
	case errors.Is(err, bufio.ErrBufferFull):
		return nil, errHeaders
	case err != nil:
		return nil, err
	}
	return bytes.TrimRight(line, "\r\n"), nil
}

// read reads the body to its end.
func (a *answer) read() ([]byte, error) {
	if e, ok := a.body.(*exactly); ok && e.left <= api.MaxAnswer {
		b := make([]byte, e.left)
		_, err := io.ReadFull(e, b)
		return b, err
	}
	b, err := io.ReadAll(io.LimitReader(a.body, api.MaxAnswer+1))
	if err == nil && len(b) > api.MaxAnswer {
		err = fmt.Errorf("the answer is longer than %d bytes", api.MaxAnswer)
	}
	return b, err
}

// parseStatus reads a status line (RFC 9112 section 4). What comes before the
// final answer was not asked for and is refused.
func parseStatus(line string) (int, error) {
	version, rest, _ := strings.Cut(line, " ")
	code, _, _ := strings.Cut(rest, " ")
	status, err := strconv.ParseUint(code, 10, 16)
	if err != nil || len(code) != 3 || status < 200 || (version != "HTTP/1.1" && version != "HTTP/1.0") {
		return 0, errors.New("the answer isn't HTTP/1.1")
	}
	return int(status), nil
}

// broken says that what answered doesn't talk as an agent does, or stopped
// doing so; or that the caller's time is over.
func (a *answer) broken(err error) error {
	if a.ctx.Err() != nil {
		return fmt.Errorf("%s: %w", a.what, a.ctx.Err())
	}
	return &api.Error{
		Code:    api.NoAgent,
		Message: fmt.Sprintf("%s: the agent's answer broke off or makes no sense: %v", a.what, err),
		Hint:    "'fobd check' tells whether the agent can start with its config; 'fobd' starts it where its log is seen",
	}
}

// exactly reads a body of known length, and takes nothing less for it.
type exactly struct {
	r    io.Reader
	left int64
}

func (e *exactly) Read(b []byte) (int, error) {
	if e.left == 0 {
		return 0, io.EOF
	}
	if int64(len(b)) > e.left {
		b = b[:e.left]
	}
	n, err := e.r.Read(b)
	e.left -= int64(n)
	if err == io.EOF && e.left > 0 {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// chunks reads a body in chunks (RFC 9112 section 7.1). Extensions and trailers
// are passed over.
type chunks struct {
	r    *bufio.Reader
	left uint64
	// begun says that a chunk came before, whose line end is still to be read.
	begun, over bool
}

var errChunk = errors.New("the answer has a chunk that can't be read")

func (c *chunks) Read(b []byte) (int, error) {
	if c.over {
		return 0, io.EOF
	}
	if c.left == 0 {
		if err := c.next(); err != nil {
			return 0, err
		}
		if c.over {
			return 0, io.EOF
		}
	}
	if uint64(len(b)) > c.left {
		b = b[:c.left]
	}
	n, err := c.r.Read(b)
	c.left -= uint64(n)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// next reads the line before a chunk, and after the last one what is left.
func (c *chunks) next() error {
	if c.begun {
		if line, err := c.line(); err != nil || line != "" {
			return errChunk
		}
	}
	line, err := c.line()
	if err != nil {
		return err
	}
	size, _, _ := strings.Cut(line, ";")
	if c.left, err = strconv.ParseUint(strings.TrimSpace(size), 16, 62); err != nil {
		return errChunk
	}
	c.begun = true
	if c.left > 0 {
		return nil
	}
	for {
		line, err := c.line()
		if err != nil {
			return err
		}
		if line == "" {
			c.over = true
			return nil
		}
	}
}

// line reads one line.
func (c *chunks) line() (string, error) {
	b, err := readLine(c.r)
	if err != nil && err != io.ErrUnexpectedEOF {
		err = errChunk
	}
	return string(b), err
}
