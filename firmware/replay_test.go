package firmware_test

import (
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fob-auth/fob/firmware"
	"github.com/fob-auth/fob/firmware/mgmt"
	"github.com/fob-auth/fob/firmware/oath"
	"github.com/fob-auth/fob/firmware/piv"
	"github.com/fob-auth/fob/firmware/yubiotp"
)

// The key that the files under testdata talk to, unless they ask for another
// firmware version.
const replaySerial = 12345678

var replayVersion = firmware.Version{5, 4, 3}

// bench is a board whose random bytes count up from 1.
type bench struct {
	next    byte
	noTouch bool
	stored  map[string][]byte
}

func newBench() *bench { return &bench{stored: map[string][]byte{}} }

func (b *bench) Random(p []byte) error {
	for i := range p {
		b.next++
		p[i] = b.next
	}
	return nil
}

func (b *bench) AwaitTouch(time.Duration) error {
	if b.noTouch {
		return firmware.ErrNoTouch
	}
	return nil
}

func (b *bench) Load(name string) ([]byte, error) { return b.stored[name], nil }
func (b *bench) Store(name string, data []byte) error {
	b.stored[name] = append([]byte(nil), data...)
	return nil
}

// yubikey is a card as the bench builds it, but without an attestation key.
func yubikey(t testing.TB, b *bench, v firmware.Version) *firmware.Card {
	t.Helper()
	o, err := oath.New(b, v)
	if err != nil {
		t.Fatal(err)
	}
	const all = mgmt.OTP | mgmt.PIV | mgmt.OATH
	m, err := mgmt.Open(b, mgmt.Options{Serial: replaySerial, Version: v, USB: all})
	if err != nil {
		t.Fatal(err)
	}
	p, err := piv.New(b, piv.Options{Serial: replaySerial, Version: v, FormFactor: 1})
	if err != nil {
		t.Fatal(err)
	}
	y, err := yubiotp.New(b, yubiotp.Options{Serial: replaySerial, Version: v})
	if err != nil {
		t.Fatal(err)
	}
	return firmware.NewCard(m, o, p, y)
}

// TestReplay plays each file of testdata against a new card. A line of a file
// is a comment (#), a command (>) or the answer it must have (<), both in hex
// with spaces anywhere, or an incident (!): "reset", "touch", "no touch", or
// "firmware 5.7.1" for a new card of that version.
func TestReplay(t *testing.T) {
	files, err := filepath.Glob("testdata/*.apdu")
	if err != nil || len(files) < 5 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".apdu"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			replay(t, string(text))
		})
	}
}

func replay(t *testing.T, text string) {
	b := newBench()
	card := yubikey(t, b, replayVersion)
	answer, open := "", false
	for n, l := range strings.Split(text, "\n") {
		fail := func(format string, args ...any) {
			t.Helper()
			t.Fatalf("line %d: %s", n+1, fmt.Sprintf(format, args...))
		}
		mark, rest, _ := strings.Cut(l, " ")
		switch mark {
		case "", "#":
		case ">":
			raw, err := hex.DecodeString(strings.ReplaceAll(rest, " ", ""))
			if err != nil || open {
				fail("command after an answer that nothing asks for, or no hex: %v", err)
			}
			answer, open = hex.EncodeToString(card.Transmit(raw)), true
		case "<":
			if want := strings.ReplaceAll(rest, " ", ""); !open || answer != want {
				fail("the card answered %s, want %s", answer, want)
			}
			open = false
		case "!":
			var v firmware.Version
			switch n, err := fmt.Sscanf(rest, "firmware %d.%d.%d", &v[0], &v[1], &v[2]); {
			case n == len(v) && err == nil:
				b = newBench()
				card = yubikey(t, b, v)
			case rest == "reset":
				card.Reset()
			case rest == "touch", rest == "no touch":
				b.noTouch = rest == "no touch"
			default:
				fail("unknown incident %q", rest)
			}
		default:
			fail("unknown mark %q", mark)
		}
	}
	if open {
		t.Fatal("the last command has no answer")
	}
}

// FuzzCard: whatever is sent, in whatever order, a card answers at least a
// status word, and a short command at most 256 bytes.
func FuzzCard(f *testing.F) {
	files, err := filepath.Glob("testdata/*.apdu")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(session(f, string(text)))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		card := yubikey(t, newBench(), replayVersion)
		for len(in) > 0 {
			n := min(int(in[0]), len(in)-1)
			if n == 0 {
				card.Reset()
			}
			got := card.Transmit(in[1 : 1+n])
			if len(got) < 2 || n < 7 && len(got) > 258 {
				t.Fatalf("%x: answered %d bytes", in[1:1+n], len(got))
			}
			in = in[1+n:]
		}
	})
}

// session is the commands of a file, each behind a byte of length; those that
// are too long for it are left out.
func session(f *testing.F, text string) (out []byte) {
	for _, l := range strings.Split(text, "\n") {
		if rest, ok := strings.CutPrefix(l, "> "); ok {
			raw, err := hex.DecodeString(strings.ReplaceAll(rest, " ", ""))
			if err != nil {
				f.Fatalf("%q: %v", l, err)
			}
			if len(raw) <= 255 {
				out = append(append(out, byte(len(raw))), raw...)
			}
		}
	}
	return out
}
