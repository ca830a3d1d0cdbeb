package clock

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

const year = 365 * day

// A hand is a host's clock that the test moves.
type hand struct{ now time.Time }

func (h *hand) time() time.Time { return h.now }

func newHand() *hand { return &hand{time.Date(2026, 11, 22, 12, 34, 56, 789, time.UTC)} }

// TestTemperatureAgainstSteps holds the closed form against a sum over the day
// in small steps, from and to any time of the day.
func TestTemperatureAgainstSteps(t *testing.T) {
	for _, temp := range []Temperature{
		Celsius(25, 0, 0), Celsius(5, 0, 0), Celsius(25, 10, 15*time.Hour), Celsius(18.5, 12, 15*time.Hour), Celsius(40, 5, 23*time.Hour),
	} {
		for _, span := range []time.Duration{time.Hour, 7*time.Hour + 13*time.Second, 3*day + 5*time.Hour} {
			from := newHand().now
			const step = time.Second
			sum := 0.0
			for at := time.Duration(0); at < span; at += step {
				sum += temp.ppm(from.Add(at+step/2)) * float64(step)
			}
			got := temp.gained(from, from.Add(span))
			if math.Abs(got-sum) > 1e-6*math.Abs(sum)+1 {
				t.Errorf("%+v over %v gained %g, the steps say %g", temp, span, got, sum)
			}
			if back := temp.gained(from.Add(span), from); back != -got {
				t.Errorf("%+v over %v and back: %g and %g", temp, span, got, back)
			}
		}
	}
}

// TestParabola: known points of the curve, and what a room makes of it in a
// year.
func TestParabola(t *testing.T) {
	noon := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for celsius, want := range map[float64]float64{25: 0, 35: -3.5, 15: -3.5, -5: -31.5, 0: -21.875} {
		if got := Celsius(celsius, 0, 0).ppm(noon); math.Abs(got-want) > 1e-9 {
			t.Errorf("%g °C gives %g ppm, want %g", celsius, got, want)
		}
	}
	warm := Celsius(20, 10, 12*time.Hour)
	if got, want := warm.ppm(noon), curvature*25; math.Abs(got-want) > 1e-9 { // 30 °C
		t.Errorf("the warmest hour gives %g ppm, want %g", got, want)
	}
	if got, want := warm.ppm(noon.Add(12*time.Hour)), curvature*225; math.Abs(got-want) > 1e-9 { // 10 °C
		t.Errorf("the coldest hour gives %g ppm, want %g", got, want)
	}
	h := newHand()
	c, err := New(h.time, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	mustChange(t, c, Change{Temperature: &warm})
	h.now = h.now.Add(year)
	// The mean of (A + S cos)² is A² + S²/2 = 25 + 50.
	want := time.Duration(math.Round(float64(year) * curvature * 75 / 1e6))
	if got := c.State().Offset; (got - want).Abs() > time.Microsecond {
		t.Errorf("a year gained %v, want %v", got, want)
	}
}

// TestNoSumOfRoundings: what a clock shows after two years doesn't depend on how
// often it was asked, with everything on at once.
func TestNoSumOfRoundings(t *testing.T) {
	series, err := newSeries([]Sample{{0, 3}, {10 * day, -7.25}, {300 * day, 42}})
	if err != nil {
		t.Fatal(err)
	}
	temp := Celsius(19, 8, 15*time.Hour)
	asked, alone := newHand(), newHand()
	var clocks [2]*Clock
	for i, h := range []*hand{asked, alone} {
		if clocks[i], err = New(h.time, -40*time.Second, 20); err != nil {
			t.Fatal(err)
		}
		mustChange(t, clocks[i], Change{Temperature: &temp, Series: series})
	}
	random := rand.New(rand.NewPCG(1, 2))
	end := asked.now.Add(2 * year)
	last := clocks[0].Now()
	for asked.now.Before(end) {
		asked.now = asked.now.Add(time.Duration(random.Int64N(int64(2 * time.Hour))))
		if now := clocks[0].Now(); now.Before(last) {
			t.Fatalf("the clock went back from %v to %v", last, now)
		} else {
			last = now
		}
	}
	alone.now = asked.now
	if a, b := clocks[0].Now(), clocks[1].Now(); !a.Equal(b) {
		t.Errorf("asked often it shows %v, asked once %v", a, b)
	}
	// A change that changes nothing is a point to count from: it costs a
	// rounding to a nanosecond, and no more.
	split := newHand()
	c, err := New(split.time, -40*time.Second, 20)
	if err != nil {
		t.Fatal(err)
	}
	mustChange(t, c, Change{Temperature: &temp, Series: series})
	for range 1000 {
		split.now = split.now.Add(year / 1000)
		mustChange(t, c, Change{})
	}
	whole := newHand()
	d, err := New(whole.time, -40*time.Second, 20)
	if err != nil {
		t.Fatal(err)
	}
	mustChange(t, d, Change{Temperature: &temp, Series: series})
	whole.now = split.now
	if off := c.Now().Sub(d.Now()).Abs(); off > 1000*time.Nanosecond {
		t.Errorf("1000 changes of nothing moved the clock by %v", off)
	}
}

func TestSeries(t *testing.T) {
	s, err := ReadSeries(strings.NewReader("# a week in a drawer\n1h 10\n\n 3h,\t-20\n1000h 0.5e1\n"))
	if err != nil {
		t.Fatal(err)
	}
	h := newHand()
	c, err := New(h.time, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	h.now = h.now.Add(100 * time.Hour) // before the series begins
	mustChange(t, c, Change{Series: s})
	began := h.now
	for _, want := range []struct {
		at     time.Duration
		offset time.Duration
		rate   float64
	}{
		{0, 0, 0}, {time.Hour, 0, 10}, {2 * time.Hour, 36 * time.Millisecond, 10}, {3 * time.Hour, 72 * time.Millisecond, -20},
		{4 * time.Hour, 0, -20}, {1000 * time.Hour, 72*time.Millisecond - 997*72*time.Millisecond, 5},
		{2000 * time.Hour, 72*time.Millisecond - 997*72*time.Millisecond + 18*time.Second, 5},
	} {
		h.now = began.Add(want.at)
		if s := c.State(); s.Offset != want.offset || s.Rate != want.rate || s.PPM != 0 {
			t.Errorf("at %v offset %v and rate %g, want %v and %g", want.at, s.Offset, s.Rate, want.offset, want.rate)
		}
	}
	mustChange(t, c, Change{Series: &Series{}})
	if r := c.State().Rate; r != 0 {
		t.Errorf("an ended series still adds %g ppm", r)
	}
}

func TestSeriesRefuses(t *testing.T) {
	for text, wrong := range map[string]string{
		"":                            "no samples",
		"1h":                          "line 1",
		"1h 2 3":                      "line 1",
		"1h 5\nsoon 5":                "line 2",
		"1h 5\n1h 6":                  "line 2",
		"#\n\n-1h 5":                  "line 3",
		"1h NaN":                      "line 1",
		"1h 100001":                   "line 1",
		"9000000h 1":                  "line 1",
		strings.Repeat("x", 10_000):   "line 1",
		strings.Repeat("1h 5 # ", 99): "line 1",
	} {
		if _, err := ReadSeries(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), wrong) {
			t.Errorf("%.20q: %v, want %q", text, err, wrong)
		}
	}
	if _, err := newSeries(make([]Sample, maxSamples+1)); err == nil {
		t.Error("a series over the bound was taken")
	}
}

// TestLostClock: a new battery makes the clock begin anew, and say so until it
// is set.
func TestLostClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := mustNew(t, -40*time.Second, 20)
		mustChange(t, c, Change{Lost: p(true)})
		time.Sleep(1_000_000 * time.Second)
		if s := c.State(); !s.Lost || !s.Now.Equal(time.Unix(1_000_020, 0)) {
			t.Errorf("the lost clock shows %v, lost %v", s.Now, s.Lost)
		}
		if !c.Lost() {
			t.Error("the clock doesn't know that it is lost")
		}
		if err := c.Set(time.Now().Add(time.Second)); err != nil {
			t.Fatal(err)
		}
		if s := c.State(); s.Lost || s.Offset != time.Second || s.PPM != 20 {
			t.Errorf("the clock that was set: %+v", s)
		}
		if err := c.Set(time.Unix(-1, 0)); err == nil {
			t.Error("a time before 1970 was taken")
		}
		mustChange(t, c, Change{Lost: p(true)})
		mustChange(t, c, Change{Lost: p(false), Offset: p(time.Minute)})
		if s := c.State(); s.Lost || s.Offset != time.Minute {
			t.Errorf("the clock that was found: %+v", s)
		}
	})
}

