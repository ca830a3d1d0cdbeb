package ids

import (
	"bytes"
	"crypto/rand"
	"regexp"
	"testing"
)

func TestForms(t *testing.T) {
	for p, form := range map[Prefix]string{
		TemporaryKey: `^ASIA[A-Z2-7]{16}$`, LongTermKey: `^AKIA[A-Z2-7]{16}$`, User: `^AIDA[A-Z2-7]{17}$`, Role: `^AROA[A-Z2-7]{17}$`,
		Group: `^AGPA[A-Z2-7]{17}$`, ManagedPolicy: `^ANPA[A-Z2-7]{17}$`,
	} {
		a, err := New(rand.Reader, p)
		if err != nil {
			t.Fatal(err)
		}
		b, err := New(rand.Reader, p)
		if err != nil || a == b {
			t.Errorf("made twice: %s, %v", a, err)
		}
		for _, id := range []string{a, b, Of(p, "x")} {
			if !regexp.MustCompile(form).MatchString(id) {
				t.Errorf("%s doesn't look like %s", id, form)
			}
		}
	}
	if id := Of(User, "1", "a"); id != "AIDAFHW7NTSB2TOSWIF53" || id == Of(User, "1a") || Of(User, "a")[4:] == Of(Role, "a")[4:] {
		t.Errorf("names and ids don't go together: %s", id)
	}
}

func TestSecrets(t *testing.T) {
	s, err := NewSecret(rand.Reader)
	if err != nil || len(s) != 40 {
		t.Errorf("a secret of %d characters, %v", len(s), err)
	}
}

func TestWithoutRandomness(t *testing.T) {
	if _, err := New(bytes.NewReader(nil), User); err == nil {
		t.Error("an id")
	}
	if _, err := NewSecret(bytes.NewReader(nil)); err == nil {
		t.Error("a secret")
	}
}

func TestATemporaryKeyTellsItsAccount(t *testing.T) {
	for _, account := range []string{"000000000000", "111122223333", "999999999999"} {
		id, err := NewTemporaryKey(rand.Reader, account)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := AccountOf(id); !ok || got != account || len(id) != keyLength {
			t.Errorf("%s is of %s: got %s, %v", id, account, got, ok)
		}
	}
	// an id that was published together with its account's number
	if got, ok := AccountOf("ASIAQNZGKIQY56JQ7WML"); !ok || got != "029608264753" {
		t.Errorf("got %s, %v", got, ok)
	}
	for _, id := range []string{"", "ASIA", "AKIAQNZGKIQY56JQ7WML", "ASIAIOSFODNN7EXAMPLE", "ASIAQNZGKIQY56JQ7WM!", "ASIAQNZGKIQY56JQ7WMLA"} {
		if got, ok := AccountOf(id); ok {
			t.Errorf("%q is of %s", id, got)
		}
	}
	if _, err := NewTemporaryKey(rand.Reader, "me"); err == nil {
		t.Error("an account that is no number")
	}
}
