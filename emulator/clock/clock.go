// Package clock is the clock of an emulated token: the host's time, off by an
// offset, running too fast or too slow by a rate error, or standing still. The
// rate error is a constant, and what a crystal makes of its temperature, and
// what a recorded series says, added up. Package clock keeps no timer and
// starts nothing; a clock is a function of the host's time that is given to it,
// and what it shows after years doesn't depend on how often it was asked.
//
// It isn't the host's clock and knows nothing of time steps or of AWS.
package clock

import (
	"fmt"
	"math"
	"sync"
	"time"
)

// MaxPPM bounds a clock's rate error, in parts per million either way. A
// watch crystal is off by 20 or so, a broken one by some hundreds.
const MaxPPM = 100_000

// A clock shows times of these years only: time steps count from 1970 (RFC
// 6238, 4.2), and beyond the other end a difference overflows time.Duration.
const firstYear, lastYear = 1970, 2199

// A Clock is a token's clock. Its methods may be called from any goroutine.
type Clock struct {
	host func() time.Time

	mu sync.Mutex
	// At the host's time since the clock showed shown, and has run at its
	// rate from there. Every change moves this pair to the present first, so
	// that a new rate counts from the change on.
	since, shown time.Time
	ppm          float64
	temperature  Temperature
	series       *Series
	began        time.Time // when series began
	frozen, lost bool
}

// New makes a clock that shows host() plus offset now and from now on gains
// ppm microseconds a second.
func New(host func() time.Time, offset time.Duration, ppm float64) (*Clock, error) {
	c := &Clock{host: host}
	if err := c.Change(Change{Offset: &offset, PPM: &ppm}); err != nil {
		return nil, err
	}
	return c, nil
}

// A Change is what to do to a clock. A nil field leaves things as they are.
type Change struct {
	// Offset sets the clock to the host's time plus so much.
	Offset *time.Duration
	// Advance moves the clock forward, or back where negative, after Offset.
	Advance *time.Duration
	// PPM is the new rate error. What the clock gained at the old one stays.
	PPM *float64
	// Temperature is the new temperature of the crystal.
	Temperature *Temperature
	// Series is a recorded rate error that begins now; an empty one ends it.
	Series *Series
	// Freeze stops the clock, or lets it run on from where it stands.
	Freeze *bool
	// Lost takes the clock its time, as a new battery does: it shows 1970
	// again and knows that it is wrong, until it is set or Lost is made false.
	Lost *bool
}

// A State is what a clock shows, and why.
type State struct {
	// Now is what the clock shows.
	Now time.Time
	// Offset is Now less the host's time.
	Offset time.Duration
	// PPM is the constant part of the rate error in parts per million, positive
	// for a fast clock.
	PPM float64
	// Rate is the whole of it, with what temperature and series add now.
	Rate   float64
	Frozen bool
	// Lost says that the clock lost its time and knows it.
	Lost bool
}

// Now is what the clock shows.
func (c *Clock) Now() time.Time { return c.State().Now }

// State is what the clock shows, with what makes it so.
func (c *Clock) State() State {
	c.mu.Lock()
	defer c.mu.Unlock()
	host := c.hostTime()
	now := c.at(host)
	return State{
		Now: now, Offset: now.Sub(host), PPM: c.ppm, Frozen: c.frozen, Lost: c.lost,
		Rate: c.ppm + c.temperature.ppm(host) + c.series.ppm(host.Sub(c.began)),
	}
}

// Lost says that the clock lost its time and wasn't set since.
func (c *Clock) Lost() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lost
}

// Set makes the clock show t now, which it then takes for right. The error says
// that t is out of the years that it shows.
func (c *Clock) Set(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	host := c.hostTime()
	if err := inYears(t); err != nil {
		return err
	}
	c.since, c.shown, c.lost = host, t.Round(0), false
	return nil
}

// Change does all of ch at one moment, or nothing where the rate is over
// [MaxPPM], a temperature out of its bounds, or the clock would leave the years
// 1970 to 2199.
func (c *Clock) Change(ch Change) error {
	// The comparison is written so that it also refuses NaN.
	if ch.PPM != nil && !(math.Abs(*ch.PPM) <= MaxPPM) {
		return fmt.Errorf("rate error of %v ppm is over the bound of %d", *ch.PPM, MaxPPM)
	}
	if ch.Temperature != nil {
		if err := ch.Temperature.Check(); err != nil {
			return err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	host := c.hostTime()
	shown := c.at(host)
	if ch.Lost != nil && *ch.Lost {
		shown = time.Unix(0, 0)
	}
	if ch.Offset != nil {
		shown = host.Add(*ch.Offset)
	}
	if ch.Advance != nil {
		shown = shown.Add(*ch.Advance)
	}
	if err := inYears(shown); err != nil {
		return err
	}
	c.since, c.shown = host, shown
	c.apply(ch, host)
	return nil
}

// apply takes over what of a checked change isn't the time itself.
func (c *Clock) apply(ch Change, host time.Time) {
	if ch.PPM != nil {
		c.ppm = *ch.PPM
	}
	if ch.Temperature != nil {
		c.temperature = *ch.Temperature
	}
	if ch.Series != nil {
		c.series, c.began = ch.Series, host
	}
	if ch.Freeze != nil {
		c.frozen = *ch.Freeze
	}
	if ch.Lost != nil {
		c.lost = *ch.Lost
	}
}

func inYears(t time.Time) error {
	if y := t.UTC().Year(); y < firstYear || y > lastYear {
		return fmt.Errorf("the clock would show the year %d, out of %d to %d", y, firstYear, lastYear)
	}
	return nil
}

// hostTime is the host's wall clock. The monotonic reading is left out: it
// stands still while the host sleeps, and a token's crystal doesn't.
func (c *Clock) hostTime() time.Time { return c.host().Round(0) }

// at is what the clock shows when the host's clock shows host.
func (c *Clock) at(host time.Time) time.Time {
	if c.frozen {
		return c.shown
	}
	run := host.Sub(c.since)
	gained := float64(run) * c.ppm
	gained += c.temperature.gained(c.since, host)
	gained += c.series.gained(c.since.Sub(c.began), host.Sub(c.began))
	return c.shown.Add(run + time.Duration(math.Round(gained/1e6)))
}
