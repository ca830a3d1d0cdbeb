package transcript

import (
	"slices"

	"github.com/fob-auth/fob/firmware/apdu"
	"github.com/fob-auth/fob/firmware/otp"
	"github.com/fob-auth/fob/firmware/tlv"
)

// StandIn is the key that codes in a transcript are of, whatever key the card
// has: the test key of RFC 4226, appendix D, and RFC 6238, appendix B.
const StandIn = "12345678901234567890"

// Applets that have something to show, by the beginning of their AIDs (Yubico's
// registered provider identifier A000000527; NIST SP 800-73-4, part 1, 2.2).
const (
	aidManagement = "\xA0\x00\x00\x05\x27\x47\x11\x17"
	aidOTP        = "\xA0\x00\x00\x05\x27\x20\x01"
	aidOATH       = "\xA0\x00\x00\x05\x27\x21\x01"
	aidPIV        = "\xA0\x00\x00\x03\x08"
)

// Instructions of ISO/IEC 7816-4 (11.2.2, 11.8.1), and the P1 that tells SELECT
// by AID from what applets do by the same number.
const (
	insSelect      = 0xA4
	insGetResponse = 0xC0
	selectByName   = 0x04
)

// chaining is the bit of CLA that says that a command goes on in the next one
// (ISO/IEC 7816-4, 5.4.1).
const chaining = 0x10

// Instructions of the OATH applet (YKOATH, "Instructions").
const (
	oathPut           = 0x01
	oathDelete        = 0x02
	oathSetCode       = 0x03
	oathReset         = 0x04
	oathRename        = 0x05
	oathList          = 0xA1
	oathCalculate     = 0xA2
	oathValidate      = 0xA3
	oathCalculateAll  = 0xA4
	oathSendRemaining = 0xA5
)

// Tags of the OATH applet (YKOATH).
const (
	tagName      tlv.Tag = 0x71
	tagList      tlv.Tag = 0x72
	tagKey       tlv.Tag = 0x73
	tagChallenge tlv.Tag = 0x74
	tagFull      tlv.Tag = 0x75
	tagTruncated tlv.Tag = 0x76
	tagHOTP      tlv.Tag = 0x77 // no code for a listing: event-based
	tagProperty  tlv.Tag = 0x78 // a bare one
	tagCounter   tlv.Tag = 0x7A // where an event-based credential begins
	tagTouch     tlv.Tag = 0x7C // no code for a listing: touch first
)

// A redactor takes the secrets out of a session, command by command. It knows
// by the answers which applet is selected and what credentials there are.
type redactor struct {
	aid        string // of the applet that is selected; "" where none is known
	algorithms map[string]otp.Algorithm
	chained    bool // the command at hand goes on another's data
}

// An asked is a command that was redacted, as far as its answer depends on it.
type asked struct {
	apdu.Command
	known   bool // a whole command, of an instruction whose answer is known
	name    string
	moving  []byte // the challenge that codes are computed of
	reaches string // the AID that it selects
}

// command returns what may be shown of a command.
func (r *redactor) command(raw []byte) ([]byte, asked) {
	shown := slices.Clone(raw)
	c, err := apdu.ParseCommand(shown)
	if err != nil {
		clear(shown[min(4, len(shown)):])
		return shown, asked{}
	}
	a := asked{Command: c}
	part := r.chained || c.CLA&chaining != 0
	r.chained = c.CLA&chaining != 0
	if part {
		clear(c.Data)
		return shown, a
	}
	if c.INS == insSelect && c.P1 == selectByName {
		a.known, a.reaches = true, string(c.Data)
		return shown, a
	}
	switch r.aid {
	case aidOATH:
		a.known = r.oathCommand(&a)
	case aidManagement:
		a.known = c.INS == 0x1D // READ CONFIG; WRITE CONFIG carries the lock code
	case aidOTP:
		a.known = c.INS == 0x01 && c.P1 == 0x10 || c.INS == 0x03 // serial number, status
	case aidPIV:
		a.known = c.INS == 0xFD || c.INS == 0xF8 // GET VERSION, GET SERIAL
	}
	if !a.known || r.aid != aidOATH {
		clear(c.Data)
	}
	return shown, a
}

