package resync

import (
	"cmp"
	"slices"
	"time"
)

// edgeMargin is how much of a step must be left for its window's lowest
// counter to be worth a try: time for a card to compute and AWS to look. It is
// no more than a caller waits who is told to wait for the next step instead.
const edgeMargin = time.Second

// Candidates returns the counters that AWS may take at awsNow from a token
// that computes any counter it is asked for, the best first; the ledger says
// which are free. Those of the window around no adjustment come first, or as
// near to none as is possible: such a token has no clock that AWS would have had
// to adjust for. Then come counters that more of the possible adjustments accept,
// then those nearer to the middle, and of two equally far the later
// one, since time moves towards it while a touch is awaited. The likely
// window's lowest one is left out when the step is about to end.
func Candidates(awsNow time.Time, k Knowledge) []uint64 {
	now := Counter(awsNow)
	middle := add(now, k.Middle())
	likely := middle
	if k.Known {
		likely = add(now, min(max(0, k.Low), k.High))
	}
	first, last := add(min(middle, likely), -Reach), add(max(middle, likely), Reach)
	ending := Start(now+1).Sub(awsNow) < edgeMargin
	var counters []uint64
	for c := first; c <= last; c++ {
		if k.votes(now, c) > 0 && !(ending && diff(likely, c) == Reach) {
			counters = append(counters, c)
		}
	}
	slices.SortStableFunc(counters, func(a, b uint64) int {
		offA, offB := diff(a, middle), diff(b, middle)
		return cmp.Or(
			cmp.Compare(max(abs(diff(a, likely)), Reach), max(abs(diff(b, likely)), Reach)),
			cmp.Compare(k.votes(now, b), k.votes(now, a)),
			cmp.Compare(abs(offA), abs(offB)),
			cmp.Compare(offB, offA),
		)
	})
	return counters
}

// Pairs returns the pairs of consecutive counters, each by its first, that a
// token which computes any counter may hand over for Enable or Resync at
// awsNow, the best first. The second counter becomes the middle of AWS's
// window: best is AWS's own counter, and a step to either side leaves the
// present inside with a step to spare.
func Pairs(awsNow time.Time) []uint64 {
	now := Counter(awsNow)
	var firsts []uint64
	for _, off := range []int{0, 1, -1} {
		if second := add(now, off); second > 0 {
			firsts = append(firsts, second-1)
		}
	}
	return firsts
}

// searchable reports whether AWS finds a pair with that second counter: it
// looks PairBack steps back and PairAhead ahead of where it last saw the
// device. Where the adjustment is known as an interval, all of it must reach;
// where nothing is known, nothing speaks against a try.
func searchable(awsNow time.Time, k Knowledge, second uint64) bool {
	off := diff(second, Counter(awsNow))
	return !k.Known || off >= k.High-PairBack && off <= k.Low+PairAhead
}

func abs(n int) int {
	if n < 0 {
		return -n
	}
	return n
}
