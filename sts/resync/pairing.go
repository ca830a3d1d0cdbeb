package resync

import "time"

// A Pairing says whether a token that gives codes of its present step only can
// give a pair that AWS takes.
type Pairing struct {
	// Reason is "" where it can, at once; [PairNotNewer] where AWS has taken a
	// later pair, and its clock has to come past that; [OutOfReach] where AWS
	// doesn't search for it.
	Reason Reason
	// At is AWS's time when it can, where it has to wait.
	At time.Time
}

// PairOf says how a pair of the token's present counter and the one after it
// would fare. lastPair is the second counter of the last accepted pair.
func PairOf(awsNow time.Time, present uint64, k Knowledge, lastPair uint64) Pairing {
	switch {
	case !searchable(awsNow, k, present):
		return Pairing{Reason: OutOfReach}
	case present <= lastPair:
		return Pairing{Reason: PairNotNewer, At: awsNow.Add(time.Duration(diff(lastPair+1, present)) * Step)}
	}
	return Pairing{At: awsNow}
}

const (
	// offEdge is how far from a step's start AWS's answer has to come so that
	// its Date tells in which step it looked ([Knowledge.PairAccepted]).
	offEdge = answerLag + time.Second/2
	// offCentre is how far from the middle of its new window a clock with a
	// known rate is put, at most: short of [WarnAt].
	offCentre = WarnAt * 5 / 6
)

// Hold returns how long to hold back the second code of a pair that a token
// shows just now. AWS sets the window's middle to that code's step, counted
// from its own step when it looks; to wait for AWS's next step moves the
// middle a step back. A clock that is known to run fast is put behind the
// middle, a slow one ahead, so that it lasts; one whose rate isn't known isn't
// waited for unless it would begin near half the room. And the moment of AWS's
// answer has to tell which step it was.
func Hold(token, awsNow time.Time, t Trend) time.Duration {
	into := awsNow.Sub(Start(Counter(awsNow)))
	now := token.Sub(awsNow) - time.Duration(diff(Counter(token), Counter(awsNow)))*Step
	wait := now < -offCentre
	if t.PPM < -certain*t.PPMError {
		wait = now+Step <= offCentre
	}
	if wait || into > Step-offEdge {
		return Step - into + offEdge
	}
	return max(0, offEdge-into)
}
