package pages

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
)

var errCut = errors.New("no power")

// chip is flash whose power goes after a number of steps: a word programmed, a
// sixteenth of a page erased.
type chip struct {
	pages [2][128]byte
	steps int // until the power goes; never if negative
	noise *rand.Rand
}

func newChip() *chip {
	c := &chip{steps: -1, noise: rand.New(rand.NewPCG(1, 2))}
	for page := range c.pages {
		for i := range c.pages[page] {
			c.pages[page][i] = 0xFF
		}
	}
	return c
}

func (c *chip) step() error {
	if c.steps == 0 {
		return errCut
	}
	c.steps--
	return nil
}

func (c *chip) Size() int { return len(c.pages[0]) }

func (c *chip) Read(page int, p []byte) error {
	copy(p, c.pages[page][:])
	return nil
}

// Erase wipes in no order; what it was at when the power went is noise.
func (c *chip) Erase(page int) error {
	for _, part := range c.noise.Perm(16) {
		cells := c.pages[page][part*8 : part*8+8]
		if err := c.step(); err != nil {
			for i := range cells {
				cells[i] |= byte(c.noise.Uint32())
			}
			return err
		}
		for i := range cells {
			cells[i] = 0xFF
		}
	}
	return nil
}

// Program turns ones to zeros; the word it was at when the power went has some
// of them.
func (c *chip) Program(page int, p []byte) error {
	for i := 0; i < len(p); i += 4 {
		err := c.step()
		for j := i; j < i+4; j++ {
			b := p[j]
			if err != nil {
				b |= byte(c.noise.Uint32())
			}
			c.pages[page][j] &= b
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// holds is what a chip's flash holds for the next start.
func holds(t *testing.T, c *chip) string {
	t.Helper()
	c.steps = -1
	s, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	record, err := s.Load()
	if err != nil {
		t.Fatal(err)
	}
	return string(record)
}

func written(t *testing.T, records ...string) (*chip, *Store) {
	t.Helper()
	c := newChip()
	s, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		if err := s.Store([]byte(r)); err != nil {
			t.Fatal(err)
		}
	}
	return c, s
}

func TestLastRecordCounts(t *testing.T) {
	c, s := written(t)
	if got, err := s.Load(); got != nil || err != nil {
		t.Errorf("new flash holds %q, %v", got, err)
	}
	long := string(bytes.Repeat([]byte("r"), MaxRecord(c.Size())))
	for i := range 20 {
		for _, record := range []string{fmt.Sprint("record ", i), long, ""} {
			if err := s.Store([]byte(record)); err != nil {
				t.Fatal(err)
			}
			if got, err := s.Load(); string(got) != record || err != nil {
				t.Fatalf("%q, %v; want %q", got, err, record)
			}
			if got := holds(t, c); got != record {
				t.Fatalf("after a start %q, want %q", got, record)
			}
		}
	}
	if err := s.Store(append([]byte(long), 'r')); !errors.Is(err, ErrTooLong) {
		t.Errorf("too long: %v", err)
	}
}

// Nothing of a record is left once another is in its place.
func TestOldRecordIsGone(t *testing.T) {
	for _, next := range []string{"", "the next one"} {
		c, s := written(t, "the first one", "seed seed seed")
		if err := s.Store([]byte(next)); err != nil {
			t.Fatal(err)
		}
		for page := range c.pages {
			if bytes.Contains(c.pages[page][:], []byte("seed")) {
				t.Errorf("page %d still holds it after %q", page, next)
			}
		}
	}
}

// Power goes at each step of a write, and again at each step of the start that
// follows: the old record or the new one, and after a whole start no trace of
// the other.
func TestPowerCuts(t *testing.T) {
	cases := []struct{ old, next string }{
		{"", "new new new new new new new"}, {"old old", "new new new new"}, {"old old old", ""},
	}
	for _, c := range cases {
		for cut := 0; ; cut++ {
			flash, s := written(t, "x", c.old)
			flash.steps = cut
			if s.Store([]byte(c.next)) == nil {
				if cut < 8 {
					t.Fatalf("%q over %q took %d steps: the cuts don't bite", c.next, c.old, cut)
				}
				break
			}
			for again := range 24 {
				flash.steps = again
				if _, err := Open(flash); err == nil {
					break
				}
			}
			got := holds(t, flash)
			if got != c.old && got != c.next {
				t.Fatalf("%q over %q, cut at %d: %q", c.next, c.old, cut, got)
			}
			lost := map[bool]string{true: "old", false: "new"}[got == c.next]
			for page := range flash.pages {
				if bytes.Contains(flash.pages[page][:], []byte(lost)) {
					t.Fatalf("%q over %q, cut at %d: %q, and a trace of %s", c.next, c.old, cut, got, lost)
				}
			}
		}
	}
}

// Flash that isn't there, as in an emulator, or is worn out, is found.
func TestFlashThatDoesNothing(t *testing.T) {
	if _, err := Open(rom{}); !errors.Is(err, ErrFlash) {
		t.Errorf("read-only flash: %v", err)
	}
	c, s := written(t)
	c.pages[1][20] = 0 // a cell that sticks, on the page that comes next
	if err := s.Store(bytes.Repeat([]byte{0xFF}, 40)); err != nil {
		t.Errorf("a page that wants erasing: %v", err)
	}
}

// A cell that doesn't take what is programmed is found by reading back.
func TestFlashThatForgets(t *testing.T) {
	c := newChip()
	s, err := Open(forgetful{c})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Store([]byte("record")); !errors.Is(err, ErrFlash) {
		t.Errorf("%v", err)
	}
}

type forgetful struct{ *chip }

func (f forgetful) Program(page int, p []byte) error {
	p = bytes.Clone(p)
	p[headSize] = 0xFF
	return f.chip.Program(page, p)
}

// Page numbers go round.
func TestNumbersGoRound(t *testing.T) {
	for _, newer := range []int{0, 1} {
		c := newChip()
		copy(c.pages[newer][:], encode(0, []byte("newer")))
		copy(c.pages[1-newer][:], encode(1<<32-1, []byte("older")))
		if got := holds(t, c); got != "newer" {
			t.Errorf("holds %q", got)
		}
	}
}

type rom struct{}

func (rom) Size() int { return 64 }

func (rom) Read(_ int, p []byte) error {
	clear(p)
	return nil
}

func (rom) Erase(int) error           { return nil }
func (rom) Program(int, []byte) error { return nil }

func FuzzOpen(f *testing.F) {
	f.Add(encode(1, []byte("record")), encode(2, []byte("newer")))
	f.Add(encode(1<<32-1, []byte("record")), encode(0, []byte("newer")))
	f.Add([]byte{}, []byte{0, 0, 0, 1, 0xFF, 0xFF, 0, 0})
	f.Fuzz(func(t *testing.T, a, b []byte) {
		c := newChip()
		copy(c.pages[0][:], a)
		copy(c.pages[1][:], b)
		s, err := Open(c)
		if err != nil {
			t.Fatal(err)
		}
		before, _ := s.Load()
		if got := holds(t, c); got != string(before) {
			t.Fatalf("held %q, then %q", before, got)
		}
		if err := s.Store([]byte("next")); err != nil {
			t.Fatal(err)
		}
		if got := holds(t, c); got != "next" {
			t.Fatalf("holds %q", got)
		}
	})
}
