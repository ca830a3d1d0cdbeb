package fob

import (
	"bytes"
	"flag"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/fob-auth/fob/firmware/fob/line"
)

// newSealed is a sealed fob on a board with all powers.
func newSealed(t testing.TB, o Options) (*Fob, *equipped) {
	t.Helper()
	f, b := newEquipped(t, o)
	provision(t, f, "GAHT12345678", secretSeed())
	return f, b
}

// Each command, in every form a person or a program may give it, leaves a
// sealed fob with its record and its clock, and tells nothing of the seed.
func TestSealedAgainstEachCommand(t *testing.T) {
	refused := func(code line.FailureCode) func(line.Frame) bool {
		return func(f line.Frame) bool { v, _ := f.Get("e"); return f.Kind == line.Failure && v == string(code) }
	}
	answered := func(f line.Frame) bool { return f.Kind == line.Answer }
	other := bytes.Repeat([]byte{0x55}, 20)
	far := time.Unix(4_000_000_000, 0)
	commands := []struct {
		req  line.Frame
		want func(line.Frame) bool
	}{
		{line.NewRequest(1, line.VerbHello), answered},
		{line.NewRequest(1, line.VerbIdentity), answered},
		{line.NewRequest(1, line.VerbCode), answered},
		{line.NewRequest(1, line.VerbClock), answered},
		{line.NewRequest(1, line.VerbStatus), answered},
		{line.NewRequest(1, line.VerbSelfTest), answered},
		{line.NewRequest(1, line.VerbCancel), refused(line.FailIdle)},
		{line.TimeRequest(1, far), refused(line.FailSealed)},
		{line.NewRequest(1, line.VerbTime), refused(line.FailSealed)},
		{line.SerialRequest(1, "OTHER", "m"), refused(line.FailSealed)},
		{line.NewRequest(1, line.VerbSerial), refused(line.FailSealed)},
		{line.SeedRequest(1, other), refused(line.FailSealed)},
		{line.SeedRequest(1, secretSeed()), refused(line.FailSealed)},
		{line.NewRequest(1, line.VerbSeed), refused(line.FailSealed)},
		{line.SealRequest(1), refused(line.FailSealed)},
		{line.Frame{Kind: line.Request, Seq: 1, Verb: line.VerbSeal, Fields: []line.Field{{Key: "x", Value: "1"}}}, refused(line.FailSealed)},
	}
	tried := map[string]bool{}
	for _, c := range commands {
		tried[c.req.Verb] = true
		f, b := newSealed(t, Options{})
		record, now := string(b.stored), b.now
		if got := give(t, f, c.req); !c.want(got) {
			t.Errorf("%s: %+v", c.req.Verb, got)
		}
		raw, err := c.req.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		bare := raw[:bytes.IndexByte(raw, '*')]
		_, typed, _ := bytes.Cut(bare, []byte(" "))
		var sent []byte
		for _, form := range [][]byte{raw, bare, typed, bytes.ToUpper(typed), append(bare, " x=1"...), append(bare, "*0000"...)} {
			sent = append(sent, f.Input(append(bytes.Clone(form), '\n'))...)
		}
		frames(t, sent)
		noSeed(t, sent, secretSeed())
		if string(b.stored) != record || !b.now.Equal(now) || !f.Sealed() {
			t.Errorf("%s changed the fob", c.req.Verb)
		}
		wantCode(t, f, now, secretSeed())
	}
	if f, _ := newSealed(t, Options{}); len(tried) != countVerbs(f) {
		t.Errorf("tried %d verbs, the fob has %d", len(tried), countVerbs(f))
	}
}

// countVerbs counts the verbs that a fob knows, among the words of package
// line and what an attacker would try.
func countVerbs(f *Fob) int {
	n := 0
	for _, verb := range verbs() {
		if f.command(verb).do != nil {
			n++
		}
	}
	return n
}

func verbs() []string {
	return []string{
		line.VerbHello, line.VerbIdentity, line.VerbCode, line.VerbClock, line.VerbStatus, line.VerbSelfTest,
		line.VerbCancel, line.VerbTime, line.VerbSerial, line.VerbSeed, line.VerbSeal, line.VerbLine, line.VerbPress,
		line.VerbBattery, line.VerbWiped,
		"wipe", "reset", "factory", "unseal", "provision", "record", "read", "dump", "peek", "load", "store", "set",
		"get", "key", "secret", "step", "next", "debug", "test", "boot", "update", "help",
	}
}

func TestDamagedFobRunsUntilWiped(t *testing.T) {
	_, b := newSealed(t, Options{})
	b.stored[20] ^= 1
	f, err := New(b, Options{})
	if err != ErrDamaged || f == nil || f.Sealed() {
		t.Fatalf("%v", err)
	}
	wantFailure(t, ask(t, f, 1, line.VerbCode), 1, line.VerbCode, line.FailFault)
	for _, req := range provisioning("S", secretSeed()) {
		wantFailure(t, give(t, f, req), req.Seq, req.Verb, line.FailFault)
	}
	f.Down()
	b.pass(WipeHold)
	only(t, f.Up())
	provision(t, f, "S", secretSeed())
	wantCode(t, f, factoryTime, secretSeed())
}

