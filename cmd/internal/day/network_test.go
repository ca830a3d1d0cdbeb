package day

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
)

var errNoRoute = errors.New("no route to host")

// A network is the way to AWS, on which things go wrong.
type network struct {
	dial func(ctx context.Context, network, address string) (net.Conn, error)
	dice *dice
	// down counts what went wrong, by how.
	unreachable, cutBefore, cutAfter, unavailable atomic.Int64
}

func (n *network) connect(ctx context.Context, kind, address string) (net.Conn, error) {
	if n.dice.once(30) {
		n.unreachable.Add(1)
		return nil, errNoRoute
	}
	c, err := n.dial(ctx, kind, address)
	if err != nil {
		return nil, err
	}
	switch n.dice.pick(40) {
	case 0:
		n.cutBefore.Add(1)
		return &brokenConn{Conn: c, write: net.ErrClosed}, nil
	case 1:
		n.cutAfter.Add(1)
		return &brokenConn{Conn: c, read: io.ErrUnexpectedEOF}, nil
	case 2:
		n.unavailable.Add(1)
		return &busyConn{Conn: c, asked: make(chan struct{}), answer: strings.NewReader("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")}, nil
	}
	return c, nil
}

// A brokenConn breaks before the request is out, or after: then AWS has it, and
// its answer is lost.
type brokenConn struct {
	net.Conn
	write, read error
}

func (c *brokenConn) Write(b []byte) (int, error) {
	if c.write != nil {
		return 0, c.write
	}
	return c.Conn.Write(b)
}

func (c *brokenConn) Read(b []byte) (int, error) {
	if c.read != nil {
		// AWS does its work before the caller learns that the answer is lost.
		if _, err := c.Conn.Read(b); err != nil {
			return 0, err
		}
		return 0, c.read
	}
	return c.Conn.Read(b)
}

// A busyConn answers in AWS's place that the service isn't there.
type busyConn struct {
	net.Conn
	answer io.Reader
	asked  chan struct{}
	once   sync.Once
}

func (c *busyConn) Write(b []byte) (int, error) {
	c.once.Do(func() { close(c.asked) })
	return len(b), nil
}

func (c *busyConn) Read(b []byte) (int, error) {
	<-c.asked
	return c.answer.Read(b)
}

func (c *busyConn) Close() error {
	c.once.Do(func() { close(c.asked) })
	return c.Conn.Close()
}
