package keys

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fob-auth/fob/agent/seal"
	"github.com/fob-auth/fob/sts"
)

func noon() time.Time { return time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC) }

var carols = sts.Keys{AccessKeyID: "AKIACAROL", SecretAccessKey: "the secret of carol"}

func sealer(t *testing.T, place seal.Place, fill byte) *seal.Sealer {
	t.Helper()
	s, err := seal.New(place, bytes.Repeat([]byte{fill}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// open opens a store whose passphrase costs little.
func open(t *testing.T, dir string, by *seal.Sealer) *Store {
	t.Helper()
	s, err := Open(dir, by)
	if err != nil {
		t.Fatal(err)
	}
	s.work = 4
	return s
}

func TestStoreWithPassphrase(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	s := open(t, dir, nil)
	if kind, locked := s.State(); kind != None || locked {
		t.Errorf("new: %q, locked %t", kind, locked)
	}
	if _, err := s.Keys("dev-keys"); !errors.Is(err, ErrNoKeys) {
		t.Errorf("new: %v, want ErrNoKeys", err)
	}
	if err := s.Create(""); !errors.Is(err, ErrNoSeal) {
		t.Errorf("without a passphrase: %v, want ErrNoSeal", err)
	}
	if err := s.Create("open sesame"); err != nil {
		t.Fatal(err)
	}
	if err := s.Put("dev-keys", carols, noon()); err != nil {
		t.Fatal(err)
	}

	s = open(t, dir, nil)
	if kind, locked := s.State(); kind != Passphrase || !locked {
		t.Errorf("the next run: %q, locked %t", kind, locked)
	}
	if _, err := s.Keys("dev-keys"); !errors.Is(err, ErrLocked) {
		t.Errorf("locked: %v, want ErrLocked", err)
	}
	if _, err := s.Keys("other"); !errors.Is(err, ErrNoKeys) {
		t.Errorf("locked, and not in it: %v, want ErrNoKeys", err)
	}
	if err := s.Put("other", carols, noon()); !errors.Is(err, ErrLocked) {
		t.Errorf("put into a locked store: %v, want ErrLocked", err)
	}
	for _, wrong := range []string{"", "open barley", strings.Repeat("x", maxPassphrase+1)} {
		if err := s.Unlock(wrong); !errors.Is(err, ErrPassphrase) {
			t.Errorf("unlock with %d bytes: %v, want ErrPassphrase", len(wrong), err)
		}
	}
	if err := s.Unlock("open sesame"); err != nil {
		t.Fatal(err)
	}
	if k, err := s.Keys("dev-keys"); err != nil || k != carols {
		t.Errorf("unlocked: %s, %v", k.AccessKeyID, err)
	}
	if list, err := s.List(); err != nil || len(list) != 1 || !list["dev-keys"].Imported.Equal(noon()) {
		t.Errorf("list %+v, %v", list, err)
	}
	s.Lock()
	if _, err := s.Keys("dev-keys"); !errors.Is(err, ErrLocked) {
		t.Errorf("locked again: %v, want ErrLocked", err)
	}
}

func TestStoreWithTheSecretService(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	s := open(t, dir, sealer(t, seal.SecretService, 1))
	if err := errors.Join(s.Create(""), s.Put("dev-keys", carols, noon())); err != nil {
		t.Fatal(err)
	}
	if k, err := open(t, dir, sealer(t, seal.SecretService, 1)).Keys("dev-keys"); err != nil || k != carols {
		t.Errorf("the next run: %s, %v", k.AccessKeyID, err)
	}
	for name, by := range map[string]*seal.Sealer{"none": nil, "another": sealer(t, seal.SecretService, 2), "keyring": sealer(t, seal.Keyring, 1)} {
		if _, err := open(t, dir, by).Keys("dev-keys"); !errors.Is(err, ErrLocked) {
			t.Errorf("%s: %v, want ErrLocked", name, err)
		}
	}
	if err := open(t, filepath.Join(dir, "new"), sealer(t, seal.Keyring, 1)).Create(""); !errors.Is(err, ErrNoSeal) {
		t.Errorf("the kernel's keyring sealed a store: %v", err)
	}
}

func TestStoreFilesTellNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	s := open(t, dir, sealer(t, seal.SecretService, 1))
	if err := errors.Join(s.Create(""), s.Put("dev-keys", carols, noon())); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(dir)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("folder: %v, %v", info.Mode(), err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 2 {
		t.Fatalf("%d files, %v", len(entries), err)
	}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range []string{carols.AccessKeyID, "secret of", "dev-keys", "AGE-SECRET-KEY"} {
			if bytes.Contains(b, []byte(secret)) || strings.Contains(e.Name(), secret) {
				t.Errorf("%s tells %q", e.Name(), secret)
			}
		}
		if info, err := e.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", e.Name(), info.Mode(), err)
		}
	}
}

// A file that was damaged, or put in another's place, is an error and no key.
func TestStoreDamaged(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	by := sealer(t, seal.SecretService, 1)
	s := open(t, dir, by)
	if err := errors.Join(s.Create(""), s.Put("dev-keys", carols, noon()), s.Put("ops-keys", sts.Keys{AccessKeyID: "AKIAOPS", SecretAccessKey: "x"}, noon())); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, fileOf("dev-keys"))
	good, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	other, err := os.ReadFile(filepath.Join(dir, fileOf("ops-keys")))
	if err != nil {
		t.Fatal(err)
	}
	flipped := bytes.Clone(good)
	flipped[len(flipped)-1] ^= 1
	for what, b := range map[string][]byte{"flipped": flipped, "cut": good[:len(good)/2], "empty": nil, "another's": other} {
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(dir, by); err == nil {
			t.Errorf("%s: opened", what)
		}
	}
}

// TestUnlockBesideChange: a key that comes while another caller still unlocks
// stays.
func TestUnlockBesideChange(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	s := open(t, dir, nil)
	if err := s.Create("open sesame"); err != nil {
		t.Fatal(err)
	}
	if err := s.Put("dev-keys", carols, noon()); err != nil {
		t.Fatal(err)
	}
	identity := []byte(s.identity.String())
	s = open(t, dir, nil)
	if err := s.take(identity); err != nil {
		t.Fatal(err)
	}
	var late sync.WaitGroup
	for range 4 {
		late.Go(func() {
			if err := s.take(identity); err != nil {
				t.Error(err)
			}
		})
	}
	for i := range 20 {
		if err := s.Put(fmt.Sprintf("keys %d", i), carols, noon()); err != nil {
			t.Error(err)
		}
	}
	late.Wait()
	if list, err := s.List(); err != nil || len(list) != 21 {
		t.Errorf("%d keys of 21, %v", len(list), err)
	}
}
