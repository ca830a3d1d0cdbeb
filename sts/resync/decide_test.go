package resync

import (
	"testing"
	"time"

	"github.com/fob-auth/fob/sts"
)

// refused is evidence of a first code, of the present step, that AWS refused
// on a device which fob enrolled, its clock right.
func refused(class sts.Class) Evidence {
	return Evidence{
		Class: class, Date: at(10), HostNow: at(10.5), Counter: s0, Knowledge: Exactly(0), Tries: 1, Spent: 1,
	}
}

func TestDecide(t *testing.T) {
	// host and own are what is decided for a host-clocked token and for a fob
	// with a clock of its own.
	type want struct {
		action  Action
		reason  Reason
		counter int       // of UseCounter, from AWS's own
		at      time.Time // zero for none
	}
	for _, test := range []struct {
		name      string
		class     sts.Class
		change    func(*Evidence)
		host, own want
	}{
		{"in the window and yet wrong", sts.WrongCode, nil,
			want{GiveUp, CodeRefused, 0, at(40)}, want{GiveUp, CodeRefused, 0, at(40)}},
		{"in the window as far as could be reckoned", sts.WrongCode, func(e *Evidence) { e.Reckoned = true },
			want{Resync, OutsideWindow, 0, time.Time{}}, want{Resync, OutsideWindow, 0, time.Time{}}},
		{"out of the window", sts.WrongCode, func(e *Evidence) { e.Counter = s0 + 10 },
			want{UseCounter, OutsideWindow, 0, time.Time{}}, want{Resync, OutsideWindow, 0, time.Time{}}},
		{"out of the window, the second time", sts.WrongCode, func(e *Evidence) { e.Counter, e.Tries = s0+10, 2 },
			want{GiveUp, OutsideWindow, 0, time.Time{}}, want{Resync, OutsideWindow, 0, time.Time{}}},
		{"out of the window, host clock found wrong", sts.WrongCode, func(e *Evidence) {
			e.Counter, e.HostNow = s0-120, at(10.5-3600)
		}, want{UseCounter, OutsideWindow, 0, time.Time{}}, want{Resync, OutsideWindow, 0, time.Time{}}},
		{"out of what can be searched", sts.WrongCode, func(e *Evidence) { e.Counter = s0 + 1001 },
			want{UseCounter, OutsideWindow, 0, time.Time{}}, want{GiveUp, OutOfReach, 0, time.Time{}}},
		{"out of the window, and the middle is spent", sts.WrongCode, func(e *Evidence) {
			e.Counter, e.Free = s0+10, func(c uint64) bool { return c != s0 && c != s0+1 }
		}, want{UseCounter, OutsideWindow, -1, time.Time{}}, want{Resync, OutsideWindow, 0, time.Time{}}},
		{"out of the window, and all are spent", sts.WrongCode, func(e *Evidence) {
			e.Counter, e.Free = s0+10, func(uint64) bool { return false }
		}, want{GiveUp, NoneFree, 0, at(30)}, want{Resync, OutsideWindow, 0, time.Time{}}},
		{"adjustment unknown", sts.WrongCode, func(e *Evidence) { e.Knowledge = Knowledge{} },
			want{Resync, AdjustmentUnknown, 0, time.Time{}}, want{Resync, AdjustmentUnknown, 0, time.Time{}}},
		{"adjustment unknown, by a wrong clock", sts.WrongCode, func(e *Evidence) { e.Knowledge, e.Counter = Knowledge{}, s0-120 },
			want{UseCounter, AdjustmentUnknown, 0, time.Time{}}, want{Resync, AdjustmentUnknown, 0, time.Time{}}},
		{"adjustment known in part, and the refusal narrows it", sts.WrongCode, func(e *Evidence) {
			e.Knowledge, e.Counter = Knowledge{true, -4, 0}, s0+1
		}, want{UseCounter, AdjustmentUnknown, -3, time.Time{}}, want{Resync, AdjustmentUnknown, 0, time.Time{}}},
		{"the device was resynced a moment ago", sts.WrongCode, func(e *Evidence) { e.ChangedAt = at(2) },
			want{WaitUntil, NotYetKnown, 0, at(18)}, want{WaitUntil, NotYetKnown, 0, at(18)}},
		{"resynced a moment ago, the second time", sts.WrongCode, func(e *Evidence) { e.ChangedAt, e.Tries = at(2), 2 },
			want{GiveUp, NotYetKnown, 0, at(18)}, want{GiveUp, NotYetKnown, 0, at(18)}},
		{"resynced a while ago", sts.WrongCode, func(e *Evidence) { e.ChangedAt = at(-60) },
			want{GiveUp, CodeRefused, 0, at(40)}, want{GiveUp, CodeRefused, 0, at(40)}},
		{"wrong, and it was the ninth", sts.WrongCode, func(e *Evidence) { e.Spent, e.Counter = Budget, s0+10 },
			want{GiveUp, BudgetSpent, 0, at(180)}, want{GiveUp, BudgetSpent, 0, at(180)}},
		{"wrong, by an answer without a date", sts.WrongCode, func(e *Evidence) { e.Date = time.Time{} },
			want{GiveUp, CodeRefused, 0, time.Time{}}, want{GiveUp, CodeRefused, 0, time.Time{}}},

		{"not looked at", sts.Unverifiable, nil,
			want{GiveUp, WrongSerial, 0, time.Time{}}, want{GiveUp, WrongSerial, 0, time.Time{}}},
		{"not looked at, nine were", sts.Unverifiable, func(e *Evidence) { e.Spent = Budget + 1 },
			want{GiveUp, BudgetSpent, 0, at(180)}, want{GiveUp, BudgetSpent, 0, at(180)}},
		{"not looked at, enabled a moment ago", sts.Unverifiable, func(e *Evidence) { e.ChangedAt = at(9) },
			want{WaitUntil, NotYetKnown, 0, at(25)}, want{WaitUntil, NotYetKnown, 0, at(25)}},
		{"not looked at, no date", sts.Unverifiable, func(e *Evidence) { e.Date, e.Spent = time.Time{}, Budget },
			want{GiveUp, WrongSerial, 0, time.Time{}}, want{GiveUp, WrongSerial, 0, time.Time{}}},

		{"a pair that is wrong", sts.WrongPair, nil,
			want{GiveUp, PairRefused, 0, time.Time{}}, want{GiveUp, PairRefused, 0, time.Time{}}},
		{"a pair no newer than the last", sts.WrongPair, func(e *Evidence) { e.LastPair = s0 },
			want{WaitUntil, PairNotNewer, 0, at(70)}, want{WaitUntil, PairNotNewer, 0, at(70)}},
		{"a pair that overlaps the last", sts.WrongPair, func(e *Evidence) { e.LastPair = s0 - 1 },
			want{WaitUntil, PairNotNewer, 0, at(40)}, want{WaitUntil, PairNotNewer, 0, at(40)}},
		{"a pair far behind the last", sts.WrongPair, func(e *Evidence) { e.LastPair = s0 + 100 },
			want{GiveUp, PairNotNewer, 0, at(10 + 102*30)}, want{GiveUp, PairNotNewer, 0, at(10 + 102*30)}},
		{"a pair beyond the search", sts.WrongPair, func(e *Evidence) { e.Counter = s0 + 1001 },
			want{GiveUp, OutOfReach, 0, time.Time{}}, want{GiveUp, OutOfReach, 0, time.Time{}}},
		{"a pair, and no date", sts.WrongPair, func(e *Evidence) { e.Date = time.Time{} },
			want{GiveUp, PairRefused, 0, time.Time{}}, want{GiveUp, PairRefused, 0, time.Time{}}},

		{"host clock wrong", sts.Skewed, func(e *Evidence) { e.HostNow, e.Counter = at(10.5-3600), s0-120 },
			want{UseCounter, HostClock, 0, time.Time{}}, want{WaitUntil, HostClock, 0, at(40)}},
		{"host clock wrong, the present code was sent", sts.Skewed, func(e *Evidence) { e.HostNow = at(10.5 - 3600) },
			want{UseCounter, HostClock, 1, time.Time{}}, want{WaitUntil, HostClock, 0, at(40)}},
		{"host clock wrong, the second time", sts.Skewed, func(e *Evidence) { e.HostNow, e.Tries = at(10.5-3600), 2 },
			want{GiveUp, HostClock, 0, time.Time{}}, want{GiveUp, HostClock, 0, time.Time{}}},
		{"host clock wrong, no code sent", sts.Skewed, func(e *Evidence) { e.HostNow, e.Counter = at(10.5-3600), 0 },
			want{Again, HostClock, 0, time.Time{}}, want{Again, HostClock, 0, time.Time{}}},
		{"AWS refuses its own time", sts.Skewed, nil,
			want{GiveUp, ClockUnfixed, 0, time.Time{}}, want{GiveUp, ClockUnfixed, 0, time.Time{}}},
		{"skewed, and no date", sts.Skewed, func(e *Evidence) { e.Date = time.Time{} },
			want{GiveUp, ClockUnfixed, 0, time.Time{}}, want{GiveUp, ClockUnfixed, 0, time.Time{}}},

		{"throttled", sts.Throttled, nil,
			want{WaitUntil, ComeBack, 0, at(15)}, want{WaitUntil, ComeBack, 0, at(15)}},
		{"throttled, the second time", sts.Throttled, func(e *Evidence) { e.Tries = 2 },
			want{GiveUp, ComeBack, 0, at(15)}, want{GiveUp, ComeBack, 0, at(15)}},
		{"throttled, and no date", sts.Throttled, func(e *Evidence) { e.Date = time.Time{} },
			want{GiveUp, ComeBack, 0, time.Time{}}, want{GiveUp, ComeBack, 0, time.Time{}}},
		{"busy", sts.Busy, nil,
			want{WaitUntil, ComeBack, 0, at(15)}, want{WaitUntil, ComeBack, 0, at(15)}},
		{"AWS failed", sts.Fault, nil,
			want{GiveUp, ComeBack, 0, at(15)}, want{GiveUp, ComeBack, 0, at(15)}},
		{"something failed without a date", sts.Fault, func(e *Evidence) { e.Date = time.Time{} },
			want{GiveUp, ComeBack, 0, time.Time{}}, want{GiveUp, ComeBack, 0, time.Time{}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			for own, want := range map[bool]want{false: test.host, true: test.own} {
				e := refused(test.class)
				if test.change != nil {
					test.change(&e)
				}
				e.OwnClock = own
				d := Decide(e)
				if d.Action != want.action || d.Reason != want.reason || !d.At.Equal(want.at) {
					t.Errorf("own clock %t: %s, %s, %s; want %s, %s, %s", own, d.Action, d.Reason, d.At, want.action, want.reason, want.at)
				}
				if off := diff(d.Counter, s0); d.Action == UseCounter && off != want.counter {
					t.Errorf("own clock %t: counter %+d, want %+d", own, off, want.counter)
				}
			}
		})
	}
}

