package server

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/fob-auth/fob/agent/api"
	"github.com/fob-auth/fob/agent/policy"
	"github.com/fob-auth/fob/agent/store"
)

// Tickets knows which tickets are good.
type Tickets interface {
	// Check returns the ticket of a secret; policy.ErrNoTicket where there is
	// none.
	Check(secret string, now time.Time) (store.Ticket, error)
}

// remoteRoutes are what the restricted socket answers.
func remoteRoutes() []string {
	return []string{"GET " + api.PathStatus, "GET " + api.PathOpenAPI, "POST " + api.PathSessions}
}

// admitTicket settles who may ask on the restricted socket: whoever holds a
// ticket, of whatever user, for the few routes it is good for. The request it
// returns carries the ticket.
func (s *Server) admitTicket(r *http.Request, p Peer) (*http.Request, error) {
	secret, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return r, ticketRefused("this socket takes requests with a ticket alone")
	}
	t, err := s.tickets.Check(secret, time.Now())
	if errors.Is(err, policy.ErrNoTicket) {
		return r, ticketRefused("the ticket isn't one of this agent's, was revoked, or its time is over")
	}
	if err != nil {
		return r, err
	}
	p.Ticket = &t
	r = r.WithContext(WithPeer(r.Context(), p))
	for _, route := range remoteRoutes() {
		if route == r.Method+" "+r.URL.Path {
			return r, nil
		}
	}
	return r, &api.Error{Code: api.Forbidden, Message: "this socket hands out sessions, and does nothing else",
		Hint: "'fob credentials' gets one; the rest is for the agent's host"}
}

func ticketRefused(message string) error {
	return &api.Error{Code: api.TicketRefused, Message: message, Hint: "'fob ticket issue' on the agent's host makes one; put it into FOB_TICKET"}
}
