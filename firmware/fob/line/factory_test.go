package line

import (
	"bytes"
	"encoding/base32"
	"errors"
	"strings"
	"testing"
	"time"
)

func TestFactoryRequestsOverTheLine(t *testing.T) {
	now := time.Date(2106, 2, 7, 6, 28, 16, 7_000_000, time.UTC)
	if got, bad := ReadTime(overLine(t, TimeRequest(1, now))); bad != "" || !got.Equal(now) {
		t.Errorf("time %v, %q", got, bad)
	}
	longest := strings.Repeat("s", 20)
	serial, model, bad := ReadSerial(overLine(t, SerialRequest(65535, longest, strings.Repeat("m", 12))))
	if bad != "" || serial != longest || model != strings.Repeat("m", 12) {
		t.Errorf("serial %q, model %q, %q", serial, model, bad)
	}
	if serial, model, bad := ReadSerial(overLine(t, SerialRequest(1, "S", ""))); bad != "" || serial != "S" || model != "" {
		t.Errorf("serial %q, model %q, %q", serial, model, bad)
	}
	for n := range MaxSeed + 1 {
		seed := bytes.Repeat([]byte{0xA5, 0x3C, 0xFF}, 22)[:n]
		if n == 0 {
			continue
		}
		if got, bad := ReadSeed(overLine(t, SeedRequest(65535, seed))); bad != "" || !bytes.Equal(got, seed) {
			t.Errorf("seed of %d bytes: %x, %q", n, got, bad)
		}
	}
	for verb, f := range map[string]Frame{
		VerbTime: TimeFrame(2, now), VerbSerial: SerialFrame(2, "S", "m"), VerbSeed: SeedFrame(2, 20),
		VerbSeal: SealFrame(2, "S"), VerbCancel: CancelledFrame(2),
	} {
		if err := ParseDone(overLine(t, f), verb); err != nil {
			t.Errorf("answer to %s: %v", verb, err)
		}
		if err := ParseDone(f, verb); !errors.Is(err, ErrAnswer) {
			t.Errorf("answer to %s without its CRC: %v", verb, err)
		}
	}
	var failure *FailureError
	refused := overLine(t, (&FailureError{Verb: VerbSeed, Code: FailSealed}).Frame(2))
	if err := ParseDone(refused, VerbSeed); !errors.As(err, &failure) || failure.Code != FailSealed {
		t.Errorf("refused: %v", err)
	}
}

func TestFactoryRequestsRefused(t *testing.T) {
	read := map[string]func(Frame) FailureCode{
		VerbTime:   func(f Frame) FailureCode { _, bad := ReadTime(f); return bad },
		VerbSerial: func(f Frame) FailureCode { _, _, bad := ReadSerial(f); return bad },
		VerbSeed:   func(f Frame) FailureCode { _, bad := ReadSeed(f); return bad },
	}
	for text, want := range map[string]FailureCode{
		"time":                                 FailFields,
		"time unix=1.000 x=1":                  FailFields,
		"time now=1.000":                       FailFields,
		"time unix=1":                          FailValue,
		"time unix=1.0000":                     FailValue,
		"time unix=-1.000":                     FailValue,
		"time unix=99999999999999.000":         FailValue,
		"serial":                               FailFields,
		"serial model=m":                       FailFields,
		"serial serial=s x=1":                  FailFields,
		"seed":                                 FailFields,
		"seed hex=00":                          FailFields,
		"seed b32=GEZDG1":                      FailValue, // 1 is no digit
		"seed b32=A":                           FailValue, // five bits
		"seed b32=AB":                          FailValue, // bits to spare
		"seed b32=AAA":                         FailValue,
		"seed b32=" + strings.Repeat("A", 104): FailValue, // 65 bytes
	} {
		f, err := Parse([]byte(text))
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if got := read[f.Verb](f); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestFailureSaysWhen(t *testing.T) {
	want := FailureError{Verb: VerbCode, Code: FailRate, After: 1500 * time.Millisecond}
	var got *FailureError
	if err := overLine(t, want.Frame(3)).Err(); !errors.As(err, &got) || *got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	raw := checked("f1!3 code e=rate ms=99999999999999999999")
	f, err := Parse([]byte(raw))
	if err != nil || !errors.As(f.Err(), &got) || got.After != 0 {
		t.Errorf("absurd wait: %+v, %v", got, err)
	}
}

// FuzzBase32: what the codec takes is what the standard library takes.
func FuzzBase32(f *testing.F) {
	f.Add("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")
	f.Add("gezdgnbv")
	f.Add("AB")
	f.Add("A1")
	f.Add("")
	std := base32.StdEncoding.WithPadding(base32.NoPadding)
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := decodeBase32(s)
		want, err := std.DecodeString(strings.ToUpper(s))
		for i := range len(s) {
			if s[i] < ' ' || s[i] > '~' {
				return // the library skips line ends; ToUpper makes letters of other alphabets ours
			}
		}
		if ok && (err != nil || !bytes.Equal(got, want)) {
			t.Fatalf("%q: %x, the library %x, %v", s, got, want, err)
		}
		// The library takes bits to spare.
		if !ok && err == nil && std.EncodeToString(want) == strings.ToUpper(s) {
			t.Fatalf("%q refused", s)
		}
		if ok && encodeBase32(got) != strings.ToUpper(s) {
			t.Fatalf("%q became %q", s, encodeBase32(got))
		}
	})
}
