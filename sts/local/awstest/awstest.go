// Package awstest starts the local AWS of package local for one test, in this
// process, and ends it with the test:
//
//	aws := awstest.Start(t, world)
//	client := sts.NewFromConfig(config, func(o *sts.Options) { o.BaseEndpoint = &aws.URL })
//
// The world is the text of a world file, as fobaws reads it (package world):
// accounts, users with their keys and MFA devices, roles, policies, buckets.
// [Server.Code] is what a device of the world shows, [Server.Keys] what a user
// signs with; both are plain strings, so that any client of AWS can be tried:
// one needs its endpoint at [Server.URL] and a region.
//
// AWS's time runs with the host's and can be moved by [Server.Advance]; [At]
// makes it stand still. Signatures of any time are taken, since a client's own
// clock isn't moved with it. [StartInMemory] opens no socket, for virtual time
// (testing/synctest).
//
// It isn't for programs in other languages: those start fobaws and wait for its
// ready line.
package awstest

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"

	"github.com/fob-auth/fob/sts/local"
	"github.com/fob-auth/fob/sts/local/clock"
	"github.com/fob-auth/fob/sts/local/world"
)

// A TB is what the package needs of a test: *testing.T, B and F have it, and
// what other frameworks give in their place.
type TB interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	Cleanup(func())
}

// anySkew is how far off a client's clock may be: further than tests go.
const anySkew = 100 * 365 * 24 * time.Hour

// memoryPort is in the name of a server without a socket.
const memoryPort = 4566

// A Server is a local AWS that serves until its test ends.
type Server struct {
	// URL is the endpoint of STS, IAM and S3 (path style).
	URL string
	// Clock is AWS's time.
	Clock *clock.Clock
	// Handler is the server itself.
	Handler *local.Server

	t     TB
	world *world.World
	dial  func(context.Context) (net.Conn, error)
	log   requestLog
}

// Start serves a world on a free port of loopback. What fails fails the test.
// change may alter the server's options before it starts: [At], or a function
// of the test's own.
func Start(t TB, yaml string, change ...func(*local.Options)) *Server {
	t.Helper()
	s := newServer(t, yaml, change)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("local AWS: %v", err)
	}
	s.dial = func(ctx context.Context) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", l.Addr().String())
	}
	s.serve(l)
	return s
}

// StartInMemory is Start without a socket: [Server.Dial] alone leads to the
// server, over pipes, so that virtual time goes on while somebody waits for
// one.
func StartInMemory(t TB, yaml string, change ...func(*local.Options)) *Server {
	t.Helper()
	s := newServer(t, yaml, change)
	l := newPipes()
	s.dial = l.dial
	s.serve(l)
	return s
}

// At is an option: AWS's clock stands at a time until it is moved.
func At(at time.Time) func(*local.Options) {
	return func(o *local.Options) { o.Clock = clock.Manual(at) }
}

// Seeded is an option: what the server makes by chance, as the seeds of virtual
// devices, keys and ids, is the same in each run for the same text, which may be
// the test's name. Of seeds that differ from run to run, one in some ten thousand
// shows one code twice within a few steps.
func Seeded(text string) func(*local.Options) {
	return func(o *local.Options) { o.Rand = &seeded{random: rand.NewChaCha8(sha256.Sum256([]byte(text)))} }
}

// seeded is randomness for a server's goroutines.
type seeded struct {
	mu     sync.Mutex
	random *rand.ChaCha8
}

func (s *seeded) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.random.Read(p)
}

func newServer(t TB, yaml string, change []func(*local.Options)) *Server {
	t.Helper()
	w, err := world.Decode("world.yaml", []byte(yaml))
	if err != nil {
		t.Fatalf("local AWS: %v", err)
	}
	s := &Server{t: t, world: w}
	o := local.Options{World: w, Clock: clock.Offset(0), SignatureSkew: anySkew, Log: slog.New(&s.log)}
	for _, f := range change {
		f(&o)
	}
	if s.Handler, err = local.New(o); err != nil {
		t.Fatalf("local AWS: %v", err)
	}
	s.Clock = s.Handler.Clock()
	return s
}

// serve answers on l until the test ends, and then lets calls under way end.
func (s *Server) serve(l net.Listener) {
	s.URL = "http://" + l.Addr().String()
	h := &httptest.Server{Listener: l, Config: &http.Server{Handler: s.Handler}}
	h.Start()
	s.t.Cleanup(func() {
		h.Close()
		if err := s.Handler.Close(); err != nil {
			s.t.Errorf("local AWS: %v", err)
		}
	})
}

// Dial connects to the server, whatever the address: it is what a client's
// http.Transport takes as DialContext.
func (s *Server) Dial(ctx context.Context, _, _ string) (net.Conn, error) { return s.dial(ctx) }

// Advance moves AWS's clock.
func (s *Server) Advance(d time.Duration) {
	s.t.Helper()
	if err := s.Clock.Advance(d); err != nil {
		s.t.Fatalf("local AWS: %v", err)
	}
}

// step is the time step of AWS's devices (AWS: "30-second intervals"; RFC 6238,
// 5.2).
const step = 30 * time.Second

// Code is what a device with a seed in base32 shows at AWS's time, or so many
// time steps later. It is computed here, not by what verifies it (RFC 4226,
// 5.3; RFC 6238, 4.2).
func (s *Server) Code(seed string, steps int64) string {
	s.t.Helper()
	key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(strings.TrimRight(strings.ToUpper(seed), "="))
	if err != nil {
		s.t.Fatalf("local AWS: a seed isn't base32")
	}
	mac := hmac.New(sha1.New, key)
	mac.Write(binary.BigEndian.AppendUint64(nil, uint64(s.Clock.Now().Unix()/int64(step/time.Second)+steps)))
	sum := mac.Sum(nil)
	at := sum[len(sum)-1] & 15
	return fmt.Sprintf("%06d", binary.BigEndian.Uint32(sum[at:])&0x7fffffff%1000000)
}

// Keys sign requests.
type Keys struct {
	ID, Secret string
	Token      string // "" for long-term keys
}

// Keys are the first long-term keys of the world's first user of that name.
func (s *Server) Keys(user string) Keys {
	s.t.Helper()
	for _, a := range s.world.Accounts {
		for _, u := range a.Users {
			if u.Name.Value == user && len(u.AccessKeys) > 0 {
				return Keys{ID: u.AccessKeys[0].ID.Value, Secret: u.AccessKeys[0].Secret.Value}
			}
		}
	}
	s.t.Fatalf("local AWS: the world has no user %s with keys", user)
	return Keys{}
}
