//go:build pcsc && (cgo || windows)

package pcsc

import (
	"errors"
	"fmt"

	"github.com/ebfe/scard"

	"github.com/fob-auth/fob/devices"
)

// Built says whether PC/SC is supported in this build.
func Built() bool { return true }

// meanings are what PC/SC's errors say of a token. A card that is pulled in
// the middle of a command shows as a failed transmission, one that is pulled
// while it is connected to as one that speaks no protocol.
var meanings = map[scard.Error]error{
	scard.ErrNoService:          devices.ErrNoService,
	scard.ErrServiceStopped:     devices.ErrNoService,
	scard.ErrSharingViolation:   devices.ErrBusy,
	scard.ErrRemovedCard:        devices.ErrRemoved,
	scard.ErrNoSmartcard:        devices.ErrRemoved,
	scard.ErrUnresponsiveCard:   devices.ErrRemoved,
	scard.ErrUnpoweredCard:      devices.ErrRemoved,
	scard.ErrResetCard:          devices.ErrRemoved,
	scard.ErrReaderUnavailable:  devices.ErrRemoved,
	scard.ErrUnknownReader:      devices.ErrRemoved,
	scard.ErrNoReadersAvailable: devices.ErrRemoved,
	scard.ErrInvalidHandle:      devices.ErrRemoved,
	scard.ErrNotTransacted:      devices.ErrRemoved,
	scard.ErrCommError:          devices.ErrRemoved,
	scard.ErrProtoMismatch:      devices.ErrRemoved,
}

// meaning gives an error of the PC/SC library its meaning.
func meaning(err error) error {
	var code scard.Error
	if !errors.As(err, &code) {
		return err
	}
	switch kind := meanings[code]; kind {
	case nil:
		return fmt.Errorf("PC/SC: %w", err)
	case devices.ErrNoService:
		return fmt.Errorf("%w: pcscd isn't running", kind)
	default:
		return fmt.Errorf("%w: PC/SC says %w", kind, err)
	}
}
