package resync

import (
	"math"
	"slices"
	"time"
)

// A Sample is one reading of a token's clock.
type Sample struct {
	// At is AWS's time of the reading.
	At time.Time
	// Offset is the token's clock less AWS's time.
	Offset time.Duration
	// Phase says that Offset is known up to whole steps only: the token shows
	// no clock, and the reading is the moment when its digits changed.
	Phase bool
}

// PhaseSample is the reading of a token that shows no clock: its digits
// changed at awsNow, so a step of its own begins there.
func PhaseSample(awsNow time.Time) Sample {
	into := awsNow.Sub(Start(Counter(awsNow)))
	return Sample{At: awsNow, Offset: -into, Phase: true}
}

const (
	// priorPPM is how far a clock's rate is off before anything is known of
	// it, as a standard deviation: a watch crystal without trimming, cold or
	// warm, and some more.
	priorPPM = 100.0
	// priorNoise is how exact a single reading is taken to be before the
	// readings themselves tell: Date is cut to the second.
	priorNoise = 0.5
	// halfLife is the age at which a reading counts half: a crystal ages, and
	// lies in winter where it doesn't in summer.
	halfLife = 60 * 24 * time.Hour
	// jumpSlack, wanderPPM and jumpSigmas bound what isn't a jump: so many
	// seconds, a change of rate by the temperature, and so many standard
	// deviations of the prediction.
	jumpSlack  = 2.0
	wanderPPM  = 15.0
	jumpSigmas = 2.5
	// recent is how many readings the next one is predicted from.
	recent = 16
)

// A Break is where a clock didn't go on as before: what was read until then
// says nothing of what comes after.
type Break struct {
	// At is AWS's time of the first reading after it; zero where there was
	// none.
	At time.Time
	// By is how far the clock was moved, as far as two readings tell.
	By time.Duration
	// Stopped says that the clock stood still between the two readings.
	Stopped bool
}

// A Trend is what a history of readings tells of a token's clock. The zero
// Trend knows nothing.
type Trend struct {
	// Samples is how many readings it rests on: those since the last break.
	Samples int
	// Since and Until are the first and the last of them, in AWS's time.
	Since, Until time.Time
	// Offset is the token's clock less AWS's time at Until, and OffsetError
	// its standard deviation.
	Offset, OffsetError time.Duration
	// PPM is the clock's rate error, positive for a fast clock, and PPMError
	// its standard deviation; with one reading it is 0 ± 100.
	PPM, PPMError float64
	// Break is the last one.
	Break Break
}

// TrendOf returns the trend of readings in any order. It is robust: a jump begins
// the history anew, a single reading off the line is passed over, what goes to
// and fro with the temperature averages out, and old readings count less.
func TrendOf(samples []Sample) Trend {
	sorted := slices.Clone(samples)
	slices.SortStableFunc(sorted, func(a, b Sample) int { return a.At.Compare(b.At) })
	var run []Sample
	var last Break
	for i, s := range sorted {
		s = s.Unwrapped(run)
		if len(run) == 0 || continues(run, s) {
			run = append(run, s)
			continue
		}
		if i+1 < len(sorted) && continues(run, sorted[i+1].Unwrapped(run)) {
			continue // the next is back on the line: s was misread
		}
		last = breakAt(run, s)
		run = append(run[:0], s)
	}
	t := trend(run)
	t.Break = last
	return t
}

// Unwrapped gives a reading without its whole steps those that bring it
// nearest to where the readings before it lead; without any, nearest to AWS's
// time. Others are returned as they are.
func (s Sample) Unwrapped(before []Sample) Sample {
	if !s.Phase {
		return s
	}
	var expected float64
	if len(before) > 0 {
		expected = lineOf(tail(before)).at(s.At)
	}
	steps := math.Round((expected - s.Offset.Seconds()) / Step.Seconds())
	s.Offset += time.Duration(steps) * Step
	return s
}

