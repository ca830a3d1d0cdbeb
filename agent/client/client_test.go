package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fob-auth/fob/agent/api"
)

// talk returns a client whose server reads one request's head and body and then
// says say. What was read arrives on heard.
func talk(t *testing.T, say string) (c *Client, heard chan string) {
	t.Helper()
	heard = make(chan string, 1)
	return &Client{Dial: func(context.Context) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go func() {
			defer theirs.Close()
			b := make([]byte, 64<<10)
			n, _ := theirs.Read(b)
			select {
			case heard <- string(b[:n]):
			default:
			}
			_, _ = io.WriteString(theirs, say)
		}()
		return ours, nil
	}}, heard
}

// says is an HTTP answer with a body of JSON.
func says(status int, body string) string {
	return fmt.Sprintf("HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", status, len(body), body)
}

// inChunks is an HTTP answer with a body in chunks.
func inChunks(chunks string) string {
	return "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks
}

// TestBodies reads a body in each of the forms that HTTP/1.1 has for one.
func TestBodies(t *testing.T) {
	for name, say := range map[string]string{
		"with a length":      says(200, `{"version":"v1"}`),
		"in one chunk":       inChunks("10\r\n{\"version\":\"v1\"}\r\n0\r\n\r\n"),
		"in chunks":          inChunks("1;x=y\r\n{\r\nF\r\n\"version\":\"v1\"}\r\n000\r\nTrailer: x\r\n\r\n"),
		"up to the end":      "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{\"version\":\"v1\"}",
		"with parameters":    strings.Replace(says(200, `{"version":"v1"}`), "application/json", "Application/JSON; charset=utf-8", 1),
		"more than a length": says(200, `{"version":"v1"}`) + "and more",
		"without a reason":   strings.Replace(says(200, `{"version":"v1"}`), "200 X", "200", 1),
	} {
		t.Run(name, func(t *testing.T) {
			c, _ := talk(t, say)
			if s, err := c.Status(t.Context()); err != nil || s.Version != "v1" {
				t.Errorf("%+v, %v", s, err)
			}
		})
	}
}

// codeOf returns the code of an error that has to be the agent's or ours.
func codeOf(t *testing.T, err error) api.ErrorCode {
	t.Helper()
	var e *api.Error
	if !errors.As(err, &e) {
		t.Fatalf("error %#v has no code", err)
	}
	return e.Code
}

