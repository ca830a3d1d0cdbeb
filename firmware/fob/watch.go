package fob

import "github.com/fob-auth/fob/firmware/fob/line"

// said is what the fob has told of already.
type said struct {
	lost, low bool
}

// tickClock tells of a clock that was lost, once for each time. A code that
// waits for the button can't come any more.
func (f *Fob) tickClock(out []byte) []byte {
	lost := f.clockLost()
	if lost == f.said.lost {
		return out
	}
	f.said.lost = lost
	if !lost {
		return out
	}
	out = f.endWait(out, line.FailClock)
	f.events++
	return send(out, line.ClockLostFrame(f.events))
}

// tickBattery tells of a battery that runs low.
func (f *Fob) tickBattery(out []byte) []byte {
	mv := f.millivolts()
	switch {
	case mv >= line.GoodBattery:
		f.said.low = false
	case mv > 0 && mv < line.LowBattery && !f.said.low:
		f.said.low = true
		f.events++
		return send(out, line.BatteryFrame(f.events, mv))
	}
	return out
}

func (f *Fob) millivolts() int {
	if f.battery == nil {
		return 0
	}
	return f.battery.Millivolts()
}
