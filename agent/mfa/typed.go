package mfa

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/fob-auth/fob/agent/api"
	people "github.com/fob-auth/fob/agent/ask"
	"github.com/fob-auth/fob/agent/broker"
	"github.com/fob-auth/fob/devices"
	"github.com/fob-auth/fob/devices/prompt"
	"github.com/fob-auth/fob/sts/binding"
	"github.com/fob-auth/fob/sts/resync"
)

// The codes of a token without a plug are typed by a person. Its clock can't
// be seen, nor its time step: a code is counted by AWS's time at the moment when
// it was typed, which is a name for it rather than its step. That no code goes
// out twice rests on the digits, which the token compares, and on the names,
// which the ledger keeps. What AWS takes of a pair holds for the names as well:
// it tells how far they lie from AWS's window, which is not at all.

// pairWithin is how long after the first code of a pair the second may be
// typed: the first may have been new, and the second is shown for a step.
const pairWithin = 2 * resync.Step

// nameReach is how many steps a typed code's name may lie from the moment of
// typing, where another has that name.
const nameReach = 2

type typist interface {
	Type(ctx context.Context, q prompt.Question) (devices.Digits, error)
}

// typed reports whether the target's codes are typed.
func (t target) typed() bool {
	_, ok := prompt.Typed(t.token.Serial)
	return ok
}

func (s *Service) typing() *prompt.Driver {
	if s.Prompts == nil {
		return nil
	}
	return s.Prompts()
}

// plugTyped makes the token be there whose codes are typed.
func (s *Service) plugTyped(ctx context.Context, mfaSerial string) error {
	driver := s.typing()
	if driver == nil {
		return &api.Error{Code: api.Config, Message: fmt.Sprintf("the codes of MFA device %s are typed, and fob.yaml has devices.prompt switched off", mfaSerial),
			Hint: "set devices.prompt.enabled: true in fob.yaml, then run 'fobd check'"}
	}
	driver.Plug(mfaSerial)
	return s.Broker.Await(ctx, prompt.Serial(mfaSerial))
}

// typedToken is a token's name as people write it, with that of a typed one
// for an asker's device in full.
func (s *Service) typedToken(ctx context.Context, a Asker, token string) (string, error) {
	if token != prompt.Name && token != prompt.Serial(a.MFASerial) && (token != "" || !a.Typed) {
		return token, nil
	}
	return prompt.Serial(a.MFASerial), s.plugTyped(ctx, a.MFASerial)
}

// plugBound makes the token of a binding be there if its codes are typed.
func (s *Service) plugBound(ctx context.Context, b broker.Binding) error {
	if _, ok := prompt.Typed(b.Token); !ok {
		return nil
	}
	return s.plugTyped(ctx, b.Credential)
}

// fobFor finds the fob of a hardware serial: the one that is plugged in, else
// the one on somebody's desk.
func (s *Service) fobFor(ctx context.Context, a Asker, token string) (broker.Found, error) {
	token, err := s.typedToken(ctx, a, token)
	if err != nil {
		return broker.Found{}, err
	}
	if token == "" && a.Credential == "" && s.typing() != nil {
		plugged, err := s.find("", a.MFASerial)
		if err == nil && len(plugged) == 0 {
			token, err = s.typedToken(ctx, a, prompt.Name)
		}
		if err != nil {
			return broker.Found{}, err
		}
	}
	return s.pick(ctx, a, token, "")
}

// takeTyped has a code typed, and reserves it.
func (s *Service) takeTyped(ctx context.Context, t target) (taken, error) {
	if err := s.worthTyping(ctx, t); err != nil {
		return taken{}, err
	}
	digits, err := s.haveTyped(ctx, t, "Type the code that %s shows%s")
	if err != nil {
		return taken{}, err
	}
	now := s.Clock.Now(t.device.Endpoint)
	r, err := s.Ledger.Reserve(ctx, broker.Request{
		Device: t.device, Token: t.token.Serial, Credential: t.credential.ID, AWSNow: now, Period: t.credential.Period,
		Candidates: names(t.step(now)), Verifies: t.bound(), Purpose: t.purpose,
	})
	if err != nil {
		return taken{}, err
	}
	return taken{code: devices.Code{Digits: digits, Counter: r.Counter, Period: t.credential.Period}, reservation: r}, nil
}

// names are the counters that a typed code may have, the best first.
func names(step uint64) []uint64 {
	list := []uint64{step}
	for i := uint64(1); i <= nameReach; i++ {
		list = append(list, step-min(step, i), step+i)
	}
	return list
}

// worthTyping says why a code would be typed for nothing, and waits where STS
// hasn't heard of the device's last change.
func (s *Service) worthTyping(ctx context.Context, t target) error {
	if !t.bound() {
		return nil
	}
	if err := s.readAWSClock(ctx, t); err != nil {
		return err
	}
	if changed := s.changedAt(t.device); !changed.IsZero() {
		if err := sleep(ctx, changed.Add(resync.Propagation).Sub(s.Clock.Now(t.device.Endpoint))); err != nil {
			return err
		}
	}
	now := s.Clock.Now(t.device.Endpoint)
	state, err := s.Ledger.State(ctx, t.device, now)
	switch {
	case err != nil:
		return err
	case state.WindowLost, state.Floor > t.step(now)+nameReach:
		return &broker.ClosedError{Device: t.device, Floor: state.Floor, Until: t.nameFree(state)}
	case state.Attempts >= broker.Budget:
		return &broker.ThrottledError{Device: t.device, Until: state.WindowEnd}
	}
	return nil
}

