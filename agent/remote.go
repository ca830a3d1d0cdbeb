package agent

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/fob-auth/fob/agent/api"
	"github.com/fob-auth/fob/agent/policy"
	"github.com/fob-auth/fob/agent/server"
	"github.com/fob-auth/fob/agent/store"
)

// ticketLife is how long a ticket is good for where nobody says.
const ticketLife = 8 * time.Hour

// IssueTicket makes a ticket for the restricted socket.
func (a *agent) IssueTicket(ctx context.Context, req api.TicketRequest) (api.IssuedTicket, error) {
	life := seconds(req.TTLSeconds)
	if life == 0 {
		life = ticketLife
	}
	for _, name := range req.Profiles {
		if err := a.admit(ctx, name); err != nil {
			return api.IssuedTicket{}, err
		}
	}
	made, secret, err := a.tickets.Issue(ctx, req.Name, req.Profiles, life, time.Now())
	switch {
	case errors.Is(err, policy.ErrTicketName), errors.Is(err, policy.ErrTooMany):
		return api.IssuedTicket{}, &api.Error{Code: api.Ambiguous, Message: err.Error(), Hint: "'fob ticket list' shows them; 'fob ticket revoke NAME' takes one back"}
	case errors.Is(err, policy.ErrTicketTerms):
		return api.IssuedTicket{}, &api.Error{Code: api.BadRequest, Message: err.Error()}
	case err != nil:
		return api.IssuedTicket{}, a.told(err, "")
	}
	return api.IssuedTicket{Ticket: wireTicket(made), Secret: secret}, nil
}

// Tickets lists the tickets that are good.
func (a *agent) Tickets(context.Context) ([]api.Ticket, error) {
	list := []api.Ticket{}
	for _, t := range a.tickets.List(time.Now()) {
		list = append(list, wireTicket(t))
	}
	return list, nil
}

// RevokeTicket takes a ticket back.
func (a *agent) RevokeTicket(ctx context.Context, id string) error {
	_, err := a.tickets.Revoke(ctx, id)
	if errors.Is(err, policy.ErrNoTicket) {
		return &api.Error{Code: api.NotFound, Message: "no ticket " + id + " is good", Hint: "'fob ticket list' lists those that are"}
	}
	return err
}

func wireTicket(t store.Ticket) api.Ticket {
	return api.Ticket{ID: t.ID, Name: t.Name, Profiles: t.Profiles, Issued: t.Issued, Expires: t.Expires}
}

// openRemote serves the restricted socket, if the config names one, until ctx
// ends or stop is called. Its folder is ours alone; the socket itself may be
// used by any user, so that it serves inside a container that it is mounted
// into, where the ticket says who asks.
func (a *agent) openRemote(ctx context.Context, o server.Options) (stop func() error, err error) {
	path := a.opts.Config.Remote.Socket
	if path == "" {
		return func() error { return nil }, nil
	}
	o.Tickets, o.Idle, o.Busy = a.tickets, 0, nil
	srv, err := server.New(a.backend(), o)
	if err != nil {
		return nil, err
	}
	ln, err := server.Listen(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("restricted %w", err)
	}
	if err := os.Chmod(path, 0o666); err != nil {
		return nil, errors.Join(fmt.Errorf("restricted socket: %w", err), ln.Close())
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(ctx, ln) }()
	return func() error {
		cancel()
		return <-ended
	}, nil
}
