package oath

import (
	"encoding/binary"

	"github.com/fob-auth/fob/firmware/otp"
	"github.com/fob-auth/fob/firmware/record"
	"github.com/fob-auth/fob/firmware/tlv"
)

// stateName is the name of the applet's record in the board's storage.
const stateName = "oath"

// The stored record's body: as data objects the salt, the access key behind its
// algorithm, and each credential as an object that holds the objects below.
const stateMagic = "OATH\x01"

const (
	storedSalt       tlv.Tag = 0x01
	storedKey        tlv.Tag = 0x02
	storedCredential tlv.Tag = 0x03

	storedName    tlv.Tag = 0x01
	storedSecret  tlv.Tag = 0x02 // type and algorithm, digits, touch, secret
	storedCounter tlv.Tag = 0x03 // eight bytes, big-endian
	storedHighest tlv.Tag = 0x04 // of one that only increases: the last challenge, or none
)

// state is all that the applet keeps. Its slices are not changed in place: a
// change makes a new state, which replaces the old one once it is stored.
type state struct {
	salt         []byte
	keyAlgorithm otp.Algorithm
	key          []byte // of the password; empty where none is set
	credentials  []credential
}

// locked says that a password is set.
func (s state) locked() bool { return len(s.key) > 0 }

// find is the index of the credential of that name, or -1.
func (s state) find(name string) int {
	for i, c := range s.credentials {
		if c.name == name {
			return i
		}
	}
	return -1
}

// with is the state with one credential more, or another in the place of the
// one of the same name.
func (s state) with(c credential) state {
	next := append([]credential(nil), s.credentials...)
	if i := s.find(c.name); i >= 0 {
		next[i] = c
	} else {
		next = append(next, c)
	}
	s.credentials = next
	return s
}

// without is the state without its i-th credential.
func (s state) without(i int) state {
	next := append([]credential(nil), s.credentials[:i]...)
	s.credentials = append(next, s.credentials[i+1:]...)
	return s
}

func (s state) encode() ([]byte, error) {
	var w tlv.Writer
	w.Add(storedSalt, s.salt)
	if s.locked() {
		w.Add(storedKey, []byte{byte(s.keyAlgorithm)}, s.key)
	}
	for _, c := range s.credentials {
		one, err := c.encode()
		if err != nil {
			return nil, err
		}
		w.Add(storedCredential, one)
	}
	objects, err := w.Bytes()
	if err != nil {
		return nil, err
	}
	return record.Seal(stateMagic, objects), nil
}

func (c credential) encode() ([]byte, error) {
	var touch byte
	if c.touch {
		touch = 1
	}
	var w tlv.Writer
	w.Add(storedName, []byte(c.name))
	w.Add(storedSecret, []byte{c.typeByte(), byte(c.digits), touch}, c.secret)
	w.Add(storedCounter, binary.BigEndian.AppendUint64(nil, c.counter))
	if c.increasing {
		w.Add(storedHighest, c.highest)
	}
	return w.Bytes()
}

// decodeState reads a stored record. The error is ErrState.
func decodeState(b []byte) (state, error) {
	objects, ok := record.Open(stateMagic, b)
	if !ok {
		return state{}, ErrState
	}
	var s state
	r := tlv.NewReader(objects)
	for r.Next() {
		switch v := r.Value(); r.Tag() {
		case storedSalt:
			s.salt = v
		case storedKey:
			if len(v) < 2 || len(v) > 1+maxKey || !known(otp.Algorithm(v[0])) {
				return state{}, ErrState
			}
			s.keyAlgorithm, s.key = otp.Algorithm(v[0]), v[1:]
		case storedCredential:
			c, ok := decodeCredential(v)
			if !ok || s.find(c.name) >= 0 || len(s.credentials) == maxCredentials {
				return state{}, ErrState
			}
			s.credentials = append(s.credentials, c)
		default:
			return state{}, ErrState
		}
	}
	if r.Err() != nil || len(s.salt) != saltSize {
		return state{}, ErrState
	}
	return s, nil
}

func decodeCredential(b []byte) (credential, bool) {
	var c credential
	r := tlv.NewReader(b)
	for r.Next() {
		switch v := r.Value(); r.Tag() {
		case storedName:
			c.name = string(v)
		case storedSecret:
			if len(v) < 3 {
				return credential{}, false
			}
			c.kind, c.algorithm = splitType(v[0])
			c.digits, c.touch, c.secret = int(v[1]), v[2] != 0, v[3:]
		case storedCounter:
			if len(v) != 8 {
				return credential{}, false
			}
			c.counter = binary.BigEndian.Uint64(v)
		case storedHighest:
			c.increasing, c.highest = true, v
		default:
			return credential{}, false
		}
	}
	return c, r.Err() == nil && c.valid()
}

// known says that the token has an algorithm.
func known(alg otp.Algorithm) bool { return alg >= otp.SHA1 && alg <= otp.SHA512 }

// splitType takes the byte of type and algorithm apart.
func splitType(b byte) (Type, otp.Algorithm) {
	return Type(b & 0xF0), otp.Algorithm(b & 0x0F)
}
