package mfa

import (
	"context"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"

	"github.com/fob-auth/fob/agent/api"
	"github.com/fob-auth/fob/devices"
	"github.com/fob-auth/fob/sts/local"
	"github.com/fob-auth/fob/sts/resync"
)

// looked lets the rig look after clocks; the function that is returned waits
// until it has.
func (r *rig) looked() (wait func()) {
	var beside sync.WaitGroup
	ctx := r.t.Context()
	r.Beside = func(f func(context.Context)) { beside.Go(func() { f(ctx) }) }
	return beside.Wait
}

// tended is a rig with one fob, bound and just resynced, whose clock is looked
// after; wait is as of looked.
func tended(t *testing.T, fob devices.Token, auto bool) (r *rig, dave Asker, wait func()) {
	t.Helper()
	r = newRig(t, softDriver{"a": fob})
	wait = r.looked()
	dave = asker("dave", fobSerial, "")
	dave.AutoResync = auto
	r.bindOK(dave, "", "")
	if _, err := r.Resync(t.Context(), dave); err != nil {
		t.Fatal(err)
	}
	return r, dave, wait
}

// driftNow is what the rig tells of dave's fob.
func (r *rig) driftNow(a Asker) api.Drift {
	r.t.Helper()
	list, err := r.Drift(r.t.Context(), []Asker{a})
	if err != nil || len(list) != 1 {
		r.t.Fatalf("drift: %v, error %v", list, err)
	}
	return list[0]
}

// A fob outside the window is found again within one window of the budget, by
// one pair and one code, none refused.
func TestResyncByItself(t *testing.T) {
	for _, jump := range []time.Duration{2 * time.Minute, -2 * time.Minute, 8 * time.Hour, -8 * time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			fob := serialFob(fobSerial, daveSeed, 0)
			r := newRig(t, softDriver{"a": fob}, func(o *local.Options) { o.Propagation = 14 * time.Second })
			dave := asker("dave", fobSerial, "")
			dave.AutoResync = true
			r.bindOK(dave, "", "")
			if _, err := r.Resync(t.Context(), dave); err != nil {
				t.Fatal(err)
			}
			time.Sleep(24 * time.Hour)
			fob.turn(jump)
			begin := time.Now()
			if _, err := r.make(dave); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(begin); took > resync.BudgetWindow {
				t.Errorf("jump by %s: it took %s", jump, took)
			}
			if codes, pairs := r.aws.Requests("GetSessionToken"), r.aws.Requests("ResyncMFADevice"); len(codes) != 1 || codes[0]["mfa_outcome"] != "accepted" || len(pairs) != 2 {
				t.Errorf("jump by %s: codes %v, and %d pairs after the first", jump, codes, len(pairs)-1)
			}
		})
	}
}

func TestResyncAtHalfTheRoom(t *testing.T) {
	for _, auto := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			fob := serialFob(fobSerial, daveSeed, 0)
			r, dave, wait := tended(t, fob, auto)
			fob.turn(40 * time.Second)
			for range 2 {
				begin := time.Now()
				if _, err := r.make(dave); err != nil {
					t.Fatal(err)
				}
				if waited := time.Since(begin); waited > resync.Step {
					t.Errorf("the session waited %s", waited)
				}
				wait()
			}
			pairs := len(r.aws.Requests("ResyncMFADevice")) - 1
			if auto && pairs != 1 || !auto && pairs != 0 {
				t.Errorf("auto %t: %d resyncs", auto, pairs)
			}
			if !r.noted(api.EventDrift) {
				t.Error("nobody was told")
			}
			if d := r.driftNow(dave); auto && (d.State != api.DriftOK || d.ResyncDue) || !auto && (d.State != api.DriftWarn || !d.ResyncDue || !strings.Contains(d.Hint, "fob resync")) {
				t.Errorf("auto %t: %+v", auto, d)
			}
		})
	}
}

// A leavingFob is pulled out when it is asked for the code that leaves counts down
// to, and back at once.
type leavingFob struct {
	clockedToken
	leaves *atomic.Int32
}

