package broker

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/fob-auth/fob/agent/store"
	"github.com/fob-auth/fob/sts"
)

// lose deletes the state file, with the ledger closed, and opens it again at a
// host time.
func (d *desk) lose(t *testing.T, hostNow time.Time) {
	t.Helper()
	d.reopen(t, func() {
		if err := os.Remove(filepath.Join(d.options.Dir, "state.db")); err != nil {
			t.Fatal(err)
		}
		d.options.Now = hostNow
	})
	if o := d.file.Opening(); o.Kind != store.Lost {
		t.Fatalf("%+v", o)
	}
}

func TestLostLedgerFailsClosed(t *testing.T) {
	d := newDesk(t)
	ctx := context.Background()
	if _, err := d.bindings.Bind(ctx, Binding{Device: device("carol"), Token: "12345678", Credential: "AWS:carol"}, 0); err != nil {
		t.Fatal(err)
	}
	d.must(t, ask(now))
	d.lose(t, noon().Add(7*time.Second))

	if list, err := d.bindings.All(ctx); err != nil || len(list) != 0 {
		t.Errorf("bindings: %v, %v", list, err)
	}
	// The window reaches to two steps ahead: those codes may be used.
	// It's no use to come back for a new one before the three minutes of the
	// loss are over, which count as without a verification left.
	e := closed(t, d.refused(ask(now-2, now-1, now, now+1, now+2)))
	if e.Floor != now+2 || !e.Until.Equal(noon().Add(Window)) {
		t.Errorf("%+v", e)
	}
	shown := ask(now-2, now-1, now, now+1, now+2)
	shown.Verifies = false
	if e := closed(t, d.refused(shown)); !e.Until.Equal(noon().Add(Step)) {
		t.Errorf("%+v", e)
	}
	// One step later the window's last one is new, which doesn't help.
	if e := closed(t, d.refused(ask(now+1, now+3).at(noon().Add(Step)))); !e.Until.Equal(noon().Add(Window)) {
		t.Errorf("%+v", e)
	}
	if s, err := d.State(ctx, device("carol"), noon()); err != nil || s.Attempts != Budget || s.Floor != now+2 {
		t.Errorf("%+v, %v", s, err)
	}
	later := noon().Add(Window)
	if res := d.must(t, ask(now+4, now+6).at(later)); res.Counter != now+4 {
		t.Errorf("%+v", res)
	}
	// It is the same after the next start.
	d.reopen(t, func() {})
	closed(t, d.refused(ask(now+2).at(later)))
	// What is known of a device since doesn't lift its floor.
	if err := d.Learn(ctx, device("carol"), 0, 0); err != nil {
		t.Fatal(err)
	}
	closed(t, d.refused(ask(now+2).at(later)))
	// The first pair of which no half may be used begins after now+4, which was
	// just taken.
	if _, err := d.ReservePair(ctx, ask().at(later), now+1); !closed(t, err).Until.Equal(later.Add(4 * Step)) {
		t.Errorf("%v", err)
	}
	if _, err := d.ReservePair(ctx, ask().at(later), now+2); spent(t, err).Next != now+5 {
		t.Errorf("%v", err)
	}
}

// TestReachOutlivesTheLedger loses a ledger on a host whose clock is behind
// AWS's, for a device whose window AWS has moved ahead.
func TestReachOutlivesTheLedger(t *testing.T) {
	for name, host := range map[string]time.Time{"in time": noon(), "behind": noon().Add(-10 * time.Minute), "at the epoch": time.Unix(0, 0)} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			d.must(t, ask(now+4))
			d.lose(t, host)
			closed(t, d.refused(ask(now+4)))
			closed(t, d.refused(ask(now+4).unbound()))
			closed(t, d.refused(ask(now+4).with(device("bob")).on("1", "b")))
			d.must(t, ask(now+5).at(noon().Add(Window)))
			// And the next loss knows of it too.
			d.lose(t, host)
			closed(t, d.refused(ask(now+5).at(noon().Add(Window))))
		})
	}
}

// TestWrongHostClockDoesNotCloseForLong loses a ledger on a host that believes
// in the year 2099.
func TestWrongHostClockDoesNotCloseForLong(t *testing.T) {
	d := newDesk(t)
	d.lose(t, noon().AddDate(73, 0, 0))
	if e := closed(t, d.refused(ask(now, now+2))); e.Floor != now+2 {
		t.Errorf("%+v", e)
	}
	// The correction stands: it isn't made anew by each request.
	if e := closed(t, d.refused(ask(now+3).at(noon().Add(Step)))); !e.Until.Equal(noon().Add(Window)) {
		t.Errorf("%+v", e)
	}
	d.must(t, ask(now+6).at(noon().Add(Window)))
}

