// Package otp is the arithmetic of one-time passwords: HOTP (RFC 4226) and the
// time steps that make TOTP of it (RFC 6238). It holds no secret and no state,
// and knows nothing of windows or verification: it is the token's side.
package otp

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"errors"
	"hash"
	"time"
)

// An Algorithm is the hash below the HMAC. The numbers are those of the YKOATH
// protocol ("Algorithms").
type Algorithm byte

// The algorithms of RFC 6238, 1.2.
const (
	SHA1   Algorithm = 1
	SHA256 Algorithm = 2
	SHA512 Algorithm = 3
)

// String is the algorithm's name as key URIs and bench files write it.
func (a Algorithm) String() string {
	switch a {
	case SHA1:
		return "SHA1"
	case SHA256:
		return "SHA256"
	case SHA512:
		return "SHA512"
	}
	return "unknown"
}

func (a Algorithm) hash() func() hash.Hash {
	switch a {
	case SHA1:
		return sha1.New
	case SHA256:
		return sha256.New
	case SHA512:
		return sha512.New
	}
	return nil
}

// The numbers of digits a code may have. RFC 4226, 5.3: at least six; eight is
// the most that tokens show.
const (
	MinDigits = 6
	MaxDigits = 8
)

// Errors of this package; callers tell them apart with errors.Is. None of them
// holds a key or a code.
var (
	// ErrAlgorithm says that an algorithm is unknown.
	ErrAlgorithm = errors.New("otp: unknown algorithm")
	// ErrKey says that a key is empty.
	ErrKey = errors.New("otp: empty key")
	// ErrDigits says that a number of digits is not MinDigits..MaxDigits.
	ErrDigits = errors.New("otp: digits out of range")
	// ErrShort says that an HMAC is too short to be truncated.
	ErrShort = errors.New("otp: hmac too short")
)

// MAC is the HMAC of a message: the moving factor as eight bytes, or whatever
// challenge a YKOATH client sends. The error is ErrAlgorithm or ErrKey.
func MAC(alg Algorithm, key, message []byte) ([]byte, error) {
	h := alg.hash()
	if h == nil {
		return nil, ErrAlgorithm
	}
	if len(key) == 0 {
		return nil, ErrKey
	}
	m := hmac.New(h, key)
	m.Write(message)
	return m.Sum(nil), nil
}

// Truncate takes 31 bits from an HMAC, at the offset that its last four bits
// name (RFC 4226, 5.3, "dynamic truncation"). The error is ErrShort.
func Truncate(mac []byte) (uint32, error) {
	if len(mac) < sha1.Size {
		return 0, ErrShort
	}
	offset := mac[len(mac)-1] & 0x0F // at most 15: 15+4 < 20
	return binary.BigEndian.Uint32(mac[offset:]) & 0x7FFFFFFF, nil
}

// Truncated is the 31-bit number of a counter, from which the digits are
// taken. The error is ErrAlgorithm or ErrKey.
func Truncated(alg Algorithm, key []byte, counter uint64) (uint32, error) {
	var message [8]byte
	binary.BigEndian.PutUint64(message[:], counter)
	mac, err := MAC(alg, key, message[:])
	if err != nil {
		return 0, err
	}
	return Truncate(mac)
}

// Format writes the last digits of a truncated number, with leading zeros. The
// error is ErrDigits.
func Format(truncated uint32, digits int) (string, error) {
	if digits < MinDigits || digits > MaxDigits {
		return "", ErrDigits
	}
	out := make([]byte, digits)
	for i := digits - 1; i >= 0; i-- {
		out[i] = '0' + byte(truncated%10)
		truncated /= 10
	}
	return string(out), nil
}

// HOTP is the code of a counter (RFC 4226, 5.3); with a time step for the
// counter it is a TOTP code (RFC 6238, 4). The error is ErrAlgorithm, ErrKey
// or ErrDigits.
func HOTP(alg Algorithm, key []byte, counter uint64, digits int) (string, error) {
	n, err := Truncated(alg, key, counter)
	if err != nil {
		return "", err
	}
	return Format(n, digits)
}

// Step is the number of whole periods from the Unix epoch to t, the counter of
// TOTP (RFC 6238, 4.2, with T0 = 0). The period counts in whole seconds; it is
// 0 for a period under a second and for a time before the epoch.
func Step(t time.Time, period time.Duration) uint64 {
	seconds := int64(period / time.Second)
	if seconds <= 0 || t.Unix() < 0 {
		return 0
	}
	return uint64(t.Unix() / seconds)
}
