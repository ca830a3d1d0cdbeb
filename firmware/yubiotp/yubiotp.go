// Package yubiotp is the OTP applet of a YubiKey, seen through its card
// interface: serial number, status, the configuration of its two slots, and
// HMAC-SHA1 challenge and response. A real key also types passwords as a
// keyboard, and shows them to phones as an NFC tag; this one stores such
// configurations, and has neither keyboard nor tag.
//
// Commands follow what Yubico's own software sends (Yubico .NET SDK manual,
// "OTP commands"; ykpers, "ykdef.h" for the configuration's layout).
package yubiotp

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"time"

	"github.com/fob-auth/fob/firmware"
	"github.com/fob-auth/fob/firmware/apdu"
)

// Instructions.
const (
	insRequest = 0x01 // P1 says which
	insStatus  = 0x03
)

// Requests, in P1. The second slot's are next to the first one's.
const (
	reqConfigure1 = 0x01
	reqConfigure2 = 0x03
	reqUpdate1    = 0x04
	reqUpdate2    = 0x05
	reqSwap       = 0x06
	reqNDEF1      = 0x08
	reqNDEF2      = 0x09
	reqSerial     = 0x10
	reqHMAC1      = 0x30
	reqHMAC2      = 0x38
)

// ErrState says that the stored record is damaged or of an unknown version.
var ErrState = errors.New("yubiotp: stored state is damaged or unknown")

// Options say which token the applet is part of.
type Options struct {
	// Serial is the token's serial number.
	Serial uint32
	// Version is the token's firmware version.
	Version firmware.Version
	// NFC says that the token has an antenna.
	NFC bool
	// Patience is how long it is configured to wait for the touch of a challenge,
	// asked for each time; 0, or no Patience at all, is as long as it waits for
	// other touches.
	Patience func() time.Duration
}

// An Applet is the OTP application of one token. Its methods must not be called
// at the same time.
type Applet struct {
	hw      firmware.Hardware
	options Options
	state   state
}

// New starts the applet on its board. The error is ErrState or the board's own.
func New(hw firmware.Hardware, o Options) (*Applet, error) {
	a := &Applet{hw: hw, options: o}
	stored, err := hw.Load(stateName)
	if err != nil {
		return nil, err
	}
	if len(stored) > 0 {
		if a.state, err = decodeState(stored); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// AID is Yubico's identifier of the applet; clients select it by the first
// seven bytes, or by all.
func (a *Applet) AID() []byte { return []byte{0xA0, 0x00, 0x00, 0x05, 0x27, 0x20, 0x01, 0x01} }

// Select answers the status.
func (a *Applet) Select() ([]byte, apdu.SW) { return a.status(), apdu.OK }

// Deselect does nothing: the applet has no session.
func (a *Applet) Deselect() {}

// Process answers one command.
func (a *Applet) Process(cmd apdu.Command) ([]byte, apdu.SW) {
	switch {
	case cmd.CLA != 0:
		return nil, apdu.CLANotSupported
	case cmd.INS != insRequest && cmd.INS != insStatus:
		return nil, apdu.INSNotSupported
	case cmd.P2 != 0:
		return nil, apdu.WrongP1P2
	case cmd.INS == insStatus:
		return a.status(), apdu.OK
	}
	switch cmd.P1 {
	case reqSerial:
		return binary.BigEndian.AppendUint32(nil, a.options.Serial), apdu.OK
	case reqConfigure1:
		return a.write(cmd.Data, 0, a.configure)
	case reqConfigure2:
		return a.write(cmd.Data, 1, a.configure)
	case reqUpdate1:
		return a.write(cmd.Data, 0, a.update)
	case reqUpdate2:
		return a.write(cmd.Data, 1, a.update)
	case reqSwap:
		return a.swap()
	case reqNDEF1:
		return a.writeNDEF(cmd.Data, 0)
	case reqNDEF2:
		return a.writeNDEF(cmd.Data, 1)
	case reqHMAC1:
		return a.respond(a.state.slots[0], cmd.Data)
	case reqHMAC2:
		return a.respond(a.state.slots[1], cmd.Data)
	}
	return nil, apdu.WrongP1P2
}

// Bits of the status that tell of the first slot; the second one's are to the
// left of them.
const (
	statusValid = 0x01
	statusTouch = 0x04
)

// status is the version, the programming sequence and, little-endian, what
// the slots hold.
func (a *Applet) status() []byte {
	var slots uint16
	for i, s := range a.state.slots {
		if s.empty() {
			continue
		}
		slots |= statusValid << i
		if !s.isHMAC() || s.wantsTouch() {
			slots |= statusTouch << i
		}
	}
	out := append([]byte(nil), a.options.Version[:]...)
	out = append(out, a.state.sequence)
	return binary.LittleEndian.AppendUint16(out, slots)
}

func (a *Applet) patience() time.Duration {
	if a.options.Patience == nil {
		return 0
	}
	return a.options.Patience()
}

// challengeSize is the length of a challenge, padded.
const challengeSize = 64

// respond answers the HMAC-SHA1 of a challenge. A slot that takes shorter ones
// takes the last byte and all like it before it for padding.
func (a *Applet) respond(s config, challenge []byte) ([]byte, apdu.SW) {
	switch {
	case !s.isHMAC():
		return nil, apdu.ConditionsNotSatisfied
	case len(challenge) > challengeSize:
		return nil, apdu.WrongLength
	}
	padded := append(make([]byte, 0, challengeSize), challenge...)
	padded = padded[:challengeSize]
	n := challengeSize
	if s.isVariable() {
		for n > 0 && padded[n-1] == padded[challengeSize-1] {
			n--
		}
	}
	if s.wantsTouch() && a.hw.AwaitTouch(a.patience()) != nil {
		return nil, apdu.ConditionsNotSatisfied
	}
	mac := hmac.New(sha1.New, s.hmacKey())
	mac.Write(padded[:n])
	return mac.Sum(nil), apdu.OK
}
