package control

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fob-auth/fob/emulator"
	"github.com/fob-auth/fob/emulator/api"
	"github.com/fob-auth/fob/emulator/pty"
)

// benchText has a key whose credential "x" wants a touch and has the test key
// of RFC 6238, and a fob with the same key.
const benchText = `tokens:
  - kind: yubikey
    name: yk1
    serial: 12345678
    touch: manual
    credentials: [{name: x, secret: GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ, touch: true}]
  - kind: fob
    name: fob1
    serial: GAHT12345678
    seed: GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ
    attach: pty:fob1
    button: manual
`

// Commands of YKOATH, and the answer of credential "x" at time step 1: six
// digits of 0x41397eea (RFC 4226, appendix D, count 1).
const (
	selectOATH = "00a4040007a0000005272101"
	calculateX = "00a200010d7101787408" + "0000000000000001"
	codeX      = "7605" + "06" + "41397eea" + "9000"
)

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// shortDir is a folder whose path leaves room for a socket's name.
func shortDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "fob")
	check(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// A harness is a bench that is served in this process.
type harness struct {
	dir  string
	dial func(context.Context) (net.Conn, error)
	http *http.Client
	stop context.CancelFunc
	done chan error
}

// serve runs the bench of benchText on listener l until the test ends.
func serve(t testing.TB, dir string, l net.Listener, dial func(context.Context) (net.Conn, error),
	line func(string) (io.ReadWriteCloser, error)) *harness {
	t.Helper()
	file, err := emulator.Parse(filepath.Join(dir, "bench.yaml"), []byte(benchText))
	check(t, err)
	bench, err := emulator.New(file, emulator.Options{Now: time.Now, Random: rand.Reader, Line: line})
	check(t, err)
	ctx, stop := context.WithCancel(context.Background())
	h := &harness{dir: dir, dial: dial, stop: stop, done: make(chan error, 1)}
	h.http = &http.Client{Transport: &http.Transport{
		DialContext:       func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) },
		DisableKeepAlives: true,
	}}
	go func() {
		err := Serve(ctx, l, bench, slog.New(slog.DiscardHandler))
		if closeErr := bench.Close(); err == nil {
			err = closeErr
		}
		h.done <- err
	}()
	return h
}

// end stops the bench and waits until it is gone.
func (h *harness) end(t testing.TB) {
	t.Helper()
	h.stop()
	if err := <-h.done; err != nil {
		t.Error(err)
	}
}

// start serves a bench on a socket, with real lines.
func start(t testing.TB) *harness {
	t.Helper()
	dir := shortDir(t)
	socket := filepath.Join(dir, "s")
	l, err := Listen(socket)
	check(t, err)
	h := serve(t, dir, l, func(ctx context.Context) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}, func(path string) (io.ReadWriteCloser, error) { return pty.Open(path) })
	t.Cleanup(func() { h.end(t) })
	return h
}

// route is a path of package api with its token's name filled in.
func route(path, name string) string { return strings.Replace(path, "{name}", name, 1) }

// do sends a request and reads the answer, whole.
func (h *harness) do(t testing.TB, method, path, body string) (int, []byte) {
	t.Helper()
	req, err := http.NewRequest(method, "http://bench"+path, strings.NewReader(body))
	check(t, err)
	resp, err := h.http.Do(req)
	check(t, err)
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	check(t, err)
	return resp.StatusCode, answer
}

// act does something to a token that must succeed.
func (h *harness) act(t testing.TB, path, name, body string) api.Token {
	t.Helper()
	method := http.MethodPost
	if path == api.PathToken {
		method = http.MethodGet
	}
	status, answer := h.do(t, method, route(path, name), body)
	var token api.Token
	if err := json.Unmarshal(answer, &token); status != http.StatusOK || err != nil {
		t.Fatalf("%s %s: %d %s, %v", path, name, status, answer, err)
	}
	return token
}

// refused is the error code of a request that must fail.
func (h *harness) refused(t testing.TB, method, path, body string) (int, api.ErrorCode) {
	t.Helper()
	status, answer := h.do(t, method, path, body)
	var refused api.Error
	if err := json.Unmarshal(answer, &refused); err != nil || refused.Message == "" {
		t.Fatalf("%s %s: %d, body %q is no error: %v", method, path, status, answer, err)
	}
	return status, refused.Code
}

