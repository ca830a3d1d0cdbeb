package server_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fob-auth/fob/agent/api"
	"github.com/fob-auth/fob/agent/server"
)

// A scripted connection says what it was given, then ends, and keeps what it
// is told.
type scripted struct {
	in     *bytes.Reader
	mu     sync.Mutex
	out    bytes.Buffer
	closed chan struct{}
	once   sync.Once
}

func (c *scripted) Read(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.in.Read(b)
}

func (c *scripted) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.out.Write(b)
}

func (c *scripted) Close() error {
	c.once.Do(func() { close(c.closed) })
	return nil
}

func (c *scripted) LocalAddr() net.Addr              { return &net.UnixAddr{Net: "unix"} }
func (c *scripted) RemoteAddr() net.Addr             { return &net.UnixAddr{Net: "unix"} }
func (c *scripted) SetDeadline(time.Time) error      { return nil }
func (c *scripted) SetReadDeadline(time.Time) error  { return nil }
func (c *scripted) SetWriteDeadline(time.Time) error { return nil }

// FuzzRequest sends bytes to the server as a caller would. Whatever they are,
// nothing panics, each answer is whole, and each that is an error is one of the
// table.
func FuzzRequest(f *testing.F) {
	for _, seed := range []string{
		get(api.PathStatus),
		get(api.PathOpenAPI),
		get(api.PathEvents),
		post(api.PathCodes, `{"name":"AWS:carol","peek":true}`),
		post(api.PathSessions, `{"profile":"dev","min_ttl_seconds":900}`),
		post(api.PathEnroll, `{"profile":"dev","hardware":"GAHT12345678"}`),
		post(api.PathKeysImport, `{"profile":"dev-keys","passphrase":"x","remove":true}`),
		chunked(api.PathBind, `{"profile":"dev"}`),
		strings.Replace(get("/v1/sessions/a%2Fb"), "GET", "DELETE", 1),
		get(api.PathStatus) + post(api.PathResync, `{"profile":"x"}`) + get("/"),
		post(api.PathCodes, `{"a":{"b":[[[[[[[[1]]]]]]]]}}`),
		post(api.PathCodes, "{\"name\":\"\xff\"}"),
		"GET / HTTP/1.0\r\n\r\n",
		get("*"),
		get(api.PathStatus, "Expect: something"),
		"\x00\x00\r\n",
	} {
		f.Add([]byte(seed))
	}
	var log lockedBuffer
	back := &fake{}
	ln := newMemoryListener()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	s := newServer(f, back, server.Options{Peer: us, Log: slog.New(slog.NewTextHandler(&log, nil))})
	go func() { ended <- s.Serve(ctx, ln) }()
	f.Cleanup(func() {
		cancel()
		<-ended
	})
	f.Fuzz(func(t *testing.T, raw []byte) {
		log.Reset()
		c := &scripted{in: bytes.NewReader(raw), closed: make(chan struct{})}
		ln.conns <- c
		<-c.closed
		checkAnswers(t, raw, c.out.Bytes())
		if text := log.String(); strings.Contains(text, "panic") || strings.Contains(text, "level=ERROR") {
			t.Errorf("the log has: %s", text)
		}
	})
}

// checkAnswers reads answers to the end of out.
func checkAnswers(t *testing.T, raw, out []byte) {
	t.Helper()
	r := bufio.NewReader(bytes.NewReader(out))
	requests := bufio.NewReader(bytes.NewReader(raw))
	for {
		if _, err := r.Peek(1); err == io.EOF {
			return
		}
		// An answer to HEAD has no body; for all others the method is of no
		// consequence.
		req, err := http.ReadRequest(requests)
		if err == nil {
			_, _ = io.Copy(io.Discard, req.Body)
		}
		resp, err := http.ReadResponse(r, req)
		if err != nil {
			t.Fatalf("answer can't be read: %v: %q", err, out)
		}
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatalf("answer breaks off: %v: %q", err, out)
		}
		if resp.StatusCode == http.StatusContinue || resp.StatusCode == http.StatusNoContent || (req != nil && req.Method == http.MethodHead) {
			continue
		}
		switch {
		case resp.StatusCode >= 400:
			errorOf(t, resp, b)
		case resp.StatusCode != http.StatusOK:
			t.Errorf("status %d", resp.StatusCode)
		case resp.Header.Get("Content-Type") == "application/json" && !json.Valid(b):
			t.Errorf("answer isn't JSON: %q", b)
		}
	}
}

// A lockedBuffer is a buffer for a log.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (l *lockedBuffer) Reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.b.Reset()
}
