// Package ifd is what stands between pcscd and a bench: the protocol that a
// reader's handler speaks on the reader's Unix socket, and a [Slot], the
// handler's end of it. The handler proper, a library that pcscd loads, is
// package handler; the bench's end is package reader.
//
// On one more socket the bench says, unasked, which readers there are
// ([Attached], [Detached]): a [Bus].
//
// The handler dials. The bench says at once, and again with every change,
// whether a card is in ([Inserted], [Removed]); the handler asks for power and
// sends commands, one at a time, each of which has one answer.
package ifd

import (
	"encoding/binary"
	"fmt"
	"io"
)

// A Kind says what a frame is.
type Kind byte

// What the handler says. Each but Waiting is answered.
const (
	PowerUp   Kind = 1 // a card's cold reset: Powered or Absent
	PowerDown Kind = 2 // Powered, without an ATR, or Absent
	Command   Kind = 3 // a command APDU: Answer, Silent or Absent
	Waiting   Kind = 4 // pcscd has published all it was told, and waits for more
)

// What the bench says.
const (
	Inserted Kind = 0x81 // unasked: a card is in; its ATR
	Removed  Kind = 0x82 // unasked: no card is in
	Powered  Kind = 0x83 // the ATR
	Answer   Kind = 0x84 // a response APDU
	Silent   Kind = 0x85 // the card gave no answer, or was switched off
	Absent   Kind = 0x86 // the card is gone, or was never given power
	Attached Kind = 0x87 // on the bus: a reader came; its number, a byte
	Detached Kind = 0x88 // on the bus: a reader went; its number, a byte
)

// MaxPayload bounds a frame's payload, in bytes: an extended command of 65,535
// bytes of data with its header and both length fields (ISO/IEC 7816-4, 5.2),
// or as long an answer.
const MaxPayload = 65535 + 16

// A Frame is one message: its kind, its length as four bytes, big-endian, and
// the payload.
type Frame struct {
	Kind    Kind
	Payload []byte
}

const headBytes = 5

// WriteFrame writes one frame in a single Write.
func WriteFrame(w io.Writer, f Frame) error {
	if len(f.Payload) > MaxPayload {
		return fmt.Errorf("frame of %d bytes is over the bound of %d", len(f.Payload), MaxPayload)
	}
	buf := make([]byte, headBytes, headBytes+len(f.Payload))
	buf[0] = byte(f.Kind)
	binary.BigEndian.PutUint32(buf[1:], uint32(len(f.Payload)))
	_, err := w.Write(append(buf, f.Payload...))
	return err
}

// ReadFrame reads one frame. The end of the stream between two frames is
// io.EOF, within one io.ErrUnexpectedEOF.
func ReadFrame(r io.Reader) (Frame, error) {
	var head [headBytes]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return Frame{}, err
	}
	n := binary.BigEndian.Uint32(head[1:])
	if n > MaxPayload {
		return Frame{}, fmt.Errorf("frame of %d bytes is over the bound of %d", n, MaxPayload)
	}
	f := Frame{Kind: Kind(head[0]), Payload: make([]byte, n)}
	if _, err := io.ReadFull(r, f.Payload); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return Frame{}, err
	}
	return f, nil
}