var garbage = flag.Int("lines", 100_000, "how many lines TestSealedAgainstGarbage sends")

// Lines made of the protocol's own parts, whole and broken, with presses and
// time between: a sealed fob sends whole frames within their bounds and nothing
// of its seed, and is the fob that it was.
func TestSealedAgainstGarbage(t *testing.T) {
	held := t.Run("fobs", func(t *testing.T) {
		for name, button := range map[string]Button{"auto": ButtonAuto, "manual": ButtonManual} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				sealedAgainstGarbage(t, button, *garbage/2)
			})
		}
	})
	if held {
		t.Logf("figure: %d lines of garbage to sealed fobs: no crash, no answer beyond its bound, nothing of the seed", *garbage/2*2)
	}
}

func sealedAgainstGarbage(t *testing.T, button Button, lines int) {
	f, b := newSealed(t, Options{Button: button, CodesPerMinute: 600})
	record := string(b.stored)
	g := &lineMaker{rand.New(rand.NewPCG(20261122, uint64(button)))}
	for range lines {
		in := g.line()
		sent := f.Input(in)
		bound(t, sent, in)
		noSeed(t, sent, secretSeed())
		if g.IntN(16) == 0 {
			b.pass(time.Duration(g.IntN(3000)) * time.Millisecond)
			sent = f.Tick()
			if g.IntN(4) == 0 {
				sent = append(sent, f.Press()...)
			}
			bound(t, sent, nil)
			noSeed(t, sent, secretSeed())
		}
	}
	if string(b.stored) != record || !f.Sealed() {
		t.Fatal("garbage changed the fob")
	}
	b.pass(time.Hour)
	f, err := New(b, Options{})
	if err != nil {
		t.Fatal(err)
	}
	wantCode(t, f, b.now, secretSeed())
}

// bound holds what was sent to PROTOCOL.md's bounds: whole frames, two for each
// line end, and four for what happened meanwhile.
func bound(t *testing.T, sent, in []byte) {
	t.Helper()
	ends := bytes.Count(in, []byte("\n")) + bytes.Count(in, []byte("\r"))
	for _, raw := range bytes.SplitAfter(sent, []byte("\n")) {
		if len(raw) > line.MaxLine+2 {
			t.Fatalf("%q has %d bytes", raw, len(raw))
		}
	}
	if got := len(frames(t, sent)); got > 2*ends+4 {
		t.Fatalf("%d frames for %d line ends: %q", got, ends, sent)
	}
}

// A lineMaker makes lines that are nearly requests.
type lineMaker struct{ *rand.Rand }

func (g *lineMaker) line() []byte {
	body := g.body()
	switch g.IntN(8) {
	case 0: // typed
	case 1:
		body += "*" + strings.ToUpper(strconv.FormatUint(uint64(0x10000+g.IntN(0x10000)), 16))[1:]
	default:
		sum := strconv.FormatUint(uint64(line.Checksum([]byte(body)))+0x10000, 16)
		body += "*" + strings.ToUpper(sum)[1:]
	}
	raw := []byte(body)
	for g.IntN(4) == 0 && len(raw) > 0 { // hurt on its way
		at := g.IntN(len(raw))
		switch g.IntN(4) {
		case 0:
			raw[at] ^= 1 << g.IntN(8)
		case 1:
			raw = append(raw[:at], raw[at+1:]...)
		case 2:
			raw = append(raw[:at+1], raw[at:]...)
		case 3:
			raw = raw[:at]
		}
	}
	return append(raw, []string{"\n", "\r", "\r\n", "\r\n", "\n\n"}[g.IntN(5)]...)
}

func (g *lineMaker) body() string {
	if g.IntN(50) == 0 {
		return strings.Repeat(g.word(), g.IntN(80))
	}
	var b strings.Builder
	if g.IntN(4) > 0 {
		b.WriteString("f" + g.one("1", "1", "1", "1", "1", "1", "0", "2") + g.one("?", "?", "?", "?", "?", "=", "!", "#", "~"))
		b.WriteString(strconv.Itoa(g.IntN(65540)) + " ")
	}
	b.WriteString(g.one(verbs()...))
	for range max(0, g.IntN(12)-8) {
		b.WriteString(" " + g.one("unix", "serial", "model", "b32", "step", "digits", "e", "ms", "lost", g.word()) + "=" + g.word())
	}
	return b.String()
}

func (g *lineMaker) word() string {
	switch g.IntN(5) {
	case 0:
		return strconv.FormatUint(g.Uint64()>>g.IntN(64), 10)
	case 1:
		return strconv.Itoa(g.IntN(1<<31)) + ".000"
	case 2:
		return "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
	case 3:
		return g.one("a", "_", "OTHER", "-1", "0x1", "%s", "\x00", "\xff", ",", "../..")
	}
	p := make([]byte, g.IntN(20))
	for i := range p {
		p[i] = byte(' ' + g.IntN(95))
	}
	return string(p)
}

func (g *lineMaker) one(words ...string) string { return words[g.IntN(len(words))] }
