package resync

import (
	"time"

	"github.com/fob-auth/fob/sts"
)

// skewSlack is the difference between two readings of AWS's clock below which
// they say the same: Date is cut to the second and the network takes its time.
const skewSlack = 2 * time.Second

// Skew returns AWS's time less the host's, from the Date of an answer and the
// host's time when it came. Date is cut to the second; the half second that
// is missing on average is added.
func Skew(date, hostNow time.Time) time.Duration {
	return date.Add(time.Second / 2).Sub(hostNow)
}

// CorrectSkew says whether a call that carries no code may be made again after
// its refusal, and with which skew: only where AWS refused the signature's
// time, said what time it is, and that is news.
func CorrectSkew(class sts.Class, date, hostNow time.Time, used time.Duration) (skew time.Duration, again bool) {
	if class != sts.Skewed || date.IsZero() {
		return used, false
	}
	skew = Skew(date, hostNow)
	return skew, (skew - used).Abs() > skewSlack
}

// WarnAt is how far a token's clock may be from the middle of AWS's window
// before fob warns: half of the Reach that AWS allows.
const WarnAt = Reach * Step / 2

// A State is how a token's clock lies to AWS's window.
type State string

// The states of a clock.
const (
	// Fine: its present code is taken, with room to spare.
	Fine State = "ok"
	// Warn: it is taken, but the clock has used up half of the room.
	Warn State = "warn"
	// Drifted: its present code is refused.
	Drifted State = "outside"
	// Unsure: the adjustment isn't known, so nobody can say.
	Unsure State = "unknown"
)

// A Drift is a token's clock against AWS's time and the device's adjustment.
type Drift struct {
	State State
	// Offset is the token's clock less AWS's time.
	Offset time.Duration
	// Residual is what is left of the offset after the adjustment: the
	// distance from the middle of the window.
	Residual time.Duration
	// Steps is the token's present counter less the middle of the window;
	// −Reach to Reach is accepted.
	Steps int
}

// Measure compares a token's own clock with AWS's, both read at one moment.
func Measure(token, awsNow time.Time, k Knowledge) Drift {
	d := Drift{Offset: token.Sub(awsNow)}
	d.Residual = d.Offset - time.Duration(k.Middle())*Step
	d.Steps = diff(Counter(token), add(Counter(awsNow), k.Middle()))
	switch {
	case !k.Known:
		d.State = Unsure
	case k.Fit(awsNow, Counter(token)) == Outside:
		d.State = Drifted
	case d.Residual.Abs() >= WarnAt || abs(d.Steps) > Reach:
		d.State = Warn
	default:
		d.State = Fine
	}
	return d
}