// TestGarbage holds the client against servers that aren't an agent.
func TestGarbage(t *testing.T) {
	for _, tt := range []struct {
		name, say string
		want      api.ErrorCode
	}{
		{"nothing", "", api.NoAgent},
		{"noise", "\x00\xff\x13\x37", api.NoAgent},
		{"another protocol", "SSH-2.0-OpenSSH_9.6\r\n", api.NoAgent},
		{"half a line", "HTTP/1.1 20", api.NoAgent},
		{"half a body", "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"version\":", api.NoAgent},
		{"no JSON", says(200, "hello"), api.NoAgent},
		{"other JSON", says(200, `["hello"]`), api.NoAgent},
		{"text", strings.Replace(says(200, "{}"), "application/json", "text/html", 1), api.NoAgent},
		{"no type", strings.Replace(says(200, "{}"), "Content-Type: application/json\r\n", "", 1), api.NoAgent},
		{"error in text", strings.Replace(says(500, "oops"), "application/json", "text/plain", 1), api.NoAgent},
		{"error without a code", says(403, `{"error":{}}`), api.NoAgent},
		{"error of another kind", says(404, `{"message":"no"}`), api.NoAgent},
		{"redirect", "HTTP/1.1 302 Found\r\nLocation: http://evil.example/\r\nContent-Length: 0\r\n\r\n", api.NoAgent},
		{"endless header", "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("a", 2<<20), api.NoAgent},
		{"endless body", "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n" + strings.Repeat(" ", api.MaxAnswer+2), api.NoAgent},
		{"an interim answer", "HTTP/1.1 100 Continue\r\n\r\n" + says(200, "{}"), api.NoAgent},
		{"HTTP/2", strings.Replace(says(200, "{}"), "HTTP/1.1", "HTTP/2", 1), api.NoAgent},
		{"a status of four digits", says(2000, "{}"), api.NoAgent},
		{"a length that is none", strings.Replace(says(200, "{}"), "Length: 2", "Length: -2", 1), api.NoAgent},
		{"a huge length", strings.Replace(says(200, "{}"), "Length: 2", "Length: 4611686018427387904", 1), api.NoAgent},
		{"another coding", strings.Replace(says(200, "{}"), "Content-Length: 2", "Transfer-Encoding: gzip", 1), api.NoAgent},
		{"chunks without end", inChunks("2\r\n{}\r\n"), api.NoAgent},
		{"chunks without line end", inChunks("2\r\n{}0\r\n\r\n"), api.NoAgent},
		{"chunk of no number", inChunks("x\r\n{}\r\n0\r\n\r\n"), api.NoAgent},
		{"chunk of a negative size", inChunks("-2\r\n{}\r\n0\r\n\r\n"), api.NoAgent},
		{"chunk larger than what comes", inChunks("ffffffff\r\n{}\r\n"), api.NoAgent},
		{"chunk with an endless line", inChunks("2;" + strings.Repeat("a", 8<<10) + "\r\n{}\r\n0\r\n\r\n"), api.NoAgent},
		{"a code of a newer agent", says(418, `{"error":{"code":"teapot","message":"short and stout"}}`), "teapot"},
		{"an error of ours", says(409, `{"error":{"code":"drifted","message":"m","hint":"h","retry_after_ms":5}}`), api.Drifted},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, _ := talk(t, tt.say)
			if _, err := c.Status(t.Context()); codeOf(t, err) != tt.want {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestErrorIsWhole(t *testing.T) {
	c, _ := talk(t, says(409, `{"error":{"code":"drifted","message":"m","hint":"h","retry_after_ms":1500}}`))
	_, err := c.Drift(t.Context())
	var e *api.Error
	if !errors.As(err, &e) || *e != (api.Error{Code: api.Drifted, Message: "m", Hint: "h", RetryAfterMS: 1500}) || e.RetryAfter() != 1500*time.Millisecond {
		t.Errorf("error %#v", err)
	}
}

// TestRequest holds what goes over the wire, byte for byte, whatever the
// environment says of proxies.
func TestRequest(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	t.Setenv("http_proxy", "http://127.0.0.1:1")
	c, heard := talk(t, says(200, `{"code":"123456"}`))
	code, err := c.Code(t.Context(), api.CodeRequest{Name: "AWS:carol"})
	if err != nil || code.Code != "123456" {
		t.Errorf("code %+v, %v", code, err)
	}
	want := "POST /v1/codes HTTP/1.1\r\nHost: fob\r\nContent-Type: application/json\r\nContent-Length: 20\r\n\r\n{\"name\":\"AWS:carol\"}"
	if got := <-heard; got != want {
		t.Errorf("sent %q, want %q", got, want)
	}
}

func TestIDsAreEscaped(t *testing.T) {
	c, heard := talk(t, "HTTP/1.1 204 No Content\r\n\r\n")
	if err := c.Forget(t.Context(), "../a b/%?#é"); err != nil {
		t.Error(err)
	}
	if got := <-heard; !strings.HasPrefix(got, "DELETE /v1/sessions/..%2Fa%20b%2F%25%3F%23%C3%A9 HTTP/1.1\r\n") {
		t.Errorf("sent %q", got)
	}
	if err := c.Unbind(t.Context(), ""); codeOf(t, err) != api.BadRequest {
		t.Errorf("error %v", err)
	}
}

// TestDeadline: the caller's deadline ends a call that nobody answers.
func TestDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var theirs net.Conn
		c := Client{Dial: func(context.Context) (net.Conn, error) {
			ours, other := net.Pipe()
			theirs = other
			go func() { _, _ = io.Copy(io.Discard, other) }()
			return ours, nil
		}}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		start := time.Now()
		_, err := c.Session(ctx, api.SessionRequest{Profile: "dev"})
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 5*time.Second {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
		theirs.Close()
	})
}

func TestNobodyThere(t *testing.T) {
	dir, err := os.MkdirTemp("", "fob")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	stale := filepath.Join(dir, "stale.sock")
	ln, err := net.Listen("unix", stale)
	if err != nil {
		t.Fatal(err)
	}
	ln.(*net.UnixListener).SetUnlinkOnClose(false)
	if err := ln.Close(); err != nil {
		t.Fatal(err)
	}
	for path, words := range map[string]string{
		filepath.Join(dir, "none.sock"):        "there is no such socket",
		stale:                                  "has ended",
		dir + "/" + strings.Repeat("long", 50): "invalid argument",
	} {
		c := Client{Socket: path}
		_, err := c.Status(t.Context())
		var e *api.Error
		if !errors.As(err, &e) || e.Code != api.NoAgent || !strings.Contains(e.Message, words) || !strings.Contains(e.Hint, "fob service install") {
			t.Errorf("%s: %#v", path, err)
		}
	}
}

// TestDefaultSocket: the zero value asks where the agent listens by default.
func TestDefaultSocket(t *testing.T) {
	t.Setenv("XDG_RUNTIME_DIR", "/nonexistent/run")
	var c Client
	_, err := c.Status(t.Context())
	if err == nil || !strings.Contains(err.Error(), "/nonexistent/run/fob/agent.sock") {
		t.Errorf("error %v", err)
	}
}

// TestServerOfAnother: nothing is sent to a server that another user runs.
func TestServerOfAnother(t *testing.T) {
	dir, err := os.MkdirTemp("", "fob")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "s")
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	conn, err := dialOwned(t.Context(), path, os.Getuid()+1)
	var e *api.Error
	if !errors.As(err, &e) || e.Code != api.Forbidden || !strings.Contains(e.Message, "nothing was sent") {
		t.Errorf("conn %v, error %v", conn, err)
	}
	accepted, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer accepted.Close()
	if b, err := io.ReadAll(accepted); err != nil || len(b) > 0 {
		t.Errorf("it was sent %q, %v", b, err)
	}
	ours, err := dialOwned(t.Context(), path, os.Getuid())
	if err != nil {
		t.Fatal(err)
	}
	ours.Close()
}

func TestEvents(t *testing.T) {
	stream := "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n" +
		": following\n\n" +
		"event: touch-wanted\ndata: {\"type\":\"touch-wanted\",\"at\":\"2026-11-22T12:00:00Z\",\"message\":\"touch it\"}\n\n" +
		"retry: 5\nid: 7\nnonsense\ndata: not JSON\n\n" +
		"data:{\"type\":\"of a newer agent\"}\r\n\r\n"
	c, _ := talk(t, stream)
	var got []string
	followed := false
	for e, err := range c.Events(t.Context(), func() { followed = true }) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, string(e.Type)+" "+e.Message)
	}
	if want := "[touch-wanted touch it of a newer agent ]"; fmt.Sprint(got) != want || !followed {
		t.Errorf("events %v, followed %t", got, followed)
	}
}

