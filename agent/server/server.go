// Package server is the agent's end of the socket: HTTP/1.1 and JSON on a Unix
// socket, with the types, routes and error codes of package api.
//
// It knows who asks (the peer's uid, pid and program), refuses what a browser
// could send, bounds every request, and turns each error into an api.ErrorBody.
// What the answers say is the business of the backends handed to New: the
// package holds no token, no session and no rule about them.
package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/fob-auth/fob/agent/api"
	"github.com/fob-auth/fob/agent/caller"
)

// Times of a connection. A caller that is slower is cut.
const (
	// headerTime is how long a request's line and headers may take.
	headerTime = 2 * time.Second
	// bodyTime is how long a request's body may take once the headers are read.
	bodyTime = 2 * time.Second
	// writeTime is how long the caller may take to read an answer or an event.
	writeTime = 5 * time.Second
	// idleTime is how long a connection may stay open between requests.
	idleTime = 60 * time.Second
	// drainTime is how long requests on their way may go on once Serve is told
	// to end, and closeTime how long they then have to notice that their
	// context has ended. The sum stays below the two seconds in which a
	// program has to be gone.
	drainTime = 800 * time.Millisecond
	closeTime = 200 * time.Millisecond
)

// Tokens tells what is plugged in.
type Tokens interface {
	Status(ctx context.Context) (api.Status, error)
	Tokens(ctx context.Context) ([]api.Token, error)
	Credentials(ctx context.Context) ([]api.Credential, error)
	Doctor(ctx context.Context) ([]api.Check, error)
}

// Passwords opens tokens that have one.
type Passwords interface {
	UnlockToken(ctx context.Context, req api.TokenUnlockRequest) (api.Token, error)
}

// Codes hands out codes.
type Codes interface {
	Code(ctx context.Context, req api.CodeRequest) (api.Code, error)
}

// Sessions hands out AWS sessions and forgets them.
type Sessions interface {
	Session(ctx context.Context, req api.SessionRequest) (api.Session, error)
	Sessions(ctx context.Context) ([]api.SessionInfo, error)
	Forget(ctx context.Context, id string) error
}

// Endpoints opens doors for AWS SDKs.
type Endpoints interface {
	Endpoint(ctx context.Context, req api.EndpointRequest) (api.Endpoint, error)
}

// Bindings ties MFA devices to credentials.
type Bindings interface {
	Bind(ctx context.Context, req api.BindRequest) (api.Binding, error)
	Bindings(ctx context.Context) ([]api.Binding, error)
	Unbind(ctx context.Context, id string) error
}

// Devices looks after MFA devices on the AWS side.
type Devices interface {
	Enroll(ctx context.Context, req api.EnrollRequest) (api.Enrollment, error)
	Unenroll(ctx context.Context, req api.UnenrollRequest) (api.Unenrollment, error)
	Resync(ctx context.Context, req api.ResyncRequest) (api.Resync, error)
	Drift(ctx context.Context) ([]api.Drift, error)
}

// Keys looks after long-term access keys.
type Keys interface {
	Keys(ctx context.Context) (api.KeyStore, error)
	ImportKeys(ctx context.Context, req api.KeysImportRequest) (api.ImportedKeys, error)
	RotateKeys(ctx context.Context, req api.KeysRotateRequest) (api.RotatedKeys, error)
	UnlockKeys(ctx context.Context, req api.KeysUnlockRequest) (api.KeyStore, error)
}

// Events lets watchers follow what happens.
type Events interface {
	// Subscribe returns a channel of events that begins now and is closed when
	// ctx ends. The channel is buffered, and a watcher that doesn't keep up
	// misses events rather than hold anybody up; a Hub does that.
	//
	// answers names the profile whose questions the watcher puts to a person,
	// or api.AnswersAll; it is empty for one that only watches.
	Subscribe(ctx context.Context, answers string) <-chan api.Event
}

// Prompts are the questions that wait for a person.
type Prompts interface {
	Prompts(ctx context.Context) ([]api.Prompt, error)
	Answer(ctx context.Context, id string, a api.PromptAnswer) (api.Prompt, error)
}

// Locks locks the agent and unlocks it.
type Locks interface {
	Lock(ctx context.Context, req api.LockRequest) (api.LockState, error)
	Unlock(ctx context.Context, req api.UnlockRequest) (api.LockState, error)
}

// TicketOffice issues tickets for the restricted socket, and takes them back.
type TicketOffice interface {
	IssueTicket(ctx context.Context, req api.TicketRequest) (api.IssuedTicket, error)
	Tickets(ctx context.Context) ([]api.Ticket, error)
	RevokeTicket(ctx context.Context, id string) error
}

// Audits tells what the audit log holds.
type Audits interface {
	Audit(ctx context.Context) ([]api.AuditEntry, error)
	VerifyAudit(ctx context.Context) (api.AuditVerdict, error)
}

// Metrics counts requests and tells what it counted.
type Metrics interface {
	// Request is told of each request that was answered; route is "" where it
	// reached none.
	Request(route string, status int, took time.Duration)
	// ServeHTTP answers a scrape in the text form of Prometheus.
	ServeHTTP(w http.ResponseWriter, r *http.Request)
}

