package agent

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/fob-auth/fob/agent/api"
	"github.com/fob-auth/fob/agent/audit"
	"github.com/fob-auth/fob/agent/keys"
	"github.com/fob-auth/fob/agent/policy"
	"github.com/fob-auth/fob/agent/server"
)

// Lock locks the agent: cached sessions are dropped, from memory and from the
// state file. With req.WhenIdle it keeps the password for the idle lock.
func (a *agent) Lock(_ context.Context, req api.LockRequest) (api.LockState, error) {
	if req.WhenIdle {
		err := a.lock.Arm([]byte(req.Password))
		return api.LockState{Locked: a.lock.Locked()}, toldLock(err)
	}
	if err := a.lock.Lock([]byte(req.Password)); err != nil {
		return api.LockState{Locked: a.lock.Locked()}, toldLock(err)
	}
	return api.LockState{Locked: true}, a.nowLocked("the agent is locked")
}

// Unlock unlocks it.
func (a *agent) Unlock(ctx context.Context, req api.UnlockRequest) (api.LockState, error) {
	peer, _ := server.PeerFrom(ctx)
	if err := a.lock.Unlock(ctx, peer.Exe(), []byte(req.Password), time.Now); err != nil {
		return api.LockState{Locked: a.lock.Locked()}, toldLock(err)
	}
	a.idleLock.active()
	a.notify(api.Event{Type: api.EventUnlocked, Message: "the agent is unlocked"})
	return api.LockState{}, nil
}

// nowLocked does what a lock that has just been closed asks for: sessions are
// dropped, and long-term keys that a passphrase seals are sealed again.
func (a *agent) nowLocked(says string) error {
	err := a.engine.Clear()
	if kind, _ := a.keys.State(); kind == keys.Passphrase {
		a.keys.Lock()
	}
	a.profiles.forget()
	a.publish(api.Event{Type: api.EventLocked, Message: says})
	return err
}

// toldLock is an error of the lock as the caller should see it.
func toldLock(err error) error {
	var wait *policy.WaitError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &wait):
		return &api.Error{Code: api.RateLimited, Message: err.Error(), RetryAfterMS: max(1, wait.After.Milliseconds())}
	case errors.Is(err, policy.ErrWrongPassword):
		return &api.Error{Code: api.WrongPassword, Message: "the agent stays locked: " + err.Error(), Hint: "'fob unlock' asks again"}
	case errors.Is(err, policy.ErrLocked):
		return &api.Error{Code: api.Locked, Message: "the agent is locked already", Hint: "fob unlock"}
	case errors.Is(err, policy.ErrNotLocked):
		return &api.Error{Code: api.NotLocked, Message: "the agent isn't locked", Hint: "'fob lock' locks it"}
	case errors.Is(err, policy.ErrPassword):
		return &api.Error{Code: api.BadRequest, Message: err.Error()}
	}
	return err
}

// An idleLock knows when somebody last acted.
type idleLock struct{ last atomic.Int64 }

func (i *idleLock) active() { i.last.Store(time.Now().UnixNano()) }

// left is how long nobody has to act from now on until after is over.
func (i *idleLock) left(after time.Duration, now time.Time) time.Duration {
	return time.Unix(0, i.last.Load()).Add(after).Sub(now)
}

// watch calls lock whenever nobody has acted for as long as after says and the
// agent isn't locked, until ctx ends. A new config counts from its own time.
func (i *idleLock) watch(ctx context.Context, after func() time.Duration, locked func() bool, lock func(after time.Duration)) {
	const look = time.Minute // a new config is seen at latest then
	i.active()
	for {
		after, wait := after(), look
		if after > 0 && !locked() {
			left := i.left(after, time.Now())
			if left <= 0 {
				lock(after)
				continue
			}
			wait = min(wait, left)
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
	}
}

// lockNow locks because nobody acted.
func (a *agent) lockNow(after time.Duration) {
	if !a.lock.Close() {
		return
	}
	says := "the agent is locked: nobody acted for " + after.String()
	_, err := a.diary.Append(audit.Record{At: time.Now(), Event: audit.Locked, Message: says})
	if err = errors.Join(err, a.nowLocked(says)); err != nil {
		a.opts.Log.Error("idle lock", "error", err)
	}
	a.opts.Log.Info("locked", "idle", after)
}
