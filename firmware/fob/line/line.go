// Package line is the codec of the serial fob's line protocol: text lines of
// bounded length with a sequence number and a CRC, the same package on the fob
// and on the host. PROTOCOL.md, in the folder above, specifies the protocol.
//
// A [Frame] is one line taken apart; [Parse] and [Frame.Append] go between the
// two. A [Splitter] finds the lines in whatever pieces a serial port gives. On
// the host, [ParseCode] and its siblings read the answers. The package does no
// I/O and keeps no clock.
package line

import (
	"errors"
	"strconv"
)

// Version is the protocol version that this package speaks (PROTOCOL.md,
// "Frames").
const Version = 1

// Bounds of PROTOCOL.md, "Bounds".
const (
	// MaxLine is the longest line, in bytes, without its line end.
	MaxLine = 128
	// MaxFields is the most fields that a frame carries.
	MaxFields = 8
)

// A CRC is an asterisk and four digits (PROTOCOL.md, "Frames").
const (
	crcDigits = 4
	crcLength = len("*") + crcDigits
)

// A Kind says what a frame is for. Its value is the character on the line
// (PROTOCOL.md, "Frames").
type Kind byte

// The kinds of frame.
const (
	Request Kind = '?' // host to fob
	Answer  Kind = '=' // fob to host: what was asked for; ends the request
	Notice  Kind = '~' // fob to host: the answer will take a while
	Failure Kind = '!' // fob to host: no answer; ends the request
	Event   Kind = '#' // fob to host, unasked, with a count of its own
)

func (k Kind) known() bool {
	switch k {
	case Request, Answer, Notice, Failure, Event:
		return true
	}
	return false
}

// Errors of Parse, Append and Splitter; callers tell them apart with
// errors.Is. None of them holds any of the line.
var (
	// ErrTooLong says that a line has more than MaxLine bytes.
	ErrTooLong = errors.New("line: too long")
	// ErrSyntax says that a line is no frame.
	ErrSyntax = errors.New("line: not a frame")
	// ErrCRC says that a line was damaged on its way.
	ErrCRC = errors.New("line: wrong crc")
	// ErrNoCRC says that a frame that must carry a CRC carries none.
	ErrNoCRC = errors.New("line: no crc")
	// ErrVersion says that a frame is of another protocol version. Parse then
	// still gives its kind and sequence number.
	ErrVersion = errors.New("line: unknown protocol version")
)

// A Field is one key=value of a frame. Keys are a..z, 0..9 and '_', values one
// or more printable ASCII characters but space, '*' and '='. A key stands in a
// frame once.
type Field struct {
	Key, Value string
}

// A Frame is one line, taken apart.
type Frame struct {
	Kind Kind
	// Seq ties answers to their request: 1..65535, chosen by the host. 0 is
	// what a line without a number gets, and what a failure carries whose
	// request couldn't be read. Events count by themselves.
	Seq uint16
	// Verb is what is asked, or what was: a..z, 0..9 and '_'.
	Verb string
	// Fields are the details, in the order of the line; at most MaxFields.
	Fields []Field
	// Checked says that the line carried a CRC, a right one. Append writes one
	// always.
	Checked bool
}

// Get returns the value of the field with that key; false if there is none.
func (f Frame) Get(key string) (string, bool) {
	for _, field := range f.Fields {
		if field.Key == key {
			return field.Value, true
		}
	}
	return "", false
}

// Append appends the frame as a line to dst, with its CRC and the line end
// CR LF. The error is ErrSyntax for a frame that has no line, or ErrTooLong;
// dst is then returned as it was.
func (f Frame) Append(dst []byte) ([]byte, error) {
	out, err := f.appendBody(dst)
	if err != nil {
		return dst, err
	}
	sum := Checksum(out[len(dst):])
	out = append(out, '*', hexDigit(sum>>12), hexDigit(sum>>8), hexDigit(sum>>4), hexDigit(sum))
	if len(out)-len(dst) > MaxLine {
		return dst, ErrTooLong
	}
	return append(out, '\r', '\n'), nil
}

// appendBody appends all that the CRC covers.
func (f Frame) appendBody(dst []byte) ([]byte, error) {
	if !f.Kind.known() || !isName(f.Verb) || len(f.Fields) > MaxFields {
		return nil, ErrSyntax
	}
	out := append(dst, 'f', '0'+Version, byte(f.Kind))
	out = strconv.AppendUint(out, uint64(f.Seq), 10)
	out = append(out, ' ')
	out = append(out, f.Verb...)
	for i, field := range f.Fields {
		if !isName(field.Key) || !isValue(field.Value) || hasKey(f.Fields[:i], field.Key) {
			return nil, ErrSyntax
		}
		out = append(out, ' ')
		out = append(out, field.Key...)
		out = append(out, '=')
		out = append(out, field.Value...)
	}
	return out, nil
}

