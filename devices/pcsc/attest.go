//go:build pcsc && (cgo || windows)

package pcsc

import (
	"context"
	"errors"
	"fmt"

	"github.com/ebfe/scard"

	"github.com/fob-auth/fob/devices"
	"github.com/fob-auth/fob/devices/oath"
	"github.com/fob-auth/fob/devices/piv"
)

// A key is a YubiKey in a PC/SC reader: what its OATH applet can do, and what
// its PIV applet can prove.
type key struct {
	*oath.Key
	channel *channel
}

var (
	_ devices.Coder    = (*key)(nil)
	_ devices.Writer   = (*key)(nil)
	_ devices.Unlocker = (*key)(nil)
	_ devices.Attester = (*key)(nil)
)

// Attest has the key in a PIV slot sign for a challenge. It wants the card for
// itself, for some tens of milliseconds: while another program is connected to
// it, that one is waited for as Begin waits, and then the error is
// devices.ErrBusy.
func (k *key) Attest(ctx context.Context, slot string, challenge []byte) (devices.Attestation, error) {
	fail := func(err error) (devices.Attestation, error) {
		return devices.Attestation{}, &devices.Error{Op: "prove the serial", Token: k.Info().Serial, Err: err}
	}
	if err := ctx.Err(); err != nil {
		return fail(err)
	}
	type result struct {
		made devices.Attestation
		err  error
	}
	results := make(chan result, 1) // the caller may be gone when it comes
	err := k.channel.persist(ctx, func(bool) error {
		made, err := k.channel.attest(slot, challenge)
		if errors.Is(err, devices.ErrBusy) || errors.Is(err, devices.ErrRemoved) {
			return err
		}
		results <- result{made, err} // an answer, whatever it is
		return nil
	})
	if err != nil {
		return fail(err)
	}
	r := <-results
	if r.err != nil {
		return fail(r.err)
	}
	return r.made, nil
}

// attest asks the PIV applet, once no connection of ours or of others is left.
// It runs on the lane.
func (c *channel) attest(slot string, challenge []byte) (devices.Attestation, error) {
	if err := c.checkPIV(); err != nil {
		return devices.Attestation{}, err
	}
	a, err := piv.Attest(c.slot.Path, slot, challenge)
	if err == nil {
		return a, nil
	}
	// piv-go has no types for what PC/SC says: the reader tells.
	state, _, lookErr := c.eye.look(c.slot.Path)
	switch {
	case lookErr != nil:
		return a, fmt.Errorf("%w: %w", meaning(lookErr), err)
	case state&scard.StatePresent == 0 || c.slot.Generation != c.driver.generation(c.slot.Path, state):
		return a, fmt.Errorf("%w: %w", devices.ErrRemoved, err)
	case errors.Is(err, piv.ErrOpen):
		return a, fmt.Errorf("%w: %w", devices.ErrBusy, err)
	}
	return a, err
}

// checkPIV looks whether the card, which is still the one that was opened, has
// a PIV applet. While another program is connected nothing comes of it, and the
// card is left alone.
func (c *channel) checkPIV() error {
	if state, _, err := c.eye.look(c.slot.Path); err == nil && state&scard.StateInuse != 0 {
		return errGuest
	}
	if err := c.connect(true); err != nil {
		return err
	}
	there, err := selectPIV(c.card)
	if failed := c.disconnect(); err == nil {
		err = failed
	}
	if err == nil && !there {
		err = fmt.Errorf("%w: it has no PIV applet, or it is switched off", devices.ErrUnattested)
	}
	return err
}
