package fob

import (
	"bytes"
	"encoding/base32"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/fob-auth/fob/firmware/fob/line"
)

// FuzzInput: whatever comes over the line, with presses and time between, the
// fob sends whole frames within their bound, no more than two for each line
// end, and never any of its seed.
func FuzzInput(f *testing.F) {
	for _, verb := range []string{line.VerbHello, line.VerbIdentity, line.VerbCode, line.VerbClock,
		line.VerbStatus, line.VerbSelfTest, line.VerbCancel, line.VerbSeal, "key"} {
		f.Add(request(f, 1, verb), uint8(3), false)
		f.Add([]byte(verb+"\r\n"), uint8(0), true)
	}
	for _, raw := range factoryLines(f) {
		f.Add(raw, uint8(5), false)
	}
	f.Add(bytes.Repeat(request(f, 2, line.VerbCode), 5), uint8(20), true)
	f.Add(bytes.Repeat([]byte("x"), 1000), uint8(7), false)
	f.Add([]byte("f1?1 code*\nf1=1 code\r\r\nf9?1 x\n\x00\n"), uint8(1), true)
	secret := secretSeed()
	f.Fuzz(func(t *testing.T, in []byte, at uint8, manual bool) {
		b := &board{now: time.Unix(1790253732, 0)}
		if err := Provision(b, Identity{Serial: "GAHT12345678"}, secret); err != nil {
			t.Fatal(err)
		}
		o := Options{}
		if manual {
			o.Button = ButtonManual
		}
		fob, err := New(b, o)
		if err != nil {
			t.Fatal(err)
		}
		cut := min(int(at), len(in))
		sent := fob.Input(in[:cut])
		sent = append(sent, fob.Press()...)
		b.pass(time.Duration(at) * time.Second)
		sent = append(sent, fob.Tick()...)
		sent = append(sent, fob.Input(in[cut:])...)
		ends := bytes.Count(in, []byte("\n")) + bytes.Count(in, []byte("\r"))
		if got := len(frames(t, sent)); got > 2*ends+2 {
			t.Fatalf("%d frames for %d line ends", got, ends)
		}
		noSeed(t, sent, secret)
	})
}

// factoryLines are the lines that provision a fob, one by one and all at once.
func factoryLines(t testing.TB) [][]byte {
	var all []byte
	var lines [][]byte
	for _, req := range provisioning("GAHT12345678", secretSeed()) {
		raw, err := req.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, raw)
		all = append(all, raw...)
	}
	return append(lines, all)
}

// FuzzFactory: whatever comes down the line of an unprovisioned fob, it stays
// one or becomes a whole fob, which a later start finds again.
func FuzzFactory(f *testing.F) {
	for _, raw := range factoryLines(f) {
		f.Add(raw, uint8(0))
		f.Add(append(raw, request(f, 9, line.VerbIdentity)...), uint8(11))
	}
	f.Fuzz(func(t *testing.T, in []byte, held uint8) {
		fob, b := newEquipped(t, Options{})
		sent := fob.Input(in)
		bound(t, sent, in)
		fob.Down()
		b.pass(time.Duration(held) * time.Second)
		bound(t, fob.Up(), nil)
		again, err := New(b, Options{})
		if err != nil || again.Sealed() != fob.Sealed() || again.Sealed() && again.record.check() != nil {
			t.Fatalf("%v; sealed %v, then %v", err, fob.Sealed(), again.Sealed())
		}
		if held >= 10 && fob.Sealed() {
			t.Fatal("not wiped")
		}
	})
}

// secretSeed is a seed that nothing else a fob says resembles: no run of it is
// text, nor decimal digits in hex.
func secretSeed() []byte {
	return []byte("\xB3\xFE\xCA\x8D\xEB\xDA\xFC\x9E\xAF\xD1\xC7\xBE\xE5\xFA\x9C\xDD\xA1\xEC\xF3\x8B")
}

// noSeed fails if any five bytes of the seed can be read in what was sent.
func noSeed(t *testing.T, sent, seed []byte) {
	t.Helper()
	upper := strings.ToUpper(string(sent))
	for i := 0; i+5 <= len(seed); i++ {
		part := seed[i : i+5] // as base32, eight whole digits
		for _, form := range []string{
			string(part),
			strings.ToUpper(string(part)),
			strings.ToUpper(hex.EncodeToString(part)),
			base32.StdEncoding.EncodeToString(part),
		} {
			if bytes.Contains(sent, []byte(form)) || strings.Contains(upper, form) {
				t.Fatalf("bytes %d to %d of the seed in what was sent", i, i+4)
			}
		}
	}
}

func BenchmarkCode(b *testing.B) {
	f, _ := newFob(b, ButtonAuto)
	ask := request(b, 1, line.VerbCode)
	b.ReportAllocs()
	for b.Loop() {
		if len(f.Input(ask)) == 0 {
			b.Fatal("no answer")
		}
	}
}