// nameFree is when a code has a free name after a ledger was lost, and can be
// verified.
func (t target) nameFree(state broker.DeviceState) time.Time {
	free := t.start(state.Floor + 1 - min(state.Floor, nameReach))
	if state.WindowLost && free.Before(state.WindowEnd) {
		return state.WindowEnd
	}
	return free
}

// haveTyped has digits typed. The words take the token's name and the profile's.
// Nobody is asked on for a caller who has left.
func (s *Service) haveTyped(ctx context.Context, t target, words string) (devices.Digits, error) {
	q := prompt.Question{Profile: t.asker.Profile, Caller: t.asker.Caller, Message: fmt.Sprintf(words, t.credential.ID, forProfile(t.asker.Profile))}
	caller := ctx
	digits, err := ask(ctx, s.Broker, t.token.Serial, "have a code typed", func(ctx context.Context, token devices.Token) (devices.Digits, error) {
		who, ok := token.(typist)
		if !ok {
			return "", devices.ErrUnsupported
		}
		ctx, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		defer context.AfterFunc(caller, func() { cancel(context.Cause(caller)) })()
		defer broker.Waiting(ctx)()
		return who.Type(ctx, q)
	})
	return digits, s.orPlugged(t, err)
}

// orPlugged names the way out where nobody can be asked to type what a fob shows,
// and the fob itself is plugged in. It isn't taken unasked: what AWS adds for the
// device was learnt by typed codes, whose steps are names.
func (s *Service) orPlugged(t target, err error) error {
	if !errors.Is(err, people.ErrNobody) || t.asker.Profile == "" {
		return err
	}
	serial, _ := prompt.Typed(t.token.Serial)
	if plugged, finding := s.find("", serial); finding != nil || len(plugged) == 0 {
		return err
	}
	return &api.Error{Code: api.NobodyToAsk, Message: err.Error(),
		Hint: fmt.Sprintf("token %s is plugged in: 'fob bind --profile %s --token %[1]s' has its codes come from there", serial, t.asker.Profile)}
}

func forProfile(name string) string {
	if name == "" {
		return ""
	}
	return ", for profile " + name
}

// takeTypedPair has two consecutive codes typed, and reserves them. A second
// one that comes too late to be the next is taken for a first.
func (s *Service) takeTypedPair(ctx context.Context, t target) (broker.Reservation, [2]devices.Code, error) {
	var codes [2]devices.Code
	if err := s.worthTyping(ctx, t); err != nil {
		return broker.Reservation{}, codes, err
	}
	first, err := s.haveTyped(ctx, t, "Type the code that %s shows, the first of two%s")
	if err != nil {
		return broker.Reservation{}, codes, err
	}
	var second devices.Digits
	for at, words := time.Now(), "Type the next code of %s, as soon as it shows%s"; ; {
		if second, err = s.haveTyped(ctx, t, words); err != nil {
			return broker.Reservation{}, codes, err
		}
		if time.Since(at) <= pairWithin {
			break
		}
		first, at, words = second, time.Now(), "That came too late to be the next code; now type the next code of %s%s"
	}
	r, err := s.reserveTypedPair(ctx, t)
	for i, digits := range []devices.Digits{first, second} {
		codes[i] = devices.Code{Digits: digits, Counter: r.Counter + uint64(i), Period: t.credential.Period}
	}
	return r, codes, err
}

// reserveTypedPair names the pair of which the second was typed just now.
func (s *Service) reserveTypedPair(ctx context.Context, t target) (broker.Reservation, error) {
	now := s.Clock.Now(t.device.Endpoint)
	request := broker.Request{Device: t.device, Token: t.token.Serial, Credential: t.credential.ID, AWSNow: now, Verifies: true, Purpose: t.purpose}
	step := t.step(now)
	for _, first := range []uint64{step - min(step, 1), step, step + 1} {
		if free, err := s.pairFree(ctx, t, first); err != nil {
			return broker.Reservation{}, err
		} else if free {
			return s.Ledger.ReservePair(ctx, request, first)
		}
	}
	return s.Ledger.ReservePair(ctx, request, step+nameReach)
}

// typedDrift tells of a clock that nobody sees.
func (s *Service) typedDrift(ctx context.Context, t target) (api.Drift, error) {
	state, err := s.Ledger.State(ctx, t.device, s.Clock.Now(t.device.Endpoint))
	told := s.wireDrift(t, knowledge(state))
	told.State = api.DriftUnknown
	told.Message = fmt.Sprintf("the codes of %s are typed, so its clock can't be seen; AWS's answers tell when it is off", t.credential.ID)
	return told, err
}

// noPeek refuses to look at a code that somebody would have to type.
func noPeek(t target) error {
	return &api.Error{Code: api.UnusableToken, Message: fmt.Sprintf("the codes of %s are typed: there is nothing to peek at", t.credential.ID),
		Hint: "'fob code' without --peek has a code typed, and reserves it"}
}

// isHardware reports whether a profile's device may be a fob that has only a
// display.
func (a Asker) isHardware() bool { return binding.Hardware(a.MFASerial) }
