package mgmt

import (
	"bytes"
	"crypto/subtle"
	"encoding/binary"
	"slices"

	"github.com/fob-auth/fob/firmware/apdu"
	"github.com/fob-auth/fob/firmware/record"
	"github.com/fob-auth/fob/firmware/tlv"
)

// stateName is the name of the applet's record in the board's storage.
const stateName = "mgmt"

// The stored record's body: the objects of the configuration, the lock code
// among them.
const stateMagic = "MGMT\x01"

// lockSize is the length of a lock code; all zeros are none.
const lockSize = 16

// touchLimit is how long a key waits for the touch of a challenge unless it is
// told otherwise, in seconds (Yubico .NET SDK, ChallengeResponseTimeout).
const touchLimit = 15

// state is all that the applet keeps. Slices are not changed in place.
type state struct {
	usb, nfc  Capability // that are switched on
	autoEject uint16     // seconds
	chalResp  byte       // seconds, and 0 for touchLimit
	flags     byte
	lock      []byte // nil where none is set
}

func (s state) locked() bool { return len(s.lock) > 0 }

// factory is the state of a new token: all it has is on.
func (a *Applet) factory() state {
	return state{usb: a.options.USB, nfc: a.options.NFC}
}

// applications tells by which AID an application is selected.
var applications = []struct {
	aid string
	of  Capability
}{
	{"\xA0\x00\x00\x05\x27\x20\x01", OTP},
	{"\xA0\x00\x00\x06\x47\x2F\x00\x01", U2F | FIDO2},
	{"\xD2\x76\x00\x01\x24\x01", OpenPGP},
	{"\xA0\x00\x00\x03\x08", PIV},
	{"\xA0\x00\x00\x05\x27\x21\x01", OATH},
	{"\xA0\x00\x00\x05\x27\x21\x07\x01", HSMAuth},
}

// Allows says whether the application with that AID is switched on for the
// interface that commands come over. One that can't be switched off always is.
func (a *Applet) Allows(aid []byte) bool {
	on := a.state.usb
	if a.over == NFC {
		on = a.state.nfc
	}
	for _, app := range applications {
		if bytes.HasPrefix(aid, []byte(app.aid)) {
			return on&app.of != 0
		}
	}
	return true
}

// writeConfig changes what the command names: one byte of length, then data
// objects. A lock code, where one is set, must be among them.
func (a *Applet) writeConfig(cmd apdu.Command) apdu.SW {
	if cmd.P1 != 0 || cmd.P2 != 0 {
		return apdu.WrongP1P2
	}
	if len(cmd.Data) == 0 || int(cmd.Data[0]) != len(cmd.Data)-1 {
		return apdu.WrongData
	}
	next := a.state
	var code []byte
	r := tlv.NewReader(cmd.Data[1:])
	for r.Next() {
		switch r.Tag() {
		case tagUnlock:
			code = r.Value()
		case tagReboot: // a change holds at once
		default:
			if !next.take(r.Tag(), r.Value()) {
				return apdu.WrongData
			}
		}
	}
	if r.Err() != nil {
		return apdu.WrongData
	}
	// Clients that set a mode name all applications of an interface.
	next.usb &= a.options.USB
	next.nfc &= a.options.NFC
	if a.state.locked() && subtle.ConstantTimeCompare(a.state.lock, code) != 1 {
		return apdu.SecurityStatus
	}
	return a.store(next)
}

// take reads one object of a configuration into s.
func (s *state) take(tag tlv.Tag, v []byte) bool {
	size := 1
	switch tag {
	case tagUSBEnabled, tagNFCEnabled, tagAutoEject:
		size = 2
	case tagLock:
		size = lockSize
	}
	if len(v) != size {
		return false
	}
	switch tag {
	case tagUSBEnabled:
		s.usb = Capability(binary.BigEndian.Uint16(v))
	case tagNFCEnabled:
		s.nfc = Capability(binary.BigEndian.Uint16(v))
	case tagAutoEject:
		s.autoEject = binary.BigEndian.Uint16(v)
	case tagChalResp:
		s.chalResp = v[0]
	case tagFlags:
		s.flags = v[0]
	case tagLock:
		s.lock = nil
		if !bytes.Equal(v, make([]byte, lockSize)) {
			s.lock = slices.Clone(v)
		}
	default:
		return false
	}
	return true
}

// SET MODE's P1, and the interfaces that each mode's low bits switch on.
const (
	p1DeviceConfig = 0x11
	modeBits       = 0x07
	cardApps       = OpenPGP | PIV | OATH | HSMAuth
	fidoApps       = U2F | FIDO2
)

// modes are the sets of applications by mode number.
var modes = [...]Capability{OTP, cardApps, OTP | cardApps, fidoApps, OTP | fidoApps, fidoApps | cardApps, OTP | fidoApps | cardApps}

// setMode switches whole interfaces of USB, as keys before 5.0.0 do: mode,
// seconds to wait for a touch, seconds till eject.
func (a *Applet) setMode(cmd apdu.Command) apdu.SW {
	if cmd.P1 != p1DeviceConfig || cmd.P2 != 0 {
		return apdu.WrongP1P2
	}
	if len(cmd.Data) != 4 || int(cmd.Data[0]&modeBits) >= len(modes) {
		return apdu.WrongData
	}
	if a.state.locked() {
		return apdu.SecurityStatus
	}
	next := a.state
	next.usb = modes[cmd.Data[0]&modeBits] & a.options.USB
	next.chalResp = cmd.Data[1]
	next.autoEject = binary.BigEndian.Uint16(cmd.Data[2:])
	return a.store(next)
}

// store keeps a new state, then makes it the applet's.
func (a *Applet) store(next state) apdu.SW {
	data, err := next.encode()
	if err != nil || a.hw.Store(stateName, data) != nil {
		return apdu.MemoryFailure
	}
	a.state = next
	return apdu.OK
}

func (s state) encode() ([]byte, error) {
	var w tlv.Writer
	w.Add(tagUSBEnabled, s.usb.bytes())
	w.Add(tagNFCEnabled, s.nfc.bytes())
	w.Add(tagAutoEject, binary.BigEndian.AppendUint16(nil, s.autoEject))
	w.Add(tagChalResp, []byte{s.chalResp})
	w.Add(tagFlags, []byte{s.flags})
	if s.locked() {
		w.Add(tagLock, s.lock)
	}
	objects, err := w.Bytes()
	if err != nil {
		return nil, err
	}
	return record.Seal(stateMagic, objects), nil
}

// decodeState reads a stored record. The error is ErrState.
func decodeState(b []byte) (state, error) {
	objects, ok := record.Open(stateMagic, b)
	if !ok {
		return state{}, ErrState
	}
	var s state
	r := tlv.NewReader(objects)
	for r.Next() {
		if !s.take(r.Tag(), r.Value()) {
			return state{}, ErrState
		}
	}
	if r.Err() != nil {
		return state{}, ErrState
	}
	return s, nil
}
