// Package pages keeps a fob's record in two pages of flash, so that a loss of
// power at any moment leaves the old record or the new one, and of the old one
// no trace once the new one is there. It is what a board with bare flash puts
// below fob.Hardware's Load and Store; a board with a file system needs none of
// it. It knows nothing of what is in the record.
package pages

import (
	"crypto/sha1"
	"errors"
)

// Flash is two pages of a board's flash, numbered 0 and 1.
type Flash interface {
	// Size is how many bytes of a page are used, a multiple of 4.
	Size() int
	// Read fills p from a page, from its start.
	Read(page int, p []byte) error
	// Erase makes every byte of a page 0xFF.
	Erase(page int) error
	// Program writes p to a page that is erased, from its start; len(p) is a
	// multiple of 4. Power may go after any of it.
	Program(page int, p []byte) error
}

// A page in use holds, in this order: a number, one higher than that of the
// page before it (4 bytes, big endian); the record's length (2 bytes, big
// endian) and its complement (2 bytes); the record; the first sumSize bytes of
// the SHA-1 of all that.
const (
	headSize = 8
	sumSize  = 8
	blank    = 0xFF
)

// MaxRecord is the longest record that a page of that size holds, in bytes.
func MaxRecord(size int) int { return size - headSize - sumSize - 3 }

// Errors of this package, besides the flash's own.
var (
	// ErrFlash says that the flash doesn't hold what was written to it.
	ErrFlash = errors.New("pages: flash doesn't keep what is written")
	// ErrTooLong says that a record is longer than MaxRecord.
	ErrTooLong = errors.New("pages: record too long")
)

// A Store is an opened pair of pages.
type Store struct {
	flash Flash
	// page holds the record; -1 if there is none. The other page is blank.
	page   int
	number uint32
	record []byte
}

// Open finds the record, and finishes what a loss of power cut short: a page
// that holds no record, or an older one, is erased. The error is ErrFlash for
// flash that can't be erased, or the flash's own.
func Open(flash Flash) (*Store, error) {
	s := &Store{flash: flash, page: -1}
	raw := make([]byte, flash.Size())
	for page := range 2 {
		if err := flash.Read(page, raw); err != nil {
			return nil, err
		}
		number, record, ok := decode(raw)
		// Numbers are compared as a circle, though no flash lives long enough.
		if ok && (s.page < 0 || int32(number-s.number) > 0) {
			s.page, s.number, s.record = page, number, append([]byte(nil), record...)
		}
	}
	if err := s.eraseOthers(raw); err != nil {
		return nil, err
	}
	return s, nil
}

// Load returns the record; nil if there is none. The caller must not change
// it.
func (s *Store) Load() ([]byte, error) { return s.record, nil }

// Store keeps a record in the place of the one before; an empty one is none.
// The error is ErrTooLong, ErrFlash or the flash's own; what is kept then is
// known after the next Open.
func (s *Store) Store(record []byte) error {
	if len(record) > MaxRecord(s.flash.Size()) {
		return ErrTooLong
	}
	scratch := make([]byte, s.flash.Size())
	old := s.page
	s.page = -1
	clear(s.record)
	s.record = nil
	if len(record) > 0 {
		if err := s.program(1-max(0, old), record, scratch); err != nil {
			return err
		}
	}
	return s.eraseOthers(scratch)
}

// program writes a record to a page and reads it back.
func (s *Store) program(page int, record, scratch []byte) error {
	if err := s.erase(page, scratch); err != nil {
		return err
	}
	if err := s.flash.Program(page, encode(s.number+1, record)); err != nil {
		return err
	}
	if err := s.flash.Read(page, scratch); err != nil {
		return err
	}
	number, got, ok := decode(scratch)
	if !ok || number != s.number+1 || string(got) != string(record) {
		return ErrFlash
	}
	s.page, s.number, s.record = page, number, append([]byte(nil), record...)
	return nil
}

// eraseOthers leaves the page of the record alone in use.
func (s *Store) eraseOthers(scratch []byte) error {
	for page := range 2 {
		if page == s.page {
			continue
		}
		if err := s.erase(page, scratch); err != nil {
			return err
		}
	}
	return nil
}

// erase makes sure that a page is blank.
func (s *Store) erase(page int, scratch []byte) error {
	for try := 0; ; try++ {
		if err := s.flash.Read(page, scratch); err != nil {
			return err
		}
		switch {
		case isBlank(scratch):
			return nil
		case try > 0:
			return ErrFlash
		}
		if err := s.flash.Erase(page); err != nil {
			return err
		}
	}
}

func isBlank(p []byte) bool {
	for _, c := range p {
		if c != blank {
			return false
		}
	}
	return true
}

// encode makes a page's content, up to a multiple of 4.
func encode(number uint32, record []byte) []byte {
	n := uint16(len(record))
	p := make([]byte, 0, headSize+len(record)+sumSize+3)
	p = append(p, byte(number>>24), byte(number>>16), byte(number>>8), byte(number),
		byte(n>>8), byte(n), ^byte(n>>8), ^byte(n))
	p = append(p, record...)
	sum := sha1.Sum(p)
	p = append(p, sum[:sumSize]...)
	for len(p)%4 != 0 {
		p = append(p, blank)
	}
	return p
}

// decode reads a page's content; false if there is no whole record in it.
func decode(p []byte) (number uint32, record []byte, ok bool) {
	if len(p) < headSize+sumSize {
		return 0, nil, false
	}
	n := int(p[4])<<8 | int(p[5])
	if p[4] != ^p[6] || p[5] != ^p[7] || n == 0 || n > len(p)-headSize-sumSize {
		return 0, nil, false
	}
	end := headSize + n
	sum := sha1.Sum(p[:end])
	if string(sum[:sumSize]) != string(p[end:end+sumSize]) {
		return 0, nil, false
	}
	number = uint32(p[0])<<24 | uint32(p[1])<<16 | uint32(p[2])<<8 | uint32(p[3])
	return number, p[headSize:end], true
}