// Every other refusal is reported and nothing is tried, for any token.
func TestDecideReports(t *testing.T) {
	for _, class := range []sts.Class{
		sts.MissingMFA, sts.NeedsMFA, sts.BadKeys, sts.Expired, sts.BadSignature, sts.SessionCaller, sts.Denied,
		sts.RootCaller, sts.RoleDuration, sts.ChainDuration, sts.Missing, sts.Exists, sts.Limit, sts.InUse,
		sts.RegionOff, sts.Invalid, sts.Unsent, sts.Unanswered, sts.Other, "",
	} {
		for _, own := range []bool{false, true} {
			e := refused(class)
			e.OwnClock = own
			want := Decision{Action: GiveUp, Reason: Reported, Knowledge: Exactly(0)}
			if d := Decide(e); d != want {
				t.Errorf("%s, own clock %t: %+v", class, own, d)
			}
		}
	}
}

// Whatever is decided, the skew that AWS's answer shows comes with it.
func TestDecideLearnsTheSkew(t *testing.T) {
	e := refused(sts.Denied)
	e.HostNow = at(10.5 - 90)
	if d := Decide(e); d.Skew != 90*time.Second {
		t.Errorf("skew %s", d.Skew)
	}
	e.Skew = 89 * time.Second
	if d := Decide(e); d.Skew != 89*time.Second {
		t.Errorf("the same skew, read again: %s", d.Skew)
	}
}

