// Package client is the typed client of the agent's socket. The zero value
// works: it talks to the agent at api.DefaultSocket.
//
// Before it sends anything, the client asks the kernel who listens, and refuses
// a server that another user runs. Errors of the agent come back as *api.Error;
// so does its absence, as api.NoAgent. Deadlines are the caller's, by context:
// a session may wait for a touch or for the next time step.
package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"

	"github.com/fob-auth/fob/agent/api"
)

// A Client talks to one agent. It may be used by any number of goroutines, and
// keeps their connections for later calls: the fields aren't changed after the
// first one, and Close lets go of what is kept.
type Client struct {
	// Socket is the path of the agent's socket; empty means
	// api.DefaultSocket().
	Socket string
	// Ticket, unless empty, is shown to the restricted socket of an agent that
	// another user, or the same user of another system, may run: then it isn't
	// checked who listens.
	Ticket string
	// Dial makes a connection in place of the Socket, and then answers for
	// who is at the other end.
	Dial func(ctx context.Context) (net.Conn, error)

	kept kept
}

// Status says what the agent is and how it does.
func (c *Client) Status(ctx context.Context) (api.Status, error) {
	return get[api.Status](ctx, c, api.PathStatus)
}

// Tokens lists the tokens that are plugged in.
func (c *Client) Tokens(ctx context.Context) ([]api.Token, error) {
	return get[[]api.Token](ctx, c, api.PathTokens)
}

// Credentials lists the OATH accounts on the tokens.
func (c *Client) Credentials(ctx context.Context) ([]api.Credential, error) {
	return get[[]api.Credential](ctx, c, api.PathCredentials)
}

// UnlockToken opens a token's accounts with their password.
func (c *Client) UnlockToken(ctx context.Context, req api.TokenUnlockRequest) (api.Token, error) {
	return post[api.Token](ctx, c, api.PathTokenUnlock, req)
}

// Code takes a code. It waits for a touch, or for a time step that is free.
func (c *Client) Code(ctx context.Context, req api.CodeRequest) (api.Code, error) {
	return post[api.Code](ctx, c, api.PathCodes, req)
}

// Session gets a profile's session, from the cache or from AWS.
func (c *Client) Session(ctx context.Context, req api.SessionRequest) (api.Session, error) {
	return post[api.Session](ctx, c, api.PathSessions, req)
}

// Endpoint opens an endpoint on loopback for AWS SDKs. It is closed when the
// calling process ends, whatever program that runs by then.
func (c *Client) Endpoint(ctx context.Context, req api.EndpointRequest) (api.Endpoint, error) {
	return post[api.Endpoint](ctx, c, api.PathEndpoints, req)
}

// Sessions lists cached sessions without their secrets.
func (c *Client) Sessions(ctx context.Context) ([]api.SessionInfo, error) {
	return get[[]api.SessionInfo](ctx, c, api.PathSessions)
}

// Forget drops a session from the cache. AWS can't revoke it: it lives on for
// whoever has it.
func (c *Client) Forget(ctx context.Context, id string) error {
	return c.remove(ctx, api.PathSession, id)
}

// Doctor has the agent look for what keeps codes and sessions from coming.
func (c *Client) Doctor(ctx context.Context) ([]api.Check, error) {
	return get[[]api.Check](ctx, c, api.PathDoctor)
}

// Bind binds a profile's MFA device to a credential.
func (c *Client) Bind(ctx context.Context, req api.BindRequest) (api.Binding, error) {
	return post[api.Binding](ctx, c, api.PathBind, req)
}

// Bindings lists which MFA device is bound to which credential.
func (c *Client) Bindings(ctx context.Context) ([]api.Binding, error) {
	return get[[]api.Binding](ctx, c, api.PathBindings)
}

// Unbind takes a binding away.
func (c *Client) Unbind(ctx context.Context, id string) error {
	return c.remove(ctx, api.PathBinding, id)
}

// Drift lists each bound token's clock against AWS's.
func (c *Client) Drift(ctx context.Context) ([]api.Drift, error) {
	return get[[]api.Drift](ctx, c, api.PathDrift)
}

// Resync hands AWS two consecutive codes of a profile's device.
func (c *Client) Resync(ctx context.Context, req api.ResyncRequest) (api.Resync, error) {
	return post[api.Resync](ctx, c, api.PathResync, req)
}

// Prompts lists the questions that wait for a person.
func (c *Client) Prompts(ctx context.Context) ([]api.Prompt, error) {
	return get[[]api.Prompt](ctx, c, api.PathPrompts)
}

// Answer answers a question that waits for a person. Digits that can't be a
// code are api.BadRequest, and the question stands on.
func (c *Client) Answer(ctx context.Context, id string, a api.PromptAnswer) (api.Prompt, error) {
	return post[api.Prompt](ctx, c, strings.Replace(api.PathPrompt, "{id}", url.PathEscape(id), 1), a)
}

