package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/fob-auth/fob/sts"
)

// A Tx is a running transaction. It belongs to the function that got it, and
// ends with it.
type Tx struct {
	ctx   context.Context
	conn  *sql.Conn
	meta  meta
	write bool
	// vital says that the witnesses must know of the transaction.
	vital bool
}

// Fence is this transaction's number: larger than that of every earlier one.
func (tx *Tx) Fence() int64 { return tx.meta.generation + 1 }

// Closure tells of the last loss.
func (tx *Tx) Closure() Closure { return tx.meta.closure }

// SetClosure corrects when the last loss was found and until when codes count
// as used, once AWS's time shows that the host's was wrong.
func (tx *Tx) SetClosure(at, until time.Time) {
	tx.meta.closure.At = at.UTC().Truncate(time.Millisecond)
	tx.meta.closure.Until = until.UTC().Truncate(time.Second)
}

// Reach marks the end of the latest time step that a code was given out for:
// should the file be lost, codes up to there count as used.
func (tx *Tx) Reach(end time.Time) {
	if end.After(tx.meta.reach) {
		tx.meta.reach = end.UTC().Truncate(time.Second)
	}
}

// Reached is the mark that Reach sets.
func (tx *Tx) Reached() time.Time { return tx.meta.reach }

// finish writes the meta row that belongs to the changed rows.
func (tx *Tx) finish() error {
	tx.meta.generation++
	m := tx.meta
	args := append(m.values(), m.seal())
	_, err := tx.conn.ExecContext(tx.ctx, `UPDATE meta SET version = ?, instance = ?, generation = ?, reach = ?,
		closed = ?, reason = ?, closed_at = ?, closed_until = ?, sum = ?, seal = ? WHERE id = 1`, args...)
	if err != nil {
		return fmt.Errorf("write state file: %w", err)
	}
	return nil
}

// insert adds a row of all of the table's columns.
func (tx *Tx) insert(t table, row []any) error {
	if err := tx.writable(); err != nil {
		return err
	}
	query := fmt.Sprintf("INSERT INTO %s (%s) VALUES (?%s)", t.name, strings.Join(t.columns, ", "), strings.Repeat(", ?", len(row)-1))
	if _, err := tx.conn.ExecContext(tx.ctx, query, row...); err != nil {
		return fmt.Errorf("write %s: %w", t.name, err)
	}
	tx.meta.sum = tx.meta.sum.plus(hashRow(t.name, row))
	return nil
}

// remove takes a row away, as it was read.
func (tx *Tx) remove(t table, row []any) error {
	if err := tx.writable(); err != nil {
		return err
	}
	query := fmt.Sprintf("DELETE FROM %s WHERE %s = ?", t.name, strings.Join(t.columns[:t.keys], " = ? AND "))
	if _, err := tx.conn.ExecContext(tx.ctx, query, row[:t.keys]...); err != nil {
		return fmt.Errorf("write %s: %w", t.name, err)
	}
	tx.meta.sum = tx.meta.sum.minus(hashRow(t.name, row))
	return nil
}

// put writes a row in place of the one with its key, if there is one.
func (tx *Tx) put(t table, row []any) error {
	where := " WHERE " + strings.Join(t.columns[:t.keys], " = ? AND ") + " = ?"
	if err := tx.removeWhere(t, where, row[:t.keys]...); err != nil {
		return err
	}
	return tx.insert(t, row)
}

// removeWhere takes all rows away that a condition holds for.
func (tx *Tx) removeWhere(t table, where string, args ...any) error {
	rows, err := selectRows(tx.ctx, tx.conn, t, where, args...)
	if err != nil {
		return err
	}
	for _, row := range rows {
		if err := tx.remove(t, row); err != nil {
			return err
		}
	}
	return nil
}

var errReadOnly = errors.New("state file: a view changes nothing")

func (tx *Tx) writable() error {
	if !tx.write {
		return errReadOnly
	}
	return nil
}

// selectRows reads rows with all of the table's columns. Values of another
// kind than int64 and string are damage: the tables are strict.
func selectRows(ctx context.Context, q queryer, t table, where string, args ...any) ([][]any, error) {
	rows, err := q.QueryContext(ctx, "SELECT "+strings.Join(t.columns, ", ")+" FROM "+t.name+where, args...)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", t.name, err)
	}
	defer rows.Close()
	var found [][]any
	for rows.Next() {
		row := make([]any, len(t.columns))
		into := make([]any, len(row))
		for i := range row {
			into[i] = &row[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, fmt.Errorf("read %s: %w", t.name, err)
		}
		for _, v := range row {
			switch v.(type) {
			case int64, string:
			default:
				return nil, damaged("%s holds a value of another kind", t.name)
			}
		}
		found = append(found, row)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read %s: %w", t.name, err)
	}
	return found, nil
}

// A reader takes a row's values one after the other. Whatever doesn't fit is
// remembered, for one check at the end.
type reader struct {
	row []any
	err error
}

func (r *reader) next() any {
	if len(r.row) == 0 {
		r.err = damaged("a row is too short")
		return nil
	}
	v := r.row[0]
	r.row = r.row[1:]
	return v
}

func (r *reader) int() int64 {
	v, ok := r.next().(int64)
	if !ok {
		r.err = damaged("a number is no number")
	}
	return v
}

func (r *reader) counter() uint64 {
	v := r.int()
	if v < 0 {
		r.err = damaged("a counter is negative")
		return 0
	}
	return uint64(v)
}

func (r *reader) text() string {
	v, ok := r.next().(string)
	if !ok {
		r.err = damaged("a text is no text")
	}
	return v
}

func (r *reader) bool() bool { return r.int() != 0 }

func (r *reader) time() time.Time { return time.UnixMilli(r.int()).UTC() }

func (r *reader) device() sts.Device {
	text := r.text()
	if text == "" {
		return sts.Device{}
	}
	var parts []string
	if err := json.Unmarshal([]byte(text), &parts); err != nil || len(parts) != 3 {
		r.err = damaged("a device's name is no name")
		return sts.Device{}
	}
	return sts.Device{Endpoint: parts[0], Account: parts[1], Serial: parts[2]}
}

// deviceName is a device as one value: unambiguous, and readable in the file;
// "" for none.
func deviceName(d sts.Device) string {
	if d == (sts.Device{}) {
		return ""
	}
	b, err := json.Marshal([]string{d.Endpoint, d.Account, d.Serial})
	if err != nil {
		return ""
	}
	return string(b)
}

func number(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
