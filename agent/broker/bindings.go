package broker

import (
	"context"
	"errors"
	"fmt"

	"github.com/fob-auth/fob/agent/store"
	"github.com/fob-auth/fob/sts"
)

// A Binding ties an MFA device to a credential on a token.
type Binding = store.Binding

// An Attestation is what a binding remembers of the token's proof.
type Attestation = store.Attestation

// A BoundError says that a credential belongs to another device already.
type BoundError struct {
	Token, Credential string
	// To is the device that it is bound to.
	To sts.Device
}

func (e *BoundError) Error() string {
	return fmt.Sprintf("credential %s on token %s is bound to %s already", e.Credential, e.Token, e.To)
}

// ErrUnbound says that there is no such binding.
var ErrUnbound = errors.New("no such binding")

// Bindings are the bindings in a state file.
type Bindings struct{ store *store.Store }

// NewBindings returns the bindings in a state file.
func NewBindings(s *store.Store) *Bindings { return &Bindings{s} }

// Bind binds a device to a credential, in place of what the device was bound
// to. A credential that is bound to another device is a *BoundError. shown is
// the counter that a token with its own clock shows now, and 0 for a token
// without: after a loss of the ledger, counters up to it count as used.
func (b *Bindings) Bind(ctx context.Context, want Binding, shown uint64) (Binding, error) {
	if want.Device == (sts.Device{}) || want.Token == "" || want.Credential == "" || shown > maxCounter {
		return Binding{}, errors.New("bind: device, token and credential are wanted")
	}
	made := want
	err := b.store.Update(ctx, func(tx *store.Tx) error {
		list, err := tx.Bindings()
		if err != nil {
			return err
		}
		for _, old := range list {
			if old.Token == want.Token && old.Credential == want.Credential && old.Device != want.Device {
				return &BoundError{Token: want.Token, Credential: want.Credential, To: old.Device}
			}
		}
		for _, old := range list {
			if old.Device == want.Device {
				if err := tx.RemoveBinding(old); err != nil {
					return err
				}
			}
		}
		if err := raiseFloor(tx, want.Device, shown); err != nil {
			return err
		}
		made.ID, err = tx.AddBinding(want)
		return err
	})
	if err != nil {
		return Binding{}, err
	}
	return made, nil
}

// raiseFloor closes the counters that a lost ledger may have given out. A
// device that was enrolled since has nothing to close.
func raiseFloor(tx *store.Tx, d sts.Device, shown uint64) error {
	rec, err := tx.Device(d)
	if err != nil || !tx.Closure().Closed() || rec.Fresh || shown <= rec.Floor {
		return err
	}
	rec.Floor = shown
	return tx.PutDevice(rec)
}

// Unbind removes a binding and returns it; an unknown id is ErrUnbound.
func (b *Bindings) Unbind(ctx context.Context, id string) (Binding, error) {
	var gone Binding
	err := b.store.Update(ctx, func(tx *store.Tx) error {
		var err error
		if gone, err = find(tx, func(x Binding) bool { return x.ID == id }); err != nil {
			return fmt.Errorf("binding %q: %w", id, err)
		}
		return tx.RemoveBinding(gone)
	})
	return gone, err
}

// All returns the bindings in the order in which they were made.
func (b *Bindings) All(ctx context.Context) ([]Binding, error) {
	var list []Binding
	err := b.store.View(ctx, func(tx *store.Tx) (err error) {
		list, err = tx.Bindings()
		return err
	})
	return list, err
}

// OfDevice returns the binding of a device, or ErrUnbound.
func (b *Bindings) OfDevice(ctx context.Context, d sts.Device) (Binding, error) {
	return b.one(ctx, func(x Binding) bool { return x.Device == d })
}

// OfCredential returns the binding of a credential on a token, or ErrUnbound.
func (b *Bindings) OfCredential(ctx context.Context, token, credential string) (Binding, error) {
	return b.one(ctx, func(x Binding) bool { return x.Token == token && x.Credential == credential })
}

func (b *Bindings) one(ctx context.Context, match func(Binding) bool) (Binding, error) {
	var found Binding
	err := b.store.View(ctx, func(tx *store.Tx) (err error) {
		found, err = find(tx, match)
		return err
	})
	return found, err
}

func find(tx *store.Tx, match func(Binding) bool) (Binding, error) {
	list, err := tx.Bindings()
	if err != nil {
		return Binding{}, err
	}
	for _, b := range list {
		if match(b) {
			return b, nil
		}
	}
	return Binding{}, ErrUnbound
}
