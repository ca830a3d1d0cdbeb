package firmware

import "github.com/fob-auth/fob/firmware/apdu"

// An Applet is one application on a card, chosen by its AID. A Card calls its
// methods one at a time; an applet starts no goroutine and keeps no lock.
type Applet interface {
	// AID is the application identifier that SELECT names (ISO/IEC 7816-4,
	// 5–16 bytes).
	AID() []byte
	// Select starts the applet afresh and returns the answer to SELECT.
	Select() ([]byte, apdu.SW)
	// Process answers one command whose chaining is already undone. The answer
	// may be of any length; the card splits it for GET RESPONSE.
	Process(apdu.Command) ([]byte, apdu.SW)
	// Deselect ends the applet's session: another one was selected, or the
	// power went.
	Deselect()
}
