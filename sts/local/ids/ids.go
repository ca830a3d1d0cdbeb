// Package ids makes the identifiers and secrets that AWS makes: access key
// ids, unique ids of identities, secret access keys (IAM User Guide, "IAM
// identifiers": unique ID prefixes).
package ids

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// A Prefix says what an identifier identifies.
type Prefix string

// The prefixes.
const (
	TemporaryKey  Prefix = "ASIA"
	LongTermKey   Prefix = "AKIA"
	User          Prefix = "AIDA"
	Role          Prefix = "AROA"
	Group         Prefix = "AGPA"
	ManagedPolicy Prefix = "ANPA"
)

// Lengths of identifiers, prefix included, as AWS makes them.
const (
	keyLength    = 20
	uniqueLength = 21
)

func (p Prefix) length() int {
	if p == TemporaryKey || p == LongTermKey {
		return keyLength
	}
	return uniqueLength
}

func (p Prefix) with(entropy []byte) string {
	text := base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(entropy)
	return (string(p) + text)[:p.length()]
}

// New makes an identifier of r's randomness.
func New(r io.Reader, p Prefix) (string, error) {
	entropy := make([]byte, 15) // 24 characters
	if _, err := io.ReadFull(r, entropy); err != nil {
		return "", fmt.Errorf("new %s id: %w", p, err)
	}
	return p.with(entropy), nil
}

// Of makes the identifier that always belongs to these names, for what a world
// file describes: the same file gives the same ids.
func Of(p Prefix, names ...string) string {
	sum := sha256.Sum256([]byte(string(p) + "\x00" + strings.Join(names, "\x00")))
	return p.with(sum[:15])
}

// NewSecret makes a secret access key: 40 characters of base64.
func NewSecret(r io.Reader) (string, error) {
	raw := make([]byte, 30)
	if _, err := io.ReadFull(r, raw); err != nil {
		return "", fmt.Errorf("new secret access key: %w", err)
	}
	return base64.StdEncoding.EncodeToString(raw), nil
}

// keyBytes is the entropy of an access key id's 16 characters.
const keyBytes = 10

// NewTemporaryKey makes an access key id that tells its account, as AWS's do:
// behind the prefix, of the first 48 bits in base32, the first is set and the
// next 40 are the account's number (observed by many; not documented).
func NewTemporaryKey(r io.Reader, account string) (string, error) {
	raw := make([]byte, keyBytes)
	if _, err := io.ReadFull(r, raw); err != nil {
		return "", fmt.Errorf("new %s id: %w", TemporaryKey, err)
	}
	number, err := strconv.ParseUint(account, 10, 40)
	if err != nil {
		return "", fmt.Errorf("new %s id: account %q is no number", TemporaryKey, account)
	}
	head := 1<<47 | number<<7 | uint64(raw[5]&0x7f)
	binary.BigEndian.PutUint32(raw, uint32(head>>16))
	binary.BigEndian.PutUint16(raw[4:], uint16(head))
	return TemporaryKey.with(raw), nil
}

// AccountOf reads the account of a key id that [NewTemporaryKey] made.
func AccountOf(keyID string) (account string, ok bool) {
	text, temporary := strings.CutPrefix(keyID, string(TemporaryKey))
	raw, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(text)
	if !temporary || len(keyID) != keyLength || err != nil || len(raw) != keyBytes || raw[0]&0x80 == 0 {
		return "", false
	}
	head := uint64(binary.BigEndian.Uint32(raw))<<16 | uint64(binary.BigEndian.Uint16(raw[4:]))
	return fmt.Sprintf("%012d", head>>7&(1<<40-1)), true
}
