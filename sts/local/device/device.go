// Package device is the life of MFA devices in the store: enabled by a pair of
// codes, resynchronised, deactivated, and asked for verification by whatever
// takes a code. It stands between the pure rules of package mfa and the APIs,
// which word its refusals. All that take a code go through [Rules.Verify], so
// that no code is good twice.
package device

import (
	"slices"
	"time"

	"github.com/fob-auth/fob/sts/local/mfa"
	"github.com/fob-auth/fob/sts/local/store"
)

// MaxPerUser is how many devices a user or root user can have enabled (IAM
// User Guide, "IAM and AWS STS quotas").
const MaxPerUser = 8

// Rules are what can be chosen about devices.
type Rules struct {
	// Propagation is how long STS doesn't see what IAM did to a device. At
	// AWS 8 to 14 s were observed.
	Propagation time.Duration
}

// An Outcome is what became of a code that was presented.
type Outcome string

// The outcomes, as they stand in logs.
const (
	// Accepted: the code was good and is spent now.
	Accepted Outcome = "accepted"
	// Refused: the digits are of no counter in the window.
	Refused Outcome = "refused"
	// Replayed: the code was spent before.
	Replayed Outcome = "replayed"
	// Exhausted: the device has had its verifications of this window.
	Exhausted Outcome = "exhausted"
	// Unknown: no such device is enabled for the owner.
	Unknown Outcome = "unknown-device"
	// Paired: two codes were taken to enable or resynchronise.
	Paired Outcome = "paired"
)

// A Report is what became of a code, without its digits.
type Report struct {
	Serial  string
	Outcome Outcome
	// Counters are those of the window whose digits were presented, spent or
	// not; of a pair the second counter.
	Counters []int64
}

// Verify holds a code against the owner's device and spends it if it is good.
// Good, bad or replayed, it costs one verification of the device's budget.
func (r Rules) Verify(tx *store.Tx, owner, serial, code string, now time.Time) Report {
	report := Report{Serial: serial, Outcome: Unknown}
	d, ok := tx.Devices.Get(serial)
	if !ok {
		return report
	}
	view, ok := r.view(d, now)
	if !ok || owner == "" || view.Owner != owner {
		return report
	}
	if !take(tx, serial, now) {
		report.Outcome = Exhausted
		return report
	}
	spent, _ := tx.Spent.Get(d.Seed.ID())
	verdict := mfa.Verify(d.Seed, view.Adjustment, spent.Counters, code, now)
	report.Counters = verdict.Matches
	switch verdict.Outcome {
	case mfa.Accepted:
		report.Outcome = Accepted
		report.Counters = []int64{verdict.Counter}
		tx.Spent.Put(store.Spent{Seed: d.Seed.ID(), Counters: spent.Counters.With(verdict.Counter)})
	case mfa.Replayed:
		report.Outcome = Replayed
	default:
		report.Outcome = Refused
	}
	return report
}

// take takes one verification of the device's budget, which goes by the
// serial and so outlives the device.
func take(tx *store.Tx, serial string, now time.Time) bool {
	b, _ := tx.Budgets.Get(serial)
	next, ok := b.Budget.Take(now)
	if ok {
		tx.Budgets.Put(store.Budget{Serial: serial, Budget: next})
	}
	return ok
}

// Pair moves the device's clock by two consecutive codes and makes owner its
// owner: what enabling and resynchronising have in common. Nothing changes
// where the codes are no such pair.
func (r Rules) Pair(tx *store.Tx, d store.Device, account, owner, first, second string, now time.Time) Report {
	clock, ok := mfa.Pair(d.Seed, d.Clock, first, second, now)
	if !ok {
		return Report{Serial: d.Serial, Outcome: Refused}
	}
	if d.Owner != owner {
		d.Enabled = now
	}
	d.Account, d.Owner, d.Clock = account, owner, clock
	r.put(tx, d, now)
	return Report{Serial: d.Serial, Outcome: Paired, Counters: []int64{clock.LastPair}}
}

// Deactivate takes the device from its owner. Its seed, clock and history stay;
// a hardware device is then nobody's, and can be enabled in any account.
func (r Rules) Deactivate(tx *store.Tx, d store.Device, now time.Time) {
	d.Owner, d.Enabled = "", time.Time{}
	if d.Kind == store.Hardware {
		d.Account = ""
	}
	r.put(tx, d, now)
}

// put stores the device with its present state as the newest view, and without
// the views that nobody can see any more.
func (r Rules) put(tx *store.Tx, d store.Device, now time.Time) {
	first := 0
	for i, v := range d.Views {
		if r.visible(v, now) {
			first = i
		}
	}
	d.Views = append(slices.Clone(d.Views[min(first, len(d.Views)):]),
		store.View{At: now, Owner: d.Owner, Adjustment: d.Clock.Adjustment})
	tx.Devices.Put(d)
}

// view is the device as STS sees it now; false where STS has never heard of it.
func (r Rules) view(d store.Device, now time.Time) (store.View, bool) {
	for _, v := range slices.Backward(d.Views) {
		if r.visible(v, now) {
			return v, true
		}
	}
	return store.View{}, false
}

// visible tells whether STS knows v. Without a delay it does, wherever the
// clock has been moved to since.
func (r Rules) visible(v store.View, now time.Time) bool {
	return r.Propagation == 0 || !now.Before(v.At.Add(r.Propagation))
}
