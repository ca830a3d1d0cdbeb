// Package piv is the PIV applet of a YubiKey: private keys that never leave the
// card, used behind a PIN and perhaps a touch, as NIST SP 800-73-4 part 2
// describes the card's side, with Yubico's extensions (developers.yubico.com,
// PIV, "Yubico extensions"; Yubico .NET SDK manual, "PIV commands"): import,
// attestation, metadata, policies, moving keys.
//
// What a firmware version has and hasn't follows the applet's Version. All
// state is one record in the board's storage, written before the answer that
// depends on it. Arithmetic on private keys takes as long as its numbers want:
// this is a token for tests, and whoever can measure it can read it too.
package piv

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/fob-auth/fob/firmware"
	"github.com/fob-auth/fob/firmware/apdu"
	"github.com/fob-auth/fob/firmware/tlv"
)

// Instructions of SP 800-73-4 part 2, 3, table 1.
const (
	insVerify        = 0x20
	insChangePIN     = 0x24 // CHANGE REFERENCE DATA
	insResetRetry    = 0x2C // RESET RETRY COUNTER
	insGenerate      = 0x47 // GENERATE ASYMMETRIC KEY PAIR
	insAuthenticate  = 0x87 // GENERAL AUTHENTICATE
	insGetData       = 0xCB
	insPutData       = 0xDB
	insMoveKey       = 0xF6 // since 5.7.0
	insGetMetadata   = 0xF7 // since 5.3.0
	insGetSerial     = 0xF8 // since 5.0.0
	insAttest        = 0xF9 // since 4.3.0
	insSetRetries    = 0xFA
	insReset         = 0xFB
	insGetVersion    = 0xFD
	insImport        = 0xFE // IMPORT ASYMMETRIC KEY
	insSetManagement = 0xFF // SET MANAGEMENT KEY
)

// ErrState says that the stored record is damaged or of an unknown version.
var ErrState = errors.New("piv: stored state is damaged or unknown")

// Options say which token the applet is part of.
type Options struct {
	// Serial is the token's serial number.
	Serial uint32
	// Version is the token's firmware version.
	Version firmware.Version
	// FormFactor is the form that attestations name, as in READ CONFIG: 1 for
	// a keychain key with a USB-A plug.
	FormFactor byte
	// Authority certifies the attestation key of a new token. Without one a
	// new token has none, and attests nothing until one is imported.
	Authority *Authority
}

// A Clock is what a board offers beside firmware.Hardware where it can tell
// time: keys whose touch is cached need it. On a board without one they ask
// for each touch.
type Clock interface {
	// Uptime is the time since some fixed moment, and never goes back.
	Uptime() time.Duration
}

// An Applet is the PIV application of one token. Its methods must not be called
// at the same time.
type Applet struct {
	hw      firmware.Hardware
	options Options
	state   state
	session session
	touched time.Duration // Uptime of the last touch
	warm    bool          // touched holds one
}

// A session is what a client has proven since it selected the applet.
type session struct {
	pin        bool   // the PIN was verified
	fresh      bool   // and no key that wants it each time was used since
	management bool   // the management key was proven
	witness    []byte // plain, that the client must show
	challenge  []byte // plain, that the client must encrypt
}

// New starts the applet on its board. A new token gets factory PINs and the
// attestation key, and stores them. The error is ErrState or the board's own.
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
		return a, nil
	}
	fresh := a.factory()
	if o.Authority != nil {
		if fresh, err = a.certify(fresh); err != nil {
			return nil, err
		}
	}
	if err := a.commit(fresh); err != nil {
		return nil, err
	}
	return a, nil
}

// AID is NIST's identifier of the applet (SP 800-73-4 part 1, 2.2); clients
// select it by the first five bytes.
func (a *Applet) AID() []byte {
	return []byte{0xA0, 0x00, 0x00, 0x03, 0x08, 0x00, 0x00, 0x10, 0x00, 0x01, 0x00}
}

// Tags of the application property template (SP 800-73-4 part 2, 3.1.1, table
// 3).
const (
	tagProperties tlv.Tag = 0x61
	tagAID        tlv.Tag = 0x4F
	tagAuthority  tlv.Tag = 0x79 // coexistent tag allocation authority
)

