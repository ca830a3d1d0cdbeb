package server_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/fob-auth/fob/agent/api"
	"github.com/fob-auth/fob/agent/server"
)

// TestMalformedOnEveryRoute sends each route what isn't a request that it
// takes: each gets an error of the table, nothing reaches the backend, and the
// server is well afterwards.
func TestMalformedOnEveryRoute(t *testing.T) {
	f := &fake{}
	path := start(t, f, server.Options{})
	long := strings.Repeat("a", api.MaxBody)
	bodies := map[string]string{
		"none": "", "blank": " \n", "no JSON": "{name}", "broken off": `{"name":"a`, "a list": `["a"]`, "null": "null", "a number": "5",
		"two": "{}{}", "bad UTF-8": "{\"name\":\"\xff\"}", "deep": `{"name":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + "}",
		"twice": `{"name":"a","name":"b"}`, "unknown": `{"sudo":true}`, "too large": `{"name":"` + long + `"}`,
	}
	sent := 0
	refused := func(name, raw string) {
		t.Helper()
		sent++
		resp, b := exchange(t, path, raw)
		if resp.StatusCode < 400 {
			t.Errorf("%s: status %d: %s", name, resp.StatusCode, b)
			return
		}
		errorOf(t, resp, b)
	}
	for _, route := range routes(t, path) {
		method, where, _ := strings.Cut(route, " ")
		refused(route+" with a huge header", request(route, "X-A: "+strings.Repeat("a", 9<<10)))
		refused(route+" of another host", strings.Replace(request(route), "Host: fob", "Host: evil", 1))
		refused(route+" from a browser", request(route, "Origin: https://evil.example"))
		refused(route+" with a query", strings.Replace(request(route), where, where+"?x=1", 1))
		if method != "POST" {
			refused(route+" with a body", strings.Replace(post(where, "{}"), "POST", method, 1))
			continue
		}
		refused(route+" as text", strings.Replace(request(route), "application/json", "text/plain", 1))
		for name, body := range bodies {
			refused(route+" with a body: "+name, post(where, body))
		}
	}
	t.Logf("%d malformed requests, %d refused", sent, sent)
	if n := f.asked(); sent < 200 || n != 0 {
		t.Errorf("%d requests; the backend was asked %d times", sent, n)
	}
	if resp, b := exchange(t, path, get(api.PathStatus)); resp.StatusCode != http.StatusOK {
		t.Errorf("afterwards: status %d: %s", resp.StatusCode, b)
	}
}

// TestNamesAsTheyAreSpelled: a name that differs from the document's in case
// alone is none of its names, though encoding/json takes it for one.
func TestNamesAsTheyAreSpelled(t *testing.T) {
	f := &fake{}
	path := start(t, f, server.Options{})
	for _, tt := range []struct{ route, body, words string }{
		{api.PathSessions, `{"Profile":"dev"}`, "profile"},
		{api.PathSessions, `{"profile":"dev","Renew":true}`, "Renew: unexpected property"},
		{api.PathSessions, `{"profile":"dev","MIN_TTL_SECONDS":1}`, "MIN_TTL_SECONDS: unexpected property"},
		{api.PathCodes, `{"to\u212aen":"1"}`, "to\u212aen: unexpected property"},
		{strings.Replace(api.PathPrompt, "{id}", "p1", 1), `{"Allow":true}`, "Allow: unexpected property"},
	} {
		resp, b := exchange(t, path, post(tt.route, tt.body))
		if e := errorOf(t, resp, b); e.Code != api.BadRequest || !strings.Contains(e.Message, tt.words) {
			t.Errorf("%s %s: %+v", tt.route, tt.body, e)
		}
	}
	if n := f.asked(); n != 0 {
		t.Errorf("the backend was asked %d times", n)
	}
}

// TestAllow: a route that doesn't take a method says which it takes, in words
// and in the header of RFC 9110 section 15.5.6; to no other answer that is added.
func TestAllow(t *testing.T) {
	path := start(t, &fake{}, server.Options{})
	for _, tt := range []struct{ raw, allow, words string }{
		{strings.Replace(post(api.PathSessions, "{}"), "POST", "PUT", 1), "GET, POST", "takes GET and POST, not PUT"},
		{post(api.PathStatus, "{}"), "GET", "takes GET, not POST"},
		{strings.Replace(get(api.PathStatus), "GET", "PATCH", 1), "GET", "takes GET, not PATCH"},
		{get("/v1/sessions/a"), "DELETE", "takes DELETE, not GET"},
		{get("/v1/nothing"), "", "no route"},
		{get(api.PathStatus), "", ""},
	} {
		resp, b := exchange(t, path, tt.raw)
		if allow := resp.Header.Get("Allow"); allow != tt.allow || (resp.StatusCode == http.StatusMethodNotAllowed) != (allow != "") {
			t.Errorf("%.40q: %s, allowed are %q, want %q", tt.raw, resp.Status, allow, tt.allow)
		}
		if !strings.Contains(string(b), tt.words) {
			t.Errorf("%.40q: %s", tt.raw, b)
		}
	}
}

// TestManyConnections: a process that opens more connections than it may have,
// and asks nothing on them, is refused in words on the next one, and may come
// again once it has closed one.
func TestManyConnections(t *testing.T) {
	path := start(t, &fake{}, server.Options{})
	const most = 512
	var open []net.Conn
	for range most {
		c, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		open = append(open, c)
	}
	// The last one is the server's once the first request on it is answered.
	if resp, b := ask(t, open[most-1], get(api.PathStatus)); resp.StatusCode != http.StatusOK {
		t.Fatalf("on the last one: %s %s", resp.Status, b)
	}
	resp, b := exchange(t, path, get(api.PathStatus))
	if e := errorOf(t, resp, b); e.Code != api.RateLimited || e.RetryAfterMS == 0 {
		t.Errorf("one more: %+v", e)
	}
	for _, c := range open[:most-1] {
		c.Close()
	}
	for resp, b = exchange(t, path, get(api.PathStatus)); resp.StatusCode == http.StatusTooManyRequests; resp, b = exchange(t, path, get(api.PathStatus)) {
		runtime.Gosched() // until the server has seen one close
	}
	if resp.StatusCode != http.StatusOK {
		t.Errorf("after they were closed: %s %s", resp.Status, b)
	}
}

// ask sends one request on a connection that stays.
func ask(t *testing.T, c net.Conn, raw string) (*http.Response, []byte) {
	t.Helper()
	if _, err := io.WriteString(c, raw); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, b
}
