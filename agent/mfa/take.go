package mfa

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/fob-auth/fob/agent/api"
	"github.com/fob-auth/fob/agent/broker"
	"github.com/fob-auth/fob/agent/session"
	"github.com/fob-auth/fob/devices"
	"github.com/fob-auth/fob/sts/resync"
)

const (
	// pollEvery is how often a fob is asked for its time while its next step is
	// awaited: it may be turned, or jump, while one waits.
	pollEvery = 250 * time.Millisecond
	// stillAfter is how late a fob's next step may be; a clock that is later
	// stands still.
	stillAfter = 10 * time.Second
	// maxWaits is how many steps one request waits for, at most.
	maxWaits = 3
	// maxLimit is for how long a token that limits its codes is left alone, at
	// most: the firmware's own limit is over within a minute.
	maxLimit = time.Minute
	// maxSlips is how often a step may change between the choice of a counter and
	// its code; twice in a row is no accident.
	maxSlips = 3
)

// A choice is the counters that would do, the best first, and by how much the
// clock they are of is ahead of AWS's.
type choice struct {
	counters []uint64
	offset   time.Duration
}

// A taken code is a code whose counter is the caller's alone.
type taken struct {
	code        devices.Code
	reservation broker.Reservation
	// offset is how far the clock that the code is of is ahead of AWS's.
	offset time.Duration
}

// take reserves a free counter and has the token compute its code, waiting for
// the next step where none is free. With only set, no other counter will do while
// AWS takes it.
func (s *Service) take(ctx context.Context, t target, only uint64) (taken, error) {
	if t.typed() {
		return s.takeTyped(ctx, t)
	}
	slips := 0
	for waits := 0; ; {
		would, err := s.counters(ctx, t, only)
		if err != nil {
			return taken{}, err
		}
		got, err := s.reserve(ctx, t, would)
		var spent *broker.SpentError
		switch {
		case errors.As(err, &spent) && only == 0 && waits < maxWaits:
			waits++
			if err := s.awaitStep(ctx, t, would.counters); err != nil {
				return taken{}, err
			}
			continue
		case limited(err) > 0 && only == 0 && waits < maxWaits:
			waits++
			if err := s.awaitLimit(ctx, t, limited(err)); err != nil {
				return taken{}, err
			}
			continue
		case (errors.Is(err, errSlipped) || errors.Is(err, errLate)) && slips < maxSlips:
			only, slips = 0, slips+1
			continue
		}
		return got, err
	}
}

// limited is how long a token that gives no more codes for now wants to be left
// alone; 0 where that isn't why, or too long.
func limited(err error) time.Duration {
	var rate *devices.RateError
	if !errors.As(err, &rate) || rate.After > maxLimit {
		return 0
	}
	return rate.After
}

// awaitLimit waits until a token gives codes again.
func (s *Service) awaitLimit(ctx context.Context, t target, left time.Duration) error {
	defer s.announceWait(ctx, t, left)()
	return sleep(ctx, left)
}

// counters returns the counters that may be asked for, the best first: of a fob
// the present one alone, if AWS would take it.
func (s *Service) counters(ctx context.Context, t target, only uint64) (choice, error) {
	if err := s.readAWSClock(ctx, t); err != nil {
		return choice{}, err
	}
	now := s.Clock.Now(t.device.Endpoint)
	switch {
	case t.token.OwnClock && t.bound():
		return s.presentCounter(ctx, t)
	case t.token.OwnClock:
		tokenNow, err := s.tokenTime(ctx, t)
		return choice{[]uint64{t.step(tokenNow)}, tokenNow.Sub(now)}, err
	case only != 0:
		return choice{counters: []uint64{only}}, nil
	case !t.bound():
		return choice{counters: []uint64{t.step(now)}}, nil
	}
	state, err := s.Ledger.State(ctx, t.device, now)
	if err != nil {
		return choice{}, err
	}
	return choice{counters: resync.Candidates(now, knowledge(state))}, nil
}

// presentCounter returns the counter that a fob shows, if AWS would take it.
func (s *Service) presentCounter(ctx context.Context, t target) (choice, error) {
	r, err := s.measure(ctx, t)
	if err != nil {
		return choice{}, err
	}
	if r.State != resync.Drifted {
		return choice{[]uint64{resync.Counter(r.token)}, r.token.Sub(r.aws)}, nil
	}
	s.Notify(api.Event{Type: api.EventDrift, Token: t.token.Serial, Profile: t.asker.Profile, Message: driftWords(t.token.Serial, r.Drift)})
	if err := s.pairable(ctx, t, r.token); err != nil {
		return choice{}, err
	}
	return choice{}, &mendableError{driftError(t, r.Drift)}
}