func TestOwnClockAfterALoss(t *testing.T) {
	d := newDesk(t)
	ctx := context.Background()
	fob := sts.Device{Endpoint: "aws", Account: "111122223333", Serial: "GAHT12345678"}
	const ahead = 200 // steps: its clock is 100 minutes fast
	at := func(t time.Time, c uint64) Request {
		return ask(c).with(fob).on("GAHT12345678", "totp").at(t)
	}
	d.must(t, at(noon(), now+ahead))
	d.lose(t, noon())
	// A clock so far ahead is its own, and what it showed before isn't known:
	// unbound, it gives no code however long one waits.
	for _, later := range []time.Duration{0, time.Hour, 24 * time.Hour} {
		steps := uint64(later / Step)
		e := closed(t, d.refused(at(noon().Add(later), now+ahead+steps).unbound()))
		if !e.Until.IsZero() {
			t.Errorf("%+v", e)
		}
	}
	// Others don't wait for it.
	d.must(t, ask(now+6).at(noon().Add(Window)))
	// Bound anew, it gives what it has never shown.
	later := noon().Add(Window)
	if _, err := d.bindings.Bind(ctx, Binding{Device: fob, Token: "GAHT12345678", Credential: "totp"}, now+ahead+6); err != nil {
		t.Fatal(err)
	}
	if e := closed(t, d.refused(at(later, now+ahead+6))); !e.Until.Equal(later.Add(Step)) {
		t.Errorf("%+v", e)
	}
	d.must(t, at(later.Add(Step), now+ahead+7))
}

// TestHeldUntilThenAndNoLonger loses ledgers at several moments of a window of
// the budget, and asks for codes of clocks that are off by no whole step: what
// the refusal says is when they come, to the second.
func TestHeldUntilThenAndNoLonger(t *testing.T) {
	fob := sts.Device{Endpoint: "aws", Account: "111122223333", Serial: "GAHT12345678"}
	for _, offset := range []time.Duration{0, -40 * time.Second, 9300 * time.Millisecond, -5*time.Minute - 7*time.Second} {
		for _, into := range []time.Duration{0, 99500 * time.Millisecond, Window - time.Millisecond} {
			t.Run(offset.String()+" "+into.String(), func(t *testing.T) {
				d := newDesk(t)
				at := func(now time.Time) Request {
					r := ask(stepOf(now.Add(offset), Step)).with(fob).on("GAHT12345678", "totp").at(now)
					r.Offset = offset
					return r
				}
				lost := noon().Add(into)
				d.must(t, at(lost))
				d.lose(t, lost)
				if _, err := d.bindings.Bind(t.Context(), Binding{Device: fob, Token: "GAHT12345678", Credential: "totp"}, stepOf(lost.Add(offset), Step)); err != nil {
					t.Fatal(err)
				}
				until := closed(t, d.refused(at(lost))).Until
				if until.Nanosecond() != 0 {
					t.Errorf("until %s, which is told without its fraction", until)
				}
				closed(t, d.refused(at(until.Add(-time.Second))))
				d.must(t, at(until))
				// What status tells of all tokens covers this one.
				if err := d.RecordDrift(t.Context(), Drift{Device: fob, Token: "GAHT12345678", Time: lost, Offset: offset}); err != nil {
					t.Fatal(err)
				}
				if c, _, err := d.Held(t.Context(), until.Add(-time.Second)); err != nil || c.Kind != store.Lost {
					t.Errorf("held: %+v, %v", c, err)
				}
				if c, last, err := d.Held(t.Context(), until.Add(2*Window)); err != nil || c.Closed() || last.Before(until.Add(-time.Second)) {
					t.Errorf("no longer held: %+v, %s, %v", c, last, err)
				}
			})
		}
	}
}

func TestNewSeedAfterALoss(t *testing.T) {
	d := newDesk(t)
	ctx := context.Background()
	d.lose(t, noon())
	if err := d.Forget(ctx, device("carol"), "12345678", "AWS:carol"); err != nil {
		t.Fatal(err)
	}
	if _, err := d.bindings.Bind(ctx, Binding{Device: device("carol"), Token: "12345678", Credential: "AWS:carol"}, now+50); err != nil {
		t.Fatal(err)
	}
	if s, err := d.State(ctx, device("carol"), noon()); err != nil || s.Floor != 0 {
		t.Errorf("%+v, %v", s, err)
	}
	// AWS counts verifications by the device's name, old seed or new.
	closed(t, d.refused(ask(now)))
	unverified := ask(now)
	unverified.Verifies = false
	d.must(t, unverified)
}

func TestOtherPeriodsAfterALoss(t *testing.T) {
	d := newDesk(t)
	d.lose(t, noon())
	r := func(at time.Time, c uint64) Request {
		return ask(c).unbound().on("12345678", "GitHub:carol").of(time.Minute).at(at)
	}
	if e := closed(t, d.refused(r(noon(), now/2))); e.Floor != now/2+1 {
		t.Errorf("%+v", e)
	}
	d.must(t, r(noon().Add(2*time.Minute), now/2+2))
}

func TestWithoutItsWitnessNothingIsReserved(t *testing.T) {
	d := newDesk(t)
	if err := os.RemoveAll(d.options.WitnessDir); err != nil {
		t.Fatal(err)
	}
	if err := d.refused(ask(now)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
}
