package store

import "time"

// A Rotation is the journal of an access key's replacement, written before AWS
// is asked for the new one.
type Rotation struct {
	// Profile is the one that holds the key, Endpoint where it is of use.
	Profile, Endpoint string
	// Old is the ID of the key that is replaced.
	Old string
	// Next is the ID of the key that is about to take its place; "" before.
	Next string
	// Begun is AWS's time when the next key was asked for; zero once it is about
	// to take its place.
	Begun time.Time
}

// Of reports whether the journal is of a key that is in its place now: of the
// old one or the next.
func (r Rotation) Of(inPlace string) bool { return r.Old == inPlace || r.Next == inPlace }

// PutRotation writes a profile's journal in place of the one it has.
func (tx *Tx) PutRotation(r Rotation) error {
	return tx.put(rotations, []any{r.Profile, r.Endpoint, r.Old, r.Next, r.Begun.UnixMilli()})
}

// Rotation returns a profile's journal, and whether there is one.
func (tx *Tx) Rotation(profile, endpoint string) (Rotation, bool, error) {
	rows, err := selectRows(tx.ctx, tx.conn, rotations, " WHERE profile = ? AND endpoint = ?", profile, endpoint)
	if err != nil || len(rows) == 0 {
		return Rotation{}, false, err
	}
	r := reader{row: rows[0]}
	rec := Rotation{Profile: r.text(), Endpoint: r.text(), Old: r.text(), Next: r.text(), Begun: r.time()}
	return rec, r.err == nil, r.err
}

// RemoveRotation ends a profile's journal.
func (tx *Tx) RemoveRotation(profile, endpoint string) error {
	return tx.removeWhere(rotations, " WHERE profile = ? AND endpoint = ?", profile, endpoint)
}
