package local

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"

	"github.com/google/uuid"

	"github.com/fob-auth/fob/sts/local/access"
	"github.com/fob-auth/fob/sts/local/iam"
	"github.com/fob-auth/fob/sts/local/other"
	"github.com/fob-auth/fob/sts/local/query"
	"github.com/fob-auth/fob/sts/local/s3"
	"github.com/fob-auth/fob/sts/local/sigv4"
	"github.com/fob-auth/fob/sts/local/store"
	"github.com/fob-auth/fob/sts/local/sts"
)

// A service is a Query API with its operations.
type service struct {
	query.Service
	operations map[string]access.Operation
}

func services(s *sts.Service, i *iam.Service) []service {
	return []service{
		{Service: query.STS, operations: s.Operations()},
		{Service: query.IAM, operations: i.Operations()},
	}
}

// A call is one request under way, and what the access log says of it.
type call struct {
	id      string
	service query.Service // zero Service: not one that is served
	action  string
	caller  access.Caller
	note    access.Note
	status  int // of a success that isn't 200
}

// ServeHTTP answers one request. The Date of every answer is that of the
// server's own clock: clients take AWS's time from it.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	now := s.clock.Now()
	w.Header().Set("Date", now.Format(http.TimeFormat))
	if strings.HasPrefix(r.URL.Path, adminPrefix) {
		s.admin.ServeHTTP(w, r)
		return
	}
	c := &call{id: uuid.NewString()}
	w.Header().Set("X-Amzn-Requestid", c.id)
	service := signedFor(r)
	foreign := isOther(r, service)
	isForm := query.IsForm(r) && (service != s3.Name || r.URL.Path == "/") // some clients call every body a form
	if !isForm && !foreign {
		s.serveS3(w, r, c)
		return
	}
	body, err := query.ReadBody(r)
	if isForm {
		in := s.read(r, service, body, err)
		if in.api.operations != nil || !foreign {
			s.serveQuery(w, r, c, in)
			return
		}
	}
	s.serveOther(w, r, c, other.Read(r, body, service), body, err)
}

// signedFor is the service that the signature is for, unverified; "" without
// one.
func signedFor(r *http.Request) string {
	sig, err := sigv4.Parse(r)
	if err != nil {
		return ""
	}
	return sig.Service
}

// An asked is what a request asks of a Query API; err is why it can't be read.
type asked struct {
	api  service
	form query.Form
	body []byte
	err  error
}

// read reads a form that is signed for a service.
func (s *Server) read(r *http.Request, service string, body []byte, err error) asked {
	in := asked{body: body, err: err}
	if err == nil {
		in.form, in.err = query.ParseForm(r.URL.RawQuery, body)
	}
	in.api = s.find(in.form["Version"], service)
	return in
}

// serveQuery answers a call of IAM or STS.
func (s *Server) serveQuery(w http.ResponseWriter, r *http.Request, c *call, in asked) {
	c.service, c.action = in.api.Service, in.form["Action"]
	result, err := s.query(r, c, in)
	if err == nil {
		err = query.WriteResult(w, c.service, c.action, c.id, result)
	}
	var refusal *query.Error
	if err != nil {
		refusal = s.asRefusal(c, err)
		err = query.WriteError(w, c.service, c.id, refusal)
	}
	s.logCall(r.Context(), c, refusal, err)
}

// asRefusal keeps the cause of a failure in the log and out of the answer.
func (s *Server) asRefusal(c *call, err error) *query.Error {
	var refusal *query.Error
	if errors.As(err, &refusal) {
		return refusal
	}
	s.log.Error("request failed", "request_id", c.id, "action", c.action, "error", err)
	code := "InternalFailure" // IAM API reference, "Common errors"; IAM's model and S3 have their own
	switch c.service.Name {
	case query.IAM.Name:
		code = "ServiceFailure"
	case s3.Name:
		code = "InternalError"
	}
	return query.Errorf(http.StatusInternalServerError, code, "The request processing has failed because of an internal error.")
}

