// Package endpoint serves a profile's session on loopback, in the two ways that
// every AWS SDK can ask for credentials over HTTP: as the container credentials
// provider and as EC2's instance metadata service, version 2 ([Set]).
//
// An endpoint is for one process and what that starts: it is opened on demand,
// and closed when the process ends. Where sessions come from is handed in; the
// package makes none and keeps none.
//
// Sources: AWS SDKs and Tools Reference Guide, "Container credential provider"
// and "IMDS credential provider"; Amazon EC2 User Guide, "Use the Instance
// Metadata Service to access instance metadata".
package endpoint

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/fob-auth/fob/agent/api"
)

// Bounds of an endpoint.
const (
	// maxOpen is how many endpoints may be open at once.
	maxOpen = 64
	// maxHeader bounds a request's line and headers, in bytes.
	maxHeader = 8 << 10
	// headerTime and writeTime are how long a client may take to send its
	// request, and to read its answer; idleTime how long its connection may
	// stay open between requests.
	headerTime = 2 * time.Second
	writeTime  = 5 * time.Second
	idleTime   = 60 * time.Second
)

// A Source gives a profile's session.
type Source func(ctx context.Context, req api.SessionRequest) (api.Session, error)

// Options are what a Set works with.
type Options struct {
	Sessions Source
	Log      *slog.Logger
	// Now is the host's clock; nil for time.Now.
	Now func() time.Time
}

// A Set is the endpoints that are open. Use NewSet.
type Set struct {
	base     context.Context
	sessions Source
	log      *slog.Logger
	now      func() time.Time
	uid      int

	serving sync.WaitGroup
	mu      sync.Mutex
	open    int
}

// NewSet returns a Set whose endpoints are closed when base ends.
func NewSet(base context.Context, o Options) *Set {
	s := &Set{base: base, sessions: o.Sessions, log: o.Log, now: o.Now, uid: os.Getuid()}
	if s.now == nil {
		s.now = time.Now
	}
	return s
}

// Open opens an endpoint for the process pid, which must be the one that waits
// for the answer: a process that has gone by then gets none. The requests that
// the endpoint makes to the Source carry the values of ctx, so that whoever
// judges callers sees the one that opened it.
func (s *Set) Open(ctx context.Context, req api.EndpointRequest, pid int) (api.Endpoint, error) {
	if pid <= 0 {
		return api.Endpoint{}, &api.Error{Code: api.Forbidden, Message: "open an endpoint: the agent can't tell which process asks",
			Hint: "run 'fob exec' on the agent's own host"}
	}
	o, err := watch(pid)
	if err != nil {
		return api.Endpoint{}, fmt.Errorf("open an endpoint for process %d: %w", pid, err)
	}
	if err := errors.Join(ctx.Err(), s.enter()); err != nil {
		o.close()
		return api.Endpoint{}, err
	}
	ln, err := listen(ctx)
	if err != nil {
		o.close()
		s.leave()
		return api.Endpoint{}, fmt.Errorf("open an endpoint: %w", err)
	}
	told, handler := s.door(req, ln.Addr().String())
	s.serving.Go(func() {
		defer s.leave()
		s.serve(context.WithoutCancel(ctx), ln, handler, o)
		s.log.Debug("endpoint closed", "kind", req.Kind, "profile", req.Profile, "pid", pid)
	})
	s.log.Info("endpoint opened", "kind", req.Kind, "profile", req.Profile, "pid", pid, "address", ln.Addr().String())
	return told, nil
}

// Wait returns when all endpoints are closed, which is soon after base ended.
func (s *Set) Wait() { s.serving.Wait() }

// Count returns how many endpoints are open.
func (s *Set) Count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open
}

func (s *Set) enter() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open >= maxOpen {
		return &api.Error{Code: api.Forbidden, Message: fmt.Sprintf("open an endpoint: %d are open, and no more are allowed", s.open),
			Hint: "'fob exec' without --endpoint puts the session into the command's environment"}
	}
	s.open++
	return nil
}

func (s *Set) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open--
}

// door makes the handler of an endpoint, and what its owner is told of it.
func (s *Set) door(req api.EndpointRequest, address string) (api.Endpoint, http.Handler) {
	told := api.Endpoint{Kind: req.Kind, Profile: req.Profile}
	ask := asker{sessions: s.sessions, profile: req.Profile, now: s.now}
	if req.Kind == api.EndpointIMDS {
		told.URL = "http://" + address + "/"
		return told, guard{address, s.log, newIMDS(ask, s.uid)}
	}
	told.URL = "http://" + address + containerPath
	told.Token = newSecret()
	return told, guard{address, s.log, newContainer(ask, told.Token)}
}

// serve answers until the owner has gone or the agent ends.
func (s *Set) serve(values context.Context, ln net.Listener, h http.Handler, o owner) {
	ctx, cancel := context.WithCancel(values)
	defer cancel()
	srv := &http.Server{
		Handler: h, DisableGeneralOptionsHandler: true, MaxHeaderBytes: maxHeader,
		ReadHeaderTimeout: headerTime, IdleTimeout: idleTime,
		ErrorLog:    slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
		BaseContext: func(net.Listener) context.Context { return ctx },
		ConnContext: withPeer,
	}
	stopped := context.AfterFunc(s.base, o.close)
	defer stopped()
	var answering sync.WaitGroup
	answering.Go(func() {
		if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			s.log.Error("endpoint failed", "error", err)
			o.close()
		}
	})
	o.wait()
	cancel()
	_ = srv.Close()
	answering.Wait()
}

// listen opens a port of loopback whose packets go no hop further, as the
// instance metadata service does by default.
func listen(ctx context.Context) (net.Listener, error) {
	config := net.ListenConfig{Control: oneHop}
	return config.Listen(ctx, "tcp4", "127.0.0.1:0")
}
