package broker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/fob-auth/fob/agent/store"
	"github.com/fob-auth/fob/sts"
)

// What AWS was seen to do with codes. It promises none of it.
const (
	// Step is the length of AWS's time step.
	Step = store.Step
	// Budget is how many verifications AWS makes for a device in one Window;
	// further codes are refused unseen, good ones too.
	Budget = 9
	// Window is what the budget counts in: windows begin at whole multiples
	// of it, in UTC.
	Window = 3 * time.Minute
	// keptSteps is how long a counter is remembered. The search for a pair
	// reaches back 998 steps.
	keptSteps = 1100
	// keptFences is how many transactions a counter is remembered for at
	// least, however far the clock jumps.
	keptFences = 1024
	// nearSteps is how far from AWS's step a counter can lie that was computed
	// for AWS's time. What lies farther comes from a token's own clock.
	nearSteps = 16
)

// A Request asks for a counter.
type Request struct {
	// Device is the MFA device that the code is for; zero where none is bound
	// to the credential.
	Device sts.Device
	// Token and Credential name the credential that will compute the code.
	Token, Credential string
	// AWSNow is AWS's time.
	AWSNow time.Time
	// Period is the length of the credential's time step; 0 is AWS's.
	Period time.Duration
	// Offset is what the token's own clock shows less AWS's time; 0 for a token
	// that computes any counter.
	Offset time.Duration
	// Candidates are the counters that would do, the best first.
	Candidates []uint64
	// Verifies says that the code goes to AWS, and takes one of the device's
	// verifications.
	Verifies bool
	// Purpose is written beside the counter, for people.
	Purpose string
}

func (r Request) period() time.Duration {
	if r.Period == 0 {
		return Step
	}
	return r.Period
}

// maxCandidates bounds a request.
const maxCandidates = 64

func (r Request) check() error {
	switch {
	case r.Token == "" || r.Credential == "":
		return errors.New("reserve a counter: no credential named")
	case r.Verifies && r.Device == (sts.Device{}):
		return errors.New("reserve a counter: a verification without a device")
	case len(r.Candidates) == 0 || len(r.Candidates) > maxCandidates:
		return fmt.Errorf("reserve a counter: %d candidates", len(r.Candidates))
	case r.period() < time.Second || r.period()%time.Second != 0:
		return fmt.Errorf("reserve a counter: a time step of %s", r.Period)
	}
	for _, c := range r.Candidates {
		if c > maxCounter {
			return fmt.Errorf("reserve a counter: %d is no time step", c)
		}
	}
	return nil
}

// maxCounter bounds counters so that none overflows, times a period of up to
// an hour, what a time holds.
const maxCounter = 1 << 48

// A Reservation is a counter, or a pair, that nobody else gets. It ends with
// [Ledger.Settle].
type Reservation struct {
	// Fence is larger than that of every earlier reservation.
	Fence int64
	// Counter is the counter, or the first of a pair.
	Counter    uint64
	Pair       bool
	Device     sts.Device
	Token      string
	Credential string
}

// An Outcome is what became of a reserved code.
type Outcome int

// The outcomes.
const (
	// Accepted and Refused: AWS looked at the code.
	Accepted Outcome = iota + 1
	Refused
	// Released: the code never left. Its counter is free again, and the
	// verification given back.
	Released
	// Unknown: the code left, for AWS or for a person, and what came of it
	// isn't known. It counts as used.
	Unknown
)

// A Ledger hands out counters. Its methods may be called from any goroutine;
// each returns when what it did is on the disk.
type Ledger struct{ store *store.Store }

// NewLedger returns the ledger in a state file.
func NewLedger(s *store.Store) *Ledger { return &Ledger{s} }

// Reserve takes the first candidate that was never taken, neither for the
// device nor for the credential. Errors are *SpentError, *ClosedError and
// *ThrottledError, and then nothing was taken.
func (l *Ledger) Reserve(ctx context.Context, r Request) (Reservation, error) {
	return l.reserve(ctx, r, func(b *book) ([]uint64, error) {
		for _, c := range r.Candidates {
			if b.free(c) {
				return []uint64{c}, nil
			}
		}
		return nil, b.refuse(1)
	})
}

// ReservePair takes a counter and the one after it, for enrolment or resync:
// both were never taken, and are newer than the last pair. The request's
// Candidates aren't read. A pair takes one verification where it Verifies.
func (l *Ledger) ReservePair(ctx context.Context, r Request, first uint64) (Reservation, error) {
	r.Candidates = []uint64{first, first + 1}
	return l.reserve(ctx, r, func(b *book) ([]uint64, error) {
		b.floor = max(b.floor, b.device.LastPair)
		if b.free(first) && b.free(first+1) {
			return r.Candidates, nil
		}
		return nil, b.refuse(2)
	})
}

