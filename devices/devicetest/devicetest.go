// Package devicetest is the conformance suite of the ways in to tokens: what
// every driver promises the agent, as tests. A driver's own tests run it over a
// scripted token, the whole-system tests over the bench.
//
// Codes are checked against pquerna/otp, which shares no line with what
// computes them.
package devicetest

import (
	"cmp"
	"context"
	"encoding/base32"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"

	"github.com/fob-auth/fob/devices"
)

// An Account is a credential that a fixture's token has, with its secret.
type Account = devices.NewCredential

// A Fixture is a token that is plugged in where a driver looks for it, and the
// levers that a test needs. Tests whose levers are nil are not run.
type Fixture struct {
	Driver devices.Driver
	// Serial, Model and Firmware are what the token's Info must say.
	Serial, Model, Firmware string
	// Emulated is what its slot must say.
	Emulated bool
	// Accounts are all that is on the token, in any order.
	Accounts []Account
	// StandIn, where it isn't empty, is the key of all codes, whatever key an
	// account was stored with: that of a replayed transcript.
	StandIn devices.Secret
	// Faceless is whether the token has a clock that it doesn't tell when it is
	// asked.
	Faceless bool
	// Writer is whether the token takes credentials.
	Writer bool
	// Now is the time to ask codes for; the zero value stands for a fixed one.
	Now time.Time
	// Waiting returns once the token waits for its button.
	Waiting func(context.Context) error
	// Press presses the button of a token that waits.
	Press func()
	// GiveUp makes a token that waits for its button end its patience.
	GiveUp func()
	// Unplug takes the token out; Plug puts it back.
	Unplug, Plug func()
}

// guard bounds what must end by itself, so that a test that hangs says where.
const guard = 30 * time.Second

// Run runs the suite. It makes a fixture for each of its tests, and one before
// them to see which tests it allows.
func Run(t *testing.T, fixture func(t *testing.T) Fixture) {
	tests := []struct {
		name string
		run  func(t *testing.T, f *bound)
		need func(f Fixture) bool
	}{
		{"Info", testInfo, nil},
		{"List", testList, nil},
		{"Codes", testCodes, nil},
		{"EventBased", testEventBased, func(f Fixture) bool { return f.account(isHOTP) != nil }},
		{"UnknownCredential", testUnknownCredential, nil},
		{"Write", testWrite, func(f Fixture) bool { return f.Writer }},
		{"Redaction", testRedaction, nil},
		{"CancelledBefore", testCancelledBefore, nil},
		{"CloseTwice", testCloseTwice, nil},
		{"CloseDuringCalls", testCloseDuringCalls, nil},
		{"DeadlineDuringTouch", testDeadlineDuringTouch, needsTouch},
		{"CloseDuringTouch", testCloseDuringTouch, needsTouch},
		{"NoTouch", testNoTouch, func(f Fixture) bool { return needsTouch(f) && f.GiveUp != nil }},
		{"RemovedDuringTouch", testRemovedDuringTouch, func(f Fixture) bool { return needsTouch(f) && f.Unplug != nil }},
		{"Replug", testReplug, plugs},
		{"QuickReplug", testQuickReplug, plugs},
	}
	probe := fixture(t)
	for _, test := range tests {
		if test.need == nil || test.need(probe) {
			t.Run(test.name, func(t *testing.T) { test.run(t, bind(t, fixture(t))) })
		}
	}
}

func isTouch(a Account) bool { return a.Touch && a.Type == devices.TOTP }
func isHOTP(a Account) bool  { return a.Type == devices.HOTP }
func isTOTP(a Account) bool  { return a.Type == devices.TOTP }

func needsTouch(f Fixture) bool {
	return f.account(isTouch) != nil && f.Waiting != nil && f.Press != nil
}

func plugs(f Fixture) bool { return f.Unplug != nil && f.Plug != nil }

// account is the first that is of a kind.
func (f Fixture) account(is func(Account) bool) *Account {
	if i := slices.IndexFunc(f.Accounts, is); i >= 0 {
		return &f.Accounts[i]
	}
	return nil
}

// bound is a fixture in one test, with the driver's watch running.
type bound struct {
	Fixture
	t    *testing.T
	ctx  context.Context
	sets chan []devices.Slot
}

