package emulator

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/fob-auth/fob/firmware"
	"github.com/fob-auth/fob/firmware/mgmt"
	"github.com/fob-auth/fob/firmware/oath"
	"github.com/fob-auth/fob/firmware/piv"
	"github.com/fob-auth/fob/firmware/yubiotp"
)

// A yubiKey is the inside of a YubiKey. Whoever took the chip from its channel
// owns it, and puts it back after one command.
type yubiKey struct {
	token  *Token
	button *button
	chip   chan *chip
}

// A chip is a card with its applets, and the board they run on.
type chip struct {
	card *firmware.Card
	oath *oath.Applet
	board
}

// A board is the hardware below a card's applets.
type board struct {
	*storage
	button *button
	// patience is how long a touch is waited for where an applet doesn't say.
	patience time.Duration
	random   io.Reader
	now      func() time.Time
	// power is that of the command at hand: it ends when the token is
	// unplugged or its client goes.
	power context.Context
}

// Random fills p from the bench's source.
func (b *board) Random(p []byte) error {
	_, err := io.ReadFull(b.random, p)
	return err
}

// Uptime is the time since the epoch, by a clock that doesn't go back where the
// host's doesn't.
func (b *board) Uptime() time.Duration { return b.now().Sub(epoch) }

// AwaitTouch waits for the button.
func (b *board) AwaitTouch(limit time.Duration) error {
	return b.button.await(b.power, cmp.Or(limit, b.patience))
}

// epoch is where uptimes count from.
var epoch = time.Unix(0, 0)

func newYubiKey(t *Token) (*yubiKey, error) {
	y := &yubiKey{token: t, chip: make(chan *chip, 1)}
	y.button = &button{mode: t.spec.Button, onMove: func(waiting, pressed bool) {
		t.note(func(v *vitals) {
			v.waiting = waiting
			if pressed {
				v.presses++
			}
		})
	}}
	st, err := openStorage(t.spec.State, t.spec.Kind, t.spec.Serial)
	if err == nil && st.empty() {
		err = y.restore(st)
	}
	if err != nil {
		return nil, err
	}
	c, err := y.assemble(st)
	if err != nil {
		return nil, err
	}
	y.chip <- c
	return y, nil
}

// restore makes st hold the bench file's credentials and nothing else.
func (y *yubiKey) restore(st *storage) error {
	return st.refill(func(empty *storage) error {
		c, err := y.assemble(empty)
		if err != nil {
			return err
		}
		for _, cred := range y.token.spec.Credentials {
			if err := c.oath.Put(cred.account()); err != nil {
				return fmt.Errorf("credential %q: %w", cred.Name, err)
			}
		}
		return nil
	})
}

func (c Credential) account() oath.Account {
	return oath.Account{
		Name:      c.Name,
		Algorithm: c.Algorithm,
		Digits:    c.Digits,
		Period:    c.Period,
		Secret:    c.Secret,
		Touch:     c.Touch,
	}
}

// applications are what the bench's YubiKeys have.
const applications = mgmt.OTP | mgmt.PIV | mgmt.OATH

// assemble makes a chip with what st holds.
func (y *yubiKey) assemble(st *storage) (*chip, error) {
	spec := y.token.spec
	c := &chip{board: board{
		storage:  st,
		button:   y.button,
		patience: cmp.Or(spec.Patience, touchPatience),
		random:   y.token.options.Random,
		now:      y.token.options.Now,
		power:    context.Background(),
	}}
	number, err := strconv.ParseUint(spec.Serial, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("serial: %w", err)
	}
	serial, version, form := uint32(number), firmware.Version(spec.Firmware), max(spec.FormFactor, 1)
	about := mgmt.Options{Serial: serial, Version: version, FormFactor: form, USB: applications}
	if spec.NFC {
		about.NFC = applications
	}
	m, err := mgmt.Open(&c.board, about)
	if err != nil {
		return nil, err
	}
	if spec.Contactless {
		m.Over(mgmt.NFC)
	}
	if c.oath, err = oath.New(&c.board, spec.Firmware); err != nil {
		return nil, err
	}
	otp, err := yubiotp.New(&c.board, yubiotp.Options{Serial: serial, Version: version, NFC: spec.NFC, Patience: m.ChallengeTimeout})
	if err != nil {
		return nil, err
	}
	id, err := piv.New(&c.board, piv.Options{Serial: serial, Version: version, FormFactor: form, Authority: y.token.authority})
	if err != nil {
		return nil, err
	}
	c.card = firmware.NewCard(m, c.oath, otp, id)
	return c, nil
}

func (y *yubiKey) start(*stay) error { return nil }

// stop waits for the command at hand, which a lost power ends.
func (y *yubiKey) stop() error {
	c := <-y.chip
	y.chip <- c
	return nil
}

func (y *yubiKey) reset() error {
	c := <-y.chip
	defer func() { y.chip <- c }()
	if err := y.restore(c.storage); err != nil {
		return err
	}
	fresh, err := y.assemble(c.storage)
	if err != nil {
		return err
	}
	c = fresh
	return nil
}

func (y *yubiKey) press(context.Context, *stay) error { return y.button.press() }
