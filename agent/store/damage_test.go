package store

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// used returns a place whose file was closed after some counters were taken,
// and an older copy of it.
func used(t *testing.T) (now, older place) {
	t.Helper()
	p := newPlace(t)
	s := p.open(t, noon())
	take(t, s, 100)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	older = p.copied(t)
	s = p.open(t, noon())
	for n := uint64(101); n < 120; n++ {
		take(t, s, n)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return p, older
}

// flip replaces one text by another of the same length.
func flip(t *testing.T, path, from, to string) {
	t.Helper()
	b := read(t, path)
	if !bytes.Contains(b, []byte(from)) {
		t.Fatalf("%s isn't in the file", from)
	}
	write(t, path, bytes.Replace(b, []byte(from), []byte(to), 1))
}

func TestWhatIsFoundWrong(t *testing.T) {
	now, older := used(t)
	for _, c := range []struct {
		name   string
		damage func(t *testing.T, p place)
		want   Kind
		reason string
	}{
		{"row changed", func(t *testing.T, p place) { flip(t, p.file(), "reserved", "released") }, Damaged, "rows"},
		{"token changed", func(t *testing.T, p place) { flip(t, p.file(), "12345678AWS", "12345679AWS") }, Damaged, ""},
		{"schema changed", func(t *testing.T, p place) { flip(t, p.file(), "emulated INTEGER", "emulates INTEGER") }, Damaged, ""},
		{"not a database", func(t *testing.T, p place) { write(t, p.file(), []byte("hello")) }, Damaged, ""},
		{"empty", func(t *testing.T, p place) { write(t, p.file(), nil) }, Damaged, ""},
		{"huge", func(t *testing.T, p place) {
			if err := os.Truncate(p.file(), maxFile+1); err != nil {
				t.Fatal(err)
			}
		}, Damaged, "more than it ever holds"},
		{"version flipped", func(t *testing.T, p place) {
			b := read(t, p.file())
			b[63] ^= 4 // user_version, SQLite's Database File Format 1.3
			write(t, p.file(), b)
		}, Damaged, "version 6"},
		{"read-only by its header", func(t *testing.T, p place) {
			b := read(t, p.file())
			b[18] = 3 // file format write version, 1.3.3
			write(t, p.file(), b)
		}, Damaged, ""},
		{"deleted", func(t *testing.T, p place) { remove(t, p.file()) }, Lost, "missing"},
		{"folder deleted", func(t *testing.T, p place) { remove(t, p.state) }, Lost, "missing"},
		{"deleted, witness noise", func(t *testing.T, p place) {
			remove(t, p.state)
			write(t, filepath.Join(p.other, witnessNameFor(p.state)), []byte("noise"))
		}, Lost, "missing"},
		{"older copy", func(t *testing.T, p place) { write(t, p.file(), read(t, older.file())) }, RolledBack, "older copy"},
		{"older folder", func(t *testing.T, p place) {
			write(t, p.file(), read(t, older.file()))
			write(t, filepath.Join(p.state, witnessName), read(t, filepath.Join(older.state, witnessName)))
		}, RolledBack, "older copy"},
		{"other ledger", func(t *testing.T, p place) {
			q, _ := used(t)
			write(t, p.file(), read(t, q.file()))
		}, RolledBack, "another ledger"},
		{"no witness", func(t *testing.T, p place) {
			remove(t, p.other)
			remove(t, filepath.Join(p.state, witnessName))
		}, RolledBack, "no witness"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := now.copied(t)
			c.damage(t, p)
			before, _ := os.ReadFile(p.file())
			s := p.open(t, noon().Add(7*time.Second))
			o := s.Opening()
			if o.Kind != c.want || !strings.Contains(o.Reason, c.reason) {
				t.Errorf("%s: %s", o.Kind, o.Reason)
			}
			if o.Closure.Kind != c.want || !o.Closure.Until.Equal(noon().Add(3*Step)) || o.Closure.Reason != o.Reason {
				t.Errorf("closure %+v", o.Closure)
			}
			if len(o.Aside) > 1 || (len(o.Aside) == 1) != (c.want != Lost) {
				t.Fatalf("put aside: %v", o.Aside)
			}
			if len(o.Aside) == 1 {
				if want := p.file() + "." + string(c.want) + "-20260901T120007Z"; o.Aside[0] != want || !bytes.Equal(read(t, want), before) {
					t.Errorf("put aside as %v, or changed", o.Aside)
				}
			}
			if len(taken(t, s)) != 0 {
				t.Error("rows survived")
			}
			// It stays known after the next start.
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if next := p.open(t, noon()).Opening(); next.Kind != Clean || next.Closure != o.Closure {
				t.Errorf("next: %+v", next)
			}
		})
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
}

// TestLossAfterLoss loses ledger after ledger within one second: nothing that
// was put aside is overwritten, and the reach of the first is not forgotten.
func TestLossAfterLoss(t *testing.T) {
	p, _ := used(t)
	for n := range 5 {
		content := []byte(strings.Repeat("noise", n+1))
		write(t, p.file(), content)
		write(t, p.file()+"-wal", content)
		s := p.open(t, time.Unix(0, 0))
		o := s.Opening()
		if len(o.Aside) != 2 || !bytes.Equal(read(t, o.Aside[0]), content) || !bytes.Equal(read(t, o.Aside[1]), content) {
			t.Fatalf("%v", o.Aside)
		}
		// 119 was the last counter taken, and the host's clock is no help.
		if floor := o.Closure.Floor(Step); floor != 119 {
			t.Errorf("floor %d", floor)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	aside, err := filepath.Glob(p.file() + ".damaged-*")
	if err != nil || len(aside) != 10 {
		t.Errorf("%d files put aside, %v", len(aside), err)
	}
}

// TestSurroundingsAreNoDamage can't open a file, which is no reason to begin
// anew.
func TestSurroundingsAreNoDamage(t *testing.T) {
	p, _ := used(t)
	before := read(t, p.file())
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Open(ctx, p.options(noon())); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if !bytes.Equal(before, read(t, p.file())) {
		t.Error("the file was changed")
	}
	if o := p.open(t, noon()).Opening(); o.Kind != Clean {
		t.Errorf("%+v", o)
	}
}

// TestReachOfTheFileItself takes both witnesses away on a host without a clock.
func TestReachOfTheFileItself(t *testing.T) {
	p, _ := used(t)
	remove(t, p.other)
	remove(t, filepath.Join(p.state, witnessName))
	o := p.open(t, time.Unix(0, 0)).Opening()
	if floor := o.Closure.Floor(Step); o.Kind != RolledBack || floor != 119 {
		t.Errorf("%s, floor %d", o.Kind, floor)
	}
}
