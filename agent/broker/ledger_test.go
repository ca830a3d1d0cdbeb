package broker

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fob-auth/fob/agent/store"
	"github.com/fob-auth/fob/sts"
)

// noon begins a window of the budget.
func noon() time.Time { return time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC) }

// now is the counter of noon.
const now uint64 = 59608800

func device(name string) sts.Device {
	return sts.Device{Endpoint: "aws", Account: "111122223333", Serial: "arn:aws:iam::111122223333:mfa/" + name}
}

// A desk is a ledger with its file.
type desk struct {
	*Ledger
	bindings *Bindings
	file     *store.Store
	options  store.Options
}

func newDesk(t testing.TB) *desk {
	t.Helper()
	dir := t.TempDir()
	d := &desk{options: store.Options{Dir: filepath.Join(dir, "state"), WitnessDir: filepath.Join(dir, "other"), Now: noon()}}
	d.open(t)
	return d
}

func (d *desk) open(t testing.TB) {
	t.Helper()
	s, err := store.Open(context.Background(), d.options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	d.file, d.Ledger, d.bindings = s, NewLedger(s), NewBindings(s)
}

// reopen closes the file, lets the test do something to it, and opens it.
func (d *desk) reopen(t testing.TB, meanwhile func()) {
	t.Helper()
	if err := d.file.Close(); err != nil {
		t.Fatal(err)
	}
	meanwhile()
	d.open(t)
}

// ask makes a request for carol's device.
func ask(candidates ...uint64) Request {
	return Request{Device: device("carol"), Token: "12345678", Credential: "AWS:carol", AWSNow: noon(), Candidates: candidates, Verifies: true, Purpose: "session dev"}
}

func (r Request) at(t time.Time) Request        { r.AWSNow = t; return r }
func (r Request) with(d sts.Device) Request     { r.Device = d; return r }
func (r Request) unbound() Request              { r.Device, r.Verifies = sts.Device{}, false; return r }
func (r Request) on(token, cred string) Request { r.Token, r.Credential = token, cred; return r }
func (r Request) of(p time.Duration) Request    { r.Period = p; return r }

// must reserves, and fails the test where that fails.
func (d *desk) must(t testing.TB, r Request) Reservation {
	t.Helper()
	res, err := d.Reserve(context.Background(), r)
	if err != nil {
		t.Fatalf("reserve %v: %v", r.Candidates, err)
	}
	return res
}

func (d *desk) settle(t testing.TB, res Reservation, o Outcome) {
	t.Helper()
	if err := d.Settle(context.Background(), res, o); err != nil {
		t.Fatal(err)
	}
}

// spent, throttled and closed reserve and return the error, which must be of
// that kind.
func spent(t *testing.T, err error) *SpentError {
	t.Helper()
	var e *SpentError
	if !errors.As(err, &e) {
		t.Fatalf("want spent, got %v", err)
	}
	return e
}

func throttled(t *testing.T, err error) *ThrottledError {
	t.Helper()
	var e *ThrottledError
	if !errors.As(err, &e) {
		t.Fatalf("want throttled, got %v", err)
	}
	return e
}

func closed(t *testing.T, err error) *ClosedError {
	t.Helper()
	var e *ClosedError
	if !errors.As(err, &e) {
		t.Fatalf("want closed, got %v", err)
	}
	return e
}

func (d *desk) refused(r Request) error {
	_, err := d.Reserve(context.Background(), r)
	return err
}

func TestEachCounterOnce(t *testing.T) {
	d := newDesk(t)
	var fence int64
	for _, want := range []uint64{now, now - 1, now + 1, now - 2, now + 2} {
		res := d.must(t, ask(now, now-1, now+1, now-2, now+2))
		if res.Counter != want || res.Fence <= fence || res.Pair {
			t.Errorf("got %+v, want counter %d", res, want)
		}
		fence = res.Fence
		// Whatever becomes of it, it isn't given again.
		d.settle(t, res, []Outcome{Accepted, Refused, Unknown}[int(want)%3])
	}
	if e := spent(t, d.refused(ask(now, now-1, now+1, now-2, now+2))); e.Next != now+3 || len(e.Candidates) != 5 {
		t.Errorf("%+v", e)
	}
	// Released means that it never left.
	res := d.must(t, ask(now+3))
	d.settle(t, res, Released)
	if again := d.must(t, ask(now+3)); again.Counter != now+3 || again.Fence <= res.Fence {
		t.Errorf("%+v after %+v", again, res)
	}
}

func TestCounterIsOfDeviceAndOfCredential(t *testing.T) {
	d := newDesk(t)
	// Handed out while nothing was bound, it isn't sent once something is.
	d.must(t, ask(now).unbound())
	spent(t, d.refused(ask(now)))
	// Sent for the device by one token, it isn't sent by another.
	d.must(t, ask(now+1))
	spent(t, d.refused(ask(now+1).on("99999999", "AWS:carol")))
	spent(t, d.refused(ask(now+1).unbound()))
	// Other devices and credentials are none of its business.
	d.must(t, ask(now).with(device("bob")).on("12345678", "AWS:bob"))
	d.must(t, ask(now).unbound().on("99999999", "AWS:carol"))
	d.must(t, ask(now).with(sts.Device{Endpoint: "http://127.0.0.1:1", Account: "111122223333", Serial: device("carol").Serial}).on("7", "x"))
}

func TestBudget(t *testing.T) {
	d := newDesk(t)
	var all []Reservation
	for n := range uint64(Budget) {
		all = append(all, d.must(t, ask(now+n)))
	}
	late := noon().Add(Window - time.Millisecond)
	if e := throttled(t, d.refused(ask(now+20).at(late))); !e.Until.Equal(noon().Add(Window)) {
		t.Errorf("until %s", e.Until)
	}
	// Nothing was reserved, other devices have budgets of their own, and what
	// doesn't go to AWS takes none.
	shown := ask(now + 20).at(late)
	shown.Verifies = false
	d.settle(t, d.must(t, shown), Released)
	d.must(t, ask(now+20).with(device("bob")).on("2", "b"))
	state, err := d.State(context.Background(), device("carol"), late)
	if err != nil || state.Attempts != Budget || !state.WindowEnd.Equal(noon().Add(Window)) {
		t.Errorf("%+v, %v", state, err)
	}
	// A verification that AWS never saw is given back; one that it saw isn't.
	d.settle(t, all[0], Refused)
	throttled(t, d.refused(ask(now+20).at(late)))
	d.settle(t, all[1], Released)
	d.must(t, ask(now+20).at(late))
	throttled(t, d.refused(ask(now+21).at(late)))
	d.must(t, ask(now+21).at(noon().Add(Window)))
	// Given back late, it is given back to its own window.
	d.settle(t, all[2], Released)
	if state, err = d.State(context.Background(), device("carol"), noon().Add(Window)); err != nil || state.Attempts != 1 {
		t.Errorf("%+v, %v", state, err)
	}
}

func TestPair(t *testing.T) {
	d := newDesk(t)
	ctx := context.Background()
	if e := spent(t, d.refused(ask(d.must(t, ask(now+1)).Counter))); e.Next != now+2 {
		t.Errorf("%+v", e)
	}
	for _, first := range []uint64{now, now + 1} {
		_, err := d.ReservePair(ctx, ask(), first)
		if e := spent(t, err); e.Next != now+2 && first == now || e.Next != now+3 && first == now+1 {
			t.Errorf("pair at %d: next is %d", first, e.Next)
		}
	}
	pair, err := d.ReservePair(ctx, ask(), now+2)
	if err != nil || pair.Counter != now+2 || !pair.Pair {
		t.Fatalf("%+v, %v", pair, err)
	}
	for c := now + 2; c <= now+3; c++ {
		spent(t, d.refused(ask(c)))
	}
	// The pair took one verification, after the one before it.
	if state, err := d.State(ctx, device("carol"), noon()); err != nil || state.Attempts != 2 {
		t.Errorf("%+v, %v", state, err)
	}
	d.settle(t, pair, Released)
	if pair, err = d.ReservePair(ctx, ask(), now+2); err != nil {
		t.Fatal(err)
	}
	d.settle(t, pair, Accepted)
	if err := d.PairAccepted(ctx, device("carol"), now+3, -1, 0); err != nil {
		t.Fatal(err)
	}
	// A pair must be newer than the last one; a single code need not be.
	if _, err := d.ReservePair(ctx, ask(), now-5); spent(t, err).Next != now+4 {
		t.Errorf("%v", err)
	}
	d.must(t, ask(now))
}

func TestSettleOnce(t *testing.T) {
	d := newDesk(t)
	ctx := context.Background()
	res := d.must(t, ask(now))
	foreign := res
	foreign.Token = "other"
	if err := d.Settle(ctx, foreign, Released); !errors.Is(err, store.ErrStale) {
		t.Errorf("another's: %v", err)
	}
	for _, bad := range []Outcome{0, Unknown + 1} {
		if err := d.Settle(ctx, res, bad); err == nil {
			t.Errorf("outcome %d was taken", bad)
		}
	}
	// The caller's patience has nothing to do with what happened.
	gone, cancel := context.WithCancel(ctx)
	cancel()
	if err := d.Settle(gone, res, Accepted); err != nil {
		t.Errorf("settle: %v", err)
	}
	if err := d.Settle(ctx, res, Released); !errors.Is(err, store.ErrStale) {
		t.Errorf("twice: %v", err)
	}
	spent(t, d.refused(ask(now)))
	// A reservation doesn't outlive the run that made it.
	left := d.must(t, ask(now+1))
	d.reopen(t, func() {})
	if err := d.Settle(ctx, left, Released); !errors.Is(err, store.ErrStale) {
		t.Errorf("after a restart: %v", err)
	}
	spent(t, d.refused(ask(now+1)))
	if state, err := d.State(ctx, device("carol"), noon()); err != nil || state.Attempts != 2 {
		t.Errorf("%+v, %v", state, err)
	}
}

func TestBadRequests(t *testing.T) {
	d := newDesk(t)
	noDevice := ask(now)
	noDevice.Device = sts.Device{}
	for name, r := range map[string]Request{
		"no token": ask(now).on("", "x"), "no credential": ask(now).on("x", ""), "no device": noDevice,
		"no candidate": ask(), "many candidates": ask(make([]uint64, maxCandidates+1)...), "far": ask(maxCounter + 1),
		"odd period": ask(now).of(1500 * time.Millisecond), "negative period": ask(now).of(-Step),
	} {
		if _, err := d.Reserve(context.Background(), r); err == nil || isRefusal(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := d.ReservePair(context.Background(), ask(), ^uint64(0)); err == nil || isRefusal(err) {
		t.Errorf("pair at the end: %v", err)
	}
	for _, err := range []error{
		d.Learn(context.Background(), device("carol"), 2, 1), d.Learn(context.Background(), device("carol"), -maxAdjustment-1, 0),
		d.PairAccepted(context.Background(), device("carol"), 1, 0, maxAdjustment+1), d.PairAccepted(context.Background(), device("carol"), maxCounter+1, 0, 0),
	} {
		if !errors.Is(err, errAdjustment) {
			t.Errorf("%v", err)
		}
	}
}

func TestFiftyAtOnce(t *testing.T) {
	d := newDesk(t)
	r := ask()
	r.Verifies = false
	for n := range uint64(50) {
		r.Candidates = append(r.Candidates, now+n)
	}
	var mu sync.Mutex
	var got []uint64
	var callers sync.WaitGroup
	for range 50 {
		callers.Go(func() {
			res, err := d.Reserve(context.Background(), r)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
			}
			got = append(got, res.Counter)
		})
	}
	callers.Wait()
	slices.Sort(got)
	if !slices.Equal(got, r.Candidates) {
		t.Errorf("got %v", got)
	}
}

func TestAdjustment(t *testing.T) {
	d := newDesk(t)
	ctx := context.Background()
	for _, c := range []struct {
		low, high         int
		wantLow, wantHigh int
	}{
		{-5, 3, -5, 3}, {-2, 9, -2, 3}, {-2, 3, -2, 3}, {0, 0, 0, 0},
		// Resynced elsewhere: what was known is no more.
		{7, 8, 7, 8},
	} {
		if err := d.Learn(ctx, device("carol"), c.low, c.high); err != nil {
			t.Fatal(err)
		}
		s, err := d.State(ctx, device("carol"), noon())
		if n, exact := s.Exact(); err != nil || !s.Known || s.Low != c.wantLow || s.High != c.wantHigh || exact != (c.wantLow == c.wantHigh) || n != c.wantLow {
			t.Errorf("learnt %d to %d: %+v, %v", c.low, c.high, s, err)
		}
	}
	if s, err := d.State(ctx, device("bob"), noon()); err != nil || s.Known {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestForgetIsForANewSeed(t *testing.T) {
	d := newDesk(t)
	ctx := context.Background()
	d.must(t, ask(now))
	d.must(t, ask(now+1).unbound())
	if err := d.PairAccepted(ctx, device("carol"), now+9, 0, 0); err != nil {
		t.Fatal(err)
	}
	if err := d.Forget(ctx, device("carol"), "12345678", "AWS:carol"); err != nil {
		t.Fatal(err)
	}
	s, err := d.State(ctx, device("carol"), noon())
	if err != nil || s.Known || s.LastPair != 0 || s.Attempts != 1 {
		t.Errorf("%+v, %v", s, err)
	}
	if list, err := d.Spent(ctx, device("carol"), "12345678", "AWS:carol", 0, now*2); err != nil || len(list) != 0 {
		t.Errorf("%v, %v", list, err)
	}
	d.must(t, ask(now))
	d.must(t, ask(now+1))
	if list, err := d.Spent(ctx, device("carol"), "12345678", "AWS:carol", now, now); err != nil || !slices.Equal(list, []uint64{now}) {
		t.Errorf("%v, %v", list, err)
	}
}

func TestDrifts(t *testing.T) {
	d := newDesk(t)
	for n := range 3 {
		err := d.RecordDrift(context.Background(), Drift{Device: device("carol"), Token: "GAHT12345678", Time: noon().Add(time.Duration(n) * time.Hour), Offset: time.Duration(n) * time.Second})
		if err != nil {
			t.Fatal(err)
		}
	}
	list, err := d.Drifts(context.Background(), device("carol"), "GAHT12345678", 2)
	if err != nil || len(list) != 2 || list[0].Offset != 2*time.Second || list[1].Offset != time.Second {
		t.Errorf("%+v, %v", list, err)
	}
}

func BenchmarkReserveAndSettle(b *testing.B) {
	d := newDesk(b)
	at, c := noon(), now
	for b.Loop() {
		res := d.must(b, ask(c).at(at))
		d.settle(b, res, Accepted)
		at, c = at.Add(Step), c+1
	}
}

// TestLedgerInVirtualTime holds that a wait for the file is no deadlock, nor
// lets virtual time run on.
func TestLedgerInVirtualTime(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		s, err := store.Open(t.Context(), store.Options{Dir: filepath.Join(dir, "state"), WitnessDir: filepath.Join(dir, "other"), Now: began})
		if err != nil {
			t.Fatal(err)
		}
		l := NewLedger(s)
		var callers sync.WaitGroup
		for n := range uint64(20) {
			callers.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				r := ask(now + n)
				r.Verifies = false
				res, err := l.Reserve(ctx, r)
				if err == nil {
					err = l.Settle(ctx, res, Accepted)
				}
				if err != nil {
					t.Error(err)
				}
			})
		}
		callers.Wait()
		if time.Since(began) != 0 {
			t.Errorf("%s went by", time.Since(began))
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}
