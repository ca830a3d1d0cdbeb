package resync

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

const day = 24 * time.Hour

// A history is a made-up clock and how it is read.
type history struct {
	ppm, start, noise float64
	days              int
	// bent, where set, moves what the clock shows.
	bent func(day int, seconds float64) float64
}

func (h history) samples() []Sample {
	rng := rand.New(rand.NewPCG(1, 2))
	var list []Sample
	for d := range h.days {
		s := float64(d)*86400 + rng.Float64()*8*3600
		offset := h.start + s*h.ppm/1e6
		if h.bent != nil {
			offset = h.bent(d, offset)
		}
		offset += (rng.Float64() - 0.5) * h.noise
		list = append(list, Sample{At: noon.Add(seconds(s)), Offset: seconds(offset)})
	}
	return list
}

func TestTrendOfSteadyClocks(t *testing.T) {
	for _, ppm := range []float64{-100, -20, -2, 0, 2, 20, 100} {
		for _, days := range []int{2, 4, 10, 60, 500} {
			got := TrendOf(history{ppm: ppm, start: -3, noise: 1, days: days}.samples())
			if math.Abs(got.PPM-ppm) > 3*got.PPMError+0.01 {
				t.Errorf("%v ppm after %d days: %.3f ± %.3f", ppm, days, got.PPM, got.PPMError)
			}
			if got.Samples != days || !got.Break.At.IsZero() {
				t.Errorf("%v ppm: %d of %d readings, break %+v", ppm, got.Samples, days, got.Break)
			}
			if days == 60 && got.PPMError > 0.1 {
				t.Errorf("%v ppm after %d days: known to ± %.3f only", ppm, days, got.PPMError)
			}
		}
	}
}

func TestJumpsEndAHistory(t *testing.T) {
	for _, by := range []float64{30, -30, 90, -90, 3600, -3600, 28800, -28800, 86400 * 300} {
		jumped := history{ppm: 20, noise: 1, days: 40, bent: func(d int, s float64) float64 {
			if d >= 30 {
				return s + by
			}
			return s
		}}
		samples := jumped.samples()
		got := TrendOf(samples)
		if got.Samples != 10 || !got.Break.At.Equal(samples[30].At) || math.Abs(got.Break.By.Seconds()-by) > 5 || got.Break.Stopped {
			t.Errorf("jump by %v s: %+v", by, got)
		}
		if first := TrendOf(samples[:31]); first.Samples != 1 || first.PPMError < priorPPM/2 {
			t.Errorf("right after a jump by %v s: %+v", by, first)
		}
	}
}

func TestAMisreadingIsNoJump(t *testing.T) {
	got := TrendOf(history{ppm: 20, noise: 1, days: 40, bent: func(d int, s float64) float64 {
		if d == 30 {
			return s + 300
		}
		return s
	}}.samples())
	if got.Samples != 39 || !got.Break.At.IsZero() || math.Abs(got.PPM-20) > 0.5 {
		t.Errorf("%+v", got)
	}
}

func TestAStoppedClock(t *testing.T) {
	samples := history{ppm: -20, noise: 1, days: 20}.samples()
	last := samples[len(samples)-1]
	samples = append(samples, Sample{At: last.At.Add(day), Offset: last.Offset - day})
	if got := TrendOf(samples); !got.Break.Stopped || got.Samples != 1 {
		t.Errorf("%+v", got)
	}
}

