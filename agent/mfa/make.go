package mfa

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/fob-auth/fob/agent/api"
	"github.com/fob-auth/fob/agent/broker"
	"github.com/fob-auth/fob/agent/session"
	"github.com/fob-auth/fob/devices"
	"github.com/fob-auth/fob/sts"
	"github.com/fob-auth/fob/sts/resync"
)

var _ session.Maker = (*Service)(nil)

// Make makes the session of a plan: at once where the plan wants no MFA, else
// with a code of the token that its device is bound to.
func (s *Service) Make(ctx context.Context, w session.Want) (sts.Session, error) {
	p := w.Plan
	if p.MFASerial == "" {
		p.Skew = s.Clock.Skew(p.Endpoint.Name())
		made, err := s.AWS.Issue(ctx, p, "")
		s.observe(p.Endpoint, made.Date, err)
		if err != nil {
			return made, fmt.Errorf("profile %s: %w", w.Profile, err)
		}
		return made, nil
	}
	t, err := s.locate(ctx, askerOf(w))
	if err != nil {
		return sts.Session{}, err
	}
	p.MFASerial = t.device.Serial
	made, err := s.makeMended(ctx, t, p)
	if err != nil {
		return made, err
	}
	s.tend(t)
	s.Notify(api.Event{Type: api.EventSession, Token: t.token.Serial, Profile: w.Profile,
		Message: fmt.Sprintf("profile %s has a session until %s", w.Profile, made.Expiration.Format(time.RFC3339))})
	return made, nil
}

// Unattended reports whether the session of a plan that takes a code can be made
// with no person near: its token is there, wants no touch, and nobody types its
// codes.
func (s *Service) Unattended(ctx context.Context, w session.Want) (bool, error) {
	t, err := s.locate(ctx, askerOf(w))
	return err == nil && !t.credential.Touch && !t.typed(), err
}

// makeWithCode sends a code, and another where the decision after a refusal
// says that another makes sense.
func (s *Service) makeWithCode(ctx context.Context, t target, p sts.Plan) (sts.Session, error) {
	var only uint64
	for tries := 1; ; tries++ {
		got, err := s.take(ctx, t, only)
		if err != nil {
			return sts.Session{}, err
		}
		before, err := s.Ledger.State(ctx, t.device, s.Clock.Now(t.device.Endpoint))
		if err != nil {
			return sts.Session{}, errors.Join(err, s.Ledger.Settle(ctx, got.reservation, broker.Released))
		}
		p.Skew = s.Clock.Skew(t.device.Endpoint)
		made, err := s.AWS.Issue(ctx, p, got.code.Digits.Reveal())
		s.Log.Debug("AWS answered", "mfa_serial", t.device.Serial, "counter", got.code.Counter)
		s.observe(p.Endpoint, made.Date, err)
		if err == nil {
			made.Token, made.Counter = t.token.Serial, got.code.Counter
			return made, s.accepted(ctx, t, got, before, made.Date)
		}
		var refusal *sts.Refusal
		if !errors.As(err, &refusal) {
			return sts.Session{}, errors.Join(err, s.Ledger.Settle(ctx, got.reservation, broker.Unknown))
		}
		d, err := s.refused(ctx, t, attempt{got.reservation, got.code, before, refusal, p.Skew, tries})
		if err != nil {
			return sts.Session{}, err
		}
		only = d.Counter
	}
}

// accepted settles a code that brought a session, learns from it, and binds a
// token that was used for the first time.
func (s *Service) accepted(ctx context.Context, t target, got taken, before broker.DeviceState, date time.Time) error {
	if err := s.Ledger.Settle(ctx, got.reservation, broker.Accepted); err != nil {
		return err
	}
	s.Log.Debug("counter settled", "mfa_serial", t.device.Serial, "counter", got.code.Counter)
	k := knowledge(before).Accepted(date, got.code.Counter)
	if err := s.Ledger.Learn(ctx, t.device, k.Low, k.High); err != nil {
		return err
	}
	if !t.firstUse {
		return nil
	}
	_, err := s.bind(ctx, t)
	return err
}

