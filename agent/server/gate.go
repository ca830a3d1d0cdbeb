package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/fob-auth/fob/agent/api"
	"github.com/fob-auth/fob/agent/audit"
	"github.com/fob-auth/fob/agent/policy"
)

// Audit keeps what was asked and what came of it.
type Audit interface {
	// Append writes a line and returns its number.
	Append(r audit.Record) (int64, error)
	// Keep puts all lines on the disk, and their end in the state file.
	Keep(ctx context.Context) error
}

// A Gate is what stands between a caller and an act. The zero value and nil
// let everything through and write nothing down.
type Gate struct {
	Audit Audit
	// Lock, where it is closed, lets nothing through.
	Lock interface{ Locked() bool }
	// Limiter says how often a client may act.
	Limiter *policy.Limiter
	// Active, where it is set, is told of each act.
	Active func()
}

// errLocked is what an agent that is locked says.
func errLocked() error {
	return &api.Error{Code: api.Locked, Message: "the agent is locked", Hint: "fob unlock"}
}

func (g *Gate) locked() bool { return g != nil && g.Lock != nil && g.Lock.Locked() }

// Through returns act as callers may use it: within their limits, not while the
// agent is locked, and with a line in the audit log before and after. name is
// the act's in that log.
func Through[I, O any](g *Gate, name string, act func(context.Context, I) (O, error)) func(context.Context, I) (O, error) {
	if g == nil {
		return act
	}
	return func(ctx context.Context, in I) (O, error) {
		var none O
		client, err := g.take(ctx)
		if err != nil {
			return none, err
		}
		asked, err := g.asked(ctx, name, asks(in))
		if err != nil {
			return none, err
		}
		shut := func() bool { return g.locked() && !keys(name) }
		var out O
		if !shut() {
			out, err = act(ctx, in)
		}
		if err == nil && shut() { // perhaps while the caller waited
			err = errLocked()
		}
		told := brings(out)
		if err != nil {
			out, told = none, api.AuditFacts{}
		}
		if told.Cached && g.Limiter != nil {
			g.Limiter.Return(client, time.Now())
		}
		if endErr := g.ended(ctx, asked, told, err); endErr != nil {
			return none, errors.Join(endErr, err)
		}
		return out, err
	}
}

// keys reports whether an act is done to the lock itself.
func keys(name string) bool {
	return name == "POST "+api.PathLock || name == "POST "+api.PathUnlock
}

// take lets an act through within its client's limits.
func (g *Gate) take(ctx context.Context) (client string, err error) {
	if g.Active != nil {
		g.Active()
	}
	if g.Limiter == nil {
		return "", nil
	}
	p, _ := PeerFrom(ctx)
	client = p.Client()
	var often *policy.RateError
	if err := g.Limiter.Take(client, time.Now()); errors.As(err, &often) {
		return "", &api.Error{Code: api.RateLimited, Message: often.Error(), RetryAfterMS: max(1, often.After.Milliseconds())}
	}
	return client, nil
}

// asked writes that an act begins.
func (g *Gate) asked(ctx context.Context, name string, facts api.AuditFacts) (int64, error) {
	if g.Audit == nil {
		return 0, nil
	}
	p, _ := PeerFrom(ctx)
	n, err := g.Audit.Append(audit.Record{At: time.Now(), Event: audit.Asked, Act: name, Peer: p.audited(), AuditFacts: facts})
	if err != nil {
		return 0, fmt.Errorf("nothing is done that can't be written down: %w", err)
	}
	return n, nil
}

// ended writes how an act ended. What was not in the cache is on the disk
// before the caller has it.
func (g *Gate) ended(ctx context.Context, asked int64, facts api.AuditFacts, err error) error {
	if g.Audit == nil {
		return nil
	}
	r := audit.Record{At: time.Now(), Event: audit.Done, Of: asked, AuditFacts: facts}
	if err != nil {
		r.Event, r.Code, r.Message = audit.Refused, api.Internal, ""
		var told *api.Error
		if errors.As(err, &told) {
			r.Code, r.Message = told.Code, told.Message
		}
	}
	if _, err := g.Audit.Append(r); err != nil {
		return fmt.Errorf("nothing is handed out that can't be written down: %w", err)
	}
	if facts.Cached {
		return nil
	}
	return g.Audit.Keep(context.WithoutCancel(ctx))
}

