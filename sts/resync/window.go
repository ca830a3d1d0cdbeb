// Package resync holds what fob knows about the counters that AWS accepts for
// an MFA device: the window around AWS's time, the device's adjustment and how
// it is learnt from verdicts, which counter or pair to use next, how far a
// token's clock is off, and what to do after a refusal ([Decide]).
//
// All of it is arithmetic: time comes in as an argument, nothing is remembered
// and nothing is sent. Which counters were spent is the ledger's to know, and
// how a code is got from a token the agent's.
//
// Wherever a time is called awsNow it is AWS's own, as the Date header of an
// answer gave it; fob never reckons windows by the host's clock alone.
package resync

import "time"

const (
	// Step is the length of a time step (RFC 6238, 4.1, X; AWS's devices have
	// no other).
	Step = 30 * time.Second
	// Reach is how many steps a code's counter may be from the middle of the
	// window, either way. Captured from AWS by the project stackd in September
	// 2026: −2 … +2 accepted, ±3 refused.
	Reach = 2
	// PairBack and PairAhead bound the second counter of a pair for Enable or
	// Resync, in steps from AWS's own counter and the adjustment so far. Same
	// capture: both edges accepted, their neighbours refused.
	PairBack  = 998
	PairAhead = 1000
	// Budget is how many codes AWS verifies for a device in a BudgetWindow,
	// right and wrong ones alike; then it says that it is unable to validate
	// even a good one. Same capture.
	Budget = 9
	// BudgetWindow is the length of the windows that budgets are for. They
	// begin at 00:00, 00:03, … UTC. Same capture.
	BudgetWindow = 3 * time.Minute
	// Propagation is how long STS may go on as before after IAM has changed a
	// device: 8 to 14 s in the same capture, and some more for safety.
	Propagation = 16 * time.Second
)

// Counter returns the number of the time step that contains t (RFC 6238, 4.2,
// with T0 = 0). Times before 1970 are in step 0.
func Counter(t time.Time) uint64 {
	if t.Unix() < 0 {
		return 0
	}
	return uint64(t.Unix()) / uint64(Step/time.Second)
}

// Start returns when the time step begins.
func Start(counter uint64) time.Time {
	return time.Unix(int64(counter)*int64(Step/time.Second), 0).UTC()
}

// Window returns the lowest and the highest counter that AWS accepts at awsNow
// from a device with the adjustment, in steps.
func Window(awsNow time.Time, adjustment int) (low, high uint64) {
	middle := add(Counter(awsNow), adjustment)
	return add(middle, -Reach), add(middle, Reach)
}

// BudgetAt returns the budget window that contains awsNow: its first instant,
// and that of the next one.
func BudgetAt(awsNow time.Time) (start, next time.Time) {
	start = awsNow.UTC().Truncate(BudgetWindow)
	return start, start.Add(BudgetWindow)
}

// add moves a counter by some steps and stays within what a counter can be.
func add(counter uint64, steps int) uint64 {
	if steps < 0 && uint64(-int64(steps)) > counter {
		return 0
	}
	return counter + uint64(int64(steps))
}

// diff returns a − b in steps.
func diff(a, b uint64) int { return int(int64(a) - int64(b)) }