func TestTemperatureOutOfBoundsIsRefused(t *testing.T) {
	c, err := New(time.Now, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, temp := range []Temperature{
		Celsius(100, 0, 0), Celsius(-39, 2, 0), Celsius(84, 2, 0), Celsius(20, -1, 0), Celsius(math.NaN(), 0, 0),
		Celsius(20, math.Inf(1), 0), Celsius(20, 1, day), Celsius(20, 1, -1),
	} {
		if err := c.Change(Change{Temperature: &temp}); err == nil {
			t.Errorf("%+v was taken", temp)
		}
	}
}

// FuzzSeries: whatever the file, there is a series with finite gains or an
// error.
func FuzzSeries(f *testing.F) {
	f.Add("1h 10\n3h -20\n")
	f.Add("# nothing\n\n0s,1e3")
	f.Add("1h 1e999")
	f.Add("876000h 100000")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ReadSeries(strings.NewReader(text))
		if err != nil {
			return
		}
		for _, at := range []time.Duration{-1, 0, time.Hour, math.MaxInt64} {
			if g := s.gained(0, at); math.IsNaN(g) || math.IsInf(g, 0) {
				t.Fatalf("gained %g by %v", g, at)
			}
		}
	})
}

func BenchmarkNow(b *testing.B) {
	h := newHand()
	c, err := New(h.time, 0, 20)
	if err != nil {
		b.Fatal(err)
	}
	temp := Celsius(19, 8, 15*time.Hour)
	if err := c.Change(Change{Temperature: &temp}); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		h.now = h.now.Add(time.Second)
		c.Now()
	}
}
