// Package oath speaks to the OATH applet of a YubiKey over any
// devices.Transport: it lists, computes, stores and deletes credentials, and
// reads the key's serial number from the applets beside it.
//
// The protocol is Yubico's YKOATH ("YKOATH Protocol Specification"); the serial
// comes from the management applet (READ CONFIG), or from the OTP applet of
// keys that have none. It is not a driver: how the card is reached is the
// transport's business. An applet with a password is unlocked for each
// operation, once its key is known ([Key.Unlock]).
//
// Each operation begins a transaction where the transport has one and selects
// the applet afresh, so that other programs between two operations do no harm.
package oath

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/fob-auth/fob/devices"
	"github.com/fob-auth/fob/firmware/apdu"
	"github.com/fob-auth/fob/firmware/otp"
	"github.com/fob-auth/fob/firmware/tlv"
)

// model is the maker's name for the kind of token.
const model = "YubiKey"

// A Key is a YubiKey seen through its OATH applet. Close may come from
// anywhere; the rest is its one owner's.
type Key struct {
	transport devices.Transport
	info      devices.Info
	name      string // what its applet calls itself
	// access is the key of the applet's password, once it is known.
	access devices.Secret
}

var (
	_ devices.Coder  = (*Key)(nil)
	_ devices.Writer = (*Key)(nil)
)

// Open reads what the key at the other end of t is: its serial number, and
// whether it has an OATH applet. A key without one, or without a serial
// number, is devices.ErrUnsupported. A key whose applet has a password opens;
// its operations say devices.ErrPassword. On an error t stays the caller's.
func Open(ctx context.Context, t devices.Transport, slot devices.Slot) (*Key, error) {
	k := &Key{transport: t, info: devices.Info{Model: model, Slot: slot}}
	err := k.transact(ctx, func(c card) error {
		id, err := c.identify(ctx)
		if err != nil {
			return err
		}
		sel, err := c.selectOATH(ctx)
		if err != nil {
			return err
		}
		k.name, k.info.Serial, k.info.Firmware = sel.name, id.serial, id.firmware
		if id.firmware == "" {
			k.info.Firmware = sel.version
		}
		if sel.locked {
			k.info.Notes = append(k.info.Notes, "OATH password set")
		}
		return nil
	})
	if err != nil {
		return nil, &devices.Error{Op: "open", Token: slot.Path, Err: err}
	}
	return k, nil
}

// Info tells what the key is.
func (k *Key) Info() devices.Info {
	info := k.info
	info.Notes = slices.Clone(info.Notes)
	return info
}

// Close closes the transport.
func (k *Key) Close() error { return k.transport.Close() }

