package emulator

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/fob-auth/fob/emulator/clock"
	"github.com/fob-auth/fob/emulator/fault"
	"github.com/fob-auth/fob/firmware/fob"
)

// fobSerial is what a fob's serial may look like.
var fobSerial = regexp.MustCompile(`^[A-Za-z0-9]+$`)

// maxSeriesBytes bounds a file with a recorded rate error.
const maxSeriesBytes = 8 << 20

// maxCodesPerMinute bounds the limit that a fob has on its codes.
const maxCodesPerMinute = 1000

// fob reads what a fob has beside what is common.
func (r *reader) fob(s *Spec, m *mapping) {
	seed := m.take("seed")
	s.Seed = r.secret(seed, "seed", fob.MinSeed, fob.MaxSeed)
	r.fobSerial(s, m, seed != nil)
	if n := m.need("attach"); n != nil {
		place, ok := strings.CutPrefix(r.text(n, "attach"), "pty:")
		if !ok || place == "" {
			r.fail(n.Line, "attach of a fob must be pty:PATH")
		}
		s.Attach = "pty:" + r.path(place)
	}
	s.Button = ButtonMode(r.oneOf(m.take("button"), "button", string(ButtonAuto), string(ButtonManual), string(ButtonNever)))
	s.Battery = r.number(m.take("battery"), "battery", 0, maxMillivolts, 0)
	s.CodesPerMinute = r.number(m.take("codes_per_minute"), "codes_per_minute", 0, maxCodesPerMinute, 0)
	if n := m.take("clock"); n != nil {
		r.clock(s, r.mapping(n, "a clock"))
	}
	if n := m.take("line"); n != nil {
		r.line(s, r.mapping(n, "a line"))
	}
}

// fobSerial reads the serial, which a fob that is still to be provisioned gets
// with its seed.
func (r *reader) fobSerial(s *Spec, m *mapping, seeded bool) {
	n := m.take("serial")
	switch {
	case n == nil && !seeded:
		return
	case n == nil:
		r.fail(m.line, "a fob with a seed has no %q", "serial")
		return
	case !seeded:
		r.fail(n.Line, "a fob without a seed has no serial: it gets both when it is provisioned")
	}
	s.Serial = r.text(n, "serial")
	if len(s.Serial) > fob.MaxSerial || !fobSerial.MatchString(s.Serial) {
		r.fail(n.Line, "serial of a fob must be up to %d letters and digits", fob.MaxSerial)
	}
}

// clock reads how a fob's clock is off.
func (r *reader) clock(s *Spec, m *mapping) {
	s.Offset = r.duration(m.take("offset"), "offset", maxOffset)
	s.PPM = r.float(m.take("ppm"), "ppm", clock.MaxPPM)
	if n := m.take("temperature"); n != nil {
		t := r.mapping(n, "a temperature")
		mean := clock.Turnover
		if n := t.take("mean"); n != nil {
			mean = r.float(n, "mean", clock.MaxCelsius)
		}
		s.Temperature = clock.Celsius(mean, r.float(t.take("swing"), "swing", clock.MaxCelsius),
			r.duration(t.take("warmest"), "warmest", 24*time.Hour))
		t.end()
		if err := s.Temperature.Check(); err != nil {
			r.fail(n.Line, "%v", err)
		}
	}
	if n := m.take("series"); n != nil {
		if s.SeriesFile = r.path(r.text(n, "series")); s.SeriesFile == "" {
			r.fail(n.Line, "series is empty")
		}
	}
	m.end()
}

// line reads how bad a fob's line is.
func (r *reader) line(s *Spec, m *mapping) {
	for _, share := range []struct {
		name string
		into *float64
	}{
		{"flip", &s.Line.Flip}, {"drop", &s.Line.Drop}, {"double", &s.Line.Double},
		{"stray", &s.Line.Stray}, {"split", &s.Line.Split},
	} {
		*share.into = r.float(m.take(share.name), share.name, 1)
	}
	const maxSeed = 1 << 31
	s.Line.Seed = uint64(r.number(m.take("seed"), "seed", 0, maxSeed-1, 0))
	s.Line.MergeMS = r.duration(m.take("merge"), "merge", fault.MaxMerge).Milliseconds()
	s.Line.Baud = r.number(m.take("baud"), "baud", fault.MinBaud, fault.MaxBaud, 0)
	m.end()
	if err := fault.CheckLine(s.Line); err != nil {
		r.fail(m.line, "%v", err)
	}
}

// loadSeries reads the recorded rate errors that the tokens name.
func (f *File) loadSeries() error {
	var errs []error
	for i := range f.Tokens {
		s := &f.Tokens[i]
		if s.SeriesFile == "" {
			continue
		}
		var err error
		if s.Series, err = readSeries(s.SeriesFile); err != nil {
			errs = append(errs, &FileError{File: s.SeriesFile, Message: err.Error()})
		}
	}
	return errors.Join(errs...)
}

func readSeries(path string) (*clock.Series, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxSeriesBytes+1))
	switch {
	case err != nil:
		return nil, err
	case len(text) > maxSeriesBytes:
		return nil, fmt.Errorf("is over the bound of %d bytes", maxSeriesBytes)
	}
	return clock.ReadSeries(bytes.NewReader(text))
}
