package fob

import (
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/fob-auth/fob/firmware/fob/line"
	"github.com/fob-auth/fob/firmware/otp"
)

// board is a fob's hardware on the test's table.
type board struct {
	now    time.Time
	stored []byte
	err    error
}

func (b *board) Now() time.Time        { return b.now }
func (b *board) Load() ([]byte, error) { return b.stored, b.err }
func (b *board) Store(p []byte) error {
	if b.err == nil {
		b.stored = append([]byte(nil), p...)
	}
	return b.err
}

func (b *board) pass(d time.Duration) { b.now = b.now.Add(d) }

const seed = "12345678901234567890"

func newFob(t testing.TB, button Button) (*Fob, *board) {
	t.Helper()
	b := &board{now: time.Unix(1111111111, 250_000_000)}
	if err := Provision(b, Identity{Serial: "GAHT12345678"}, []byte(seed)); err != nil {
		t.Fatal(err)
	}
	f, err := New(b, Options{Button: button})
	if err != nil {
		t.Fatal(err)
	}
	return f, b
}

// frames takes apart what a fob sent; every line must be a whole frame.
func frames(t testing.TB, sent []byte) (out []line.Frame) {
	t.Helper()
	var s line.Splitter
	for len(sent) > 0 {
		raw, rest, err := s.Next(sent)
		if err != nil || raw == nil || !strings.HasPrefix(string(rest), "\n") {
			t.Fatalf("the fob sent %q: %v", sent, err)
		}
		frame, err := line.Parse(raw)
		if err != nil || !frame.Checked {
			t.Fatalf("the fob sent %q: %v", raw, err)
		}
		sent = rest[1:]
		out = append(out, frame)
	}
	return out
}

// only is the one frame that a fob sent.
func only(t testing.TB, sent []byte) line.Frame {
	t.Helper()
	got := frames(t, sent)
	if len(got) != 1 {
		t.Fatalf("the fob sent %d frames, want one: %q", len(got), sent)
	}
	return got[0]
}

