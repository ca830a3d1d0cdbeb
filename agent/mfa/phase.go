package mfa

import (
	"context"
	"fmt"
	"time"

	"github.com/fob-auth/fob/agent/api"
	"github.com/fob-auth/fob/agent/broker"
	"github.com/fob-auth/fob/devices"
	"github.com/fob-auth/fob/sts/resync"
)

// A faceless token has a clock of its own and is no [devices.Clock]: it doesn't
// tell its time when it is asked. One that gives its codes unasked shows by them
// when its time steps begin, and pairs show what AWS makes of them; so its time
// is reckoned, up to whole steps that don't matter. One that wants a press for
// each may tell its time with them, and is taken to go on from there; one that
// doesn't is taken to be on time.

// stepMargin is how far from the reckoned end of a step a code is asked for, so
// that it is sure which step it belongs to.
const stepMargin = 1500 * time.Millisecond

// showsClock reports whether the token needs no reckoning: it is told the time,
// or tells it when it is asked.
func (s *Service) showsClock(ctx context.Context, t target) (bool, error) {
	switch {
	case t.typed():
		return false, nil
	case !t.token.OwnClock:
		return true, nil
	}
	return ask(ctx, s.Broker, t.token.Serial, "look for a clock", func(_ context.Context, token devices.Token) (bool, error) {
		_, ok := token.(devices.Clock)
		return ok, nil
	})
}

// watchable reports whether a faceless token's codes may be watched: no press is
// wanted for them, and they are of a device whose window matters.
func (t target) watchable() bool { return t.bound() && !t.credential.Touch && !t.typed() }

// reckonTime returns what a faceless token's clock shows by the history of its
// readings. Where there is none, that of a watchable one begins now, and another
// is taken to be on time.
func (s *Service) reckonTime(ctx context.Context, t target) (time.Time, error) {
	kept, err := s.kept(ctx, t)
	switch {
	case err != nil:
		return time.Time{}, err
	case len(kept) == 0 && !t.watchable():
		return s.Clock.Now(t.device.Endpoint), nil
	case len(kept) == 0:
		first, err := s.watchPhase(ctx, t)
		if err != nil {
			return time.Time{}, err
		}
		kept = append(kept, first)
	}
	now := s.Clock.Now(t.device.Endpoint)
	return now.Add(resync.TrendOf(kept).OffsetAt(now)), nil
}

// watchPhase waits until a faceless token's digits change, and keeps when they
// did. Its digits are looked at, and go nowhere.
func (s *Service) watchPhase(ctx context.Context, t target) (resync.Sample, error) {
	var before devices.Code
	var seen time.Time
	for due := time.Now().Add(t.credential.Period + stillAfter); ; {
		code, err := s.tokenCode(ctx, t, 0)
		if err != nil {
			return resync.Sample{}, err
		}
		now := s.Clock.Now(t.device.Endpoint)
		if before.Digits != "" && code.Digits != before.Digits {
			return s.keepPhase(ctx, t, resync.PhaseSample(seen.Add(now.Sub(seen)/2)))
		}
		if time.Now().After(due) {
			return resync.Sample{}, &api.Error{Code: api.Drifted, Message: fmt.Sprintf("token %s: its code doesn't change: its clock stands still", t.token.Serial),
				Hint: "a new battery may help"}
		}
		before, seen = code, now
		if err := sleep(ctx, pollEvery); err != nil {
			return resync.Sample{}, err
		}
	}
}

// keepPhase writes a reading down, with the whole steps that fit the history.
func (s *Service) keepPhase(ctx context.Context, t target, phase resync.Sample) (resync.Sample, error) {
	kept, err := s.kept(ctx, t)
	if err != nil {
		return phase, err
	}
	phase = phase.Unwrapped(kept)
	phase.Phase = false
	return phase, s.Ledger.RecordDrift(ctx, broker.Drift{Device: t.device, Token: t.token.Serial, Time: phase.At, Offset: phase.Offset})
}

// facelessCode returns a faceless token's code, with the counter that came with
// it or is reckoned for it.
func (s *Service) facelessCode(ctx context.Context, t target) (devices.Code, error) {
	if t.watchable() {
		if err := s.keepOffStepEnd(ctx, t); err != nil {
			return devices.Code{}, err
		}
	}
	code, err := s.tokenCode(ctx, t, 0)
	switch {
	case err != nil:
		return code, err
	case !code.Clock.IsZero():
		return code, s.keepGlimpse(ctx, t, code.Clock)
	}
	now, err := s.reckonTime(ctx, t)
	code.Counter = t.step(now)
	return code, err
}

// keepOffStepEnd waits for the next step of a faceless token near the end of one.
func (s *Service) keepOffStepEnd(ctx context.Context, t target) error {
	now, err := s.reckonTime(ctx, t)
	if err != nil {
		return err
	}
	into := now.Sub(t.start(t.step(now)))
	switch left := t.credential.Period - into; {
	case into < stepMargin:
		return sleep(ctx, stepMargin-into)
	case left < stepMargin:
		return sleep(ctx, left+stepMargin)
	}
	return nil
}

// keepGlimpse keeps the time that a faceless token told with a code just now.
func (s *Service) keepGlimpse(ctx context.Context, t target, shown time.Time) error {
	if !t.bound() {
		return nil
	}
	now := s.Clock.Now(t.device.Endpoint)
	return s.keep(ctx, t, clockReading{Drift: resync.Drift{Offset: shown.Sub(now)}, aws: now})
}

// tendPhase watches a faceless token's phase where the last reading is old.
func (s *Service) tendPhase(ctx context.Context, t target) error {
	shows, err := s.showsClock(ctx, t)
	if err != nil || shows || !t.watchable() {
		return err
	}
	last, err := s.Ledger.Drifts(ctx, t.device, t.token.Serial, 1)
	if err != nil || len(last) > 0 && s.Clock.Now(t.device.Endpoint).Sub(last[0].Time).Abs() < readingEvery {
		return err
	}
	_, err = s.watchPhase(ctx, t)
	return err
}
