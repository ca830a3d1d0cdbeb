package emulator

import (
	"strings"

	"github.com/fob-auth/fob/emulator/api"
	"github.com/fob-auth/fob/firmware/mgmt"
)

// AttachReader is how a bench file says that a YubiKey is in a PC/SC reader.
const AttachReader = "reader"

// vpcdPrefix begins how a bench file says that a YubiKey is in a slot of a
// vpcd; its address follows.
const vpcdPrefix = "vpcd:"

// A Reader is the PC/SC reader that a token of the bench is in.
type Reader struct {
	// Name is what PC/SC calls it, before the numbers that pcscd adds. Clients
	// know a YubiKey on USB, and its interfaces, by this name.
	Name string
	// ATR is what a card in it answers to a reset (ISO/IEC 7816-3, 8).
	ATR []byte
	// Own says that the token is its own reader, which comes and goes with it.
	Own bool
}

// names of readers: a YubiKey on USB is its own reader, by NFC it is in
// somebody else's.
const (
	usbReader  = "Yubico YubiKey OTP+FIDO+CCID"
	usbReader4 = "Yubico Yubikey 4 OTP+U2F+CCID"
	nfcReader  = "ACS ACR122U PICC Interface"
)

// atr4 is the answer to reset of a YubiKey 4.
const atr4 = "\x3B\xF8\x13\x00\x00\x81\x31\xFE\x15Yubikey4\xD4"

// Reader is the reader that the token belongs in, where the bench file attaches
// it to one.
func (t *Token) Reader() (r Reader, ok bool) {
	if t.spec.Kind != api.YubiKey || t.spec.Attach != AttachReader {
		return Reader{}, false
	}
	return t.spec.reader(), true
}

// VPCD is the address of the vpcd that the token belongs in, where the bench
// file attaches it to one, and what the card answers to a reset.
func (t *Token) VPCD() (addr string, atr []byte, ok bool) {
	addr, ok = strings.CutPrefix(t.spec.Attach, vpcdPrefix)
	if !ok {
		return "", nil, false
	}
	return addr, t.spec.reader().ATR, true
}

// reader is what a YubiKey goes into.
func (s Spec) reader() Reader {
	switch {
	case s.Contactless:
		return Reader{Name: nfcReader, ATR: mgmt.NFC.ATR()}
	case s.Firmware[0] < 5:
		return Reader{Name: usbReader4, ATR: []byte(atr4), Own: true}
	}
	return Reader{Name: usbReader, ATR: mgmt.USB.ATR(), Own: true}
}