// bind starts the watch and sees to it that it ends with the test.
func bind(t *testing.T, f Fixture) *bound {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), guard)
	b := &bound{Fixture: f, t: t, ctx: ctx, sets: make(chan []devices.Slot)}
	if b.Now.IsZero() {
		b.Now = time.Date(2026, 11, 22, 12, 0, 7, 0, time.UTC)
	}
	ended := make(chan error, 1)
	go func() { ended <- f.Driver.Watch(ctx, b.sets) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("the watch ended with %v", err)
		}
	})
	return b
}

// await returns the slot of the one set that has exactly one, or with none
// waits for the empty set.
func (b *bound) await(present bool) devices.Slot {
	b.t.Helper()
	for {
		select {
		case set := <-b.sets:
			switch {
			case len(set) > 1:
				b.t.Fatalf("the fixture has one token, the driver reports %v", set)
			case present && len(set) == 1:
				return set[0]
			case !present && len(set) == 0:
				return devices.Slot{}
			}
		case <-b.ctx.Done():
			b.t.Fatalf("waited in vain for a set with a token: %v", present)
		}
	}
}

// open opens the token that is plugged in.
func (b *bound) open() devices.Token {
	b.t.Helper()
	return b.openSlot(b.await(true))
}

func (b *bound) openSlot(s devices.Slot) devices.Token {
	b.t.Helper()
	token, err := b.Driver.Open(b.ctx, s)
	if err != nil {
		b.t.Fatalf("open %v: %v", s, err)
	}
	b.t.Cleanup(func() { token.Close() })
	return token
}

// coder is the token as a Coder, which every token of the suite is.
func (b *bound) coder(token devices.Token) devices.Coder {
	b.t.Helper()
	coder, ok := token.(devices.Coder)
	if !ok {
		b.t.Fatalf("%T computes no codes", token)
	}
	return coder
}

// code asks for a code, and presses the button where that is wanted.
func (b *bound) code(coder devices.Coder, a Account, at time.Time) devices.Code {
	b.t.Helper()
	pressed := make(chan error, 1)
	if a.Touch {
		go func() {
			err := b.Waiting(b.ctx)
			if err == nil {
				b.Press()
			}
			pressed <- err
		}()
	} else {
		pressed <- nil
	}
	code, err := coder.Code(b.ctx, a.ID, at)
	if err != nil {
		b.t.Fatalf("code of %s at %v: %v", a.ID, at, err)
	}
	if err := <-pressed; err != nil {
		b.t.Fatalf("the token gave a code of %s without its button", a.ID)
	}
	return code
}

// check compares a code with the oracle's for its own counter.
func (b *bound) check(a Account, code devices.Code) {
	b.t.Helper()
	algorithm := map[devices.Algorithm]otp.Algorithm{
		devices.SHA1: otp.AlgorithmSHA1, devices.SHA256: otp.AlgorithmSHA256, devices.SHA512: otp.AlgorithmSHA512,
	}[a.Algorithm]
	secret := a.Secret
	if len(b.StandIn) > 0 {
		secret = b.StandIn
	}
	want, err := hotp.GenerateCodeCustom(base32.StdEncoding.EncodeToString(secret.Reveal()), code.Counter,
		hotp.ValidateOpts{Digits: otp.Digits(a.Digits), Algorithm: algorithm})
	if err != nil {
		b.t.Fatalf("oracle: %v", err)
	}
	if got := code.Digits.Reveal(); got != want {
		b.t.Errorf("code of %s for counter %d is %s, the oracle says %s", a.ID, code.Counter, got, want)
	}
	if code.Period != a.Period {
		b.t.Errorf("code of %s has a period of %v, want %v", a.ID, code.Period, a.Period)
	}
}

// failed checks that an error is what it must be, and says what was tried on
// which token.
func (b *bound) failed(err, want error) {
	b.t.Helper()
	if !errors.Is(err, want) {
		b.t.Errorf("error is %v, want %v", err, want)
		return
	}
	var tried *devices.Error
	if !errors.As(err, &tried) || tried.Op == "" || tried.Token == "" {
		b.t.Errorf("error %q doesn't say what was tried on which token", err)
	}
}

// sorted lists credentials in the order of their IDs.
func sorted(list []devices.Credential) []devices.Credential {
	return slices.SortedFunc(slices.Values(list), func(x, y devices.Credential) int { return cmp.Compare(x.ID, y.ID) })
}