// turnedAway writes that somebody was refused at the door.
func (s *Server) turnedAway(r *http.Request, why error) {
	if s.gate == nil || s.gate.Audit == nil {
		return
	}
	p, _ := PeerFrom(r.Context())
	line := audit.Record{At: time.Now(), Event: audit.Refused, Act: r.Method + " " + r.URL.Path, Peer: p.audited(), Code: api.Internal}
	var told *api.Error
	if errors.As(why, &told) {
		line.Code, line.Message = told.Code, told.Message
	}
	if _, err := s.gate.Audit.Append(line); err != nil {
		s.log.Error("audit", "error", err)
	}
}

// asks are the facts of a request that go into the audit log: names, and
// nothing that could be a secret.
func asks(in any) api.AuditFacts {
	switch in := in.(type) {
	case api.SessionRequest:
		return api.AuditFacts{Profile: in.Profile}
	case api.CodeRequest:
		return api.AuditFacts{Credential: in.Name, Token: in.Token}
	case api.BindRequest:
		return api.AuditFacts{Profile: in.Profile, Token: in.Token, Credential: in.Credential}
	case api.ResyncRequest:
		return api.AuditFacts{Profile: in.Profile}
	case api.EnrollRequest:
		return api.AuditFacts{Profile: in.Profile, Token: in.Token, MFASerial: in.Hardware}
	case api.UnenrollRequest:
		return api.AuditFacts{Profile: in.Profile}
	case api.KeysImportRequest:
		return api.AuditFacts{Profile: in.Profile}
	case api.KeysRotateRequest:
		return api.AuditFacts{Profile: in.Profile}
	case api.EndpointRequest:
		return api.AuditFacts{Profile: in.Profile}
	case api.TokenUnlockRequest:
		return api.AuditFacts{Token: in.Token}
	case api.TicketRequest:
		return api.AuditFacts{Target: in.Name}
	case string: // the ID in the path
		return api.AuditFacts{Target: in}
	}
	return api.AuditFacts{}
}

// brings are those of an answer.
func brings(out any) api.AuditFacts {
	switch out := out.(type) {
	case api.Session:
		return api.AuditFacts{Profile: out.Profile, Token: out.Token, MFASerial: out.MFASerial, Counter: out.Step,
			Target: out.ID, AccessKeyID: out.AccessKeyID, Cached: out.Cached}
	case api.Code:
		return api.AuditFacts{Token: out.Token, Credential: out.Credential, MFASerial: out.MFASerial, Counter: out.Step}
	case api.Binding:
		return api.AuditFacts{Token: out.Token, Credential: out.Credential, MFASerial: out.MFASerial, Target: out.ID}
	case api.Enrollment:
		return api.AuditFacts{Token: out.Binding.Token, Credential: out.Binding.Credential, MFASerial: out.Binding.MFASerial, Target: out.Binding.ID}
	case api.Resync:
		return api.AuditFacts{Token: out.Token, MFASerial: out.MFASerial}
	case api.Prompt:
		return api.AuditFacts{Profile: out.Profile, Token: out.Token, Target: out.ID}
	case api.IssuedTicket:
		return api.AuditFacts{Target: out.ID}
	}
	return api.AuditFacts{}
}

// lists are the routes that a locked agent answers with nothing in them;
// beside them it tells its status and lets itself be unlocked.
func lists() []string {
	return []string{api.PathTokens, api.PathCredentials, api.PathSessions, api.PathBindings, api.PathDrift, api.PathTickets, api.PathPrompts}
}

// whileLocked refuses a route that a locked agent doesn't answer.
func (s *Server) whileLocked(method, path string) error {
	switch {
	case !s.gate.locked():
		return nil
	case method == "POST" && path == api.PathUnlock:
		return nil
	case method == "GET" && (path == api.PathStatus || slices.Contains(lists(), path)):
		return nil
	}
	return errLocked()
}
