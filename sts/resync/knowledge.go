package resync

import "time"

// answerLag is how long before the Date of its answer AWS may have looked at a
// code. Date is cut to the second, so that near a step's start the step in
// which the code was judged isn't certain; both are then reckoned with.
const answerLag = 2 * time.Second

// Knowledge is what is known of a device's adjustment: the steps that AWS adds
// to its own counter for the device. The zero value knows nothing. It is a
// value: methods that learn return what is known then.
type Knowledge struct {
	// Known says that Low and High mean something.
	Known bool
	// Low and High bound the adjustment, both inclusive, in steps.
	Low, High int
}

// Exactly is the knowledge that the adjustment is n steps.
func Exactly(n int) Knowledge { return Knowledge{Known: true, Low: n, High: n} }

// Exact returns the adjustment, and whether it is known to the step.
func (k Knowledge) Exact() (int, bool) { return k.Low, k.Known && k.Low == k.High }

// Middle returns the likeliest adjustment: the middle of what is known, or 0
// where nothing is, since that is what enrolment with a right clock leads to.
func (k Knowledge) Middle() int {
	if !k.Known {
		return 0
	}
	// Away from zero or towards it makes no odds; down, for definiteness.
	sum := k.Low + k.High
	if sum < 0 {
		sum--
	}
	return sum / 2
}

// bounds returns what to reckon with. A device that fob didn't enrol was most
// likely enrolled by a person whose second code was of AWS's own step or one
// or two before; the same distance the other way is for a clock ahead.
func (k Knowledge) bounds() (low, high int) {
	if !k.Known {
		return -Reach, Reach
	}
	return k.Low, k.High
}

// Accepted learns from a code that brought a session: AWS, answering at
// awsDate, took the counter.
func (k Knowledge) Accepted(awsDate time.Time, counter uint64) Knowledge {
	early, late := Counter(awsDate.Add(-answerLag)), Counter(awsDate)
	return k.within(diff(counter, late)-Reach, diff(counter, early)+Reach)
}

// PairAccepted learns from a pair that Enable or Resync took: AWS sets the
// adjustment to the second counter less its own.
func (k Knowledge) PairAccepted(awsDate time.Time, second uint64) Knowledge {
	early, late := Counter(awsDate.Add(-answerLag)), Counter(awsDate)
	return Knowledge{Known: true, Low: diff(second, late), High: diff(second, early)}
}

// Refused learns from a code that AWS looked at and refused (WrongCode),
// provided that its digits were right and no one had used it before: then its
// counter was outside the window.
func (k Knowledge) Refused(awsDate time.Time, counter uint64) Knowledge {
	if !k.Known {
		return k
	}
	early, late := Counter(awsDate.Add(-answerLag)), Counter(awsDate)
	// These adjustments would have had AWS take it, in whichever step it
	// looked.
	low, high := diff(counter, early)-Reach, diff(counter, late)+Reach
	switch {
	case low <= k.Low && k.High <= high:
		return Knowledge{} // It can't be: what was known is wrong.
	case low <= k.Low && k.Low <= high:
		k.Low = high + 1
	case low <= k.High && k.High <= high:
		k.High = low - 1
	}
	return k
}

// within narrows what is known. Where that would leave nothing, the device was
// changed behind fob's back and the news alone counts.
func (k Knowledge) within(low, high int) Knowledge {
	news := Knowledge{Known: true, Low: low, High: high}
	if !k.Known {
		return news
	}
	both := Knowledge{Known: true, Low: max(k.Low, low), High: min(k.High, high)}
	if both.Low > both.High {
		return news
	}
	return both
}

// A Fit says whether AWS would take a counter.
type Fit int

// How a counter fits AWS's window.
const (
	// Outside: no adjustment that is possible has AWS take it.
	Outside Fit = iota
	// Maybe: some do.
	Maybe
	// Inside: every one does.
	Inside
)

// Fit says whether AWS would take the counter at awsNow. Where nothing is
// known of the adjustment, everything is possible.
func (k Knowledge) Fit(awsNow time.Time, counter uint64) Fit {
	if !k.Known {
		return Maybe
	}
	switch k.votes(Counter(awsNow), counter) {
	case 0:
		return Outside
	case k.High - k.Low + 1:
		return Inside
	}
	return Maybe
}

// votes counts the possible adjustments with which AWS, at its own counter
// now, takes the counter.
func (k Knowledge) votes(now, counter uint64) int {
	low, high := k.bounds()
	off := diff(counter, now)
	return max(0, min(high, off+Reach)-max(low, off-Reach)+1)
}
