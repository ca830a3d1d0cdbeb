// Package fido2 lists the FIDO2 keys on the system's HID ports, through
// go-libfido2. It makes no assertions.
//
// It is built with the tag fido2, where libfido2 is; without, a listing is
// devices.ErrNotBuilt.
package fido2

import (
	"context"

	"github.com/fob-auth/fob/devices"
	"github.com/fob-auth/fob/devices/internal/scan"
)

// Name is the driver's name in the slots of what is found.
const Name = "fido2"

// A Scanner lists keys. The zero value is ready.
type Scanner struct {
	worker scan.Worker
}

// Scan lists the keys by their ports. FIDO2 shows no serial number. A key may
// hang: then Scan ends with ctx, or after five seconds, and is devices.ErrBusy
// until the key comes back.
func (s *Scanner) Scan(ctx context.Context) ([]devices.Info, error) {
	return s.worker.Run(ctx, list)
}
