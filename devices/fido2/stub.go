//go:build !(fido2 && cgo)

package fido2

import (
	"fmt"

	"github.com/fob-auth/fob/devices"
)

// Built says whether FIDO2 is supported in this build.
func Built() bool { return false }

func list() ([]devices.Info, error) {
	return nil, fmt.Errorf("FIDO2 keys: %w", devices.ErrNotBuilt)
}
