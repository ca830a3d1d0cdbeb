package fob

import (
	"crypto/sha1"
	"errors"
)

// Version is the version of this firmware, as identity reports it.
const Version = "1.0.0"

// DefaultModel is the model of a fob that was provisioned without one.
const DefaultModel = "fob-1"

// Bounds on what is provisioned, in bytes. The seed's lower bound is that of
// RFC 4226, 4 (R6); a longer model or serial would not fit a line.
const (
	MinSeed   = 16
	MaxSeed   = 64
	MaxModel  = 12
	MaxSerial = 20
)

// Errors of Provision and New; callers tell them apart with errors.Is. None of
// them holds any of the seed.
var (
	// ErrSealed says that the fob has its seed, for good.
	ErrSealed = errors.New("fob: sealed")
	// ErrDamaged says that the stored record fails its checksum or is none.
	ErrDamaged = errors.New("fob: stored record is damaged")
	// ErrIdentity says that a model or serial is empty, too long, or has
	// characters that a line can't carry.
	ErrIdentity = errors.New("fob: bad model or serial")
	// ErrSeed says that a seed is shorter than MinSeed or longer than MaxSeed.
	ErrSeed = errors.New("fob: bad seed length")
)

// An Identity is what the factory gives a fob besides its seed.
type Identity struct {
	// Model is up to MaxModel characters; empty means DefaultModel.
	Model string
	// Serial is up to MaxSerial characters, as "GAHT12345678": printable ASCII
	// without spaces, commas, '*' and '='.
	Serial string
}

// The stored record: magic, then model, serial and seed each behind a byte of
// length, then the first bytes of the SHA-1 of all before it. That is against
// accidents; SHA-1 is in the firmware anyway, and needs no table in RAM as the
// library's CRC-32 does.
const (
	recordMagic = "FOB\x01"
	sumSize     = 8
)

func checksum(b []byte) string {
	sum := sha1.Sum(b)
	return string(sum[:sumSize])
}

type record struct {
	model, serial string
	seed          []byte
}

func (r record) encode() []byte {
	b := append([]byte(nil), recordMagic...)
	for _, part := range [][]byte{[]byte(r.model), []byte(r.serial), r.seed} {
		b = append(b, byte(len(part)))
		b = append(b, part...)
	}
	return append(b, checksum(b)...)
}

// decodeRecord reads a stored record. The error is ErrDamaged.
func decodeRecord(b []byte) (record, error) {
	n := len(b) - sumSize
	if n < len(recordMagic) || string(b[:len(recordMagic)]) != recordMagic ||
		checksum(b[:n]) != string(b[n:]) {
		return record{}, ErrDamaged
	}
	rest := b[len(recordMagic):n]
	var parts [3][]byte
	for i := range parts {
		if len(rest) == 0 || len(rest)-1 < int(rest[0]) {
			return record{}, ErrDamaged
		}
		end := 1 + int(rest[0])
		parts[i], rest = rest[1:end], rest[end:]
	}
	r := record{model: string(parts[0]), serial: string(parts[1]), seed: append([]byte(nil), parts[2]...)}
	if len(rest) != 0 || r.check() != nil {
		return record{}, ErrDamaged
	}
	return r, nil
}

func (r record) check() error {
	if !isWord(r.model, MaxModel) || !isWord(r.serial, MaxSerial) {
		return ErrIdentity
	}
	if len(r.seed) < MinSeed || len(r.seed) > MaxSeed {
		return ErrSeed
	}
	return nil
}

// isWord tells whether s can be the value of a field that is no list.
func isWord(s string, limit int) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c <= ' ' || c > '~' || c == '*' || c == '=' || c == ',' {
			return false
		}
	}
	return len(s) > 0 && len(s) <= limit
}

// Provision gives a new fob its identity and seed below the line, as the maker
// of an emulated one does: once.
// The error is ErrSealed for a fob that has them, ErrDamaged for one whose
// record can't be read, ErrIdentity, ErrSeed, or the hardware's own.
func Provision(hw Hardware, id Identity, seed []byte) error {
	stored, err := hw.Load()
	if err != nil {
		return err
	}
	if len(stored) > 0 {
		if _, err := decodeRecord(stored); err != nil {
			return err
		}
		return ErrSealed
	}
	r := record{model: id.Model, serial: id.Serial, seed: seed}
	if r.model == "" {
		r.model = DefaultModel
	}
	if err := r.check(); err != nil {
		return err
	}
	return hw.Store(r.encode())
}
