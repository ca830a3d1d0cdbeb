package mfa

import (
	"context"
	"slices"
	"time"

	"github.com/fob-auth/fob/agent/broker"
	"github.com/fob-auth/fob/sts/resync"
)

const (
	// readingEvery is how far apart the readings of a clock are that are kept:
	// what the ledger keeps of a device then reaches back four months and more.
	readingEvery = 6 * time.Hour
	// readingNews is how far a clock must have moved since the last one kept
	// for a reading to be kept earlier.
	readingNews = 2 * time.Second
	// readings is how many are looked at.
	readings = 512
)

// A clockReading is a fob's clock, read at one moment.
type clockReading struct {
	resync.Drift
	// token is what it shows, and aws AWS's time.
	token, aws time.Time
	knowledge  resync.Knowledge
	lastPair   uint64
	// reckoned says that the token doesn't show its clock.
	reckoned bool
}

// measure reads a fob's clock, compares it with AWS's, and keeps the reading.
func (s *Service) measure(ctx context.Context, t target) (clockReading, error) {
	token, err := s.tokenTime(ctx, t)
	if err != nil {
		return clockReading{}, err
	}
	now := s.Clock.Now(t.device.Endpoint)
	state, err := s.Ledger.State(ctx, t.device, now)
	if err != nil {
		return clockReading{}, err
	}
	k := knowledge(state)
	r := clockReading{Drift: resync.Measure(token, now, k), token: token, aws: now, knowledge: k, lastPair: state.LastPair}
	shows, err := s.showsClock(ctx, t)
	if r.reckoned = !shows; err != nil || r.reckoned {
		return r, err // what is reckoned is no reading
	}
	if err := s.keep(ctx, t, r); err != nil {
		// A code doesn't wait for a history.
		s.Log.Warn("the reading of a token's clock wasn't kept", "token", t.token.Serial, "error", err)
	}
	return r, nil
}

// keep writes a reading down where it tells more than the last one kept.
func (s *Service) keep(ctx context.Context, t target, r clockReading) error {
	last, err := s.Ledger.Drifts(ctx, t.device, t.token.Serial, 1)
	if err != nil {
		return err
	}
	if len(last) > 0 && r.aws.Sub(last[0].Time).Abs() < readingEvery && (r.Offset-last[0].Offset).Abs() < readingNews {
		return nil
	}
	return s.Ledger.RecordDrift(ctx, broker.Drift{Device: t.device, Token: t.token.Serial, Time: r.aws, Offset: r.Offset})
}

// kept returns the readings of a token's clock that were kept, the newest last.
func (s *Service) kept(ctx context.Context, t target) ([]resync.Sample, error) {
	rows, err := s.Ledger.Drifts(ctx, t.device, t.token.Serial, readings)
	if err != nil {
		return nil, err
	}
	samples := make([]resync.Sample, 0, len(rows)+1)
	for _, r := range slices.Backward(rows) {
		samples = append(samples, resync.Sample{At: r.Time, Offset: r.Offset})
	}
	return samples, nil
}

// history returns the readings of a fob's clock with the present one, which of
// a token that shows none is reckoned and left out.
func (s *Service) history(ctx context.Context, t target, now clockReading) ([]resync.Sample, error) {
	samples, err := s.kept(ctx, t)
	if err != nil || now.reckoned {
		return samples, err
	}
	if n := len(samples); n > 0 && !samples[n-1].At.Before(now.aws.Truncate(time.Millisecond)) {
		samples = samples[:n-1]
	}
	return append(samples, resync.Sample{At: now.aws, Offset: now.Offset}), nil
}

// trend returns what the readings of a fob's clock tell.
func (s *Service) trend(ctx context.Context, t target, now clockReading) (resync.Trend, error) {
	samples, err := s.history(ctx, t, now)
	return resync.TrendOf(samples), err
}