// Lock locks the agent.
func (c *Client) Lock(ctx context.Context, req api.LockRequest) (api.LockState, error) {
	return post[api.LockState](ctx, c, api.PathLock, req)
}

// Unlock unlocks it.
func (c *Client) Unlock(ctx context.Context, req api.UnlockRequest) (api.LockState, error) {
	return post[api.LockState](ctx, c, api.PathUnlock, req)
}

// Audit lists the newest acts of the audit log, the oldest first.
func (c *Client) Audit(ctx context.Context) ([]api.AuditEntry, error) {
	return get[[]api.AuditEntry](ctx, c, api.PathAudit)
}

// VerifyAudit has the agent read its whole audit log.
func (c *Client) VerifyAudit(ctx context.Context) (api.AuditVerdict, error) {
	return get[api.AuditVerdict](ctx, c, api.PathAuditVerify)
}

// IssueTicket makes a ticket for the restricted socket.
func (c *Client) IssueTicket(ctx context.Context, req api.TicketRequest) (api.IssuedTicket, error) {
	return post[api.IssuedTicket](ctx, c, api.PathTickets, req)
}

// Tickets lists the tickets that are good.
func (c *Client) Tickets(ctx context.Context) ([]api.Ticket, error) {
	return get[[]api.Ticket](ctx, c, api.PathTickets)
}

// RevokeTicket takes a ticket back, by its ID or its name.
func (c *Client) RevokeTicket(ctx context.Context, id string) error {
	return c.remove(ctx, api.PathTicket, id)
}

// Enroll makes a token an MFA device of a profile's user.
func (c *Client) Enroll(ctx context.Context, req api.EnrollRequest) (api.Enrollment, error) {
	return post[api.Enrollment](ctx, c, api.PathEnroll, req)
}

// Unenroll takes a profile's MFA device away, or drops what the agent has of one
// that is lost.
func (c *Client) Unenroll(ctx context.Context, req api.UnenrollRequest) (api.Unenrollment, error) {
	return post[api.Unenrollment](ctx, c, api.PathUnenroll, req)
}

func get[T any](ctx context.Context, c *Client, path string) (T, error) {
	var out T
	err := c.exchange(ctx, "GET", path, nil, &out)
	return out, err
}

func post[T any](ctx context.Context, c *Client, path string, in any) (T, error) {
	var out T
	b, err := json.Marshal(in)
	if err != nil {
		return out, fmt.Errorf("request %s: %w", path, err)
	}
	err = c.exchange(ctx, "POST", path, b, &out)
	return out, err
}

func (c *Client) remove(ctx context.Context, pattern, id string) error {
	if id == "" {
		return &api.Error{Code: api.BadRequest, Message: "an ID is needed"}
	}
	return c.exchange(ctx, "DELETE", strings.Replace(pattern, "{id}", url.PathEscape(id), 1), nil, nil)
}

// exchange sends one request and decodes its answer into out, unless that is
// nil.
func (c *Client) exchange(ctx context.Context, method, path string, in []byte, out any) error {
	a, err := c.send(ctx, method, path, in)
	if err != nil {
		return err
	}
	defer a.close()
	b, err := a.read()
	if err != nil {
		return a.broken(err)
	}
	a.whole = true
	if a.status < 200 || a.status > 299 {
		return refusal(a, b)
	}
	if out == nil {
		return nil
	}
	if a.kind != "application/json" {
		return a.broken(errors.New("the answer isn't JSON"))
	}
	if err := json.Unmarshal(b, out); err != nil {
		return a.broken(errors.New("the answer isn't the JSON that was expected"))
	}
	return nil
}

// dial connects to the agent.
func (c *Client) dial(ctx context.Context) (net.Conn, error) {
	if c.Dial != nil {
		return c.Dial(ctx)
	}
	path := c.Socket
	if path == "" {
		path = api.DefaultSocket()
	}
	if c.Ticket != "" {
		return dial(ctx, path)
	}
	return dialOwned(ctx, path, os.Getuid())
}

// dial connects to the socket at path, whoever listens there.
func dial(ctx context.Context, path string) (net.Conn, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", path)
	if err != nil && ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, absent(path, err)
	}
	return conn, nil
}

// dialOwned connects to the socket at path if it is uid who listens there.
func dialOwned(ctx context.Context, path string, uid int) (net.Conn, error) {
	conn, err := dial(ctx, path)
	if err != nil {
		return nil, err
	}
	theirs, err := serverUID(conn)
	if err == nil && theirs != uid {
		err = fmt.Errorf("uid %d listens there, and we are uid %d", theirs, uid)
	}
	if err != nil {
		_ = conn.Close()
		return nil, &api.Error{
			Code:    api.Forbidden,
			Message: fmt.Sprintf("socket %s isn't our agent's: %v; nothing was sent", path, err),
			Hint:    "name your own agent's socket with --socket or FOB_SOCKET",
		}
	}
	return conn, nil
}
