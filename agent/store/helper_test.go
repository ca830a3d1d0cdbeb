package store

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/fob-auth/fob/sts"
)

// noon is when the tests' ledgers are opened: a window of the budget begins.
func noon() time.Time { return time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC) }

func carol() sts.Device {
	return sts.Device{Endpoint: "aws", Account: "111122223333", Serial: "arn:aws:iam::111122223333:mfa/carol"}
}

// A place is a pair of folders that a store can be opened in.
type place struct{ state, other string }

func newPlace(t testing.TB) place {
	t.Helper()
	dir := t.TempDir()
	return place{filepath.Join(dir, "state"), filepath.Join(dir, "other")}
}

func (p place) options(now time.Time) Options {
	return Options{Dir: p.state, WitnessDir: p.other, Now: now}
}

func (p place) file() string { return filepath.Join(p.state, fileName) }

// open opens a store that is closed at the test's end, if not before.
func (p place) open(t testing.TB, now time.Time) *Store {
	t.Helper()
	s, err := Open(context.Background(), p.options(now))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// copied returns another place with the same files: what a crash at this
// moment would leave.
func (p place) copied(t testing.TB) place {
	t.Helper()
	q := newPlace(t)
	if err := os.CopyFS(q.state, os.DirFS(p.state)); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(q.other, os.DirFS(p.other)); err != nil {
		t.Fatal(err)
	}
	// The second witness is named after the state folder.
	from, to := filepath.Join(q.other, witnessNameFor(p.state)), filepath.Join(q.other, witnessNameFor(q.state))
	if err := os.Rename(from, to); err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return q
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func write(t testing.TB, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func update(t testing.TB, s *Store, f func(*Tx) error) {
	t.Helper()
	if err := s.Update(context.Background(), f); err != nil {
		t.Fatal(err)
	}
}

func view(t testing.TB, s *Store, f func(*Tx) error) {
	t.Helper()
	if err := s.View(context.Background(), f); err != nil {
		t.Fatal(err)
	}
}

// take adds one reserved counter and returns its fence.
func take(t testing.TB, s *Store, counter uint64) int64 {
	t.Helper()
	var fence int64
	update(t, s, func(tx *Tx) error {
		fence = tx.Fence()
		tx.Reach(time.Unix(int64(counter+1)*30, 0))
		return tx.AddCounter(Counter{Fence: fence, Counter: counter, Device: carol(), Token: "12345678", Credential: "AWS:carol",
			State: Reserved, Purpose: "session dev", Window: 7, Time: noon()})
	})
	return fence
}

// taken returns what was taken for carol's device.
func taken(t testing.TB, s *Store) map[uint64]State {
	t.Helper()
	found := map[uint64]State{}
	view(t, s, func(tx *Tx) error {
		list, err := tx.Taken(carol(), "12345678", "AWS:carol", 0, maxCounter)
		for _, c := range list {
			found[c.Counter] = c.State
		}
		return err
	})
	return found
}
