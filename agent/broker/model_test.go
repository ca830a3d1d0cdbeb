package broker

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/fob-auth/fob/agent/store"
	"github.com/fob-auth/fob/sts"
)

// A model is the ledger's rules in their plainest form.
type model struct {
	taken    []modelCounter
	open     map[int64]Request
	attempts map[modelWindow]int
	lastPair map[sts.Device]uint64
}

type modelCounter struct {
	Request
	counter uint64
	fence   int64
}

type modelWindow struct {
	device sts.Device
	window int64
}

func (m *model) free(r Request, c uint64) bool {
	return !slices.ContainsFunc(m.taken, func(x modelCounter) bool {
		return x.counter == c && (x.Device == r.Device && r.Device != (sts.Device{}) || x.Token == r.Token && x.Credential == r.Credential)
	})
}

// choose returns what a request gets: counters, or none and why.
func (m *model) choose(r Request, pair bool) ([]uint64, string) {
	var got []uint64
	if pair {
		first := r.Candidates[0]
		if first > m.lastPair[r.Device] && m.free(r, first) && m.free(r, first+1) {
			got = []uint64{first, first + 1}
		}
	} else if i := slices.IndexFunc(r.Candidates, func(c uint64) bool { return m.free(r, c) }); i >= 0 {
		got = r.Candidates[i : i+1]
	}
	switch {
	case got == nil:
		return nil, "spent"
	case r.Verifies && m.attempts[modelWindow{r.Device, windowOf(r.AWSNow)}] >= Budget:
		return nil, "throttled"
	}
	return got, ""
}

func (m *model) take(r Request, res Reservation, got []uint64) {
	for _, c := range got {
		m.taken = append(m.taken, modelCounter{r, c, res.Fence})
	}
	if r.Verifies {
		m.attempts[modelWindow{r.Device, windowOf(r.AWSNow)}]++
	}
	m.open[res.Fence] = r
}

func (m *model) settle(fence int64, o Outcome) {
	r := m.open[fence]
	delete(m.open, fence)
	if o != Released {
		return
	}
	m.taken = slices.DeleteFunc(m.taken, func(x modelCounter) bool { return x.fence == fence })
	if r.Verifies {
		m.attempts[modelWindow{r.Device, windowOf(r.AWSNow)}]--
	}
}

func (m *model) forget(d sts.Device, token, credential string) {
	m.taken = slices.DeleteFunc(m.taken, func(x modelCounter) bool {
		return x.Device == d || x.Token == token && x.Credential == credential
	})
	delete(m.lastPair, d)
}

// TestAgainstModel does random things to a ledger and to the model.
func TestAgainstModel(t *testing.T) {
	for seed := range uint64(3) {
		r := rand.New(rand.NewPCG(seed, 2))
		d := newDesk(t)
		m := &model{open: map[int64]Request{}, attempts: map[modelWindow]int{}, lastPair: map[sts.Device]uint64{}}
		at := noon()
		outcomes := map[string]int{}
		reservations := map[int64]Reservation{}
		for range 250 {
			switch n := r.IntN(20); {
			case n < 11:
				outcomes[tryReserve(t, d, m, reservations, randomRequest(r, at), n == 0)]++
			case n < 16:
				trySettle(t, d, m, reservations, r)
			case n < 18:
				at = at.Add(time.Duration(r.IntN(4)) * Step)
			case n == 18:
				dev := device([]string{"carol", "bob"}[r.IntN(2)])
				if err := d.PairAccepted(context.Background(), dev, stepOf(at, Step), 0, 0); err != nil {
					t.Fatal(err)
				}
				m.lastPair[dev] = max(m.lastPair[dev], stepOf(at, Step))
			case r.IntN(2) == 0:
				d.reopen(t, func() {})
				clear(m.open)
			case r.IntN(4) == 0:
				req := randomRequest(r, at)
				if req.Device == (sts.Device{}) {
					continue
				}
				if err := d.Forget(context.Background(), req.Device, req.Token, req.Credential); err != nil {
					t.Fatal(err)
				}
				// What is open was for the old seed, and is nothing to settle.
				m.forget(req.Device, req.Token, req.Credential)
				for fence := range m.open {
					if !slices.ContainsFunc(m.taken, func(x modelCounter) bool { return x.fence == fence }) {
						delete(m.open, fence)
					}
				}
			}
			if t.Failed() {
				t.Fatalf("seed %d", seed)
			}
		}
		if outcomes[""] < 30 || outcomes["spent"] < 10 {
			t.Errorf("seed %d: %v: that tests little", seed, outcomes)
		}
	}
}

func randomRequest(r *rand.Rand, at time.Time) Request {
	q := ask().at(at)
	q.Token = []string{"111", "222"}[r.IntN(2)]
	switch r.IntN(4) {
	case 0:
		q = q.unbound()
	case 1:
		q = q.with(device("bob"))
	}
	q.Verifies = q.Verifies && r.IntN(4) > 0
	step := stepOf(at, Step)
	for _, i := range r.Perm(5)[:1+r.IntN(5)] {
		q.Candidates = append(q.Candidates, step-2+uint64(i))
	}
	return q
}

func tryReserve(t *testing.T, d *desk, m *model, all map[int64]Reservation, r Request, pair bool) string {
	t.Helper()
	want, why := m.choose(r, pair)
	var res Reservation
	var err error
	if pair {
		res, err = d.ReservePair(context.Background(), r, r.Candidates[0])
	} else {
		res, err = d.Reserve(context.Background(), r)
	}
	var spent *SpentError
	var throttled *ThrottledError
	switch {
	case why == "spent" && errors.As(err, &spent):
		// What it names as the next one would be taken.
		next := r
		next.Candidates = []uint64{spent.Next}
		if _, stillWhy := m.choose(next, pair); stillWhy == "spent" {
			t.Errorf("next is %d, which is spent", spent.Next)
		}
	case why == "throttled" && errors.As(err, &throttled):
	case why == "" && err == nil && res.Counter == want[0] && res.Pair == pair:
		m.take(r, res, want)
		all[res.Fence] = res
	default:
		t.Errorf("%+v: got %+v, %v; want %v %s", r, res, err, want, why)
	}
	return why
}

// trySettle settles any reservation there ever was.
func trySettle(t *testing.T, d *desk, m *model, all map[int64]Reservation, r *rand.Rand) {
	t.Helper()
	fences := make([]int64, 0, len(all))
	for fence := range all {
		fences = append(fences, fence)
	}
	if len(fences) == 0 {
		return
	}
	slices.Sort(fences)
	// Mostly a late one, which may still be open.
	fence := fences[max(0, len(fences)-1-r.IntN(6))]
	o := Outcome(1 + r.IntN(int(Unknown)))
	_, open := m.open[fence]
	err := d.Settle(context.Background(), all[fence], o)
	if open != (err == nil) || !open && !errors.Is(err, store.ErrStale) {
		t.Errorf("settle %d as %d: %v, open %v", fence, o, err, open)
	}
	if open {
		m.settle(fence, o)
	}
}
