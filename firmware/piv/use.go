package piv

import (
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"math/big"

	"github.com/fob-auth/fob/firmware/apdu"
	"github.com/fob-auth/fob/firmware/tlv"
)

// Tags of the dynamic authentication template (SP 800-73-4 part 2, 3.2.4,
// table 7).
const (
	tagDynamic   tlv.Tag = 0x7C
	tagWitness   tlv.Tag = 0x80
	tagChallenge tlv.Tag = 0x81
	tagResponse  tlv.Tag = 0x82
	tagPeer      tlv.Tag = 0x85 // exponentiation: the other side's public key
)

// A template is the objects of a GENERAL AUTHENTICATE.
type template map[tlv.Tag][]byte

// asks says that an object is there and empty, and so wanted.
func (t template) asks(tag tlv.Tag) bool {
	v, ok := t[tag]
	return ok && len(v) == 0
}

// dynamic answers one object of the template.
func dynamic(tag tlv.Tag, value []byte) ([]byte, apdu.SW) {
	var inner, w tlv.Writer
	inner.Add(tag, value)
	b, err := inner.Bytes()
	if err != nil {
		return nil, apdu.Unknown
	}
	w.Add(tagDynamic, b)
	return answer(&w)
}

// authenticate uses a key: P1 is its algorithm, P2 its slot (SP 800-73-4
// part 2, 3.2.4).
func (a *Applet) authenticate(cmd apdu.Command) ([]byte, apdu.SW) {
	if cmd.P2 != slotManagement && (!isSlot(cmd.P2) || cmd.P2 == slotAttestation) {
		return nil, apdu.WrongP1P2
	}
	b, ok, err := tlv.Find(cmd.Data, tagDynamic)
	if err != nil || !ok {
		return nil, apdu.WrongData
	}
	t := template{}
	r := tlv.NewReader(b)
	for r.Next() {
		t[r.Tag()] = r.Value()
	}
	if r.Err() != nil {
		return nil, apdu.WrongData
	}
	if cmd.P2 == slotManagement {
		return a.administer(cmd, t)
	}
	k, ok := a.state.keys[cmd.P2]
	if !ok {
		return nil, apdu.WrongData
	}
	if k.algorithm != algorithm(cmd.P1) {
		// Not SP 800-73-4's word for it: clients that try whether a key is of
		// some kind look for this one.
		return nil, apdu.WrongData
	}
	if !a.permits(k.pin) {
		return nil, apdu.SecurityStatus
	}
	input, agree := t[tagPeer]
	if !agree {
		input = t[tagChallenge]
	}
	if !k.takes(input, agree) {
		return nil, apdu.WrongData
	}
	if sw := a.awaitTouch(k.touch); sw != apdu.OK {
		return nil, sw
	}
	if k.pin != pinNever {
		// PIN Always means immediately before the operation (SP 800-73-4 part 2,
		// 3.2.4), so that another key's use comes between, too, if it takes a PIN:
		// others measured that on 5.7.4, no document of Yubico's says it.
		a.session.fresh = false
	}
	out, sw := k.use(input, agree, random{a.hw})
	if sw != apdu.OK {
		return nil, sw
	}
	return dynamic(tagResponse, out)
}

// permits says whether the session has proven what a PIN policy asks for.
func (a *Applet) permits(pin byte) bool {
	switch pin {
	case pinNever:
		return true
	case pinAlways:
		return a.session.fresh
	}
	return a.session.pin
}

// takes says whether the input is one that the key can be used on: a number as
// long as the modulus; a digest up to the length of the curve; a message; or
// the public key to agree with.
func (k key) takes(input []byte, agree bool) bool {
	switch p := k.private.(type) {
	case *rsa.PrivateKey:
		return !agree && len(input) == p.Size()
	case *ecdsa.PrivateKey:
		return agree || len(input) > 0 && len(input) <= (p.Curve.Params().BitSize+7)/8
	case ed25519.PrivateKey:
		return !agree
	case *ecdh.PrivateKey:
		return agree
	}
	return false
}

// use signs, deciphers or agrees.
func (k key) use(input []byte, agree bool, r random) ([]byte, apdu.SW) {
	var out []byte
	var err error
	switch p := k.private.(type) {
	case *rsa.PrivateKey:
		return useRSA(p, input)
	case *ecdsa.PrivateKey:
		if agree {
			var own *ecdh.PrivateKey
			if own, err = p.ECDH(); err == nil {
				out, err = agreeOn(own, input)
			}
			break
		}
		digest, _ := padLeft(input, (p.Curve.Params().BitSize+7)/8)
		out, err = ecdsa.SignASN1(r, p, digest)
	case ed25519.PrivateKey:
		out = ed25519.Sign(p, input)
	case *ecdh.PrivateKey:
		out, err = agreeOn(p, input)
	}
	if err != nil {
		return nil, apdu.WrongData
	}
	return out, apdu.OK
}

// agreeOn is the secret shared with the other side: of a NIST curve the x
// coordinate.
func agreeOn(own *ecdh.PrivateKey, peer []byte) ([]byte, error) {
	public, err := own.Curve().NewPublicKey(peer)
	if err != nil {
		return nil, err
	}
	return own.ECDH(public)
}

// useRSA raises the input to the private exponent (RFC 8017, 5.1.2), by the
// Chinese remainder theorem. Padding is the client's business, which is why
// Go's own functions, that pad, don't serve.
func useRSA(p *rsa.PrivateKey, input []byte) ([]byte, apdu.SW) {
	c := new(big.Int).SetBytes(input)
	if c.Cmp(p.N) >= 0 || len(p.Primes) != 2 {
		return nil, apdu.WrongData
	}
	m1 := new(big.Int).Exp(c, p.Precomputed.Dp, p.Primes[0])
	m2 := new(big.Int).Exp(c, p.Precomputed.Dq, p.Primes[1])
	h := m1.Sub(m1, m2)
	h.Mul(h, p.Precomputed.Qinv)
	h.Mod(h, p.Primes[0])
	h.Mul(h, p.Primes[1])
	return h.Add(h, m2).FillBytes(make([]byte, p.Size())), apdu.OK
}
