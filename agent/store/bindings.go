package store

import (
	"crypto/rand"
	"encoding/hex"
	"time"

	"github.com/fob-auth/fob/sts"
)

// A Binding ties an MFA device to a credential on a token.
type Binding struct {
	ID         string
	Device     sts.Device
	Token      string
	Credential string
	Emulated   bool
	Bound      time.Time
	// Attestation is how the token proves its serial; zero where it need not.
	Attestation Attestation
}

// An Attestation is what a binding remembers of the token's proof.
type Attestation struct {
	// Slot is the place of the key that proves the token's serial: "9a".
	Slot string
	// Key is the SHA-256 of its public key, in hexadecimal.
	Key string
	// Emulated says that a bench, and no maker of hardware, vouches for the
	// key.
	Emulated bool
}

// Bindings returns all bindings, in the order in which they were made.
func (tx *Tx) Bindings() ([]Binding, error) {
	proofs, err := tx.attestations()
	if err != nil {
		return nil, err
	}
	rows, err := selectRows(tx.ctx, tx.conn, bindings, " ORDER BY bound, id")
	if err != nil {
		return nil, err
	}
	list := make([]Binding, 0, len(rows))
	for _, row := range rows {
		r := reader{row: row}
		b := Binding{ID: r.text(), Device: r.device(), Token: r.text(), Credential: r.text(), Emulated: r.bool(), Bound: r.time()}
		if r.err != nil {
			return nil, r.err
		}
		b.Attestation = proofs[b.ID]
		list = append(list, b)
	}
	return list, nil
}

// attestations returns what bindings remember of proofs, by the bindings' IDs.
func (tx *Tx) attestations() (map[string]Attestation, error) {
	rows, err := selectRows(tx.ctx, tx.conn, attested, "")
	if err != nil {
		return nil, err
	}
	proofs := make(map[string]Attestation, len(rows))
	for _, row := range rows {
		r := reader{row: row}
		id := r.text()
		a := Attestation{Slot: r.text(), Key: r.text(), Emulated: r.bool()}
		if r.err != nil {
			return nil, r.err
		}
		proofs[id] = a
	}
	return proofs, nil
}

// AddBinding writes a binding under an ID of its own, which it returns.
func (tx *Tx) AddBinding(b Binding) (string, error) {
	id := make([]byte, 8)
	rand.Read(id)
	b.ID = hex.EncodeToString(id)
	tx.vital = true
	err := tx.insert(bindings, []any{b.ID, deviceName(b.Device), b.Token, b.Credential, number(b.Emulated), b.Bound.UnixMilli()})
	if a := b.Attestation; err == nil && a != (Attestation{}) {
		err = tx.insert(attested, []any{b.ID, a.Slot, a.Key, number(a.Emulated)})
	}
	return b.ID, err
}

// RemoveBinding takes a binding away, as it was read.
func (tx *Tx) RemoveBinding(b Binding) error {
	tx.vital = true
	if err := tx.removeWhere(attested, " WHERE binding = ?", b.ID); err != nil {
		return err
	}
	return tx.removeWhere(bindings, " WHERE id = ?", b.ID)
}