// readAWSClock asks AWS for its time, if the last reading is old. Where no keys
// are at hand that could ask, what is known has to do.
func (s *Service) readAWSClock(ctx context.Context, t target) error {
	if t.asker.Keys.AccessKeyID == "" || s.Clock.fresh(t.device.Endpoint, clockAge) {
		return nil
	}
	_, err := s.Identify(ctx, t.asker)
	return err
}

// tokenTime reads a token's own clock, or reckons what it shows. One that can't
// be seen is taken for AWS's.
func (s *Service) tokenTime(ctx context.Context, t target) (time.Time, error) {
	if t.typed() {
		return s.Clock.Now(t.device.Endpoint), nil
	}
	shows, err := s.showsClock(ctx, t)
	if err != nil {
		return time.Time{}, err
	}
	if !shows {
		return s.reckonTime(ctx, t)
	}
	now, err := ask(ctx, s.Broker, t.token.Serial, "read the clock", func(ctx context.Context, token devices.Token) (time.Time, error) {
		if clock, ok := token.(devices.Clock); ok {
			return clock.Time(ctx)
		}
		return time.Time{}, devices.ErrUnsupported
	})
	return now, clockError(t, err)
}

// ask has the keeper of a token run f, and returns what f found. What f finds
// after the caller has left is dropped.
func ask[T any](ctx context.Context, b *broker.Broker, serial, op string, f func(context.Context, devices.Token) (T, error)) (T, error) {
	found := make(chan T, 1)
	err := b.Do(ctx, serial, op, func(ctx context.Context, token devices.Token) error {
		v, err := f(ctx, token)
		if err == nil {
			found <- v
		}
		return err
	})
	if err != nil {
		var none T
		return none, err
	}
	return <-found, nil
}

// errSlipped: a token with a clock of its own gave a code of another step than
// its clock, or what is known of it, led to expect.
var errSlipped = fmt.Errorf("%w: its time step changed meanwhile", devices.ErrAnswer)

// otherStep is the error for a code of a step that wasn't asked for.
func otherStep(t target, op string) error {
	err := errSlipped
	if !t.token.OwnClock {
		err = fmt.Errorf("%w: code of another time step", devices.ErrAnswer)
	}
	return &devices.Error{Op: op, Token: t.token.Serial, Err: err}
}

// errLate: AWS's step ended while a touch was awaited for its window's last.
var errLate = fmt.Errorf("%w: AWS doesn't take its code any more", devices.ErrNoTouch)

// reserve takes one of the counters, and its code from the token.
func (s *Service) reserve(ctx context.Context, t target, would choice) (taken, error) {
	r, err := s.reserveOne(ctx, t, would)
	if err != nil {
		return taken{}, err
	}
	code, err := s.code(ctx, t, r.Counter)
	if err == nil && code.Counter != r.Counter {
		err = otherStep(t, "compute a code")
	}
	if err == nil && !t.token.OwnClock {
		err = s.stillTaken(ctx, t, r.Counter)
	}
	if err == nil {
		s.Log.Debug("code computed", "token", t.token.Serial, "counter", r.Counter)
		return taken{code, r, would.offset}, nil
	}
	if settled := s.Ledger.Settle(ctx, r, broker.Released); settled != nil || !errors.Is(err, errSlipped) {
		return taken{}, errors.Join(err, settled)
	}
	return s.reserveSlipped(ctx, t, would, code, err)
}

// stillTaken reports errLate where AWS wouldn't take a counter any more that it
// would have taken before the token was touched: no verification is spent on it.
func (s *Service) stillTaken(ctx context.Context, t target, counter uint64) error {
	outside, err := s.outside(ctx, t, counter)
	if outside {
		err = &devices.Error{Op: "compute a code", Token: t.token.Serial, Err: errLate}
	}
	return err
}

// outside reports whether AWS would refuse the counter now, by all that is known.
func (s *Service) outside(ctx context.Context, t target, counter uint64) (bool, error) {
	if !t.bound() {
		return false, nil
	}
	now := s.Clock.Now(t.device.Endpoint)
	state, err := s.Ledger.State(ctx, t.device, now)
	return err == nil && knowledge(state).Fit(now, counter) == resync.Outside, err
}

// reserveSlipped takes the counter of a code that came for another: a person
// pressed the button a step later, or the token tells its time with its codes
// alone. No code goes out without its reservation, so it may be had after it.
// One that AWS wouldn't take is left, as slipped says: the clock is to be looked
// at again.
func (s *Service) reserveSlipped(ctx context.Context, t target, would choice, code devices.Code, slipped error) (taken, error) {
	if outside, err := s.outside(ctx, t, code.Counter); err != nil {
		return taken{}, err
	} else if outside {
		return taken{}, slipped
	}
	r, err := s.reserveOne(ctx, t, choice{[]uint64{code.Counter}, would.offset})
	return taken{code, r, would.offset}, err
}

