// Package boardtest has the board that tests give to an applet which keeps one
// record and makes no secrets.
package boardtest

import (
	"errors"
	"slices"
	"time"
)

// ErrBroken is what a broken board answers.
var ErrBroken = errors.New("broken")

// A Board stores one record, and is touched at once.
type Board struct {
	// Stored is the record that was stored last.
	Stored []byte
	// Broken lets Load and Store fail.
	Broken bool
	// Limit is how long the last touch was to be waited for.
	Limit time.Duration
}

// Random leaves p as it is: nothing that is tested with it asks.
func (b *Board) Random([]byte) error { return nil }

// AwaitTouch notes the limit.
func (b *Board) AwaitTouch(limit time.Duration) error {
	b.Limit = limit
	return nil
}

// Load returns what is stored, whatever its name.
func (b *Board) Load(string) ([]byte, error) {
	if b.Broken {
		return nil, ErrBroken
	}
	return b.Stored, nil
}

// Store keeps a copy of data.
func (b *Board) Store(_ string, data []byte) error {
	if b.Broken {
		return ErrBroken
	}
	b.Stored = slices.Clone(data)
	return nil
}
