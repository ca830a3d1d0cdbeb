package session

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fob-auth/fob/agent/seal"
	"github.com/fob-auth/fob/agent/store"
	"github.com/fob-auth/fob/sts"
)

// A keeping is a state folder and a key that outlive the engines of a test.
type keeping struct {
	dir, other string
	sealer     *seal.Sealer
}

func sealer(t *testing.T, fill byte) *seal.Sealer {
	t.Helper()
	s, err := seal.New(seal.Keyring, bytes.Repeat([]byte{fill}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func newKeeping(t *testing.T) keeping {
	dir := t.TempDir()
	return keeping{filepath.Join(dir, "state"), filepath.Join(dir, "other"), sealer(t, 1)}
}

// run starts an engine at a host time, and returns what ends it.
func (k keeping) run(t *testing.T, now time.Time) (*Engine, *fakeAWS, func()) {
	t.Helper()
	s, err := store.Open(t.Context(), store.Options{Dir: k.dir, WitnessDir: k.other, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	aws := &fakeAWS{made: map[sts.Call]int{}}
	e := New(t.Context(), aws, func(string) time.Time { return now }, slog.New(slog.DiscardHandler))
	if err := e.Keep(t.Context(), &Vault{Store: s, Sealer: k.sealer}, now); err != nil {
		t.Fatal(err)
	}
	return e, aws, func() {
		e.Wait()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// bought runs an engine that buys one session and ends.
func (k keeping) bought(t *testing.T) Entry {
	t.Helper()
	e, _, end := k.run(t, time.Now())
	defer end()
	entry, cached, err := e.Get(t.Context(), mfaWant("dev"), false)
	if err != nil || cached {
		t.Fatalf("cached %t, %v", cached, err)
	}
	return entry
}

func TestSessionOutlivesTheAgent(t *testing.T) {
	k := newKeeping(t)
	before := k.bought(t)
	e, aws, end := k.run(t, time.Now())
	defer end()
	after, cached, err := e.Get(t.Context(), mfaWant("dev"), false)
	if err != nil || !cached || aws.count(sts.GetSessionToken) != 0 {
		t.Fatalf("cached %t, %v; %d calls", cached, err, aws.count(sts.GetSessionToken))
	}
	if after.Session.Keys != before.Session.Keys || !after.Session.Expiration.Equal(before.Session.Expiration) || after.ID != before.ID || !after.Issued.Equal(before.Issued) {
		t.Errorf("kept %+v, bought %+v", after, before)
	}
	if list := e.List(); len(list) != 1 || list[0].Plan.Call != sts.GetSessionToken {
		t.Errorf("listed: %+v", list)
	}
	other := mfaWant("dev")
	other.AllowEmulated = true
	if _, cached, _ := e.Get(t.Context(), other, false); cached {
		t.Error("it served a profile that may not share it")
	}
}

func TestNoSecretIsReadableInTheStateFile(t *testing.T) {
	k := newKeeping(t)
	k.bought(t)
	err := filepath.Walk(filepath.Dir(k.dir), func(path string, info os.FileInfo, err error) error {
		if err != nil || info.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		for _, secret := range []string{boughtID, "redacted", "AccessKeyID"} {
			if strings.Contains(string(b), secret) {
				t.Errorf("%s holds %q", path, secret)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// What is over, and what nobody can tell whether it is over, is never served,
// and gone from the file.
func TestWhatIsNotTakenUp(t *testing.T) {
	for name, c := range map[string]struct {
		at     time.Duration
		change func(t *testing.T, k *keeping)
		// stays says that the next start may find it again.
		stays bool
	}{
		"expired":            {at: 12*time.Hour + time.Second},
		"host's clock back":  {at: -time.Hour},
		"sealed by another":  {change: func(t *testing.T, k *keeping) { k.sealer = sealer(t, 2) }, stays: true},
		"no key":             {change: func(_ *testing.T, k *keeping) { k.sealer = nil }, stays: true},
		"another's, expired": {at: 13 * time.Hour, change: func(t *testing.T, k *keeping) { k.sealer = sealer(t, 2) }},
		"forgotten": {change: func(t *testing.T, k *keeping) {
			e, _, end := k.run(t, time.Now())
			defer end()
			if err := e.Forget(e.List()[0].ID); err != nil {
				t.Error(err)
			}
		}},
		"damaged": {change: func(t *testing.T, k *keeping) { k.edit(t, func(s *store.Sealed) { s.Box[len(s.Box)-1] ^= 1 }) }},
		"renamed": {change: func(t *testing.T, k *keeping) { k.edit(t, func(s *store.Sealed) { s.Name += "x" }) }},
		"empty": {change: func(t *testing.T, k *keeping) {
			k.edit(t, func(s *store.Sealed) {
				var err error
				if s.Box, err = k.sealer.Seal(sealedName(s.Name), []byte("{}")); err != nil {
					t.Error(err)
				}
			})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			k := newKeeping(t)
			k.bought(t)
			good := k
			if c.change != nil {
				c.change(t, &k)
			}
			e, _, end := k.run(t, time.Now().Add(c.at))
			if list := e.List(); len(list) != 0 {
				t.Errorf("taken up: %+v", list)
			}
			end()
			e, _, end = good.run(t, time.Now())
			defer end()
			if list := e.List(); (len(list) == 1) != c.stays {
				t.Errorf("found again at the next start: %d", len(list))
			}
		})
	}
}

// edit changes the kept sessions behind the engine's back.
func (k keeping) edit(t *testing.T, change func(*store.Sealed)) {
	t.Helper()
	s, err := store.Open(t.Context(), store.Options{Dir: k.dir, WitnessDir: k.other, Now: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	err = s.Update(t.Context(), func(tx *store.Tx) error {
		list, err := tx.Sealed(kindSession)
		for _, one := range list {
			err = errors.Join(err, tx.RemoveSealed(kindSession, one.Name))
			change(&one)
			err = errors.Join(err, tx.PutSealed(one))
		}
		return err
	})
	if err := errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
}

// A session that is forgotten while it is being kept doesn't come back.
func TestForgetAndKeepAtOnce(t *testing.T) {
	k := newKeeping(t)
	e, _, end := k.run(t, time.Now())
	for range 20 {
		entry, _, err := e.Get(t.Context(), mfaWant("dev"), true)
		if err != nil {
			t.Fatal(err)
		}
		if err := e.Forget(entry.ID); err != nil {
			t.Fatal(err)
		}
	}
	end()
	e, _, end = k.run(t, time.Now())
	defer end()
	if list := e.List(); len(list) != 0 {
		t.Errorf("%d sessions came back", len(list))
	}
}

func TestClear(t *testing.T) {
	k := newKeeping(t)
	k.bought(t)
	s, err := store.Open(t.Context(), store.Options{Dir: k.dir, WitnessDir: k.other, Now: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	v := &Vault{Store: s}
	if err := errors.Join(v.Clear(t.Context()), s.Close()); err != nil {
		t.Fatal(err)
	}
	e, _, end := k.run(t, time.Now())
	defer end()
	if list := e.List(); len(list) != 0 {
		t.Errorf("%d sessions are left", len(list))
	}
}
