package token

import (
	"bytes"
	"crypto/rand"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
)

var claims = Claims{
	Kind: AssumedRole, Secret: "s3cr3t", Account: "111122223333", Subject: "AROAEXAMPLE", SessionName: "me",
	Issued: 1, Expires: 2, Authenticated: 3, Policies: []string{`{}`}, PolicyARNs: []string{"arn"},
}

func key(id uint32) Key { return Key{ID: id, Secret: bytes.Repeat([]byte{byte(id)}, KeySize)} }

func sealer(t *testing.T, keys ...Key) *Sealer {
	t.Helper()
	s, err := NewSealer(rand.Reader, keys...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestWhatIsSealedOpens(t *testing.T) {
	s := sealer(t, key(1))
	text, err := s.Seal("ASIA1", claims)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(text, claims.Secret) {
		t.Error("the secret can be read")
	}
	for name, opener := range map[string]*Sealer{"itself": s, "another server": sealer(t, key(1)), "after rotation": sealer(t, key(2), key(1))} {
		if got, err := opener.Open("ASIA1", text); err != nil || !reflect.DeepEqual(got, claims) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	if _, err := sealer(t, key(2)).Open("ASIA1", text); !errors.Is(err, ErrInvalid) {
		t.Errorf("another key: %v", err)
	}
	if _, err := sealer(t, Key{ID: 1, Secret: key(2).Secret}).Open("ASIA1", text); !errors.Is(err, ErrInvalid) {
		t.Errorf("another key of the same number: %v", err)
	}
	if _, err := s.Open("ASIA2", text); !errors.Is(err, ErrInvalid) {
		t.Errorf("another access key: %v", err)
	}
	if again, err := s.Seal("ASIA1", claims); err != nil || again == text {
		t.Errorf("sealed again: %v", err)
	}
}

func TestNoChangedTokenOpens(t *testing.T) {
	s := sealer(t, key(1))
	text, err := s.Seal("ASIA1", claims)
	if err != nil {
		t.Fatal(err)
	}
	for i := range len(text) {
		for _, bit := range []byte{1, 0x20, 0x80} {
			changed := []byte(text)
			changed[i] ^= bit
			if _, err := s.Open("ASIA1", string(changed)); !errors.Is(err, ErrInvalid) {
				t.Errorf("byte %d: %v", i, err)
			}
		}
		if _, err := s.Open("ASIA1", text[:i]); !errors.Is(err, ErrInvalid) {
			t.Errorf("cut to %d: %v", i, err)
		}
	}
	if _, err := s.Open("ASIA1", strings.Repeat("A", maxSealed+4)); !errors.Is(err, ErrInvalid) {
		t.Errorf("too long: %v", err)
	}
}

func TestKeysThatAreNone(t *testing.T) {
	for name, keys := range map[string][]Key{"none": nil, "short": {{ID: 1, Secret: []byte("short")}}} {
		if _, err := NewSealer(rand.Reader, keys...); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	s, err := NewSealer(bytes.NewReader(nil), key(1))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Seal("ASIA1", claims); err == nil {
		t.Error("sealed with no randomness")
	}
}

func TestExpired(t *testing.T) {
	c := Claims{Expires: 100}
	for unix, want := range map[int64]bool{99: false, 100: true, 101: true} {
		if got := c.Expired(time.Unix(unix, 0)); got != want {
			t.Errorf("%d: %v", unix, got)
		}
	}
}

func FuzzOpen(f *testing.F) {
	s, err := NewSealer(rand.Reader, key(1))
	if err != nil {
		f.Fatal(err)
	}
	f.Add("")
	f.Add("AQAAAAE=")
	f.Add("AQAAAAEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")
	f.Fuzz(func(t *testing.T, text string) {
		if c, err := s.Open("ASIA1", text); err == nil {
			t.Fatalf("opened as %+v", c)
		}
	})
}
