package agent

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/fob-auth/fob/agent/api"
	"github.com/fob-auth/fob/agent/broker"
	"github.com/fob-auth/fob/agent/explain"
	"github.com/fob-auth/fob/agent/mfa"
	"github.com/fob-auth/fob/agent/server"
	"github.com/fob-auth/fob/agent/session"
	"github.com/fob-auth/fob/agent/store"
	"github.com/fob-auth/fob/devices"
	"github.com/fob-auth/fob/sts"
)

func (a *agent) backend() server.Backend {
	return server.Backend{Tokens: a, Passwords: a, Codes: a, Sessions: a, Endpoints: a, Bindings: a, Devices: a, Keys: a, Events: a, Prompts: a, Metrics: a.metrics, Locks: a, Audits: a, Office: a}
}

// told is err as the caller should see it. awsAt names the endpoint whose time
// counts for when to come back.
func (a *agent) told(err error, awsAt string) error {
	if err == nil {
		return nil
	}
	return explain.Error(err, a.mfa.Clock.Now(awsAt))
}

// Status says what the agent is and how it does.
func (a *agent) Status(ctx context.Context) (api.Status, error) {
	st := api.Status{Version: a.opts.Version, PID: pid(), Started: a.started.UTC(), Socket: a.socket, Config: a.opts.ConfigFile, ConfigRead: a.read.Load().UTC(),
		Sessions: len(a.engine.List()), Waiting: a.engine.Waiting(), LeftOut: leftOut(), Warnings: a.driverWarnings()}
	for _, t := range a.broker.Tokens() {
		if t.Info.Serial != "" {
			st.Tokens++
		}
	}
	if w, _ := a.lostLedger(ctx); w != "" {
		st.Warnings = append(st.Warnings, w)
	}
	if w := a.sealing.warning(); w != "" {
		st.Warnings = append(st.Warnings, w)
	}
	if w := a.diary.warning(); w != "" {
		st.Warnings = append(st.Warnings, w)
	}
	if st.Warnings == nil {
		st.Warnings = []string{}
	}
	return st, nil
}

// lostLedger says that the ledger of used codes was lost, at this start or at
// one before it for which codes are still held back, and what helps.
func (a *agent) lostLedger(ctx context.Context) (warning, hint string) {
	if o := a.state.Opening(); o.Kind != store.Fresh && o.Kind != store.Clean {
		return o.String(), "'fob bind --profile NAME' opens it again for a token"
	}
	lost, until, err := a.mfa.Ledger.Held(ctx, a.mfa.Clock.Now(""))
	switch {
	case err != nil:
		return "the ledger of used codes can't be read: " + err.Error(), "ls -l " + a.opts.StateDir
	case !lost.Closed():
		return "", ""
	}
	return fmt.Sprintf("the ledger of used codes was lost, as was found at %s: %s; codes are held back until %s",
		lost.At.UTC().Format(time.RFC3339), lost.Reason, until.UTC().Format(time.RFC3339)), "ask again then; 'fob bindings' shows what is bound since"
}

// Tokens lists what is plugged in: the tokens that give codes, and beside them
// the readers and keys that this build can see.
func (a *agent) Tokens(ctx context.Context) ([]api.Token, error) {
	list := []api.Token{}
	for _, t := range a.broker.Tokens() {
		told := wireToken(t)
		told.Proved = t.State != broker.StateFailed && a.mfa.Proved(told.Serial)
		list = append(list, told)
	}
	for _, s := range *a.scanners.Load() {
		found, err := s.scan(ctx)
		switch {
		case errors.Is(err, devices.ErrNoService):
			a.opts.Log.Debug("nothing to list", "driver", s.name, "why", err)
		case err != nil:
			list = append(list, api.Token{Driver: s.name, State: api.TokenFailed, Error: err.Error()})
		}
		for _, info := range found {
			list = append(list, wireToken(broker.TokenState{Info: info, State: broker.StateReady}))
		}
	}
	return list, nil
}

func wireToken(t broker.TokenState) api.Token {
	told := api.Token{Serial: t.Info.Serial, Model: t.Info.Model, Firmware: t.Info.Firmware, Driver: t.Info.Slot.Driver,
		Path: t.Info.Slot.Path, Emulated: t.Info.Slot.Emulated, OwnClock: t.Info.OwnClock, Credentials: len(t.Credentials), Notes: notesOf(t.Info)}
	told.State = map[broker.State]api.TokenState{broker.StateReady: api.TokenReady, broker.StateWaiting: api.TokenWaiting,
		broker.StateBusy: api.TokenBusy, broker.StateLocked: api.TokenLocked, broker.StateFailed: api.TokenFailed}[t.State]
	if t.Err != nil {
		told.Error = t.Err.Error()
	}
	return told
}

