// Package oath is the OATH applet of a YubiKey: credentials for HOTP
// (RFC 4226) and TOTP (RFC 6238) behind the YKOATH protocol, as published on
// developers.yubico.com (OATH, "YKOATH Protocol Specification"; sections are
// named after its instructions). It has no clock: the client sends the time
// step as a challenge, the card answers the code.
//
// Secrets go in by PUT and never come out. All state is one record in the
// board's storage, written before the answer that depends on it.
package oath

import (
	"errors"

	"github.com/fob-auth/fob/firmware"
	"github.com/fob-auth/fob/firmware/apdu"
	"github.com/fob-auth/fob/firmware/tlv"
)

// Instructions ("Instructions").
const (
	insPut           = 0x01
	insDelete        = 0x02
	insSetCode       = 0x03
	insReset         = 0x04
	insRename        = 0x05
	insList          = 0xA1
	insCalculate     = 0xA2
	insValidate      = 0xA3
	insCalculateAll  = 0xA4
	insSendRemaining = 0xA5
)

// Tags of the data in commands and answers.
const (
	tagName      tlv.Tag = 0x71
	tagNameList  tlv.Tag = 0x72
	tagKey       tlv.Tag = 0x73
	tagChallenge tlv.Tag = 0x74
	tagFull      tlv.Tag = 0x75 // response, whole HMAC
	tagTruncated tlv.Tag = 0x76 // response, 31 bits of it
	tagHOTP      tlv.Tag = 0x77 // CALCULATE ALL: ask for it with CALCULATE
	tagProperty  tlv.Tag = 0x78 // bare: no length byte
	tagVersion   tlv.Tag = 0x79
	tagIMF       tlv.Tag = 0x7A // initial moving factor
	tagAlgorithm tlv.Tag = 0x7B
	tagTouch     tlv.Tag = 0x7C // CALCULATE ALL: needs a touch
)

// Parameters.
const (
	resetP1, resetP2 = 0xDE, 0xAD // RESET
	p2Full           = 0x00       // CALCULATE, CALCULATE ALL: whole HMAC
	p2Truncated      = 0x01       // the same: 31 bits
)

// Property bits ("Properties").
const (
	propIncreasing = 0x01 // each challenge must be higher than the last
	propTouch      = 0x02
)

// Sizes, in bytes.
const (
	saltSize      = 8
	challengeSize = 8
	maxChallenge  = 64
)

// ErrState says that the stored record is damaged or of an unknown version.
var ErrState = errors.New("oath: stored state is damaged or unknown")

// An Applet is the OATH application of one token. But for Codes, its methods
// must not be called at the same time.
type Applet struct {
	hw        firmware.Hardware
	version   firmware.Version
	state     state
	challenge []byte // of the session, while a password is set
	unlocked  bool   // the session has proven the password
	codes     uint64
}

// New starts the applet on its board, as a YubiKey of that firmware version. A
// new token gets its salt and stores it. The error is ErrState or the board's
// own.
func New(hw firmware.Hardware, version firmware.Version) (*Applet, error) {
	a := &Applet{hw: hw, version: version}
	stored, err := hw.Load(stateName)
	if err != nil {
		return nil, err
	}
	if len(stored) == 0 {
		err = a.wipe()
	} else {
		a.state, err = decodeState(stored)
	}
	if err != nil {
		return nil, err
	}
	return a, nil
}

// AID is Yubico's identifier of the applet; clients select it by the first
// seven bytes.
func (a *Applet) AID() []byte { return []byte{0xA0, 0x00, 0x00, 0x05, 0x27, 0x21, 0x01, 0x01} }

// ResponseINS is SEND REMAINING, which YKOATH has in place of GET RESPONSE.
func (a *Applet) ResponseINS() byte { return insSendRemaining }

// Codes counts the codes given out since the applet started: one for each
// CALCULATE, and one for each code in the answer to a CALCULATE ALL.
func (a *Applet) Codes() uint64 { return a.codes }

// Select answers with version and salt, and with a fresh challenge where a
// password is set ("SELECT").
func (a *Applet) Select() ([]byte, apdu.SW) {
	a.Deselect()
	var w tlv.Writer
	w.Add(tagVersion, a.version[:])
	w.Add(tagName, a.state.salt)
	if a.state.locked() {
		challenge := make([]byte, challengeSize)
		if err := a.hw.Random(challenge); err != nil {
			return nil, apdu.Unknown
		}
		a.challenge = challenge
		w.Add(tagChallenge, challenge)
		w.Add(tagAlgorithm, []byte{byte(a.state.keyAlgorithm)})
	}
	return answer(&w)
}

// Deselect forgets that the password was proven.
func (a *Applet) Deselect() { a.challenge, a.unlocked = nil, false }

func answer(w *tlv.Writer) ([]byte, apdu.SW) {
	out, err := w.Bytes()
	if err != nil {
		return nil, apdu.Unknown
	}
	return out, apdu.OK
}

// Process answers one command. All but VALIDATE and RESET need the password,
// if one is set.
func (a *Applet) Process(cmd apdu.Command) ([]byte, apdu.SW) {
	if cmd.CLA != 0 {
		return nil, apdu.CLANotSupported
	}
	switch cmd.INS {
	case insReset:
		return nil, a.reset(cmd)
	case insValidate:
		return a.validate(cmd)
	}
	if a.state.locked() && !a.unlocked {
		return nil, apdu.SecurityStatus
	}
	switch cmd.INS {
	case insPut:
		return nil, a.put(cmd)
	case insDelete:
		return nil, a.delete(cmd)
	case insSetCode:
		return nil, a.setCode(cmd)
	case insRename:
		return nil, a.rename(cmd)
	case insList:
		return a.list(cmd)
	case insCalculate:
		return a.calculate(cmd)
	case insCalculateAll:
		return a.calculateAll(cmd)
	}
	return nil, apdu.INSNotSupported
}

// reset brings the token back to its factory state, with a new salt ("RESET").
func (a *Applet) reset(cmd apdu.Command) apdu.SW {
	if cmd.P1 != resetP1 || cmd.P2 != resetP2 {
		return apdu.WrongP1P2
	}
	if a.wipe() != nil {
		return apdu.MemoryFailure
	}
	a.Deselect()
	return apdu.OK
}

func (a *Applet) wipe() error {
	fresh := state{salt: make([]byte, saltSize)}
	if err := a.hw.Random(fresh.salt); err != nil {
		return err
	}
	return a.commit(fresh)
}

// commit stores a new state, then makes it the applet's.
func (a *Applet) commit(next state) error {
	data, err := next.encode()
	if err != nil {
		return err
	}
	if err := a.hw.Store(stateName, data); err != nil {
		return err
	}
	a.state = next
	return nil
}
