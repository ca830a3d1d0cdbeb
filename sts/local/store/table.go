package store

import (
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strings"
)

// A Table holds the records of one kind under their keys. Records are values:
// what a record points to (slices, maps) is never changed in place, a changed
// record is put anew. A table is reached through a transaction only, and is
// that transaction's own.
type Table[T any] struct {
	kind    string
	key     func(T) string
	rows    tree[*T]
	indexes []index[T]
	order   *index[T] // nil: the table isn't sorted by anything but its key
	tx      *Tx       // notes what is written; nil where nothing can be
}

// An index finds records by something else than their key. Its entries are the
// records' keys.
type index[T any] struct {
	of      func(T) string // "" is not indexed
	entries tree[string]
}

func newTable[T any](kind string, key func(T) string, indexed ...func(T) string) *Table[T] {
	t := &Table[T]{kind: kind, key: key}
	for _, of := range indexed {
		t.indexes = append(t.indexes, index[T]{of: of})
	}
	return t
}

// sorted keeps the table in the order of what place gives, different for every
// record.
func (t *Table[T]) sorted(place func(T) string) *Table[T] {
	t.order = &index[T]{of: place}
	return t
}

// begin returns the table for tx to write to; t stays as it is.
func (t *Table[T]) begin(tx *Tx) *Table[T] {
	c := *t
	c.tx = tx
	c.rows = t.rows.fork(tx.owner)
	c.indexes = slices.Clone(t.indexes)
	for i := range c.indexes {
		c.indexes[i].entries = c.indexes[i].entries.fork(tx.owner)
	}
	if t.order != nil {
		c.order = &index[T]{of: t.order.of, entries: t.order.entries.fork(tx.owner)}
	}
	return &c
}

// share has later writes copy the nodes that exist, for an iteration that may
// still read them.
func (t *Table[T]) share() {
	if !t.writable() {
		return
	}
	o := &owner{}
	t.rows.owner = o
	for i := range t.indexes {
		t.indexes[i].entries.owner = o
	}
	if t.order != nil {
		t.order.entries.owner = o
	}
}

// Get returns the record under key.
func (t *Table[T]) Get(key string) (row T, ok bool) {
	p, ok := t.rows.get(key)
	if !ok {
		return row, false
	}
	return *p, true
}

// Len returns the number of records.
func (t *Table[T]) Len() int { return t.rows.size }

// Put stores a record under its key in place of what was there.
func (t *Table[T]) Put(row T) {
	if !t.writable() {
		return
	}
	key := t.key(row)
	t.tx.note(t.kind, key, row)
	t.set(key, row)
}

// Delete removes the record under key, if there is one.
func (t *Table[T]) Delete(key string) {
	row, ok := t.rows.get(key)
	if !ok || !t.writable() {
		return
	}
	t.tx.note(t.kind, key, nil)
	t.rows.remove(key)
	t.unlist(key, *row)
}

func (t *Table[T]) writable() bool { return t.tx != nil && !t.tx.over }

func (t *Table[T]) set(key string, row T) {
	if before, had := t.rows.get(key); had {
		t.unlist(key, *before)
	}
	t.rows.put(key, &row)
	for i := range t.indexes {
		if value := t.indexes[i].of(row); value != "" {
			t.indexes[i].entries.put(entry(value, key), key)
		}
	}
	if t.order != nil {
		t.order.entries.put(t.order.of(row), key)
	}
}

// unlist removes a record from indexes and order.
func (t *Table[T]) unlist(key string, row T) {
	for i := range t.indexes {
		if value := t.indexes[i].of(row); value != "" {
			t.indexes[i].entries.remove(entry(value, key))
		}
	}
	if t.order != nil {
		t.order.entries.remove(t.order.of(row))
	}
}

// entry is where an index keeps a record.
func entry(value, key string) string { return value + "\x00" + key }

// having yields the records of an index's value, by key.
func (t *Table[T]) having(n int, value string) iter.Seq[T] {
	ix, prefix := &t.indexes[n], entry(value, "")
	return func(yield func(T) bool) {
		t.share()
		for at, key := range ix.entries.from(prefix) {
			if !strings.HasPrefix(at, prefix) {
				return
			}
			// a longer value with a zero byte in it has the same beginning
			if row, ok := t.Get(key); ok && ix.of(row) == value && !yield(row) {
				return
			}
		}
	}
}

// by returns the records of an index's value, by key.
func (t *Table[T]) by(n int, value string) []T { return slices.Collect(t.having(n, value)) }

// one returns the record of a unique index's value.
func (t *Table[T]) one(n int, value string) (row T, ok bool) {
	for row := range t.having(n, value) {
		return row, true
	}
	return row, false
}

// from yields the records from a place on, in the table's order. What is
// written meanwhile isn't seen.
func (t *Table[T]) from(at string) iter.Seq[T] {
	return func(yield func(T) bool) {
		t.share()
		rows := t.rows
		for _, key := range t.order.entries.from(at) {
			if p, ok := rows.get(key); ok && !yield(*p) {
				return
			}
		}
	}
}

// All returns every record, by key.
func (t *Table[T]) All() []T {
	all := make([]T, 0, t.Len())
	for _, p := range t.rows.from("") {
		all = append(all, *p)
	}
	return all
}

// load takes a record that the journal kept.
func (t *Table[T]) load(key string, value []byte) error {
	var row T
	if err := json.Unmarshal(value, &row); err != nil {
		return fmt.Errorf("store %s %s: %w", t.kind, key, err)
	}
	if got := t.key(row); got != key {
		return fmt.Errorf("store %s %s: the record is that of %s", t.kind, key, got)
	}
	t.set(key, row)
	return nil
}

func (t *Table[T]) name() string { return t.kind }