// A crystal is slow where it is cold or warm: −0.035 ppm/K², over a year as
// over a day.
func TestTemperatureAveragesOut(t *testing.T) {
	clock := func(amplitude float64, period float64) func(int, float64) float64 {
		return func(d int, s float64) float64 {
			// The integral of −0.035 ppm · (a·sin)² is half of it, and a wave.
			x := 2 * math.Pi * float64(d) / period
			return s - 0.035e-6*amplitude*amplitude*86400*(float64(d)/2-math.Sin(2*x)*period/(8*math.Pi))
		}
	}
	for _, c := range []struct{ amplitude, period, within float64 }{{10, 1.3, 0.3}, {15, 7.3, 0.5}, {15, 365, 5}} {
		got := TrendOf(history{ppm: 10, noise: 1, days: 300, bent: clock(c.amplitude, c.period)}.samples())
		want := 10 - 0.035*c.amplitude*c.amplitude/2
		if !got.Break.At.IsZero() || math.Abs(got.PPM-want) > c.within {
			t.Errorf("%v: %.2f ppm, want about %.2f; break %+v", c, got.PPM, want, got.Break)
		}
	}
}

func TestReadingsInOneMinuteMakeNoRate(t *testing.T) {
	samples := []Sample{{At: noon, Offset: time.Second}, {At: noon.Add(time.Minute), Offset: 2 * time.Second}}
	if got := TrendOf(samples); math.Abs(got.PPM) > got.PPMError || got.PPMError < priorPPM/2 {
		t.Errorf("%+v", got)
	}
	if got := TrendOf(nil); got != (Trend{}) {
		t.Errorf("of nothing: %+v", got)
	}
}

func TestOffsetAt(t *testing.T) {
	tr := Trend{Until: noon, Offset: time.Second, PPM: 100}
	if got := tr.OffsetAt(noon.Add(10000 * time.Second)); got != 2*time.Second {
		t.Errorf("after 10000 s at 100 ppm: %s", got)
	}
	// Nothing came before: nearest to AWS's time.
	for into, want := range map[time.Duration]time.Duration{3 * time.Second: -3 * time.Second, 20 * time.Second: 10 * time.Second} {
		if got := PhaseSample(noon.Add(into)).Unwrapped(nil); got.Offset != want {
			t.Errorf("digits that change %s into a step: %s", into, got.Offset)
		}
	}
}

// A fob without a clock shows when its digits change, and no more.
func TestPhaseAlone(t *testing.T) {
	for _, ppm := range []float64{-100, -20, 20, 100} {
		var samples []Sample
		for _, s := range (history{ppm: ppm, days: 60}).samples() {
			// The digits change when the fob's clock comes to a whole step.
			shown := s.At.Add(s.Offset)
			changes := Start(Counter(shown) + 1).Add(-s.Offset)
			samples = append(samples, PhaseSample(changes))
		}
		got := TrendOf(samples)
		if math.Abs(got.PPM-ppm) > 0.5 || got.Samples != 60 {
			t.Errorf("%v ppm by its phase: %+v", ppm, got)
		}
	}
}

func TestForecast(t *testing.T) {
	for _, ppm := range []float64{-100, -20, -2, 2, 20, 100} {
		// Half of the room is used up.
		half := int(30 / (math.Abs(ppm) * 0.0864))
		tr := TrendOf(history{ppm: ppm, noise: 1, days: half + 1}.samples())
		f := tr.Forecast(Exactly(0))
		leaves := noon.Add(seconds(60 / math.Abs(ppm) * 1e6))
		ahead := leaves.Sub(tr.Until)
		if miss := f.Leaves.Sub(leaves); miss.Abs() > ahead/10 {
			t.Errorf("%v ppm: leaves %s ahead, forecast off by %s", ppm, ahead, miss)
		}
		if f.Earliest.After(leaves) || f.Latest.Before(leaves) || f.Earliest.After(f.Leaves) || f.Latest.Before(f.Leaves) {
			t.Errorf("%v ppm: %s isn't from %s to %s", ppm, leaves, f.Earliest, f.Latest)
		}
	}
}

