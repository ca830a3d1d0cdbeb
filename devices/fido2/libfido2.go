//go:build fido2 && cgo

package fido2

import (
	"fmt"
	"strings"

	"github.com/keys-pub/go-libfido2"

	"github.com/fob-auth/fob/devices"
)

// Built says whether FIDO2 is supported in this build.
func Built() bool { return true }

func list() ([]devices.Info, error) {
	found, err := libfido2.DeviceLocations()
	if err != nil {
		return nil, fmt.Errorf("FIDO2 keys: %w", err)
	}
	infos := make([]devices.Info, 0, len(found))
	for _, at := range found {
		infos = append(infos, describe(at.Path, strings.TrimSpace(at.Manufacturer+" "+at.Product)))
	}
	return infos, nil
}

// describe tells of the key at a path what it says of itself: the versions of
// the protocol, "FIDO_2_0" and the like (CTAP 2.1, 6.4, authenticatorGetInfo).
func describe(path, model string) devices.Info {
	info := devices.Info{Model: model, Slot: devices.Slot{Driver: Name, Path: path}}
	key, err := libfido2.NewDevice(path)
	if err == nil {
		var said *libfido2.DeviceInfo
		if said, err = key.Info(); err == nil {
			info.Notes = append(info.Notes, "FIDO2 "+strings.Join(said.Versions, ", "))
		}
	}
	if err != nil {
		info.Notes = append(info.Notes, "key doesn't answer")
	}
	return info
}
