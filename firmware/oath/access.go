package oath

import (
	"crypto/hmac"

	"github.com/fob-auth/fob/firmware/apdu"
	"github.com/fob-auth/fob/firmware/otp"
	"github.com/fob-auth/fob/firmware/tlv"
)

// maxKey is the longest access key, in bytes; clients send 16, from PBKDF2 of
// the password and the salt. As with secrets, who measured 5.7.4 saw it refuse
// less than 14.
const maxKey = 64

// setCode sets the access key, once the client has shown that it can use it,
// or takes it away where the key is empty ("SET CODE"). The session that did
// so stays unlocked.
func (a *Applet) setCode(cmd apdu.Command) apdu.SW {
	if cmd.P1 != 0 || cmd.P2 != 0 {
		return apdu.WrongP1P2
	}
	next := a.state
	if v, ok := exactly(cmd.Data, tagKey); ok && len(v[0]) == 0 {
		next.key, next.keyAlgorithm = nil, 0
		return a.change(next)
	}
	v, ok := exactly(cmd.Data, tagKey, tagChallenge, tagFull)
	if !ok || len(v[0]) < 2 || len(v[0]) > 1+maxKey || len(v[1]) == 0 || len(v[1]) > maxChallenge {
		return apdu.WrongData
	}
	_, alg := splitType(v[0][0])
	key := append([]byte(nil), v[0][1:]...)
	mac, err := otp.MAC(alg, key, v[1])
	if err != nil {
		return apdu.WrongData
	}
	if !hmac.Equal(mac, v[2]) {
		return apdu.DataInvalid
	}
	next.key, next.keyAlgorithm = key, alg
	sw := a.change(next)
	a.unlocked = sw == apdu.OK || a.unlocked
	return sw
}

// validate lets a client prove the password on the session's challenge, and
// proves to the client that the token knows it too ("VALIDATE").
func (a *Applet) validate(cmd apdu.Command) ([]byte, apdu.SW) {
	if cmd.P1 != 0 || cmd.P2 != 0 {
		return nil, apdu.WrongP1P2
	}
	if !a.state.locked() || len(a.challenge) == 0 {
		return nil, apdu.DataInvalid
	}
	v, ok := exactly(cmd.Data, tagFull, tagChallenge)
	if !ok || len(v[1]) == 0 || len(v[1]) > maxChallenge {
		return nil, apdu.WrongData
	}
	want, err := otp.MAC(a.state.keyAlgorithm, a.state.key, a.challenge)
	if err != nil {
		return nil, apdu.Unknown
	}
	if !hmac.Equal(want, v[0]) {
		return nil, apdu.WrongData
	}
	proof, err := otp.MAC(a.state.keyAlgorithm, a.state.key, v[1])
	if err != nil {
		return nil, apdu.Unknown
	}
	a.unlocked = true
	var w tlv.Writer
	w.Add(tagFull, proof)
	return answer(&w)
}
