package mfa

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/fob-auth/fob/agent/api"
	"github.com/fob-auth/fob/agent/broker"
	"github.com/fob-auth/fob/agent/explain"
	"github.com/fob-auth/fob/devices"
	"github.com/fob-auth/fob/sts"
	"github.com/fob-auth/fob/sts/resync"
)

const (
	// tendEvery is how long a clock that was looked after is left alone: a
	// resync that AWS doesn't allow isn't tried at each session.
	tendEvery = time.Hour
	// tendWithin bounds a resync that nobody waits for: two codes, the second
	// held back for a step, and what AWS and the line need.
	tendWithin = resync.BudgetWindow
)

// A mendableError is a refusal that a resync helps against.
type mendableError struct{ error }

func (e *mendableError) Unwrap() error { return e.error }

// makeMended makes a session, and where the token's clock is outside AWS's
// window and the profile allows it, after a resync.
func (s *Service) makeMended(ctx context.Context, t target, p sts.Plan) (sts.Session, error) {
	made, err := s.makeWithCode(ctx, t, p)
	var mendable *mendableError
	if !t.asker.AutoResync || !errors.As(err, &mendable) {
		return made, err
	}
	s.Notify(api.Event{Type: api.EventDrift, Token: t.token.Serial, Profile: t.asker.Profile, Message: err.Error() + "; a resync is under way"})
	if _, err := s.resync(ctx, t); err != nil {
		return made, fmt.Errorf("resync by itself, as profile %s allows: %w", t.asker.Profile, err)
	}
	// A code that STS refuses for what it hasn't heard yet would be wasted.
	heard := s.changedAt(t.device).Add(resync.Propagation)
	if err := sleep(ctx, heard.Sub(s.Clock.Now(t.device.Endpoint))); err != nil {
		return made, err
	}
	return s.makeWithCode(ctx, t, p)
}

// tend looks after a fob's clock when it has served: from half of the room on
// it says so, and resyncs while that is cheap where the profile allows it.
func (s *Service) tend(t target) {
	if !t.token.OwnClock || t.typed() || s.Beside == nil {
		return
	}
	s.Beside(func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, tendWithin)
		defer cancel()
		if err := s.tendNow(ctx, t); err != nil && ctx.Err() == nil {
			s.Log.Warn("a token's clock wasn't looked after", "token", t.token.Serial, "mfa_serial", t.device.Serial, "error", err)
		}
	})
}

func (s *Service) tendNow(ctx context.Context, t target) error {
	if err := s.tendPhase(ctx, t); err != nil {
		return err
	}
	now, err := s.measure(ctx, t)
	if err != nil || now.State != resync.Warn {
		return err
	}
	trend, err := s.trend(ctx, t, now)
	if err != nil || !resync.Due(now.Drift, trend) || !s.mayTend(t.device, now.aws) {
		return err
	}
	told := api.Event{Type: api.EventDrift, Token: t.token.Serial, Profile: t.asker.Profile,
		Message: driftWords(t.token.Serial, now.Drift) + "; " + resyncHint(t)}
	if !t.asker.AutoResync {
		s.Notify(told)
		return nil
	}
	told.Message = driftWords(t.token.Serial, now.Drift) + "; a resync is under way"
	s.Notify(told)
	if _, err = s.resync(ctx, t); errors.As(err, new(*broker.NoTokenError)) || errors.Is(err, devices.ErrRemoved) {
		s.untend(t.device) // nobody was asked for anything, and the token may be back soon
	}
	return err
}

// untend has a device's clock looked after again at the next session.
func (s *Service) untend(d sts.Device) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.tended, d)
}

// mayTend reports whether a device's clock is due to be looked after, and
// takes note that it is.
func (s *Service) mayTend(d sts.Device, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tended == nil {
		s.tended = map[sts.Device]time.Time{}
	}
	if last, ok := s.tended[d]; ok && now.Sub(last).Abs() < tendEvery {
		return false
	}
	s.tended[d] = now
	return true
}

// pairable gives up on a fob that can't give a pair that AWS takes, or not for
// long, and says what helps.
func (s *Service) pairable(ctx context.Context, t target, token time.Time) error {
	now := s.Clock.Now(t.device.Endpoint)
	state, err := s.Ledger.State(ctx, t.device, now)
	if err != nil {
		return err
	}
	p := resync.PairOf(now, resync.Counter(token), knowledge(state), state.LastPair)
	switch {
	case p.Reason == resync.OutOfReach:
		return outOfReach(t, token.Sub(now), state)
	case p.Reason == resync.PairNotNewer && p.At.Sub(now) > maxWaits*resync.Step:
		return behindLastPair(t, p.At.Sub(now))
	}
	return nil
}

func behindLastPair(t target, behind time.Duration) error {
	return &api.Error{Code: api.Drifted, RetryAfterMS: behind.Milliseconds(),
		Message: fmt.Sprintf("token %s: its clock is %s behind the last two codes that AWS took to set MFA device %s, and AWS takes newer ones only",
			t.token.Serial, behind.Round(time.Second), t.device.Serial),
		Hint: "wait until its clock is past that; or " + explain.NewSeed(t.asker.Profile)}
}

func outOfReach(t target, offset time.Duration, state broker.DeviceState) error {
	const back, ahead = resync.PairBack * resync.Step, resync.PairAhead * resync.Step
	off := offset - time.Duration(knowledge(state).Middle())*resync.Step
	return &api.Error{Code: api.Drifted,
		Message: fmt.Sprintf("token %s: its clock is %s from where AWS last saw it, and AWS searches from %s behind to %s ahead: no resync finds MFA device %s again",
			t.token.Serial, off.Round(time.Second), back, ahead, t.device.Serial),
		Hint: "set the clock right if the token allows that; else " + explain.NewSeed(t.asker.Profile)}
}