// notesOf is what is known of a token beside, its troubles first.
func notesOf(t devices.Info) []string {
	var notes []string
	for _, err := range t.Troubles {
		notes = append(notes, err.Error())
	}
	return append(notes, t.Notes...)
}

// Credentials lists the accounts on all tokens.
func (a *agent) Credentials(ctx context.Context) ([]api.Credential, error) {
	bound, err := a.bindings.All(ctx)
	if err != nil {
		return nil, a.told(err, "")
	}
	list := []api.Credential{}
	for _, t := range a.broker.Tokens() {
		for _, c := range t.Credentials {
			told := api.Credential{Token: t.Info.Serial, ID: c.ID, Type: string(c.Type), Algorithm: string(c.Algorithm), Digits: c.Digits,
				PeriodSeconds: int(c.Period.Seconds()), Touch: c.Touch, Emulated: t.Info.Slot.Emulated, Unusable: mfa.Unusable(c)}
			for _, b := range bound {
				if b.Token == t.Info.Serial && b.Credential == c.ID {
					told.MFASerial = b.Device.Serial
				}
			}
			list = append(list, told)
		}
	}
	return list, nil
}

// Session returns a profile's session.
func (a *agent) Session(ctx context.Context, req api.SessionRequest) (api.Session, error) {
	if err := a.admit(ctx, req.Profile); err != nil {
		return api.Session{}, err
	}
	w, err := a.profiles.want(ctx, req.Profile)
	if err == nil {
		err = admitWant(ctx, w)
	}
	if err != nil {
		return api.Session{}, a.told(err, "")
	}
	w.Caller = callerOf(ctx)
	if req.MinTTLSeconds > 0 {
		w.MinTTL = seconds(req.MinTTLSeconds)
	}
	if req.WaitMS > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(req.WaitMS)*time.Millisecond)
		defer cancel()
	}
	entry, cached, err := a.engine.Get(ctx, w, req.Renew)
	if err != nil {
		return api.Session{}, a.told(err, w.Plan.Endpoint.Name())
	}
	keys := entry.Session.Keys
	// Callers compare the expiration with the host's clock, not with AWS's.
	expires := entry.Expiration(w.MaxAge).Add(-a.mfa.Clock.Skew(w.Plan.Endpoint.Name()))
	return api.Session{ID: entry.ID, Profile: req.Profile, AccessKeyID: keys.AccessKeyID, SecretAccessKey: keys.SecretAccessKey.Reveal(),
		SessionToken: keys.SessionToken.Reveal(), Expiration: expires.UTC(), Region: w.Plan.Endpoint.Region,
		MFASerial: entry.Session.MFASerial, Token: entry.Session.Token, Step: entry.Session.Counter,
		AssumedRole: entry.Session.AssumedRole, Cached: cached, Note: note(w.Plan)}, nil
}

// note says of a role's session that took a code of its own what AWS's policies
// make of it (AWS STS API reference, AssumeRole: its credentials carry no MFA
// information).
func note(p sts.Plan) string {
	if p.Call != sts.AssumeRole || p.MFASerial == "" {
		return ""
	}
	return fmt.Sprintf("a session of %s took a code of its own, as it is wanted for longer than an hour; policies see no MFA in it", p.Role.ARN)
}

// Endpoint opens a door for AWS SDKs, for as long as the process that asks
// lives.
func (a *agent) Endpoint(ctx context.Context, req api.EndpointRequest) (api.Endpoint, error) {
	if err := a.admit(ctx, req.Profile); err != nil {
		return api.Endpoint{}, err
	}
	if _, err := a.profiles.want(ctx, req.Profile); err != nil {
		return api.Endpoint{}, a.told(err, "")
	}
	peer, _ := server.PeerFrom(ctx)
	opened, err := a.doors.Open(ctx, req, peer.PID)
	return opened, a.told(err, "")
}

// Sessions lists what is cached.
func (a *agent) Sessions(ctx context.Context) ([]api.SessionInfo, error) {
	list := []api.SessionInfo{}
	for _, e := range a.engine.List() {
		list = append(list, a.wireSession(ctx, e))
	}
	return list, nil
}

// Forget drops a cached session.
func (a *agent) Forget(_ context.Context, id string) error {
	err := a.engine.Forget(id)
	if errors.Is(err, session.ErrUnknown) {
		return &api.Error{Code: api.NotFound, Message: "no session " + id + " is cached", Hint: "'fob sessions' lists what is"}
	}
	return err
}
