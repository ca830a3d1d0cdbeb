package mfa

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/hex"
	"fmt"
	"io"
	"strings"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
)

// SeedSize is the size in bytes of the seeds that AWS makes: 64 characters of
// base32 (decoded from a captured answer of CreateVirtualMFADevice).
const SeedSize = 40

// Bounds of the seeds that a world may hold: RFC 4226 section 4 asks for at
// least 128 bits, vendors have shipped 80; the upper bound is SHA-1's block,
// beyond which HMAC hashes the key.
const (
	minSeed = 10
	maxSeed = 64
)

// A Seed is a device's shared secret in unpadded upper case base32.
type Seed string

// NewSeed makes a seed of [SeedSize] bytes of r.
func NewSeed(r io.Reader) (Seed, error) {
	raw := make([]byte, SeedSize)
	if _, err := io.ReadFull(r, raw); err != nil {
		return "", fmt.Errorf("mfa seed: %w", err)
	}
	return Seed(base32.StdEncoding.EncodeToString(raw)), nil
}

// ParseSeed reads base32 as people write it: any case, with or without padding
// and spaces. The error doesn't repeat the text.
func ParseSeed(s string) (Seed, error) {
	s = strings.ToUpper(strings.TrimRight(strings.ReplaceAll(s, " ", ""), "="))
	raw, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(s)
	if err != nil {
		return "", fmt.Errorf("mfa seed is not base32")
	}
	if len(raw) < minSeed || len(raw) > maxSeed {
		return "", fmt.Errorf("mfa seed has %d bytes, want %d to %d", len(raw), minSeed, maxSeed)
	}
	return Seed(s), nil
}

// ID names the seed without telling it.
func (s Seed) ID() string {
	sum := sha256.Sum256([]byte("fob mfa seed\x00" + s))
	return hex.EncodeToString(sum[:16])
}

// String redacts: a seed never reaches a log.
func (s Seed) String() string { return "[seed]" }

// code is the digits of a counter.
func (s Seed) code(counter int64) (string, error) {
	code, err := hotp.GenerateCodeCustom(string(s), uint64(counter), hotp.ValidateOpts{
		Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1,
	})
	if err != nil {
		return "", fmt.Errorf("mfa code: %w", err)
	}
	return code, nil
}

// has tells whether code is that of the counter. There is none before 1970.
func (s Seed) has(counter int64, code string) bool {
	if counter < 0 {
		return false
	}
	want, err := s.code(counter)
	return err == nil && subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1
}
