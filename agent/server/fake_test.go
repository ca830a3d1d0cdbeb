package server_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/fob-auth/fob/agent/api"
	"github.com/fob-auth/fob/agent/caller"
	"github.com/fob-auth/fob/agent/metrics"
	"github.com/fob-auth/fob/agent/server"
)

// fake is every backend: it answers with fixed things, or with err.
type fake struct {
	hub server.Hub

	mu    sync.Mutex
	calls []string
	last  any
	peer  server.Peer
	// answers is what the last watcher said of itself.
	answers string
	err     error
	// hold, unless nil, is called in place of an answer to a session.
	hold func(ctx context.Context) error
	// cached has sessions come from the cache.
	cached bool
}

func (f *fake) call(ctx context.Context, name string, req any) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, name)
	f.last = req
	f.peer, _ = server.PeerFrom(ctx)
	f.peer.Chain() // while the connection stands
	return f.err
}

// asked returns how often the backend was asked anything, and resets it.
func (f *fake) asked() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := len(f.calls)
	f.calls = nil
	return n
}

var someTime = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

func (f *fake) Status(ctx context.Context) (api.Status, error) {
	return api.Status{Version: "v1", PID: 7, Started: someTime}, f.call(ctx, "status", nil)
}

func (f *fake) Tokens(ctx context.Context) ([]api.Token, error) {
	return []api.Token{{Serial: "12345678", State: api.TokenReady}}, f.call(ctx, "tokens", nil)
}

func (f *fake) UnlockToken(ctx context.Context, req api.TokenUnlockRequest) (api.Token, error) {
	return api.Token{Serial: req.Token, State: api.TokenReady}, f.call(ctx, "unlock token", req)
}

func (f *fake) Credentials(ctx context.Context) ([]api.Credential, error) {
	return nil, f.call(ctx, "credentials", nil)
}

func (f *fake) Doctor(ctx context.Context) ([]api.Check, error) {
	return []api.Check{{Name: "ledger", State: api.CheckOK}}, f.call(ctx, "doctor", nil)
}

func (f *fake) Code(ctx context.Context, req api.CodeRequest) (api.Code, error) {
	return api.Code{Code: "123456", Step: 5, Token: "12345678"}, f.call(ctx, "code", req)
}

func (f *fake) Session(ctx context.Context, req api.SessionRequest) (api.Session, error) {
	err := f.call(ctx, "session", req)
	if f.hold != nil {
		err = f.hold(ctx)
	}
	return api.Session{ID: "s1", Profile: req.Profile, AccessKeyID: "ASIA", Expiration: someTime, Cached: f.cached}, err
}

func (f *fake) Endpoint(ctx context.Context, req api.EndpointRequest) (api.Endpoint, error) {
	return api.Endpoint{Profile: req.Profile, Kind: req.Kind, URL: "http://127.0.0.1:1/credentials", Token: "t"}, f.call(ctx, "endpoint", req)
}

func (f *fake) Sessions(ctx context.Context) ([]api.SessionInfo, error) {
	return []api.SessionInfo{{ID: "s1", Profile: "dev"}}, f.call(ctx, "sessions", nil)
}

func (f *fake) Forget(ctx context.Context, id string) error { return f.call(ctx, "forget", id) }

func (f *fake) Bind(ctx context.Context, req api.BindRequest) (api.Binding, error) {
	return api.Binding{ID: "b1"}, f.call(ctx, "bind", req)
}

func (f *fake) Bindings(ctx context.Context) ([]api.Binding, error) {
	return []api.Binding{{ID: "b1"}}, f.call(ctx, "bindings", nil)
}

func (f *fake) Unbind(ctx context.Context, id string) error { return f.call(ctx, "unbind", id) }

func (f *fake) Enroll(ctx context.Context, req api.EnrollRequest) (api.Enrollment, error) {
	return api.Enrollment{Adjustment: 1}, f.call(ctx, "enroll", req)
}

func (f *fake) Unenroll(ctx context.Context, req api.UnenrollRequest) (api.Unenrollment, error) {
	return api.Unenrollment{MFASerial: "GAHT1", Sessions: []api.SessionInfo{}}, f.call(ctx, "unenroll", req)
}

func (f *fake) Resync(ctx context.Context, req api.ResyncRequest) (api.Resync, error) {
	return api.Resync{Adjustment: -3}, f.call(ctx, "resync", req)
}

func (f *fake) Drift(ctx context.Context) ([]api.Drift, error) {
	return []api.Drift{{Token: "GAHT1", State: api.DriftOK}}, f.call(ctx, "drift", nil)
}

func (f *fake) Subscribe(ctx context.Context, answers string) <-chan api.Event {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answers = answers
	return f.hub.Subscribe(ctx)
}

