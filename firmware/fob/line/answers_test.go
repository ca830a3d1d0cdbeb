package line

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

// overLine sends a frame over the line.
func overLine(t *testing.T, f Frame) Frame {
	t.Helper()
	raw, err := f.Append(nil)
	if err != nil {
		t.Fatalf("append %+v: %v", f, err)
	}
	back, err := Parse(raw[:len(raw)-2])
	if err != nil {
		t.Fatalf("parse %q: %v", raw, err)
	}
	return back
}

func same[T any](t *testing.T, want T, f Frame, parse func(Frame) (T, error)) {
	t.Helper()
	got, err := parse(overLine(t, f))
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%#v, %v; want %#v", got, err, want)
	}
}

func TestAnswersOverTheLine(t *testing.T) {
	h := Hello{Protocol: 1, MaxLine: MaxLine, Capabilities: []string{"code", "clock"}}
	same(t, h, h.Frame(1), ParseHello)
	id := Identity{Model: strings.Repeat("m", 12), Serial: strings.Repeat("s", 20), Firmware: "255.255.255",
		Capabilities: []string{"code", "clock", "status", "selftest", "press", "seal"}}
	same(t, id, id.Frame(65535), ParseIdentity)
	id.Serial = ""
	same(t, id, id.Frame(65535), ParseIdentity)
	c := Code{Digits: "012345", Step: 1 << 35, Period: 30 * time.Second, Into: 29999 * time.Millisecond}
	same(t, c, c.Frame(65535), ParseCode)
	same(t, Wait{For: 15 * time.Second}, Wait{For: 15 * time.Second}.Frame(3), ParseWait)
	now := time.Date(2106, 2, 7, 6, 28, 16, 7_000_000, time.UTC)
	same(t, now, ClockFrame(4, now), ParseClock)
	s := Status{Uptime: 1 << 33 * time.Second, Presses: 99_999_999, Codes: 99_999_999, Commands: 99_999_999,
		Manual: true, Waiting: true, Battery: 9999, ClockLost: true}
	same(t, s, s.Frame(65535), ParseStatus)
	beyond := s
	beyond.Presses, beyond.Codes, beyond.Commands, beyond.Battery = 1<<63, 100_000_000, 1<<64-1, 1<<20
	same(t, s, beyond.Frame(65535), ParseStatus)
	same(t, Status{}, Status{}.Frame(5), ParseStatus)
	same(t, SelfTest{Vectors: 6, Failed: 1}, SelfTest{Vectors: 6, Failed: 1}.Frame(6), ParseSelfTest)
}

func TestParsersReturnTheFailure(t *testing.T) {
	f := overLine(t, (&FailureError{Verb: VerbCode, Code: FailTimeout}).Frame(9))
	_, err := ParseCode(f)
	var failure *FailureError
	if !errors.As(err, &failure) || failure.Code != FailTimeout || failure.Verb != VerbCode {
		t.Errorf("%v", err)
	}
	if err := NewRequest(1, VerbCode).Err(); err != nil {
		t.Errorf("a request as an error: %v", err)
	}
}

func TestParsersRefuse(t *testing.T) {
	code := func(f Frame) error { _, err := ParseCode(f); return err }
	clock := func(f Frame) error { _, err := ParseClock(f); return err }
	status := func(f Frame) error { _, err := ParseStatus(f); return err }
	lines := []struct {
		parse func(Frame) error
		body  string
	}{
		{code, "f1=1 clock digits=492039 step=1 ms=0 period=30"},
		{code, "f1~1 code digits=492039 step=1 ms=0 period=30"},
		{code, "f1=1 code step=1 ms=0 period=30"},
		{code, "f1=1 code digits=49203 step=1 ms=0 period=30"},
		{code, "f1=1 code digits=492039123 step=1 ms=0 period=30"},
		{code, "f1=1 code digits=49203x step=1 ms=0 period=30"},
		{code, "f1=1 code digits=492039 step=-1 ms=0 period=30"},
		{code, "f1=1 code digits=492039 step=1 ms=30000 period=30"},
		{code, "f1=1 code digits=492039 step=1 ms=0 period=0"},
		{code, "f1=1 code digits=492039 step=1 ms=0 period=999999"},
		{code, "f1=1 code digits=492039 step=18446744073709551615 ms=0 period=30"},
		{code, "f1=1 code digits=492039 step=1099511627776 ms=0 period=30"},
		{clock, "f1=1 clock unix=1790253732"},
		{clock, "f1=1 clock unix=1790253732.1"},
		{clock, "f1=1 clock unix=1790253732.0x1"},
		{clock, "f1=1 clock unix=-1.000"},
		{clock, "f1=1 clock unix=99999999999999.000"},
		{status, "f1=1 status up=1 presses=1 codes=1 commands=1 button=maybe waiting=0"},
		{status, "f1=1 status up=99999999999 presses=1 codes=1 commands=1 button=auto waiting=0"},
	}
	for _, l := range lines {
		f, err := Parse([]byte(twice(l.body)))
		if err != nil {
			t.Fatalf("%q: %v", l.body, err)
		}
		if err := l.parse(f); !errors.Is(err, ErrAnswer) {
			t.Errorf("%q: %v, want ErrAnswer", l.body, err)
		}
	}
	for body, parse := range map[string]func(Frame) error{
		"f1=1 code digits=492039 step=1 ms=0 period=30": code, "f1=1 clock unix=1790253732.034": clock,
	} {
		f, err := Parse([]byte(checked(body)))
		if err != nil {
			t.Fatal(err)
		}
		if err := parse(f); !errors.Is(err, ErrAnswer) {
			t.Errorf("%q: %v, want ErrAnswer for want of its second checksum", body, err)
		}
	}
	unchecked := Code{Digits: "492039", Step: 1, Period: 30 * time.Second}.Frame(1)
	if _, err := ParseCode(unchecked); !errors.Is(err, ErrAnswer) {
		t.Errorf("a frame without CRC as an answer: %v", err)
	}
}

func TestParsersIgnoreNewFields(t *testing.T) {
	f, err := Parse([]byte(checked("f1=1 selftest vectors=6 failed=0 battery=97")))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ParseSelfTest(f); err != nil {
		t.Errorf("a field of a later version: %v", err)
	}
}

func TestCodeKeepsItsDigits(t *testing.T) {
	c := Code{Digits: "492039", Step: 59675124, Period: 30 * time.Second}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		if s := fmt.Sprintf(verb, c); strings.Contains(s, c.Digits) {
			t.Errorf("%s shows the digits: %s", verb, s)
		}
	}
	if got := c.Time(); !got.Equal(time.Unix(1790253720, 0)) {
		t.Errorf("time %v", got)
	}
}
