// Package binding ties an MFA device of AWS to the credential on a token that
// computes its codes, and says when the two don't belong together: another
// token in the slot, a credential whose codes AWS can't take, an MFA serial of
// another account.
//
// It decides and keeps nothing: bindings are stored by the agent, and whether a
// token is plugged in is the agent's to know.
package binding

import (
	"fmt"
	"time"

	"github.com/fob-auth/fob/sts"
)

// A Binding says which token and which credential on it an MFA device's codes
// come from.
type Binding struct {
	Device sts.Device
	// Token is the token's serial.
	Token string
	// Credential is the credential's name on the token.
	Credential string
	// Emulated says that the token was emulated when it was bound.
	Emulated bool
	// Bound is when the binding was made, in the host's time.
	Bound time.Time
}

// A MismatchError says that what is plugged in isn't what was bound.
type MismatchError struct {
	Device sts.Device
	// BoundToken and Token are the serials of the token that was bound and of
	// the one that is there.
	BoundToken, Token string
	// BoundCredential and Credential name the credentials, where the tokens
	// are the same.
	BoundCredential, Credential string
	// BoundEmulated and Emulated say which of the two is emulated.
	BoundEmulated, Emulated bool
}

func (e *MismatchError) Error() string {
	switch {
	case e.BoundToken != e.Token:
		return fmt.Sprintf("%s is bound to token %s, and this is token %s", e.Device, e.BoundToken, e.Token)
	case e.Emulated && !e.BoundEmulated:
		return fmt.Sprintf("%s is bound to the hardware token %s, and an emulated one of that serial is plugged in", e.Device, e.Token)
	case e.BoundEmulated && !e.Emulated:
		return fmt.Sprintf("%s is bound to the emulated token %s, and one of that serial that isn't emulated is plugged in", e.Device, e.Token)
	}
	return fmt.Sprintf("%s is bound to credential %q on token %s, not to %q", e.Device, e.BoundCredential, e.Token, e.Credential)
}

// Present is a credential on a token that is plugged in.
type Present struct {
	Token      string
	Emulated   bool
	Credential string
}

// Check reports, as a *MismatchError, that what is plugged in isn't what was
// bound. A token whose serial couldn't be read never fits.
func Check(b Binding, p Present) error {
	e := &MismatchError{
		Device: b.Device, BoundToken: b.Token, Token: p.Token,
		BoundCredential: b.Credential, Credential: p.Credential,
		BoundEmulated: b.Emulated, Emulated: p.Emulated,
	}
	switch {
	case p.Token == "":
		e.Token = "(serial unknown)"
		return e
	case b.Token != p.Token, b.Emulated != p.Emulated, b.Credential != p.Credential:
		return e
	}
	return nil
}

// A TakenError says that a credential computes another MFA device's codes
// already. Each device has a seed of its own, so one credential can't serve
// two.
type TakenError struct {
	Token, Credential string
	// By is the device whose codes it computes, For the one that it was asked
	// for.
	By, For sts.Device
}

func (e *TakenError) Error() string {
	taken := fmt.Sprintf("credential %q on token %s is bound to %s already", e.Credential, e.Token, e.By)
	if e.By.Serial == e.For.Serial && e.By.Endpoint != e.For.Endpoint {
		taken += fmt.Sprintf(": to the one at %s, and this is at %s", e.By.Endpoint, e.For.Endpoint)
	}
	return taken
}
