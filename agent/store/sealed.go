package store

import (
	"encoding/base64"
	"fmt"
	"time"
)

// A Sealed is a sealed text that is kept: what package seal makes, which this
// package can't read.
type Sealed struct {
	// Kind is what it is, Name which one of them: both in the clear.
	Kind, Name string
	// Until is when it isn't of use any more, to the second; zero for never.
	Until time.Time
	Box   []byte
}

// maxBox bounds a sealed text, in bytes, maxSealed how many of a kind are read.
const (
	maxBox    = 64 << 10
	maxSealed = 4096
)

// PutSealed keeps a sealed text in place of the one of its kind and name.
func (tx *Tx) PutSealed(s Sealed) error {
	if len(s.Box) > maxBox {
		return fmt.Errorf("write %s: longer than %d bytes", sealed.name, maxBox)
	}
	until := int64(0)
	if !s.Until.IsZero() {
		until = s.Until.Unix()
	}
	return tx.put(sealed, []any{s.Kind, s.Name, until, base64.StdEncoding.EncodeToString(s.Box)})
}

// Sealed returns the sealed texts of a kind.
func (tx *Tx) Sealed(kind string) ([]Sealed, error) {
	rows, err := selectRows(tx.ctx, tx.conn, sealed, " WHERE kind = ? ORDER BY name LIMIT ?", kind, maxSealed)
	if err != nil {
		return nil, err
	}
	list := make([]Sealed, 0, len(rows))
	for _, row := range rows {
		r := reader{row: row}
		s := Sealed{Kind: r.text(), Name: r.text()}
		if until := r.int(); until != 0 {
			s.Until = time.Unix(until, 0).UTC()
		}
		box := r.text()
		if r.err != nil {
			return nil, r.err
		}
		if s.Box, err = base64.StdEncoding.DecodeString(box); err != nil {
			return nil, damaged("a sealed text is no base64")
		}
		list = append(list, s)
	}
	return list, nil
}

// RemoveSealed takes the sealed text of a kind and name away, if there is one.
func (tx *Tx) RemoveSealed(kind, name string) error {
	return tx.removeWhere(sealed, " WHERE kind = ? AND name = ?", kind, name)
}

// RemoveSealedUntil takes those of a kind away that were of use until at or
// before a time.
func (tx *Tx) RemoveSealedUntil(kind string, at time.Time) error {
	return tx.removeWhere(sealed, " WHERE kind = ? AND until <> 0 AND until <= ?", kind, at.Unix())
}

// RemoveAllSealed takes all of a kind away.
func (tx *Tx) RemoveAllSealed(kind string) error {
	return tx.removeWhere(sealed, " WHERE kind = ?", kind)
}
