package sim

import (
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fob-auth/fob/agent/api"
	"github.com/fob-auth/fob/agent/explain"
	"github.com/fob-auth/fob/agent/mfa"
	"github.com/fob-auth/fob/emulator/clock"
	"github.com/fob-auth/fob/sts/resync"
)

var long = flag.Bool("years", false, "two years for each fob, and the table on stdout")

// TestDrift lets sixty fobs drift, a session a day. What no fob's clock may
// cost is checked for each; what it does cost is the table.
func TestDrift(t *testing.T) {
	days, every := 12, 5
	if *long {
		days, every = 730, 180
	}
	table := newReport(fleet(days, every))
	t.Run("fobs", func(t *testing.T) {
		for i, p := range fleet(days, every) {
			t.Run(p.name(i), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					got := live(t, p, days, uint64(i))
					got.judge(t, p)
					table.add(p, got)
				})
			})
		}
	})
	if *long {
		fmt.Fprint(os.Stdout, table.String())
	}
}

// A tally is what a fob cost.
type tally struct {
	verifications
	days, lost int
	// told is how many of the lost days came with words that no resync helps.
	told int
	// worstRefused is the most codes that were refused on one day.
	worstRefused int
	// forecasts is how many were made with half of the room used up, and
	// worstForecast how far the worst was off, in parts of the time from half
	// of the room to the window's edge.
	forecasts     int
	worstForecast float64
}

// live lets one fob live.
func live(t *testing.T, p plan, days int, luck uint64) *tally {
	r := newRig(t, p)
	ctx, begin := t.Context(), time.Now().Truncate(day)
	if _, err := r.Bind(ctx, r.asker, mfa.Choice{}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Resync(ctx, r.asker); err != nil { // as an enrolment does
		t.Fatal(err)
	}
	before := r.calls.seen()
	got := &tally{days: days}
	rng := rand.New(rand.NewPCG(luck, 0))
	happens, missed := p.happens, 0
	for d := 1; d <= days; d++ {
		moment := time.Duration(d)*day + 8*time.Hour + time.Duration(rng.Int64N(int64(8*time.Hour)))
		for len(happens) > 0 && happens[0].at < moment {
			time.Sleep(time.Until(begin.Add(happens[0].at)))
			change(t, r.fob.clock, happens[0].change)
			happens = happens[1:]
		}
		time.Sleep(time.Until(begin.Add(moment)))
		if r.day(p, got) {
			missed = 0
			continue
		}
		if missed++; p.mended > 0 && missed == p.mended {
			change(t, r.fob.clock, clock.Change{Offset: &r.awsOff, Freeze: new(false), Lost: new(false)})
		}
	}
	got.verifications = r.calls.seen().less(before)
	return got
}

func change(t *testing.T, c *clock.Clock, ch clock.Change) {
	t.Helper()
	if err := c.Change(ch); err != nil {
		t.Fatal(err)
	}
}

// day is one day of a user: a look at the clock, a session, and what fob says
// helps. It reports whether there was a session.
func (r *rig) day(p plan, got *tally) bool {
	before := r.calls.seen()
	r.forecast(p, got)
	err := r.session()
	if err != nil && !p.auto {
		// The user does what fob says, once.
		if _, mended := r.Resync(r.t.Context(), r.asker); mended == nil {
			err = r.session()
		} else {
			err = mended
		}
	}
	if err == nil && !p.auto && r.userResyncs() {
		if _, err := r.Resync(r.t.Context(), r.asker); err != nil {
			r.t.Errorf("the resync that fob proposed: %v", err)
		}
	}
	r.beside.Wait()
	got.worstRefused = max(got.worstRefused, r.calls.seen().less(before).refused)
	if err == nil {
		return true
	}
	got.lost++
	if told := explain.Error(err, r.Clock.Now(r.asker.Endpoint.Name())); told.Code == api.Drifted && told.Hint != "" && strings.Contains(told.Message, p.told) {
		got.told++
	} else {
		r.t.Errorf("a day without a session: %v", err)
	}
	return false
}

// drift is what 'fob drift' says.
func (r *rig) drift() api.Drift {
	r.t.Helper()
	list, err := r.Drift(r.t.Context(), []mfa.Asker{r.asker})
	if err != nil || len(list) != 1 {
		r.t.Fatalf("drift: %v, %v", list, err)
	}
	return list[0]
}

// userResyncs reports whether a user who waits to the last does what fob
// offers today: the clock may leave the window within two days.
func (r *rig) userResyncs() bool {
	d := r.drift()
	return d.ResyncDue && !d.LeavesEarliest.IsZero() && d.LeavesEarliest.Before(r.Clock.Now(r.asker.Endpoint.Name()).Add(2*day))
}

// forecast holds the forecast against what the clock will do, once half of the
// room is used up.
func (r *rig) forecast(p plan, got *tally) {
	if !p.steady || p.ppm == 0 {
		return
	}
	d := r.drift()
	half := resync.WarnAt.Seconds()
	residual := (r.fob.clock.State().Offset - r.awsOff).Seconds() - float64(d.Adjustment)*resync.Step.Seconds()
	if math.Abs(residual) < half || residual*p.ppm < 0 || d.State == api.DriftOutside {
		return
	}
	rate := math.Abs(p.ppm) / 1e6
	left := (2*half - math.Abs(residual)) / rate // seconds until the edge
	got.forecasts++
	if d.Leaves.IsZero() {
		got.worstForecast = math.Inf(1)
		return
	}
	miss := time.Until(d.Leaves.Add(-r.awsOff)).Seconds() - left
	got.worstForecast = max(got.worstForecast, math.Abs(miss)/(half/rate))
}

// judge holds a fob against what was promised.
func (got *tally) judge(t *testing.T, p plan) {
	switch {
	case p.mended == 0 && got.lost > 0:
		t.Errorf("%d days without a session", got.lost)
	case p.mended > 0 && got.lost > p.mended:
		t.Errorf("%d days without a session, with a fob that was set right on day %d", got.lost, p.mended)
	case got.worstRefused > 1 || got.pairsRefused > 0:
		t.Errorf("%d codes were refused on one day, and %d pairs", got.worstRefused, got.pairsRefused)
	case got.exhausted > 0:
		t.Errorf("the budget was exhausted %d times", got.exhausted)
	case got.worstForecast > 0.05:
		t.Errorf("of %d forecasts one was off by %.1f %%", got.forecasts, 100*got.worstForecast)
	}
}

func (v verifications) less(w verifications) verifications {
	return verifications{codes: v.codes - w.codes, refused: v.refused - w.refused, exhausted: v.exhausted - w.exhausted,
		pairs: v.pairs - w.pairs, pairsRefused: v.pairsRefused - w.pairsRefused}
}
