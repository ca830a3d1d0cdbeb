// Package seal encrypts what the agent keeps on the disk with a key that the
// system keeps elsewhere: the desktop's Secret Service, or the kernel's keyring
// ([Find]). Where the system offers neither there is no sealer, and what would
// have been sealed stays in memory.
//
// A sealed text is useless without the key: in a backup, on a lost disk, in a
// home folder that others can read. It is no protection against another
// program of the same user, which gets the key from the same place.
package seal

import (
	"context"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"

	"golang.org/x/crypto/chacha20poly1305"
)

// A Place is where the system keeps the key.
type Place string

// The places.
const (
	// SecretService is the desktop's store of secrets, by D-Bus
	// (freedesktop.org Secret Service API 0.2): its key outlives a restart of
	// the computer.
	SecretService Place = "secret-service"
	// Keyring is the Linux kernel's keyring of the user (keyrings(7),
	// user-keyring(7)): its key is in memory alone, and gone when the computer
	// restarts.
	Keyring Place = "keyring"
)

// Survives says what becomes of what was sealed with a key from the place.
func (p Place) Survives() string {
	switch p {
	case SecretService:
		return "readable again after the computer restarts, once the desktop's store of secrets is unlocked"
	case Keyring:
		return "readable until the computer restarts, and dropped then"
	}
	return "nothing is sealed"
}

// ErrNone says that no place of the system gives a key.
var ErrNone = errors.New("no sealing key")

// ErrLocked says that the Secret Service has its collection locked; the agent
// asks nobody to unlock it.
var ErrLocked = errors.New("the Secret Service is locked")

// ErrOtherKey says that a text was sealed with another key than this one.
var ErrOtherKey = errors.New("sealed with another key")

// ErrDamaged says that a sealed text isn't what was sealed, or was sealed as
// something else.
var ErrDamaged = errors.New("sealed text is damaged, or belongs elsewhere")

// The layout of a sealed text: format, the first bytes of the key's hash, the
// nonce, and what XChaCha20-Poly1305 makes of the plain text
// (draft-irtf-cfrg-xchacha-03). A random nonce of 24 bytes may be drawn any
// number of times.
const (
	format  = 1
	keySize = chacha20poly1305.KeySize
	idSize  = 8
	head    = 1 + idSize + chacha20poly1305.NonceSizeX
)

// MaxText bounds a plain text, in bytes.
const MaxText = 1 << 20

// A Sealer seals and opens with one key. A nil *Sealer is one without a key:
// it seals nothing.
type Sealer struct {
	place Place
	id    [idSize]byte
	aead  cipher.AEAD
}

// New returns a sealer for a key of 32 bytes.
func New(place Place, key []byte) (*Sealer, error) {
	aead, err := chacha20poly1305.NewX(key)
	if err != nil {
		return nil, fmt.Errorf("sealing key of the %s: %w", place, err)
	}
	s := &Sealer{place: place, aead: aead}
	sum := sha256.Sum256(append([]byte("fob sealing key\x00"), key...))
	copy(s.id[:], sum[:])
	return s, nil
}

// Place is where the key is kept; "" where there is none.
func (s *Sealer) Place() Place {
	if s == nil {
		return ""
	}
	return s.place
}

// Seal encrypts a text. name says what it is, for instance "session 01ab": it
// can be opened under the same name alone. Without a key it is ErrNone.
func (s *Sealer) Seal(name string, text []byte) ([]byte, error) {
	if s == nil {
		return nil, ErrNone
	}
	if len(text) > MaxText {
		return nil, fmt.Errorf("seal %s: longer than %d bytes", name, MaxText)
	}
	box := make([]byte, head, head+len(text)+s.aead.Overhead())
	box[0] = format
	copy(box[1:], s.id[:])
	nonce := box[1+idSize : head]
	rand.Read(nonce)
	return s.aead.Seal(box, nonce, text, bound(box, name)), nil
}

// Open decrypts what Seal made: ErrNone without a key, ErrOtherKey where the
// key was another, ErrDamaged where the bytes or the name aren't the same.
func (s *Sealer) Open(name string, box []byte) ([]byte, error) {
	switch {
	case s == nil:
		return nil, ErrNone
	case len(box) < head+s.aead.Overhead() || len(box) > head+MaxText+s.aead.Overhead() || box[0] != format:
		return nil, ErrDamaged
	case [idSize]byte(box[1:1+idSize]) != s.id:
		return nil, ErrOtherKey
	}
	text, err := s.aead.Open(nil, box[1+idSize:head], box[head:], bound(box, name))
	if err != nil {
		return nil, ErrDamaged
	}
	return text, nil
}

// bound is what the text is bound to: format, key and name.
func bound(box []byte, name string) []byte {
	return append(append([]byte("fob sealed "), box[:1+idSize]...), name...)
}

// Options say where to look for the key.
type Options struct {
	// Place is the one place to look in; "" for the Secret Service first and
	// the keyring after it.
	Place Place
	// Bus is the address of the session's D-Bus; "" for none. The environment
	// isn't looked at.
	Bus string
	// Name is what the key is kept under; "" for the one name that all of a
	// user's agents share.
	Name string
}

const standardName = "fob sealing key"

// Find gets the key from the system, and makes one where there is none yet. It
// never asks a person, and is best given a ctx of a few seconds. Every failure
// is ErrNone with the reasons.
func Find(ctx context.Context, o Options) (*Sealer, error) {
	if o.Name == "" {
		o.Name = standardName
	}
	var why []error
	for _, way := range []struct {
		place Place
		key   func(context.Context, Options) ([]byte, error)
	}{{SecretService, secretServiceKey}, {Keyring, keyringKey}} {
		if o.Place != "" && o.Place != way.place {
			continue
		}
		key, err := way.key(ctx, o)
		if err == nil {
			return New(way.place, key)
		}
		why = append(why, fmt.Errorf("%s: %w", way.place, err))
	}
	return nil, fmt.Errorf("%w: %w", ErrNone, errors.Join(why...))
}

func newKey() []byte {
	key := make([]byte, keySize)
	rand.Read(key)
	return key
}

// checked refuses a stored key that isn't one.
func checked(key []byte) ([]byte, error) {
	if len(key) != keySize {
		return nil, fmt.Errorf("what is kept as fob's sealing key has %d bytes, not %d", len(key), keySize)
	}
	return key, nil
}
