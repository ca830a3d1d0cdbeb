package mfa

import (
	"sync"
	"time"

	"github.com/fob-auth/fob/sts/resync"
)

// truncation is what the Date header of HTTP cuts off (RFC 9110, 5.6.7): an
// answer dated d was given at d or up to a second later.
const truncation = time.Second

// A Clock knows AWS's time at each endpoint, from the Date of AWS's answers and
// the host's clock between them. The zero value knows of no skew.
type Clock struct {
	// Default names the endpoint whose time is meant where none is named, as for
	// the codes of a credential that is bound to no MFA device; nil for the
	// host's time.
	Default func() string

	mu   sync.Mutex
	seen map[string]sighting
}

// latency is how long an answer may have been on its way, for what is taken
// from several of them together.
const latency = 200 * time.Millisecond

// A sighting is what readings of AWS's clock tell.
type sighting struct {
	skew time.Duration
	// low and high bound the skew: what the last reading and those before it
	// that agree with it have in common.
	low, high time.Duration
	at        time.Time // the host's
}

// Observe takes note of an answer: date is its Date header. A host whose clock
// may be right to the second is taken to be right; of another the answers that
// agree, each cut to the second at another moment, tell more than one does.
func (c *Clock) Observe(endpoint string, date time.Time) {
	if date.IsZero() {
		return
	}
	now := time.Now()
	seen := sighting{skew: resync.Skew(date, now), low: date.Sub(now), high: date.Add(truncation + latency).Sub(now), at: now}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.seen == nil {
		c.seen = map[string]sighting{}
	}
	if seen.skew.Abs() <= truncation {
		seen.skew = 0
	} else if last, ok := c.seen[endpoint]; ok && max(last.low, seen.low) <= min(last.high, seen.high) {
		seen.low, seen.high = max(last.low, seen.low), min(last.high, seen.high)
		seen.skew = (seen.low + seen.high - latency) / 2
	}
	c.seen[endpoint] = seen
}

// Skew returns AWS's time less the host's; 0 where no answer was seen yet.
func (c *Clock) Skew(endpoint string) time.Duration {
	if endpoint == "" && c.Default != nil {
		endpoint = c.Default()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.seen[endpoint].skew
}

// Now returns AWS's time, as well as it is known.
func (c *Clock) Now(endpoint string) time.Time { return time.Now().Add(c.Skew(endpoint)) }

// Known reports whether AWS's clock was ever read.
func (c *Clock) Known(endpoint string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, ok := c.seen[endpoint]
	return ok
}

// fresh reports whether AWS's clock was read within the last age.
func (c *Clock) fresh(endpoint string, age time.Duration) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	s, ok := c.seen[endpoint]
	return ok && time.Since(s.at) <= age
}