// request is a request as a host program sends it.
func request(t testing.TB, seq uint16, verb string) []byte {
	t.Helper()
	raw, err := line.NewRequest(seq, verb).Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func ask(t testing.TB, f *Fob, seq uint16, verb string) line.Frame {
	t.Helper()
	return only(t, f.Input(request(t, seq, verb)))
}

func wantFailure(t testing.TB, got line.Frame, seq uint16, verb string, code line.FailureCode) {
	t.Helper()
	want := line.FailureError{Verb: verb, Code: code}
	var failure *line.FailureError
	if !errors.As(got.Err(), &failure) || *failure != want || got.Seq != seq {
		t.Errorf("%+v; want failure %q of %s, number %d", got, code, verb, seq)
	}
}

func TestReadingRequests(t *testing.T) {
	f, b := newFob(t, ButtonAuto)
	hello, err := line.ParseHello(ask(t, f, 1, line.VerbHello))
	if err != nil || hello.Protocol != line.Version || hello.MaxLine != line.MaxLine {
		t.Errorf("hello %+v, %v", hello, err)
	}
	id, err := line.ParseIdentity(ask(t, f, 2, line.VerbIdentity))
	want := line.Identity{Model: DefaultModel, Serial: "GAHT12345678", Firmware: Version, Capabilities: hello.Capabilities}
	if err != nil || !reflect.DeepEqual(id, want) {
		t.Errorf("identity %+v, %v", id, err)
	}
	code, err := line.ParseCode(ask(t, f, 3, line.VerbCode))
	wantCode := line.Code{Digits: "050471", Step: 0x23523ED, Period: Period, Into: 1250 * time.Millisecond}
	if err != nil || code != wantCode || !code.Time().Equal(b.now) {
		t.Errorf("code %+v, %v", code, err)
	}
	now, err := line.ParseClock(ask(t, f, 4, line.VerbClock))
	if err != nil || !now.Equal(b.now) {
		t.Errorf("clock %v, %v", now, err)
	}
	b.pass(time.Hour)
	status, err := line.ParseStatus(ask(t, f, 5, line.VerbStatus))
	if err != nil || status != (line.Status{Uptime: time.Hour, Codes: 1, Commands: 5}) {
		t.Errorf("status %+v, %v", status, err)
	}
	test, err := line.ParseSelfTest(ask(t, f, 6, line.VerbSelfTest))
	if err != nil || test != (line.SelfTest{Vectors: 6}) {
		t.Errorf("self-test %+v, %v", test, err)
	}
}

func TestTypedRequests(t *testing.T) {
	f, _ := newFob(t, ButtonAuto)
	for _, typed := range []string{"code\r", "code\n", "\r\ncode\r\n", "f1?0 code\n"} {
		if got := only(t, f.Input([]byte(typed))); got.Seq != 0 || got.Kind != line.Answer {
			t.Errorf("%q: %+v", typed, got)
		}
	}
	wantFailure(t, only(t, f.Input([]byte("cancel\n"))), 0, line.VerbCancel, line.FailNoCRC)
}

func TestPiecesMakeLines(t *testing.T) {
	f, _ := newFob(t, ButtonAuto)
	var sent []byte
	for _, c := range append(request(t, 7, line.VerbClock), request(t, 8, line.VerbClock)...) {
		sent = append(sent, f.Input([]byte{c})...)
	}
	got := frames(t, sent)
	if len(got) != 2 || got[0].Seq != 7 || got[1].Seq != 8 {
		t.Errorf("%+v", got)
	}
}

func TestBadLines(t *testing.T) {
	f, _ := newFob(t, ButtonAuto)
	for _, c := range []struct {
		line string
		seq  uint16
		verb string
		code line.FailureCode
	}{
		{"\x00\xff noise", 0, line.VerbLine, line.FailSyntax},
		{"f1?5 code*0000", 0, line.VerbLine, line.FailCRC},
		{"f2?5 code", 5, line.VerbLine, line.FailVersion},
		{"f1?5 key", 5, line.VerbLine, line.FailUnknown},
		{"f1?5 code step=1", 5, line.VerbCode, line.FailFields},
		{"f1?5 clock unix=1", 5, line.VerbClock, line.FailFields},
		{"f1?5 cancel", 5, line.VerbCancel, line.FailNoCRC},
		{"f1?5 seal", 5, line.VerbSeal, line.FailNoCRC},
		{strings.Repeat("x", 10_000), 0, line.VerbLine, line.FailTooLong},
	} {
		wantFailure(t, only(t, f.Input([]byte(c.line+"\n"))), c.seq, c.verb, c.code)
	}
	for _, own := range []string{"f1=1 code*0000", "f1!0 line e=crc*0000", "f1#\xff"} {
		if sent := f.Input([]byte(own + "\n")); len(sent) > 0 {
			t.Errorf("answered its own %q: %q", own, sent)
		}
	}
	if code := ask(t, f, 9, line.VerbCode); code.Kind != line.Answer {
		t.Errorf("after bad lines: %+v", code)
	}
}

// A fob on a line that echoes must not talk to itself.
func TestEchoEnds(t *testing.T) {
	f, _ := newFob(t, ButtonManual)
	sent := f.Input([]byte("f1?3 code\nnoise!\nf1?4 nothing\n"))
	sent = append(sent, f.Press()...)
	sent = append(sent, f.Press()...)
	if again := f.Input(sent); len(again) > 0 {
		t.Errorf("answered its echo: %q", again)
	}
}

func TestManualButton(t *testing.T) {
	f, b := newFob(t, ButtonManual)
	wait, err := line.ParseWait(ask(t, f, 1, line.VerbCode))
	if err != nil || wait.For != Patience || !f.Waiting() {
		t.Fatalf("%+v, %v, waiting %v", wait, err, f.Waiting())
	}
	b.pass(Patience - time.Millisecond)
	if sent := f.Tick(); len(sent) > 0 {
		t.Fatalf("before its time: %q", sent)
	}
	if s, err := line.ParseStatus(ask(t, f, 2, line.VerbStatus)); err != nil || !s.Waiting || !s.Manual {
		t.Errorf("status while waiting: %+v, %v", s, err)
	}
	got := only(t, f.Press())
	code, err := line.ParseCode(got)
	step := otp.Step(b.now, Period)
	want, _ := otp.HOTP(otp.SHA1, []byte(seed), step, Digits)
	if err != nil || got.Seq != 1 || code.Step != step || code.Digits != want {
		t.Errorf("%v number %d, %v; want the code of the press", code, got.Seq, err)
	}
	if f.Waiting() || f.Presses() != 1 || f.Codes() != 1 || f.Commands() != 2 {
		t.Errorf("waiting %v, %d presses, %d codes, %d commands", f.Waiting(), f.Presses(), f.Codes(), f.Commands())
	}
}

func TestManualTimeout(t *testing.T) {
	for name, move := range map[string]time.Duration{"patience": Patience, "set back": -time.Second, "set on": time.Hour} {
		f, b := newFob(t, ButtonManual)
		ask(t, f, 1, line.VerbCode)
		b.pass(move)
		wantFailure(t, only(t, f.Tick()), 1, line.VerbCode, line.FailTimeout)
		if f.Waiting() || len(f.Tick()) > 0 {
			t.Errorf("%s: still waits", name)
		}
	}
	f, b := newFob(t, ButtonManual)
	ask(t, f, 1, line.VerbCode)
	b.pass(Patience)
	got := frames(t, f.Press())
	if len(got) != 2 || got[1].Kind != line.Event {
		t.Fatalf("a press too late: %+v", got)
	}
	wantFailure(t, got[0], 1, line.VerbCode, line.FailTimeout)
}

func TestRepeatedAndNewerRequests(t *testing.T) {
	f, b := newFob(t, ButtonManual)
	ask(t, f, 1, line.VerbCode)
	b.pass(5 * time.Second)
	if wait, err := line.ParseWait(ask(t, f, 1, line.VerbCode)); err != nil || wait.For != 10*time.Second {
		t.Errorf("the same again: %+v, %v", wait, err)
	}
	got := frames(t, f.Input(request(t, 2, line.VerbCode)))
	if len(got) != 2 {
		t.Fatalf("a newer one: %+v", got)
	}
	wantFailure(t, got[0], 1, line.VerbCode, line.FailSuperseded)
	if wait, err := line.ParseWait(got[1]); err != nil || got[1].Seq != 2 || wait.For != Patience {
		t.Errorf("a newer one: %+v, %v", got[1], err)
	}
	if got := only(t, f.Press()); got.Seq != 2 {
		t.Errorf("the press went to number %d", got.Seq)
	}
}

func TestCancel(t *testing.T) {
	f, _ := newFob(t, ButtonManual)
	wantFailure(t, ask(t, f, 1, line.VerbCancel), 1, line.VerbCancel, line.FailIdle)
	ask(t, f, 2, line.VerbCode)
	got := frames(t, f.Input(request(t, 3, line.VerbCancel)))
	if len(got) != 2 || got[1].Kind != line.Answer || got[1].Seq != 3 || f.Waiting() {
		t.Fatalf("%+v", got)
	}
	wantFailure(t, got[0], 2, line.VerbCode, line.FailCancelled)
	if event := only(t, f.Press()); event.Kind != line.Event || event.Verb != line.VerbPress || event.Seq != 1 {
		t.Errorf("press afterwards: %+v", event)
	}
}

func TestClockBeforeTheEpoch(t *testing.T) {
	f, b := newFob(t, ButtonAuto)
	b.now = time.Unix(-1, 0)
	wantFailure(t, ask(t, f, 1, line.VerbCode), 1, line.VerbCode, line.FailClock)
	wantFailure(t, ask(t, f, 2, line.VerbClock), 2, line.VerbClock, line.FailClock)
	if s, err := line.ParseStatus(ask(t, f, 3, line.VerbStatus)); err != nil || s.Uptime != 0 {
		t.Errorf("status %+v, %v", s, err)
	}
}

// The examples of PROTOCOL.md are frames with right checksums, and its tables
// name every verb and every failure.
func TestSpecificationExamples(t *testing.T) {
	text, err := os.ReadFile("PROTOCOL.md")
	if err != nil {
		t.Fatal(err)
	}
	examples := 0
	for _, l := range strings.Split(string(text), "\n") {
		l = strings.TrimPrefix(strings.TrimPrefix(l, "> "), "< ")
		if len(l) < 3 || l[:2] != "f1" || l[2] == ' ' {
			continue
		}
		examples++
		if f, err := line.Parse([]byte(l)); err != nil || !f.Checked {
			t.Errorf("%q: %v", l, err)
		}
	}
	if examples < 7 {
		t.Errorf("found %d examples", examples)
	}
	for _, word := range []string{
		line.VerbHello, line.VerbIdentity, line.VerbCode, line.VerbClock, line.VerbStatus, line.VerbSelfTest,
		line.VerbCancel, line.VerbTime, line.VerbSerial, line.VerbSeed, line.VerbSeal,
		line.VerbPress, line.VerbBattery, line.VerbWiped,
		"syntax", "toolong", "crc", "version", "unknown", "fields", "value", "nocrc", "unprovisioned", "sealed",
		"incomplete", "rate", "timeout", "superseded", "cancelled", "idle", "clock", "fault",
	} {
		if !strings.Contains(string(text), "\n| `"+word+"` |") {
			t.Errorf("no row for %q", word)
		}
	}
}