// Parse takes one line apart, given without its line end. A line that doesn't
// begin with the frame mark is what a person types: a request without sequence
// number, whose CRC may be left out. Every kind but Request must carry a CRC,
// and a second checksum that it carries must be right.
// The error is ErrTooLong, ErrSyntax, ErrCRC, ErrNoCRC or ErrVersion.
func Parse(raw []byte) (Frame, error) {
	if len(raw) > MaxLine {
		return Frame{}, ErrTooLong
	}
	body, checked, err := checkCRC(raw)
	if err != nil {
		return Frame{}, err
	}
	f, body, err := parseHead(body)
	if err != nil {
		return f, err
	}
	f.Checked = checked
	if !checked && f.Kind != Request {
		return Frame{}, ErrNoCRC
	}
	if err := parseBody(&f, string(body)); err != nil {
		return Frame{}, err
	}
	if f.Kind != Request && !rightCheck(f, raw) {
		return Frame{}, ErrCRC
	}
	return f, nil
}

// checkCRC cuts the CRC off a line and compares it.
func checkCRC(raw []byte) (body []byte, checked bool, err error) {
	star := -1
	for i, c := range raw {
		if c < ' ' || c > '~' {
			return nil, false, ErrSyntax
		}
		if c == '*' && star < 0 {
			star = i
		}
	}
	if star < 0 {
		return raw, false, nil
	}
	digits := raw[star+1:]
	if len(digits) != crcDigits {
		return nil, false, ErrSyntax
	}
	var want uint16
	for _, c := range digits {
		v, ok := hexValue(c)
		if !ok {
			return nil, false, ErrSyntax
		}
		want = want<<4 | uint16(v)
	}
	if Checksum(raw[:star]) != want {
		return nil, false, ErrCRC
	}
	return raw[:star], true, nil
}

// parseHead reads the frame mark, kind and sequence number, if they are there.
func parseHead(body []byte) (Frame, []byte, error) {
	f := Frame{Kind: Request}
	if !isFramed(body) {
		return f, body, nil
	}
	version := body[1]
	f.Kind = Kind(body[2])
	rest := body[3:]
	n := 0
	for n < len(rest) && rest[n] != ' ' {
		n++
	}
	seq, ok := parseUint(string(rest[:n]), 16)
	if !ok || n == len(rest) {
		return Frame{}, nil, ErrSyntax
	}
	f.Seq = uint16(seq)
	if version != '0'+Version {
		return f, nil, ErrVersion
	}
	return f, rest[n+1:], nil
}

// isFramed tells whether a line begins with the frame mark: 'f', a digit, a
// kind. No verb looks like that.
func isFramed(raw []byte) bool {
	return len(raw) >= 3 && raw[0] == 'f' && raw[1] >= '0' && raw[1] <= '9' && Kind(raw[2]).known()
}

// FromFob tells whether a line, damaged or not, looks like one that a fob
// sends. A fob that hears its own voice, by an echo on the line, must not
// answer it.
func FromFob(raw []byte) bool {
	return isFramed(raw) && Kind(raw[2]) != Request
}

// parseBody reads verb and fields, with one space between them.
func parseBody(f *Frame, body string) error {
	word, rest, more := cut(body, ' ')
	if !isName(word) {
		return ErrSyntax
	}
	f.Verb = word
	for more {
		word, rest, more = cut(rest, ' ')
		key, value, ok := cut(word, '=')
		if !ok || !isName(key) || !isValue(value) || len(f.Fields) == MaxFields || hasKey(f.Fields, key) {
			return ErrSyntax
		}
		f.Fields = append(f.Fields, Field{Key: key, Value: value})
	}
	return nil
}

func hasKey(fields []Field, key string) bool {
	for _, f := range fields {
		if f.Key == key {
			return true
		}
	}
	return false
}

func cut(s string, sep byte) (before, after string, found bool) {
	for i := 0; i < len(s); i++ {
		if s[i] == sep {
			return s[:i], s[i+1:], true
		}
	}
	return s, "", false
}

func isName(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' {
			return false
		}
	}
	return len(s) > 0
}

func isValue(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] <= ' ' || s[i] > '~' || s[i] == '*' || s[i] == '=' {
			return false
		}
	}
	return len(s) > 0
}

// parseUint reads a decimal number as frames write it: digits alone, no
// leading zero.
func parseUint(s string, bits int) (uint64, bool) {
	if len(s) == 0 || s[0] < '0' || s[0] > '9' || len(s) > 1 && s[0] == '0' {
		return 0, false
	}
	n, err := strconv.ParseUint(s, 10, bits)
	return n, err == nil
}
