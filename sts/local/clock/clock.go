// Package clock is the time of the local AWS: the host's, the host's moved by
// an offset, or one that stands still until it is told. Everything in the
// server that depends on time, the Date header included, reads it from here,
// so that a test turns one clock and the whole of AWS follows.
package clock

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
)

// ErrFixed is the refusal to move the system clock.
var ErrFixed = errors.New("the system clock can't be moved")

// ErrRange is the refusal of a time that the clock can't show: an RFC 3339 year
// has four digits, and an offset reaches 292 years from the host's time.
var ErrRange = errors.New("the clock can't show that time")

// A Clock tells the server's time. It is safe for concurrent use.
type Clock struct {
	host func() time.Time

	mu      sync.Mutex
	kind    kind
	offset  time.Duration // kindOffset: added to the host's time
	instant time.Time     // kindManual: the time it shows
}

type kind int

const (
	kindSystem kind = iota
	kindManual
	kindOffset
)

// System returns the host's clock, which can't be moved.
func System() *Clock { return &Clock{host: time.Now} }

// Manual returns a clock that shows t until it is moved.
func Manual(t time.Time) *Clock {
	return &Clock{host: time.Now, kind: kindManual, instant: t}
}

// Offset returns a clock that runs with the host's, d ahead of it, and can be
// moved.
func Offset(d time.Duration) *Clock {
	return &Clock{host: time.Now, kind: kindOffset, offset: d}
}

// Parse reads the value of fobaws's --clock: "system", "manual=RFC3339" or
// "offset=DURATION".
func Parse(s string) (*Clock, error) {
	if s == "" || s == "system" {
		return System(), nil
	}
	name, value, _ := strings.Cut(s, "=")
	switch name {
	case "manual":
		t, err := time.Parse(time.RFC3339, value)
		if err != nil {
			return nil, fmt.Errorf("clock %q: %w", s, err)
		}
		return Manual(t), nil
	case "offset":
		d, err := time.ParseDuration(value)
		if err != nil {
			return nil, fmt.Errorf("clock %q: %w", s, err)
		}
		return Offset(d), nil
	}
	return nil, fmt.Errorf("clock %q: want system, manual=RFC3339 or offset=DURATION", s)
}

// Now returns the time in UTC.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at(c.host())
}

// at is the clock's time in UTC at a time of the host. The caller holds mu.
func (c *Clock) at(host time.Time) time.Time {
	switch c.kind {
	case kindManual:
		return c.instant.UTC()
	case kindOffset:
		return host.Add(c.offset).UTC()
	}
	return host.UTC()
}

// Movable tells whether Set and Advance are served.
func (c *Clock) Movable() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.kind != kindSystem
}

// Set makes the clock show t now: a manual one stands there, an offset one
// runs on from there. The system clock refuses with [ErrFixed], any with
// [ErrRange].
func (c *Clock) Set(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.move(c.host(), t)
}

// move makes the clock show t at a time of the host. The caller holds mu.
func (c *Clock) move(host, t time.Time) error {
	offset := t.Sub(host)
	year := t.UTC().Year()
	switch {
	case c.kind == kindSystem:
		return ErrFixed
	case year < 0 || year > 9999 || c.kind == kindOffset && !host.Add(offset).Equal(t):
		return ErrRange
	case c.kind == kindManual:
		c.instant = t
	default:
		c.offset = offset
	}
	return nil
}

// Advance moves the clock by d, backwards where d is negative. The system
// clock refuses with [ErrFixed], any with [ErrRange].
func (c *Clock) Advance(d time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	host := c.host()
	return c.move(host, c.at(host).Add(d))
}
