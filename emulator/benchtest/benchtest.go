// Package benchtest starts a bench of emulated tokens for one test, in this
// process, and ends it with the test:
//
//	bench := benchtest.Start(t, benchtest.YubiKey("12345678", benchtest.TOTP("AWS:carol", seed)))
//	driver := emulated.New(bench.Socket)
//
// What is under test reaches a YubiKey by the socket, which speaks HTTP (package
// emulator/api), or without one by [emulator.Token.Open]; a fob by the PTY that
// [Bench.Port] names. The test is the hand that presses, unplugs and plugs in.
//
// Tokens take their time from the host; [Options] gives them another clock, one
// that stands still until it is moved ([Clock]), or that of whatever else the
// test has. Under virtual time (testing/synctest) neither sockets nor PTYs may
// be waited for: NoSocket, and a Line in memory for fobs.
//
// It isn't for programs in other languages: those start fobemu and wait for its
// ready line.
package benchtest

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/fob-auth/fob/emulator"
	"github.com/fob-auth/fob/emulator/api"
	"github.com/fob-auth/fob/emulator/control"
	"github.com/fob-auth/fob/emulator/pty"
	"github.com/fob-auth/fob/firmware/otp"
)

// A TB is what the package needs of a test: *testing.T, B and F have it, and
// what other frameworks give in their place.
type TB interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	Cleanup(func())
}

// patience is how long a test waits for what must come: a token that waits for
// its button, say. It is generous, since nothing is proven by haste.
const patience = 30 * time.Second

// A Bench is a bench that is plugged in and served until its test ends.
type Bench struct {
	// Socket is the path of the bench's Unix socket; "" without one.
	Socket string
	// Emulator is the bench itself.
	Emulator *emulator.Bench

	t TB
}

// Options are what a bench may be given beside its tokens. The zero value is
// the bench of [Start].
type Options struct {
	// Now is the host's time as the tokens see it; nil for time.Now.
	Now func() time.Time
	// Random is where the tokens get random bytes; nil for crypto/rand. Several
	// goroutines read it.
	Random io.Reader
	// Line makes the serial lines of fobs, as emulator.Options has it; nil for
	// PTYs.
	Line func(path string) (io.ReadWriteCloser, error)
	// NoSocket leaves out the socket.
	NoSocket bool
}

// Start plugs tokens in and serves them, with Options' zero value.
func Start(t TB, tokens ...emulator.Spec) *Bench {
	t.Helper()
	return Options{}.Start(t, tokens...)
}

// StartFile is Start with the text of a bench file, as fobemu reads it. Paths
// in it are below a folder that is removed with the test.
func StartFile(t TB, yaml string) *Bench {
	t.Helper()
	return Options{}.StartFile(t, yaml)
}

// Start plugs tokens in and serves them until the test ends. What fails fails
// the test.
func (o Options) Start(t TB, tokens ...emulator.Spec) *Bench {
	t.Helper()
	dir := newDir(t)
	file := &emulator.File{}
	for _, spec := range tokens {
		for _, c := range spec.Credentials {
			if len(c.Secret) == 0 {
				t.Fatalf("bench: credential %q of token %s has no secret, or one that isn't base32", c.Name, spec.Name)
			}
		}
		if spec.Kind == api.Fob && spec.Attach == "" {
			spec.Attach = ptyPrefix + filepath.Join(dir, spec.Name)
		}
		file.Tokens = append(file.Tokens, spec)
	}
	return o.start(t, dir, file)
}

// StartFile is Start with the text of a bench file.
func (o Options) StartFile(t TB, yaml string) *Bench {
	t.Helper()
	dir := newDir(t)
	file, err := emulator.Parse(filepath.Join(dir, "bench.yaml"), []byte(yaml))
	if err != nil {
		t.Fatalf("bench: %v", err)
	}
	return o.start(t, dir, file)
}

// newDir is a folder with a path that leaves room for a socket's name: 107
// bytes are all that it may have.
func newDir(t TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "fob")
	if err != nil {
		t.Fatalf("bench: %v", err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Errorf("bench: %v", err)
		}
	})
	return dir
}

func (o Options) start(t TB, dir string, file *emulator.File) *Bench {
	t.Helper()
	inner := emulator.Options{Now: o.Now, Random: o.Random, Line: o.Line}
	if inner.Now == nil {
		inner.Now = time.Now
	}
	if inner.Random == nil {
		inner.Random = rand.Reader
	}
	if inner.Line == nil {
		inner.Line = func(path string) (io.ReadWriteCloser, error) { return pty.Open(path) }
	}
	e, err := emulator.New(file, inner)
	if err != nil {
		t.Fatalf("bench: %v", err)
	}
	b := &Bench{Emulator: e, t: t}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Errorf("bench: %v", err)
		}
	})
	if !o.NoSocket {
		b.Socket = filepath.Join(dir, "s")
		b.serve()
	}
	return b
}

