package fault

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/fob-auth/fob/emulator/api"
)

// Bounds of a line's faults.
const (
	MaxMerge = 10 * time.Second
	MinBaud  = 50
	MaxBaud  = 4_000_000
)

// CheckLine says what is wrong with the faults of a line.
func CheckLine(f api.Line) error {
	for _, share := range []struct {
		name string
		of   float64
	}{{"flip", f.Flip}, {"drop", f.Drop}, {"double", f.Double}, {"stray", f.Stray}, {"split", f.Split}} {
		if !(share.of >= 0 && share.of <= 1) { // NaN is refused
			return fmt.Errorf("line: %s of %v is no share from 0 to 1", share.name, share.of)
		}
	}
	if f.MergeMS < 0 || f.MergeMS > MaxMerge.Milliseconds() {
		return fmt.Errorf("line: merge of %d ms is out of 0 to %v", f.MergeMS, MaxMerge)
	}
	if f.Baud != 0 && (f.Baud < MinBaud || f.Baud > MaxBaud) {
		return fmt.Errorf("line: baud rate %d is out of %d to %d", f.Baud, MinBaud, MaxBaud)
	}
	return nil
}

// spoils is what a line does to bytes of one direction. It is not for several
// goroutines.
type spoils struct {
	faults api.Line
	random *rand.Rand
}

// newSpoils makes the faults of one direction; which tells the two apart, so
// that they don't go wrong in step. A good line needs no randomness, nor the
// memory for it.
func newSpoils(f api.Line, which uint64) spoils {
	if f == (api.Line{}) {
		return spoils{}
	}
	return spoils{faults: f, random: rand.New(rand.NewPCG(f.Seed, which))}
}

// apply is what arrives of p. Where the two ends disagree on the rate nothing
// of it does.
func (s spoils) apply(p []byte, rateOff bool) []byte {
	f := s.faults
	if !rateOff && f.Flip == 0 && f.Drop == 0 && f.Double == 0 && f.Stray == 0 {
		return p
	}
	out := make([]byte, 0, len(p)+8)
	for _, c := range p {
		if rateOff {
			out = append(out, s.stray())
			continue
		}
		if s.hit(f.Drop) {
			continue
		}
		if s.hit(f.Flip) {
			c ^= 1 << s.random.IntN(8)
		}
		out = append(out, c)
		if s.hit(f.Double) {
			out = append(out, c)
		}
		if s.hit(f.Stray) {
			out = append(out, s.stray())
		}
	}
	return out
}

// first is how many of n bytes the far end gets in its next read.
func (s spoils) first(n int) int {
	if s.faults.Split == 0 {
		return n
	}
	for i := 1; i < n; i++ {
		if s.hit(s.faults.Split) {
			return i
		}
	}
	return n
}

func (s spoils) hit(share float64) bool { return share > 0 && s.random.Float64() < share }

func (s spoils) stray() byte { return byte(s.random.IntN(256)) }
