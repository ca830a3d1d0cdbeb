package unlock

import (
	"context"
	"crypto/pbkdf2"
	"crypto/sha1"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/fob-auth/fob/agent/broker"
	"github.com/fob-auth/fob/agent/seal"
	"github.com/fob-auth/fob/agent/store"
	"github.com/fob-auth/fob/devices"
	"github.com/fob-auth/fob/devices/oath"
	"github.com/fob-auth/fob/devices/oath/oathtest"
)

const serial = "12345678"

// accessOf is what a password stands for on the scripted key.
func accessOf(t *testing.T, password string) []byte {
	t.Helper()
	key, err := pbkdf2.Key(sha1.New, password, []byte{1, 2, 3, 4, 5, 6, 7, 8}, 1000, 16)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// A keyDriver has one scripted key plugged in.
type keyDriver struct{ key *oathtest.Key }

func (d keyDriver) Watch(ctx context.Context, out chan<- []devices.Slot) error {
	select {
	case out <- []devices.Slot{{Driver: "test", Path: "a"}}:
	case <-ctx.Done():
	}
	<-ctx.Done()
	return ctx.Err()
}

func (d keyDriver) Open(ctx context.Context, s devices.Slot) (devices.Token, error) {
	return oath.Open(ctx, still{d.key}, s)
}

// still is a transport that doesn't pull the key when it is closed.
type still struct{ *oathtest.Key }

func (still) Close() error { return nil }

func newKey(t *testing.T, password string) *oathtest.Key {
	t.Helper()
	return &oathtest.Key{Serial: 12345678, Version: [3]byte{5, 4, 3}, Password: true, Access: accessOf(t, password),
		Accounts: []oathtest.Account{{Name: "a", Type: 0x21, Digits: 6, Secret: []byte("12345678901234567890")}}}
}

// run is an agent's run: a service with a key plugged in, until the test ends
// or stop is called.
func run(t *testing.T, key *oathtest.Key, memory Memory) (s *Service, stop func()) {
	t.Helper()
	s = &Service{Memory: memory, Log: slog.New(slog.DiscardHandler)}
	s.Broker = broker.New(broker.Options{Drivers: []broker.NamedDriver{{Name: "test", Driver: keyDriver{key}}}, Log: s.Log, OnOpen: s.Greet})
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { s.Broker.Run(ctx) })
	if err := s.Broker.Settled(ctx); err != nil {
		t.Fatal(err)
	}
	stop = func() { cancel(); running.Wait() }
	t.Cleanup(stop)
	return s, stop
}

