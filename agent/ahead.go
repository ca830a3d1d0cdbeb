package agent

import (
	"context"
	"fmt"

	"github.com/fob-auth/fob/agent/api"
	"github.com/fob-auth/fob/agent/session"
)

// renewAhead looks after the sessions in use until the agent stops.
func (a *agent) renewAhead() {
	ahead := &session.Ahead{Engine: a.engine, Resolve: a.profiles.want, Unattended: a.mfa.Unattended, Offer: a.offerRenewal, Log: a.opts.Log}
	a.beside.Go(func() { ahead.Run(a.work) })
}

// offerRenewal tells watchers that a touch would renew a session.
func (a *agent) offerRenewal(w session.Want, e session.Entry) {
	// People compare it with the host's clock.
	end := e.Session.Expiration.Add(-a.mfa.Clock.Skew(w.Plan.Endpoint.Name()))
	a.notify(api.Event{Type: api.EventRenewal, Profile: w.Profile, Until: end.UTC(),
		Message: fmt.Sprintf("the session of profile %s ends at %s; 'fob credentials --profile %s --renew' renews it now", w.Profile, end.Local().Format("15:04"), w.Profile)})
}

// wireSession is a cached session without its secrets.
func (a *agent) wireSession(ctx context.Context, e session.Entry) api.SessionInfo {
	told := api.SessionInfo{ID: e.ID, Profile: e.Profile, Call: string(e.Plan.Call), AccessKeyID: e.Session.Keys.AccessKeyID,
		Issued: e.Issued.UTC(), Expiration: e.Session.Expiration.UTC(), MFASerial: e.Session.MFASerial, AssumedRole: e.Session.AssumedRole}
	if w, err := a.profiles.want(ctx, e.Profile); err == nil {
		told.RenewAt = e.RenewAt(w).UTC()
	}
	return told
}