// OffsetAt is the token's clock less AWS's time at a moment, if it goes on as
// it did.
func (t Trend) OffsetAt(at time.Time) time.Duration {
	return t.Offset + time.Duration(float64(at.Sub(t.Until))*t.PPM/1e6)
}

// continues reports whether a reading goes on where those before it lead.
func continues(run []Sample, s Sample) bool {
	l := lineOf(tail(run))
	since := s.At.Sub(run[len(run)-1].At).Seconds()
	room := jumpSlack + jumpSigmas*l.deviation(s.At) + since*wanderPPM/1e6
	return math.Abs(s.Offset.Seconds()-l.at(s.At)) <= room
}

func tail(run []Sample) []Sample { return run[max(0, len(run)-recent):] }

func breakAt(run []Sample, s Sample) Break {
	before := run[len(run)-1]
	shown := s.At.Add(s.Offset).Sub(before.At.Add(before.Offset))
	return Break{At: s.At, By: s.Offset - seconds(lineOf(tail(run)).at(s.At)), Stopped: shown.Abs() <= seconds(jumpSlack)}
}

// A line is a fit of offsets, in seconds, over AWS's time.
type line struct {
	origin       time.Time // where the mean lies
	offset, rate float64   // there, and its change a second
	// offsetVar and rateVar are the variances of both.
	offsetVar, rateVar float64
}

// at is the offset at a moment, in seconds.
func (l line) at(t time.Time) float64 { return l.offset + l.rate*t.Sub(l.origin).Seconds() }

// deviation is the standard deviation of that.
func (l line) deviation(t time.Time) float64 {
	d := t.Sub(l.origin).Seconds()
	return math.Sqrt(l.offsetVar + d*d*l.rateVar)
}

// lineOf is the weighted least-squares line of the readings, the newest last
// and weighing most, with a rate of 0 ± priorPPM to begin with: so one reading
// is enough, and a few seconds between two make no rate.
func lineOf(run []Sample) line {
	newest := run[len(run)-1].At
	weight := func(s Sample) float64 { return math.Exp2(-newest.Sub(s.At).Hours() / halfLife.Hours()) }
	var sum, sumSquared, meanT, meanOff float64
	for _, s := range run {
		w := weight(s)
		sum, sumSquared = sum+w, sumSquared+w*w
		meanT += w * s.At.Sub(newest).Seconds()
		meanOff += w * s.Offset.Seconds()
	}
	meanT, meanOff = meanT/sum, meanOff/sum
	ridge := math.Pow(priorNoise/(priorPPM/1e6), 2)
	var spread, spreadSquared, both float64
	for _, s := range run {
		w, d := weight(s), s.At.Sub(newest).Seconds()-meanT
		spread, spreadSquared = spread+w*d*d, spreadSquared+w*w*d*d
		both += w * d * (s.Offset.Seconds() - meanOff)
	}
	l := line{origin: newest.Add(time.Duration(meanT * float64(time.Second))), offset: meanOff, rate: both / (spread + ridge)}
	// The readings' own scatter, with priorNoise as if two had told of it.
	scatter := 2 * priorNoise * priorNoise
	for _, s := range run {
		miss := s.Offset.Seconds() - l.at(s.At)
		scatter += weight(s) / sum * float64(len(run)) * miss * miss
	}
	variance := scatter / max(float64(len(run)), 2)
	l.offsetVar = variance * sumSquared / (sum * sum)
	l.rateVar = (variance*spreadSquared + priorNoise*priorNoise*ridge) / math.Pow(spread+ridge, 2)
	return l
}

func trend(run []Sample) Trend {
	if len(run) == 0 {
		return Trend{}
	}
	l, until := lineOf(run), run[len(run)-1].At
	return Trend{
		Samples: len(run), Since: run[0].At, Until: until,
		Offset: seconds(l.at(until)), OffsetError: seconds(l.deviation(until)),
		PPM: l.rate * 1e6, PPMError: math.Sqrt(l.rateVar) * 1e6,
	}
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
