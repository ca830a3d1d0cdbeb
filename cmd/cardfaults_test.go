//go:build pcsc && linux

package cmd_test

import (
	"context"
	"encoding/base32"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	pivgo "github.com/go-piv/piv-go/v2/piv"

	"github.com/fob-auth/fob/devices"
	"github.com/fob-auth/fob/devices/pcsc"
	"github.com/fob-auth/fob/devices/piv"
	"github.com/fob-auth/fob/emulator"
	"github.com/fob-auth/fob/emulator/api"
)

// wrongWords are status words that a card may answer in place of its own
// (ISO/IEC 7816-4, 5.1.3), success without data among them.
var wrongWords = []uint16{
	0x9000, 0x6200, 0x6281, 0x6300, 0x63C0, 0x6400, 0x6581, 0x6700, 0x6882, 0x6982, 0x6983, 0x6984,
	0x6985, 0x6A80, 0x6A81, 0x6A82, 0x6A84, 0x6A86, 0x6A88, 0x6B00, 0x6C10, 0x6D00, 0x6E00, 0x6F00,
}

// endless is how often a card says that more is to come before it gives in.
const endless = 256

// cardFaults are what goes wrong at one command, but for truncations.
func cardFaults() []cardFault {
	list := []cardFault{
		{Fault: api.Fault{Kind: api.FaultDrop}},
		{Fault: api.Fault{Kind: api.FaultDelay, DelayMS: 30}, harmless: true},
		{Fault: api.Fault{Kind: api.FaultDelay, DelayMS: 200}, patience: 20 * time.Millisecond},
		{Fault: api.Fault{Kind: api.FaultGarbage, Bytes: 1}},
		{Fault: api.Fault{Kind: api.FaultGarbage, Bytes: 64}},
		{Fault: api.Fault{Kind: api.FaultGarbage, Bytes: 5000}},               // more than a short answer has
		{Fault: api.Fault{Kind: api.FaultGarbage, Bytes: api.MaxFrame}},       // more than an extended one has
		{Fault: api.Fault{Kind: api.FaultStatus, SW: 0x61FF}, times: endless}, // and again and again
		{Fault: api.Fault{Kind: api.FaultRemove}},
	}
	for _, sw := range wrongWords {
		list = append(list, cardFault{Fault: api.Fault{Kind: api.FaultStatus, SW: sw}})
	}
	return list
}

// A cardFault is a fault, how often it comes in a row (0 is once), how long the
// caller waits (0 is as long as it takes), and whether it must do no harm.
type cardFault struct {
	api.Fault
	times    int
	patience time.Duration
	harmless bool
}

// A matrix spoils each command of a request in each way.
type matrix struct {
	t      *testing.T
	ctx    context.Context
	card   *emulator.Token
	driver *pcsc.Driver
	sets   chan []devices.Slot
	slot   devices.Slot
	// ask makes the request, and fails the test where its answer is wrong.
	ask func(ctx context.Context) error

	cases, right int
	refused      map[string]int
}

func newMatrix(t *testing.T, b *emulator.Bench) *matrix {
	t.Helper()
	card, err := b.Token("yk1")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	m := &matrix{t: t, ctx: ctx, card: card, driver: pcsc.New(), sets: make(chan []devices.Slot), refused: map[string]int{}}
	ended := make(chan error, 1)
	go func() { ended <- m.driver.Watch(ctx, m.sets) }()
	t.Cleanup(func() { cancel(); <-ended })
	m.slot = nextSlot(ctx, t, m.sets, devices.Slot{})
	return m
}

// run goes through the commands of the request.
func (m *matrix) run() {
	m.t.Helper()
	before := m.card.State().Commands
	if err := m.ask(m.ctx); err != nil {
		m.t.Fatal(err)
	}
	commands := int(m.card.State().Commands - before)
	faults := cardFaults()
	for at := range commands {
		for _, f := range faults {
			m.try(at, f)
		}
		// To every length, until there is nothing to cut off.
		for bytes, whole := 0, 0; whole < 3; bytes++ {
			if m.try(at, cardFault{Fault: api.Fault{Kind: api.FaultTruncate, Bytes: bytes}}) == nil {
				whole++
			} else {
				whole = 0
			}
		}
	}
	m.t.Logf("figure: %s: %d cases at %d commands: %d right answers, errors by kind %v", m.t.Name(), m.cases, commands, m.right, m.refused)
}

// within makes the request, and bounds it: the matrix takes as long as it takes.
func (m *matrix) within(limit time.Duration) error {
	ctx, cancel := context.WithTimeout(m.ctx, limit)
	defer cancel()
	return m.ask(ctx)
}

