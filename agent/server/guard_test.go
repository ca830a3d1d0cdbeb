package server_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/fob-auth/fob/agent/api"
	"github.com/fob-auth/fob/agent/server"
)

// exchange writes raw bytes to the socket and returns the first answer.
func exchange(t *testing.T, path, raw string) (*http.Response, []byte) {
	t.Helper()
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	// What is refused early may not be read to its end.
	_, _ = io.WriteString(c, raw)
	return answerOf(t, bufio.NewReader(c))
}

func answerOf(t *testing.T, r *bufio.Reader) (*http.Response, []byte) {
	t.Helper()
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatalf("no answer: %v", err)
	}
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("answer breaks off: %v", err)
	}
	return resp, b
}

// errorOf holds an answer to be an error of the table, typed and in JSON.
func errorOf(t *testing.T, resp *http.Response, b []byte) api.Error {
	t.Helper()
	if kind := resp.Header.Get("Content-Type"); kind != "application/json" {
		t.Errorf("content type %q", kind)
	}
	var body api.ErrorBody
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&body); err != nil {
		t.Fatalf("status %d, body %q: %v", resp.StatusCode, b, err)
	}
	if info := body.Error.Code.Info(); info.Code != body.Error.Code || info.HTTP != resp.StatusCode {
		t.Errorf("status %d with code %q", resp.StatusCode, body.Error.Code)
	}
	if body.Error.Message == "" {
		t.Error("no message")
	}
	return body.Error
}

// post is a request as a client of any language would send it.
func post(path, body string, headers ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "POST %s HTTP/1.1\r\nHost: fob\r\nContent-Type: application/json\r\nContent-Length: %d\r\n", path, len(body))
	for _, h := range headers {
		b.WriteString(h + "\r\n")
	}
	return b.String() + "\r\n" + body
}

func get(path string, headers ...string) string {
	return "GET " + path + " HTTP/1.1\r\nHost: fob\r\n" + strings.Join(append(headers, ""), "\r\n") + "\r\n"
}

