// Package mfa is the verifier of AWS's TOTP devices: which codes AWS STS takes
// and spends, which pairs of codes IAM takes to enable or resynchronise a
// device, and what each of them moves. It is pure: time and state are
// arguments, new state is a result, and nothing here knows of users, accounts
// or storage.
//
// The arithmetic of codes is pquerna/otp's. The bounds are those observed at
// AWS in September 2026 (captures of the public project stackd), not promises
// of AWS: each is a constant.
package mfa

import (
	"slices"
	"time"
)

// Step is the length of a time step, counted from 1970 (RFC 6238 section 4.1:
// X = 30, T0 = 0).
const Step = 30 * time.Second

// Window is how far a code's counter may lie from the server's adjusted one
// for STS, either way: −2 … +2 (observed; 3 is refused).
const Window = 2

// Range of a pair's second counter around the server's adjusted one, in steps
// (observed: both ends accepted, their neighbours refused).
const (
	PairBack  = 998
	PairAhead = 1000
)

// Budget of verifications of one device: [BudgetSize] in each [BudgetWindow]
// counted from 1970, whatever their outcome (observed).
const (
	BudgetSize   = 9
	BudgetWindow = 3 * time.Minute
)

// spentKept is how many spent counters of a seed are remembered, newest first.
// All that a code can ever be accepted for, now or after the furthest resync,
// are fewer than PairBack + PairAhead + 2·Window steps.
const spentKept = 2048

// Counter is the time step that contains t.
func Counter(t time.Time) int64 {
	seconds, step := t.Unix(), int64(Step/time.Second)
	if seconds < 0 {
		return (seconds - step + 1) / step
	}
	return seconds / step
}

// A Device is what AWS remembers of a device across pairs. It survives
// deactivation. The zero Device is a fresh one.
type Device struct {
	// Adjustment is what is added to the server's counter to get the
	// device's, in steps.
	Adjustment int64 `json:"adjustment,omitempty"`
	// LastPair is the second counter of the last accepted pair, 0 without one.
	LastPair int64 `json:"last_pair,omitempty"`
}

// Spent is the counters of a seed that have bought a session, ascending.
type Spent []int64

// Has tells whether counter is spent.
func (s Spent) Has(counter int64) bool {
	_, found := slices.BinarySearch(s, counter)
	return found
}

// With returns the set with counter in it. s stays as it is.
func (s Spent) With(counter int64) Spent {
	at, found := slices.BinarySearch(s, counter)
	if found {
		return s
	}
	more := slices.Insert(slices.Clone(s), at, counter)
	return more[max(0, len(more)-spentKept):]
}

// A Budget is how many verifications a device had in a window. The zero Budget
// is unused.
type Budget struct {
	// Window is the number of the window since 1970.
	Window int64 `json:"window"`
	Taken  int   `json:"taken"`
}

// Take takes one verification at now. False means that the window's are used
// up, and the budget unchanged.
func (b Budget) Take(now time.Time) (Budget, bool) {
	window := now.Unix() / int64(BudgetWindow/time.Second)
	if b.Window != window {
		return Budget{Window: window, Taken: 1}, true
	}
	if b.Taken >= BudgetSize {
		return b, false
	}
	b.Taken++
	return b, true
}

// An Outcome is what a verification came to.
type Outcome int

// The outcomes.
const (
	// Refused: the digits are of no counter in the window.
	Refused Outcome = iota
	// Replayed: the digits are of a counter that is spent.
	Replayed
	// Accepted: the counter is good, and to be spent.
	Accepted
)

// A Verdict is what the verifier says to a code.
type Verdict struct {
	Outcome Outcome
	// Counter is the accepted one.
	Counter int64
	// Matches are all counters of the window whose digits these are, spent or
	// not: one as a rule, none for a wrong code.
	Matches []int64
}

// Verify looks for code in the window around now. It changes nothing: the
// caller spends the counter it accepts.
func Verify(seed Seed, adjustment int64, spent Spent, code string, now time.Time) Verdict {
	var v Verdict
	center := Counter(now) + adjustment
	for counter := center - Window; counter <= center+Window; counter++ {
		if !seed.has(counter, code) {
			continue
		}
		v.Matches = append(v.Matches, counter)
		if v.Outcome != Accepted && !spent.Has(counter) {
			v.Outcome, v.Counter = Accepted, counter
		}
	}
	if v.Outcome != Accepted && len(v.Matches) > 0 {
		v.Outcome = Replayed
	}
	return v
}

// Pair looks for two consecutive codes, first and second, in the range around
// now: both newer than the device's last pair. It looks where they are most
// likely first, near now. With them it returns the device with its clock
// adjusted so that the second code is the present one. The codes stay unspent,
// and spent ones are good for a pair.
func Pair(seed Seed, d Device, first, second string, now time.Time) (Device, bool) {
	server := Counter(now)
	center := server + d.Adjustment
	oldest := max(center-PairBack, d.LastPair+2)
	for distance := int64(0); distance <= PairAhead; distance++ {
		for _, counter := range [...]int64{center + distance, center - distance} {
			if counter >= oldest && seed.has(counter, second) && seed.has(counter-1, first) {
				return Device{Adjustment: counter - server, LastPair: counter}, true
			}
		}
	}
	return d, false
}
