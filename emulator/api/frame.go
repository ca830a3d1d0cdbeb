package api

import (
	"encoding/binary"
	"fmt"
	"io"
)

// MaxFrame bounds an APDU on the card channel, in bytes: an extended command
// of 65,535 bytes of data with its header and both length fields (ISO/IEC
// 7816-4, 5.2) fits.
const MaxFrame = 65535 + 16

// WriteFrame writes one APDU: its length as four bytes, big-endian, then the
// bytes, in a single Write.
func WriteFrame(w io.Writer, apdu []byte) error {
	if len(apdu) > MaxFrame {
		return fmt.Errorf("frame of %d bytes is over the bound of %d", len(apdu), MaxFrame)
	}
	buf := make([]byte, 4, 4+len(apdu))
	binary.BigEndian.PutUint32(buf, uint32(len(apdu)))
	_, err := w.Write(append(buf, apdu...))
	return err
}

// ReadFrame reads one APDU. The end of the stream between two frames is
// io.EOF, within one io.ErrUnexpectedEOF.
func ReadFrame(r io.Reader) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n > MaxFrame {
		return nil, fmt.Errorf("frame of %d bytes is over the bound of %d", n, MaxFrame)
	}
	apdu := make([]byte, n)
	if _, err := io.ReadFull(r, apdu); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	return apdu, nil
}
