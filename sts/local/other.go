package local

import (
	"net/http"
	"strings"

	"github.com/fob-auth/fob/sts/local/access"
	"github.com/fob-auth/fob/sts/local/other"
	"github.com/fob-auth/fob/sts/local/query"
	"github.com/fob-auth/fob/sts/local/s3"
	"github.com/fob-auth/fob/sts/local/sigv4"
	"github.com/fob-auth/fob/sts/local/store"
)

// isOther tells whether a request is for a service that isn't served: it is
// signed for one, or its form is that of no served one's.
func isOther(r *http.Request, service string) bool {
	switch service {
	case query.IAM.Name, query.STS.Name, s3.Name:
		return false
	case "":
		return r.Header.Get("X-Amz-Target") != ""
	}
	return true
}

// serveOther refuses a call of a service that isn't served, in the service's
// own words: it is authenticated and authorised all the same, and what would be
// allowed is answered 501.
func (s *Server) serveOther(w http.ResponseWriter, r *http.Request, c *call, asked other.Call, body []byte, err error) {
	c.service, c.action = query.Service{Name: asked.Service}, asked.Operation
	if err == nil {
		err = s.authorizeOther(r, c, asked, body)
	}
	refusal := asked.Reword(s.asRefusal(c, err))
	s.logCall(r.Context(), c, refusal, asked.WriteError(w, c.id, refusal))
}

// authorizeOther always refuses: at least because nobody serves the call.
func (s *Server) authorizeOther(r *http.Request, c *call, asked other.Call, body []byte) error {
	payload := sigv4.HashBody(body)
	if said := r.Header.Get("X-Amz-Content-Sha256"); said == unsignedPayload {
		payload = sigv4.Body(said)
	}
	now := s.clock.Now()
	return s.store.View(func(tx *store.Tx) error {
		var origin access.Origin
		var err error
		c.caller, origin, err = s.guard.Authenticate(tx.Tables, r, "", payload, now)
		if err != nil {
			return access.Refusal(err, asked.Service)
		}
		if asked.Operation == "" {
			return query.Errorf(http.StatusBadRequest, "InvalidAction", "The request names no operation of %s.", asked.Service)
		}
		q := &access.Request{Tx: tx, Caller: c.caller, Now: now, Origin: origin, Policies: &s.policies, Note: &c.note}
		place := other.Place{Partition: c.caller.Account.Partition, Region: origin.Region, Account: c.caller.Account.ID}
		for _, resource := range asked.Resources(place) {
			if err := s.decideOther(q, asked, resource); err != nil {
				return err
			}
		}
		if asked.DryRun { // Amazon EC2 API reference, "Error codes"
			return query.Errorf(http.StatusPreconditionFailed, "DryRunOperation", "Request would have succeeded, but DryRun flag is set.")
		}
		return query.Errorf(http.StatusNotImplemented, "NotImplemented", "authorised; %s is not served here", asked.Service)
	})
}

// unsignedPayload stands in place of the body's hash where the body isn't
// signed (IAM User Guide, "Create a signed AWS API request").
const unsignedPayload = "UNSIGNED-PAYLOAD"

// decideOther asks the policies about one resource. EC2 seals why it refuses
// (STS API reference, DecodeAuthorizationMessage).
func (s *Server) decideOther(q *access.Request, asked other.Call, resource string) error {
	question := access.Question{Action: asked.Action(), Resource: resource}
	if parts := strings.SplitN(resource, ":", 6); len(parts) == 6 {
		question.Account = parts[4]
	}
	d, err := q.Decide(question)
	if !query.IsRefusal(err) || asked.Protocol != other.EC2 {
		return err
	}
	sealed, failed := access.EncodeMessage(s.guard.Sealer, q.Caller, d)
	if failed != nil {
		return failed
	}
	return query.AccessDenied("You are not authorized to perform this operation. User: %s is not authorized to perform: %s on resource: %s %s. "+
		"Encoded authorization failure message: %s", q.Caller.ARN(), asked.Action(), resource, d.Reason(), sealed)
}
