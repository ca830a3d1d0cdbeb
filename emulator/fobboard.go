package emulator

import (
	"time"

	"github.com/fob-auth/fob/emulator/clock"
	"github.com/fob-auth/fob/firmware/fob"
)

// fobItem is the name of the fob's record in the state file.
const fobItem = "fob"

// freshBattery is the voltage of a new battery, in millivolts: a lithium coin
// cell's.
const freshBattery = 3000

// A fobBoard is the hardware below a fob's firmware, from a start of the
// firmware to the next.
type fobBoard struct {
	clock   *clock.Clock
	storage *storage
	host    func() time.Time
	booted  time.Time // by the host's clock
	// millivolts is the battery's voltage; nil where nobody asks.
	millivolts func() int
}

func (b fobBoard) Now() time.Time            { return b.clock.Now() }
func (b fobBoard) Load() ([]byte, error)     { return b.storage.Load(fobItem) }
func (b fobBoard) Store(record []byte) error { return b.storage.Store(fobItem, record) }
func (b fobBoard) ClockLost() bool           { return b.clock.Lost() }

// SetClock sets the clock within the years that it can show.
func (b fobBoard) SetClock(t time.Time) error {
	if b.clock.Set(t) != nil {
		return fob.ErrTime
	}
	return nil
}

// Uptime counts by the host's clock: the fob's own one may jump.
func (b fobBoard) Uptime() time.Duration { return b.host().Sub(b.booted) }

// Millivolts is the battery's voltage; 0 where the bench file gives none.
func (b fobBoard) Millivolts() int {
	if b.millivolts == nil {
		return 0
	}
	return b.millivolts()
}

// clockAsNew makes a fob's clock as the bench file has it.
func (s Spec) clockAsNew() clock.Change {
	no := false
	series := s.Series
	if series == nil {
		series = new(clock.Series)
	}
	return clock.Change{
		Offset: &s.Offset, PPM: &s.PPM, Temperature: &s.Temperature, Series: series, Freeze: &no, Lost: &no,
	}
}
