package oath

import (
	"encoding/binary"

	"github.com/fob-auth/fob/firmware/apdu"
	"github.com/fob-auth/fob/firmware/otp"
	"github.com/fob-auth/fob/firmware/tlv"
)

// calculate gives one code ("CALCULATE"). HOTP takes its own counter and no
// heed of the challenge. What the code uses up, a counter or a challenge, is
// stored before the code goes out.
func (a *Applet) calculate(cmd apdu.Command) ([]byte, apdu.SW) {
	if cmd.P1 != 0 || cmd.P2 > p2Truncated {
		return nil, apdu.WrongP1P2
	}
	v, ok := exactly(cmd.Data, tagName, tagChallenge)
	if !ok || len(v[1]) > maxChallenge {
		return nil, apdu.WrongData
	}
	i := a.state.find(string(v[0]))
	if i < 0 {
		return nil, apdu.DataInvalid
	}
	c := a.state.credentials[i]
	if !c.takes(v[1]) {
		return nil, apdu.WrongData
	}
	if c.touch {
		// A client takes the same word for a touch that didn't come as for a
		// password that wasn't given.
		if err := a.hw.AwaitTouch(0); err != nil {
			return nil, apdu.SecurityStatus
		}
	}
	message, changed := c.advance(v[1])
	if changed && a.commit(a.state.with(c)) != nil {
		return nil, apdu.MemoryFailure
	}
	var w tlv.Writer
	if !a.addCode(&w, c, message, cmd.P2) {
		return nil, apdu.Unknown
	}
	return answer(&w)
}

// calculateAll gives the codes of all TOTP credentials that need no touch, and
// says of the others why it doesn't ("CALCULATE ALL").
func (a *Applet) calculateAll(cmd apdu.Command) ([]byte, apdu.SW) {
	if cmd.P1 != 0 || cmd.P2 > p2Truncated {
		return nil, apdu.WrongP1P2
	}
	v, ok := exactly(cmd.Data, tagChallenge)
	if !ok || len(v[0]) == 0 || len(v[0]) > maxChallenge {
		return nil, apdu.WrongData
	}
	if sw := a.advanceAll(v[0]); sw != apdu.OK {
		return nil, sw
	}
	var w tlv.Writer
	for _, c := range a.state.credentials {
		w.Add(tagName, []byte(c.name))
		switch {
		case c.kind == HOTP:
			w.Add(tagHOTP, []byte{byte(c.digits)})
		case c.touch:
			w.Add(tagTouch, []byte{byte(c.digits)})
		case !a.addCode(&w, c, v[0], cmd.P2):
			return nil, apdu.Unknown
		}
	}
	return answer(&w)
}

// advanceAll readies the credentials that CALCULATE ALL gives codes of for a
// challenge. One that doesn't take it fails the command, as others measured on
// 5.7.4.
func (a *Applet) advanceAll(challenge []byte) apdu.SW {
	next, stale := a.state, false
	for _, c := range a.state.credentials {
		if c.kind == HOTP || c.touch {
			continue
		}
		if !c.takes(challenge) {
			return apdu.WrongData
		}
		if _, changed := c.advance(challenge); changed {
			next, stale = next.with(c), true
		}
	}
	if !stale {
		return apdu.OK
	}
	return a.change(next)
}

// addCode writes the number of digits and the HMAC of a message, whole or
// truncated; the client makes the digits.
func (a *Applet) addCode(w *tlv.Writer, c credential, message []byte, form byte) bool {
	mac, err := otp.MAC(c.algorithm, c.secret, message)
	if err != nil {
		return false
	}
	tag := tagFull
	if form == p2Truncated {
		n, err := otp.Truncate(mac)
		if err != nil {
			return false
		}
		tag, mac = tagTruncated, binary.BigEndian.AppendUint32(nil, n)
	}
	w.Add(tag, []byte{byte(c.digits)}, mac)
	a.codes++
	return true
}
