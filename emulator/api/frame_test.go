package api

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"testing"
	"testing/iotest"
)

func TestFramesComeBack(t *testing.T) {
	var wire bytes.Buffer
	frames := [][]byte{{}, {0x00, 0xa4, 0x04, 0x00}, bytes.Repeat([]byte{0x5a}, MaxFrame)}
	for _, f := range frames {
		if err := WriteFrame(&wire, f); err != nil {
			t.Fatal(err)
		}
	}
	// A stream that gives one byte at a time is still the same frames.
	r := iotest.OneByteReader(&wire)
	for i, f := range frames {
		got, err := ReadFrame(r)
		if err != nil || !bytes.Equal(got, f) {
			t.Errorf("frame %d: %d bytes, %v, want %d bytes", i, len(got), err, len(f))
		}
	}
	if _, err := ReadFrame(r); err != io.EOF {
		t.Errorf("the end is %v, want io.EOF", err)
	}
}

// onceWriter counts Writes: a frame must be one, or a reader with a deadline
// may see half of it.
type onceWriter struct{ writes int }

func (w *onceWriter) Write(p []byte) (int, error) {
	w.writes++
	return len(p), nil
}

func TestWriteFrameIsOneWrite(t *testing.T) {
	var w onceWriter
	if err := WriteFrame(&w, []byte{1, 2, 3}); err != nil || w.writes != 1 {
		t.Errorf("%d writes, %v, want 1", w.writes, err)
	}
}

func TestFramesAreBounded(t *testing.T) {
	var wire bytes.Buffer
	if err := WriteFrame(&wire, make([]byte, MaxFrame+1)); err == nil || wire.Len() != 0 {
		t.Errorf("a frame over the bound was written: %v, %d bytes", err, wire.Len())
	}
	head := binary.BigEndian.AppendUint32(nil, MaxFrame+1)
	if _, err := ReadFrame(bytes.NewReader(head)); err == nil || errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a length over the bound gave %v", err)
	}
}

func TestCutFrameIsAnUnexpectedEnd(t *testing.T) {
	var wire bytes.Buffer
	if err := WriteFrame(&wire, []byte{1, 2, 3}); err != nil {
		t.Fatal(err)
	}
	for n := 1; n < wire.Len(); n++ {
		if _, err := ReadFrame(bytes.NewReader(wire.Bytes()[:n])); err != io.ErrUnexpectedEOF {
			t.Errorf("cut after %d bytes: %v, want io.ErrUnexpectedEOF", n, err)
		}
	}
}

// FuzzReadFrame reads frames from any bytes: whatever is read comes back as the
// same bytes, and nothing else but an error ends the stream.
func FuzzReadFrame(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{0, 0, 0, 0})
	f.Add([]byte{0, 0, 0, 2, 0x90, 0x00})
	f.Add([]byte{0, 0, 0, 5, 0, 0xa4, 4, 0, 0, 0, 0, 0, 2, 0x6a, 0x82})
	f.Add([]byte{0, 0, 0, 9, 1, 2})
	f.Add([]byte{0, 1, 0, 15})
	f.Add([]byte{0, 1, 0, 16})
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0})
	f.Fuzz(func(t *testing.T, wire []byte) {
		r := bytes.NewReader(wire)
		var again bytes.Buffer
		for {
			apdu, err := ReadFrame(r)
			if err != nil {
				break
			}
			if err := WriteFrame(&again, apdu); err != nil {
				t.Fatalf("what was read can't be written: %v", err)
			}
		}
		if !bytes.HasPrefix(wire, again.Bytes()) {
			t.Errorf("%x came back as %x", wire, again.Bytes())
		}
	})
}
