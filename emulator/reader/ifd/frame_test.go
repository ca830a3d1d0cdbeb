package ifd

import (
	"bytes"
	"io"
	"testing"
	"testing/iotest"
)

func TestFramesComeBack(t *testing.T) {
	var wire bytes.Buffer
	frames := []Frame{{Waiting, []byte{}}, {Inserted, []byte{0x3B, 0x00}}, {Answer, bytes.Repeat([]byte{0x5A}, MaxPayload)}}
	for _, f := range frames {
		if err := WriteFrame(&wire, f); err != nil {
			t.Fatal(err)
		}
	}
	r := iotest.OneByteReader(&wire)
	for i, want := range frames {
		got, err := ReadFrame(r)
		if err != nil || got.Kind != want.Kind || !bytes.Equal(got.Payload, want.Payload) {
			t.Errorf("frame %d: %#x, %d bytes, %v", i, got.Kind, len(got.Payload), err)
		}
	}
	if _, err := ReadFrame(r); err != io.EOF {
		t.Errorf("the end is %v, want io.EOF", err)
	}
	if err := WriteFrame(&wire, Frame{Command, make([]byte, MaxPayload+1)}); err == nil || wire.Len() != 0 {
		t.Errorf("a frame over the bound was written: %v, %d bytes", err, wire.Len())
	}
}

// FuzzReadFrame reads frames from any bytes: whatever is read comes back as the
// same bytes, and nothing else but an error ends the stream.
func FuzzReadFrame(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{4, 0, 0, 0, 0})
	f.Add([]byte{0x81, 0, 0, 0, 2, 0x3B, 0x00})
	f.Add([]byte{3, 0, 0, 0, 5, 0, 0xA4, 4, 0, 0, 0x84, 0, 0, 0, 2, 0x6A, 0x82})
	f.Add([]byte{3, 0, 0, 0, 9, 1, 2})
	f.Add([]byte{3, 0, 1, 0, 15})
	f.Add([]byte{3, 0, 1, 0, 16})
	f.Add([]byte{3, 0xFF, 0xFF, 0xFF, 0xFF, 0})
	f.Fuzz(func(t *testing.T, wire []byte) {
		r := bytes.NewReader(wire)
		var again bytes.Buffer
		for {
			frame, err := ReadFrame(r)
			if err != nil {
				break
			}
			if err := WriteFrame(&again, frame); err != nil {
				t.Fatalf("what was read can't be written: %v", err)
			}
		}
		if !bytes.HasPrefix(wire, again.Bytes()) {
			t.Errorf("%x came back as %x", wire, again.Bytes())
		}
	})
}
