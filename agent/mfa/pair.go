package mfa

import (
	"context"
	"errors"
	"time"

	"github.com/fob-auth/fob/agent/api"
	"github.com/fob-auth/fob/agent/broker"
	"github.com/fob-auth/fob/devices"
	"github.com/fob-auth/fob/sts"
	"github.com/fob-auth/fob/sts/binding"
	"github.com/fob-auth/fob/sts/resync"
)

// A hand takes two consecutive codes to AWS, for EnableMFADevice or
// ResyncMFADevice, and returns AWS's time.
type hand func(ctx context.Context, first, second string) (time.Time, error)

// handPair takes two consecutive codes to AWS, and another two where the
// decision after a refusal says that those make sense. It returns what AWS adds
// for the device from then on.
func (s *Service) handPair(ctx context.Context, t target, give hand) (resync.Knowledge, error) {
	for tries := 1; ; tries++ {
		r, codes, err := s.takePair(ctx, t)
		if err != nil {
			return resync.Knowledge{}, err
		}
		before, err := s.Ledger.State(ctx, t.device, s.Clock.Now(t.device.Endpoint))
		if err != nil {
			return resync.Knowledge{}, errors.Join(err, s.Ledger.Settle(ctx, r, broker.Released))
		}
		skew := s.Clock.Skew(t.device.Endpoint)
		date, err := give(ctx, codes[0].Digits.Reveal(), codes[1].Digits.Reveal())
		s.observe(t.asker.Endpoint, date, err)
		if err == nil {
			return s.pairAccepted(ctx, t, r, date)
		}
		var refusal *sts.Refusal
		if !errors.As(err, &refusal) {
			return resync.Knowledge{}, errors.Join(err, s.Ledger.Settle(ctx, r, broker.Unknown))
		}
		if _, err := s.refused(ctx, t, attempt{r, codes[1], before, refusal, skew, tries}); err != nil {
			return resync.Knowledge{}, err
		}
	}
}

// takePair reserves two consecutive counters and has the token compute both
// codes.
func (s *Service) takePair(ctx context.Context, t target) (broker.Reservation, [2]devices.Code, error) {
	if t.typed() {
		return s.takeTypedPair(ctx, t)
	}
	for waits, slips := 0, 0; ; {
		r, codes, err := s.pairOnce(ctx, t)
		switch {
		case limited(err) > 0 && waits < maxWaits:
			waits++
			if err := s.awaitLimit(ctx, t, limited(err)); err != nil {
				return r, codes, err
			}
		case errors.Is(err, errSlipped) && slips < maxSlips:
			slips++
		default:
			return r, codes, err
		}
	}
}

// pairOnce is takePair without patience for a token that limits its codes, or
// whose step is another than was expected.
func (s *Service) pairOnce(ctx context.Context, t target) (broker.Reservation, [2]devices.Code, error) {
	first, err := s.firstOfPair(ctx, t)
	if err != nil {
		return broker.Reservation{}, [2]devices.Code{}, err
	}
	r, err := s.Ledger.ReservePair(ctx, broker.Request{
		Device: t.device, Token: t.token.Serial, Credential: t.credential.ID,
		AWSNow: s.Clock.Now(t.device.Endpoint), Verifies: true, Purpose: t.purpose,
	}, first)
	if err != nil {
		return r, [2]devices.Code{}, err
	}
	codes, err := s.bothCodes(ctx, t, first)
	if err == nil && t.token.OwnClock {
		err = s.holdPair(ctx, t)
	}
	if err != nil {
		return r, codes, errors.Join(err, s.Ledger.Settle(ctx, r, broker.Released))
	}
	return r, codes, nil
}

// holdPair waits until it is best to hand over the pair that a fob has just
// completed.
func (s *Service) holdPair(ctx context.Context, t target) error {
	now, err := s.measure(ctx, t)
	if err != nil {
		return err
	}
	trend, err := s.trend(ctx, t, now)
	if err != nil {
		return err
	}
	return sleep(ctx, resync.Hold(now.token, now.aws, trend))
}

