package record

import (
	"bytes"
	"encoding/hex"
	"slices"
	"testing"
)

// The checksums are those of Python's zlib.crc32. Stored keys hold such bytes:
// they may not change.
func TestSeal(t *testing.T) {
	for _, c := range []struct{ magic, body, want string }{
		{"OATH\x01", "\x01\x08\x01\x02\x03\x04\x05\x06\x07\x08", "4f4154480101080102030405060708a5367023"},
		{"MGMT\x01", "", "4d474d5401b110bd34"},
		{"", "123456789", "313233343536373839cbf43926"},
		{"", "", "00000000"},
	} {
		sealed := Seal(c.magic, []byte(c.body))
		if got := hex.EncodeToString(sealed); got != c.want {
			t.Errorf("%q, %q: %s, want %s", c.magic, c.body, got, c.want)
		}
		if body, ok := Open(c.magic, sealed); !ok || string(body) != c.body {
			t.Errorf("%q, %q: opened %q, %t", c.magic, c.body, body, ok)
		}
	}
}

// Each bit turned, each length cut off and another magic are found.
func TestDamage(t *testing.T) {
	good := Seal("TEST\x01", []byte("what an applet keeps"))
	for i := range len(good) * 8 {
		bad := slices.Clone(good)
		bad[i/8] ^= 1 << (i % 8)
		if body, ok := Open("TEST\x01", bad); ok || body != nil {
			t.Errorf("bit %d: opened %q", i, body)
		}
	}
	for n := range good {
		if _, ok := Open("TEST\x01", good[:n]); ok {
			t.Errorf("the first %d bytes opened", n)
		}
	}
	if _, ok := Open("TEST\x02", good); ok {
		t.Error("opened with another magic")
	}
}

// A body outlives the bytes that it was read from.
func TestBodyIsACopy(t *testing.T) {
	sealed := Seal("TEST\x01", []byte("body"))
	body, ok := Open("TEST\x01", sealed)
	clear(sealed)
	if !ok || string(body) != "body" {
		t.Errorf("%q, %t", body, ok)
	}
}

// FuzzOpen: what opens is sealed as the same bytes, and what is sealed opens.
func FuzzOpen(f *testing.F) {
	f.Add("TEST\x01", []byte("body"))
	f.Add("TEST\x01", Seal("TEST\x01", []byte("body")))
	f.Add("", []byte{0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, magic string, b []byte) {
		if body, ok := Open(magic, b); ok && !bytes.Equal(Seal(magic, body), b) {
			t.Errorf("%x was opened as %x", b, body)
		}
		if body, ok := Open(magic, Seal(magic, b)); !ok || !bytes.Equal(body, b) {
			t.Errorf("%x came back as %x, %t", b, body, ok)
		}
	})
}