// A channel is a card channel from the client's side.
type channel struct {
	net.Conn
	r *bufio.Reader
}

// upgrade asks for a card channel and returns the answer to that.
func (h *harness) upgrade(t testing.TB, name string) (*channel, *http.Response) {
	t.Helper()
	c, resp, err := h.tryUpgrade(name)
	check(t, err)
	return c, resp
}

// tryUpgrade is upgrade with an error, for when the bench may be gone.
func (h *harness) tryUpgrade(name string) (*channel, *http.Response, error) {
	conn, err := h.dial(context.Background())
	if err != nil {
		return nil, nil, err
	}
	c := &channel{Conn: conn, r: bufio.NewReader(conn)}
	_, err = fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: bench\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n",
		route(api.PathCard, name), api.Upgrade)
	var resp *http.Response
	if err == nil {
		resp, err = http.ReadResponse(c.r, nil)
	}
	if err != nil {
		conn.Close()
	}
	return c, resp, err
}

// card opens a card channel.
func (h *harness) card(t testing.TB, name string) *channel {
	t.Helper()
	c, resp := h.upgrade(t, name)
	if resp.StatusCode != http.StatusSwitchingProtocols || resp.Header.Get("Upgrade") != api.Upgrade {
		t.Fatalf("the upgrade was answered %v", resp)
	}
	return c
}

// send sends a command APDU, given in hex.
func (c *channel) send(t testing.TB, cmd string) {
	t.Helper()
	b, err := hex.DecodeString(cmd)
	check(t, err)
	check(t, api.WriteFrame(c, b))
}

// transmit sends a command and wants an answer that begins so, in hex.
func (c *channel) transmit(t testing.TB, cmd, want string) {
	t.Helper()
	check(t, c.exchange(cmd, want))
}

func (c *channel) expect(t testing.TB, want string) {
	t.Helper()
	got, err := api.ReadFrame(c.r)
	if err != nil || !strings.HasPrefix(hex.EncodeToString(got), want) {
		t.Fatalf("answer %x, %v, want %s", got, err, want)
	}
}

// ended wants the channel closed by the bench.
func (c *channel) ended(t testing.TB) {
	t.Helper()
	if got, err := api.ReadFrame(c.r); err == nil {
		t.Fatalf("the channel still answers: %x", got)
	}
	c.Close()
}

// A watcher reads the watch stream.
type watcher struct {
	t    testing.TB
	body io.ReadCloser
	dec  *json.Decoder
}

func (h *harness) watch(t testing.TB) *watcher {
	t.Helper()
	resp, err := h.http.Get("http://bench" + api.PathWatch)
	check(t, err)
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("watch was answered %s", resp.Status)
	}
	return &watcher{t: t, body: resp.Body, dec: json.NewDecoder(resp.Body)}
}

// next is the next set, by name.
func (w *watcher) next() map[string]api.Token {
	w.t.Helper()
	var tokens []api.Token
	check(w.t, w.dec.Decode(&tokens))
	set := map[string]api.Token{}
	for _, token := range tokens {
		set[token.Name] = token
	}
	return set
}

// until reads sets until one is as wanted of the token called name.
func (w *watcher) until(name string, wanted func(api.Token) bool) api.Token {
	w.t.Helper()
	for {
		if token := w.next()[name]; wanted(token) {
			return token
		}
	}
}

func waiting(t api.Token) bool    { return t.Waiting }
func notWaiting(t api.Token) bool { return !t.Waiting }

// jsonBody is v as a request body.
func jsonBody(t testing.TB, v any) string {
	t.Helper()
	var b bytes.Buffer
	check(t, json.NewEncoder(&b).Encode(v))
	return b.String()
}

// exchange sends a command; the error is the channel's, or says that the answer
// doesn't begin so.
func (c *channel) exchange(cmd, want string) error {
	b, err := hex.DecodeString(cmd)
	if err != nil {
		return err
	}
	if err := api.WriteFrame(c, b); err != nil {
		return err
	}
	got, err := api.ReadFrame(c.r)
	if err == nil && !strings.HasPrefix(hex.EncodeToString(got), want) {
		err = fmt.Errorf("%s was answered %x, want %s", cmd, got, want)
	}
	return err
}
