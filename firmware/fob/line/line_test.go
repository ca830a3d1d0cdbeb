package line

import (
	"bytes"
	"errors"
	"hash/crc32"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestChecksumCheckValue(t *testing.T) {
	if got := Checksum([]byte("123456789")); got != 0x29B1 {
		t.Errorf("check value %04X, want 29B1", got)
	}
	if got := Checksum(nil); got != 0xFFFF {
		t.Errorf("of nothing %04X, want FFFF", got)
	}
	for _, text := range []string{"", "a", "123456789", strings.Repeat("\xFF\x00", 64)} {
		if got, want := Checksum32([]byte(text)), crc32.ChecksumIEEE([]byte(text)); got != want {
			t.Errorf("of %q %08X, want %08X", text, got, want)
		}
	}
	if got := Checksum32([]byte("123456789")); got != 0xCBF43926 {
		t.Errorf("check value %08X, want CBF43926", got)
	}
}

// The lines that PROTOCOL.md shows, byte for byte.
func TestLinesOfTheSpecification(t *testing.T) {
	frames := []struct {
		frame Frame
		text  string
	}{
		{NewRequest(17, VerbCode), "f1?17 code*D982"},
		{Code{Digits: "492039", Step: 59675124, Period: 30 * time.Second, Into: 12034 * time.Millisecond}.Frame(17),
			"f1=17 code digits=492039 step=59675124 ms=12034 period=30 check=2415D381*53A2"},
		{Wait{For: 15 * time.Second}.Frame(17), "f1~17 code wait=press ms=15000*682C"},
		{(&FailureError{Verb: VerbCode, Code: FailTimeout}).Frame(17), "f1!17 code e=timeout*0AC2"},
		{PressFrame(3, 12), "f1#3 press presses=12*5039"},
		{ClockFrame(18, time.Unix(1790253732, 34_999_999)), "f1=18 clock unix=1790253732.034 check=8EAFFBD6*B943"},
	}
	for _, f := range frames {
		got, err := f.frame.Append(nil)
		if err != nil || string(got) != f.text+"\r\n" {
			t.Errorf("%q, %v; want %q", got, err, f.text)
		}
		back, err := Parse([]byte(f.text))
		f.frame.Checked = true
		if err != nil || !reflect.DeepEqual(back, f.frame) {
			t.Errorf("parse %q: %+v, %v", f.text, back, err)
		}
	}
}

func checked(body string) string {
	sum := Checksum([]byte(body))
	return body + "*" + string([]byte{hexDigit(sum >> 12), hexDigit(sum >> 8), hexDigit(sum >> 4), hexDigit(sum)})
}

// twice puts both checksums behind an answer's body.
func twice(body string) string { return checked(body + " check=" + checkOf([]byte(body))) }

func TestParseTyped(t *testing.T) {
	f, err := Parse([]byte("code"))
	if err != nil || !reflect.DeepEqual(f, Frame{Kind: Request, Verb: "code"}) {
		t.Errorf("%+v, %v", f, err)
	}
	f, err = Parse([]byte("f1?9 code"))
	if err != nil || f.Seq != 9 || f.Checked {
		t.Errorf("%+v, %v", f, err)
	}
	f, err = Parse([]byte(checked("cancel")))
	if err != nil || f.Verb != "cancel" || !f.Checked {
		t.Errorf("%+v, %v", f, err)
	}
}

func TestParseRefuses(t *testing.T) {
	lines := []struct {
		text string
		want error
	}{
		{"", ErrSyntax},
		{" code", ErrSyntax},
		{"code ", ErrSyntax},
		{"code  a=1", ErrSyntax},
		{"Code", ErrSyntax},
		{"code a", ErrSyntax},
		{"code =1", ErrSyntax},
		{"code a=", ErrSyntax},
		{"code a=1=2", ErrSyntax},
		{"code a=1 a=2", ErrSyntax},
		{"code a=1 b=1 c=1 d=1 e=1 f=1 g=1 h=1 i=1", ErrSyntax},
		{"code\x08", ErrSyntax},
		{"c\xc3\xb6de", ErrSyntax},
		{"code*", ErrSyntax},
		{"code*12", ErrSyntax},
		{"code*12345", ErrSyntax},
		{"code*f1e4", ErrSyntax},
		{"code*0000", ErrCRC},
		{"f1?", ErrSyntax},
		{"f1?1", ErrSyntax},
		{"f1? code", ErrSyntax},
		{"f1?01 code", ErrSyntax},
		{"f1?+1 code", ErrSyntax},
		{"f1?65536 code", ErrSyntax},
		{"f1?1 ", ErrSyntax},
		{"f1=1 code digits=492039", ErrNoCRC},
		{"f1#1 press", ErrNoCRC},
		{"f2?1 code", ErrVersion},
		{checked("f0=1 code"), ErrVersion},
		{strings.Repeat("a", MaxLine+1), ErrTooLong},
	}
	for _, l := range lines {
		if f, err := Parse([]byte(l.text)); !errors.Is(err, l.want) {
			t.Errorf("%q: %+v, %v; want %v", l.text, f, err, l.want)
		}
	}
	if f, err := Parse([]byte("f2?77 x y")); err != ErrVersion || f.Seq != 77 || f.Kind != Request {
		t.Errorf("another version: %+v, %v; want its number", f, err)
	}
}

func TestAppendRefuses(t *testing.T) {
	field := func(k, v string) Frame {
		return Frame{Kind: Answer, Verb: "x", Fields: []Field{{k, v}}}
	}
	frames := []struct {
		frame Frame
		want  error
	}{
		{Frame{Kind: 'x', Verb: "x"}, ErrSyntax},
		{Frame{Kind: Answer}, ErrSyntax},
		{Frame{Kind: Answer, Verb: "x", Fields: make([]Field, MaxFields+1)}, ErrSyntax},
		{field("", "1"), ErrSyntax},
		{field("k", ""), ErrSyntax},
		{field("k", "a b"), ErrSyntax},
		{field("k", "a\nb"), ErrSyntax},
		{field("k", "a*"), ErrSyntax},
		{field("k", strings.Repeat("v", MaxLine)), ErrTooLong},
	}
	for _, f := range frames {
		got, err := f.frame.Append([]byte("kept"))
		if !errors.Is(err, f.want) || string(got) != "kept" {
			t.Errorf("%+v: %q, %v; want %v", f.frame, got, err, f.want)
		}
	}
}

// Damage that the CRC happens to fit is found by the second checksum.
func TestParseFindsWhatTheCRCMisses(t *testing.T) {
	const body = "f1=17 code digits=492039 step=59675124 ms=12034 period=30 check=2415D381"
	if _, err := Parse([]byte(checked(body))); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{
		strings.Replace(body, "step=5", "step=", 1),
		strings.Replace(body, "492039", "492038", 1),
		strings.Replace(body, "f1=17", "f1=18", 1),
		strings.Replace(body, "D381", "D380", 1),
		strings.Replace(body, "D381", "D38", 1),
		strings.Replace(body, "D381", "d381", 1),
		body + " more=1",
		"f1=17 code check=2415D381 digits=492039",
		"f1=1 x check=1",
	} {
		if _, err := Parse([]byte(checked(bad))); err != ErrCRC {
			t.Errorf("%q: %v, want ErrCRC", bad, err)
		}
	}
}

// Every single byte that is changed, lost or doubled is found.
func TestParseFindsDamage(t *testing.T) {
	whole := []byte(twice("f1=17 code digits=492039 step=59675124 ms=12034 period=30"))
	for i := range whole {
		for c := 0; c < 256; c++ {
			bad := bytes.Clone(whole)
			bad[i] = byte(c)
			if _, err := Parse(bad); bad[i] != whole[i] && err == nil {
				t.Fatalf("byte %d as %02x: accepted", i, c)
			}
		}
		lost := append(bytes.Clone(whole[:i]), whole[i+1:]...)
		if _, err := Parse(lost); err == nil {
			t.Errorf("byte %d lost: accepted", i)
		}
		doubled := append(bytes.Clone(whole[:i+1]), whole[i:]...)
		if _, err := Parse(doubled); err == nil {
			t.Errorf("byte %d doubled: accepted", i)
		}
	}
}

func TestFromFob(t *testing.T) {
	for text, want := range map[string]bool{
		"f1=1 code*0000": true, "f1!garbage": true, "f9#": true,
		"f1?1 code": false, "code": false, "f1": false, "": false, "fx=": false,
	} {
		if got := FromFob([]byte(text)); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}
