package policy

import (
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"github.com/fob-auth/fob/agent/caller"
)

// Limits bound what one client may do. A cached session costs nothing.
type Limits struct {
	// PerSecond acts are let through in the long run, and Burst at once.
	PerSecond float64
	Burst     int
}

// A RateError says that a client asks too often.
type RateError struct {
	Client string
	After  time.Duration
}

func (e *RateError) Error() string {
	return fmt.Sprintf("%s asks too often; the next act is let through in %s", e.Client, e.After.Round(time.Millisecond))
}

// ClientOf names the client that a chain of processes is counted as: the first
// program that isn't fob itself, since each call of that is another process.
func ClientOf(chain []caller.Process) string {
	for i, p := range chain {
		if filepath.Base(p.Exe) != "fob" || i == len(chain)-1 {
			return fmt.Sprintf("%s (pid %d)", p, p.PID)
		}
	}
	return "a program that can't be told"
}

// A Limiter counts the acts of each client: a bucket that fills by so much a
// second, and from which each act takes one. Use NewLimiter.
type Limiter struct {
	limits Limits

	mu      sync.Mutex
	buckets map[string]bucket
}

type bucket struct {
	left float64
	at   time.Time
}

// maxBuckets bounds how many clients are counted. One that is forgotten begins
// with a full bucket.
const maxBuckets = 1024

// NewLimiter returns a limiter; zero limits let everything through.
func NewLimiter(l Limits) *Limiter { return &Limiter{limits: l, buckets: map[string]bucket{}} }

// Take lets one act of a client through, or returns a *RateError.
func (l *Limiter) Take(client string, now time.Time) error {
	if l.limits.Burst <= 0 || l.limits.PerSecond <= 0 {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.filled(client, now)
	if b.left < 1 {
		return &RateError{Client: client, After: time.Duration((1 - b.left) / l.limits.PerSecond * float64(time.Second))}
	}
	b.left--
	l.buckets[client] = b
	l.sweep(now)
	return nil
}

// Return gives back what an act took that turned out to cost nothing.
func (l *Limiter) Return(client string, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, known := l.buckets[client]; !known {
		return
	}
	b := l.filled(client, now)
	b.left = min(b.left+1, float64(l.limits.Burst))
	l.buckets[client] = b
}

// filled is a client's bucket as it is now.
func (l *Limiter) filled(client string, now time.Time) bucket {
	b, known := l.buckets[client]
	if !known {
		return bucket{left: float64(l.limits.Burst), at: now}
	}
	gained := max(0, now.Sub(b.at).Seconds()) * l.limits.PerSecond
	return bucket{left: min(b.left+gained, float64(l.limits.Burst)), at: now}
}

// sweep forgets clients whose buckets are full again, and where that isn't
// enough, any.
func (l *Limiter) sweep(now time.Time) {
	if len(l.buckets) <= maxBuckets {
		return
	}
	for client := range l.buckets {
		if l.filled(client, now).left >= float64(l.limits.Burst) {
			delete(l.buckets, client)
		}
	}
	for client := range l.buckets {
		if len(l.buckets) <= maxBuckets {
			return
		}
		delete(l.buckets, client)
	}
}