// serve serves the socket until the test ends.
func (b *Bench) serve() {
	b.t.Helper()
	l, err := control.Listen(b.Socket)
	if err != nil {
		b.t.Fatalf("bench: %v", err)
	}
	ctx, stop := context.WithCancel(context.Background())
	var serving sync.WaitGroup
	serving.Go(func() { err = control.Serve(ctx, l, b.Emulator, slog.New(slog.DiscardHandler)) })
	b.t.Cleanup(func() {
		stop()
		serving.Wait()
		if err != nil {
			b.t.Errorf("bench: %v", err)
		}
	})
}

// YubiKey is a YubiKey of firmware 5.4.3 on the bench's socket, called by its
// serial number, whose button the bench presses at once. Its fields may be
// changed before it is plugged in: Firmware, Button, and the rest.
func YubiKey(serial string, credentials ...emulator.Credential) emulator.Spec {
	return emulator.Spec{Kind: api.YubiKey, Name: serial, Serial: serial, Attach: "socket",
		Button: emulator.ButtonAuto, Firmware: [3]byte{5, 4, 3}, Credentials: credentials}
}

// TOTP is a credential as AWS has them: a secret in base32, SHA-1, six digits,
// 30 s.
func TOTP(name, secret string) emulator.Credential {
	return emulator.Credential{Name: name, Secret: decode(secret), Digits: 6, Period: 30, Algorithm: otp.SHA1}
}

// Fob is a serial fob on a PTY, called by its serial number, with a seed in
// base32; the bench presses its button at once. Without a seed it is one that
// is still to be provisioned.
func Fob(serial, seed string) emulator.Spec {
	return emulator.Spec{Kind: api.Fob, Name: serial, Serial: serial, Seed: decode(seed), Button: emulator.ButtonAuto}
}

// decode is a secret in base32 (RFC 4648, 6), or nil where it is none.
func decode(text string) emulator.Secret {
	secret, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(strings.TrimRight(strings.ToUpper(text), "="))
	if err != nil {
		return nil
	}
	return secret
}

// ptyPrefix is how a bench file says that a fob is attached to a PTY.
const ptyPrefix = "pty:"

// Port is the path of a fob's serial port.
func (b *Bench) Port(name string) string {
	b.t.Helper()
	path, ok := strings.CutPrefix(b.Token(name).State().Attach, ptyPrefix)
	if !ok {
		b.t.Fatalf("bench: token %s has no serial port", name)
	}
	return path
}

// Token is the token called name.
func (b *Bench) Token(name string) *emulator.Token {
	b.t.Helper()
	token, err := b.Emulator.Token(name)
	if err != nil {
		b.t.Fatalf("bench: %v", err)
	}
	return token
}

// Press waits until a token waits for its button, and presses it.
func (b *Bench) Press(name string) {
	b.t.Helper()
	if err := b.Emulator.Press(context.Background(), b.Token(name), patience); err != nil {
		b.t.Fatalf("bench: press %s: %v", name, err)
	}
}

// Unplug takes a token out: who uses it loses it at once.
func (b *Bench) Unplug(name string) {
	b.t.Helper()
	if err := b.Token(name).Unplug(); err != nil {
		b.t.Fatalf("bench: unplug %s: %v", name, err)
	}
}

// Plug puts a token back in.
func (b *Bench) Plug(name string) {
	b.t.Helper()
	if err := b.Token(name).Plug(); err != nil {
		b.t.Fatalf("bench: plug %s: %v", name, err)
	}
}

// Await returns a token's state once it is as wanted. Only what
// [emulator.Bench.Changed] tells of is noticed.
func (b *Bench) Await(name string, wanted func(api.Token) bool) api.Token {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	s, err := b.Emulator.Await(ctx, b.Token(name), wanted)
	if err != nil {
		b.t.Fatalf("bench: token %s never became as wanted: %v", name, err)
	}
	return s
}

// A Clock stands still until it is moved. Its methods may be called from any
// goroutine.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock is a clock that shows now.
func NewClock(now time.Time) *Clock { return &Clock{now: now} }

// Now is what the clock shows.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves the clock, back where d is negative.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}
