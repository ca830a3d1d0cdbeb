package resync

import (
	"time"

	"github.com/fob-auth/fob/sts"
)

// An Action is what to do after a refusal.
type Action string

// The actions.
const (
	// GiveUp: tell the caller. At, where set, is when it may come back.
	GiveUp Action = "give-up"
	// WaitUntil: wait for At and then take a code that is free by then.
	WaitUntil Action = "wait"
	// UseCounter: send the code of Counter, once.
	UseCounter Action = "use-counter"
	// Resync: two codes for IAM would help, and nothing short of that.
	Resync Action = "resync"
	// Again: make the same call with the new Skew; it carried no code.
	Again Action = "again"
)

// A Reason says why a decision is what it is. Classes of refusal that can only
// be reported have [Reported].
type Reason string

// The reasons.
const (
	// CodeRefused: AWS looked at a code that lay in the window and refused it:
	// it was used elsewhere, or the token holds another seed.
	CodeRefused Reason = "code-refused"
	// OutsideWindow: the code's time step was outside AWS's window.
	OutsideWindow Reason = "outside-window"
	// AdjustmentUnknown: nobody knows where the device's window lies.
	AdjustmentUnknown Reason = "adjustment-unknown"
	// OutOfReach: even the search for a pair doesn't go that far.
	OutOfReach Reason = "out-of-reach"
	// PairNotNewer: the pair was no newer than the last one.
	PairNotNewer Reason = "pair-not-newer"
	// PairRefused: AWS looked at the pair and refused it, for no reason that
	// fob can see: another seed, or a pair it doesn't know of.
	PairRefused Reason = "pair-refused"
	// BudgetSpent: the device's verifications of this window are used up.
	BudgetSpent Reason = "budget-spent"
	// WrongSerial: the MFA device isn't this user's, or isn't enabled.
	WrongSerial Reason = "wrong-serial"
	// NotYetKnown: the device was changed a moment ago and STS may not have
	// heard of it.
	NotYetKnown Reason = "not-yet-known"
	// HostClock: the host's clock is off, and AWS's time is known now.
	HostClock Reason = "host-clock"
	// ClockUnfixed: AWS refuses the signature's time although it is AWS's own.
	ClockUnfixed Reason = "clock-unfixed"
	// NoneFree: every counter that AWS takes now is spent.
	NoneFree Reason = "none-free"
	// ComeBack: AWS is busy or failing.
	ComeBack Reason = "come-back"
	// Reported: the class of the refusal says all.
	Reported Reason = "reported"
)

// maxTries is how many codes one request of a caller may cost, at most. Two:
// the first, and one more where something was learnt that makes a difference.
const maxTries = 2

// retryPause is how long AWS is left alone after it asked for that or failed.
const retryPause = 5 * time.Second

// Evidence is all that bears on what to do after a refusal.
type Evidence struct {
	Class sts.Class
	// Date is AWS's time in the refusal; zero where no answer came.
	Date time.Time
	// HostNow is the host's time when the refusal came.
	HostNow time.Time
	// Skew is AWS's time less the host's as the call reckoned with.
	Skew time.Duration
	// OwnClock is true for a token that gives codes of its present step only,
	// false for one that computes whatever it is asked for.
	OwnClock bool
	// Reckoned says that the token shows no clock: its counter was reckoned
	// from when its digits change, and may be wrong by whole steps.
	Reckoned bool
	// Counter is the counter of the code that was refused; of a pair, its
	// second. 0 where the call carried no code.
	Counter uint64
	// Knowledge is what was known of the adjustment before the call.
	Knowledge Knowledge
	// LastPair is the second counter of the device's last accepted pair; 0
	// where none is known.
	LastPair uint64
	// ChangedAt is AWS's time when IAM last changed the device; zero where
	// that isn't known.
	ChangedAt time.Time
	// Free reports whether a counter was never spent on the device. nil means
	// that all but Counter are free.
	Free func(counter uint64) bool
	// Tries is how many codes this request has cost, with the refused one.
	Tries int
	// Spent is how many verifications the device has had in the budget window
	// of Date, as far as fob knows, with the refused one.
	Spent int
}

// A Decision is what to do.
type Decision struct {
	Action Action
	Reason Reason
	// Counter is what to use, for UseCounter.
	Counter uint64
	// At is until when to wait, in AWS's time, for WaitUntil; for GiveUp when
	// it is worth coming back, or zero.
	At time.Time
	// Skew is AWS's time less the host's as known now.
	Skew time.Duration
	// Knowledge is what is known of the adjustment now.
	Knowledge Knowledge
}

// Decide is the only loop of a session: each refusal goes through it, and it
// says whether another code makes sense. It never has the same code sent
// again, and never another one unless something was learnt that makes a
// difference.
func Decide(e Evidence) Decision {
	d := Decision{Action: GiveUp, Reason: Reported, Skew: e.Skew, Knowledge: e.Knowledge}
	if !e.Date.IsZero() && !e.HostNow.IsZero() {
		if now := Skew(e.Date, e.HostNow); (now - e.Skew).Abs() > skewSlack {
			d.Skew = now
		}
	}
	switch e.Class {
	case sts.WrongCode:
		wrongCode(e, &d)
	case sts.WrongPair:
		wrongPair(e, &d)
	case sts.Unverifiable:
		unverifiable(e, &d)
	case sts.Skewed:
		skewed(e, &d)
	case sts.Throttled, sts.Busy:
		// AWS says that it hasn't looked; still, digits that left once aren't
		// sent again: after the pause another free counter is due.
		comeBack(e, &d)
		if e.Tries < maxTries && !d.At.IsZero() {
			d.Action = WaitUntil
		}
	case sts.Fault:
		// AWS may have used the code up before it failed, and may fail again.
		comeBack(e, &d)
	}
	return d
}

