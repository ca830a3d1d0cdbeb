package access

import (
	"cmp"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/fob-auth/fob/sts/local/policy"
	"github.com/fob-auth/fob/sts/local/query"
	"github.com/fob-auth/fob/sts/local/store"
)

// A Request is an authenticated call on its way through an operation.
type Request struct {
	// Tx is the transaction of the operation. What it changed is kept if the
	// operation succeeds or refuses with a status below 500: a refused code
	// has cost a verification. So an operation checks before it writes.
	Tx     *store.Tx
	Caller Caller
	In     *query.Input
	// Now is the one time of the call.
	Now    time.Time
	Origin Origin
	// Policies compiles documents.
	Policies *Policies
	// Note is what the access log says of the call.
	Note *Note
}

// An Operation does a call and returns its result element, nil for one
// without. Refusals are *query.Error.
type Operation func(*Request) (any, error)

// A Question is what policies are asked, beside who asks.
type Question struct {
	Action   string
	Resource string
	// Shown is what a refusal calls the resource; "" for Resource.
	Shown string
	// Account owns the resource; "" for the caller's own.
	Account string
	// Set adds condition keys; may be nil.
	Set func(*policy.Context)
	// Trust is the trust policy of the role that is the resource; nil for
	// other resources.
	Trust *policy.Named
}

// Authorize refuses with AccessDenied what the caller's policies don't allow.
func (q *Request) Authorize(action, resource string) error {
	_, err := q.Decide(Question{Action: action, Resource: resource})
	return err
}

// Decide asks all policies that have a say. A denial is AWS's sentence (IAM
// User Guide, "Troubleshoot access denied error messages").
func (q *Request) Decide(question Question) (policy.Decision, error) {
	r, err := q.evaluation(question)
	if err != nil {
		return policy.Decision{}, err
	}
	d := policy.Evaluate(r)
	q.Note.decided(d)
	if d.Allowed() {
		return d, nil
	}
	return d, query.AccessDenied("User: %s is not authorized to perform: %s on resource: %s %s",
		q.Caller.ARN(), question.Action, cmp.Or(question.Shown, question.Resource), d.Reason())
}

func (q *Request) evaluation(question Question) (*policy.Request, error) {
	r := &policy.Request{
		Principal: q.Caller.principal(), Action: question.Action, Resource: question.Resource,
		ResourceAccount: question.Account, Context: q.Caller.context(q.Origin, q.Now),
		ResourcePolicy: question.Trust, Trust: question.Trust != nil,
	}
	if question.Set != nil {
		question.Set(&r.Context)
	}
	c := &collector{t: q.Tx.Tables, policies: q.Policies}
	c.identity(q.Caller)
	r.Identity = c.found
	r.Boundary = c.boundary(q.Caller.boundary())
	if s := q.Caller.Session; s != nil && len(s.Policies)+len(s.PolicyARNs) > 0 {
		c.found = nil
		for _, document := range s.Policies {
			c.document("session policy", document)
		}
		for _, arn := range s.PolicyARNs {
			c.managed(arn)
		}
		r.HasSession, r.Session = true, c.found
	}
	return r, c.err
}

// originOf reads where a request came from.
func originOf(r *http.Request) Origin {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	host, _, _ = strings.Cut(host, "%") // a zone is no part of aws:SourceIp
	return Origin{SourceIP: host, UserAgent: r.UserAgent(), Secure: r.TLS != nil}
}
