package session

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/fob-auth/fob/agent/seal"
	"github.com/fob-auth/fob/agent/store"
	"github.com/fob-auth/fob/sts"
)

// A Vault keeps sessions in the state file, sealed, so that they outlive the
// agent.
type Vault struct {
	Store  *store.Store
	Sealer *seal.Sealer
}

// kindSession is the kind of sealed text that a session is.
const kindSession = "session"

// A kept is what is sealed of an entry. The entry's own secrets redact
// themselves, so they stand beside it.
type kept struct {
	Entry         Entry
	Secret, Token string
	// Time is the host's when it was kept.
	Time time.Time
}

// sealedName binds a sealed session to its key.
func sealedName(key string) string { return "session " + key }

// save keeps an entry. now is host time.
func (v *Vault) save(ctx context.Context, key string, e Entry, now time.Time) error {
	k := kept{Entry: e, Secret: e.Session.Keys.SecretAccessKey.Reveal(), Token: e.Session.Keys.SessionToken.Reveal(), Time: now}
	k.Entry.Plan.Parent = nil
	text, err := json.Marshal(k)
	if err != nil {
		return fmt.Errorf("keep session: %w", err)
	}
	box, err := v.Sealer.Seal(sealedName(key), text)
	if err != nil {
		return fmt.Errorf("keep session: %w", err)
	}
	return v.Store.Update(ctx, func(tx *store.Tx) error {
		return tx.PutSealed(store.Sealed{Kind: kindSession, Name: key, Until: e.Session.Expiration, Box: box})
	})
}

// drop forgets entries.
func (v *Vault) drop(ctx context.Context, keys []string) error {
	return v.Store.Update(ctx, func(tx *store.Tx) error {
		for _, key := range keys {
			if err := tx.RemoveSealed(kindSession, key); err != nil {
				return err
			}
		}
		return nil
	})
}

// Clear forgets all that is kept.
func (v *Vault) Clear(ctx context.Context) error {
	return v.Store.Update(ctx, func(tx *store.Tx) error { return tx.RemoveAllSealed(kindSession) })
}

// load returns the sessions that can still be handed out, and forgets those
// that never can. One that was sealed with a key that isn't to be had today
// stays until it expires.
func (v *Vault) load(ctx context.Context, now time.Time) (map[string]Entry, error) {
	live := map[string]Entry{}
	err := v.Store.Update(ctx, func(tx *store.Tx) error {
		list, err := tx.Sealed(kindSession)
		if err != nil {
			return err
		}
		for _, s := range list {
			e, err := v.open(s, now)
			if err == nil {
				live[s.Name] = e
				continue
			}
			if (errors.Is(err, seal.ErrOtherKey) || errors.Is(err, seal.ErrNone)) && now.Before(s.Until) {
				continue
			}
			if err := tx.RemoveSealed(kindSession, s.Name); err != nil {
				return err
			}
		}
		return nil
	})
	return live, err
}

// errOver says that a kept session is of no use any more.
var errOver = errors.New("kept session is over")

// open opens a kept session. AWS's time isn't known yet, and is taken to run
// with the host's as it did when the session was bought; a host's clock that
// was put back since then can't tell what has expired.
func (v *Vault) open(s store.Sealed, now time.Time) (Entry, error) {
	text, err := v.Sealer.Open(sealedName(s.Name), s.Box)
	if err != nil {
		return Entry{}, err
	}
	var k kept
	if err := json.Unmarshal(text, &k); err != nil {
		return Entry{}, fmt.Errorf("kept session: %w", err)
	}
	skew := k.Entry.Issued.Sub(k.Time)
	switch {
	case k.Entry.ID == "", k.Entry.Session.Keys.AccessKeyID == "", k.Secret == "", k.Token == "":
		return Entry{}, errOver
	case now.Before(k.Time.Add(-clockSlack)), !now.Add(skew).Before(k.Entry.Session.Expiration), !now.Before(k.Entry.Session.Expiration):
		return Entry{}, errOver
	}
	k.Entry.Session.Keys.SecretAccessKey, k.Entry.Session.Keys.SessionToken = sts.Secret(k.Secret), sts.Secret(k.Token)
	return k.Entry, nil
}

// clockSlack is how far a host's clock may go back by being corrected.
const clockSlack = time.Minute

// Keep has sessions outlive the engine in a vault, and takes up those that an
// earlier one left there. It is called before the first Get; now is host time.
func (e *Engine) Keep(ctx context.Context, v *Vault, now time.Time) error {
	live, err := v.load(ctx, now)
	if err != nil {
		return fmt.Errorf("kept sessions: %w", err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.cache = live
	e.vault = v
	return nil
}

// keep saves what was cached under a key, unless it was forgotten in the
// meantime. It runs beside the callers, who have their answer.
func (e *Engine) keep(key string) {
	if e.vault == nil {
		return
	}
	e.vaultMu.Lock()
	defer e.vaultMu.Unlock()
	e.mu.Lock()
	entry, ok := e.cache[key]
	e.mu.Unlock()
	if !ok {
		return
	}
	if err := e.vault.save(context.WithoutCancel(e.base), key, entry, time.Now()); err != nil {
		e.log.Warn("session stays in memory", "profile", entry.Profile, "error", err)
		return
	}
	e.log.Debug("session kept", "profile", entry.Profile)
}

// discard takes sessions out of the vault, after they were taken out of the
// cache.
func (e *Engine) discard(keys []string) error {
	if e.vault == nil {
		return nil
	}
	e.vaultMu.Lock()
	defer e.vaultMu.Unlock()
	return e.vault.drop(context.WithoutCancel(e.base), keys)
}
