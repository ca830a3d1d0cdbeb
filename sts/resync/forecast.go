package resync

import "time"

// edge is how far a token's clock may be from the middle of AWS's window so
// that each of its codes is taken at each moment. Beyond it, up to a step
// further, some are.
const edge = Reach * Step

// horizon bounds forecasts: no battery lasts longer.
const horizon = 20 * 365 * 24 * time.Hour

// certain is how many standard deviations make a bound.
const certain = 2

// A Forecast says when a clock leaves AWS's window if it goes on as it did.
type Forecast struct {
	// Leaves is when, by the likeliest adjustment; zero where that can't be said
	// yet, or is 20 years off. A clock that is outside already left at the
	// trend's last reading.
	Leaves time.Time
	// Earliest and Latest bound it, with two standard deviations of offset
	// and rate, by the narrowest and the widest window that the adjustment may
	// make. A zero Earliest is 20 years off, or unknown: the clock is outside
	// by some of the adjustments that are possible, and inside by others. A
	// zero Latest is 20 years off or unbounded: then the rate may as well be
	// nil.
	Earliest, Latest time.Time
}

// Forecast says when the clock leaves the window of a device whose adjustment
// is known as k.
func (t Trend) Forecast(k Knowledge) Forecast {
	if t.Samples == 0 || !k.Known {
		return Forecast{}
	}
	widest, likely, narrowest := t.roomIn(k.Low, k.High), t.roomIn(k.Middle(), k.Middle()), t.roomIn(k.High, k.Low)
	if widest.none() {
		return Forecast{Leaves: t.Until, Earliest: t.Until, Latest: t.Until}
	}
	slack, rate, doubt := certain*t.OffsetError.Seconds(), t.PPM/1e6, certain*t.PPMError/1e6
	var f Forecast
	if !narrowest.none() {
		f.Earliest = earlier(t.after(max(narrowest.up-slack, 0), rate+doubt), t.after(min(narrowest.down+slack, 0), rate-doubt))
	}
	switch {
	case rate > doubt:
		f.Latest = t.after(widest.up+slack, rate-doubt)
	case rate < -doubt:
		f.Latest = t.after(widest.down-slack, rate+doubt)
	default:
		return f
	}
	if !likely.none() {
		f.Leaves = earlier(t.after(likely.up, rate), t.after(likely.down, rate))
	}
	return f
}

// A room is how far an offset may go up and, below nought, down, in seconds.
type room struct{ up, down float64 }

// roomIn is the room in a window that reaches down from one adjustment and up
// from another.
func (t Trend) roomIn(low, high int) room {
	return room{up: (time.Duration(high)*Step + edge - t.Offset).Seconds(), down: (time.Duration(low)*Step - edge - t.Offset).Seconds()}
}

func (r room) none() bool { return r.up <= 0 || r.down >= 0 }

// after is when an offset has changed by room seconds at a rate, both of one
// sign; zero for never.
func (t Trend) after(room, rate float64) time.Time {
	if room*rate < 0 || rate == 0 {
		return time.Time{}
	}
	if s := room / rate; s < horizon.Seconds() {
		return t.Until.Add(seconds(s))
	}
	return time.Time{}
}

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// Due reports whether a resync is worth its two codes now: the clock has used
// up half of the room, and isn't on its way back to the middle.
func Due(d Drift, t Trend) bool {
	if d.State != Warn {
		return false
	}
	returning := t.PPM > certain*t.PPMError && d.Residual < 0 || t.PPM < -certain*t.PPMError && d.Residual > 0
	return !returning || d.Residual.Abs() >= WarnAt*3/2
}