// oathCommand redacts a command to the OATH applet in place. It is false where
// nothing of it may be shown.
func (r *redactor) oathCommand(a *asked) bool {
	switch a.INS {
	case oathList, oathCalculateAll, oathCalculate, oathDelete, oathRename, oathReset, oathPut:
	case oathSetCode, oathValidate: // the password
		return false
	default:
		return false
	}
	objects := tlv.NewReader(a.Data, tagProperty)
	algorithm := otp.Algorithm(0)
	for objects.Next() {
		switch v := objects.Value(); objects.Tag() {
		case tagName:
			a.name = string(v)
		case tagChallenge:
			a.moving = slices.Clone(v)
		case tagKey:
			if len(v) < 2 {
				return false
			}
			algorithm = otp.Algorithm(v[0] & 0x0F)
			for i := range v[2:] {
				v[2+i] = StandIn[i%len(StandIn)]
			}
		case tagProperty, tagCounter:
		default:
			return false
		}
	}
	if objects.Err() != nil {
		return false
	}
	if algorithm != 0 {
		r.learn(a.name, algorithm)
	}
	return true
}

func (r *redactor) learn(name string, a otp.Algorithm) {
	if r.algorithms == nil {
		r.algorithms = make(map[string]otp.Algorithm)
	}
	r.algorithms[name] = a
}

// answer redacts the data of the whole answer to a command in place, and takes
// note of what it says. whole is false for one that broke off.
func (r *redactor) answer(a asked, data []byte, sw apdu.SW, whole bool) {
	switch {
	case a.reaches != "":
		if sw == apdu.OK {
			r.aid = applet(a.reaches)
		}
	case !a.known:
		clear(data)
	case r.aid == aidOATH:
		if !r.oathAnswer(a, data) || !whole {
			clear(data)
		}
	}
}

// applet is the known applet that an AID selects, "" for another.
func applet(aid string) string {
	for _, known := range []string{aidManagement, aidOTP, aidOATH, aidPIV} {
		if len(aid) >= len(known) && aid[:len(known)] == known {
			return known
		}
	}
	return ""
}

// oathAnswer redacts what the OATH applet answers. It is false where that isn't
// what the command's answer is.
func (r *redactor) oathAnswer(a asked, data []byte) bool {
	name := a.name
	objects := tlv.NewReader(data)
	for objects.Next() {
		switch v := objects.Value(); objects.Tag() {
		case tagName:
			name = string(v)
		case tagList:
			if len(v) > 1 {
				r.learn(string(v[1:]), otp.Algorithm(v[0]&0x0F))
			}
		case tagFull, tagTruncated:
			if !r.standIn(objects.Tag(), v, name, a.moving) {
				return false
			}
		case tagHOTP, tagTouch:
		default:
			return false
		}
	}
	return objects.Err() == nil
}

// standIn puts the code that StandIn gives in the place of one: the number of
// digits, then the HMAC or the four bytes of it (YKOATH, CALCULATE). An
// event-based credential has no challenge and counts from 0 (RFC 4226, 5.1).
func (r *redactor) standIn(tag tlv.Tag, v []byte, name string, moving []byte) bool {
	if len(v) < 2 {
		return false
	}
	algorithm, known := r.algorithms[name]
	if !known {
		algorithm = otp.SHA1
	}
	if len(moving) == 0 {
		moving = make([]byte, 8)
	}
	mac, err := otp.MAC(algorithm, []byte(StandIn), moving)
	if err != nil {
		return false
	}
	if tag == tagTruncated {
		number, err := otp.Truncate(mac)
		if err != nil {
			return false
		}
		mac = []byte{byte(number >> 24), byte(number >> 16), byte(number >> 8), byte(number)}
	}
	if len(mac) != len(v)-1 {
		return false
	}
	copy(v[1:], mac)
	return true
}

// goesOn says whether a command asks for the rest of an answer.
func goesOn(raw []byte) bool {
	c, err := apdu.ParseCommand(raw)
	return err == nil && c.CLA == 0 && len(c.Data) == 0 && (c.INS == insGetResponse || c.INS == oathSendRemaining)
}
