package devices

import "context"

// An Unlocker is a token whose accounts a password may protect.
type Unlocker interface {
	// Unlock opens the accounts with their password, until the token is closed,
	// and returns the key that the password stands for on this token. A wrong
	// password is [ErrPassword], a token that has none [ErrUnsupported].
	Unlock(ctx context.Context, password Secret) (key Secret, err error)
	// UnlockWith is Unlock with such a key. A token that has no password, or
	// another one by now, is the same as there.
	UnlockWith(ctx context.Context, key Secret) error
}