// verifier is AWS's as it was observed: a window, used codes, a budget.
type verifier struct {
	adjustment int
	used       map[uint64]bool
	verified   map[time.Time]int
	asked      map[uint64]int
}

func (v *verifier) verify(now time.Time, counter uint64) sts.Class {
	v.asked[counter]++
	window, _ := BudgetAt(now)
	if v.verified[window]++; v.verified[window] > Budget {
		return sts.Unverifiable
	}
	low, high := Window(now, v.adjustment)
	if counter < low || counter > high || v.used[counter] {
		return sts.WrongCode
	}
	v.used[counter] = true
	return ""
}

// Played against the verifier, for all that a token's and a host's clock may
// be off: no counter goes out twice, no request costs more than two codes, and
// where the adjustment is known, a wrong host clock never costs the session.
func TestDecideAgainstTheVerifier(t *testing.T) {
	for adjustment := -3; adjustment <= 3; adjustment++ {
		for hostOff := -6; hostOff <= 6; hostOff++ { // the host's clock, in steps
			for _, known := range []Knowledge{{}, {true, -3, 3}, Exactly(adjustment)} {
				v := &verifier{adjustment: adjustment, used: map[uint64]bool{}, verified: map[time.Time]int{}, asked: map[uint64]int{}}
				play(t, v, hostOff, known)
				for c, n := range v.asked {
					if n > 1 {
						t.Errorf("adjustment %d, host %+d, %+v: counter %+d went out %d times", adjustment, hostOff, known, diff(c, s0), n)
					}
				}
			}
		}
	}
}

// play is one request of a caller with a host-clocked token.
func play(t *testing.T, v *verifier, hostOff int, k Knowledge) {
	t.Helper()
	now, skew := at(10), time.Duration(0)
	host := func() time.Time { return now.Add(time.Duration(hostOff)*Step + time.Second/2) }
	counter := Candidates(host(), k)[0]
	for tries := 1; ; tries++ {
		class := v.verify(now, counter)
		if class == "" {
			return
		}
		window, _ := BudgetAt(now)
		d := Decide(Evidence{
			Class: class, Date: now, HostNow: host(), Skew: skew, Counter: counter, Knowledge: k,
			Free: func(c uint64) bool { return v.asked[c] == 0 }, Tries: tries, Spent: v.verified[window],
		})
		if d.Action == GiveUp || d.Action == Resync {
			if k == Exactly(v.adjustment) {
				t.Errorf("host %+d, adjustment %d known: %s, %s", hostOff, v.adjustment, d.Action, d.Reason)
			}
			return
		}
		if d.Action != UseCounter || tries >= maxTries {
			t.Fatalf("after %d codes: %+v", tries, d)
		}
		counter, k, skew = d.Counter, d.Knowledge, d.Skew
	}
}
