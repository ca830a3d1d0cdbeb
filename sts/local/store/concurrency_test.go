package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
)

// A slowJournal hands each commit to the test, and waits for its word.
type slowJournal struct {
	*memoryJournal
	asked  chan []Change
	answer chan error
}

func newSlowJournal() *slowJournal {
	return &slowJournal{memoryJournal: newJournal(), asked: make(chan []Change), answer: make(chan error)}
}

func (j *slowJournal) Commit(_ context.Context, changes []Change) error {
	j.asked <- changes
	return <-j.answer
}

func put(names ...string) func(*Tx) error {
	return func(tx *Tx) error {
		for _, n := range names {
			tx.Accounts.Put(Account{ID: n})
		}
		return nil
	}
}

func accounts(s *Store) (n int) {
	_ = s.View(func(tx *Tx) error { n = tx.Accounts.Len(); return nil })
	return n
}

// TestReadersWaitForNobody: while the journal is busy, readers see the state
// before, and what only reads goes on.
func TestReadersWaitForNobody(t *testing.T) {
	j := newSlowJournal()
	s := open(t, j)
	done := make(chan error)
	go func() { done <- s.Update(t.Context(), put("a")) }()
	<-j.asked
	if n := accounts(s); n != 0 {
		t.Errorf("%d accounts before the journal has them", n)
	}
	read := 0
	if err := s.Attempt(t.Context(), func(tx *Tx) error { read = 1 + tx.Accounts.Len(); return nil }); err != nil || read != 1 {
		t.Errorf("a call that reads: %v, %d", err, read)
	}
	err := s.View(func(old *Tx) error { // a reader that is slow
		j.answer <- nil
		if err := <-done; err != nil {
			return err
		}
		if old.Accounts.Len() != 0 || accounts(s) != 1 {
			t.Errorf("the old reader sees %d accounts, a new one %d", old.Accounts.Len(), accounts(s))
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// TestWritersShareTheJournal: those that end while the journal is busy are
// kept together, and fail together.
func TestWritersShareTheJournal(t *testing.T) {
	for _, fails := range []bool{false, true} {
		t.Run(fmt.Sprintf("fails %v", fails), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { shareJournal(t, fails) })
		})
	}
}

func shareJournal(t *testing.T, fails bool) {
	j := newSlowJournal()
	s := open(t, j)
	refused := errors.New("disk full")
	results := make(chan error, 12)
	var group sync.WaitGroup
	start := func(f func(*Tx) error) {
		group.Go(func() { results <- s.Update(t.Context(), f) })
		synctest.Wait()
	}
	start(put("first"))
	if got := <-j.asked; len(got) != 1 {
		t.Errorf("%d changes", len(got))
	}
	for i := range 9 {
		start(put(fmt.Sprint(i)))
	}
	start(func(tx *Tx) error { // reads what isn't kept yet: it waits too
		if tx.Accounts.Len() != 10 {
			t.Errorf("a writer builds on %d accounts", tx.Accounts.Len())
		}
		return nil
	})
	if len(results) != 0 {
		t.Error("an update is over before the journal has it")
	}
	if fails {
		j.answer <- refused
	} else {
		j.answer <- nil
		if got := <-j.asked; len(got) != 9 {
			t.Errorf("%d changes in the second commit", len(got))
		}
		j.answer <- nil
	}
	group.Wait()
	close(results)
	for err := range results {
		if errors.Is(err, refused) != fails || !fails && err != nil {
			t.Errorf("got %v", err)
		}
	}
	want := 10
	if fails {
		want = 0
	}
	if n := accounts(s); n != want {
		t.Errorf("%d accounts, want %d", n, want)
	}
	if fails { // and the store goes on
		again := make(chan error)
		go func() { again <- s.Update(t.Context(), put("again")) }()
		<-j.asked
		j.answer <- nil
		if err := <-again; err != nil {
			t.Error(err)
		}
		if n := accounts(s); n != 1 {
			t.Errorf("%d accounts, want the new one", n)
		}
	}
}

// TestAnAttemptCountsOnce: of an attempt that others came between, only the run
// on the newest state counts.
func TestAnAttemptCountsOnce(t *testing.T) {
	s := open(t, nil)
	add := func(tx *Tx) error {
		b, _ := tx.Budgets.Get("d")
		b.Serial = "d"
		b.Budget.Taken++
		tx.Budgets.Put(b)
		return nil
	}
	runs := 0
	if err := s.Attempt(t.Context(), func(tx *Tx) error {
		if runs++; runs == 1 {
			update(t, s, add)
		}
		return add(tx)
	}); err != nil || runs != 2 {
		t.Errorf("%v after %d runs", err, runs)
	}
	var group sync.WaitGroup
	for range 64 {
		group.Go(func() {
			if err := s.Attempt(t.Context(), add); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	_ = s.View(func(tx *Tx) error {
		if b, _ := tx.Budgets.Get("d"); b.Budget.Taken != 66 {
			t.Errorf("%d of 66 count", b.Budget.Taken)
		}
		return nil
	})
}

// TestAnIterationSeesNoWrites of the transaction that it is in.
func TestAnIterationSeesNoWrites(t *testing.T) {
	s := open(t, nil)
	update(t, s, func(tx *Tx) error {
		for i := range 100 {
			tx.Buckets.Put(Bucket{Name: "b", Account: "1"})
			tx.Objects.Put(Object{Bucket: "b", Key: fmt.Sprintf("%03d", i), Sequence: 1})
		}
		return nil
	})
	update(t, s, func(tx *Tx) error {
		n := 0
		for o := range tx.VersionsFrom("b", "") {
			n++
			tx.RemoveObject(o)
			o.Sequence = 2
			tx.Objects.Put(o)
		}
		if n != 100 || tx.Objects.Len() != 100 {
			t.Errorf("%d versions seen, %d left", n, tx.Objects.Len())
		}
		return nil
	})
}