func TestEventsFail(t *testing.T) {
	head := "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
	for name, tt := range map[string]struct {
		say  string
		want api.ErrorCode
	}{
		"refused":      {says(403, `{"error":{"code":"forbidden","message":"m"}}`), api.Forbidden},
		"broken off":   {head + "Content-Length: 1000\r\n\r\n: following\n\n", api.NoAgent},
		"endless line": {head + "\r\ndata: " + strings.Repeat("x", maxEvent+1), api.NoAgent},
		"no answer":    {"", api.NoAgent},
	} {
		t.Run(name, func(t *testing.T) {
			c, _ := talk(t, tt.say)
			n := 0
			for _, err := range c.Events(t.Context(), nil) {
				n++
				if codeOf(t, err) != tt.want {
					t.Errorf("error %v", err)
				}
			}
			if n != 1 {
				t.Errorf("%d pairs", n)
			}
		})
	}
}

// FuzzAnswer lets a server say anything: the client returns, with an error that
// has a code or with an answer.
func FuzzAnswer(f *testing.F) {
	for _, seed := range []string{
		says(200, `{"version":"1","pid":5}`), says(403, `{"error":{"code":"forbidden"}}`), "HTTP/1.1 204 No Content\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
		"HTTP/1.1 100 Continue\r\n\r\n" + says(200, "{}"), "HTTP/1.1 101 Switching Protocols\r\n\r\n", "data: {}\n\n", "",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, say []byte) {
		c, _ := talk(t, string(say))
		if _, err := c.Status(t.Context()); err != nil {
			codeOf(t, err)
		}
		if err := readEvents(strings.NewReader(string(say)), func(api.Event) bool { return true }); err != nil {
			codeOf(t, err)
		}
	})
}
