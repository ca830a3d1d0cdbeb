package session

import (
	"context"
	"log/slog"
	"time"
)

const (
	// lookEvery is how often sessions are looked at that may end soon.
	lookEvery = 30 * time.Second
	// lead is how long before its callers would renew a session it is renewed
	// for them; of a short one an eighth of its life.
	lead = 5 * time.Minute
	// present is how long after the last caller somebody is still taken to be
	// at work.
	present = time.Hour
	// tryAgain is when a renewal that failed is tried again.
	tryAgain = 5 * time.Minute
)

// A use is who asked for a session last, and when, in AWS's time.
type use struct {
	profile string
	at      time.Time
}

// noteUse notes that somebody wants a session.
func (e *Engine) noteUse(key string, w Want) {
	now := e.now(w.Plan.Endpoint.Name())
	e.mu.Lock()
	defer e.mu.Unlock()
	e.uses[key] = use{w.Profile, now}
}

// RenewAt is from when on the entry is renewed ahead for callers who want w, in
// AWS's time.
func (e Entry) RenewAt(w Want) time.Time {
	return e.Session.Expiration.Add(-w.minTTL() - min(lead, e.Plan.Duration/8))
}

// An Ahead renews sessions before they end, while somebody is at work with
// them: by itself where no person is needed, else by an offer to whoever can
// touch the token. Its fields are set before Run.
type Ahead struct {
	Engine *Engine
	// Resolve returns what a profile asks for now.
	Resolve func(ctx context.Context, profile string) (Want, error)
	// Unattended reports whether the session of a plan with an MFA serial can
	// be made with no person near.
	Unattended func(ctx context.Context, w Want) (bool, error)
	// Offer is told once of each session that a person could renew now.
	Offer func(w Want, e Entry)
	Log   *slog.Logger
}

// Run looks after the engine's sessions until ctx ends.
func (a *Ahead) Run(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	rests := map[string]rest{}
	for {
		select {
		case <-tick.C:
			rests = a.look(ctx, rests)
		case <-ctx.Done():
			return
		}
	}
}

// A rest is for how long nothing is done about a session.
type rest struct {
	issued, until time.Time
}

// look renews what is due, and returns what rests until another look.
func (a *Ahead) look(ctx context.Context, rested map[string]rest) map[string]rest {
	rests := map[string]rest{}
	for key, c := range a.Engine.inUse() {
		now := a.Engine.now(c.entry.Plan.Endpoint.Name())
		if r := rested[key]; r.issued.Equal(c.entry.Issued) && now.Before(r.until) {
			rests[key] = r
			continue
		}
		w, err := a.Resolve(ctx, c.profile)
		if err != nil || w.key() != key || now.Before(c.entry.RenewAt(w)) {
			continue
		}
		rests[key] = rest{c.entry.Issued, now.Add(tryAgain)}
		if a.unattended(ctx, w) {
			if _, _, err := a.Engine.get(ctx, key, w, true); err != nil {
				a.Log.Warn("session could not be renewed ahead", "profile", w.Profile, "error", err)
			}
			continue
		}
		rests[key] = rest{c.entry.Issued, c.entry.Session.Expiration}
		a.Offer(w, c.entry)
	}
	return rests
}

// unattended reports whether w's session can be made with no person near, who
// would be asked whether it may.
func (a *Ahead) unattended(ctx context.Context, w Want) bool {
	if w.Confirm {
		return false
	}
	if w.Confirm {
		return false
	}
	if w.Plan.Parent != nil {
		p := w.parent()
		return a.Engine.has(p) || a.unattended(ctx, p)
	}
	if w.Plan.MFASerial == "" {
		return true
	}
	alone, err := a.Unattended(ctx, w)
	if err != nil {
		a.Log.Debug("can't tell whether a session needs a person", "profile", w.Profile, "error", err)
	}
	return alone && err == nil
}

// A candidate is a session that somebody uses.
type candidate struct {
	entry   Entry
	profile string
}

// inUse returns the sessions that were asked for a short while ago.
func (e *Engine) inUse() map[string]candidate {
	e.mu.Lock()
	defer e.mu.Unlock()
	found := map[string]candidate{}
	for key, entry := range e.cache {
		if u, ok := e.uses[key]; ok && e.now(entry.Plan.Endpoint.Name()).Sub(u.at) < present {
			found[key] = candidate{entry, u.profile}
		}
	}
	return found
}

// has reports whether w's session is cached and fresh.
func (e *Engine) has(w Want) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	entry, ok := e.cache[w.key()]
	return ok && e.fresh(entry, w, w.minTTL())
}