// comeBack says when AWS is worth another call.
func comeBack(e Evidence, d *Decision) {
	d.Reason = ComeBack
	if !e.Date.IsZero() {
		d.At = e.Date.Add(retryPause)
	}
}

// wrongCode: AWS looked at the code and refused it.
func wrongCode(e Evidence, d *Decision) {
	d.Reason = CodeRefused
	if e.Date.IsZero() || noneLeft(e, d) || tooSoon(e, d) {
		return
	}
	fit := e.Knowledge.Fit(e.Date, e.Counter)
	switch {
	case fit == Inside && e.Reckoned:
		d.Reason = OutsideWindow
	case fit == Inside:
		// It should have been taken. Knowledge stays: a code that somebody
		// used elsewhere says nothing about the window.
		d.At = e.Date.Add(Step)
		return
	case !e.Knowledge.Known:
		d.Reason = AdjustmentUnknown
	case fit == Maybe:
		d.Reason, d.Knowledge = AdjustmentUnknown, e.Knowledge.Refused(e.Date, e.Counter)
	default:
		d.Reason = OutsideWindow
	}
	if e.OwnClock {
		// Its next code will be as far off as this one.
		resync(e, d)
		return
	}
	// Another counter makes sense if the one sent is now known to have been
	// chosen by a wrong clock, or if the refusal narrowed the window down.
	byWrongClock := abs(diff(e.Counter, Counter(e.Date))) > Reach
	if fit == Outside || byWrongClock || d.Knowledge != e.Knowledge {
		another(e, d)
		return
	}
	resync(e, d)
}

// wrongPair: AWS looked at two codes and refused them.
func wrongPair(e Evidence, d *Decision) {
	d.Reason = PairRefused
	switch first := add(e.Counter, -1); {
	case e.Date.IsZero():
	case e.LastPair > 0 && first <= e.LastPair:
		d.Reason = PairNotNewer
		d.At = e.Date.Add(time.Duration(diff(e.LastPair+1, first)) * Step)
		if e.Tries < maxTries && d.At.Sub(e.Date) <= BudgetWindow {
			d.Action = WaitUntil
		}
	case !searchable(e.Date, e.Knowledge, e.Counter):
		d.Reason = OutOfReach
	}
}

// unverifiable: AWS didn't look at the code. It says the same of a device that
// has used up its verifications and of one that isn't the user's; the count
// tells them apart.
func unverifiable(e Evidence, d *Decision) {
	if !e.Date.IsZero() && (noneLeft(e, d) || tooSoon(e, d)) {
		return
	}
	d.Reason = WrongSerial
}

// skewed: AWS refused the signature's time. It checks the signature before
// anything else, so the code wasn't looked at and no verification was used.
// Its digits have left all the same, and fob never sends digits twice: a token
// that computes any counter gives another, a fob is waited for.
func skewed(e Evidence, d *Decision) {
	skew, news := CorrectSkew(e.Class, e.Date, e.HostNow, e.Skew)
	d.Skew, d.Reason = skew, HostClock
	switch {
	case !news:
		d.Reason = ClockUnfixed
	case e.Counter == 0:
		d.Action = Again
	case e.Tries >= maxTries:
	case e.OwnClock:
		d.Action, d.At = WaitUntil, e.Date.Add(Step)
	default:
		another(e, d)
	}
}

// noneLeft gives up where the device's verifications are used up.
func noneLeft(e Evidence, d *Decision) bool {
	if e.Spent < Budget {
		return false
	}
	d.Reason = BudgetSpent
	_, d.At = BudgetAt(e.Date)
	return true
}

// tooSoon waits where STS may not have heard of the device's last change.
func tooSoon(e Evidence, d *Decision) bool {
	known := e.ChangedAt.Add(Propagation)
	if e.ChangedAt.IsZero() || !e.Date.Before(known) {
		return false
	}
	d.Reason, d.At = NotYetKnown, known
	if e.Tries < maxTries {
		d.Action = WaitUntil
	}
	return true
}

// another takes the best free counter by what is known now, once.
func another(e Evidence, d *Decision) {
	if e.Tries >= maxTries {
		return
	}
	for _, c := range Candidates(e.Date, d.Knowledge) {
		if c != e.Counter && (e.Free == nil || e.Free(c)) {
			d.Action, d.Counter = UseCounter, c
			return
		}
	}
	d.Reason = NoneFree
	d.At = Start(Counter(e.Date) + 1)
}

// resync has two codes handed to IAM, if AWS would find them.
func resync(e Evidence, d *Decision) {
	if !searchable(e.Date, e.Knowledge, e.Counter) {
		d.Reason = OutOfReach
		return
	}
	d.Action = Resync
}
