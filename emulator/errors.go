package emulator

import "errors"

// Errors of a bench; callers tell them apart with errors.Is.
var (
	// ErrUnknown says that the bench has no token of that name.
	ErrUnknown = errors.New("no such token on the bench")
	// ErrUnplugged says that the token isn't plugged in, or went away while it
	// was used.
	ErrUnplugged = errors.New("token is unplugged")
	// ErrBusy says that somebody else has the card.
	ErrBusy = errors.New("card is in use")
	// ErrNotWaiting says that the token doesn't wait for its button.
	ErrNotWaiting = errors.New("token isn't waiting for its button")
	// ErrNever says that the bench file lets nobody press the token's button.
	ErrNever = errors.New("token's button is set to never")
	// ErrNoAnswer says that a fault took the answer to a command away.
	ErrNoAnswer = errors.New("no answer")
	// ErrKind says that this kind of token can't do that.
	ErrKind = errors.New("wrong kind of token")
	// ErrBounds says that what was asked for is out of bounds.
	ErrBounds = errors.New("out of bounds")
	// ErrClosed says that the bench is closed.
	ErrClosed = errors.New("bench is closed")
)
