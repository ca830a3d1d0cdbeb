package piv

import (
	"maps"
	"slices"

	"github.com/fob-auth/fob/firmware/record"
	"github.com/fob-auth/fob/firmware/tlv"
)

// stateName is the name of the applet's record in the board's storage.
const stateName = "piv"

// The stored record's body: as data objects the PIN, the PUK, the management
// key, and each key and object.
const stateMagic = "PIV\x01"

const (
	storedPIN        tlv.Tag = 0x01 // tries, tries left, eight bytes
	storedPUK        tlv.Tag = 0x02 // the same
	storedManagement tlv.Tag = 0x03 // algorithm, touch policy, key
	storedKey        tlv.Tag = 0x04 // slot, algorithm, PIN policy, touch policy, origin, PKCS #8
	storedObject     tlv.Tag = 0x05 // identifier in three bytes, content
)

// pinSize is the length of a PIN or PUK, padded (SP 800-73-4 part 2, 2.4.3).
const pinSize = 8

// A secret is a PIN or PUK with its counter.
type secret struct {
	tries, left byte
	value       [pinSize]byte
}

// A managementKey is the key that proves the card's administrator.
type managementKey struct {
	algorithm algorithm
	touch     byte
	key       []byte
}

// state is all that the applet keeps. Its maps and slices are not changed in
// place: a change makes a new state, which replaces the old one once it is
// stored.
type state struct {
	pin, puk   secret
	management managementKey
	keys       map[byte]key      // by slot
	objects    map[uint32][]byte // by identifier
}

// Factory values (developers.yubico.com, PIV, "Admin access").
const (
	factoryPIN   = "123456\xFF\xFF"
	factoryPUK   = "12345678"
	factoryTries = 3
)

// factory is the state of a new token.
func (a *Applet) factory() state {
	return state{
		pin:        secret{tries: factoryTries, left: factoryTries, value: [pinSize]byte([]byte(factoryPIN))},
		puk:        secret{tries: factoryTries, left: factoryTries, value: [pinSize]byte([]byte(factoryPUK))},
		management: a.factoryManagement(),
		keys:       map[byte]key{},
		objects:    map[uint32][]byte{},
	}
}

// withKey is the state with a key in a slot, in place of the one there.
func (s state) withKey(slot byte, k key) state {
	s.keys = maps.Clone(s.keys)
	s.keys[slot] = k
	return s
}

func (s state) withoutKey(slot byte) state {
	s.keys = maps.Clone(s.keys)
	delete(s.keys, slot)
	return s
}

// withObject is the state with an object's content, or without the object
// where there is none.
func (s state) withObject(id uint32, content []byte) state {
	s.objects = maps.Clone(s.objects)
	if len(content) == 0 {
		delete(s.objects, id)
	} else {
		s.objects[id] = slices.Clone(content)
	}
	return s
}

func (s state) encode() ([]byte, error) {
	var w tlv.Writer
	w.Add(storedPIN, []byte{s.pin.tries, s.pin.left}, s.pin.value[:])
	w.Add(storedPUK, []byte{s.puk.tries, s.puk.left}, s.puk.value[:])
	w.Add(storedManagement, []byte{byte(s.management.algorithm), s.management.touch}, s.management.key)
	for _, slot := range slices.Sorted(maps.Keys(s.keys)) {
		k := s.keys[slot]
		w.Add(storedKey, []byte{slot, byte(k.algorithm), k.pin, k.touch, k.origin}, k.der)
	}
	for _, id := range slices.Sorted(maps.Keys(s.objects)) {
		w.Add(storedObject, []byte{byte(id >> 16), byte(id >> 8), byte(id)}, s.objects[id])
	}
	objects, err := w.Bytes()
	if err != nil {
		return nil, err
	}
	return record.Seal(stateMagic, objects), nil
}

// decodeState reads a stored record. The error is ErrState.
func decodeState(b []byte) (state, error) {
	objects, ok := record.Open(stateMagic, b)
	if !ok {
		return state{}, ErrState
	}
	s := state{keys: map[byte]key{}, objects: map[uint32][]byte{}}
	r := tlv.NewReader(objects)
	for r.Next() {
		if !s.take(r.Tag(), r.Value()) {
			return state{}, ErrState
		}
	}
	if r.Err() != nil || s.pin.tries == 0 || s.puk.tries == 0 || !s.management.valid() {
		return state{}, ErrState
	}
	return s, nil
}

// take reads one object of the record into s.
func (s *state) take(tag tlv.Tag, v []byte) bool {
	switch tag {
	case storedPIN:
		return s.pin.take(v)
	case storedPUK:
		return s.puk.take(v)
	case storedManagement:
		if len(v) < 2 {
			return false
		}
		s.management = managementKey{algorithm: algorithm(v[0]), touch: v[1], key: v[2:]}
		return true
	case storedKey:
		if len(v) < 5 {
			return false
		}
		k, ok := parseKey(algorithm(v[1]), v[5:])
		k.pin, k.touch, k.origin = v[2], v[3], v[4]
		_, twice := s.keys[v[0]]
		s.keys[v[0]] = k
		return ok && !twice && isSlot(v[0])
	case storedObject:
		if len(v) < 4 {
			return false
		}
		id := uint32(v[0])<<16 | uint32(v[1])<<8 | uint32(v[2])
		_, twice := s.objects[id]
		s.objects[id] = v[3:]
		return !twice && isObject(id)
	}
	return false
}

func (s *secret) take(v []byte) bool {
	if len(v) != 2+pinSize || v[1] > v[0] {
		return false
	}
	s.tries, s.left = v[0], v[1]
	copy(s.value[:], v[2:])
	return true
}
