// Package apdu encodes and decodes command and response APDUs, the packets
// that go to a smart card and come back from it (ISO/IEC 7816-4:2020, 5.2 and
// 5.3). It knows their shape alone: what a command means, chaining and
// GET RESPONSE belong to the card and to whoever talks to it.
package apdu

import "errors"

// Bounds of ISO/IEC 7816-4, 5.2, in bytes.
const (
	// MaxShortData is the most data a short command carries.
	MaxShortData = 255
	// MaxData is the most data an extended command carries.
	MaxData = 65535
	// MaxShortAnswer is the most data a short command may ask for.
	MaxShortAnswer = 256
	// MaxAnswer is the most data an extended command may ask for.
	MaxAnswer = 65536
	// MaxCommand is the length of the longest command: header, extended Lc,
	// data, extended Le.
	MaxCommand = 4 + 3 + MaxData + 2
)

// LeNone says that a command has no Le field.
const LeNone = -1

// Errors of this package; callers tell them apart with errors.Is.
var (
	// ErrLength says that the bytes are none of the forms of ISO/IEC 7816-4,
	// 5.2: too few, too many, or lengths that don't add up.
	ErrLength = errors.New("apdu: wrong length")
	// ErrRange says that a command can't be encoded: more data than its form
	// holds, or an Le out of range.
	ErrRange = errors.New("apdu: data or le out of range")
)

// A Command is a command APDU.
type Command struct {
	CLA, INS, P1, P2 byte
	// Data is the command's data, up to MaxShortData bytes, or MaxData where
	// Extended is set. Empty and nil mean the same: no data field.
	Data []byte
	// Le is the value of the Le field: LeNone for no field, 1..255 (1..65535
	// where Extended is set) for so many bytes, 0 for as many as the form
	// allows: 256, or 65536. See Ne for the number it stands for. The zero
	// value asks for everything.
	Le int
	// Extended chooses the long form of both length fields. A command with
	// neither data nor Le has the same four bytes in either form and is parsed
	// as short.
	Extended bool
}

// Ne is the number of answer bytes that the command asks for at most: 0
// without an Le field, else 1..256, or 1..65536 for an extended command.
func (c Command) Ne() int {
	switch {
	case c.Le < 0:
		return 0
	case c.Le > 0:
		return c.Le
	case c.Extended:
		return MaxAnswer
	}
	return MaxShortAnswer
}

// ParseCommand decodes one command APDU in any of the forms of ISO/IEC 7816-4,
// 5.2: header alone; with Le; with data; with both; each short or extended.
// Data is a part of raw, not a copy. The error is ErrLength.
func ParseCommand(raw []byte) (Command, error) {
	if len(raw) < 4 {
		return Command{}, ErrLength
	}
	c := Command{CLA: raw[0], INS: raw[1], P1: raw[2], P2: raw[3], Le: LeNone}
	body := raw[4:]
	switch {
	case len(body) == 0:
		return c, nil
	case len(body) == 1:
		c.Le = int(body[0])
		return c, nil
	case body[0] != 0:
		return parseShort(c, body)
	}
	return parseExtended(c, body)
}

// parseShort decodes Lc, data and perhaps Le of one byte each length. The body
// has at least two bytes and doesn't begin with zero.
func parseShort(c Command, body []byte) (Command, error) {
	lc := int(body[0])
	rest := body[1:]
	switch len(rest) - lc {
	case 0:
	case 1:
		c.Le = int(rest[lc])
	default:
		return Command{}, ErrLength
	}
	c.Data = rest[:lc:lc]
	return c, nil
}

// parseExtended decodes a body that begins with the zero byte of the extended
// form: Le alone, or Lc of two bytes, data and perhaps Le of two bytes.
func parseExtended(c Command, body []byte) (Command, error) {
	if len(body) < 3 {
		return Command{}, ErrLength
	}
	c.Extended = true
	n := int(body[1])<<8 | int(body[2])
	rest := body[3:]
	if len(rest) == 0 {
		c.Le = n
		return c, nil
	}
	if n == 0 {
		return Command{}, ErrLength
	}
	switch len(rest) - n {
	case 0:
	case 2:
		c.Le = int(rest[n])<<8 | int(rest[n+1])
	default:
		return Command{}, ErrLength
	}
	c.Data = rest[:n:n]
	return c, nil
}

// Append appends the command's bytes to dst. The error is ErrRange; dst is
// then returned as it was.
func (c Command) Append(dst []byte) ([]byte, error) {
	maxData, maxLe := MaxShortData, MaxShortAnswer
	if c.Extended {
		maxData, maxLe = MaxData, MaxAnswer
	}
	if len(c.Data) > maxData || c.Le < LeNone || c.Le > maxLe {
		return dst, ErrRange
	}
	dst = append(dst, c.CLA, c.INS, c.P1, c.P2)
	if !c.Extended {
		if len(c.Data) > 0 {
			dst = append(dst, byte(len(c.Data)))
			dst = append(dst, c.Data...)
		}
		if c.Le != LeNone {
			dst = append(dst, byte(c.Le)) // 256 is written as 0
		}
		return dst, nil
	}
	if len(c.Data) > 0 {
		dst = append(dst, 0, byte(len(c.Data)>>8), byte(len(c.Data)))
		dst = append(dst, c.Data...)
	}
	if c.Le != LeNone {
		if len(c.Data) == 0 {
			dst = append(dst, 0)
		}
		dst = append(dst, byte(c.Le>>8), byte(c.Le)) // 65536 is written as 0
	}
	return dst, nil
}

// Bytes returns the command's bytes. The error is ErrRange.
func (c Command) Bytes() ([]byte, error) {
	return c.Append(make([]byte, 0, 4+3+len(c.Data)+2))
}

// A Response is a response APDU.
type Response struct {
	// Data is the answer, without its status word.
	Data []byte
	// SW is the status word that ends the response.
	SW SW
}

// ParseResponse decodes one response APDU: data, then two bytes of status word
// (ISO/IEC 7816-4, 5.2). Data is a part of raw, not a copy. The error is
// ErrLength.
func ParseResponse(raw []byte) (Response, error) {
	n := len(raw) - 2
	if n < 0 || n > MaxAnswer {
		return Response{}, ErrLength
	}
	return Response{Data: raw[:n:n], SW: SW(raw[n])<<8 | SW(raw[n+1])}, nil
}

// Bytes returns the response's bytes.
func (r Response) Bytes() []byte {
	out := make([]byte, 0, len(r.Data)+2)
	out = append(out, r.Data...)
	return append(out, byte(r.SW>>8), byte(r.SW))
}
