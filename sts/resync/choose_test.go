package resync

import (
	"slices"
	"testing"
	"time"

	"github.com/fob-auth/fob/sts"
)

// offsets returns counters as distances from AWS's own.
func offsets(now time.Time, counters []uint64) []int {
	list := []int{}
	for _, c := range counters {
		list = append(list, diff(c, Counter(now)))
	}
	return list
}

func TestCandidates(t *testing.T) {
	for _, test := range []struct {
		name string
		now  time.Time
		k    Knowledge
		want []int
	}{
		{"as enrolled by fob", at(10), Exactly(0), []int{0, 1, -1, 2, -2}},
		{"adjusted", at(10), Exactly(-7), []int{-7, -6, -8, -5, -9}},
		{"the last seconds of the step", at(26), Exactly(0), []int{0, 1, -1, 2, -2}},
		{"the step is about to end", at(29.1), Exactly(0), []int{0, 1, -1, 2}},
		{"nothing known", at(10), Knowledge{}, []int{0, 1, -1, 2, -2}},
		{"one accepted: the middle is sure, the others by their odds", at(10), Knowledge{true, -2, 2}, []int{0, 1, -1, 2, -2}},
		{"leaning low", at(10), Knowledge{true, -2, 0}, []int{-1, 0, -2, 1, 2, -3}},
		{"two accepted ahead of time", at(10), Knowledge{true, 0, 3}, []int{1, 2, 0, -1, -2, 3}},
		{"the same, and the step is about to end", at(29.1), Knowledge{true, 0, 3}, []int{1, 2, 0, -1, 3}},
		{"the beginning of time", time.Unix(10, 0), Exactly(0), []int{0, 1, 2}},
	} {
		got := offsets(test.now, Candidates(test.now, test.k))
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}

func TestPairs(t *testing.T) {
	for _, test := range []struct {
		name string
		now  time.Time
		want []int // first counters, from AWS's own
	}{
		{"any time", at(10), []int{-1, 0, -2}},
		{"the end of a step", at(29.9), []int{-1, 0, -2}},
		{"the beginning of time", time.Unix(3, 0), []int{0}},
	} {
		firsts := Pairs(test.now)
		if got := offsets(test.now, firsts); !slices.Equal(got, test.want) {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
		for _, first := range firsts {
			after := Knowledge{}.PairAccepted(test.now, first+1)
			if test.now.Unix() > 60 && after.Fit(test.now.Add(Step), Counter(test.now.Add(Step))) != Inside {
				t.Errorf("%s: after the pair from %d, %+v, the next present code is outside", test.name, first, after)
			}
		}
	}
}

func TestSearchable(t *testing.T) {
	for _, test := range []struct {
		k    Knowledge
		off  int
		want bool
	}{
		{Exactly(0), -998, true}, {Exactly(0), -999, false}, {Exactly(0), 1000, true}, {Exactly(0), 1001, false},
		{Exactly(10), 1010, true}, {Exactly(10), 1011, false}, {Exactly(10), -988, true}, {Exactly(10), -989, false},
		{Knowledge{true, -2, 2}, 998, true}, {Knowledge{true, -2, 2}, 999, false}, {Knowledge{}, 5000, true},
	} {
		if got := searchable(at(10), test.k, add(s0, test.off)); got != test.want {
			t.Errorf("%+v, %+d: %t", test.k, test.off, got)
		}
	}
}

func TestCorrectSkew(t *testing.T) {
	for _, test := range []struct {
		name  string
		class sts.Class
		date  time.Time
		used  time.Duration
		skew  time.Duration
		again bool
	}{
		{"an hour slow", sts.Skewed, at(3600), 0, time.Hour + time.Second/2, true},
		{"corrected already", sts.Skewed, at(3600), time.Hour, time.Hour + time.Second/2, false},
		{"clock right", sts.Skewed, at(0), 0, time.Second / 2, false},
		{"no date", sts.Skewed, time.Time{}, time.Minute, time.Minute, false},
		{"another refusal", sts.Denied, at(3600), 0, 0, false},
		{"a wrong code is never sent again", sts.WrongCode, at(3600), 0, 0, false},
	} {
		if skew, again := CorrectSkew(test.class, test.date, noon, test.used); skew != test.skew || again != test.again {
			t.Errorf("%s: %s, %t; want %s, %t", test.name, skew, again, test.skew, test.again)
		}
	}
}

func TestMeasure(t *testing.T) {
	for _, test := range []struct {
		name   string
		offset float64 // of the token, in seconds
		k      Knowledge
		want   Drift
	}{
		{"right", 0, Exactly(0), Drift{State: Fine}},
		{"a little slow", -20, Exactly(0), Drift{State: Fine, Offset: -20 * time.Second, Residual: -20 * time.Second, Steps: -1}},
		{"forty seconds slow", -40, Exactly(0), Drift{State: Warn, Offset: -40 * time.Second, Residual: -40 * time.Second, Steps: -1}},
		{"forty seconds slow, adjusted", -40, Exactly(-1), Drift{State: Fine, Offset: -40 * time.Second, Residual: -10 * time.Second}},
		{"at the edge", 70, Exactly(0), Drift{State: Warn, Offset: 70 * time.Second, Residual: 70 * time.Second, Steps: 2}},
		{"out", 300, Exactly(0), Drift{State: Drifted, Offset: 300 * time.Second, Residual: 300 * time.Second, Steps: 10}},
		{"adjusted, and the clock put right", 0, Exactly(-20), Drift{State: Drifted, Residual: 600 * time.Second, Steps: 20}},
		{"learnt from a code", -40, Knowledge{true, -3, 1}, Drift{State: Fine, Offset: -40 * time.Second, Residual: -10 * time.Second}},
		{"nothing known", 300, Knowledge{}, Drift{State: Unsure, Offset: 300 * time.Second, Residual: 300 * time.Second, Steps: 10}},
	} {
		if got := Measure(at(15+test.offset), at(15), test.k); got != test.want {
			t.Errorf("%s: %+v, want %+v", test.name, got, test.want)
		}
	}
}
