//go:build !linux

package pcsc

import "errors"

// connections can't be had on this platform.
func connections() ([]connection, error) {
	return nil, errors.New("this platform doesn't list the PC/SC service's clients")
}

// ownSockets is nothing where nobody asks.
func ownSockets() map[uint32]bool { return nil }
