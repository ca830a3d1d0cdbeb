package devices

import (
	"errors"
	"fmt"
	"time"
)

// What can go wrong with a token. Drivers wrap these in an [Error] that names
// the token and what was tried.
var (
	// ErrRemoved: the token, its port or its bench is gone, or was closed: after
	// a call that was given up some tokens close themselves. A token that says
	// so never works again; the slot may be opened anew.
	ErrRemoved = errors.New("token removed")
	// ErrNoTouch: the token waited for its button and gave up.
	ErrNoTouch = errors.New("token was not touched in time")
	// ErrNoCredential: no account of that name on the token.
	ErrNoCredential = errors.New("no such credential on the token")
	// ErrExists: an account of that name is on the token already.
	ErrExists = errors.New("credential exists on the token")
	// ErrFull: the token has no room for another account.
	ErrFull = errors.New("token is full")
	// ErrPassword: the token's OATH applet wants its password first.
	ErrPassword = errors.New("token wants its password")
	// ErrUnattested: the token can't prove which one it is, or what it shows for
	// a proof proves something else.
	ErrUnattested = errors.New("token doesn't prove its serial")
	// ErrAnswer: the token answered what its protocol doesn't allow: too
	// short, too long, a wrong checksum, a status word that has no meaning
	// there.
	ErrAnswer = errors.New("token gave an answer that makes no sense")
	// ErrBusy: another program holds the token.
	ErrBusy = errors.New("token is held by another program")
	// ErrSilent: the token, its port or its service didn't answer within the
	// bound that the driver sets. A context's error is the caller's own.
	ErrSilent = errors.New("token doesn't answer")
	// ErrClockLost: the token keeps time by itself and doesn't know it any more,
	// as after a change of its battery. It gives no codes until it is wiped and
	// takes a new seed.
	ErrClockLost = errors.New("token lost its time, as after a change of its battery, and gives no codes")
	// ErrUnsupported: the token can't do that.
	ErrUnsupported = errors.New("token can't do that")
	// ErrNotBuilt: the way in to such tokens is left out of this program, by
	// its platform or its build tags.
	ErrNotBuilt = errors.New("support is not built into this program")
	// ErrNoService: the system's own service for such tokens isn't running.
	ErrNoService = errors.New("system service is not running")
)

// An Error says what was tried, on which token, and what came of it. Err wraps
// one of the package's errors, or a context's.
type Error struct {
	// Op is what was tried, in a person's words: "read the clock".
	Op string
	// Token is the token's serial, or the slot's path where it isn't known.
	Token string
	Err   error
}

func (e *Error) Error() string { return fmt.Sprintf("%s on token %s: %v", e.Op, e.Token, e.Err) }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// A RateError is of a token that gives no more codes for now.
type RateError struct {
	// After is when it is worth asking again; 0 where the token doesn't say.
	After time.Duration
}

func (e *RateError) Error() string {
	if e.After <= 0 {
		return "token gives no more codes for now"
	}
	return fmt.Sprintf("token gives no more codes for now, the next in %v", e.After.Round(100*time.Millisecond))
}

// A BatteryError is of a token whose battery is low.
type BatteryError struct{ Millivolts int }

func (e *BatteryError) Error() string { return fmt.Sprintf("its battery is low: %d mV", e.Millivolts) }

// A HeldError is an [ErrBusy] that says who probably holds the token. No system
// service tells; it is found by its name among the user's processes.
type HeldError struct {
	// Program is its name, as "scdaemon", and PID its process.
	Program string
	PID     int
	Err     error
}

func (e *HeldError) Error() string {
	return fmt.Sprintf("%v; %s runs (process %d) and probably holds it", e.Err, e.Program, e.PID)
}

// Unwrap returns what the system said.
func (e *HeldError) Unwrap() error { return e.Err }
