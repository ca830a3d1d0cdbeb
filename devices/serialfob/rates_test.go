//go:build linux

package serialfob

import (
	"testing"

	"golang.org/x/sys/unix"
)

// TestRates holds the rates that a config may name against the library, which
// says no sooner than when a port is opened, and against what the kernel then
// has.
func TestRates(t *testing.T) {
	s := newScripted(t, false)
	at, err := lookAt(s.path)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[uint32]int{}
	for _, baud := range lineRates {
		p, err := openPort(at, baud)
		if err != nil {
			t.Errorf("%d: %v", baud, err)
			continue
		}
		state, err := unix.IoctlGetTermios(p.(*tty).guard, unix.TCGETS)
		if err != nil {
			t.Fatal(err)
		}
		if other, ok := seen[state.Cflag&unix.CBAUD]; ok {
			t.Errorf("%d and %d are one to the kernel", baud, other)
		}
		seen[state.Cflag&unix.CBAUD] = baud
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}
	for _, baud := range []int{-9600, 0, 1, 12345, 250000, 4000001} {
		if err := CheckBaud(baud); err == nil {
			t.Errorf("%d is taken", baud)
		}
		if p, err := openPort(at, baud); err == nil {
			p.Close()
			t.Errorf("%d is refused, and the library takes it", baud)
		}
	}
	for _, baud := range usualRates {
		if err := CheckBaud(baud); err != nil {
			t.Error(err)
		}
	}
}
