// Package store keeps what the agent must not forget: which counters of an MFA
// device were presented, what is known of its clock, how many verifications it
// has left, and which token it is bound to. It is one SQLite file in a folder
// of the agent's own.
//
// The package promises three things and decides nothing else. A transaction of
// [Store.Update] is on the disk when it returns. One process at a time has the
// file ([HeldError]). And a file that was damaged, deleted, restored or rolled
// back is noticed when it is opened: then a new one is begun that knows until
// when every code counts as used ([Closure]), and what was found is put aside,
// never overwritten. Which counter may be taken is for package broker.
//
// Damage is found by SQLite's own check and by a digest over all rows; loss and
// rollback by a small witness in two places outside the file, which is written
// and synced after every transaction that must not be forgotten: one that takes
// a counter, makes a binding or drops one. A file from before any other is only
// stricter than it need be. What can't be noticed is that the file and both
// witnesses are restored together, from one image of the whole disk.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"time"
)

// Names within the state folder.
const (
	fileName    = "state.db"
	lockName    = "lock"
	witnessName = "witness"
)

// Options say where the state is kept.
type Options struct {
	// Dir is the state folder. It is made 0700 where it is missing, and must
	// belong to this process's user.
	Dir string
	// WitnessDir is another folder, for the second witness: best one that is
	// neither inside Dir nor backed up together with it. Agents with different
	// Dirs can share it.
	WitnessDir string
	// Now is host time.
	Now time.Time
}

// A Store is the open state file. Its methods may be called from any goroutine.
type Store struct {
	conn      *sql.Conn
	db        *sql.DB
	lock      *lock
	witnesses []string
	opening   Opening
	// turn holds one value while no transaction runs, and none once closed.
	turn   chan struct{}
	closed chan struct{}
	// log is the log whose length is kept in the file; nil for none.
	log Log
}

// Open opens the state file of a folder, begins one where there is none, and
// begins anew where what is there can't be trusted: [Store.Opening] says which
// of these happened. A *HeldError, a *VersionError and whatever keeps the file
// from being read leave everything as it is.
func Open(ctx context.Context, o Options) (*Store, error) {
	dir, err := ownFolder(o.Dir)
	if err != nil {
		return nil, err
	}
	second, err := ownFolder(o.WitnessDir)
	if err != nil {
		return nil, err
	}
	held, err := acquire(filepath.Join(dir, lockName))
	if err != nil {
		return nil, err
	}
	s := &Store{
		lock:      held,
		witnesses: []string{filepath.Join(dir, witnessName), filepath.Join(second, witnessNameFor(dir))},
		turn:      make(chan struct{}, 1),
		closed:    make(chan struct{}),
	}
	if err := s.open(ctx, filepath.Join(dir, fileName), o.Now); err != nil {
		return nil, errors.Join(err, s.release())
	}
	s.turn <- struct{}{}
	return s, nil
}

// open examines what is there, begins anew where it must, and takes up the
// file.
func (s *Store) open(ctx context.Context, path string, now time.Time) error {
	if err := sweep(filepath.Dir(path)); err != nil {
		return err
	}
	found, err := examine(ctx, path)
	if err != nil {
		return err
	}
	seen, err := readWitnesses(s.witnesses)
	if err != nil {
		return err
	}
	kind, reason := judge(found, seen)
	o := Opening{Kind: kind, File: path, Reason: reason, At: now}
	m := found.meta
	if kind != Clean {
		if m, err = s.begin(ctx, path, &o, highest(found, seen)); err != nil {
			return err
		}
	}
	if s.db, s.conn, err = connect(ctx, path); err != nil {
		return fmt.Errorf("open state file %s: %w", path, err)
	}
	o.Closure = m.closure
	s.opening = o
	return s.settleIn(ctx, m)
}

// settleIn makes sure that the file opened is the one examined, closes what a
// crash left open, and renews the witnesses.
func (s *Store) settleIn(ctx context.Context, want meta) error {
	var w witness
	err := s.transact(ctx, true, func(tx *Tx) error {
		if tx.meta.seal() != want.seal() {
			return fmt.Errorf("state file %s was changed while it was being opened", s.opening.File)
		}
		w = tx.meta.witness()
		if err := tx.migrate(); err != nil {
			return err
		}
		return tx.orphan()
	})
	if err != nil {
		return err
	}
	return settleWitnesses(s.witnesses, w)
}

// Opening says how the file was found.
func (s *Store) Opening() Opening { return s.opening }

// Update runs f in a transaction and returns when that is on the disk, and the
// witnesses know of what it took. Where Update returns an error, nothing may be built on
// what f did: most often it is undone, but where the disk failed late it may
// still have happened. Transactions run one after the other; ctx bounds the
// wait for the turn alone.
func (s *Store) Update(ctx context.Context, f func(*Tx) error) error {
	return s.inTurn(ctx, true, f)
}

// View runs f in a transaction that changes nothing.
func (s *Store) View(ctx context.Context, f func(*Tx) error) error {
	return s.inTurn(ctx, false, f)
}

func (s *Store) inTurn(ctx context.Context, write bool, f func(*Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case <-s.turn:
	case <-s.closed:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { s.turn <- struct{}{} }()
	// A transaction is short, and half of one is of no use to anybody: it
	// doesn't end with the caller's patience.
	return s.transact(context.WithoutCancel(ctx), write, f)
}

func (s *Store) transact(ctx context.Context, write bool, f func(*Tx) error) error {
	begin := "BEGIN"
	if write {
		begin = "BEGIN IMMEDIATE"
	}
	if _, err := s.conn.ExecContext(ctx, begin); err != nil {
		return fmt.Errorf("begin on state file: %w", err)
	}
	done := false
	defer func() {
		if !done {
			// Without it the connection would stay inside the transaction.
			_, _ = s.conn.ExecContext(ctx, "ROLLBACK")
		}
	}()
	m, err := readMeta(ctx, s.conn)
	if err != nil {
		return err
	}
	tx := &Tx{ctx: ctx, conn: s.conn, meta: m, write: write}
	if err := f(tx); err != nil {
		return err
	}
	if !write {
		return nil
	}
	if err := tx.anchor(s.log); err != nil {
		return err
	}
	if err := tx.finish(); err != nil {
		return err
	}
	if _, err := s.conn.ExecContext(ctx, "COMMIT"); err != nil {
		return fmt.Errorf("commit to state file: %w", err)
	}
	done = true
	if !tx.vital {
		return nil
	}
	return writeWitnesses(s.witnesses, tx.meta.witness())
}

// Close closes the file, after the transaction that may be running.
func (s *Store) Close() error {
	select {
	case <-s.turn:
	case <-s.closed:
		return ErrClosed
	}
	close(s.closed)
	return s.release()
}

// release gives back what Open took, as far as it got.
func (s *Store) release() error {
	var errs []error
	if s.conn != nil {
		errs = append(errs, s.conn.Close())
	}
	if s.db != nil {
		errs = append(errs, s.db.Close())
	}
	return errors.Join(append(errs, s.lock.release())...)
}
