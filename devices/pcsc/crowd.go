package pcsc

import (
	"sync"
	"time"
)

// A crowd is the programs that are connected to the PC/SC service. PC/SC says
// of a card that it is in use, and not by whom: a program that stays connected
// for hours would hide another that comes, works without a transaction and
// goes.
type crowd struct {
	list func() ([]connection, error)
	ours func() map[uint32]bool

	mu sync.Mutex
	// since is when each connection was first seen, by its number; that of one
	// of ours is the zero time.
	since map[uint32]time.Time
}

// A connection is one client's to the PC/SC service, with the numbers that the
// system gives its two ends.
type connection struct{ service, client uint32 }

func newCrowd() *crowd { return &crowd{list: connections, ours: ownSockets} }

// look takes note of who is there.
func (c *crowd) look(now time.Time) { c.visited(now, 0) }

// visited says whether another program came to the service less than so long
// before now, as far as was looked; known is false where that can't be seen.
func (c *crowd) visited(now time.Time, recent time.Duration) (came, known bool) {
	list, err := c.list()
	if err != nil {
		return false, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	since := make(map[uint32]time.Time, len(list))
	var ours map[uint32]bool
	for _, one := range list {
		at, seen := c.since[one.service]
		if !seen {
			if ours == nil {
				ours = c.ours()
			}
			if !ours[one.client] {
				at = now
			}
		}
		since[one.service] = at
		came = came || now.Sub(at) < recent
		known = known || at.IsZero() // whoever sees others sees himself
	}
	c.since = since
	return came && known, known
}
