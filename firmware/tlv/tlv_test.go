package tlv

import (
	"bytes"
	"errors"
	"testing"
)

func TestWriteAndRead(t *testing.T) {
	long := bytes.Repeat([]byte{7}, 0x80)
	longest := bytes.Repeat([]byte{8}, MaxLength)
	var w Writer
	w.Add(0x71, []byte("na"), []byte("me"))
	w.Add(0x7F49)
	w.Add(0x5FC102, long)
	w.Add(0x53, longest)
	w.AddBare(0x78, 0x02)
	raw, err := w.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	head := []byte{0x71, 4, 'n', 'a', 'm', 'e', 0x7F, 0x49, 0, 0x5F, 0xC1, 0x02, 0x81, 0x80, 7}
	if !bytes.HasPrefix(raw, head) {
		t.Errorf("wrote %x, want %x…", raw[:len(head)], head)
	}
	want := []struct {
		tag   Tag
		value []byte
	}{{0x71, []byte("name")}, {0x7F49, nil}, {0x5FC102, long}, {0x53, longest}, {0x78, []byte{2}}}
	r := NewReader(raw, 0x78)
	for i, o := range want {
		if !r.Next() || r.Tag() != o.tag || !bytes.Equal(r.Value(), o.value) {
			t.Fatalf("object %d: %x with %d bytes, %v", i, r.Tag(), len(r.Value()), r.Err())
		}
	}
	if r.Next() || r.Err() != nil {
		t.Errorf("at the end: %x, %v", r.Tag(), r.Err())
	}
}

func TestReadRefuses(t *testing.T) {
	for _, c := range []struct {
		raw  []byte
		want error
	}{
		{[]byte{0x71}, ErrTruncated},
		{[]byte{0x71, 1}, ErrTruncated},
		{[]byte{0x7F}, ErrTruncated},
		{[]byte{0x5F, 0xC1}, ErrTruncated},
		{[]byte{0x5F, 0xC1, 0x82, 0x03, 0}, ErrTag},
		{[]byte{0x71, 0x80}, ErrLength},
		{[]byte{0x71, 0x81}, ErrTruncated},
		{[]byte{0x71, 0x82, 1}, ErrTruncated},
		{[]byte{0x71, 0x83, 0, 0, 1, 9}, ErrLength},
		{[]byte{0x71, 0xFF}, ErrLength},
		{[]byte{0x71, 0x82, 0xFF, 0xFF, 1}, ErrTruncated},
		{[]byte{0x78}, ErrTruncated},
	} {
		r := NewReader(c.raw, 0x78)
		if r.Next() || !errors.Is(r.Err(), c.want) {
			t.Errorf("%x: %v, want %v", c.raw, r.Err(), c.want)
		}
		if r.Next() || r.Value() != nil {
			t.Errorf("%x: goes on after its error", c.raw)
		}
	}
}

func TestLongFormsAreRead(t *testing.T) {
	for _, raw := range [][]byte{{0x71, 1, 9}, {0x71, 0x81, 1, 9}, {0x71, 0x82, 0, 1, 9}} {
		r := NewReader(raw)
		if !r.Next() || !bytes.Equal(r.Value(), []byte{9}) || r.Next() || r.Err() != nil {
			t.Errorf("%x: %x, %v", raw, r.Value(), r.Err())
		}
	}
}

func TestWriteRefuses(t *testing.T) {
	for _, tag := range []Tag{0x1F, 0x7F, 0x7FC1, 0x5FC182, 0x7149, 0x01000000} {
		var w Writer
		w.Add(tag, []byte{1})
		w.Add(0x71)
		w.AddBare(0x78, 1)
		if out, err := w.Bytes(); !errors.Is(err, ErrTag) || out != nil {
			t.Errorf("tag %x: %x, %v; want ErrTag", tag, out, err)
		}
	}
	var w Writer
	w.Add(0x71, make([]byte, MaxLength), []byte{1})
	if _, err := w.Bytes(); !errors.Is(err, ErrLength) {
		t.Errorf("%v, want ErrLength", err)
	}
}

func TestFind(t *testing.T) {
	raw := []byte{0x71, 1, 'a', 0x72, 1, 'b', 0x71, 1, 'c', 0x99}
	if v, ok, err := Find(raw, 0x71); string(v) != "a" || !ok || err != nil {
		t.Errorf("first: %q, %v, %v", v, ok, err)
	}
	if _, ok, err := Find(raw[:9], 0x73); ok || err != nil {
		t.Errorf("absent: %v, %v", ok, err)
	}
	if _, ok, err := Find(raw, 0x73); ok || !errors.Is(err, ErrTruncated) {
		t.Errorf("damaged: %v, %v", ok, err)
	}
}

// FuzzReader: what can be read can be written and read again, the same.
func FuzzReader(f *testing.F) {
	for _, raw := range [][]byte{
		{0x71, 1, 'a', 0x78, 2, 0x7A, 4, 0, 0, 0, 5},
		{0x5C, 3, 0x5F, 0xC1, 0x02}, {0x5F, 0xC1, 0x02, 0x81, 1, 9}, {0x7F, 0x49, 0x82, 0, 1, 9},
		{0x7C, 0, 0x7C, 0x80}, {0xFF, 0xFF, 0xFF, 0xFF}, {0, 0, 0, 0}, {0x1F, 0, 0},
		bytes.Repeat([]byte{0x7C, 0x82, 0x00, 0x7C}, 64),
	} {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var w Writer
		r := NewReader(raw, 0x78)
		for r.Next() {
			if r.Tag() == 0x78 {
				w.AddBare(r.Tag(), r.Value()[0])
			} else {
				w.Add(r.Tag(), r.Value())
			}
		}
		out, err := w.Bytes()
		if err != nil || len(out) > len(raw) {
			t.Fatalf("%x: wrote %x, %v", raw, out, err)
		}
		first, second := NewReader(raw, 0x78), NewReader(out, 0x78)
		for first.Next() {
			if !second.Next() || first.Tag() != second.Tag() || !bytes.Equal(first.Value(), second.Value()) {
				t.Fatalf("%x became %x", raw, out)
			}
		}
		if second.Next() || second.Err() != nil {
			t.Fatalf("%x became %x: %v", raw, out, second.Err())
		}
	})
}
