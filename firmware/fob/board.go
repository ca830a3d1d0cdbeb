package fob

import (
	"errors"
	"time"
)

// Hardware is what the fob needs from its board. A board may have more: see
// Uptimer, ClockSetter, Battery and Watchdog.
type Hardware interface {
	// Now is the fob's own clock, right or wrong.
	Now() time.Time
	// Load returns the stored record; nothing and no error if there is none.
	Load() ([]byte, error)
	// Store keeps the record past a loss of power: the old one or the new one,
	// never half. An empty record is none, and after it nothing of the old one
	// can be read any more.
	Store([]byte) error
}

// An Uptimer is a board that counts the time since it started apart from the
// clock, so that a clock that jumps moves nothing else. Without it the clock
// measures how long the button is held and how long a code waits for it.
type Uptimer interface {
	// Uptime never goes back.
	Uptime() time.Duration
}

// A ClockSetter is a board whose clock can be set before the fob is sealed,
// and that knows when it was lost: stopped, or started anew from nothing.
// Without it the clock is taken for right.
type ClockSetter interface {
	// SetClock makes it that time, and the clock not lost. It returns ErrTime,
	// as it is, for a time that the clock can't show.
	SetClock(time.Time) error
	ClockLost() bool
}

// ErrTime says that a board's clock can't show a time.
var ErrTime = errors.New("fob: time out of the clock's reach")

// A Battery is a board that measures its battery.
type Battery interface {
	// Millivolts is the battery's voltage; 0 where it isn't known.
	Millivolts() int
}

// A Watchdog is a board that starts anew unless it is kicked in time. The fob
// kicks it at the end of each Tick, and nowhere else.
type Watchdog interface {
	Kick()
}

// powers are the optional powers of a board; nil for those it lacks.
type powers struct {
	uptimer  Uptimer
	clock    ClockSetter
	battery  Battery
	watchdog Watchdog
}

func powersOf(hw Hardware) powers {
	var p powers
	p.uptimer, _ = hw.(Uptimer)
	p.clock, _ = hw.(ClockSetter)
	p.battery, _ = hw.(Battery)
	p.watchdog, _ = hw.(Watchdog)
	return p
}

// elapsed is the time since the fob started. Without an Uptimer it jumps with
// the clock.
func (f *Fob) elapsed() time.Duration {
	if f.uptimer != nil {
		return f.uptimer.Uptime()
	}
	return f.hw.Now().Sub(f.booted)
}

// clockLost says that the fob doesn't know the time.
func (f *Fob) clockLost() bool { return f.powers.clock != nil && f.powers.clock.ClockLost() }

// usableTime is the fob's clock; false if it was lost or shows a time before
// the Unix epoch.
func (f *Fob) usableTime() (time.Time, bool) {
	now := f.hw.Now()
	return now, now.Unix() >= 0 && !f.clockLost()
}