func newVault(t *testing.T) *Vault {
	t.Helper()
	st, err := store.Open(t.Context(), store.Options{Dir: t.TempDir() + "/state", WitnessDir: t.TempDir() + "/data", Now: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	sealer, err := seal.New(seal.Keyring, make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	return &Vault{Store: st, Sealer: sealer}
}

// open reports whether the key's accounts can be seen.
func open(t *testing.T, s *Service) bool {
	t.Helper()
	found, err := s.Broker.Find("a", "")
	if err != nil && !errors.Is(err, devices.ErrPassword) {
		t.Fatal(err)
	}
	return len(found) == 1
}

// reconnect has the key opened anew.
func reconnect(t *testing.T, s *Service) {
	t.Helper()
	err := s.Broker.Do(t.Context(), serial, "pull", func(context.Context, devices.Token) error { return devices.ErrRemoved })
	if !errors.Is(err, devices.ErrRemoved) {
		t.Fatal(err)
	}
	if err := s.Broker.Do(t.Context(), serial, "look", func(context.Context, devices.Token) error { return nil }); err != nil {
		t.Fatal(err)
	}
}

func TestUnlock(t *testing.T) {
	vault := newVault(t)
	key := newKey(t, "sesame")
	s, stop := run(t, key, vault)
	if open(t, s) {
		t.Fatal("open without its password")
	}
	if err := s.Unlock(t.Context(), serial, devices.Secret("wrong"), true); !errors.Is(err, devices.ErrPassword) || open(t, s) {
		t.Errorf("by a wrong password: %v", err)
	}
	password := devices.Secret("sesame")
	if err := s.Unlock(t.Context(), serial, password, false); err != nil || !open(t, s) || string(password) != "sesame" {
		t.Fatalf("unlock: %v", err)
	}
	if !s.Volatile() {
		t.Error("nobody would miss the key")
	}
	reconnect(t, s)
	if !open(t, s) {
		t.Error("locked again after it was connected anew")
	}
	stop()

	// Nothing was to be remembered: the next run begins locked, and the one
	// after it doesn't.
	s, stop = run(t, key, vault)
	if open(t, s) {
		t.Error("remembered unasked")
	}
	if s.Volatile() {
		t.Error("there is no key to miss")
	}
	if err := s.Unlock(t.Context(), serial, devices.Secret("sesame"), true); err != nil {
		t.Fatal(err)
	}
	stop()
	s, stop = run(t, key, vault)
	if !open(t, s) || s.Volatile() {
		t.Error("not remembered")
	}
	stop()

	// A password that was changed meanwhile: what was remembered is of no use,
	// and is forgotten.
	key.Access = accessOf(t, "changed")
	s, stop = run(t, key, vault)
	if kept, err := vault.Recall(t.Context(), serial); open(t, s) || kept != nil || err != nil {
		t.Errorf("changed: %v kept, %v", kept != nil, err)
	}
	if err := s.Unlock(t.Context(), serial, devices.Secret("changed"), true); err != nil || !open(t, s) {
		t.Errorf("changed: %v", err)
	}
	if err := s.Unlock(t.Context(), serial, devices.Secret("changed"), false); err != nil {
		t.Fatal(err)
	}
	if kept, err := vault.Recall(t.Context(), serial); kept != nil || err != nil {
		t.Errorf("unlocked without remembering: %v kept, %v", kept != nil, err)
	}
	stop()
}

func TestUnlockWhatHasNoPassword(t *testing.T) {
	key := newKey(t, "sesame")
	key.Password = false
	s, _ := run(t, key, newVault(t))
	err := s.Unlock(t.Context(), serial, devices.Secret("sesame"), false)
	var named *devices.Error
	if !errors.Is(err, ErrNoPassword) || !errors.As(err, &named) || named.Token != serial || !open(t, s) {
		t.Errorf("unlock: %v", err)
	}
	var missing *broker.NoTokenError
	if err := s.Unlock(t.Context(), "1", devices.Secret("sesame"), false); !errors.As(err, &missing) {
		t.Errorf("unlock a token that isn't there: %v", err)
	}
}

// TestNothingToSealWith: the token is unlocked all the same, and the user hears
// that it is for now only.
func TestNothingToSealWith(t *testing.T) {
	vault := newVault(t)
	vault.Sealer = nil
	s, _ := run(t, newKey(t, "sesame"), vault)
	err := s.Unlock(t.Context(), serial, devices.Secret("sesame"), true)
	var kept *KeptError
	if !errors.As(err, &kept) || kept.Token != serial || !errors.Is(err, seal.ErrNone) || !open(t, s) {
		t.Errorf("unlock: %v", err)
	}
	if err := s.Unlock(t.Context(), serial, devices.Secret("sesame"), false); err != nil {
		t.Errorf("unlock: %v", err)
	}
}

// TestAnotherSealingKey: what was sealed with a key that isn't to be had now
// is no error, and stays for when it is.
func TestAnotherSealingKey(t *testing.T) {
	vault := newVault(t)
	if err := vault.Remember(t.Context(), serial, []byte("key")); err != nil {
		t.Fatal(err)
	}
	other := *vault
	sealer, err := seal.New(seal.Keyring, append(make([]byte, 31), 1))
	if err != nil {
		t.Fatal(err)
	}
	other.Sealer = sealer
	if key, err := other.Recall(t.Context(), serial); key != nil || err != nil {
		t.Errorf("recalled %d bytes, %v", len(key), err)
	}
	if key, err := vault.Recall(t.Context(), serial); string(key) != "key" || err != nil {
		t.Errorf("recalled %q, %v", key, err)
	}
	if key, err := vault.Recall(t.Context(), "87654321"); key != nil || err != nil {
		t.Errorf("recalled %q of another token, %v", key, err)
	}
}