func (s *Service) reserveOne(ctx context.Context, t target, would choice) (broker.Reservation, error) {
	r, err := s.Ledger.Reserve(ctx, broker.Request{
		Device: t.device, Token: t.token.Serial, Credential: t.credential.ID,
		AWSNow: s.Clock.Now(t.device.Endpoint), Period: t.credential.Period, Offset: would.offset, Candidates: would.counters,
		Verifies: t.bound(), Purpose: t.purpose,
	})
	if err == nil {
		s.Log.Debug("counter reserved", "token", t.token.Serial, "mfa_serial", t.device.Serial, "counter", r.Counter)
	}
	return r, err
}

// code has the token compute the code of a counter.
func (s *Service) code(ctx context.Context, t target, counter uint64) (devices.Code, error) {
	shows, err := s.showsClock(ctx, t)
	if err != nil {
		return devices.Code{}, err
	}
	if !shows {
		return s.facelessCode(ctx, t)
	}
	return s.tokenCode(ctx, t, counter)
}

// tokenCode asks the token for a code, and tells watchers while a touch is
// awaited.
func (s *Service) tokenCode(ctx context.Context, t target, counter uint64) (devices.Code, error) {
	if t.credential.Touch {
		s.Notify(api.Event{Type: api.EventTouch, Token: t.token.Serial, Profile: t.asker.Profile, Caller: t.asker.Caller, Until: time.Now().Add(broker.CallBound),
			Message: fmt.Sprintf("touch token %s for profile %s", t.token.Serial, t.asker.Profile)})
		defer s.Notify(api.Event{Type: api.EventTouchDone, Token: t.token.Serial, Profile: t.asker.Profile, Caller: t.asker.Caller,
			Message: fmt.Sprintf("token %s no longer waits", t.token.Serial)})
		defer session.Await(ctx, session.Wait{Token: t.token.Serial, Touch: true})()
	}
	code, err := ask(ctx, s.Broker, t.token.Serial, "compute a code", func(ctx context.Context, token devices.Token) (devices.Code, error) {
		coder, ok := token.(devices.Coder)
		if !ok {
			return devices.Code{}, devices.ErrUnsupported
		}
		if err := s.proves(ctx, token, t.attested); err != nil {
			return devices.Code{}, err
		}
		if t.credential.Touch {
			defer broker.Waiting(ctx)()
		}
		return coder.Code(ctx, t.credential.ID, t.start(counter))
	})
	return code, clockError(t, err)
}

// awaitStep waits until the token can give a code of a later step than all of
// the counters that are spent.
func (s *Service) awaitStep(ctx context.Context, t target, spent []uint64) error {
	if !t.token.OwnClock {
		now := s.Clock.Now(t.device.Endpoint)
		next := t.start(t.step(now) + 1)
		defer s.announceWait(ctx, t, next.Sub(now))()
		return sleep(ctx, next.Sub(now))
	}
	return s.awaitFob(ctx, t, spent[len(spent)-1]+1)
}

// awaitFob waits until the fob's clock has reached the counter's step. It looks
// again and again: a fob's clock may be turned or jump while one waits.
func (s *Service) awaitFob(ctx context.Context, t target, counter uint64) error {
	announced := false
	var due time.Time
	for {
		now, err := s.tokenTime(ctx, t)
		if err != nil {
			return err
		}
		left := t.start(counter).Sub(now)
		if left <= 0 {
			return nil
		}
		if left > t.credential.Period {
			return &api.Error{Code: api.Drifted, Message: fmt.Sprintf("token %s: its clock went back while its next code was awaited", t.token.Serial),
				Hint: fmt.Sprintf("run 'fob drift %s'", t.token.Serial)}
		}
		if !announced {
			announced, due = true, time.Now().Add(left+stillAfter)
			defer s.announceWait(ctx, t, left)()
		}
		if time.Now().After(due) {
			return &api.Error{Code: api.Drifted, Message: fmt.Sprintf("token %s: its clock stands still: its next code is long due", t.token.Serial),
				Hint: fmt.Sprintf("'fob drift %s' shows whether it runs; a new battery may help, and may cost it its time and so its seed", t.token.Serial)}
		}
		if err := sleep(ctx, min(left, pollEvery)); err != nil {
			return err
		}
	}
}

// announceWait tells watchers, and those who wait for the session, when the
// next code comes; it no longer does once over is called.
func (s *Service) announceWait(ctx context.Context, t target, left time.Duration) (over func()) {
	s.Notify(api.Event{Type: api.EventWaiting, Token: t.token.Serial, Profile: t.asker.Profile, Until: time.Now().Add(left),
		Message: fmt.Sprintf("the next code of token %s comes in %d s", t.token.Serial, int(math.Ceil(left.Seconds())))})
	return session.Await(ctx, session.Wait{Token: t.token.Serial, Until: s.Clock.Now(t.device.Endpoint).Add(left)})
}

// sleep waits for d or the end of ctx.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
