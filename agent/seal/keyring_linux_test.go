package seal

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// keyring skips where the kernel, or a container's filter, gives no keyring,
// and clears an owner's key away at the end.
func keyring(t *testing.T) Options {
	t.Helper()
	ring, err := unix.KeyctlGetKeyringID(unix.KEY_SPEC_USER_KEYRING, true)
	if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
		t.Skipf("no kernel keyring here: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Place: Keyring, Name: "fob test " + t.TempDir()}
	t.Cleanup(func() {
		id, err := unix.KeyctlSearch(ring, "user", o.Name, 0)
		if err == nil {
			_, err = unix.KeyctlInt(unix.KEYCTL_UNLINK, id, ring, 0, 0)
		}
		if err != nil {
			t.Errorf("key left in the keyring: %v", err)
		}
	})
	return o
}

// The key is there for the next run, and another name has another.
func TestKeyringKeepsTheKey(t *testing.T) {
	first, second := keyring(t), keyring(t)
	a, err := Find(t.Context(), first)
	if err != nil {
		t.Fatal(err)
	}
	box, err := a.Seal("name", []byte("text"))
	if err != nil {
		t.Fatal(err)
	}
	again, err := Find(t.Context(), first)
	if err != nil {
		t.Fatal(err)
	}
	text, err := again.Open("name", box)
	if err != nil || !bytes.Equal(text, []byte("text")) || again.Place() != Keyring {
		t.Errorf("second run, by the %s: %q, %v", again.Place(), text, err)
	}
	other, err := Find(t.Context(), second)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.Open("name", box); !errors.Is(err, ErrOtherKey) {
		t.Errorf("under another name: %v, want ErrOtherKey", err)
	}
}

func TestKeyringWithSomethingElseInIt(t *testing.T) {
	o := keyring(t)
	ring, err := unix.KeyctlGetKeyringID(unix.KEY_SPEC_USER_KEYRING, true)
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{1, keySize - 1, keySize + 1, 2 * keySize} {
		if _, err := unix.AddKey("user", o.Name, make([]byte, size), ring); err != nil {
			t.Fatal(err)
		}
		if _, err := Find(context.Background(), o); !errors.Is(err, ErrNone) {
			t.Errorf("%d bytes: %v, want ErrNone", size, err)
		}
	}
}

// The Secret Service goes before, the keyring is there without it.
func TestFindFallsBack(t *testing.T) {
	o := keyring(t)
	o.Place = ""
	s, err := Find(t.Context(), o)
	if err != nil || s.Place() != Keyring {
		t.Fatalf("place %q, %v", s.Place(), err)
	}
	o.Place = SecretService
	if _, err := Find(t.Context(), o); !errors.Is(err, ErrNone) {
		t.Errorf("without a bus: %v, want ErrNone", err)
	}
}

// Of several agents that make the key at once, all have the same.
func TestKeyringRace(t *testing.T) {
	o := keyring(t)
	sealers := make([]*Sealer, 8)
	var wg sync.WaitGroup
	for i := range sealers {
		wg.Go(func() {
			s, err := Find(t.Context(), o)
			if err != nil {
				t.Error(err)
			}
			sealers[i] = s
		})
	}
	wg.Wait()
	for _, s := range sealers[1:] {
		if s == nil || sealers[0] == nil || s.id != sealers[0].id {
			t.Fatal("two agents have two keys")
		}
	}
}