// try makes the request with a fault, and then without.
func (m *matrix) try(at int, f cardFault) error {
	m.t.Helper()
	m.cases++
	name := fmt.Sprintf("command %d: %s %04X, %d bytes, %d ms", at, f.Kind, f.SW, f.Bytes, f.DelayMS)
	for i := range max(1, f.times) {
		f.After = at + i
		if err := m.card.AddFault(f.Fault); err != nil {
			m.t.Fatal(err)
		}
	}
	limit := patience
	if f.patience > 0 {
		limit = f.patience
	}
	err := m.within(limit)
	switch kind := kindOf(err); {
	case err == nil:
		m.right++
	case f.harmless:
		m.t.Errorf("%s: %v", name, err)
	case kind == "":
		m.t.Errorf("%s: an error of no type: %v", name, err)
	default:
		m.refused[kind]++
	}
	if f.Kind == api.FaultRemove {
		if err := m.card.Plug(); err != nil {
			m.t.Fatal(err)
		}
		m.slot = nextSlot(m.ctx, m.t, m.sets, m.slot)
	}
	if err := m.within(patience); err != nil {
		m.t.Fatalf("%s: then the next one: %v", name, err)
	}
	if left := m.card.State().Faults; len(left) > 0 {
		m.t.Fatalf("%s: %d faults never came", name, len(left))
	}
	return err
}

// kindOf names the type of a token's error, "" for one that has none.
func kindOf(err error) string {
	var named *devices.Error
	if !errors.As(err, &named) {
		return ""
	}
	for _, kind := range []error{devices.ErrRemoved, devices.ErrNoTouch, devices.ErrNoCredential, devices.ErrPassword, devices.ErrFull, devices.ErrAnswer,
		devices.ErrBusy, devices.ErrUnsupported, devices.ErrUnattested, context.DeadlineExceeded} {
		if errors.Is(err, kind) {
			return kind.Error()
		}
	}
	return ""
}

// TestCodesUnderFaults spoils each command on the way from a key's plugging in
// to its listing and a code, through pcscd: each request ends with what is
// right or with an error that says what it is, and the next is as if nothing
// had been.
func TestCodesUnderFaults(t *testing.T) {
	b32 := base32.StdEncoding.EncodeToString([]byte(rfcSecret))
	m := newMatrix(t, startReaders(t, `
  - {kind: yubikey, name: yk1, serial: 12345678, firmware: 5.4.3, attach: reader, interface: nfc, credentials: [{name: a, secret: `+b32+`, digits: 8}, {name: b, secret: `+b32+`, touch: true}]}
`))
	m.ask = func(ctx context.Context) error {
		token, err := m.driver.Open(ctx, m.slot)
		if err != nil {
			return err
		}
		defer token.Close()
		if token.Info().Serial != "12345678" {
			t.Errorf("a wrong serial: %+v", token.Info())
		}
		list, err := token.(devices.Coder).Credentials(ctx)
		if err != nil {
			return err
		}
		if len(list) == 2 && !slices.ContainsFunc(list, func(c devices.Credential) bool { return c.ID == "a" && c.Digits == 8 }) {
			t.Errorf("a wrong listing: %+v", list)
		}
		code, err := token.(devices.Coder).Code(ctx, "a", time.Unix(59, 0))
		if digits := code.Digits.Reveal(); err == nil && digits != "94287082" { // RFC 6238, appendix B
			t.Errorf("a wrong code: %s", digits)
		}
		return err
	}
	m.run()
}

// TestProofsUnderFaults does the same with what a key's PIV applet attests and
// signs.
func TestProofsUnderFaults(t *testing.T) {
	b := startReaders(t, `
  - {kind: yubikey, name: yk1, serial: 12345678, firmware: 5.4.3, attach: reader, interface: nfc}
`)
	m := newMatrix(t, b)
	verifier := piv.Verifier{EmulatedRoot: rootOf(b)}
	token, err := m.driver.Open(m.ctx, m.slot)
	if err != nil {
		t.Fatal(err)
	}
	makeKey(t, token, pivgo.SlotAuthentication, untouched)
	opened := m.slot
	m.ask = func(ctx context.Context) error {
		if opened != m.slot { // it was out
			token.Close()
			if token, err = m.driver.Open(m.ctx, m.slot); err != nil {
				return err
			}
			opened = m.slot
		}
		a, err := token.(devices.Attester).Attest(ctx, "9a", []byte("nonce"))
		if errors.Is(err, devices.ErrRemoved) || errors.Is(err, context.DeadlineExceeded) {
			opened = devices.Slot{} // a token that says so never works again
		}
		if err != nil {
			return err
		}
		proof, err := verifier.Verify(a, []byte("nonce"))
		if err != nil {
			return &devices.Error{Op: "verify", Token: "12345678", Err: err}
		}
		if proof.Serial != "12345678" {
			t.Errorf("a wrong proof: %+v", proof)
		}
		return nil
	}
	t.Cleanup(func() { token.Close() })
	m.run()
}
