// Command board is the serial fob on a microcontroller: package fob between a
// board's serial line, button, clock and memory. This file is the loop, the
// same for every board; a board is one more file, chosen by its build tag, that
// gives it the functions below (see README.md of the folder above):
//
//	start()             clocks, pins, line; called first
//	receive([]byte) int what came down the line, at once
//	transmit([]byte)    sends; may wait for the line
//	pressed() bool      the button is down at this moment
//	idle()              waits for a byte, or for a few milliseconds
//	hardware()          clock and memory, and what else of fob.Hardware's
//	                    powers the board has; at least a fob.Uptimer
//
// It isn't built with the rest of the module: TinyGo compiles it, by the script
// build in this folder.
package main

import (
	"time"

	"github.com/fob-auth/fob/firmware/fob"
)

const (
	// tickEvery is how often the fob looks at its clock, button and battery.
	tickEvery = 20 * time.Millisecond
	// settle is for how many ticks a button must stand still to count: contacts
	// bounce for up to 10 ms.
	settle = 2
	// codesPerMinute is far above what people and agents ask for.
	codesPerMinute = 60
)

// press is set by build --press: each code waits for a press of the button.
var press = ""

func main() {
	start()
	hw := hardware()
	f, err := fob.New(hw, options())
	if f == nil {
		panic(err) // memory that can't be read: the watchdog starts the board anew
	}
	buf := make([]byte, 32)
	// A button that is down at the start counts from its next press on: it may
	// be stuck, or not there.
	contact := debounced{down: true}
	var next time.Duration
	for {
		n := receive(buf)
		if n > 0 {
			transmit(f.Input(buf[:n]))
		}
		// A line that never ends must not hold up the button.
		if now := hw.Uptime(); now >= next {
			next = now + tickEvery
			transmit(f.Tick())
			if contact.moved(pressed()) {
				transmit(turn(f, contact.down))
			}
		}
		if n == 0 {
			idle()
		}
	}
}

func options() fob.Options {
	o := fob.Options{CodesPerMinute: codesPerMinute}
	if press != "" {
		o.Button = fob.ButtonManual
	}
	return o
}

func turn(f *fob.Fob, down bool) []byte {
	if down {
		return f.Down()
	}
	return f.Up()
}

// A debounced contact follows a button that bounces.
type debounced struct {
	down  bool
	still int // ticks for which the button stood otherwise
}

// moved takes what the button shows at a tick, and says that it has turned.
func (d *debounced) moved(shows bool) bool {
	if shows == d.down {
		d.still = 0
		return false
	}
	if d.still++; d.still < settle {
		return false
	}
	d.down, d.still = shows, 0
	return true
}
