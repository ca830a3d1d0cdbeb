package broker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/fob-auth/fob/devices"
)

// A keeper owns the token in one slot: no other goroutine ever calls it. The
// keeper lives as long as the slot, and a little longer where a call doesn't
// return.
type keeper struct {
	broker *Broker
	at     place
	slot   devices.Slot
	driver devices.Driver
	line   *line
	ctx    context.Context
	cancel context.CancelCauseFunc

	// The rest is guarded by broker.mu.
	info        devices.Info
	credentials []devices.Credential
	state       State
	err         error
	tenure      *tenure
	// tried: the token was opened once, or could not be.
	tried bool
	// announced: the world was told that it is plugged in.
	announced bool
	gone      bool
}

// A line is where the keepers of one place queue, so that a token is never
// opened while a call to the one before it hasn't returned.
type line struct {
	turn chan struct{}
	// users is guarded by the broker's mu.
	users int
}

// A tenure is the time for which a token is open. Its context ends with a
// cause that answers all who wait.
type tenure struct {
	ctx      context.Context
	cancel   context.CancelCauseFunc
	requests chan *request
}

// A request waits for the keeper.
type request struct {
	ctx  context.Context
	op   string
	f    func(context.Context, devices.Token) error
	done chan error
}

func (k *keeper) snapshot() TokenState {
	return TokenState{Info: k.info, Credentials: slices.Clone(k.credentials), State: k.state, Err: k.err}
}

// run opens the token and serves it, again and again, until the slot is gone.
func (k *keeper) run() {
	defer k.leave()
	if !k.queue() {
		return
	}
	defer func() { <-k.line.turn }()
	retry := firstRetry
	for k.ctx.Err() == nil {
		served, err := k.serve()
		if k.ctx.Err() != nil {
			return
		}
		var panicked *PanicError
		if served && !errors.As(err, &panicked) {
			// It worked until now: it is opened anew at once, and callers wait
			// for that.
			retry = firstRetry
			k.broker.log.Info("token is opened anew", "driver", k.at.driver, "slot", k.at.path, "error", err)
			k.broker.update(k, func() { k.state, k.err, k.tenure = StateBusy, nil, nil })
			continue
		}
		k.fail(err)
		var double *DuplicateError
		if errors.As(err, &double) {
			k.await(double.Serial)
			continue
		}
		k.broker.log.Warn("token failed", "driver", k.at.driver, "slot", k.at.path, "error", err)
		pause(k.ctx, retry)
		retry = min(2*retry, lastRetry)
	}
}

// queue waits until the keeper before this one is done with the place, and
// reports whether that happened while the slot was there.
func (k *keeper) queue() bool {
	late := time.AfterFunc(grace, func() { k.fail(&StuckError{Op: "an earlier call"}) })
	defer late.Stop()
	select {
	case k.line.turn <- struct{}{}:
		return true
	case <-k.ctx.Done():
		return false
	}
}

func (k *keeper) leave() {
	k.cancel(ErrStopped)
	b := k.broker
	b.mu.Lock()
	defer b.mu.Unlock()
	if k.line.users--; k.line.users == 0 {
		delete(b.lines, k.at)
	}
}

// fail shows why the token can't be used.
func (k *keeper) fail(err error) {
	k.broker.update(k, func() {
		k.state, k.err, k.tried, k.tenure = StateFailed, err, true, nil
	})
}

// await waits until a serial isn't claimed by another token any more.
func (k *keeper) await(serial string) {
	for {
		k.broker.mu.Lock()
		_, claimed := k.broker.serials[serial]
		changed := k.broker.changed
		k.broker.mu.Unlock()
		if !claimed {
			return
		}
		select {
		case <-changed:
		case <-k.ctx.Done():
			return
		}
	}
}

// serve opens the token, serves requests while it works, and closes it. It
// reports whether it came to serving.
func (k *keeper) serve() (served bool, err error) {
	var token devices.Token
	err = k.call(k.ctx, "open", openBound, func(ctx context.Context) (err error) {
		token, err = k.driver.Open(ctx, k.slot)
		if err == nil && token == nil {
			err = devices.ErrAnswer
		}
		return err
	})
	if token == nil {
		return false, err
	}
	defer func() {
		if e := k.call(k.ctx, "close", openBound, func(context.Context) error { return token.Close() }); e != nil {
			k.broker.log.Info("token could not be closed", "driver", k.at.driver, "slot", k.at.path, "error", e)
		}
	}()
	if err != nil {
		return false, err
	}
	t, err := k.greet(token)
	if err != nil {
		return false, err
	}
	err = k.answer(t, token)
	t.cancel(err)
	return true, err
}

