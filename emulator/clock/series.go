package clock

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"sort"
	"strconv"
	"strings"
	"time"
)

// Bounds of a series.
const (
	maxSamples = 100_000
	maxSpan    = 100 * 365 * day
)

// A Sample is a rate error from a moment on.
type Sample struct {
	// At is the time since the series began.
	At time.Duration
	// PPM is the rate error from then on, in parts per million.
	PPM float64
}

// A Series is a recorded rate error: each sample holds until the next, the last
// for good, and before the first there is none. A nil Series is an empty one.
type Series struct {
	samples []Sample
	// gains[i] is what samples before i gained by samples[i].At, in ppm × ns.
	gains []float64
}

// newSeries makes a series of samples in their order.
func newSeries(samples []Sample) (*Series, error) {
	if len(samples) > maxSamples {
		return nil, fmt.Errorf("%d samples are over the bound of %d", len(samples), maxSamples)
	}
	s := &Series{samples: append([]Sample(nil), samples...), gains: make([]float64, len(samples))}
	for i, sample := range s.samples {
		switch {
		case sample.At < 0 || sample.At > maxSpan:
			return nil, fmt.Errorf("sample %d: %v is out of 0 to %v", i+1, sample.At, maxSpan)
		case !(math.Abs(sample.PPM) <= MaxPPM):
			return nil, fmt.Errorf("sample %d: %v ppm is over the bound of %d", i+1, sample.PPM, MaxPPM)
		case i > 0 && sample.At <= s.samples[i-1].At:
			return nil, fmt.Errorf("sample %d: %v is not after the one before", i+1, sample.At)
		case i > 0:
			before := s.samples[i-1]
			s.gains[i] = s.gains[i-1] + before.PPM*float64(sample.At-before.At)
		}
	}
	return s, nil
}

// ReadSeries reads a series as text: on each line the time since the beginning
// and the rate error in ppm, as "36h 2.5", with blanks or a comma between. Empty
// lines and those that begin with # are nothing.
func ReadSeries(r io.Reader) (*Series, error) {
	var samples []Sample
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 256), 256)
	n := 0
	for lines.Scan() {
		n++
		text := strings.TrimSpace(lines.Text())
		if text == "" || text[0] == '#' {
			continue
		}
		if len(samples) == maxSamples {
			return nil, fmt.Errorf("line %d: over the bound of %d samples", n, maxSamples)
		}
		sample, err := parseSample(text)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		if len(samples) > 0 && sample.At <= samples[len(samples)-1].At {
			return nil, fmt.Errorf("line %d: %v is not after the line before", n, sample.At)
		}
		samples = append(samples, sample)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("line %d: %w", n+1, err)
	}
	if len(samples) == 0 {
		return nil, errors.New("no samples")
	}
	return newSeries(samples)
}

func parseSample(text string) (Sample, error) {
	words := strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == '\t' || r == ',' })
	if len(words) != 2 {
		return Sample{}, errors.New(`must be a time and a rate error, like "36h 2.5"`)
	}
	at, err := time.ParseDuration(words[0])
	if err != nil || at < 0 || at > maxSpan {
		return Sample{}, errors.New(`the first word must be a time since the beginning with its unit, like 36h`)
	}
	ppm, err := strconv.ParseFloat(words[1], 64)
	if err != nil || !(math.Abs(ppm) <= MaxPPM) {
		return Sample{}, fmt.Errorf("the second word must be a number of ppm from -%d to %d", MaxPPM, MaxPPM)
	}
	return Sample{At: at, PPM: ppm}, nil
}

// Samples are the samples of the series, in order.
func (s *Series) Samples() []Sample {
	if s == nil {
		return nil
	}
	return append([]Sample(nil), s.samples...)
}

// ppm is the rate error so long after the series began.
func (s *Series) ppm(at time.Duration) float64 {
	if i := s.find(at); i >= 0 {
		return s.samples[i].PPM
	}
	return 0
}

// gained is the integral of ppm between two times, in ppm × nanoseconds.
func (s *Series) gained(from, to time.Duration) float64 { return s.sum(to) - s.sum(from) }

func (s *Series) sum(at time.Duration) float64 {
	i := s.find(at)
	if i < 0 {
		return 0
	}
	return s.gains[i] + s.samples[i].PPM*float64(at-s.samples[i].At)
}

// find is the index of the sample that holds, -1 before the first.
func (s *Series) find(at time.Duration) int {
	if s == nil {
		return -1
	}
	return sort.Search(len(s.samples), func(i int) bool { return s.samples[i].At > at }) - 1
}