// Select answers the application property template. Whatever the last session
// has proven is forgotten.
func (a *Applet) Select() ([]byte, apdu.SW) {
	a.Deselect()
	aid := a.AID()
	var authority, properties, w tlv.Writer
	authority.Add(tagAID, aid[:5])
	rid, err := authority.Bytes()
	if err != nil {
		return nil, apdu.Unknown
	}
	properties.Add(tagAID, aid[5:])
	properties.Add(tagAuthority, rid)
	template, err := properties.Bytes()
	if err != nil {
		return nil, apdu.Unknown
	}
	w.Add(tagProperties, template)
	return answer(&w)
}

// Deselect forgets what the session has proven.
func (a *Applet) Deselect() { a.session = session{} }

// Process answers one command.
func (a *Applet) Process(cmd apdu.Command) ([]byte, apdu.SW) {
	if cmd.CLA != 0 {
		return nil, apdu.CLANotSupported
	}
	switch cmd.INS {
	case insVerify:
		return nil, a.verify(cmd)
	case insChangePIN:
		return nil, a.change(cmd)
	case insResetRetry:
		return nil, a.unblock(cmd)
	case insGenerate:
		return a.generate(cmd)
	case insAuthenticate:
		return a.authenticate(cmd)
	case insGetData:
		return a.getData(cmd)
	case insPutData:
		return nil, a.putData(cmd)
	}
	return a.extension(cmd)
}

// extension answers Yubico's own instructions.
func (a *Applet) extension(cmd apdu.Command) ([]byte, apdu.SW) {
	v := a.options.Version
	switch {
	case cmd.INS == insGetVersion:
		return v[:], apdu.OK
	case cmd.INS == insImport:
		return nil, a.importKey(cmd)
	case cmd.INS == insSetManagement:
		return nil, a.setManagement(cmd)
	case cmd.INS == insSetRetries:
		return nil, a.setRetries(cmd)
	case cmd.INS == insReset:
		return nil, a.reset()
	case cmd.INS == insAttest && v.Since(4, 3, 0):
		return a.attest(cmd)
	case cmd.INS == insGetSerial && v.Since(5, 0, 0):
		return binary.BigEndian.AppendUint32(nil, a.options.Serial), apdu.OK
	case cmd.INS == insGetMetadata && v.Since(5, 3, 0):
		return a.metadata(cmd)
	case cmd.INS == insMoveKey && v.Since(5, 7, 0):
		return nil, a.move(cmd)
	}
	return nil, apdu.INSNotSupported
}

func answer(w *tlv.Writer) ([]byte, apdu.SW) {
	out, err := w.Bytes()
	if err != nil {
		return nil, apdu.Unknown
	}
	return out, apdu.OK
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

// store commits a new state for a command that answers no data.
func (a *Applet) store(next state) apdu.SW {
	if a.commit(next) != nil {
		return apdu.MemoryFailure
	}
	return apdu.OK
}

// reset brings the applet back to its factory state, but for the attestation
// key and its certificate. It is allowed once PIN and PUK are both blocked.
func (a *Applet) reset() apdu.SW {
	if a.state.pin.left > 0 || a.state.puk.left > 0 {
		return apdu.ConditionsNotSatisfied
	}
	next := a.factory()
	if k, ok := a.state.keys[slotAttestation]; ok {
		next.keys[slotAttestation] = k
	}
	if o, ok := a.state.objects[objectAttestation]; ok {
		next.objects[objectAttestation] = o
	}
	a.session = session{}
	return a.store(next)
}

// random is the board's randomness as a reader. Go's generators of keys and
// signatures take a reader and, since 1.26, the system's own source in its
// stead.
type random struct{ hw firmware.Hardware }

func (r random) Read(p []byte) (int, error) {
	if err := r.hw.Random(p); err != nil {
		return 0, err
	}
	return len(p), nil
}

// awaitTouch waits for a touch where the policy asks for one.
func (a *Applet) awaitTouch(policy byte) apdu.SW {
	clock, timed := a.hw.(Clock)
	switch {
	case policy == touchNever:
		return apdu.OK
	case policy == touchCached && timed && a.warm && clock.Uptime()-a.touched < touchCache:
		return apdu.OK
	}
	if a.hw.AwaitTouch(0) != nil {
		return apdu.SecurityStatus
	}
	if timed {
		a.touched, a.warm = clock.Uptime(), true
	}
	return apdu.OK
}
