// Package tlv reads and writes BER-TLV data objects as smart cards use them
// (ISO/IEC 7816-4:2020, 6.3; ISO/IEC 8825-1): tags of one to three bytes,
// lengths up to 65535. It reads one level: a caller that wants to look into a
// constructed object reads its value with another Reader, so nesting costs
// nothing and can't run away.
//
// YKOATH has one object that is no TLV, a tag followed by one byte of value
// without a length; Reader and Writer know such bare tags when told.
package tlv

import "errors"

// MaxLength is the longest value, in bytes.
const MaxLength = 65535

// Errors of this package; callers tell them apart with errors.Is.
var (
	// ErrTruncated says that the bytes end within an object.
	ErrTruncated = errors.New("tlv: truncated")
	// ErrTag says that a tag has more than three bytes, or isn't a BER tag.
	ErrTag = errors.New("tlv: bad tag")
	// ErrLength says that a length has an unknown form or is over MaxLength.
	ErrLength = errors.New("tlv: bad length")
)

// A Tag names a data object. It holds the tag's bytes in order, as in 0x71,
// 0x7F49 or 0x5FC102.
type Tag uint32

// size is the number of bytes of the tag, or 0 if these bytes are no BER tag
// of at most three bytes.
func (t Tag) size() int {
	var n int
	switch {
	case t <= 0xFF:
		n = 1
	case t <= 0xFFFF:
		n = 2
	case t <= 0xFFFFFF:
		n = 3
	default:
		return 0
	}
	raw := []byte{byte(t >> 16), byte(t >> 8), byte(t)}
	if _, used, err := readTag(raw[3-n:]); err != nil || used != n {
		return 0
	}
	return n
}

// readTag reads the tag that b begins with and says how many bytes it has
// (ISO/IEC 8825-1, 8.1.2).
func readTag(b []byte) (Tag, int, error) {
	if len(b) == 0 {
		return 0, 0, ErrTruncated
	}
	t := Tag(b[0])
	if b[0]&0x1F != 0x1F {
		return t, 1, nil
	}
	for n := 1; n < 3; n++ {
		if n >= len(b) {
			return 0, 0, ErrTruncated
		}
		t = t<<8 | Tag(b[n])
		if b[n]&0x80 == 0 {
			return t, n + 1, nil
		}
	}
	return 0, 0, ErrTag
}

// readLength reads the length that b begins with and says how many bytes it
// has (ISO/IEC 7816-4, 6.3, table 8: one byte up to 127, else 81 or 82 and one
// or two bytes; longer forms than needed are taken).
func readLength(b []byte) (length, size int, err error) {
	if len(b) == 0 {
		return 0, 0, ErrTruncated
	}
	first := b[0]
	if first < 0x80 {
		return int(first), 1, nil
	}
	n := int(first & 0x7F)
	if n < 1 || n > 2 {
		return 0, 0, ErrLength
	}
	if len(b) < 1+n {
		return 0, 0, ErrTruncated
	}
	for _, c := range b[1 : 1+n] {
		length = length<<8 | int(c)
	}
	return length, 1 + n, nil
}

// A Reader walks over the data objects of a byte string, one level deep:
//
//	r := tlv.NewReader(data)
//	for r.Next() {
//		use(r.Tag(), r.Value())
//	}
//	if err := r.Err(); err != nil { … }
type Reader struct {
	rest  []byte
	bare  []Tag
	tag   Tag
	value []byte
	err   error
}

// NewReader reads the objects of b. A tag listed in bare is followed by one
// byte of value and no length.
func NewReader(b []byte, bare ...Tag) *Reader {
	return &Reader{rest: b, bare: bare}
}

// Next goes to the next object. It is false at the end and at the first
// error, which Err then returns.
func (r *Reader) Next() bool {
	if r.err != nil || len(r.rest) == 0 {
		return false
	}
	tag, n, err := readTag(r.rest)
	if err != nil {
		return r.fail(err)
	}
	rest := r.rest[n:]
	length := 1
	if !r.isBare(tag) {
		length, n, err = readLength(rest)
		if err != nil {
			return r.fail(err)
		}
		rest = rest[n:]
	}
	if length > len(rest) {
		return r.fail(ErrTruncated)
	}
	r.tag, r.value, r.rest = tag, rest[:length:length], rest[length:]
	return true
}

func (r *Reader) fail(err error) bool {
	r.tag, r.value, r.err = 0, nil, err
	return false
}

func (r *Reader) isBare(tag Tag) bool {
	for _, b := range r.bare {
		if b == tag {
			return true
		}
	}
	return false
}

// Tag is the tag of the object that Next went to.
func (r *Reader) Tag() Tag { return r.tag }

// Value is the value of the object that Next went to: a part of the bytes that
// are read, not a copy.
func (r *Reader) Value() []byte { return r.value }

// Err is what stopped Next: nil at a proper end, else ErrTruncated, ErrTag or
// ErrLength.
func (r *Reader) Err() error { return r.err }

// Find returns the value of the first object of b with that tag, one level
// deep; nil and false if there is none. The error is that of a Reader that
// fails before it finds one.
func Find(b []byte, tag Tag) (value []byte, ok bool, err error) {
	r := NewReader(b)
	for r.Next() {
		if r.Tag() == tag {
			return r.Value(), true, nil
		}
	}
	return nil, false, r.Err()
}

// A Writer puts data objects behind one another. The zero value is ready. It
// stops at the first object that can't be encoded and says so at the end.
type Writer struct {
	buf []byte
	err error
}

// Add writes an object whose value is all parts in a row.
func (w *Writer) Add(tag Tag, parts ...[]byte) {
	length := 0
	for _, p := range parts {
		length += len(p)
	}
	if length > MaxLength {
		w.stop(ErrLength)
	}
	w.addTag(tag)
	if w.err != nil {
		return
	}
	switch {
	case length < 0x80:
		w.buf = append(w.buf, byte(length))
	case length <= 0xFF:
		w.buf = append(w.buf, 0x81, byte(length))
	default:
		w.buf = append(w.buf, 0x82, byte(length>>8), byte(length))
	}
	for _, p := range parts {
		w.buf = append(w.buf, p...)
	}
}

// AddBare writes a bare object: a tag and one byte of value, no length.
func (w *Writer) AddBare(tag Tag, value byte) {
	w.addTag(tag)
	if w.err == nil {
		w.buf = append(w.buf, value)
	}
}

func (w *Writer) addTag(tag Tag) {
	n := tag.size()
	if n == 0 {
		w.stop(ErrTag)
	}
	if w.err != nil {
		return
	}
	for ; n > 0; n-- {
		w.buf = append(w.buf, byte(tag>>(8*(n-1))))
	}
}

func (w *Writer) stop(err error) {
	if w.err == nil {
		w.err = err
	}
}

// Bytes returns what was written. The error is ErrTag or ErrLength, of the
// first object that couldn't be written.
func (w *Writer) Bytes() ([]byte, error) {
	if w.err != nil {
		return nil, w.err
	}
	return w.buf, nil
}
