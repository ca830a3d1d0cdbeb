package resync

import (
	"testing"
	"time"
)

// noon is the start of a step and of a budget window.
var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// at returns noon and some seconds.
func at(seconds float64) time.Time { return noon.Add(time.Duration(seconds * float64(time.Second))) }

// s0 is the counter of noon.
var s0 = Counter(noon)

func TestCounter(t *testing.T) {
	// The times of RFC 6238, appendix B, and their counters.
	for unix, want := range map[int64]uint64{
		59: 1, 1111111109: 0x23523EC, 1111111111: 0x23523ED, 1234567890: 0x273EF07, 2000000000: 0x3F940AA,
		20000000000: 0x27BC86AA, 0: 0, -1: 0, 29: 0, 30: 1,
	} {
		if got := Counter(time.Unix(unix, 999)); got != want {
			t.Errorf("counter of %d: %#x, want %#x", unix, got, want)
		}
	}
	if got := Start(s0 + 1); !got.Equal(at(30)) {
		t.Errorf("start of the next step: %s", got)
	}
}

func TestWindow(t *testing.T) {
	for _, test := range []struct {
		now        time.Time
		adjustment int
		low, high  uint64
	}{
		{noon, 0, s0 - 2, s0 + 2},
		{at(29.999), 0, s0 - 2, s0 + 2},
		{at(30), 0, s0 - 1, s0 + 3},
		{noon, -3, s0 - 5, s0 - 1},
		{noon, 998, s0 + 996, s0 + 1000},
		{time.Unix(0, 0), 0, 0, 2},
		{time.Unix(0, 0), -5, 0, 2},
	} {
		if low, high := Window(test.now, test.adjustment); low != test.low || high != test.high {
			t.Errorf("window at %s%+d: %d to %d, want %d to %d", test.now, test.adjustment, low, high, test.low, test.high)
		}
	}
}

func TestBudgetAt(t *testing.T) {
	for _, now := range []time.Time{noon, at(1), at(179.999)} {
		if start, next := BudgetAt(now.In(time.FixedZone("x", 5400))); !start.Equal(noon) || !next.Equal(at(180)) {
			t.Errorf("budget window of %s: %s to %s", now, start, next)
		}
	}
	if start, _ := BudgetAt(at(180)); !start.Equal(at(180)) {
		t.Errorf("a window's end is in the next: %s", start)
	}
}

// within AWS's own model, whatever is learnt from its verdicts is true: the
// real adjustment stays within the bounds, and every counter is judged right.
func TestKnowledgeIsTrue(t *testing.T) {
	for adjustment := -4; adjustment <= 4; adjustment++ {
		for first := -6; first <= 6; first++ {
			for second := -6; second <= 6; second++ {
				k := Knowledge{}
				for n, off := range []int{first, second} {
					now := at(10 + 30*float64(n))
					counter := add(Counter(now), off)
					low, high := Window(now, adjustment)
					if accepted := counter >= low && counter <= high; accepted {
						k = k.Accepted(now, counter)
					} else {
						k = k.Refused(now, counter)
					}
					if k.Known && (adjustment < k.Low || adjustment > k.High) {
						t.Fatalf("adjustment %d, offsets %d and %d: learnt %+v", adjustment, first, second, k)
					}
					for c := low - 8; c <= high+8; c++ {
						in := c >= low && c <= high
						if fit := k.Fit(now, c); fit == Inside && !in || fit == Outside && in {
							t.Fatalf("adjustment %d, learnt %+v: counter %+d is %d", adjustment, k, diff(c, Counter(now)), fit)
						}
					}
				}
			}
		}
	}
}

func TestAccepted(t *testing.T) {
	for _, test := range []struct {
		name    string
		before  Knowledge
		date    time.Time
		counter uint64
		want    Knowledge
	}{
		{"first", Knowledge{}, at(10), s0, Knowledge{true, -2, 2}},
		{"first, near a step's start", Knowledge{}, at(1), s0, Knowledge{true, -2, 3}},
		{"narrows", Knowledge{true, -2, 2}, at(10), s0 + 2, Knowledge{true, 0, 2}},
		{"both edges make it exact", Knowledge{true, 0, 2}, at(10), s0 - 2, Knowledge{true, 0, 0}},
		{"tells nothing new", Exactly(1), at(10), s0 + 3, Exactly(1)},
		{"contradicts: the news counts", Exactly(0), at(10), s0 + 100, Knowledge{true, 98, 102}},
	} {
		if got := test.before.Accepted(test.date, test.counter); got != test.want {
			t.Errorf("%s: %+v, want %+v", test.name, got, test.want)
		}
	}
}

func TestPairAccepted(t *testing.T) {
	if got := (Knowledge{true, 5, 9}).PairAccepted(at(10), s0-3); got != Exactly(-3) {
		t.Errorf("%+v", got)
	}
	if n, exact := Exactly(-3).Exact(); n != -3 || !exact {
		t.Errorf("exact: %d, %t", n, exact)
	}
	near := Knowledge{}.PairAccepted(at(0), s0)
	if near != (Knowledge{true, 0, 1}) {
		t.Errorf("near a step's start: %+v", near)
	}
	if _, exact := near.Exact(); exact {
		t.Error("near a step's start it is not exact")
	}
}

func TestRefused(t *testing.T) {
	for _, test := range []struct {
		name    string
		before  Knowledge
		counter uint64
		want    Knowledge
	}{
		{"nothing known", Knowledge{}, s0, Knowledge{}},
		{"cuts the low end", Knowledge{true, -2, 2}, s0 - 4, Knowledge{true, -1, 2}},
		{"cuts the high end", Knowledge{true, -2, 2}, s0 + 3, Knowledge{true, -2, 0}},
		{"splits, which isn't kept", Knowledge{true, -10, 10}, s0, Knowledge{true, -10, 10}},
		{"far away", Knowledge{true, -2, 2}, s0 + 100, Knowledge{true, -2, 2}},
		{"contradicts", Exactly(0), s0, Knowledge{}},
	} {
		if got := test.before.Refused(at(10), test.counter); got != test.want {
			t.Errorf("%s: %+v, want %+v", test.name, got, test.want)
		}
	}
}

func TestMiddle(t *testing.T) {
	for k, want := range map[Knowledge]int{
		{}: 0, Exactly(7): 7, {true, -2, 2}: 0, {true, -3, 0}: -2, {true, 0, 3}: 1, {true, -4, -2}: -3,
	} {
		if got := k.Middle(); got != want {
			t.Errorf("middle of %+v: %d, want %d", k, got, want)
		}
	}
}

func FuzzKnowledge(f *testing.F) {
	f.Add(int64(0), uint64(0), true, 0, 0)
	f.Add(noon.Unix(), s0, true, -2, 2)
	f.Add(int64(-1), uint64(1<<60), false, -5, 5)
	f.Fuzz(func(t *testing.T, unix int64, counter uint64, known bool, low, high int) {
		const limit = 1 << 40
		if low > high || low < -limit || high > limit || unix < -limit || unix > limit || counter > 1<<60 {
			return // nothing that a ledger holds
		}
		now, k := time.Unix(unix, 0), Knowledge{Known: known, Low: low, High: high}
		for _, k := range []Knowledge{k.Accepted(now, counter), k.Refused(now, counter), k.PairAccepted(now, counter)} {
			if k.Known && k.Low > k.High {
				t.Errorf("learnt %+v", k)
			}
			for _, c := range Candidates(now, k) {
				if k.Fit(now, c) == Outside {
					t.Errorf("%+v: candidate %d is outside", k, c)
				}
			}
		}
	})
}
