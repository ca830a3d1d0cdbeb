// Package mgmt is the management applet of a YubiKey: it tells clients which
// key they talk to and what it can do, and switches applications on and off.
// It is what makes YubiKey software recognise a card at all.
//
// Commands and answers follow what Yubico's own software sends and reads
// (Yubico .NET SDK manual, "Management commands": SELECT, Get device info, Set
// device info, Set mode). What is switched off here, firmware.Card doesn't let
// a client select: the applet is its firmware.Gate.
package mgmt

import (
	"cmp"
	"encoding/binary"
	"errors"
	"time"

	"github.com/fob-auth/fob/firmware"
	"github.com/fob-auth/fob/firmware/apdu"
	"github.com/fob-auth/fob/firmware/tlv"
)

// Instructions.
const (
	insSetMode     = 0x16
	insWriteConfig = 0x1C // also called Set device info; since 5.0.0
	insReadConfig  = 0x1D // also called Get device info
)

// Tags of the configuration.
const (
	tagUSBSupported tlv.Tag = 0x01
	tagSerial       tlv.Tag = 0x02
	tagUSBEnabled   tlv.Tag = 0x03
	tagFormFactor   tlv.Tag = 0x04
	tagVersion      tlv.Tag = 0x05
	tagAutoEject    tlv.Tag = 0x06 // seconds
	tagChalResp     tlv.Tag = 0x07 // seconds to wait for a touch
	tagFlags        tlv.Tag = 0x08
	tagLock         tlv.Tag = 0x0A // read: a lock code is set; written: the new one
	tagUnlock       tlv.Tag = 0x0B // the lock code
	tagReboot       tlv.Tag = 0x0C
	tagNFCSupported tlv.Tag = 0x0D
	tagNFCEnabled   tlv.Tag = 0x0E
)

// A Capability is a set of applications.
type Capability uint16

// The applications (Yubico .NET SDK manual, "Device information").
const (
	OTP     Capability = 0x0001
	U2F     Capability = 0x0002
	OpenPGP Capability = 0x0008
	PIV     Capability = 0x0010
	OATH    Capability = 0x0020
	HSMAuth Capability = 0x0100
	FIDO2   Capability = 0x0200
)

// An Interface is a way to reach a key.
type Interface byte

// The interfaces.
const (
	USB Interface = iota
	NFC
)

// ATR is the answer to reset of a YubiKey 5, by which clients tell the
// interfaces apart: over USB a T=1 card that names itself, over NFC what a
// reader makes up for a contactless card (PC/SC part 3, 3.1.3.2.3.2).
func (i Interface) ATR() []byte {
	const name = "\x80\x73\xC0\x21\xC0\x57YubiKey" // historical bytes
	if i == NFC {
		return []byte("\x3B\x8D\x80\x01" + name + "\xF9")
	}
	return []byte("\x3B\xFD\x13\x00\x00\x81\x31\xFE\x15" + name + "\x40")
}

// Options say which token the applet is part of.
type Options struct {
	// Serial is the token's serial number.
	Serial uint32
	// Version is the token's firmware version.
	Version firmware.Version
	// FormFactor is 1 for a keychain key with USB-A, 2 for a nano; 3 and 4 the
	// same with USB-C; 5 for USB-C and Lightning; 6 and 7 for keys with a
	// fingerprint reader. Zero means 1.
	FormFactor byte
	// USB and NFC are the applications that each interface has. No NFC at all
	// means a key without it.
	USB, NFC Capability
}

// formUSBA is a keychain key with a USB-A plug.
const formUSBA = 0x01

// ErrState says that the stored record is damaged or of an unknown version.
var ErrState = errors.New("mgmt: stored state is damaged or unknown")

// An Applet is the management application of one token. Its methods must not be
// called at the same time.
type Applet struct {
	hw      firmware.Hardware
	options Options
	state   state
	over    Interface
}

// Open starts the applet on its board. The error is ErrState or the board's
// own.
func Open(hw firmware.Hardware, o Options) (*Applet, error) {
	if o.FormFactor == 0 {
		o.FormFactor = formUSBA
	}
	a := &Applet{hw: hw, options: o}
	stored, err := hw.Load(stateName)
	switch {
	case err != nil:
		return nil, err
	case len(stored) == 0:
		a.state = a.factory()
		return a, nil
	}
	if a.state, err = decodeState(stored); err != nil {
		return nil, err
	}
	return a, nil
}

// Over says which interface commands come over from now on: USB, unless told
// otherwise.
func (a *Applet) Over(i Interface) { a.over = i }

// ChallengeTimeout is how long the key is configured to wait for the touch of a
// challenge, and 0 where nobody configured that.
func (a *Applet) ChallengeTimeout() time.Duration {
	return time.Duration(a.state.chalResp) * time.Second
}

// AID is Yubico's identifier of the applet.
func (a *Applet) AID() []byte { return []byte{0xA0, 0x00, 0x00, 0x05, 0x27, 0x47, 0x11, 0x17} }

// Select answers the version as text, where clients look for it.
func (a *Applet) Select() ([]byte, apdu.SW) {
	return []byte("Virtual mgr - FW version " + a.options.Version.String()), apdu.OK
}

// Deselect does nothing: the applet has no session.
func (a *Applet) Deselect() {}

// Process answers one command.
func (a *Applet) Process(cmd apdu.Command) ([]byte, apdu.SW) {
	switch {
	case cmd.CLA != 0:
		return nil, apdu.CLANotSupported
	case cmd.INS == insReadConfig:
		if cmd.P1 != 0 || cmd.P2 != 0 {
			return nil, apdu.WrongP1P2
		}
		return a.config()
	case cmd.INS == insSetMode:
		return nil, a.setMode(cmd)
	case cmd.INS == insWriteConfig && a.options.Version.Since(5, 0, 0):
		return nil, a.writeConfig(cmd)
	}
	return nil, apdu.INSNotSupported
}

// config is one byte of length, then the data objects. Form factor, version and
// NFC are told since 5.0.0.
func (a *Applet) config() ([]byte, apdu.SW) {
	s := a.state
	var w tlv.Writer
	w.Add(tagUSBSupported, a.options.USB.bytes())
	w.Add(tagSerial, binary.BigEndian.AppendUint32(nil, a.options.Serial))
	since5 := a.options.Version.Since(5, 0, 0)
	if since5 {
		w.Add(tagFormFactor, []byte{a.options.FormFactor})
		w.Add(tagVersion, a.options.Version[:])
	}
	w.Add(tagUSBEnabled, s.usb.bytes())
	w.Add(tagAutoEject, binary.BigEndian.AppendUint16(nil, s.autoEject))
	w.Add(tagChalResp, []byte{cmp.Or(s.chalResp, touchLimit)})
	w.Add(tagFlags, []byte{s.flags})
	locked := byte(0)
	if s.locked() {
		locked = 1
	}
	w.Add(tagLock, []byte{locked})
	if since5 && a.options.NFC != 0 {
		w.Add(tagNFCSupported, a.options.NFC.bytes())
		w.Add(tagNFCEnabled, s.nfc.bytes())
	}
	objects, err := w.Bytes()
	if err != nil || len(objects) > 0xFF {
		return nil, apdu.Unknown
	}
	return append([]byte{byte(len(objects))}, objects...), apdu.OK
}

func (c Capability) bytes() []byte { return binary.BigEndian.AppendUint16(nil, uint16(c)) }