func (f leavingFob) Code(ctx context.Context, id string, at time.Time) (devices.Code, error) {
	if f.leaves.Add(-1) == 0 {
		return devices.Code{}, devices.ErrRemoved
	}
	return f.clockedToken.Code(ctx, id, at)
}

// A resync that broke off as the token was pulled out is made up for at the
// next session, as fob drift says.
func TestResyncByItselfOfATokenThatLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fob := leavingFob{serialFob(fobSerial, daveSeed, 0), new(atomic.Int32)}
		r, dave, wait := tended(t, fob, true)
		fob.turn(40 * time.Second)
		fob.leaves.Store(2) // the session's code, and the pair's first
		for _, pairs := range []int{0, 1} {
			if _, err := r.make(dave); err != nil {
				t.Fatal(err)
			}
			wait()
			if got := len(r.aws.Requests("ResyncMFADevice")) - 1; got != pairs {
				t.Errorf("%d resyncs, want %d", got, pairs)
			}
			time.Sleep(resync.Step)
		}
	})
}

func TestNoResyncHelps(t *testing.T) {
	for name, jump := range map[string]time.Duration{"ahead": 9 * time.Hour, "behind": -9 * time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			fob := serialFob(fobSerial, daveSeed, 0)
			r := newRig(t, softDriver{"a": fob})
			dave := asker("dave", fobSerial, "")
			dave.AutoResync = true
			r.bindOK(dave, "", "")
			if _, err := r.Resync(t.Context(), dave); err != nil {
				t.Fatal(err)
			}
			time.Sleep(24 * time.Hour)
			fob.turn(jump)
			told := r.refused(dave, api.Drifted)
			if !strings.Contains(told.Message, "no resync finds") || !strings.Contains(told.Hint, "fob enroll") {
				t.Errorf("%s: told %+v", name, told)
			}
			if _, err := r.Resync(t.Context(), dave); err == nil {
				t.Errorf("%s: resynced", name)
			}
			if d := r.driftNow(dave); d.State != api.DriftOutside || d.Hint != told.Hint {
				t.Errorf("%s: drift %+v", name, d)
			}
			if codes, pairs := len(r.aws.Requests("GetSessionToken")), len(r.aws.Requests("ResyncMFADevice")); codes != 0 || pairs != 1 {
				t.Errorf("%s: %d codes and %d pairs were sent in vain", name, codes, pairs-1)
			}
		})
	}
}

// A stillFob stands still.
type stillFob struct {
	clockedToken
	at time.Time
}

func (f stillFob) Time(context.Context) (time.Time, error) { return f.at, nil }

func (f stillFob) Code(context.Context, string, time.Time) (devices.Code, error) {
	digits, err := hotp.GenerateCodeCustom(daveSeed, resync.Counter(f.at), hotp.ValidateOpts{Digits: otp.DigitsSix})
	return devices.Code{Digits: devices.Digits(digits), Counter: resync.Counter(f.at), Period: resync.Step}, err
}

func TestAClockThatStandsStill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fob := stillFob{serialFob(fobSerial, daveSeed, 0), time.Now()}
		r := newRig(t, softDriver{"a": fob})
		dave := asker("dave", fobSerial, "")
		r.bindOK(dave, "", "")
		if _, err := r.make(dave); err != nil {
			t.Fatal(err)
		}
		if told := r.refused(dave, api.Drifted); !strings.Contains(told.Message, "stands still") {
			t.Errorf("told %+v", told)
		}
		time.Sleep(time.Hour)
		if d := r.driftNow(dave); d.Break == nil || !d.Break.Stopped || !strings.Contains(d.Message, "stood still for") {
			t.Errorf("%+v", d)
		}
	})
}

