package oath

import (
	"bytes"
	"errors"
	"testing"

	"github.com/fob-auth/fob/firmware/otp"
	"github.com/fob-auth/fob/firmware/record"
)

func fullState() state {
	return state{
		salt:         []byte("saltsalt"),
		keyAlgorithm: otp.SHA1,
		key:          []byte("access key 16 by"),
		credentials: []credential{
			{name: "a", kind: TOTP, algorithm: otp.SHA1, digits: 6, secret: []byte("secret"), touch: true},
			{name: "c", kind: TOTP, algorithm: otp.SHA1, digits: 6, secret: []byte("secret"), increasing: true, highest: []byte("\x00\x01")},
			{name: "60/b", kind: HOTP, algorithm: otp.SHA512, digits: 8, secret: bytes.Repeat([]byte{1}, 128), counter: 1 << 40},
		},
	}
}

// Every damaged record is found: each bit turned, each length cut off.
func TestDamagedState(t *testing.T) {
	whole, err := fullState().encode()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := New(&board{stored: whole}, v543); err != nil {
		t.Fatal(err)
	}
	for i := range len(whole) * 8 {
		bad := bytes.Clone(whole)
		bad[i/8] ^= 1 << (i % 8)
		if a, err := New(&board{stored: bad}, v543); !errors.Is(err, ErrState) || a != nil {
			t.Fatalf("bit %d: %v", i, err)
		}
	}
	for n := 1; n < len(whole); n++ {
		if _, err := New(&board{stored: whole[:n]}, v543); !errors.Is(err, ErrState) {
			t.Fatalf("%d bytes: %v", n, err)
		}
	}
}

// FuzzState: what is read is written back as the same state, whoever wrote it.
func FuzzState(f *testing.F) {
	whole, err := fullState().encode()
	if err != nil {
		f.Fatal(err)
	}
	body, _ := record.Open(stateMagic, whole)
	f.Add(body)
	f.Add([]byte("\x01\x08saltsalt"))
	f.Add([]byte("\x01\x08saltsalt\x02\x01\x01"))
	f.Add([]byte("\x01\x08saltsalt\x03\x00"))
	f.Fuzz(func(t *testing.T, objects []byte) {
		s, err := decodeState(record.Seal(stateMagic, objects))
		if err != nil {
			if !errors.Is(err, ErrState) {
				t.Fatal(err)
			}
			return
		}
		out, err := s.encode()
		if err != nil {
			t.Fatal(err)
		}
		again, err := decodeState(out)
		if err != nil {
			t.Fatalf("%x became %x: %v", objects, out, err)
		}
		if twice, err := again.encode(); err != nil || !bytes.Equal(out, twice) {
			t.Fatalf("%x became %x: %v", out, twice, err)
		}
	})
}