// An attempt is a code, or a pair, that AWS was asked about and didn't take.
type attempt struct {
	reservation broker.Reservation
	code        devices.Code // of a pair, the second
	// before is what the ledger knew when it was sent.
	before  broker.DeviceState
	refusal *sts.Refusal
	// skew is AWS's time less the host's as the call reckoned with.
	skew time.Duration
	// tries is how many codes the request has cost, with this one.
	tries int
}

// counter is the one that counts: of a pair, its second.
func (a attempt) counter() uint64 {
	if a.reservation.Pair {
		return a.reservation.Counter + 1
	}
	return a.reservation.Counter
}

// refused settles a code that brought nothing, and decides: an error for the
// caller, or what to try next, after any wait.
func (s *Service) refused(ctx context.Context, t target, a attempt) (resync.Decision, error) {
	r := a.refusal
	outcome := broker.Refused
	switch {
	case !r.MayHaveSpent():
		outcome = broker.Released
	case r.Class == sts.Unanswered:
		outcome = broker.Unknown
	}
	if err := s.Ledger.Settle(ctx, a.reservation, outcome); err != nil {
		return resync.Decision{}, errors.Join(r, err)
	}
	d, err := s.decide(ctx, t, a)
	if err != nil {
		return d, errors.Join(r, err)
	}
	s.Log.Info("AWS took no code", "profile", t.asker.Profile, "token", t.token.Serial, "mfa_serial", t.device.Serial,
		"action", r.Action, "class", r.Class, "counter", a.counter(), "next", d.Action, "reason", d.Reason)
	s.Notify(api.Event{Type: api.EventRefused, Token: t.token.Serial, Profile: t.asker.Profile, Message: fmt.Sprintf("profile %s: %v", t.asker.Profile, r)})
	now := s.Clock.Now(t.device.Endpoint)
	switch {
	case d.Action == resync.UseCounter && !a.reservation.Pair:
		return d, nil
	case d.Action == resync.WaitUntil && d.At.Sub(now) <= maxWaits*resync.Step:
		defer s.announceWait(ctx, t, d.At.Sub(now))()
		return d, sleep(ctx, d.At.Sub(now))
	case d.Action == resync.Resync && !a.reservation.Pair && !t.typed():
		return d, &mendableError{refusalError(t, r, d, now)}
	}
	return d, refusalError(t, r, d, now)
}

// decide gathers the evidence.
func (s *Service) decide(ctx context.Context, t target, a attempt) (resync.Decision, error) {
	after, err := s.Ledger.State(ctx, t.device, s.Clock.Now(t.device.Endpoint))
	if err != nil {
		return resync.Decision{}, err
	}
	counter := a.counter()
	low, high := counter-min(counter, 8*resync.Reach), counter+8*resync.Reach
	spent, err := s.Ledger.Spent(ctx, t.device, t.token.Serial, t.credential.ID, low, high)
	if err != nil {
		return resync.Decision{}, err
	}
	// A token that is gone by now changes nothing.
	shows, gone := s.showsClock(ctx, t)
	reckoned := gone == nil && !shows && a.code.Clock.IsZero()
	d := resync.Decide(resync.Evidence{
		Class: a.refusal.Class, Date: a.refusal.Date, HostNow: time.Now(), Skew: a.skew, OwnClock: t.token.OwnClock, Reckoned: reckoned,
		Counter: counter, Knowledge: knowledge(a.before), LastPair: a.before.LastPair, ChangedAt: s.changedAt(t.device),
		Tries: a.tries, Spent: after.Attempts,
		Free: func(c uint64) bool { return c > after.Floor && !slices.Contains(spent, c) },
	})
	if d.Knowledge.Known && d.Knowledge != knowledge(a.before) {
		err = s.Ledger.Learn(ctx, t.device, d.Knowledge.Low, d.Knowledge.High)
	}
	return d, err
}

// knowledge is the ledger's word on a device's adjustment, in resync's terms.
func knowledge(st broker.DeviceState) resync.Knowledge {
	return resync.Knowledge{Known: st.Known, Low: st.Low, High: st.High}
}
