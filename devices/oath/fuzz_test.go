package oath_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/fob-auth/fob/devices"
	"github.com/fob-auth/fob/devices/oath"
	"github.com/fob-auth/fob/firmware/apdu"
)

// A script answers each command with the next piece of what the fuzzer made:
// two bytes of length, then the answer. At the end the token is gone.
type script struct {
	rest []byte
	last []byte // the answer that came last
	ins  byte   // and what it was to
}

func (s *script) Transmit(_ context.Context, cmd []byte) ([]byte, error) {
	if len(s.rest) < 2 {
		return nil, devices.ErrRemoved
	}
	n := min(int(s.rest[0])<<8|int(s.rest[1]), len(s.rest)-2)
	s.last, s.rest, s.ins = s.rest[2:2+n], s.rest[2+n:], cmd[1]
	return s.last, nil
}

func (*script) Close() error { return nil }

// pieces is a fuzzer's input that answers with these.
func pieces(answers ...[]byte) []byte {
	var out []byte
	for _, a := range answers {
		out = append(out, byte(len(a)>>8), byte(len(a)))
		out = append(out, a...)
	}
	return out
}

// FuzzAnswers lets a card answer anything: nothing panics, every failure has a
// type, and a code is only ever taken from an answer that holds just that.
func FuzzAnswers(f *testing.F) {
	selectMgmt, config := ok(), ok(6, 2, 4, 0, 0, 0, 1)
	selectOATH := ok(0x79, 3, 5, 4, 3, 0x71, 8, 1, 2, 3, 4, 5, 6, 7, 8)
	list := ok(0x72, 2, 0x21, 'a')
	f.Add(pieces(selectMgmt, config, selectOATH, selectOATH, list, ok(0x71, 1, 'a', 0x76, 5, 6, 0, 0, 0, 1), selectOATH, list, ok(0x76, 5, 6, 0, 0, 0, 1)))
	f.Add(pieces(selectMgmt, config, selectOATH, selectOATH, ok(), selectOATH, list, ok(append([]byte{0x75, 21, 8}, make([]byte, 20)...)...)))
	f.Add(pieces(selectMgmt, []byte{0x6D, 0x00}, []byte{0x6A, 0x82}))
	f.Add(pieces([]byte{0x6A, 0x82}, ok(), ok(0, 0, 0, 1), selectOATH, selectOATH, []byte{0x61, 4}, list))
	f.Add(pieces(selectMgmt, config, ok(0x79, 3, 5, 4, 3, 0x74, 1, 1)))
	locked := ok(0x79, 3, 5, 4, 3, 0x71, 8, 1, 2, 3, 4, 5, 6, 7, 8, 0x74, 8, 1, 1, 1, 1, 1, 1, 1, 1, 0x7B, 1, 1)
	f.Add(pieces(selectMgmt, config, locked, locked, locked, locked, ok(append([]byte{0x75, 20}, make([]byte, 20)...)...)))
	f.Fuzz(func(t *testing.T, data []byte) {
		s := &script{rest: data}
		token, err := oath.Open(t.Context(), s, slot)
		if err != nil {
			typed(t, err)
			return
		}
		if info := token.Info(); info.Serial == "" || info.Serial == "0" {
			t.Fatalf("opened with serial %q", info.Serial)
		}
		coder := devices.Coder(token)
		credentials, err := coder.Credentials(t.Context())
		typed(t, err)
		for _, c := range credentials {
			if c.ID == "" || c.Digits < 6 || c.Digits > 8 || c.Algorithm == "" || (c.Type == devices.TOTP) != (c.Period > 0) {
				t.Fatalf("lists %+v", c)
			}
		}
		code, err := coder.Code(t.Context(), "a", time.Unix(59, 0))
		typed(t, err)
		if err == nil {
			plausible(t, s, code)
		}
		// The challenge is new each time: no script knows the answer.
		if err = token.UnlockWith(t.Context(), devices.Secret("sixteen bytes...")); err == nil {
			t.Fatal("unlocked by a card that can't know the key")
		}
		typed(t, err)
	})
}

// typed checks that an error is one of those that callers tell apart.
func typed(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		return
	}
	for _, kind := range []error{
		devices.ErrRemoved, devices.ErrAnswer, devices.ErrUnsupported, devices.ErrPassword,
		devices.ErrNoCredential, devices.ErrNoTouch, devices.ErrFull,
	} {
		if errors.Is(err, kind) {
			return
		}
	}
	t.Fatalf("error without a type: %v", err)
}

// plausible checks a code against the bytes it came from, by arithmetic of its
// own.
func plausible(t *testing.T, s *script, code devices.Code) {
	t.Helper()
	digits := code.Digits.Reveal()
	if len(digits) < 6 || len(digits) > 8 || code.Counter != uint64(59/int64(code.Period/time.Second)) {
		t.Fatalf("code of %d digits for step %d", len(digits), code.Counter)
	}
	if s.ins != 0xA2 || len(s.last) != 9 || s.last[0] != 0x76 || s.last[1] != 5 {
		return // put together from pieces, or of the whole HMAC
	}
	number := (uint64(s.last[3])<<24 | uint64(s.last[4])<<16 | uint64(s.last[5])<<8 | uint64(s.last[6])) % (1 << 31)
	want := fmt.Sprintf("%010d", number)
	if digits != want[len(want)-int(s.last[2]):] || apdu.SW(s.last[7])<<8|apdu.SW(s.last[8]) != apdu.OK {
		t.Fatalf("answer % X gave %s", s.last, digits)
	}
}
