package store

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// TestCrashAtEachWritePoint cuts the power at each point between two
// transactions: with the log written to any length, and each witness old or
// new.
func TestCrashAtEachWritePoint(t *testing.T) {
	p := newPlace(t)
	s := p.open(t, noon())
	before := p.copied(t)
	for n := uint64(100); n < 104; n++ {
		take(t, s, n)
		after := p.copied(t)
		old, log := read(t, before.file()+"-wal"), read(t, after.file()+"-wal")
		// A header of 32 bytes, then frames of 24 bytes and a page (SQLite,
		// WAL-mode File Format).
		const header, frame = 32, 24 + 4096
		if (len(log)-header)%frame != 0 {
			t.Fatalf("the log has %d bytes", len(log))
		}
		for cut := len(old); cut <= len(log); cut += frame / 2 {
			crashed(t, before, log[:cut], n, fmt.Sprintf("log of %d in %d bytes, witnesses old", cut, len(log)))
		}
		for _, renewed := range [][]bool{{true, false}, {false, true}, {true, true}} {
			q := before.copied(t)
			write(t, q.file()+"-wal", log)
			for i, path := range []string{filepath.Join(q.state, witnessName), filepath.Join(q.other, witnessNameFor(q.state))} {
				if renewed[i] {
					write(t, path, read(t, []string{filepath.Join(after.state, witnessName), filepath.Join(after.other, witnessNameFor(after.state))}[i]))
				}
			}
			again(t, q, n, true, fmt.Sprintf("witnesses %v", renewed))
		}
		before = after
	}
}

// crashed opens a folder with a log that may be cut.
func crashed(t *testing.T, p place, log []byte, n uint64, name string) {
	t.Helper()
	q := p.copied(t)
	write(t, q.file()+"-wal", log)
	// A temporary file may be left of a witness, and of an examination.
	write(t, filepath.Join(q.state, witnessName+".new"), []byte("half"))
	if err := os.Mkdir(filepath.Join(q.state, scratchPrefix+"1"), 0o700); err != nil {
		t.Fatal(err)
	}
	again(t, q, n, false, name)
}

// again opens what a crash left: clean, and with every counter below n known
// and none of them open; n itself too where it must be.
func again(t *testing.T, p place, n uint64, must bool, name string) {
	t.Helper()
	s := p.open(t, noon())
	if o := s.Opening(); o.Kind != Clean {
		t.Errorf("%s: %s, %s", name, o.Kind, o.Reason)
	}
	got := taken(t, s)
	for c := uint64(100); c < n; c++ {
		if got[c] != Unknown {
			t.Errorf("%s: counter %d is %q", name, c, got[c])
		}
	}
	if state, ok := got[n]; ok && state != Unknown || must && !ok {
		t.Errorf("%s: counter %d is %q", name, n, state)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	left, err := filepath.Glob(filepath.Join(p.state, scratchPrefix+"*"))
	if err != nil || len(left) != 0 {
		t.Errorf("%s: left over %v, %v", name, left, err)
	}
}

// TestCrashWhileALedgerBegins cuts the power after each step of beginning anew.
func TestCrashWhileALedgerBegins(t *testing.T) {
	p := newPlace(t)
	s := p.open(t, noon())
	take(t, s, 100)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	lost := p.copied(t)
	if err := os.Remove(lost.file()); err != nil {
		t.Fatal(err)
	}
	begun := lost.copied(t)
	begun.open(t, noon())
	fresh := read(t, filepath.Join(begun.state, witnessName))
	for name, state := range map[string]struct {
		inner, outer, file bool
		want               Kind
	}{
		"one witness written":   {inner: true, want: Lost},
		"both written":          {inner: true, outer: true, want: Lost},
		"an empty file made":    {inner: true, outer: true, file: true, want: Damaged},
		"old file not yet away": {inner: true, want: RolledBack},
	} {
		q := lost.copied(t)
		if state.want == RolledBack {
			q = p.copied(t)
		}
		if state.inner {
			write(t, filepath.Join(q.state, witnessName), fresh)
		}
		if state.outer {
			write(t, filepath.Join(q.other, witnessNameFor(q.state)), fresh)
		}
		if state.file {
			write(t, q.file(), nil)
		}
		if o := q.open(t, noon()).Opening(); o.Kind != state.want || !o.Closure.Closed() {
			t.Errorf("%s: %+v", name, o)
		}
	}
}