func (l *Ledger) reserve(ctx context.Context, r Request, pick func(*book) ([]uint64, error)) (Reservation, error) {
	if err := r.check(); err != nil {
		return Reservation{}, err
	}
	var res Reservation
	var refusal error
	err := l.store.Update(ctx, func(tx *store.Tx) error {
		corrected := correctClosure(tx, r.AWSNow)
		var err error
		res, err = reserveIn(tx, r, pick)
		if corrected && isRefusal(err) {
			// The correction must hold though nothing was taken: made anew at
			// each request, it would never come to an end.
			refusal = err
			return nil
		}
		return err
	})
	if err := errors.Join(err, refusal); err != nil {
		return Reservation{}, err
	}
	return res, nil
}

// reserveIn refuses before it writes anything.
func reserveIn(tx *store.Tx, r Request, pick func(*book) ([]uint64, error)) (Reservation, error) {
	b, err := openBook(tx, r)
	if err != nil {
		return Reservation{}, err
	}
	picked, err := pick(b)
	if err != nil {
		return Reservation{}, err
	}
	var window int64
	if r.Verifies {
		if window, err = b.takeAttempt(tx); err != nil {
			return Reservation{}, err
		}
	}
	res := Reservation{Fence: tx.Fence(), Counter: picked[0], Pair: len(picked) > 1,
		Device: r.Device, Token: r.Token, Credential: r.Credential}
	if err := take(tx, r, picked, window); err != nil {
		return Reservation{}, err
	}
	return res, tx.Prune(r.AWSNow.Add(-keptSteps*Step), tx.Fence()-keptFences)
}

// take writes the counters of one reservation.
func take(tx *store.Tx, r Request, picked []uint64, window int64) error {
	for _, c := range picked {
		err := tx.AddCounter(store.Counter{Fence: tx.Fence(), Counter: c, Device: r.Device, Token: r.Token, Credential: r.Credential,
			State: store.Reserved, Purpose: r.Purpose, Window: window, Time: r.AWSNow})
		if err != nil {
			return err
		}
		if near(r, c) {
			tx.Reach(startOf(c+1, r.period()))
		}
	}
	return nil
}

// Settle says what became of a reservation. It can be said once, by the run of
// the agent that made it: else the error is [store.ErrStale]. Like all that
// only writes down what has happened, it doesn't end with ctx.
func (l *Ledger) Settle(ctx context.Context, res Reservation, o Outcome) error {
	state, ok := map[Outcome]store.State{Accepted: store.Accepted, Refused: store.Refused, Unknown: store.Unknown}[o]
	if !ok && o != Released {
		return fmt.Errorf("settle counter %d: no outcome %d", res.Counter, o)
	}
	return l.store.Update(context.WithoutCancel(ctx), func(tx *store.Tx) error {
		open, err := tx.Open(res.Fence)
		if err != nil {
			return fmt.Errorf("settle counter %d: %w", res.Counter, err)
		}
		if open[0].Device != res.Device || open[0].Token != res.Token || open[0].Credential != res.Credential {
			return fmt.Errorf("settle counter %d: %w", res.Counter, store.ErrStale)
		}
		if o == Released && open[0].Window != 0 {
			if err := giveBack(tx, open[0]); err != nil {
				return err
			}
		}
		for _, c := range open {
			if o == Released {
				err = tx.Free(c)
			} else {
				err = tx.Settle(c, state)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// windowOf numbers the windows of the budget, from 1 on.
func windowOf(t time.Time) int64 { return t.Unix()/int64(Window/time.Second) + 1 }

func endOfWindow(n int64) time.Time { return time.Unix(n*int64(Window/time.Second), 0).UTC() }

func stepOf(t time.Time, period time.Duration) uint64 {
	return uint64(max(t.Unix(), 0)) / uint64(period/time.Second)
}

func startOf(counter uint64, period time.Duration) time.Time {
	return time.Unix(int64(counter)*int64(period/time.Second), 0).UTC()
}

func near(r Request, c uint64) bool { return c <= stepOf(r.AWSNow, r.period())+nearSteps }

// takeAttempt counts a verification, or says when the next can be made.
func (b *book) takeAttempt(tx *store.Tx) (int64, error) {
	window := windowOf(b.request.AWSNow)
	switch {
	case b.windowLost:
		return 0, &ClosedError{Device: b.request.Device, Floor: b.lost, Until: endOfWindow(window)}
	case b.attempts >= Budget:
		return 0, &ThrottledError{Device: b.request.Device, Until: endOfWindow(window)}
	}
	return window, tx.SetAttempts(b.request.Device, window, b.attempts+1)
}

func giveBack(tx *store.Tx, c store.Counter) error {
	n, err := tx.Attempts(c.Device, c.Window)
	if err != nil {
		return err
	}
	return tx.SetAttempts(c.Device, c.Window, max(n-1, 0))
}

// lostWindow reports whether a window's attempts were lost with a ledger: they
// count as used up.
func lostWindow(c store.Closure, window int64) bool {
	return c.Closed() && window <= windowOf(c.At)
}
