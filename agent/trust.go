package agent

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/fob-auth/fob/agent/api"
	"github.com/fob-auth/fob/agent/audit"
	"github.com/fob-auth/fob/agent/broker"
	"github.com/fob-auth/fob/agent/config"
	"github.com/fob-auth/fob/agent/mfa"
	"github.com/fob-auth/fob/agent/policy"
	"github.com/fob-auth/fob/agent/server"
	"github.com/fob-auth/fob/agent/session"
	"github.com/fob-auth/fob/agent/store"
	"github.com/fob-auth/fob/sts"
)

// anchorEvery is how often the end of the audit log goes into the state file
// where only cached sessions were handed out.
const anchorEvery = time.Minute

// A diary is the audit log together with the state file that keeps its end.
type diary struct {
	*audit.Log
	state *store.Store
	// found says what is wrong with the log that was taken up; "" for nothing.
	found string
}

// openDiary takes the audit log up where the state file says it ended.
func openDiary(ctx context.Context, o Options, state *store.Store) (*diary, error) {
	var anchor store.Anchor
	err := state.View(ctx, func(tx *store.Tx) (err error) {
		anchor, err = tx.Anchor()
		return err
	})
	if err != nil {
		return nil, err
	}
	log, found, err := audit.Open(o.StateDir, anchor, time.Now())
	if err != nil {
		return nil, err
	}
	if found != "" {
		o.Log.Warn("the audit log isn't what was written", "why", found)
	}
	if err := state.Attach(ctx, log); err != nil {
		return nil, errors.Join(err, log.Close())
	}
	return &diary{log, state, found}, nil
}

// Keep puts what was appended on the disk, and its end into the state file.
func (j *diary) Keep(ctx context.Context) error {
	return j.state.Update(ctx, func(*store.Tx) error { return nil })
}

// keepEvery keeps the diary from time to time, until ctx ends, and then once
// more.
func (j *diary) keepEvery(ctx context.Context) error {
	every := time.NewTicker(anchorEvery)
	defer every.Stop()
	for kept := j.End(); ; {
		select {
		case <-every.C:
		case <-ctx.Done():
			return j.Keep(context.WithoutCancel(ctx))
		}
		end := j.End()
		if end == kept {
			continue
		}
		if err := j.Keep(ctx); err != nil && ctx.Err() == nil {
			return err
		}
		kept = end
	}
}

// warning says what is wrong with the log, for the status.
func (j *diary) warning() string {
	if j.found == "" {
		return ""
	}
	return "audit log: " + j.found + "; 'fob audit verify' names the lines"
}

// Audit lists the newest acts.
func (a *agent) Audit(context.Context) ([]api.AuditEntry, error) { return a.diary.Entries() }

// VerifyAudit reads the whole audit log.
func (a *agent) VerifyAudit(context.Context) (api.AuditVerdict, error) { return a.diary.Verify() }

// newGate is what callers pass.
func (a *agent) newGate() *server.Gate {
	l := a.opts.Config.Limits
	return &server.Gate{Audit: a.diary, Lock: &a.lock, Active: a.idleLock.active,
		Limiter: policy.NewLimiter(policy.Limits{PerSecond: float64(l.PerSecond), Burst: l.Burst})}
}

// admit refuses a caller that a profile's rules, or its ticket, don't let ask.
func (a *agent) admit(ctx context.Context, name string) error {
	peer, _ := server.PeerFrom(ctx)
	if t := peer.Ticket; t != nil {
		return admitTicket(*t, name)
	}
	return rulesOf(a.config.Load(), name).admit(name, peer)
}

type profileRules policy.Rules

func rulesOf(c *config.Config, name string) profileRules {
	var rules profileRules
	p, _ := c.Profile(name)
	for _, c := range p.Callers {
		rules = append(rules, policy.Rule{Exe: c.Exe, StartedBy: c.StartedBy})
	}
	return rules
}

func (r profileRules) admit(name string, peer server.Peer) error {
	if len(r) == 0 {
		return nil // without a look at who asks
	}
	if err := policy.Rules(r).Admit(name, peer.Chain()); err != nil {
		return &api.Error{Code: api.CallerRefused, Message: err.Error(), Hint: "the profile's callers are in fob.yaml; 'fob audit' shows who asked"}
	}
	return nil
}

// admitCode refuses a caller that may not ask for one of the profiles whose
// codes the credential gives: a code is good for each of them.
func (a *agent) admitCode(ctx context.Context, asker mfa.Asker, found broker.Found) error {
	peer, _ := server.PeerFrom(ctx)
	c := a.config.Load()
	bound, err := a.bindings.OfCredential(ctx, found.Token.Serial, found.Credential.ID)
	if err != nil && !errors.Is(err, broker.ErrUnbound) {
		return err
	}
	for _, p := range c.Profiles {
		if len(p.Callers) == 0 {
			continue
		}
		serial := p.MFASerial
		if of, err := a.profiles.asker(ctx, p.Name); err == nil {
			serial = of.MFASerial
		}
		meant := p.Name == asker.Profile || p.Credential != "" && p.Credential == found.Credential.ID ||
			serial != "" && (serial == bound.Device.Serial || serial == found.Token.Serial)
		if !meant {
			continue
		}
		if err := rulesOf(c, p.Name).admit(p.Name, peer); err != nil {
			return err
		}
	}
	return nil
}

// maxRemote is how long a session may live that is handed to a ticket: as long
// as AWS lets a chained role's (IAM User Guide, "Role chaining").
const maxRemote = time.Hour

// admitTicket refuses a profile that the ticket doesn't name.
func admitTicket(t store.Ticket, name string) error {
	for _, p := range t.Profiles {
		if p == name {
			return nil
		}
	}
	return &api.Error{Code: api.TicketRefused, Message: fmt.Sprintf("ticket %s isn't for profile %s", t.Name, name),
		Hint: fmt.Sprintf("'fob ticket issue --name NAME --profile %s' on the agent's host makes one that is", name)}
}

// admitWant refuses what a ticket isn't given: a session that isn't a role's,
// or lives longer than a chained one.
func admitWant(ctx context.Context, w session.Want) error {
	peer, _ := server.PeerFrom(ctx)
	if peer.Ticket == nil || w.Plan.Call == sts.AssumeRole && w.Plan.Parent != nil && w.Plan.Duration <= maxRemote {
		return nil
	}
	return &api.Error{Code: api.TicketRefused,
		Message: fmt.Sprintf("profile %s isn't a role that is chained for at most an hour, and a ticket gets nothing else", w.Profile),
		Hint:    "give the ticket a profile with role_arn and without a longer role_duration"}
}
