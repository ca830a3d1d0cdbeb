package seal

import (
	"bytes"
	"crypto/rand"
	"errors"
	"strings"
	"testing"
)

func sealer(t *testing.T) *Sealer {
	t.Helper()
	s, err := New(Keyring, newKey())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSealAndOpen(t *testing.T) {
	s := sealer(t)
	for _, text := range [][]byte{{}, []byte("a session"), make([]byte, MaxText)} {
		box, err := s.Seal("session 1", text)
		if err != nil {
			t.Fatal(err)
		}
		if len(text) > 0 && bytes.Contains(box, text) {
			t.Error("the text stands in the box")
		}
		got, err := s.Open("session 1", box)
		if err != nil || !bytes.Equal(got, text) {
			t.Errorf("opened %d bytes, %v; sealed %d", len(got), err, len(text))
		}
	}
}

func TestTwoSealsDiffer(t *testing.T) {
	s := sealer(t)
	a, _ := s.Seal("n", []byte("text"))
	b, _ := s.Seal("n", []byte("text"))
	if bytes.Equal(a, b) {
		t.Error("the same text was sealed to the same bytes twice")
	}
}

// Every byte and the name count, and nothing wrong is taken for another key's
// that isn't.
func TestWhatIsRefused(t *testing.T) {
	s := sealer(t)
	box, err := s.Seal("session 1", []byte("text"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range box {
		bad := bytes.Clone(box)
		bad[i] ^= 1
		if _, err := s.Open("session 1", bad); err == nil {
			t.Errorf("opened with byte %d changed", i)
		}
		if _, err := s.Open("session 1", box[:i]); !errors.Is(err, ErrDamaged) {
			t.Errorf("cut to %d bytes: %v, want ErrDamaged", i, err)
		}
	}
	if _, err := s.Open("session 2", box); !errors.Is(err, ErrDamaged) {
		t.Errorf("under another name: %v, want ErrDamaged", err)
	}
	if _, err := sealer(t).Open("session 1", box); !errors.Is(err, ErrOtherKey) {
		t.Errorf("with another key: %v, want ErrOtherKey", err)
	}
	if _, err := s.Seal("long", make([]byte, MaxText+1)); err == nil {
		t.Error("sealed more than MaxText")
	}
}

func TestWithoutKey(t *testing.T) {
	var s *Sealer
	if _, err := s.Seal("x", nil); !errors.Is(err, ErrNone) {
		t.Errorf("Seal: %v, want ErrNone", err)
	}
	if _, err := s.Open("x", nil); !errors.Is(err, ErrNone) {
		t.Errorf("Open: %v, want ErrNone", err)
	}
	if s.Place() != "" {
		t.Errorf("place %q", s.Place())
	}
}

func TestKeyOfAWrongLength(t *testing.T) {
	if _, err := New(Keyring, make([]byte, 31)); err == nil {
		t.Error("a key of 31 bytes was taken")
	}
	if _, err := checked(make([]byte, 33)); err == nil || !strings.Contains(err.Error(), "33 bytes") {
		t.Errorf("a key of 33 bytes: %v", err)
	}
}

func FuzzOpen(f *testing.F) {
	key := make([]byte, keySize)
	s, err := New(Keyring, key)
	if err != nil {
		f.Fatal(err)
	}
	box, err := s.Seal("name", []byte("text"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(box)
	f.Add([]byte{})
	f.Add(box[:head])
	f.Fuzz(func(t *testing.T, b []byte) {
		if text, err := s.Open("name", b); err == nil && !bytes.Equal(text, []byte("text")) {
			t.Errorf("opened %x as %q", b, text)
		}
	})
}

func BenchmarkSeal(b *testing.B) {
	s, err := New(Keyring, newKey())
	if err != nil {
		b.Fatal(err)
	}
	text := make([]byte, 2048)
	rand.Read(text)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := s.Seal("session", text); err != nil {
			b.Fatal(err)
		}
	}
}
