package store

import (
	"context"
	"errors"
	"testing"
)

// fakeLog is a log that ends where it says.
type fakeLog struct {
	end    Anchor
	err    error
	synced int
}

func (l *fakeLog) Sync() (Anchor, error) {
	l.synced++
	return l.end, l.err
}

func anchorOf(t *testing.T, s *Store) Anchor {
	t.Helper()
	var a Anchor
	view(t, s, func(tx *Tx) (err error) {
		a, err = tx.Anchor()
		return err
	})
	return a
}

// TestAnchorGoesWithEachTransaction: a counter that is taken takes the log's
// end along, also over a crash, and one that can't be synced takes nothing.
func TestAnchorGoesWithEachTransaction(t *testing.T) {
	p := newPlace(t)
	s := p.open(t, noon())
	if a := anchorOf(t, s); a != (Anchor{}) {
		t.Errorf("a new file has %+v", a)
	}
	l := &fakeLog{end: Anchor{Count: 3, Head: "abc"}}
	if err := s.Attach(context.Background(), l); err != nil {
		t.Fatal(err)
	}
	l.end = Anchor{Count: 4, Head: "def"}
	take(t, s, 100)
	if a := anchorOf(t, s); a != l.end {
		t.Errorf("kept %+v", a)
	}
	crashed := p.copied(t).open(t, noon())
	if a := anchorOf(t, crashed); a != l.end || crashed.Opening().Kind != Clean {
		t.Errorf("after a crash %+v, %v", a, crashed.Opening())
	}
	l.err = errors.New("disk full")
	err := s.Update(context.Background(), func(tx *Tx) error { return tx.SetAttempts(carol(), 1, 1) })
	if !errors.Is(err, l.err) {
		t.Errorf("error %v", err)
	}
	view(t, s, func(tx *Tx) error {
		if n, err := tx.Attempts(carol(), 1); n != 0 || err != nil {
			t.Errorf("%d attempts, %v", n, err)
		}
		return nil
	})
}

// TestFirstVersionIsBroughtUp opens a file of the first version: what it holds
// is kept, and it has an anchor from then on.
func TestFirstVersionIsBroughtUp(t *testing.T) {
	p := newPlace(t)
	old := p.open(t, noon())
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	m := newMeta(Closure{}, noon())
	m.version = firstVersion
	if _, err := putAside(p.file(), Damaged, noon()); err != nil {
		t.Fatal(err)
	}
	if err := create(context.Background(), p.file(), m); err != nil {
		t.Fatal(err)
	}
	if err := settleWitnesses(old.witnesses, m.witness()); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		s := p.open(t, noon())
		if k := s.Opening().Kind; k != Clean {
			t.Fatalf("found %v", s.Opening())
		}
		if n := rows(t, s, "anchors"); n != 0 {
			t.Errorf("%d anchors", n)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	s := p.open(t, noon())
	if err := s.Attach(context.Background(), &fakeLog{end: Anchor{Count: 1, Head: "a"}}); err != nil {
		t.Fatal(err)
	}
	if a := anchorOf(t, s); a.Count != 1 {
		t.Errorf("anchor %+v", a)
	}
}
