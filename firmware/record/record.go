// Package record seals what an applet stores against accidents: a magic that
// names the applet and the form, the body, and the CRC-32 (IEEE 802.3) of both,
// big-endian.
package record

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"slices"
)

// Seal returns the record of a body.
func Seal(magic string, body []byte) []byte {
	b := append([]byte(magic), body...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
}

// Open returns a copy of a record's body; false where the record is damaged or
// has another magic.
func Open(magic string, record []byte) (body []byte, ok bool) {
	n := len(record) - crc32.Size
	if n < len(magic) || !bytes.HasPrefix(record, []byte(magic)) ||
		crc32.ChecksumIEEE(record[:n]) != binary.BigEndian.Uint32(record[n:]) {
		return nil, false
	}
	return slices.Clone(record[len(magic):n]), true
}
