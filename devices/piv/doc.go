// Package piv asks the PIV applet of a YubiKey who it is, through piv-go: what
// it says of itself ([Read]), and what it can prove ([Attest], [Verifier]).
//
// A proof has two halves. The key's own certificate for a slot says, under
// Yubico's root, that the slot's key was made on the YubiKey of a serial number
// and can't leave it (Yubico, "PIV attestation"); but certificates are public.
// So the slot's key also signs a challenge that was never used before.
//
// piv-go opens a card exclusively and holds it until it is closed: nothing
// here keeps a card longer than one call. It is built with the tag pcsc, where
// the PC/SC library is; without, everything here says devices.ErrNotBuilt.
package piv

import "errors"

// ErrOpen says that the applet could not be opened: by another program's doing,
// or the card's.
var ErrOpen = errors.New("PIV applet can't be opened")

// An Identity is what a PIV applet says of its key.
type Identity struct {
	// Serial is the number printed on the key.
	Serial string
	// Version is that of the applet, as "5.4.3"; from 4.0.0 on it is the key's
	// firmware version.
	Version string
	// Firmware is the key's firmware version, where Version tells it.
	Firmware string
}

// DefaultSlot is the slot that is asked where none is named: PIV
// authentication (NIST SP 800-73-4, part 1, table 4b).
const DefaultSlot = "9a"

// A Verifier says what a token's attestation proves. The zero value trusts
// Yubico alone.
type Verifier struct {
	// EmulatedRoot reads the certificate (PEM) under which a bench's tokens
	// attest; nil where no bench is trusted. It is read for each attestation
	// that Yubico's roots don't cover.
	EmulatedRoot func() ([]byte, error)
}
