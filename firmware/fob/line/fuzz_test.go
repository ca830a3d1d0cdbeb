package line

import (
	"bytes"
	"reflect"
	"testing"
	"time"
)

// lines are seeds for the fuzz targets: one frame of each kind and lines that
// are none.
func lines() []string {
	return []string{
		"code", "code*1234", "f1?1 code", checked("f1?1 code"), checked("cancel"),
		twice("f1=17 code digits=492039 step=59675124 ms=12034 period=30"),
		checked("f1~17 code wait=press ms=15000"),
		checked("f1!0 line e=crc"), checked("f1#3 press presses=12"),
		checked("f1=2 hello proto=1 line=128 caps=code,clock"),
		checked("f1=2 identity model=fob-1 serial=GAHT12345678 fw=1.0.0 caps=code"),
		twice("f1=2 clock unix=1790253732.034"),
		checked("f1=2 status up=9 presses=1 codes=2 commands=3 button=auto waiting=0"),
		checked("f1=2 selftest vectors=6 failed=0"),
		"f2?9 code", "f1=1 code", "\x00\xff", "*", "**", "f1?65536 x", "a a=1 a=1",
	}
}

// Whatever parses is written back as the same frame, and a whole frame with a
// CRC as the same bytes.
func FuzzParse(f *testing.F) {
	for _, l := range lines() {
		f.Add([]byte(l))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		frame, err := Parse(raw)
		if err != nil {
			return
		}
		again, err := frame.Append(nil)
		if err != nil {
			if err == ErrTooLong && !isFramed(raw) || !frame.Checked {
				return // a typed line grows by mark, number and CRC
			}
			t.Fatalf("append %+v: %v", frame, err)
		}
		if frame.Checked && isFramed(raw) && string(again) != string(raw)+"\r\n" {
			t.Fatalf("%q became %q", raw, again)
		}
		back, err := Parse(again[:len(again)-2])
		frame.Checked = true
		if err != nil || !reflect.DeepEqual(frame, back) {
			t.Fatalf("%+v became %+v, %v", frame, back, err)
		}
	})
}

// No frame that parses makes an answer's reader panic or answer out of range.
func FuzzAnswers(f *testing.F) {
	for _, l := range lines() {
		f.Add([]byte(l))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		// The checksums stand for a fob that lies; a fuzzer wouldn't find them.
		frame, err := Parse(raw)
		if err != nil {
			frame, err = Parse([]byte(twice(string(raw))))
		}
		if err != nil {
			frame, err = Parse([]byte(checked(string(raw))))
		}
		if err != nil {
			return
		}
		ParseHello(frame)
		ParseIdentity(frame)
		ParseWait(frame)
		ParseStatus(frame)
		ParseSelfTest(frame)
		if now, err := ParseClock(frame); err == nil && now.Before(time.Unix(0, 0)) {
			t.Fatalf("clock %v", now)
		}
		c, err := ParseCode(frame)
		if err != nil {
			return
		}
		if !isCode(c.Digits) || c.Period < time.Second || c.Into < 0 || c.Into >= c.Period ||
			c.Time().Unix()/int64(c.Period/time.Second) != int64(c.Step) {
			t.Fatalf("code %+v at %v", []any{len(c.Digits), c.Step, c.Period, c.Into}, c.Time())
		}
	})
}

// split runs a Splitter over chunks and puts what comes out in a row.
func split(chunks ...[]byte) (out []string) {
	var s Splitter
	for _, chunk := range chunks {
		for len(chunk) > 0 {
			raw, rest, err := s.Next(chunk)
			chunk = rest
			if err != nil {
				out = append(out, err.Error())
			} else if raw != nil {
				out = append(out, "="+string(raw))
			}
		}
	}
	return out
}

// However a stream is cut, the same lines come out, none too long.
func FuzzSplitter(f *testing.F) {
	f.Add([]byte("code\r\nclock\n\n\rstatus"), 3)
	f.Add(bytes.Repeat([]byte("x"), MaxLine+1), 100)
	f.Add(append(bytes.Repeat([]byte("x"), MaxLine), "\ny\n"...), MaxLine)
	f.Fuzz(func(t *testing.T, stream []byte, at int) {
		whole := split(stream)
		at = min(max(at, 0), len(stream))
		if cut := split(stream[:at], stream[at:]); !reflect.DeepEqual(whole, cut) {
			t.Fatalf("%q whole, %q cut at %d", whole, cut, at)
		}
		var single [][]byte
		for i := range stream {
			single = append(single, stream[i:i+1])
		}
		if cut := split(single...); !reflect.DeepEqual(whole, cut) {
			t.Fatalf("%q whole, %q byte by byte", whole, cut)
		}
		for _, l := range whole {
			if len(l) > 1+MaxLine {
				t.Fatalf("a line of %d bytes", len(l)-1)
			}
		}
	})
}

func TestSplitter(t *testing.T) {
	long := string(bytes.Repeat([]byte("x"), MaxLine))
	got := split([]byte("\n\r\ncode\r"), []byte("\nclo"), []byte("ck\n"), []byte(long+"\n"+long+"y"), []byte("zz\n"), []byte("next\nopen"))
	want := []string{"=code", "=clock", "=" + long, ErrTooLong.Error(), "=next"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	var s Splitter
	s.Next([]byte("half"))
	s.Reset()
	if raw, _, _ := s.Next([]byte("whole\n")); string(raw) != "whole" {
		t.Errorf("after Reset %q", raw)
	}
}