// query answers a call of a Query API: signature and token first, then the
// operation with its own order of parameters, authorisation and state.
func (s *Server) query(r *http.Request, c *call, in asked) (any, error) {
	if in.err != nil {
		return nil, in.err
	}
	if refusal, ok := sts.Unserved(c.action); ok && in.api.Service == query.STS {
		return nil, refusal
	}
	now := s.clock.Now()
	var origin access.Origin
	err := s.store.View(func(tx *store.Tx) (err error) {
		c.caller, origin, err = s.guard.Authenticate(tx.Tables, r, in.api.Name, sigv4.HashBody(in.body), now)
		return err
	})
	if err != nil {
		return nil, access.Refusal(err, in.api.Name)
	}
	if err := access.Permit(c.caller, in.api.Service, c.action); err != nil {
		return nil, err
	}
	operation, served := in.api.operations[c.action]
	if !served {
		return nil, query.Errorf(http.StatusBadRequest, "InvalidAction",
			"Could not find operation %s for version %s", c.action, cmp.Or(in.form["Version"], noVersion))
	}
	return s.operate(r.Context(), operation, &access.Request{
		Caller: c.caller, In: query.NewInput(in.form), Now: now, Origin: origin,
		Policies: &s.policies, Note: &c.note,
	})
}

// noVersion stands in place of a version that the request doesn't name; from
// memory, no document of AWS's says it.
const noVersion = "NO_VERSION_SPECIFIED"

// find finds the API of a version, which no other service of AWS has. For one
// that isn't served it is the one that the request is signed for, without
// operations; the zero service where that is none either.
func (s *Server) find(version, signedFor string) service {
	var named service
	for _, api := range s.services {
		if api.Version == version {
			return api
		}
		if api.Name == signedFor {
			named.Service = api.Service
		}
	}
	return named
}

// operate runs the operation in one transaction, which waits for nobody where
// the operation only reads. A refusal keeps what the
// operation changed before: a verification that failed has been one. A client
// that has gone doesn't stop it half way.
func (s *Server) operate(ctx context.Context, do access.Operation, q *access.Request) (result any, refusal error) {
	err := s.store.Attempt(context.WithoutCancel(ctx), func(tx *store.Tx) error {
		q.Tx, *q.Note, refusal = tx, access.Note{}, nil
		access.RecordUse(tx, q.Caller, q.Origin, q.Now)
		var err error
		result, err = do(q)
		if query.IsRefusal(err) {
			refusal, err = err, nil
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return result, refusal
}

// logCall writes the access log. Its fields are: request_id, service, action,
// caller (ARN), account, key (access key id), mfa_serial, mfa_outcome,
// mfa_counters, decided_by, conditions, simulated, status, and for a refusal
// code. It never holds digits, secrets, tokens or an answer's text.
func (s *Server) logCall(ctx context.Context, c *call, refusal *query.Error, failed error) {
	attrs := []slog.Attr{
		slog.String("request_id", c.id),
		slog.String("service", c.service.Name),
		slog.String("action", c.action),
	}
	if c.caller.Account.ID != "" {
		attrs = append(attrs, slog.String("caller", c.caller.ARN()), slog.String("account", c.caller.Account.ID))
	}
	if c.caller.KeyID != "" {
		attrs = append(attrs, slog.String("key", c.caller.KeyID))
	}
	attrs = append(attrs, c.note.Attrs()...)
	status := cmp.Or(c.status, http.StatusOK)
	if refusal != nil {
		status = refusal.Status
		attrs = append(attrs, slog.String("code", refusal.Code))
	}
	attrs = append(attrs, slog.Int("status", status))
	if failed != nil {
		attrs = append(attrs, slog.String("error", failed.Error()))
	}
	s.log.LogAttrs(ctx, slog.LevelInfo, "request", attrs...)
}
