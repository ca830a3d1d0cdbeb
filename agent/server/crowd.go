package server

import (
	"fmt"
	"sync"

	"github.com/fob-auth/fob/agent/api"
)

const (
	// maxAtOnce bounds how many connections one process has at once, and with
	// them how many of its requests are on their way.
	maxAtOnce = 512
	// crowdedMS is when one that asked for more should come back.
	crowdedMS = 100
)

// A crowd counts the connections of each process. The zero value works.
type crowd struct {
	mu   sync.Mutex
	here map[int]int
}

// enter lets one more connection of a process in, until leave is called.
func (c *crowd) enter(pid int) (leave func(), err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.here[pid] >= maxAtOnce {
		return nil, &api.Error{Code: api.RateLimited, RetryAfterMS: crowdedMS,
			Message: fmt.Sprintf("process %d has %d connections, and no more are let in", pid, maxAtOnce)}
	}
	if c.here == nil {
		c.here = map[int]int{}
	}
	c.here[pid]++
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.here[pid]--; c.here[pid] == 0 {
			delete(c.here, pid)
		}
	}, nil
}
