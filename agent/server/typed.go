package server

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/fob-auth/fob/agent/api"
)

// refuseTime bounds the writing of a refusal to a connection that has just come.
const refuseTime = 100 * time.Millisecond

// net/http answers what it can't parse itself, in plain text and straight on
// the connection, before any handler runs. A typedListener's connections say
// the same as an api.ErrorBody.
type typedListener struct {
	net.Listener
	arrivals *arrivals
}

func (l typedListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &typedConn{Conn: c, heard: l.arrivals.came()}, nil
}

type typedConn struct {
	net.Conn
	// heard says that a request of the connection is being answered.
	heard func()
	// leave, unless nil, says that the connection is no more. It is set before
	// anybody can close it, and called once.
	leave func()
	ended sync.Once
}

// Close says too that nothing more is to be heard.
func (c *typedConn) Close() error {
	c.heard()
	if c.leave != nil {
		c.ended.Do(c.leave)
	}
	return c.Conn.Close()
}

// refuse answers whatever will be asked, and closes. A new connection has room
// for that much, and is given no time where it hasn't.
func (c *typedConn) refuse(e api.Error) {
	if c.SetWriteDeadline(time.Now().Add(refuseTime)) == nil {
		_, _ = c.Conn.Write(typedRefusal(e))
	}
	_ = c.Close()
}

// CloseWrite lets net/http end its side first, so that a caller who is still
// sending reads why it was refused.
func (c *typedConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// plainEnd closes the headers of net/http's own refusals. No answer of ours
// has it: ours are JSON or events, and JSON has no bare line end inside.
const plainEnd = "\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n"

// ownRefusal reports whether b is a refusal of net/http's own: in plain text, or
// in no words where it is of an Expect header. No answer of ours has that status.
func ownRefusal(b []byte) bool {
	return bytes.HasPrefix(b, []byte("HTTP/1.1 ")) && bytes.Contains(b, []byte(plainEnd)) ||
		bytes.HasPrefix(b, []byte("HTTP/1.1 417 ")) || bytes.HasPrefix(b, []byte("HTTP/1.0 417 "))
}

func (c *typedConn) Write(b []byte) (int, error) {
	if !ownRefusal(b) {
		return c.Conn.Write(b)
	}
	status := 0
	if len(b) >= len("HTTP/1.1 400") {
		status, _ = strconv.Atoi(string(b[len("HTTP/1.1 "):len("HTTP/1.1 400")]))
	}
	if _, err := c.Conn.Write(typedRefusal(refusalFor(status))); err != nil {
		return 0, err
	}
	return len(b), nil
}

// refusalFor says what net/http's own refusal with that status does.
func refusalFor(status int) api.Error {
	if status == http.StatusRequestHeaderFieldsTooLarge {
		return api.Error{Code: api.TooLarge, Message: fmt.Sprintf("the request's headers are larger than %d bytes", api.MaxHeader)}
	}
	return api.Error{Code: api.BadRequest, Message: "the request isn't HTTP/1.1 as the agent takes it"}
}

// typedRefusal is a whole answer, after which the connection ends.
func typedRefusal(e api.Error) []byte {
	text, err := json.Marshal(api.ErrorBody{Error: e})
	if err != nil {
		text = nil // strings always encode
	}
	code := e.Code.Info().HTTP
	return fmt.Appendf(nil, "HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s",
		code, http.StatusText(code), len(text), text)
}
