package oath_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/fob-auth/fob/devices"
	"github.com/fob-auth/fob/devices/oath"
	"github.com/fob-auth/fob/devices/oath/oathtest"
	"github.com/fob-auth/fob/firmware/apdu"
)

// replacing is a key that answers one instruction with other bytes.
func replacing(ins, p1 byte, answer []byte) *oathtest.Key {
	k := key(totp("a"))
	k.Tap = func(cmd apdu.Command) ([]byte, bool) { return answer, cmd.INS == ins && cmd.P1 == p1 }
	return k
}

func ok(data ...byte) []byte { return apdu.Response{Data: data, SW: apdu.OK}.Bytes() }

// TestCodesThatAreNone: whatever a card answers to CALCULATE that isn't one
// code of 6 to 8 digits is refused.
func TestCodesThatAreNone(t *testing.T) {
	for name, answer := range map[string][]byte{
		"nothing at all":      {},
		"half a status word":  {0x90},
		"no data":             ok(),
		"a tag alone":         ok(0x76),
		"truncated":           ok(0x76, 5, 6, 0, 0, 0),
		"short":               ok(0x76, 4, 6, 0, 0, 0),
		"long":                ok(0x76, 6, 6, 0, 0, 0, 0, 0),
		"empty":               ok(0x76, 0),
		"no digits":           ok(0x76, 5, 0, 0, 0, 0, 1),
		"five digits":         ok(0x76, 5, 5, 0, 0, 0, 1),
		"nine digits":         ok(0x76, 5, 9, 0, 0, 0, 1),
		"other tag":           ok(0x7C, 1, 6),
		"event-based":         ok(0x77, 1, 6),
		"two codes":           ok(0x76, 5, 6, 0, 0, 0, 1, 0x76, 5, 6, 0, 0, 0, 2),
		"code and garbage":    ok(0x76, 5, 6, 0, 0, 0, 1, 0x76),
		"short HMAC":          ok(0x75, 5, 6, 0, 0, 0, 1),
		"offset past the end": ok(0x75, 17, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xF),
		"endless":             {0x61, 0x00},
	} {
		k := replacing(0xA2, 0, answer)
		if name == "endless" {
			tap := k.Tap
			k.Tap = func(cmd apdu.Command) ([]byte, bool) {
				if cmd.INS == 0xA5 {
					return answer, true
				}
				return tap(cmd)
			}
		}
		code, err := open(t, k).Code(t.Context(), "a", time.Unix(59, 0))
		if !errors.Is(err, devices.ErrAnswer) || code != (devices.Code{}) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestWholeHMAC: a card that answers all of the HMAC gets it truncated here.
// The value is the example of RFC 4226, 5.4.
func TestWholeHMAC(t *testing.T) {
	hmac := []byte{
		0x1f, 0x86, 0x98, 0x69, 0x0e, 0x02, 0xca, 0x16, 0x61, 0x85,
		0x50, 0xef, 0x7f, 0x19, 0xda, 0x8e, 0x94, 0x5b, 0x55, 0x5a,
	}
	k := replacing(0xA2, 0, ok(append([]byte{0x75, 21, 6}, hmac...)...))
	code, err := open(t, k).Code(t.Context(), "a", time.Unix(59, 0))
	if err != nil || code.Digits.Reveal() != "872921" {
		t.Errorf("code %s, %v; want 872921", code.Digits.Reveal(), err)
	}
}

func TestListingsThatAreNone(t *testing.T) {
	flood := make([]byte, 20<<10)
	for name, k := range map[string]*oathtest.Key{
		"LIST truncated":            replacing(0xA1, 0, ok(0x72, 5, 0x21, 'a')),
		"LIST without a name":       replacing(0xA1, 0, ok(0x72, 1, 0x21)),
		"LIST with another object":  replacing(0xA1, 0, ok(0x73, 2, 0x21, 'a')),
		"LIST without end":          replacing(0xA1, 0, ok(flood...)),
		"LIST short":                replacing(0xA1, 0, []byte{0x90}),
		"CALCULATE ALL truncated":   replacing(0xA4, 0, ok(0x71, 1, 'a', 0x76, 5, 6)),
		"CALCULATE ALL nameless":    replacing(0xA4, 0, ok(0x76, 5, 6, 0, 0, 0, 1)),
		"CALCULATE ALL no digits":   replacing(0xA4, 0, ok(0x71, 1, 'a', 0x76, 0)),
		"CALCULATE ALL after names": replacing(0xA4, 0, ok(0x71, 1, 'a', 0x76, 5, 6, 0, 0, 0, 1, 0x7C, 1, 6)),
	} {
		list, err := open(t, k).Credentials(t.Context())
		if !errors.Is(err, devices.ErrAnswer) || list != nil {
			t.Errorf("%s: %v, %v", name, list, err)
		}
	}
}

// selecting is a key that answers the SELECT of its OATH applet with other
// bytes.
func selecting(answer []byte) *oathtest.Key {
	k := key()
	k.Tap = func(cmd apdu.Command) ([]byte, bool) {
		return answer, cmd.INS == 0xA4 && bytes.HasPrefix(cmd.Data, []byte{0xA0, 0, 0, 5, 0x27, 0x21})
	}
	return k
}

func TestIdentitiesThatAreNone(t *testing.T) {
	for name, k := range map[string]*oathtest.Key{
		"READ CONFIG empty":        replacing(0x1D, 0, ok()),
		"READ CONFIG short":        replacing(0x1D, 0, ok(6, 2, 4, 0, 0, 1)),
		"READ CONFIG long":         replacing(0x1D, 0, ok(6, 2, 4, 0, 0, 1, 2, 9)),
		"READ CONFIG truncated":    replacing(0x1D, 0, ok(3, 2, 4, 0)),
		"serial of three bytes":    replacing(0x1D, 0, ok(5, 2, 3, 0, 0, 1)),
		"version of two bytes":     replacing(0x1D, 0, ok(10, 2, 4, 0, 0, 0, 1, 5, 2, 5, 4)),
		"half a status to SELECT":  replacing(0xA4, 4, []byte{0x90}),
		"nothing to SELECT":        selecting(ok()),
		"SELECT without a version": selecting(ok(0x71, 2, 1, 2)),
		"SELECT truncated":         selecting(ok(0x79, 3, 5, 4)),
	} {
		token, err := oath.Open(t.Context(), k, slot)
		if !errors.Is(err, devices.ErrAnswer) || token != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTwoCredentialsOfOneNameAreNeither(t *testing.T) {
	k := replacing(0xA1, 0, ok(0x72, 2, 0x21, 'a', 0x72, 2, 0x21, 'a'))
	code, err := open(t, k).Code(t.Context(), "a", time.Unix(59, 0))
	if !errors.Is(err, devices.ErrAnswer) || code != (devices.Code{}) {
		t.Errorf("code: %v", err)
	}
}