// Credentials lists the accounts. To learn digits and touch it lets the card
// compute the codes of step 0, of the year 1970: no usable code leaves the card
// for a listing. Credentials of a kind this package doesn't know are left out.
func (k *Key) Credentials(ctx context.Context) ([]devices.Credential, error) {
	var list []devices.Credential
	err := k.operate(ctx, "list credentials", func(c card) error {
		entries, err := c.list(ctx)
		if err != nil || len(entries) == 0 {
			return err
		}
		shapes, err := c.shapes(ctx)
		if err != nil {
			return err
		}
		for _, e := range entries {
			s, ok := shapes[e.name]
			if !ok || e.kind == "" || e.algorithm == "" {
				continue
			}
			list = append(list, devices.Credential{
				ID: e.id, Type: e.kind, Algorithm: e.algorithm, Period: e.period, Digits: s.digits, Touch: s.touch,
			})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return list, nil
}

// Code computes the code of credential id for the time step that contains at.
// A credential that isn't time-based is devices.ErrUnsupported: asking it
// would move its counter.
func (k *Key) Code(ctx context.Context, id string, at time.Time) (devices.Code, error) {
	var code devices.Code
	err := k.operate(ctx, "compute a code", func(c card) error {
		if at.Unix() < 0 {
			return fmt.Errorf("%w: no time step begins before 1970", devices.ErrUnsupported)
		}
		e, err := c.find(ctx, id)
		if err != nil {
			return err
		}
		if e.kind != devices.TOTP {
			return fmt.Errorf("%w: the credential isn't time-based", devices.ErrUnsupported)
		}
		step := otp.Step(at, e.period)
		digits, err := c.calculate(ctx, e.name, step)
		if err != nil {
			return err
		}
		code = devices.Code{Digits: digits, Counter: step, Period: e.period}
		return nil
	})
	if err != nil {
		return devices.Code{}, err
	}
	return code, nil
}

// Put stores a credential. An HOTP credential starts at counter 0.
func (k *Key) Put(ctx context.Context, n devices.NewCredential) error {
	return k.operate(ctx, "store a credential", func(c card) error {
		data, err := putData(n)
		if err != nil {
			return err
		}
		defer clear(data)
		entries, err := c.list(ctx)
		if err != nil {
			return err
		}
		name, err := joinName(n.Credential)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(entries, func(e entry) bool { return e.id == n.ID || e.name == name }) {
			return devices.ErrExists
		}
		_, err = c.send(ctx, apdu.Command{INS: insPut, Data: data})
		return err
	})
}

// Delete removes a credential.
func (k *Key) Delete(ctx context.Context, id string) error {
	return k.operate(ctx, "delete a credential", func(c card) error {
		e, err := c.find(ctx, id)
		if err != nil {
			return err
		}
		var w tlv.Writer
		w.Add(tagName, []byte(e.name))
		data, err := w.Bytes()
		if err != nil {
			return err
		}
		_, err = c.send(ctx, apdu.Command{INS: insDelete, Data: data})
		return err
	})
}

// operate runs f on the freshly selected, open applet and names the token and
// the operation in an error.
func (k *Key) operate(ctx context.Context, op string, f func(card) error) error {
	err := k.transact(ctx, func(c card) error {
		sel, err := k.selectOwn(ctx, c)
		if err == nil && sel.locked {
			err = k.enter(ctx, c, sel)
		}
		if err != nil {
			return err
		}
		return f(c)
	})
	if err != nil {
		return &devices.Error{Op: op, Token: k.info.Serial, Err: err}
	}
	return nil
}

// selectOwn selects the applet, if it is still the one that was opened.
func (k *Key) selectOwn(ctx context.Context, c card) (selection, error) {
	sel, err := c.selectOATH(ctx)
	if err == nil && sel.name != k.name {
		err = fmt.Errorf("%w: another key, or a reset one, is in its place", devices.ErrRemoved)
	}
	return sel, err
}

// enter shows the applet's password, if it is known. One that isn't good any
// more is forgotten.
func (k *Key) enter(ctx context.Context, c card, sel selection) error {
	if k.access == nil {
		return devices.ErrPassword
	}
	err := c.validate(ctx, sel, k.access)
	if errors.Is(err, devices.ErrPassword) {
		clear(k.access)
		k.access = nil
	}
	return err
}

// A transactor is a transport that can keep other programs off the card.
type transactor interface {
	Begin(ctx context.Context) (end func() error, err error)
}

// transact runs f within a transaction, where the transport has them.
func (k *Key) transact(ctx context.Context, f func(card) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	t, ok := k.transport.(transactor)
	if !ok {
		return f(card{k.transport})
	}
	end, err := t.Begin(ctx)
	if err != nil {
		return err
	}
	err = f(card{k.transport})
	if failed := end(); err == nil {
		err = failed
	}
	return err
}

// calculate asks for the code of one time step (YKOATH, CALCULATE). The card
// waits for a touch where the credential wants one.
func (c card) calculate(ctx context.Context, name string, step uint64) (devices.Digits, error) {
	var w tlv.Writer
	w.Add(tagName, []byte(name))
	w.Add(tagChallenge, binary.BigEndian.AppendUint64(nil, step))
	data, err := w.Bytes()
	if err != nil {
		return "", err
	}
	answer, err := c.send(ctx, apdu.Command{INS: insCalculate, P2: truncated, Data: data})
	if errors.Is(err, apdu.SecurityStatus) {
		// With no password in the way, this word means that no touch came.
		return "", fmt.Errorf("%w: card says %w", devices.ErrNoTouch, apdu.SecurityStatus)
	}
	if err != nil {
		return "", err
	}
	return parseCode(answer)
}
