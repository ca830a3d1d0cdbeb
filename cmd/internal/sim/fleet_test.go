package sim

import (
	"fmt"
	"time"

	"github.com/fob-auth/fob/emulator/clock"
)

// A plan is what one fob goes through.
type plan struct {
	// group is the row of the table that it counts in.
	group string
	// steady says that its rate never changes and its clock never jumps: then
	// the day it leaves the window can be reckoned exactly.
	steady bool
	ppm    float64
	// offset is what its clock is off by when it is enrolled.
	offset      time.Duration
	temperature clock.Temperature
	// hostOff says that the host's clock is off AWS's.
	hostOff bool
	// auto lets the agent resync by itself; else the user does, when fob says
	// that it is time.
	auto bool
	// happens is what is done to its clock, in the order of time.
	happens []happening
	// mended is after how many days without a session the user wipes the fob,
	// sets it and enrols it anew.
	mended int
	// told is what fob must say on a day without a session.
	told string
}

// A happening is what is done to a fob's clock, so long after the beginning.
type happening struct {
	at     time.Duration
	change clock.Change
}

const day = 24 * time.Hour

// name tells the plans of a group apart.
func (p plan) name(i int) string {
	return fmt.Sprintf("%02d %s auto=%t host-off=%t", i, p.group, p.auto, p.hostOff)
}

// fleet returns the sixty fobs; what happens to them happens within so many
// days, as often as every tells.
func fleet(days, every int) []plan {
	plans := steady()
	plans = append(plans, jumping(days, every)...)
	plans = append(plans, frozen(every)...)
	plans = append(plans, warm()...)
	return append(plans, newBatteries(every)...)
}

func steady() []plan {
	var plans []plan
	for _, ppm := range []float64{0, 2, -2, 20, -20, 100, -100} {
		for i := range 4 {
			plans = append(plans, plan{group: fmt.Sprintf("steady %g ppm", ppm), steady: true, ppm: ppm,
				offset: time.Duration(i*11-17) * time.Second, auto: i%2 == 0, hostOff: i >= 2})
		}
	}
	return plans
}

func jumping(days, every int) []plan {
	var plans []plan
	for _, by := range []time.Duration{30 * time.Second, 90 * time.Second, time.Hour, 8 * time.Hour} {
		for _, by := range []time.Duration{by, -by} {
			for i, ppm := range []float64{0, 20} {
				p := plan{group: fmt.Sprintf("jumps by %+gs", by.Seconds()), ppm: ppm, auto: i == 1, hostOff: i == 1}
				for d := every; d < days; d += every {
					p.happens = append(p.happens, happening{time.Duration(d) * day, clock.Change{Advance: &by}})
				}
				plans = append(plans, p)
			}
		}
	}
	return plans
}

func frozen(at int) []plan {
	var plans []plan
	stop := happening{time.Duration(at) * day, clock.Change{Freeze: new(true)}}
	for i, hours := range []int{1, 4, 7} {
		run := happening{stop.at + time.Duration(hours)*time.Hour, clock.Change{Freeze: new(false)}}
		plans = append(plans, plan{group: "frozen for hours", ppm: float64(10 * (i - 1)), auto: i != 0, happens: []happening{stop, run}})
	}
	for i := range 3 {
		plans = append(plans, plan{group: "frozen for good", ppm: float64(10 * (i - 1)), auto: i != 0, mended: 3, happens: []happening{stop}})
	}
	return plans
}

func warm() []plan {
	var plans []plan
	for i, c := range []struct{ ppm, mean, swing float64 }{{0, 25, 10}, {10, 20, 5}, {-20, 25, 15}, {20, 15, 10}, {0, 10, 20}, {100, 30, 10}} {
		plans = append(plans, plan{group: "temperature cycle", ppm: c.ppm, temperature: clock.Celsius(c.mean, c.swing, 15*time.Hour), auto: i%2 == 0, hostOff: i >= 3})
	}
	return plans
}

func newBatteries(at int) []plan {
	var plans []plan
	for i := range 4 {
		plans = append(plans, plan{group: "new battery", ppm: float64(20 * (i - 1)), auto: i%2 == 0, hostOff: i >= 2, mended: 3, told: "lost its time",
			happens: []happening{{time.Duration(at) * day, clock.Change{Lost: new(true)}}}})
	}
	return plans
}
