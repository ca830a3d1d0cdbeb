// Package devices says what the agent needs of a hardware token, whichever way
// it is attached: what is plugged in ([Driver]), what a token is ([Info]) and
// which codes it computes ([Coder]). The ways in (serialfob, emulated, pcsc)
// and what a card's applet can do (oath) are the packages below it.
//
// It is not the place for policy: which code may be used for what is the
// agent's business, and nothing here knows about AWS.
package devices

import (
	"context"
	"time"
)

// A Transport carries commands to a card and its answers back. One goroutine
// owns it. A transport may also have
//
//	Begin(ctx context.Context) (end func() error, err error)
//
// for a transaction during which no other program reaches the card.
type Transport interface {
	// Transmit sends one command APDU and returns the response APDU with its
	// status word. An error means that no answer came: [ErrRemoved] where the
	// token is gone, else what ctx or the line said.
	Transmit(ctx context.Context, cmd []byte) ([]byte, error)
	Close() error
}

// A Token is an opened token. What it can do beyond telling what it is are the
// optional interfaces [Coder], [Clock], [Writer], [Unlocker], [Attester] and
// [Reporter], found by assertion.
type Token interface {
	Info() Info
	Close() error
}

// A Coder computes codes.
type Coder interface {
	// Credentials lists the OATH accounts on the token.
	Credentials(ctx context.Context) ([]Credential, error)
	// Code computes the code of credential id. A host-clocked token answers
	// for the time step that contains at; a token with its own clock ignores
	// at and answers for its present step. It waits for a touch where the
	// credential wants one, until ctx ends or the token gives up
	// ([ErrNoTouch]). An unknown id is [ErrNoCredential].
	Code(ctx context.Context, id string, at time.Time) (Code, error)
}

// A Clock is a token that keeps time by itself and tells it when it is asked.
// One that keeps time and is no Clock tells it with its codes, or never.
type Clock interface {
	// Time reads the token's clock, to the millisecond where the token shows
	// that much.
	Time(ctx context.Context) (time.Time, error)
}

// A Writer is a token that takes new credentials.
type Writer interface {
	// Put stores a credential. One of the same ID is [ErrExists], a full token
	// [ErrFull].
	Put(ctx context.Context, c NewCredential) error
	// Delete removes a credential; an unknown id is [ErrNoCredential].
	Delete(ctx context.Context, id string) error
}

// A Reporter is a token that says things of itself unasked.
type Reporter interface {
	// News gets a value when the token's Info may be another one since it last
	// listed its credentials, which brings that up to date, or when it is gone.
	News() <-chan struct{}
}

// A Driver is one way in to tokens.
type Driver interface {
	// Watch sends the whole set of slots at once and again after each change,
	// until ctx ends. The receiver compares sets; nothing is ever sent as a
	// difference, so that a missed message can't be wrong for long.
	Watch(ctx context.Context, out chan<- []Slot) error
	// Open opens the token in a slot. The token's Info carries its serial.
	Open(ctx context.Context, s Slot) (Token, error)
}

// A Slot is a place where a token is plugged in.
type Slot struct {
	// Driver is the driver's name: "emulated", "serialfob", "pcsc".
	Driver string
	// Path names the place within the driver, and stays the same while the
	// token stays plugged in: a port, a reader, a bench's socket and token.
	Path string
	// Generation changes whenever the token in the slot was taken out and put
	// back between two sets, where the driver can tell; else it stays 0.
	Generation uint64
	// Emulated says that no hardware stands behind the slot.
	Emulated bool
}

// Info says what a token is.
type Info struct {
	// Serial is the number printed on the token: "12345678", "GAHT12345678".
	Serial string
	// Model is the maker's name for the kind: "YubiKey", "fob".
	Model string
	// Firmware is the version the token reports, as "5.4.3".
	Firmware string
	// Slot is where the token was found.
	Slot Slot
	// OwnClock is true for a token that counts time steps by its own clock,
	// and false for one that is told the time with each question.
	OwnClock bool
	// Notes say in plain words what else is known: "PIV 5.4.3".
	Notes []string
	// Troubles keep it from giving codes, or soon will: [ErrClockLost], a
	// [BatteryError].
	Troubles []error
}

// A Type tells time-based from event-based credentials.
type Type string

// The types of OATH credential (RFC 6238, RFC 4226).
const (
	TOTP Type = "TOTP"
	HOTP Type = "HOTP"
)

// An Algorithm is the hash of a credential's HMAC, in RFC 6238's spelling.
type Algorithm string

// The algorithms of RFC 6238, 1.2.
const (
	SHA1   Algorithm = "SHA1"
	SHA256 Algorithm = "SHA256"
	SHA512 Algorithm = "SHA512"
)

// A Credential is one OATH account on a token.
type Credential struct {
	// ID names the credential on its token, without the period that YKOATH
	// writes before the name: "AWS:carol".
	ID        string
	Type      Type
	Algorithm Algorithm
	// Digits is the length of a code: 6 to 8.
	Digits int
	// Period is the length of a time step; zero for HOTP.
	Period time.Duration
	// Touch says that each code wants the token's button pressed.
	Touch bool
}

// A NewCredential is a credential on its way to a token, with its secret.
type NewCredential struct {
	Credential
	Secret Secret
}

// A Code is digits with the time step they belong to.
type Code struct {
	Digits Digits
	// Counter is the number of the time step: Unix time divided by the period.
	Counter uint64
	// Period is the length of the time step.
	Period time.Duration
	// Clock is what the clock of a token that is no [Clock] showed with the
	// code; zero where it showed none. Counter is then of the token's own time,
	// and else, with such a token, of the host's.
	Clock time.Time
}

// Start is when the code's time step begins, by the clock the code was
// computed for.
func (c Code) Start() time.Time {
	return time.Unix(int64(c.Counter)*int64(c.Period/time.Second), 0).UTC()
}

// End is when the next time step begins.
func (c Code) End() time.Time { return c.Start().Add(c.Period) }
