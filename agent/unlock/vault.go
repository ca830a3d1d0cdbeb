package unlock

import (
	"context"
	"errors"
	"fmt"

	"github.com/fob-auth/fob/agent/seal"
	"github.com/fob-auth/fob/agent/store"
)

// A Vault keeps keys in the state file, sealed.
type Vault struct {
	Store *store.Store
	// Sealer is nil where the system offers no key to seal with: then nothing
	// is kept.
	Sealer *seal.Sealer
}

var _ Memory = (*Vault)(nil)

// kindKey is the kind of sealed text that a key is.
const kindKey = "token key"

// sealedName binds a sealed key to its token.
func sealedName(token string) string { return kindKey + " " + token }

// Remember keeps a key. Without a sealer it is seal.ErrNone.
func (v *Vault) Remember(ctx context.Context, token string, key []byte) error {
	box, err := v.Sealer.Seal(sealedName(token), key)
	if err != nil {
		return fmt.Errorf("keep the key to token %s: %w", token, err)
	}
	return v.Store.Update(ctx, func(tx *store.Tx) error {
		return tx.PutSealed(store.Sealed{Kind: kindKey, Name: token, Box: box})
	})
}

// Recall returns the key that was kept, or nil. One that was sealed with a key
// that isn't to be had now stays, and counts as none.
func (v *Vault) Recall(ctx context.Context, token string) ([]byte, error) {
	var kept []store.Sealed
	err := v.Store.View(ctx, func(tx *store.Tx) (err error) {
		kept, err = tx.Sealed(kindKey)
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, s := range kept {
		if s.Name != token {
			continue
		}
		key, err := v.Sealer.Open(sealedName(token), s.Box)
		if errors.Is(err, seal.ErrNone) || errors.Is(err, seal.ErrOtherKey) {
			return nil, nil
		}
		return key, err
	}
	return nil, nil
}

// Forget takes the key away, if there is one.
func (v *Vault) Forget(ctx context.Context, token string) error {
	return v.Store.Update(ctx, func(tx *store.Tx) error { return tx.RemoveSealed(kindKey, token) })
}