func TestDriftTellsPastAndFuture(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fob := serialFob(fobSerial, daveSeed, 0)
		r := newRig(t, softDriver{"a": fob})
		dave := asker("dave", fobSerial, "")
		r.bindOK(dave, "", "")
		if _, err := r.Resync(t.Context(), dave); err != nil {
			t.Fatal(err)
		}
		if d := r.driftNow(dave); d.Readings > 2 || d.RateErrorPPM < 100 || !d.Leaves.IsZero() {
			t.Errorf("at first: %+v", d)
		}
		for range 10 {
			time.Sleep(24 * time.Hour)
			fob.turn(2 * time.Second)
			if _, err := r.make(dave); err != nil {
				t.Fatal(err)
			}
		}
		d := r.driftNow(dave)
		if math.Abs(d.RatePPM-2/0.0864) > 0.2 || d.Readings < 11 || len(d.History) != d.Readings {
			t.Errorf("after ten days: %.2f ppm by %d readings of %d", d.RatePPM, d.Readings, len(d.History))
		}
		// The middle was set to the step that it had begun: 60 s are left, and
		// two are used up a day.
		left := time.Duration((60-d.ResidualSeconds)/2*24) * time.Hour
		if off := time.Until(d.Leaves) - left; off.Abs() > 24*time.Hour || !strings.Contains(d.Message, "leaves the window about "+d.Leaves.UTC().Format(time.DateOnly)) {
			t.Errorf("leaves in %s, want %s: %s", time.Until(d.Leaves), left, d.Message)
		}
		fob.turn(-time.Hour)
		if d := r.driftNow(dave); d.Break == nil || math.Abs(d.Break.BySeconds+3600) > 5 || d.Readings != 1 || !strings.Contains(d.Message, "jumped by -1h0m0s") {
			t.Errorf("after a jump: %+v", d)
		}
	})
}

// Of a fob that was bound, and not enrolled, its codes tell what AWS adjusts for
// up to some steps: one in order isn't said to leave the window at once.
func TestDriftOfABoundFob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fob := serialFob(fobSerial, daveSeed, 0)
		r := newRig(t, softDriver{"a": fob})
		dave := asker("dave", fobSerial, "")
		r.bindOK(dave, "", "")
		for range 20 {
			if _, err := r.make(dave); err != nil {
				t.Fatal(err)
			}
			d := r.driftNow(dave)
			if d.State != api.DriftOK || !d.AdjustmentKnown || d.AdjustmentLow >= 0 || d.AdjustmentHigh <= 0 || strings.Contains(d.Message, "at the earliest") {
				t.Fatalf("%+v", d)
			}
			if soon := time.Now().Add(7 * 24 * time.Hour); !d.LeavesEarliest.IsZero() || !d.Leaves.IsZero() && d.Leaves.Before(soon) {
				t.Fatalf("leaves on %v, on %v at the earliest", d.Leaves, d.LeavesEarliest)
			}
			time.Sleep(24 * time.Hour)
			fob.turn(time.Second)
		}
		if d := r.driftNow(dave); d.Leaves.IsZero() || !strings.Contains(d.Message, "-2 to +2 steps") && !strings.Contains(d.Message, "-2 to +3 steps") {
			t.Errorf("after twenty days: %+v", d)
		}
	})
}

func TestFewReadingsAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fob := serialFob(fobSerial, daveSeed, 0)
		r := newRig(t, softDriver{"a": fob})
		dave := asker("dave", fobSerial, "")
		r.bindOK(dave, "", "")
		for range 24 {
			r.driftNow(dave)
			time.Sleep(time.Hour)
		}
		b, err := r.Bindings.All(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		kept, err := r.Ledger.Drifts(t.Context(), b[0].Device, fobSerial, 100)
		if err != nil || len(kept) != 4 {
			t.Errorf("%d readings of a day were kept, error %v", len(kept), err)
		}
	})
}

// Dates are cut to the second; several together tell more.
func TestClockOfManyDates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const off = 7300 * time.Millisecond
		var c Clock
		for range 50 {
			time.Sleep(1234567 * time.Microsecond)
			c.Observe("aws", time.Now().Add(off).Truncate(time.Second))
		}
		if miss := c.Skew("aws") - off; miss.Abs() > latency {
			t.Errorf("skew off by %s", miss)
		}
		c.Observe("aws", time.Now().Add(-time.Hour).Truncate(time.Second))
		if miss := c.Skew("aws") + time.Hour; miss.Abs() > time.Second {
			t.Errorf("after AWS's clock was moved: off by %s", miss)
		}
	})
}