// A Backend is everything the routes ask; each field is needed. An error that
// is an *api.Error goes to the caller as it is; any other is logged, and the
// caller learns no more than its number in the log.
type Backend struct {
	Tokens    Tokens
	Passwords Passwords
	Codes     Codes
	Sessions  Sessions
	Endpoints Endpoints
	Bindings  Bindings
	Devices   Devices
	Keys      Keys
	Events    Events
	Metrics   Metrics
	Prompts   Prompts
	Locks     Locks
	Audits    Audits
	Office    TicketOffice
}

// Options are a server's settings; the zero value works.
type Options struct {
	// Log gets refusals, failures and, at debug level, each act. Nil: no log.
	Log *slog.Logger
	// Version stands in the OpenAPI document.
	Version string
	// Peer tells who is at the other end of a connection; nil asks the kernel.
	// It is for connections that the kernel knows nothing about: those of
	// tests, and those of a ticket that stands in for the uid.
	Peer func(net.Conn) (Peer, error)
	// Find finds the program behind a process number; nil reads /proc.
	Find caller.Finder
	// Gate is what each act passes; nil lets everything through.
	Gate *Gate
	// Tickets makes the server that of the restricted socket: a ticket stands
	// in for the user, and little is answered. Nil: it is the user's own.
	Tickets Tickets
	// Idle is how long Serve goes on without a request before it ends; 0 for
	// ever. A request that isn't answered yet, an event stream among them,
	// keeps it going, and so does Busy.
	Idle time.Duration
	// Busy reports whether something else forbids to end; nil where nothing
	// does.
	Busy func() bool
}

// A Server serves the socket. Use New.
type Server struct {
	backend  Backend
	log      *slog.Logger
	peer     func(net.Conn) (Peer, error)
	gate     *Gate
	tickets  Tickets
	uid      int
	routes   *http.ServeMux
	stopping chan struct{}
	idle     idleness
	arrivals arrivals
	crowd    crowd
}

// New returns a server that asks b.
func New(b Backend, o Options) (*Server, error) {
	s := &Server{
		backend:  b,
		log:      o.Log,
		peer:     o.Peer,
		gate:     o.Gate,
		tickets:  o.Tickets,
		uid:      os.Getuid(),
		stopping: make(chan struct{}),
		idle:     idleness{after: o.Idle, busy: o.Busy},
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.peer == nil {
		find := o.Find
		if find == nil {
			find = caller.Chain
		}
		s.peer = func(c net.Conn) (Peer, error) { return kernelPeer(c, find) }
	}
	var err error
	if s.routes, err = s.register(o.Version); err != nil {
		return nil, fmt.Errorf("routes of the socket: %w", err)
	}
	return s, nil
}

// Serve answers on ln until ctx ends, then drains: requests on their way may
// finish, event streams end at once, and after less than two seconds whatever
// is left is cut. It closes ln. Nil means it ended because ctx did, or because
// nobody asked for as long as Options.Idle says. A Server
// serves once.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	requests, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	srv := &http.Server{
		Handler:                      s,
		DisableGeneralOptionsHandler: true,
		ReadHeaderTimeout:            headerTime,
		IdleTimeout:                  idleTime,
		// net/http reads 4096 bytes more than it is told.
		MaxHeaderBytes: api.MaxHeader - 4096,
		ErrorLog:       slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
		BaseContext:    func(net.Listener) context.Context { return requests },
		ConnContext:    s.connContext,
	}
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(typedListener{ln, &s.arrivals}) }()
	idle, cancelIdle := context.WithCancel(ctx)
	defer cancelIdle()
	select {
	case err := <-ended:
		close(s.stopping)
		return err
	case <-s.idle.over(idle):
		s.log.Info("nobody asked any more", "for", s.idle.after)
	case <-ctx.Done():
	}
	close(s.stopping)
	// The listener goes first, and whoever got through is heard before the
	// server is shut down: from then on net/http reads no request any more.
	err := ln.Close()
	<-ended
	drain, stop := context.WithTimeout(requests, drainTime)
	s.arrivals.heard(drain)
	err = errors.Join(err, srv.Shutdown(drain))
	stop()
	if errors.Is(err, context.DeadlineExceeded) {
		cancel()
		last, stop := context.WithTimeout(context.WithoutCancel(ctx), closeTime)
		err = srv.Shutdown(last)
		stop()
	}
	if errors.Is(err, context.DeadlineExceeded) {
		s.log.Warn("requests were cut at the end")
		err = srv.Close()
	}
	return err
}

// body reads what net/http has left of a request's body, at most max bytes.
// length is what the request says of it, -1 for nothing.
func body(r io.Reader, length, max int64) ([]byte, error) {
	if length >= 0 && length <= max {
		b := make([]byte, length)
		_, err := io.ReadFull(r, b)
		return b, err
	}
	b, err := io.ReadAll(io.LimitReader(r, max+1))
	if err != nil {
		return nil, err
	}
	if int64(len(b)) > max {
		return nil, errTooLarge
	}
	return b, nil
}