func (s *Service) pairAccepted(ctx context.Context, t target, r broker.Reservation, date time.Time) (resync.Knowledge, error) {
	if err := s.Ledger.Settle(ctx, r, broker.Accepted); err != nil {
		return resync.Knowledge{}, err
	}
	s.noteChange(t.device, date)
	second := r.Counter + 1
	k := resync.Knowledge{}.PairAccepted(date, second)
	return k, s.Ledger.PairAccepted(ctx, t.device, second, k.Low, k.High)
}

// firstOfPair chooses the pair: around AWS's own time from a token that
// computes any counter, and from a fob its present step, once that is one it
// hasn't given away.
func (s *Service) firstOfPair(ctx context.Context, t target) (uint64, error) {
	if t.token.OwnClock {
		return s.freshStep(ctx, t)
	}
	for waits := 0; ; waits++ {
		now := s.Clock.Now(t.device.Endpoint)
		firsts := resync.Pairs(now)
		for _, first := range firsts {
			if free, err := s.pairFree(ctx, t, first); err != nil || free {
				return first, err
			}
		}
		if waits == maxWaits {
			return 0, &broker.SpentError{Device: t.device, Candidates: firsts, Next: resync.Counter(now) + 1}
		}
		if err := s.awaitStep(ctx, t, firsts); err != nil {
			return 0, err
		}
	}
}

// pairFree reports whether neither counter of the pair was ever given away, and
// both are newer than the last pair.
func (s *Service) pairFree(ctx context.Context, t target, first uint64) (bool, error) {
	state, err := s.Ledger.State(ctx, t.device, s.Clock.Now(t.device.Endpoint))
	if err != nil {
		return false, err
	}
	spent, err := s.Ledger.Spent(ctx, t.device, t.token.Serial, t.credential.ID, first, first+1)
	return len(spent) == 0 && first > max(state.Floor, state.LastPair), err
}

// freshStep waits until a fob shows a step that begins a free pair.
func (s *Service) freshStep(ctx context.Context, t target) (uint64, error) {
	for range maxWaits {
		now, err := s.tokenTime(ctx, t)
		if err != nil {
			return 0, err
		}
		if err := s.pairable(ctx, t, now); err != nil {
			return 0, err
		}
		first := resync.Counter(now)
		if free, err := s.pairFree(ctx, t, first); err != nil || free {
			return first, err
		}
		if err := s.awaitFob(ctx, t, first+1); err != nil {
			return 0, err
		}
	}
	return 0, &broker.SpentError{Device: t.device}
}

// bothCodes has the token compute the codes of first and the step after it; a
// fob is waited for between the two.
func (s *Service) bothCodes(ctx context.Context, t target, first uint64) (codes [2]devices.Code, err error) {
	for i := range codes {
		counter := first + uint64(i)
		if t.token.OwnClock {
			if err := s.awaitFob(ctx, t, counter); err != nil {
				return codes, err
			}
		}
		if codes[i], err = s.code(ctx, t, counter); err != nil {
			return codes, err
		}
		if codes[i].Counter != counter {
			return codes, otherStep(t, "compute two consecutive codes")
		}
	}
	return codes, nil
}

// Resync hands AWS two consecutive codes of the asker's device, so that it
// knows how far the token's clock is off.
func (s *Service) Resync(ctx context.Context, a Asker) (api.Resync, error) {
	t, err := s.locate(ctx, a)
	if err != nil {
		return api.Resync{}, err
	}
	return s.resync(ctx, t)
}

func (s *Service) resync(ctx context.Context, t target) (api.Resync, error) {
	user, _ := binding.UserName(t.id)
	t.purpose = resyncing
	k, err := s.handPair(ctx, t, func(ctx context.Context, first, second string) (time.Time, error) {
		return s.AWS.ResyncMFADevice(ctx, s.caller(t.asker), user, t.device.Serial, first, second)
	})
	if err != nil {
		return api.Resync{}, err
	}
	if t.firstUse {
		if _, err := s.bind(ctx, t); err != nil {
			return api.Resync{}, err
		}
	}
	return api.Resync{MFASerial: t.device.Serial, Token: t.token.Serial, Adjustment: k.Middle()}, nil
}
