//go:build pcsc && (cgo || windows)

package piv

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/go-piv/piv-go/v2/piv"

	"github.com/fob-auth/fob/devices"
)

// Read opens the key in a PC/SC reader, asks and closes it again. The card must
// have a PIV applet. Nothing bounds its time but the system's PC/SC service.
func Read(reader string) (id Identity, err error) {
	err = with(reader, func(key *piv.YubiKey) error {
		v := key.Version()
		id.Version = fmt.Sprintf("%d.%d.%d", v.Major, v.Minor, v.Patch)
		if v.Major >= 4 {
			id.Firmware = id.Version
		}
		serial, err := key.Serial()
		if err != nil {
			return fmt.Errorf("read the serial number: %w", err)
		}
		id.Serial = strconv.FormatUint(uint64(serial), 10)
		return nil
	})
	return id, err
}

// with opens the key in a reader for as long as ask takes.
func with(reader string, ask func(*piv.YubiKey) error) (err error) {
	apart(func() {
		err = contain(func() error {
			key, err := piv.Open(reader)
			if err != nil {
				return fmt.Errorf("%w: %w", ErrOpen, err)
			}
			err = contain(func() error { return ask(key) })
			if failed := key.Close(); err == nil && failed != nil {
				err = fmt.Errorf("close the PIV applet: %w", failed)
			}
			return err
		})
	})
	return err
}

// contain turns a panic into an error: piv-go reads answers without looking at
// their length everywhere.
func contain(call func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: PIV applet: %v", devices.ErrAnswer, p)
		}
	}()
	return call()
}

// status returns the status word of a command that the card refused.
func status(err error) (sw uint16, ok bool) {
	var refused interface{ Status() uint16 }
	if !errors.As(err, &refused) {
		return 0, false
	}
	return refused.Status(), true
}
