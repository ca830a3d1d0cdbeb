// Package store keeps the state of the local AWS: accounts, identities, keys,
// policies, MFA devices and what the verifier remembers of them. All of it is
// in memory; a [Journal] makes it outlive the process. An update is one
// transaction: the journal has it before anybody sees it, and a failed one
// leaves nothing behind. Readers wait for nobody: each has the state as it was
// when it began.
package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
)

// A Change is one record that a transaction put, or deleted (nil Value).
type Change struct {
	Kind  string
	Key   string
	Value []byte // JSON
}

// A Journal keeps records beyond the process. One store owns it.
type Journal interface {
	// Load calls yield with every record, and stops at its error.
	Load(yield func(Change) error) error
	// Commit keeps the changes, all or none, before it returns. Of several
	// of one record the last counts.
	Commit(ctx context.Context, changes []Change) error
	Close() error
}

// A Store is the whole state. It is safe for concurrent use: writers one at a
// time, readers beside them and each other.
type Store struct {
	journal Journal
	shown   atomic.Pointer[Tables] // the state that the journal has

	mu     sync.Mutex // held by the transaction that writes
	latest *Tables    // what the next one builds on
	open   *batch     // transactions that wait for the journal; nil for none
	last   *batch     // the newest that latest builds on; nil for none

	keeping chan struct{} // full while a batch is given to the journal
}

// A batch is transactions that the journal keeps together: those that ended
// while it was busy.
type batch struct {
	changes []Change
	state   *Tables // after them
	done    chan struct{}
	err     error // once done
}

// records is what the store does with a table of any type.
type records interface {
	name() string
	load(key string, value []byte) error
}

// Open returns a store over a journal, with the records that it kept; nil for
// a store in memory alone.
func Open(j Journal) (*Store, error) {
	s := &Store{journal: j, keeping: make(chan struct{}, 1)}
	tables := newTables()
	if j != nil {
		tables = tables.begin(&Tx{owner: &owner{}, over: true})
		kinds := map[string]records{}
		for _, t := range tables.all() {
			kinds[t.name()] = t
		}
		err := j.Load(func(c Change) error {
			t, ok := kinds[c.Kind]
			if !ok {
				return fmt.Errorf("store: unknown kind of record %q", c.Kind)
			}
			return t.load(c.Key, c.Value)
		})
		if err != nil {
			return nil, err
		}
	}
	s.latest = &tables
	s.shown.Store(&tables)
	return s, nil
}

// Close closes the journal. No update may be under way.
func (s *Store) Close() error {
	if s.journal == nil {
		return nil
	}
	return s.journal.Close()
}

// A Tx is a transaction, good until the function that got it returns.
type Tx struct {
	Tables
	owner   *owner
	kept    bool // a journal wants the changes
	written bool
	over    bool
	changes []Change
	err     error
}

// begin starts a transaction on a state.
func (s *Store) begin(on *Tables) *Tx {
	tx := &Tx{owner: &owner{}, kept: s.journal != nil}
	tx.Tables = on.begin(tx)
	return tx
}

// run runs f in the transaction, which is over then, also by a panic.
func (tx *Tx) run(f func(*Tx) error) error {
	defer func() { tx.over = true }()
	return errors.Join(f(tx), tx.err)
}

// View runs f on the state as it is now. Its writes are without effect.
func (s *Store) View(f func(*Tx) error) error {
	return f(&Tx{Tables: *s.shown.Load()})
}

// Update runs f on the newest state, with no other update beside it. If f
// returns nil, the journal keeps what f changed, and only then others see it;
// otherwise, and if the journal fails, nothing has happened.
func (s *Store) Update(ctx context.Context, f func(*Tx) error) error {
	return s.update(ctx, func() (*Tx, error) {
		tx := s.begin(s.latest)
		return tx, tx.run(f)
	})
}

// Attempt is [Store.Update] for an f that may turn out to write nothing: it
// waits for nobody then. An f that writes may run twice, if another update
// came between; only the last run counts.
func (s *Store) Attempt(ctx context.Context, f func(*Tx) error) error {
	on := s.shown.Load()
	tx := s.begin(on)
	if err := tx.run(f); err != nil || !tx.written {
		return err
	}
	return s.update(ctx, func() (*Tx, error) {
		if s.latest == on {
			return tx, nil
		}
		tx := s.begin(s.latest)
		return tx, tx.run(f)
	})
}

// update ends the transaction that run returns, alone, and waits until the
// journal has it and what it builds on.
func (s *Store) update(ctx context.Context, run func() (*Tx, error)) error {
	b, err := s.end(run)
	if err != nil || b == nil {
		return err
	}
	if s.journal != nil {
		s.keep(ctx, b)
	}
	<-b.done
	return b.err
}

// end makes the transaction the newest state. It returns the batch to wait
// for, nil for none.
func (s *Store) end(run func() (*Tx, error)) (*batch, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	tx, err := run()
	if err != nil {
		return nil, err
	}
	if !tx.written {
		return s.last, nil
	}
	s.latest = &tx.Tables
	if s.journal == nil {
		s.shown.Store(s.latest)
		return nil, nil
	}
	if s.open == nil {
		s.open = &batch{done: make(chan struct{})}
		s.last = s.open
	}
	s.open.changes = append(s.open.changes, tx.changes...)
	s.open.state = s.latest
	return s.open, nil
}

// keep gives the batch to the journal, with all that have joined it until
// then, unless another of them does.
func (s *Store) keep(ctx context.Context, b *batch) {
	s.keeping <- struct{}{}
	defer func() { <-s.keeping }()
	s.mu.Lock()
	mine := s.open == b
	if mine {
		s.open = nil
	}
	s.mu.Unlock()
	if !mine {
		return
	}
	if err := s.journal.Commit(ctx, b.changes); err != nil {
		s.fail(b, fmt.Errorf("store: %w", err))
		return
	}
	b.changes = nil
	s.shown.Store(b.state)
	close(b.done)
}

// fail takes back a batch that the journal refused, and the one that builds on
// it.
func (s *Store) fail(b *batch, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	failed := []*batch{b}
	if s.open != nil {
		failed = append(failed, s.open)
	}
	s.latest, s.open, s.last = s.shown.Load(), nil, nil
	for _, b := range failed {
		b.err = err
		close(b.done)
	}
}

// note remembers a change, a deletion if row is nil.
func (tx *Tx) note(kind, key string, row any) {
	tx.written = true
	if !tx.kept {
		return
	}
	c := Change{Kind: kind, Key: key}
	if row != nil {
		var err error
		if c.Value, err = json.Marshal(row); err != nil {
			tx.err = errors.Join(tx.err, fmt.Errorf("store %s %s: %w", kind, key, err))
		}
	}
	tx.changes = append(tx.changes, c)
}
