// Package prompt is the way in to what has a display and no plug: a fob whose
// digits somebody reads, or a phone. Each is a token whose codes are typed.
//
// Where a person is asked is the business of the [Ask] that the driver is
// given. The token checks what was typed for its form, and refuses digits that
// were typed before, so that neither costs one of AWS's verifications. It counts
// time steps by a clock that nobody sees; who takes its codes has to reckon
// which step they are of.
package prompt

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/fob-auth/fob/devices"
)

// Name is the driver's name in the slots it reports.
const Name = "prompt"

// Prefix begins the serial of each token; after it comes the MFA device's own,
// which is also the name of its one credential.
const Prefix = "prompt:"

// Within is how long a person has to type digits.
const Within = 90 * time.Second

// What AWS takes (IAM User Guide, "Assign a hardware TOTP token"; RFC 6238 with
// its defaults).
const (
	digits = 6
	period = 30 * time.Second
)

// remembered is how many codes are known again when they are typed twice: more
// than a window of AWS's holds.
const remembered = 16

// A Question says what digits are wanted for.
type Question struct {
	// Profile and Caller name who waits.
	Profile, Caller string
	// Message is the question in words.
	Message string
}

// An Ask has somebody type digits. It tries again until check takes them, and
// returns what it was given last, or why it was given nothing.
type Ask func(ctx context.Context, token string, q Question, check func(string) error) (string, error)

// A Driver has the tokens that were plugged in by name.
type Driver struct {
	ask Ask

	mu      sync.Mutex
	serials []string
	changed chan struct{}
}

var _ devices.Driver = (*Driver)(nil)

// New returns a driver without tokens.
func New(ask Ask) *Driver { return &Driver{ask: ask, changed: make(chan struct{})} }

// Serial is the serial of the token for an MFA device.
func Serial(mfaSerial string) string { return Prefix + mfaSerial }

// Typed returns the MFA device whose codes are typed as the token of a serial;
// ok is false for the serials of other tokens.
func Typed(serial string) (mfaSerial string, ok bool) { return strings.CutPrefix(serial, Prefix) }

// Plug adds the token for an MFA device, if it isn't there.
func (d *Driver) Plug(mfaSerial string) {
	d.change(func() {
		if !slices.Contains(d.serials, mfaSerial) {
			d.serials = append(d.serials, mfaSerial)
		}
	})
}

// Unplug takes the token for an MFA device away.
func (d *Driver) Unplug(mfaSerial string) {
	d.change(func() {
		d.serials = slices.DeleteFunc(slices.Clone(d.serials), func(s string) bool { return s == mfaSerial })
	})
}

func (d *Driver) change(f func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f()
	close(d.changed)
	d.changed = make(chan struct{})
}

// Watch reports the tokens that were plugged in by name.
func (d *Driver) Watch(ctx context.Context, out chan<- []devices.Slot) error {
	for {
		d.mu.Lock()
		slots := []devices.Slot{}
		for _, s := range d.serials {
			slots = append(slots, devices.Slot{Driver: Name, Path: s})
		}
		changed := d.changed
		d.mu.Unlock()
		select {
		case out <- slots:
		case <-ctx.Done():
			return ctx.Err()
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Open returns the token in a slot.
func (d *Driver) Open(_ context.Context, s devices.Slot) (devices.Token, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !slices.Contains(d.serials, s.Path) {
		return nil, &devices.Error{Op: "open", Token: Serial(s.Path), Err: devices.ErrRemoved}
	}
	return &Token{slot: s, ask: d.ask}, nil
}

// A Token is a display that a person reads.
type Token struct {
	slot devices.Slot
	ask  Ask

	mu    sync.Mutex
	typed []devices.Digits
}

var _ devices.Coder = (*Token)(nil)

// Info says what is known of the token, which is its serial.
func (t *Token) Info() devices.Info {
	return devices.Info{Serial: Serial(t.slot.Path), Model: "typed codes", Slot: t.slot, OwnClock: true,
		Notes: []string{"its codes are read from a display and typed"}}
}

// Close does nothing: there is nothing to close.
func (t *Token) Close() error { return nil }

// Patience is how long a call may take: somebody types, and may do so twice.
func (t *Token) Patience() time.Duration { return Within + 5*time.Second }

// Credentials lists the one account that the digits are taken to be of.
func (t *Token) Credentials(context.Context) ([]devices.Credential, error) {
	return []devices.Credential{{ID: t.slot.Path, Type: devices.TOTP, Algorithm: devices.SHA1, Digits: digits, Period: period}}, nil
}

// Code has digits typed. Their counter is that of at: the token's clock can't
// be seen.
func (t *Token) Code(ctx context.Context, id string, at time.Time) (devices.Code, error) {
	if id != t.slot.Path {
		return devices.Code{}, &devices.Error{Op: "compute a code", Token: Serial(t.slot.Path), Err: devices.ErrNoCredential}
	}
	typed, err := t.Type(ctx, Question{Message: "Type the code that " + t.slot.Path + " shows"})
	return devices.Code{Digits: typed, Counter: uint64(max(at.Unix(), 0)) / uint64(period/time.Second), Period: period}, err
}

// Type has digits typed, and remembers them.
func (t *Token) Type(ctx context.Context, q Question) (devices.Digits, error) {
	typed, err := t.ask(ctx, Serial(t.slot.Path), q, t.check)
	if err == nil {
		typed = plain(typed)
		err = t.check(typed)
	}
	if err != nil {
		return "", &devices.Error{Op: "have a code typed", Token: Serial(t.slot.Path), Err: err}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.typed = append(t.typed, devices.Digits(typed))
	if len(t.typed) > remembered {
		t.typed = slices.Delete(t.typed, 0, 1)
	}
	return devices.Digits(typed), nil
}

// What can't be a code.
var (
	// ErrForm: a code has six digits, and a space at most between them.
	ErrForm = errors.New("a code has six digits")
	// ErrAgain: the digits were typed before.
	ErrAgain = errors.New("that code was used already; wait for the next one")
)

// check says why digits can't be the code.
func (t *Token) check(typed string) error {
	typed = plain(typed)
	if len(typed) != digits {
		return fmt.Errorf("%w, and these are %d characters", ErrForm, len(typed))
	}
	for i := range len(typed) {
		if typed[i] < '0' || typed[i] > '9' {
			return ErrForm
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if slices.Contains(t.typed, devices.Digits(typed)) {
		return ErrAgain
	}
	return nil
}

// plain takes out the space that displays put between two groups.
func plain(s string) string { return strings.ReplaceAll(strings.TrimSpace(s), " ", "") }
