package oath

import (
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	"time"

	"github.com/fob-auth/fob/devices"
	"github.com/fob-auth/fob/firmware/otp"
	"github.com/fob-auth/fob/firmware/tlv"
)

// Types of credential, in the high half of the byte that has the algorithm in
// its low half (YKOATH, "Types" and "Algorithms").
const (
	typeHOTP = 0x10
	typeTOTP = 0x20
)

// propertyTouch asks for a touch before each code (YKOATH, PUT, "Properties").
const propertyTouch = 0x02

// minKey is the shortest key the applet takes, in bytes; shorter ones are
// padded with zeros, which HMAC does anyway (YKOATH, PUT; RFC 2104, 2).
const minKey = 14

// An algorithm is how a hash is written in PUT, with its block size in bytes
// and the hash itself.
type algorithm struct {
	number otp.Algorithm
	block  int
	sum    func([]byte) []byte
}

func algorithmOf(a devices.Algorithm) (algorithm, error) {
	switch a {
	case devices.SHA1:
		return algorithm{otp.SHA1, sha1.BlockSize, func(b []byte) []byte { s := sha1.Sum(b); return s[:] }}, nil
	case devices.SHA256:
		return algorithm{otp.SHA256, sha256.BlockSize, func(b []byte) []byte { s := sha256.Sum256(b); return s[:] }}, nil
	case devices.SHA512:
		return algorithm{otp.SHA512, sha512.BlockSize, func(b []byte) []byte { s := sha512.Sum512(b); return s[:] }}, nil
	}
	return algorithm{}, fmt.Errorf("%w: algorithm %.20q", devices.ErrUnsupported, a)
}

// putData is the data of the PUT command for a credential. It holds the
// secret: the caller clears it.
func putData(n devices.NewCredential) ([]byte, error) {
	kind, err := kindOf(n.Credential)
	if err != nil {
		return nil, err
	}
	alg, err := algorithmOf(n.Algorithm)
	if err != nil {
		return nil, err
	}
	if n.Digits < otp.MinDigits || n.Digits > otp.MaxDigits {
		return nil, fmt.Errorf("%w: codes of %d digits", devices.ErrUnsupported, n.Digits)
	}
	name, err := joinName(n.Credential)
	if err != nil {
		return nil, err
	}
	key := n.Secret.Reveal()
	if len(key) == 0 {
		return nil, fmt.Errorf("%w: an empty secret", devices.ErrUnsupported)
	}
	if len(key) > alg.block {
		key = alg.sum(key) // as HMAC does with a key longer than a block (RFC 2104, 2)
	}
	padding := make([]byte, max(0, minKey-len(key)))
	var w tlv.Writer
	w.Add(tagName, []byte(name))
	w.Add(tagKey, []byte{kind | byte(alg.number), byte(n.Digits)}, key, padding)
	if n.Touch {
		w.AddBare(tagProperty, propertyTouch)
	}
	return w.Bytes()
}

// kindOf is a credential's type as PUT writes it, its period being one that a
// name can carry.
func kindOf(c devices.Credential) (byte, error) {
	switch {
	case c.Type == devices.HOTP:
		return typeHOTP, nil
	case c.Type != devices.TOTP:
		return 0, fmt.Errorf("%w: credential type %.20q", devices.ErrUnsupported, c.Type)
	case c.Period < time.Second || c.Period > maxPeriod*time.Second || c.Period%time.Second != 0:
		return 0, fmt.Errorf("%w: a period of %v", devices.ErrUnsupported, c.Period)
	}
	return typeTOTP, nil
}
