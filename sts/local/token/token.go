// Package token seals what temporary credentials stand for into their session
// token, so that any server that has the key can check one without having
// issued it: AES-256-GCM over the claims, with the access key id as associated
// data, so that a token is good with its own key only. Rights are not in it:
// they are looked up by immutable ids at every call.
package token

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// ErrInvalid is a token that isn't ours, isn't that of the access key, or was
// changed.
var ErrInvalid = errors.New("invalid session token")

// KeySize is the size of a sealing key in bytes.
const KeySize = 32

// A token is base64 of: version, key id (big endian), nonce, sealed claims. A
// message is the same of another version.
const (
	version        = 1
	messageVersion = 2
	headSize       = 1 + 4
	maxSealed      = 64 << 10
)

// A Kind says which call issued a session.
type Kind string

// The kinds of sessions.
const (
	// SessionToken: GetSessionToken, for a user or a root user.
	SessionToken Kind = "session"
	// AssumedRole: AssumeRole.
	AssumedRole Kind = "role"
	// FederatedUser: GetFederationToken.
	FederatedUser Kind = "federated"
)

// A Tag is a session tag.
type Tag struct {
	Key   string `json:"k"`
	Value string `json:"v"`
	// Transitive: roles that the session assumes get the tag too.
	Transitive bool `json:"t,omitempty"`
}

// Claims are what temporary credentials stand for.
type Claims struct {
	Kind    Kind   `json:"k"`
	Secret  string `json:"s"` // the secret access key
	Account string `json:"a"`
	// Subject is the immutable id of the user (AIDA…) or role (AROA…), or the
	// account id for a root user; of a federated user that of who asked.
	Subject string `json:"u"`
	// SessionName is the role session's name, or the federated user's.
	SessionName string `json:"n,omitempty"`
	Issued      int64  `json:"i"` // Unix seconds
	Expires     int64  `json:"e"` // Unix seconds; good before it
	// Authenticated is when MFA was, in Unix seconds; 0 for a session without.
	Authenticated int64 `json:"m,omitempty"`
	// Policies are the session policies, JSON documents.
	Policies []string `json:"p,omitempty"`
	// PolicyARNs are managed policies used as session policies.
	PolicyARNs []string `json:"r,omitempty"`
	Tags       []Tag    `json:"g,omitempty"`
	// SourceIdentity is who is behind a role session, in a chain of roles that
	// of the first.
	SourceIdentity string `json:"o,omitempty"`
}

// Expired tells whether the session is over at now.
func (c Claims) Expired(now time.Time) bool { return now.Unix() >= c.Expires }

// A Key is a sealing key with the number that tokens call it by.
type Key struct {
	ID     uint32 `json:"id"`
	Secret []byte `json:"secret"` // KeySize bytes
}

// A Sealer seals and opens tokens. It is safe for concurrent use.
type Sealer struct {
	current uint32
	keys    map[uint32]cipher.AEAD
	rand    io.Reader
}

// NewSealer seals with the first key, and opens with any. rand makes nonces.
func NewSealer(rand io.Reader, keys ...Key) (*Sealer, error) {
	if len(keys) == 0 {
		return nil, errors.New("token: no sealing key")
	}
	s := &Sealer{current: keys[0].ID, keys: map[uint32]cipher.AEAD{}, rand: rand}
	for _, k := range keys {
		if len(k.Secret) != KeySize {
			return nil, fmt.Errorf("token: sealing key %d has %d bytes, want %d", k.ID, len(k.Secret), KeySize)
		}
		block, err := aes.NewCipher(k.Secret)
		if err != nil {
			return nil, fmt.Errorf("token: %w", err)
		}
		if s.keys[k.ID], err = cipher.NewGCM(block); err != nil {
			return nil, fmt.Errorf("token: %w", err)
		}
	}
	return s, nil
}

// Seal makes the token that goes with the access key.
func (s *Sealer) Seal(keyID string, c Claims) (string, error) {
	plain, err := json.Marshal(c)
	if err != nil {
		return "", fmt.Errorf("token: %w", err)
	}
	sealed, err := s.seal(version, keyID, plain)
	return base64.StdEncoding.EncodeToString(sealed), err
}

// Open returns what the token of the access key stands for, expired or not.
// Every failure is [ErrInvalid].
func (s *Sealer) Open(keyID, token string) (Claims, error) {
	var c Claims
	if len(token) > maxSealed {
		return c, ErrInvalid
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(token)
	if err != nil {
		return c, ErrInvalid
	}
	plain, ok := s.open(version, keyID, raw)
	if !ok || json.Unmarshal(plain, &c) != nil {
		return Claims{}, ErrInvalid
	}
	return c, nil
}

// SealMessage seals what a server tells an account in a way that only servers
// can read, and for that account alone. It is no token, and no token is a
// message.
func (s *Sealer) SealMessage(account string, plain []byte) (string, error) {
	sealed, err := s.seal(messageVersion, account, plain)
	return base64.RawURLEncoding.EncodeToString(sealed), err
}

// OpenMessage returns what [Sealer.SealMessage] sealed for the account. Every
// failure is [ErrInvalid].
func (s *Sealer) OpenMessage(account, text string) ([]byte, error) {
	if len(text) > maxSealed {
		return nil, ErrInvalid
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return nil, ErrInvalid
	}
	plain, ok := s.open(messageVersion, account, raw)
	if !ok {
		return nil, ErrInvalid
	}
	return plain, nil
}

func (s *Sealer) seal(version byte, to string, plain []byte) ([]byte, error) {
	aead := s.keys[s.current]
	size := headSize + aead.NonceSize()
	out := make([]byte, size, size+len(plain)+aead.Overhead())
	out[0] = version
	binary.BigEndian.PutUint32(out[1:], s.current)
	nonce := out[headSize:]
	if _, err := io.ReadFull(s.rand, nonce); err != nil {
		return nil, fmt.Errorf("token: %w", err)
	}
	return aead.Seal(out, nonce, plain, associated(out[:headSize], to)), nil
}

func (s *Sealer) open(version byte, to string, raw []byte) ([]byte, bool) {
	if len(raw) < headSize || raw[0] != version {
		return nil, false
	}
	aead, ok := s.keys[binary.BigEndian.Uint32(raw[1:headSize])]
	if !ok || len(raw) < headSize+aead.NonceSize() {
		return nil, false
	}
	nonce, sealed := raw[headSize:headSize+aead.NonceSize()], raw[headSize+aead.NonceSize():]
	plain, err := aead.Open(nil, nonce, sealed, associated(raw[:headSize], to))
	return plain, err == nil
}

// associated is what is bound to the sealed beside its key: its head, and the
// access key id or account that it is for.
func associated(head []byte, to string) []byte {
	return append(append([]byte(nil), head...), to...)
}
