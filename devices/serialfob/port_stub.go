//go:build !(linux || (unix && cgo))

package serialfob

import (
	"fmt"

	"github.com/fob-auth/fob/devices"
)

// Built says whether serial ports are supported in this build.
func Built() bool { return false }

// findPorts finds none: tarm/serial builds here only with cgo, or not for what
// this package needs of a terminal.
func findPorts(string) []Place { return nil }

func openPort(at Place, _ int) (Port, error) {
	return nil, fmt.Errorf("serial port %s: %w", at.Path, devices.ErrNotBuilt)
}