func TestGuardRefuses(t *testing.T) {
	f := &fake{}
	path := start(t, f, server.Options{})
	deep := `{"profile":` + strings.Repeat("[", 2000) + strings.Repeat("]", 2000) + `}`
	tests := []struct {
		name string
		raw  string
		code api.ErrorCode
		in   string // the message names this
	}{
		{"no host", "GET /v1/status HTTP/1.1\r\n\r\n", api.BadRequest, "HTTP"},
		{"other host", strings.Replace(get(api.PathStatus), "Host: fob", "Host: localhost", 1), api.Forbidden, "Host"},
		{"host with port", strings.Replace(get(api.PathStatus), "Host: fob", "Host: fob:80", 1), api.Forbidden, "Host"},
		{"host in other case", strings.Replace(get(api.PathStatus), "Host: fob", "Host: FOB", 1), api.Forbidden, "Host"},
		{"host in the line", strings.Replace(get(api.PathStatus), "/v1", "http://evil/v1", 1), api.Forbidden, "Host"},
		{"two hosts", get(api.PathStatus, "Host: fob"), api.BadRequest, "HTTP"},
		{"origin", get(api.PathStatus, "Origin: http://localhost"), api.Forbidden, "Origin"},
		{"null origin", get(api.PathStatus, "Origin: null"), api.Forbidden, "Origin"},
		{"empty origin", get(api.PathStatus, "Origin:"), api.Forbidden, "Origin"},
		{"referer", get(api.PathStatus, "Referer: http://fob/"), api.Forbidden, "Referer"},
		{"fetch metadata", get(api.PathStatus, "Sec-Fetch-Site: none"), api.Forbidden, "Sec-Fetch-Site"},
		{"no route", get("/v1/nothing"), api.NotFound, "/v1/nothing"},
		{"root", get("/"), api.NotFound, ""},
		{"unclean path", get("/v1//status"), api.NotFound, ""},
		{"dots", get("/v1/../v1/status"), api.NotFound, ""},
		{"escaped dots", get("/v1/%2e%2e/status"), api.NotFound, ""},
		{"trailing slash", get("/v1/status/"), api.NotFound, ""},
		{"no id", strings.Replace(get("/v1/sessions/"), "GET", "DELETE", 1), api.NotFound, ""},
		{"query", get("/v1/status?x=1"), api.BadRequest, "query"},
		{"bare query", get("/v1/status?"), api.BadRequest, "query"},
		{"events' query", get("/v1/events?x=1"), api.BadRequest, "answers"},
		{"events' query empty", get("/v1/events?answers="), api.BadRequest, "answers"},
		{"events' query twice", get("/v1/events?answers=a&answers=b"), api.BadRequest, "answers"},
		{"events' query broken", get("/v1/events?answers=%zz"), api.BadRequest, "answers"},
		{"huma's own documents", get("/openapi.json"), api.NotFound, ""},
		{"wrong method", post(api.PathStatus, "{}"), api.MethodNotAllowed, "GET"},
		{"head", strings.Replace(get(api.PathCodes), "GET", "PUT", 1), api.MethodNotAllowed, "POST"},
		{"connect", "CONNECT fob:443 HTTP/1.1\r\nHost: fob\r\n\r\n", api.Forbidden, "Host"},
		{"options", "OPTIONS * HTTP/1.1\r\nHost: fob\r\n\r\n", api.NotFound, ""},
		{"no path", get("*"), api.NotFound, "*"},
		{"expectation", post(api.PathCodes, "{}", "Expect: something"), api.BadRequest, "HTTP"},
		{"expectation of HTTP/1.0", strings.Replace(get(api.PathStatus, "Expect: something"), "HTTP/1.1", "HTTP/1.0", 1), api.BadRequest, "HTTP"},
		{"get with a body", get(api.PathStatus, "Content-Length: 2") + "{}", api.BadRequest, "body"},
		{"delete with a body", strings.Replace(post("/v1/sessions/a", "{}"), "POST", "DELETE", 1), api.BadRequest, "body"},
		{"no body", post(api.PathCodes, ""), api.BadRequest, "body"},
		{"blank body", post(api.PathCodes, "  \n"), api.BadRequest, "body"},
		{"no content type", strings.Replace(post(api.PathCodes, "{}"), "Content-Type: application/json\r\n", "", 1), api.BadRequest, "Content-Type"},
		{"form", strings.Replace(post(api.PathCodes, "{}"), "application/json", "text/plain", 1), api.BadRequest, "Content-Type"},
		{"encoded", post(api.PathCodes, "{}", "Content-Encoding: gzip"), api.BadRequest, "encoded"},
		{"64 KiB", post(api.PathCodes, `{"name":"`+strings.Repeat("a", 64<<10)+`"}`), api.TooLarge, "16384"},
		{"64 KiB in chunks", chunked(api.PathCodes, `{"name":"`+strings.Repeat("a", 64<<10)+`"}`), api.TooLarge, "16384"},
		{"one byte over", post(api.PathCodes, pad(api.MaxBody+1)), api.TooLarge, "16384"},
		{"not JSON", post(api.PathCodes, "{name}"), api.BadRequest, "JSON"},
		{"broken off", post(api.PathCodes, `{"name":"a`), api.BadRequest, "JSON"},
		{"no object", post(api.PathCodes, `["a"]`), api.BadRequest, "object"},
		{"null", post(api.PathCodes, `null`), api.BadRequest, "object"},
		{"two objects", post(api.PathCodes, `{}{}`), api.BadRequest, "follows"},
		{"bad UTF-8", post(api.PathCodes, "{\"name\":\"\xff\xfe\"}"), api.BadRequest, "UTF-8"},
		{"deep nesting", post(api.PathSessions, deep), api.BadRequest, "nests"},
		{"member twice", post(api.PathSessions, `{"profile":"a","profile":"b"}`), api.BadRequest, "twice"},
		{"member twice in other case", post(api.PathSessions, `{"profile":"a","Profile":"b"}`), api.BadRequest, "twice"},
		{"unknown field", post(api.PathSessions, `{"profile":"a","admin":true}`), api.BadRequest, "admin"},
		{"wrong type", post(api.PathSessions, `{"profile":5}`), api.BadRequest, "profile"},
		{"missing field", post(api.PathSessions, `{}`), api.BadRequest, "profile"},
		{"empty field", post(api.PathSessions, `{"profile":""}`), api.BadRequest, "profile"},
		{"long field", post(api.PathSessions, `{"profile":"`+strings.Repeat("a", 300)+`"}`), api.BadRequest, "profile"},
		{"negative", post(api.PathSessions, `{"profile":"a","min_ttl_seconds":-1}`), api.BadRequest, "min_ttl_seconds"},
		{"fraction", post(api.PathSessions, `{"profile":"a","min_ttl_seconds":1.5}`), api.BadRequest, "min_ttl_seconds"},
		{"huge header", get(api.PathStatus, "X-A: "+strings.Repeat("a", 9<<10)), api.TooLarge, "8192"},
		{"many headers", get(api.PathStatus, strings.Repeat("X-A: aaaa\r\n", 2000)+"X-B: b"), api.TooLarge, "8192"},
		{"huge line", get("/v1/" + strings.Repeat("a", 9<<10)), api.TooLarge, "8192"},
		{"not HTTP", "hello\r\n\r\n", api.BadRequest, "HTTP"},
		{"TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", api.BadRequest, "HTTP"},
		{"HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", api.Forbidden, "Host"},
		{"HTTP/3.0", "GET /v1/status HTTP/3.0\r\nHost: fob\r\n\r\n", api.BadRequest, "HTTP"},
		{"bad length", strings.Replace(post(api.PathCodes, "{}"), "Content-Length: 2", "Content-Length: -2", 1), api.BadRequest, "HTTP"},
		{"two lengths", post(api.PathCodes, "{}", "Content-Length: 3"), api.BadRequest, "HTTP"},
		{"unknown transfer encoding", post(api.PathCodes, "{}", "Transfer-Encoding: rot13"), api.BadRequest, "HTTP"},
		{"bad chunk", strings.Replace(chunked(api.PathCodes, "{}"), "2\r\n{}", "zz\r\n{}", 1), api.BadRequest, "read"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			resp, b := exchange(t, path, tt.raw)
			e := errorOf(t, resp, b)
			if e.Code != tt.code {
				t.Errorf("code %q (%s), want %q", e.Code, e.Message, tt.code)
			}
			if !strings.Contains(e.Message, tt.in) {
				t.Errorf("message %q doesn't name %q", e.Message, tt.in)
			}
			if n := f.asked(); n != 0 {
				t.Errorf("the backend was asked %d times", n)
			}
		})
	}
	// After all of that the server is well.
	if resp, b := exchange(t, path, get(api.PathStatus)); resp.StatusCode != http.StatusOK {
		t.Errorf("status %d: %s", resp.StatusCode, b)
	}
}

