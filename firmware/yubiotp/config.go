package yubiotp

import (
	"crypto/subtle"

	"github.com/fob-auth/fob/firmware/apdu"
	"github.com/fob-auth/fob/firmware/record"
)

// Layout of a configuration (ykdef.h, struct config_st), in bytes.
const (
	configSize   = 52
	atUID        = 16
	atKey        = 22
	atCode       = 38
	atExtFlags   = 45
	atTicket     = 46 // ticket flags
	atFlags      = 47 // configuration flags
	codeSize     = 6
	keySize      = 16
	hmacKeyInUID = 4 // bytes of an HMAC key's tail that are kept in the UID
)

// Flags.
const (
	ticketChalResp  = 0x40
	flagHMAC        = 0x22
	flagShort       = 0x04 // challenges under 64 bytes
	flagButton      = 0x08
	extAllowUpdate  = 0x20
	ticketUpdatable = 0x3F
	flagsUpdatable  = 0x0C
)

// A config is a slot's configuration as it was written; all zeros are none.
type config [configSize]byte

func (c config) empty() bool { return c == config{} }

func (c config) isHMAC() bool {
	return c[atTicket]&ticketChalResp != 0 && c[atFlags]&flagHMAC == flagHMAC
}

func (c config) isVariable() bool { return c[atFlags]&flagShort != 0 }
func (c config) wantsTouch() bool { return c[atFlags]&flagButton != 0 }

// hmacKey is the key of 20 bytes.
func (c config) hmacKey() []byte {
	key := append([]byte(nil), c[atKey:atKey+keySize]...)
	return append(key, c[atUID:atUID+hmacKeyInUID]...)
}

// opens says whether an access code is the slot's; a slot without one has
// zeros.
func (c config) opens(code []byte) bool {
	return subtle.ConstantTimeCompare(c[atCode:atCode+codeSize], code) == 1
}

// write lets change make a slot's new configuration from the old one and the
// one that was sent, which the slot's access code may follow. A refused change
// leaves the programming sequence as it was: that is how clients see it.
func (a *Applet) write(data []byte, slot int, change func(old, sent config) (config, bool)) ([]byte, apdu.SW) {
	sent, code, ok := withCode(data, configSize)
	if !ok {
		return nil, apdu.WrongLength
	}
	c := config(sent)
	if !c.empty() && checksum(c[:]) != checksumGood {
		return nil, apdu.WrongData
	}
	next := a.state
	next.slots[slot], ok = change(a.state.slots[slot], c)
	if !ok || !a.state.slots[slot].opens(code) {
		return a.status(), apdu.OK
	}
	return a.commit(next)
}

// withCode takes what a client writes, of a given size, apart from the slot's
// access code behind it: zeros where there is none.
func withCode(data []byte, size int) (sent, code []byte, ok bool) {
	if len(data) != size && len(data) != size+codeSize {
		return nil, nil, false
	}
	code = make([]byte, codeSize)
	copy(code, data[size:])
	return data[:size], code, true
}

// An ndef is what the token's NFC tag shows before a slot's password: the number
// of bytes that count, the type of the record, 54 bytes (Yubico .NET SDK manual,
// "Program NDEF"). All zeros are none.
type ndef [2 + ndefData]byte

// ndefData is the length of an NDEF's text.
const ndefData = 54

// writeNDEF replaces what is shown with a slot, on a token with an antenna; the
// slot itself stays as it is.
func (a *Applet) writeNDEF(data []byte, slot int) ([]byte, apdu.SW) {
	if !a.options.NFC {
		return nil, apdu.WrongP1P2
	}
	sent, code, ok := withCode(data, len(ndef{}))
	switch {
	case !ok:
		return nil, apdu.WrongLength
	case sent[0] > ndefData:
		return nil, apdu.WrongData
	case !a.state.slots[slot].opens(code):
		return a.status(), apdu.OK
	}
	next := a.state
	next.ndefs[slot] = ndef(sent)
	return a.commit(next)
}

// swap exchanges the slots' configurations. The command carries no access code,
// so that slots of which one has a code stay where they are (Yubico .NET SDK,
// OtpSession.SwapSlots).
func (a *Applet) swap() ([]byte, apdu.SW) {
	next := a.state
	for _, s := range next.slots {
		if !s.opens(make([]byte, codeSize)) {
			return a.status(), apdu.OK
		}
	}
	next.slots[0], next.slots[1] = next.slots[1], next.slots[0]
	return a.commit(next)
}

// configure replaces a configuration; one of zeros deletes it.
func (a *Applet) configure(_, sent config) (config, bool) { return sent, true }

// update changes flags and access code of a configuration that allows it. The
// flags of how a keyboard types are other ones in a slot that answers
// challenges, and stay.
func (a *Applet) update(old, sent config) (config, bool) {
	if old[atExtFlags]&extAllowUpdate == 0 {
		return old, false
	}
	next := old
	copy(next[atCode:atCode+codeSize], sent[atCode:])
	next[atExtFlags] = sent[atExtFlags]
	next[atTicket] = old[atTicket]&^ticketUpdatable | sent[atTicket]&ticketUpdatable
	if old[atTicket]&ticketChalResp == 0 {
		next[atFlags] = old[atFlags]&^flagsUpdatable | sent[atFlags]&flagsUpdatable
	}
	return next, true
}

// checksumGood is the remainder of a configuration with its own checksum
// (ISO/IEC 13239, 4.2.5.2).
const checksumGood = 0xF0B8

// checksum is the CRC-16 of ISO/IEC 13239, not yet inverted.
func checksum(b []byte) uint16 {
	crc := uint16(0xFFFF)
	for _, c := range b {
		crc ^= uint16(c)
		for range 8 {
			odd := crc&1 != 0
			crc >>= 1
			if odd {
				crc ^= 0x8408
			}
		}
	}
	return crc
}

// stateName is the name of the applet's record in the board's storage.
const stateName = "yubiotp"

// The stored record's body: programming sequence, both slots, both NDEFs if
// there is one.
const stateMagic = "YOTP\x01"

// state is all that the applet keeps.
type state struct {
	sequence byte // of changes; 0 where nothing is configured
	slots    [2]config
	ndefs    [2]ndef
}

// commit counts a change, stores it and answers the status.
func (a *Applet) commit(next state) ([]byte, apdu.SW) {
	next.sequence++
	if next.slots[0].empty() && next.slots[1].empty() {
		next.sequence = 0
	}
	if a.hw.Store(stateName, next.encode()) != nil {
		return nil, apdu.MemoryFailure
	}
	a.state = next
	return a.status(), apdu.OK
}

func (s state) encode() []byte {
	body := []byte{s.sequence}
	for _, c := range s.slots {
		body = append(body, c[:]...)
	}
	if s.ndefs != [2]ndef{} {
		for _, n := range s.ndefs {
			body = append(body, n[:]...)
		}
	}
	return record.Seal(stateMagic, body)
}

// decodeState reads a stored record. The error is ErrState.
func decodeState(b []byte) (state, error) {
	const bare = 1 + 2*configSize
	body, ok := record.Open(stateMagic, b)
	if !ok || len(body) != bare && len(body) != bare+2*len(ndef{}) {
		return state{}, ErrState
	}
	s := state{sequence: body[0]}
	rest := body[1:]
	for i := range s.slots {
		rest = rest[copy(s.slots[i][:], rest):]
	}
	for i := range s.ndefs {
		rest = rest[copy(s.ndefs[i][:], rest):]
	}
	return s, nil
}