func TestForecastThatCantBeMade(t *testing.T) {
	right := TrendOf(history{noise: 1, days: 10}.samples())
	if f := right.Forecast(Exactly(0)); !f.Leaves.IsZero() || !f.Latest.IsZero() || f.Earliest.Before(noon.Add(200*day)) {
		t.Errorf("a right clock: %+v", f)
	}
	if f := right.Forecast(Knowledge{}); f != (Forecast{}) {
		t.Errorf("an unknown window: %+v", f)
	}
	if f := (Trend{}).Forecast(Exactly(0)); f != (Forecast{}) {
		t.Errorf("no reading: %+v", f)
	}
	if f := right.Forecast(Exactly(3)); !f.Leaves.Equal(right.Until) {
		t.Errorf("outside: %+v", f)
	}
	// One reading: the prior alone bounds it.
	one := Trend{Samples: 1, Until: noon, PPMError: priorPPM}
	if f := one.Forecast(Exactly(0)); !f.Leaves.IsZero() || f.Earliest.Before(noon.Add(3*day)) || f.Earliest.After(noon.Add(4*day)) {
		t.Errorf("one reading: %+v", f)
	}
}

// Until a resync the adjustment is known as what the accepted codes leave of it:
// a clock that is well inside by the likeliest isn't said to leave at once.
func TestForecastOfAnAdjustmentInDoubt(t *testing.T) {
	bound, narrowed, never := Knowledge{true, -2, 2}, Knowledge{true, 0, 2}, time.Time{}
	in := func(s float64) time.Time { return noon.Add(seconds(s)) }
	for _, c := range []struct {
		name                     string
		offset, ppm, doubt       float64
		k                        Knowledge
		leaves, earliest, latest time.Time
	}{
		{"bound just now", 0, 0, 100, bound, never, never, never},
		{"bound just now, a few seconds off", 7, 0, 100, bound, never, never, never},
		{"a known rate", 10, 20, 0, bound, in(50e6 / 20), never, in(110e6 / 20)},
		{"a known rate downwards", -10, -20, 0, bound, in(50e6 / 20), never, in(110e6 / 20)},
		{"half a step over the middle's half", 65, 20, 0, narrowed, in(25e6 / 20), never, in(55e6 / 20)},
		{"the same, and the rate isn't known", 65, 0, 100, narrowed, never, never, never},
		{"inside by all that is possible", 30, 20, 5, narrowed, in(60e6 / 20), in(30e6 / 30), in(90e6 / 10)},
		{"outside by the likeliest, inside by some", 70, 20, 0, bound, never, never, in(50e6 / 20)},
		{"outside by all", 121, 20, 0, bound, noon, noon, noon},
		{"outside by all, downwards", -61, 20, 0, narrowed, noon, noon, noon},
	} {
		trend := Trend{Samples: 9, Until: noon, Offset: seconds(c.offset), PPM: c.ppm, PPMError: c.doubt}
		got := trend.Forecast(c.k)
		for what, times := range map[string][2]time.Time{"leaves": {got.Leaves, c.leaves}, "earliest": {got.Earliest, c.earliest}, "latest": {got.Latest, c.latest}} {
			if times[0].IsZero() != times[1].IsZero() || times[0].Sub(times[1]).Abs() > time.Second {
				t.Errorf("%s: %s is %v, want %v", c.name, what, times[0], times[1])
			}
		}
	}
}

func TestDue(t *testing.T) {
	fast, slow, unsure := Trend{PPM: 20, PPMError: 1}, Trend{PPM: -20, PPMError: 1}, Trend{PPMError: 100}
	at := func(s float64, state State) Drift { return Drift{State: state, Residual: seconds(s)} }
	for _, c := range []struct {
		name string
		d    Drift
		t    Trend
		want bool
	}{
		{"in the middle", at(3, Fine), fast, false},
		{"half out, going out", at(31, Warn), fast, true},
		{"half out, coming back", at(-31, Warn), fast, false},
		{"half out the other way, going out", at(-31, Warn), slow, true},
		{"nearly out, coming back slowly", at(-50, Warn), fast, true},
		{"nobody knows", at(31, Warn), unsure, true},
		{"outside", at(300, Drifted), fast, false},
	} {
		if got := Due(c.d, c.t); got != c.want {
			t.Errorf("%s: %t", c.name, got)
		}
	}
}
