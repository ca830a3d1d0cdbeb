package client

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

const (
	// maxKept is how many connections wait for another call.
	maxKept = 64
	// keptFor is how long one waits: less than the minute after which the agent
	// closes it.
	keptFor = 30 * time.Second
)

// A link is a connection to the agent, on which calls follow one another.
type link struct {
	conn net.Conn
	// head bounds what is read of an answer's head.
	head *io.LimitedReader
	r    *bufio.Reader
	// since is when it was put down.
	since time.Time
}

func newLink(conn net.Conn) *link {
	head := &io.LimitedReader{R: conn}
	return &link{conn: conn, head: head, r: bufio.NewReader(head)}
}

// kept are the links that wait for another call, the last one used at the end.
type kept struct {
	mu    sync.Mutex
	links []*link
}

// take returns a link that still stands; nil where there is none.
func (k *kept) take(now time.Time) *link {
	for l := k.last(); l != nil; l = k.last() {
		if now.Sub(l.since) < keptFor && stands(l.conn) {
			return l
		}
		_ = l.conn.Close()
	}
	return nil
}

// last takes the link that was put down last; nil where there is none.
func (k *kept) last() *link {
	k.mu.Lock()
	defer k.mu.Unlock()
	n := len(k.links) - 1
	if n < 0 {
		return nil
	}
	l := k.links[n]
	k.links[n], k.links = nil, k.links[:n]
	return l
}

// put lays a link down, if there is room, and closes those that have waited for
// too long.
func (k *kept) put(l *link, now time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for len(k.links) > 0 && (now.Sub(k.links[0].since) >= keptFor || len(k.links) == maxKept) {
		_ = k.links[0].conn.Close()
		k.links = append(k.links[:0], k.links[1:]...)
	}
	l.since = now
	k.links = append(k.links, l)
}

// Close closes the connections that wait for another call. The Client may be
// used again.
func (c *Client) Close() error {
	c.kept.mu.Lock()
	defer c.kept.mu.Unlock()
	var errs []error
	for _, l := range c.kept.links {
		errs = append(errs, l.conn.Close())
	}
	c.kept.links = nil
	return errors.Join(errs...)
}

// link returns a connection: one that was kept, or a new one.
func (c *Client) link(ctx context.Context) (*link, error) {
	if l := c.kept.take(time.Now()); l != nil {
		return l, nil
	}
	conn, err := c.dial(ctx)
	if err != nil {
		return nil, err
	}
	return newLink(conn), nil
}
