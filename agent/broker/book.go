package broker

import (
	"time"

	"github.com/fob-auth/fob/agent/store"
	"github.com/fob-auth/fob/sts"
)

// A book is what the ledger knows about one request's counters.
type book struct {
	request Request
	device  store.Device
	// floor is the highest counter that counts as used without being written.
	floor uint64
	// lost is the part of the floor that comes from a lost ledger.
	lost uint64
	// sealed says that no counter of this clock is known to be unused.
	sealed bool
	taken  map[uint64]bool
	// attempts is how many verifications of the present window are taken;
	// windowLost says that nobody knows, since a ledger was lost in it.
	attempts   int
	windowLost bool
}

// searched is how far past the candidates the next free counter is looked for.
const searched = 1024

func openBook(tx *store.Tx, r Request) (*book, error) {
	b := &book{request: r, taken: map[uint64]bool{}}
	closure := tx.Closure()
	b.lost = closure.Floor(r.period())
	if r.Device != (sts.Device{}) {
		d, err := tx.Device(r.Device)
		if err != nil {
			return nil, err
		}
		b.device, b.lost = d, floorOf(closure, d)
	}
	if r.Verifies {
		window := windowOf(r.AWSNow)
		n, err := tx.Attempts(r.Device, window)
		if err != nil {
			return nil, err
		}
		b.attempts, b.windowLost = n, lostWindow(closure, window)
	}
	b.floor = b.lost
	low, high := r.Candidates[0], r.Candidates[0]
	for _, c := range r.Candidates {
		low, high = min(low, c), max(high, c)
	}
	// A lost ledger may have given out counters of a clock that runs ahead,
	// and only binding it anew tells which.
	b.sealed = closure.Closed() && r.Device == (sts.Device{}) && high > stepOf(r.AWSNow, r.period())+store.Ahead
	list, err := tx.Taken(r.Device, r.Token, r.Credential, low, max(high, b.floor)+searched)
	if err != nil {
		return nil, err
	}
	for _, c := range list {
		b.taken[c.Counter] = true
	}
	return b, nil
}

func (b *book) free(c uint64) bool { return c > b.floor && !b.sealed && !b.taken[c] }

// refuse says why none of the candidates is free, and when one is, where run
// counters are wanted in a row.
func (b *book) refuse(run uint64) error {
	var high uint64
	for _, c := range b.request.Candidates {
		high = max(high, c)
	}
	if b.sealed {
		return &ClosedError{Device: b.request.Device, Floor: high}
	}
	next := max(high, b.floor) + 1
	for last := next; last < next+run; last++ {
		if b.taken[last] {
			next = last + 1
		}
	}
	if high <= b.lost {
		return &ClosedError{Device: b.request.Device, Floor: b.lost, Until: b.opens(next + run - 1 - high)}
	}
	return &SpentError{Device: b.request.Device, Candidates: b.request.Candidates, Next: next}
}

// opens returns when the token is so many steps further, and the device has a
// verification left: AWS's time, and never early, be it by the part of a second
// that nobody is told.
func (b *book) opens(steps uint64) time.Time {
	r := b.request
	step := stepOf(r.AWSNow.Add(r.Offset), r.period())
	at := startOf(step+steps, r.period()).Add(-r.Offset)
	if end := endOfWindow(windowOf(r.AWSNow)); (b.windowLost || b.attempts >= Budget) && at.Before(end) {
		at = end
	}
	return at.Add(time.Second - 1).Truncate(time.Second)
}

// correctClosure moves the closure of a lost ledger back to AWS's time, where
// the host's clock was so far ahead that the ledger would stay closed for
// long: no code of so late a step can have been given out. It reports whether it did.
func correctClosure(tx *store.Tx, awsNow time.Time) bool {
	c := tx.Closure()
	latest := awsNow.UTC().Truncate(Step).Add((nearSteps + 1) * Step)
	if !c.Closed() || !c.Until.After(latest) {
		return false
	}
	until := awsNow.UTC().Truncate(Step).Add((store.Ahead + 1) * Step)
	if reached := tx.Reached(); reached.After(until) && !reached.After(latest) {
		until = reached
	}
	tx.SetClosure(awsNow, until)
	return true
}
