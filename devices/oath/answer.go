package oath

import (
	"fmt"
	"time"

	"github.com/fob-auth/fob/devices"
	"github.com/fob-auth/fob/firmware/otp"
	"github.com/fob-auth/fob/firmware/tlv"
)

// Tags of the OATH applet's data objects (YKOATH).
const (
	tagName      tlv.Tag = 0x71 // in the answer to SELECT the key's random name
	tagList      tlv.Tag = 0x72
	tagKey       tlv.Tag = 0x73
	tagChallenge tlv.Tag = 0x74 // in the answer to SELECT: a password is set
	tagFull      tlv.Tag = 0x75 // all of the HMAC
	tagTruncated tlv.Tag = 0x76 // four bytes of it
	tagHOTP      tlv.Tag = 0x77 // no code for a listing: event-based
	tagProperty  tlv.Tag = 0x78
	tagVersion   tlv.Tag = 0x79
	tagAlgorithm tlv.Tag = 0x7B // in the answer to SELECT: how the password is checked
	tagTouch     tlv.Tag = 0x7C // no code for a listing: touch first
)

// A selection is the answer to SELECT.
type selection struct {
	version string
	name    string // random, of the key's own choice at the applet's reset
	locked  bool   // a password is set
	// challenge is what who knows the password has to answer, by the algorithm.
	challenge []byte
	algorithm byte
}

func parseSelection(b []byte) (selection, error) {
	var s selection
	r := tlv.NewReader(b)
	for r.Next() {
		switch r.Tag() {
		case tagVersion:
			s.version = versionString(r.Value())
		case tagName:
			s.name = string(r.Value())
		case tagChallenge:
			s.locked, s.challenge = true, r.Value()
		case tagAlgorithm:
			if v := r.Value(); len(v) == 1 {
				s.algorithm = v[0]
			}
		}
	}
	if err := r.Err(); err != nil {
		return selection{}, malformed("SELECT", err)
	}
	if s.version == "" {
		return selection{}, fmt.Errorf("%w: applet without a version", devices.ErrAnswer)
	}
	return s, nil
}

// versionString writes three bytes of version as people do; "" for any other
// number of bytes.
func versionString(b []byte) string {
	if len(b) != 3 {
		return ""
	}
	return fmt.Sprintf("%d.%d.%d", b[0], b[1], b[2])
}

// An entry is one credential as LIST tells of it, with what its name says.
type entry struct {
	name      string // as stored, period included
	id        string // as people call it
	kind      devices.Type
	algorithm devices.Algorithm
	period    time.Duration
}

// parseList decodes the answer to LIST: for each credential its type and
// algorithm in one byte, then its name (YKOATH, LIST). Types and algorithms
// that are unknown stay empty.
func parseList(b []byte) ([]entry, error) {
	var entries []entry
	r := tlv.NewReader(b)
	for r.Next() {
		v := r.Value()
		if r.Tag() != tagList || len(v) < 2 {
			return nil, fmt.Errorf("%w: LIST holds object %02X of %d bytes", devices.ErrAnswer, r.Tag(), len(v))
		}
		e := entry{name: string(v[1:])}
		switch v[0] & 0xF0 {
		case typeHOTP:
			e.kind = devices.HOTP
		case typeTOTP:
			e.kind = devices.TOTP
		}
		switch otp.Algorithm(v[0] & 0x0F) {
		case otp.SHA1:
			e.algorithm = devices.SHA1
		case otp.SHA256:
			e.algorithm = devices.SHA256
		case otp.SHA512:
			e.algorithm = devices.SHA512
		}
		entries = append(entries, e)
	}
	if err := r.Err(); err != nil {
		return nil, malformed("LIST", err)
	}
	return entries, nil
}

// A shape is what CALCULATE ALL tells of a credential beside its code.
type shape struct {
	digits int
	touch  bool
}

// parseShapes decodes the answer to CALCULATE ALL: a name, then what there is
// to say of it, again and again (YKOATH, CALCULATE ALL). Credentials whose
// codes have a length out of range are left out.
func parseShapes(b []byte) (map[string]shape, error) {
	shapes := make(map[string]shape)
	var name []byte
	r := tlv.NewReader(b)
	for r.Next() {
		if r.Tag() == tagName {
			name = r.Value()
			continue
		}
		if name == nil {
			return nil, fmt.Errorf("%w: CALCULATE ALL tells of nothing named", devices.ErrAnswer)
		}
		switch r.Tag() {
		case tagFull, tagTruncated, tagHOTP, tagTouch:
			if len(r.Value()) == 0 {
				return nil, fmt.Errorf("%w: CALCULATE ALL gives no number of digits", devices.ErrAnswer)
			}
			s := shape{digits: int(r.Value()[0]), touch: r.Tag() == tagTouch}
			if s.digits >= otp.MinDigits && s.digits <= otp.MaxDigits {
				shapes[string(name)] = s
			}
		}
		name = nil
	}
	if err := r.Err(); err != nil {
		return nil, malformed("CALCULATE ALL", err)
	}
	return shapes, nil
}

// parseCode decodes the answer to CALCULATE: the number of digits, then the
// HMAC or its truncation to 31 bits (YKOATH, CALCULATE; RFC 4226, 5.3).
func parseCode(b []byte) (devices.Digits, error) {
	r := tlv.NewReader(b)
	if !r.Next() {
		return "", malformed("CALCULATE", r.Err())
	}
	tag, v := r.Tag(), r.Value()
	if r.Next() || r.Err() != nil {
		return "", fmt.Errorf("%w: more than a code", devices.ErrAnswer)
	}
	if len(v) < 1 {
		return "", fmt.Errorf("%w: an empty code", devices.ErrAnswer)
	}
	var number uint32
	switch mac := v[1:]; {
	case tag == tagTruncated && len(mac) == 4:
		number = uint32(mac[0]&0x7F)<<24 | uint32(mac[1])<<16 | uint32(mac[2])<<8 | uint32(mac[3])
	case tag == tagFull:
		var err error
		if number, err = otp.Truncate(mac); err != nil {
			return "", malformed("CALCULATE", err)
		}
	default:
		return "", fmt.Errorf("%w: object %02X of %d bytes in place of a code", devices.ErrAnswer, tag, len(v))
	}
	digits, err := otp.Format(number, int(v[0]))
	if err != nil {
		return "", malformed("CALCULATE", err)
	}
	return devices.Digits(digits), nil
}

// malformed says that an answer breaks off or isn't what its protocol allows.
func malformed(command string, err error) error {
	if err == nil {
		return fmt.Errorf("%w: %s answers nothing", devices.ErrAnswer, command)
	}
	return fmt.Errorf("%w: %s: %w", devices.ErrAnswer, command, err)
}