func chunked(path, body string) string {
	return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: fob\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", path, len(body), body)
}

// pad is a valid request body of n bytes.
func pad(n int) string {
	const head, tail = `{"name":"a"`, `}`
	return head + strings.Repeat(" ", n-len(head)-len(tail)) + tail
}

func TestGuardAdmits(t *testing.T) {
	f := &fake{}
	path := start(t, f, server.Options{})
	for name, raw := range map[string]string{
		"plain":          get(api.PathStatus),
		"whole URL":      strings.Replace(get(api.PathStatus), "/v1", "http://fob/v1", 1),
		"charset":        strings.Replace(post(api.PathCodes, "{}"), "application/json", "application/json; charset=utf-8", 1),
		"type's case":    strings.Replace(post(api.PathCodes, "{}"), "application/json", "Application/JSON; charset=utf-8", 1),
		"chunks":         chunked(api.PathCodes, "{}"),
		"to the brim":    post(api.PathCodes, pad(api.MaxBody)),
		"any accept":     get(api.PathStatus, "Accept: text/html"),
		"header to 8000": get(api.PathStatus, "X-A: "+strings.Repeat("a", 8000)),
	} {
		t.Run(name, func(t *testing.T) {
			resp, b := exchange(t, path, raw)
			if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "application/json" {
				t.Errorf("status %d, content type %q: %s", resp.StatusCode, resp.Header.Get("Content-Type"), b)
			}
			if n := f.asked(); n != 1 {
				t.Errorf("the backend was asked %d times", n)
			}
		})
	}
}

func TestPipelined(t *testing.T) {
	f := &fake{}
	path := start(t, f, server.Options{})
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, get(api.PathStatus)+post(api.PathCodes, `{"name":"x"}`)+get("/nothing")); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(c)
	for i, want := range []int{200, 200, 404} {
		if resp, b := answerOf(t, r); resp.StatusCode != want {
			t.Errorf("answer %d: status %d: %s", i, resp.StatusCode, b)
		}
	}
}

func TestPeers(t *testing.T) {
	for _, tt := range []struct {
		name string
		peer func(net.Conn) (server.Peer, error)
		want int
	}{
		{"ours", us, http.StatusOK},
		{"another user", func(net.Conn) (server.Peer, error) {
			return server.Peer{UID: os.Getuid() + 1, PID: 77, Find: found("/usr/bin/spy")}, nil
		}, http.StatusForbidden},
		{"root, which we aren't, or the reverse", func(net.Conn) (server.Peer, error) {
			return server.Peer{UID: 4294967294}, nil
		}, http.StatusForbidden},
		{"unknown", func(net.Conn) (server.Peer, error) { return server.Peer{}, io.ErrUnexpectedEOF }, http.StatusForbidden},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := &fake{}
			var log bytes.Buffer
			path := start(t, f, server.Options{Peer: tt.peer, Log: slog.New(slog.NewTextHandler(&log, nil))})
			resp, b := exchange(t, path, get(api.PathStatus))
			if resp.StatusCode != tt.want {
				t.Errorf("status %d: %s", resp.StatusCode, b)
			}
			if tt.want == http.StatusOK {
				return
			}
			if f.asked() != 0 {
				t.Error("the backend was asked")
			}
			if !strings.Contains(log.String(), "refused") {
				t.Errorf("the refusal isn't in the log: %s", &log)
			}
		})
	}
}

func TestPeerReachesBackend(t *testing.T) {
	f := &fake{}
	path := start(t, f, server.Options{})
	if resp, b := exchange(t, path, get(api.PathStatus)); resp.StatusCode != http.StatusOK {
		t.Fatalf("status %d: %s", resp.StatusCode, b)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if f.peer.UID != os.Getuid() || f.peer.PID != os.Getpid() || f.peer.Exe() != exe {
		t.Errorf("peer %+v", f.peer)
	}
}
