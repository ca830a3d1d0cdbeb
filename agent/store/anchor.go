package store

import (
	"context"
	"fmt"
)

// A Log is a file beside the state file that only grows, such as the audit log.
type Log interface {
	// Sync puts what was appended so far on the disk, and returns where the log
	// then ends.
	Sync() (Anchor, error)
}

// An Anchor says where a log ends: how many lines it has, and the digest of the
// last one, which covers all before it. The zero Anchor is that of no log.
type Anchor struct {
	Count int64
	Head  string
}

// auditLog names the one log there is.
const auditLog = "audit"

// Attach keeps the end of l in the state file from now on: each transaction of
// Update syncs it first and takes its end along, so that no secret leaves
// before what led to it is on the disk, and a tail that is cut off is missed.
// l must not call the store.
func (s *Store) Attach(ctx context.Context, l Log) error {
	return s.inTurn(ctx, true, func(*Tx) error {
		s.log = l
		return nil
	})
}

// Anchor returns where the log ended in the last transaction.
func (tx *Tx) Anchor() (Anchor, error) {
	rows, err := selectRows(tx.ctx, tx.conn, anchors, " WHERE log = ?", auditLog)
	if err != nil || len(rows) == 0 {
		return Anchor{}, err
	}
	r := reader{row: rows[0]}
	r.text()
	a := Anchor{Count: r.int(), Head: r.text()}
	return a, r.err
}

// anchor takes the end of the log along, where it moved.
func (tx *Tx) anchor(l Log) error {
	if l == nil {
		return nil
	}
	end, err := l.Sync()
	if err != nil {
		return fmt.Errorf("sync the audit log: %w", err)
	}
	known, err := tx.Anchor()
	if err != nil || end == known {
		return err
	}
	return tx.put(anchors, []any{auditLog, end.Count, end.Head})
}

// migrate brings a file of an older version up to this one.
func (tx *Tx) migrate() error {
	if tx.meta.version == schemaVersion {
		return nil
	}
	for _, step := range append(addedSchema(), fmt.Sprintf("PRAGMA user_version = %d", schemaVersion)) {
		if _, err := tx.conn.ExecContext(tx.ctx, step); err != nil {
			return fmt.Errorf("bring state file to version %d: %w", schemaVersion, err)
		}
	}
	tx.meta.version = schemaVersion
	return nil
}
