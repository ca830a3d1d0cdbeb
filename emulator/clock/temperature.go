package clock

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// What a 32768 Hz tuning-fork crystal does, as makers' data sheets have it: its
// frequency is highest at the turnover temperature and falls by the square of
// the distance from it.
const (
	Turnover  = 25.0   // °C
	curvature = -0.035 // ppm for each °C², squared distance from Turnover
)

// Bounds of a temperature, in °C: what a consumer crystal is specified for.
const (
	MinCelsius = -40.0
	MaxCelsius = 85.0
)

// day is the cycle of a temperature.
const day = 24 * time.Hour

// A Temperature is how warm a clock's crystal is over the day: a cosine around
// Mean, warmest at Warmest. The zero value is a crystal that is always at
// Turnover, and adds nothing to the rate.
type Temperature struct {
	// Above is the day's mean less Turnover, in °C.
	Above float64
	// Swing is how far the day goes above and below the mean, in °C.
	Swing float64
	// Warmest is the time of the day, in UTC, that is warmest.
	Warmest time.Duration
}

// Celsius is a temperature of that mean, in °C.
func Celsius(mean, swing float64, warmest time.Duration) Temperature {
	return Temperature{Above: mean - Turnover, Swing: swing, Warmest: warmest}
}

// Check says what is out of bounds.
func (t Temperature) Check() error {
	low, high := Turnover+t.Above-t.Swing, Turnover+t.Above+t.Swing
	if !(t.Swing >= 0 && low >= MinCelsius && high <= MaxCelsius) { // NaN is refused
		return fmt.Errorf("temperature from %g to %g °C is out of %g to %g", low, high, MinCelsius, MaxCelsius)
	}
	if t.Warmest < 0 || t.Warmest >= day {
		return errors.New("warmest time is out of the day")
	}
	return nil
}

// angle is how far the day is past its warmest, in radians. It is taken from
// the time of the day in whole nanoseconds: an angle that grew over years would
// lose its last digits.
func (t Temperature) angle(at time.Time) float64 {
	since := (time.Duration(at.Unix()%int64(day/time.Second))*time.Second + time.Duration(at.Nanosecond()) - t.Warmest) % day
	return 2 * math.Pi * float64(since) / float64(day)
}

// ppm is what the temperature adds to the rate.
func (t Temperature) ppm(at time.Time) float64 {
	away := t.Above + t.Swing*math.Cos(t.angle(at))
	return curvature * away * away
}

// gained is the integral of ppm from one time to another, in ppm × nanoseconds.
// With A above and S swing, the square of A + S·cos x has the antiderivative
// (A² + S²/2)·x + 2AS·sin x + (S²/4)·sin 2x.
func (t Temperature) gained(from, to time.Time) float64 {
	if t.Above == 0 && t.Swing == 0 {
		return 0
	}
	a, b := t.angle(from), t.angle(to)
	radian := float64(day) / (2 * math.Pi) // in nanoseconds
	steady := (t.Above*t.Above + t.Swing*t.Swing/2) * float64(to.Sub(from))
	once := 2 * t.Above * t.Swing * (math.Sin(b) - math.Sin(a)) * radian
	twice := t.Swing * t.Swing / 4 * (math.Sin(2*b) - math.Sin(2*a)) * radian
	return curvature * (steady + once + twice)
}