func (f *fake) Prompts(ctx context.Context) ([]api.Prompt, error) {
	return []api.Prompt{{ID: "p1", Kind: api.PromptCode, Until: someTime}}, f.call(ctx, "prompts", nil)
}

func (f *fake) Answer(ctx context.Context, id string, a api.PromptAnswer) (api.Prompt, error) {
	return api.Prompt{ID: id, Kind: api.PromptCode}, f.call(ctx, "answer", a)
}

func (f *fake) Keys(ctx context.Context) (api.KeyStore, error) {
	return api.KeyStore{Sealed: api.KeyStoreNone, Keys: []api.KeyPlace{}}, f.call(ctx, "keys", nil)
}

func (f *fake) ImportKeys(ctx context.Context, req api.KeysImportRequest) (api.ImportedKeys, error) {
	return api.ImportedKeys{Profile: req.Profile}, f.call(ctx, "import", req)
}

func (f *fake) RotateKeys(ctx context.Context, req api.KeysRotateRequest) (api.RotatedKeys, error) {
	return api.RotatedKeys{Profile: req.Profile}, f.call(ctx, "rotate", req)
}

func (f *fake) UnlockKeys(ctx context.Context, req api.KeysUnlockRequest) (api.KeyStore, error) {
	return api.KeyStore{Sealed: api.KeyStorePassphrase, Keys: []api.KeyPlace{}}, f.call(ctx, "unlock keys", req)
}

func (f *fake) Lock(ctx context.Context, req api.LockRequest) (api.LockState, error) {
	return api.LockState{Locked: true}, f.call(ctx, "lock", req)
}

func (f *fake) Unlock(ctx context.Context, req api.UnlockRequest) (api.LockState, error) {
	return api.LockState{}, f.call(ctx, "unlock", req)
}

func (f *fake) Audit(ctx context.Context) ([]api.AuditEntry, error) {
	return []api.AuditEntry{{N: 1, Act: "POST /v1/codes"}}, f.call(ctx, "audit", nil)
}

func (f *fake) VerifyAudit(ctx context.Context) (api.AuditVerdict, error) {
	return api.AuditVerdict{OK: true, Faults: []api.AuditFault{}}, f.call(ctx, "verify", nil)
}

func (f *fake) IssueTicket(ctx context.Context, req api.TicketRequest) (api.IssuedTicket, error) {
	return api.IssuedTicket{Ticket: api.Ticket{ID: "t1", Name: req.Name, Profiles: req.Profiles}, Secret: "fobticket_x"}, f.call(ctx, "ticket", req)
}

func (f *fake) Tickets(ctx context.Context) ([]api.Ticket, error) {
	return []api.Ticket{{ID: "t1", Name: "ci", Profiles: []string{"dev"}}}, f.call(ctx, "tickets", nil)
}

func (f *fake) RevokeTicket(ctx context.Context, id string) error { return f.call(ctx, "revoke", id) }

// newServer returns a server that asks f.
func newServer(t testing.TB, f *fake, o server.Options) *server.Server {
	t.Helper()
	s, err := server.New(server.Backend{Tokens: f, Passwords: f, Codes: f, Sessions: f, Endpoints: f, Bindings: f, Devices: f, Keys: f, Events: f, Prompts: f, Locks: f, Audits: f, Office: f, Metrics: metrics.New("v1", func() metrics.State { return metrics.State{} })}, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// shortDir returns a folder with a path short enough for a socket.
func shortDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "fob")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// start serves f on a real socket until the test ends, and returns its path.
func start(t testing.TB, f *fake, o server.Options) string {
	t.Helper()
	path := filepath.Join(shortDir(t), "agent", "agent.sock")
	ln, err := server.Listen(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	s := newServer(t, f, o)
	go func() { ended <- s.Serve(ctx, ln) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return path
}

// found is what finds one program.
func found(exe string) func() []caller.Process {
	return func() []caller.Process { return []caller.Process{{PID: 42, Exe: exe}} }
}

// us is a peer that may use the socket, for connections without one.
func us(net.Conn) (server.Peer, error) {
	return server.Peer{UID: os.Getuid(), PID: 42, Find: found("/bin/test")}, nil
}

// A memoryListener hands out connections that a test makes.
type memoryListener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newMemoryListener() *memoryListener {
	return &memoryListener{conns: make(chan net.Conn), closed: make(chan struct{})}
}

func (l *memoryListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *memoryListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *memoryListener) Addr() net.Addr { return &net.UnixAddr{Name: "memory", Net: "unix"} }

// errBoom is an error with words that no caller may see.
var errBoom = errors.New("the seed is JBSWY3DPEHPK3PXP")

var _ io.Closer = (*memoryListener)(nil)
