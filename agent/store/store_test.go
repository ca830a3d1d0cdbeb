package store

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/fob-auth/fob/sts"
)

func TestFirstRunThenClean(t *testing.T) {
	p := newPlace(t)
	s := p.open(t, noon())
	if o := s.Opening(); o.Kind != Fresh || o.Closure.Closed() {
		t.Errorf("first: %+v", o)
	}
	fence := take(t, s, 100)
	if again := take(t, s, 101); again <= fence {
		t.Errorf("fence %d after %d", again, fence)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = p.open(t, noon().Add(time.Hour))
	if o := s.Opening(); o.Kind != Clean || o.Closure.Closed() || o.Reason != "" || len(o.Aside) != 0 {
		t.Errorf("second: %+v", o)
	}
	// What was left open may have been sent.
	if got, want := taken(t, s), (map[uint64]State{100: Unknown, 101: Unknown}); !maps.Equal(got, want) {
		t.Errorf("taken: %v", got)
	}
}

func TestSecondAgentIsRefused(t *testing.T) {
	p := newPlace(t)
	s := p.open(t, noon())
	_, err := Open(context.Background(), p.options(noon()))
	var held *HeldError
	if !errors.As(err, &held) || held.PID != os.Getpid() || held.Dir != p.state {
		t.Fatalf("%v", err)
	}
	// Its number may not be written yet.
	write(t, filepath.Join(p.state, lockName), nil)
	if _, err = Open(context.Background(), p.options(noon())); !errors.As(err, &held) || held.PID != 0 {
		t.Fatalf("%v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	p.open(t, noon())
}

func TestSync(t *testing.T) {
	s := newPlace(t).open(t, noon())
	for pragma, want := range map[string]string{"synchronous": "2", "journal_mode": "wal", "locking_mode": "exclusive"} {
		var got string
		if err := s.conn.QueryRowContext(context.Background(), "PRAGMA "+pragma).Scan(&got); err != nil || got != want {
			t.Errorf("%s is %s, %v", pragma, got, err)
		}
	}
}

func TestNewerVersionIsLeftAlone(t *testing.T) {
	p := newPlace(t)
	s := p.open(t, noon())
	take(t, s, 100)
	for _, change := range []string{"UPDATE meta SET version = 3", "ALTER TABLE devices ADD COLUMN more TEXT", "PRAGMA user_version = 3"} {
		if _, err := s.conn.ExecContext(context.Background(), change); err != nil {
			t.Fatal(err)
		}
	}
	for name, q := range map[string]place{"after a crash": p.copied(t), "closed": p} {
		if name == "closed" {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
		before := contents(t, q.state)
		_, err := Open(context.Background(), q.options(noon()))
		var newer *VersionError
		if !errors.As(err, &newer) || newer.Found != 3 || newer.Known != 2 || newer.File != q.file() {
			t.Errorf("%s: %v", name, err)
		}
		if after := contents(t, q.state); !maps.Equal(before, after) {
			t.Errorf("%s: the folder was changed: %d files, then %d", name, len(before), len(after))
		}
	}
}

// contents are the files of a folder but for the lock, which isn't state.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, e := range entries {
		if e.Name() != lockName {
			found[e.Name()] = string(read(t, filepath.Join(dir, e.Name())))
		}
	}
	return found
}

func TestWhatIsNoStateFileIsAnError(t *testing.T) {
	for name, prepare := range map[string]func(p place) error{
		"folder in its place":  func(p place) error { return os.Mkdir(p.file(), 0o700) },
		"link in its place":    func(p place) error { return os.Symlink("/dev/null", p.file()) },
		"link as lock":         func(p place) error { return os.Symlink("/dev/null", filepath.Join(p.state, lockName)) },
		"file as witness room": func(p place) error { return os.WriteFile(p.other, nil, 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			if err := os.MkdirAll(p.state, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := prepare(p); err != nil {
				t.Fatal(err)
			}
			if s, err := Open(context.Background(), p.options(noon())); err == nil {
				t.Errorf("opened: %+v", s.Opening())
			}
		})
	}
	if _, err := Open(context.Background(), Options{Dir: t.TempDir()}); err == nil {
		t.Error("opened without a second folder")
	}
}

func TestViewChangesNothing(t *testing.T) {
	s := newPlace(t).open(t, noon())
	err := s.View(context.Background(), func(tx *Tx) error { return tx.PutDevice(Device{Device: carol()}) })
	if !errors.Is(err, errReadOnly) {
		t.Errorf("%v", err)
	}
}

func TestUpdateIsAllOrNothing(t *testing.T) {
	p := newPlace(t)
	s := p.open(t, noon())
	broken := errors.New("broken")
	err := s.Update(context.Background(), func(tx *Tx) error {
		if err := tx.AddCounter(Counter{Fence: tx.Fence(), Counter: 5, Token: "12345678", Credential: "AWS:carol", State: Reserved}); err != nil {
			return err
		}
		return broken
	})
	if !errors.Is(err, broken) || len(taken(t, s)) != 0 {
		t.Errorf("%v, taken %v", err, taken(t, s))
	}
	// The unique indexes stand behind the ledger's rules.
	take(t, s, 7)
	for name, c := range map[string]Counter{
		"for the device":     {Counter: 7, Device: carol(), Token: "other", Credential: "other"},
		"for the credential": {Counter: 7, Token: "12345678", Credential: "AWS:carol"},
		"too high":           {Counter: maxCounter + 1, Token: "12345678", Credential: "AWS:carol"},
	} {
		err := s.Update(context.Background(), func(tx *Tx) error {
			c.Fence = tx.Fence()
			return tx.AddCounter(c)
		})
		if err == nil {
			t.Errorf("taken twice %s", name)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if o := p.open(t, noon()).Opening(); o.Kind != Clean {
		t.Errorf("%+v", o)
	}
}

func TestClosedAndCancelled(t *testing.T) {
	s := newPlace(t).open(t, noon())
	ctx, cancel := context.WithCancel(context.Background())
	err := s.Update(ctx, func(tx *Tx) error {
		// A transaction under way isn't cut.
		cancel()
		return tx.PutDevice(Device{Device: carol(), LastPair: 9})
	})
	if err != nil {
		t.Errorf("under way: %v", err)
	}
	if err := s.Update(ctx, func(*Tx) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.View(context.Background(), func(*Tx) error { return nil }); !errors.Is(err, ErrClosed) {
		t.Errorf("closed: %v", err)
	}
	if err := s.Close(); !errors.Is(err, ErrClosed) {
		t.Errorf("closed twice: %v", err)
	}
}

func TestWitnessThatCannotBeWrittenFailsTheUpdate(t *testing.T) {
	p := newPlace(t)
	s := p.open(t, noon())
	if err := os.RemoveAll(p.other); err != nil {
		t.Fatal(err)
	}
	for name, f := range map[string]func(tx *Tx) error{
		"counter": func(tx *Tx) error {
			return tx.AddCounter(Counter{Fence: tx.Fence(), Counter: 100, Token: "t", Credential: "c"})
		},
		"binding": func(tx *Tx) error {
			_, err := tx.AddBinding(Binding{Device: carol(), Token: "t", Credential: "c"})
			return err
		},
		"unbound": func(tx *Tx) error { return tx.RemoveBinding(Binding{ID: "x"}) },
	} {
		if err := s.Update(context.Background(), f); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// What takes nothing can be forgotten.
	update(t, s, func(tx *Tx) error { return tx.PutDevice(Device{Device: carol()}) })
	if err := os.Mkdir(p.other, 0o700); err != nil {
		t.Fatal(err)
	}
	take(t, s, 101)
}

// TestOnlyStricter rolls a file back by each transaction that the witnesses
// needn't know of: it passes, with nothing in it that wasn't taken.
func TestOnlyStricter(t *testing.T) {
	p := newPlace(t)
	s := p.open(t, noon())
	fence := take(t, s, 100)
	before := p.copied(t)
	update(t, s, func(tx *Tx) error {
		list, err := tx.Open(fence)
		if err != nil {
			return err
		}
		return errors.Join(tx.Free(list[0]), tx.SetAttempts(carol(), 7, 0))
	})
	after := p.copied(t)
	if !bytes.Equal(read(t, filepath.Join(before.state, witnessName)), read(t, filepath.Join(after.state, witnessName))) {
		t.Error("the witness was written")
	}
	if s := before.open(t, noon()); s.Opening().Kind != Clean || taken(t, s)[100] != Unknown {
		t.Errorf("%+v", s.Opening())
	}
	if s := after.open(t, noon()); s.Opening().Kind != Clean || len(taken(t, s)) != 0 {
		t.Errorf("%+v", s.Opening())
	}
}

func TestRecordsComeBackAsWritten(t *testing.T) {
	s := newPlace(t).open(t, noon())
	odd := sts.Device{Endpoint: `http://127.0.0.1:1/"',\`, Account: "", Serial: "GAHT\x00ü🔑"}
	dev := Device{Device: odd, Known: true, Low: -3, High: 4, LastPair: 57, Floor: maxCounter, Fresh: true}
	c := Counter{Counter: 1, Device: odd, Token: "\xff\xfe", Credential: "a\x00b'\"", State: Reserved, Purpose: "p", Window: 3, Time: noon()}
	bind := Binding{Device: odd, Token: "\xff", Credential: "'", Emulated: true, Bound: noon().Add(time.Millisecond),
		Attestation: Attestation{Slot: "9a", Key: "k'", Emulated: true}}
	ticket := Ticket{ID: "i", Name: "n", Digest: "d", Profiles: []string{"a'", "b"}, Issued: noon(), Expires: noon().Add(time.Hour)}
	drift := Drift{Device: odd, Token: "t", Time: noon(), Offset: -40123 * time.Millisecond}
	update(t, s, func(tx *Tx) error {
		c.Fence = tx.Fence()
		var err error
		bind.ID, err = tx.AddBinding(bind)
		return errors.Join(err, tx.PutDevice(dev), tx.AddCounter(c), tx.SetAttempts(odd, 3, 8), tx.AddDrift(drift), tx.AddTicket(ticket))
	})
	view(t, s, func(tx *Tx) error {
		gotDev, err1 := tx.Device(odd)
		gotC, err2 := tx.Taken(odd, "", "", 0, 9)
		gotB, err3 := tx.Bindings()
		gotD, err4 := tx.Drifts(odd, "t", 5)
		n, err5 := tx.Attempts(odd, 3)
		gotT, err6 := tx.Tickets()
		for _, pair := range [][2]any{{gotDev, dev}, {gotC, []Counter{c}}, {gotB, []Binding{bind}}, {gotD, []Drift{drift}}, {n, 8}, {gotT, []Ticket{ticket}}} {
			if !reflect.DeepEqual(pair[0], pair[1]) {
				t.Errorf("wrote %+v, read %+v", pair[1], pair[0])
			}
		}
		return errors.Join(err1, err2, err3, err4, err5, err6)
	})
}

// rows counts what a table holds.
func rows(t *testing.T, s *Store, name string) int {
	t.Helper()
	var n int
	if err := s.conn.QueryRowContext(context.Background(), "SELECT count(*) FROM "+name).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestTablesStaySmall(t *testing.T) {
	p := newPlace(t)
	s := p.open(t, noon())
	const many = maxDrifts + 100
	update(t, s, func(tx *Tx) error {
		for i := range many {
			at := noon().Add(time.Duration(i) * Step)
			err := errors.Join(
				tx.AddDrift(Drift{Device: carol(), Token: "t", Time: at}),
				tx.SetAttempts(carol(), int64(i), 1),
				tx.AddCounter(Counter{Fence: int64(i), Counter: uint64(i), Token: "t", Credential: "c", State: Accepted, Time: at}))
			if err != nil {
				return err
			}
		}
		// Both bounds must be passed: by time all but the last, by fence 100.
		return tx.Prune(noon().Add((many-1)*Step), 100)
	})
	if d, a, c := rows(t, s, "drifts"), rows(t, s, "attempts"), rows(t, s, "counters"); d != maxDrifts || a > 24*60/3+1 || c != many-100 {
		t.Errorf("%d drifts, %d attempts, %d counters", d, a, c)
	}
	view(t, s, func(tx *Tx) error {
		list, err := tx.Drifts(carol(), "t", 1)
		if err == nil && !list[0].Time.Equal(noon().Add((many-1)*Step)) {
			t.Errorf("newest reading is of %s", list[0].Time)
		}
		return err
	})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if o := p.open(t, noon()).Opening(); o.Kind != Clean {
		t.Errorf("%+v", o)
	}
}

func TestOpeningSentences(t *testing.T) {
	c := closedAt(Lost, "it is missing", noon(), time.Time{})
	for _, o := range []Opening{
		{Kind: Fresh, File: "/s/state.db"}, {Kind: Clean, File: "/s/state.db"},
		{Kind: Damaged, File: "/s/state.db", Reason: "it is damaged (x)", Aside: []string{"/s/state.db.damaged-1"}, Closure: c},
	} {
		text := o.String()
		if !strings.Contains(text, "/s/state.db") || (o.Kind == Damaged) != strings.Contains(text, "2026-09-01T12:01:30Z") {
			t.Error(text)
		}
	}
}

func TestPoolNeverOpensAgain(t *testing.T) {
	s := newPlace(t).open(t, noon())
	if n := s.db.Stats().MaxOpenConnections; n != 1 {
		t.Errorf("%d connections", n)
	}
	if n := s.db.Stats().InUse; n != 1 {
		t.Errorf("%d in use", n)
	}
}