// greet reads what the token is, claims its serial and lists its credentials.
func (k *keeper) greet(token devices.Token) (*tenure, error) {
	var info devices.Info
	err := k.call(k.ctx, "read the serial", openBound, func(context.Context) error {
		info = token.Info()
		return nil
	})
	if err != nil {
		return nil, err
	}
	info.Slot = k.slot
	if err := k.claim(info); err != nil {
		return nil, err
	}
	if k.broker.onOpen != nil {
		err := k.call(k.ctx, "greet", openBound, func(ctx context.Context) error {
			k.broker.onOpen(ctx, token)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	seen, err := k.look(token)
	if err != nil && !errors.Is(err, devices.ErrPassword) {
		return nil, err
	}
	t := &tenure{requests: make(chan *request, queued)}
	t.ctx, t.cancel = context.WithCancelCause(k.ctx)
	k.broker.update(k, func() {
		k.take(seen)
		k.err, k.tried, k.tenure = err, true, t
		k.state = k.rest()
	})
	return t, nil
}

// answer serves requests until the token is gone or failed, and looks at it when
// it says that it has news.
func (k *keeper) answer(t *tenure, token devices.Token) error {
	var news <-chan struct{}
	if r, ok := token.(devices.Reporter); ok {
		news = r.News()
	}
	for {
		select {
		case <-news:
			seen, err := k.look(token)
			if broken(err) {
				return err
			}
			if err != nil {
				k.broker.log.Warn("token had news and didn't tell them", "token", k.info.Serial, "error", err)
				continue
			}
			k.broker.update(k, func() { k.take(seen) })
		case <-t.ctx.Done():
			return context.Cause(t.ctx)
		case r := <-t.requests:
			if r.ctx.Err() != nil {
				// Nobody waits for it any more.
				r.done <- r.ctx.Err()
				continue
			}
			err := k.perform(t, token, r)
			if broken(err) {
				return err
			}
		}
	}
}

// perform runs one request.
func (k *keeper) perform(t *tenure, token devices.Token, r *request) error {
	k.broker.update(k, func() { k.state = StateBusy })
	ctx := context.WithValue(t.ctx, callKey{}, k)
	err := k.call(ctx, r.op, patience(token), func(ctx context.Context) error { return r.f(ctx, token) })
	k.broker.update(k, func() {
		if k.tenure == t {
			k.state = k.rest()
		}
	})
	if err != nil && (t.ctx.Err() != nil || errors.Is(err, ErrLate) || broken(err)) {
		err = onToken(r.op, k.info.Serial, err)
	}
	if broken(err) {
		// Before its caller hears of it: who asks next waits for the token to
		// be opened anew.
		k.broker.update(k, func() {
			if k.tenure == t {
				k.state, k.tenure = StateBusy, nil
			}
		})
	}
	r.done <- err
	return err
}

// patience is how long one operation of a token may take: CallBound, or longer
// for a token that says so since a person has to do more than touch it.
func patience(token devices.Token) time.Duration {
	if p, ok := token.(interface{ Patience() time.Duration }); ok {
		return max(CallBound, p.Patience())
	}
	return CallBound
}

// rest is the state of an open token with nothing to do. broker.mu is held.
func (k *keeper) rest() State {
	if errors.Is(k.err, devices.ErrPassword) {
		return StateLocked
	}
	return StateReady
}

// broken reports whether a token must be opened anew after an error: a driver
// closes a token whose call it gave up, since a late answer may still come.
func broken(err error) bool {
	var stuck *StuckError
	var panicked *PanicError
	return errors.Is(err, devices.ErrRemoved) || errors.Is(err, ErrLate) || errors.As(err, &stuck) || errors.As(err, &panicked)
}

// call calls the driver. Its context ends after bound; a call that doesn't
// return soon after that costs this goroutine, and nobody else waits for it:
// the token is shown as failed until it does.
func (k *keeper) call(ctx context.Context, op string, bound time.Duration, f func(context.Context) error) error {
	outer := ctx
	ctx, cancel := context.WithTimeout(outer, bound)
	defer cancel()
	stuck := &StuckError{Op: op}
	late := time.AfterFunc(bound+grace, func() {
		k.broker.log.Error("token's driver doesn't return", "driver", k.at.driver, "slot", k.at.path, "op", op)
		k.abandon(stuck)
	})
	err := contain(op, func() error { return f(ctx) })
	switch {
	case !late.Stop():
		return stuck
	case err != nil && outer.Err() != nil:
		// Whatever the driver made of it, this is why.
		return context.Cause(outer)
	case errors.Is(err, context.DeadlineExceeded) && ctx.Err() != nil:
		return fmt.Errorf("%w within %s", ErrLate, bound)
	}
	var panicked *PanicError
	if errors.As(err, &panicked) {
		k.broker.log.Error("token's driver panicked", "driver", k.at.driver, "slot", k.at.path, "op", op, "stack", panicked.stack)
	}
	return err
}

// abandon answers all who wait for a call that doesn't return.
func (k *keeper) abandon(stuck *StuckError) {
	k.broker.mu.Lock()
	t := k.tenure
	k.broker.mu.Unlock()
	k.fail(stuck)
	if t != nil {
		t.cancel(stuck)
	}
}

// contain turns a panic into an error.
func contain(op string, f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = panicError(op, v)
		}
	}()
	return f()
}

type callKey struct{}

// Waiting says, from within a function that [Broker.Do] runs, that the token
// waits for a person; over says that it doesn't any more.
func Waiting(ctx context.Context) (over func()) {
	k, ok := ctx.Value(callKey{}).(*keeper)
	if !ok {
		return func() {}
	}
	set := func(from, to State) {
		k.broker.update(k, func() {
			if k.state == from {
				k.state = to
			}
		})
	}
	set(StateBusy, StateWaiting)
	return func() { set(StateWaiting, StateBusy) }
}
