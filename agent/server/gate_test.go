package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fob-auth/fob/agent/api"
	"github.com/fob-auth/fob/agent/audit"
	"github.com/fob-auth/fob/agent/policy"
	"github.com/fob-auth/fob/agent/server"
	"github.com/fob-auth/fob/agent/store"
)

// lock is a lock that a test closes.
type lock struct{ closed atomic.Bool }

func (l *lock) Locked() bool { return l.closed.Load() }

// journal keeps what would be written down.
type journal struct {
	mu    sync.Mutex
	lines []audit.Record
	kept  int
	err   error
}

func (j *journal) Append(r audit.Record) (int64, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	r.N = int64(len(j.lines) + 1)
	j.lines = append(j.lines, r)
	return r.N, j.err
}

// written returns what was written so far.
func (j *journal) written() []audit.Record {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.lines)
}

func (j *journal) Keep(context.Context) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.kept++
	return nil
}

// routes returns every route of the server, its name in the path filled in.
func routes(t *testing.T, path string) []string {
	t.Helper()
	_, b := exchange(t, path, get(api.PathOpenAPI))
	var doc struct {
		Paths map[string]map[string]json.RawMessage
	}
	if err := json.Unmarshal(b, &doc); err != nil {
		t.Fatal(err)
	}
	all := []string{"GET " + api.PathOpenAPI}
	for route, methods := range doc.Paths {
		for method := range methods {
			all = append(all, strings.ToUpper(method)+" "+strings.Replace(route, "{id}", "some", 1))
		}
	}
	slices.Sort(all)
	if len(all) < 20 {
		t.Fatalf("only %d routes: %q", len(all), all)
	}
	return all
}

// request is one that a route takes as far as its form goes.
func request(route string, headers ...string) string {
	method, path, _ := strings.Cut(route, " ")
	if method == "POST" {
		return post(path, `{}`, headers...)
	}
	return strings.Replace(get(path, headers...), "GET", method, 1)
}

// TestEveryRouteWhileLocked: lists are empty, the status tells nothing but that
// it is locked, and all else is refused; the backend isn't asked.
func TestEveryRouteWhileLocked(t *testing.T) {
	f, l, j := &fake{}, &lock{}, &journal{}
	path := start(t, f, server.Options{Gate: &server.Gate{Lock: l, Audit: j}})
	all := routes(t, path)
	l.closed.Store(true)
	empty, refused, acts := 0, 0, 0
	for _, route := range all {
		f.asked()
		resp, b := exchange(t, path, request(route))
		switch {
		case route == "POST "+api.PathUnlock:
			if resp.StatusCode != http.StatusOK || f.asked() != 1 {
				t.Errorf("%s: status %d: %s", route, resp.StatusCode, b)
			}
		case route == "GET "+api.PathStatus:
			var st api.Status
			if err := json.Unmarshal(b, &st); err != nil || !st.Locked || st.Tokens+st.Sessions+st.Waiting+len(st.Warnings) != 0 {
				t.Errorf("%s: %s", route, b)
			}
			empty++
		case resp.StatusCode == http.StatusOK:
			if string(bytes.TrimSpace(b)) != "[]" || f.asked() != 0 {
				t.Errorf("%s: %s", route, b)
			}
			empty++
		default:
			if e := errorOf(t, resp, b); e.Code != api.Locked || e.Hint == "" || f.asked() != 0 {
				t.Errorf("%s: %+v", route, e)
			}
			refused++
			if !strings.HasPrefix(route, "GET ") {
				acts++
			}
		}
	}
	t.Logf("%d routes while locked: %d refused, %d empty, 1 unlocks", len(all), refused, empty)
	if written := len(j.written()); written != acts+2 { // unlock is asked and done
		t.Errorf("%d lines for %d acts that were refused", written, acts)
	}
}

// TestLockedMeanwhile: who waits for a session when the agent is locked gets
// none.
func TestLockedMeanwhile(t *testing.T) {
	l := &lock{}
	f := &fake{}
	f.hold = func(context.Context) error { l.closed.Store(true); return nil }
	path := start(t, f, server.Options{Gate: &server.Gate{Lock: l}})
	resp, b := exchange(t, path, post(api.PathSessions, `{"profile":"dev"}`))
	if e := errorOf(t, resp, b); e.Code != api.Locked || bytes.Contains(b, []byte("ASIA")) {
		t.Errorf("%s", b)
	}
}

// office has one ticket.
type office struct{}

func (office) Check(secret string, _ time.Time) (store.Ticket, error) {
	if secret != "fobticket_good" {
		return store.Ticket{}, policy.ErrNoTicket
	}
	return store.Ticket{ID: "t1", Name: "ci", Profiles: []string{"deploy"}}, nil
}

// TestEveryRouteOfTheRestrictedSocket: three are answered, to whoever has a
// ticket, of whatever user; without one, none.
func TestEveryRouteOfTheRestrictedSocket(t *testing.T) {
	f, j := &fake{}, &journal{}
	all := routes(t, start(t, &fake{}, server.Options{}))
	stranger := func(net.Conn) (server.Peer, error) { return server.Peer{UID: os.Getuid() + 1, PID: 7}, nil }
	path := start(t, f, server.Options{Tickets: office{}, Peer: stranger, Gate: &server.Gate{Audit: j}})
	allowed := map[string]bool{"GET " + api.PathStatus: true, "GET " + api.PathOpenAPI: true, "POST " + api.PathSessions: true}
	answered := 0
	for _, route := range all {
		for name, headers := range map[string][]string{
			"no ticket":    nil,
			"other ticket": {"Authorization: Bearer fobticket_bad"},
			"other scheme": {"Authorization: Basic fobticket_good"},
		} {
			resp, b := exchange(t, path, request(route, headers...))
			if e := errorOf(t, resp, b); e.Code != api.TicketRefused {
				t.Errorf("%s with %s: %+v", route, name, e)
			}
		}
		resp, b := exchange(t, path, request(route, "Authorization: Bearer fobticket_good"))
		if !allowed[route] {
			if e := errorOf(t, resp, b); e.Code != api.Forbidden {
				t.Errorf("%s: %+v", route, e)
			}
			continue
		}
		answered++
		if resp.StatusCode != http.StatusOK && !strings.HasPrefix(route, "POST") {
			t.Errorf("%s: status %d: %s", route, resp.StatusCode, b)
		}
		if bytes.Contains(b, []byte(`"pid":7`)) {
			t.Errorf("%s tells of the agent: %s", route, b)
		}
	}
	t.Logf("%d routes on the restricted socket: %d answered", len(all), answered)
	if n := f.asked(); answered != 3 || n != 1 {
		t.Errorf("%d routes answered, the backend was asked %d times", answered, n)
	}
	resp, b := exchange(t, path, post(api.PathSessions, `{"profile":"deploy"}`, "Authorization: Bearer fobticket_good"))
	if resp.StatusCode != http.StatusOK || f.peer.Ticket == nil || f.peer.Ticket.Name != "ci" {
		t.Errorf("status %d: %s; peer %+v", resp.StatusCode, b, f.peer)
	}
	lines := j.written()
	last := lines[len(lines)-2]
	if last.Event != audit.Asked || last.Peer.Ticket != "ci" || last.Profile != "deploy" {
		t.Errorf("written: %+v", last)
	}
}

// TestThirtyActs: each act is written down when it is asked for and when it
// ends, with who asked, and what the audit log may not hold isn't in it.
func TestThirtyActs(t *testing.T) {
	f, j := &fake{}, &journal{}
	path := start(t, f, server.Options{Gate: &server.Gate{Audit: j}})
	acts := []struct{ raw, act string }{
		{post(api.PathCodes, `{"name":"AWS:carol"}`), "POST " + api.PathCodes},
		{post(api.PathSessions, `{"profile":"dev"}`), "POST " + api.PathSessions},
		{post(api.PathBind, `{"profile":"dev"}`), "POST " + api.PathBind},
		{post(api.PathResync, `{"profile":"dev"}`), "POST " + api.PathResync},
		{post(api.PathEnroll, `{"profile":"dev"}`), "POST " + api.PathEnroll},
		{post(api.PathLock, `{"password":"hunter22"}`), "POST " + api.PathLock},
		{post(api.PathUnlock, `{"password":"hunter22"}`), "POST " + api.PathUnlock},
		{post(api.PathTickets, `{"name":"ci","profiles":["dev"]}`), "POST " + api.PathTickets},
		{request("DELETE /v1/tickets/ci"), "DELETE " + api.PathTicket},
		{request("DELETE /v1/sessions/s1"), "DELETE " + api.PathSession},
	}
	for round := range 3 {
		if round == 2 {
			f.err = &api.Error{Code: api.NoToken, Message: "it isn't plugged in"}
		}
		for _, a := range acts {
			exchange(t, path, a.raw)
		}
	}
	exchange(t, path, get(api.PathTokens)) // a look is no act
	lines := j.written()
	if len(lines) != 2*3*len(acts) || j.kept != 3*len(acts) {
		t.Fatalf("%d lines, kept %d times", len(lines), j.kept)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(lines); i += 2 {
		asked, end := lines[i], lines[i+1]
		want, outcome, code := acts[i/2%len(acts)].act, audit.Done, api.ErrorCode("")
		if i >= 4*len(acts) {
			outcome, code = audit.Refused, api.NoToken
		}
		if asked.Event != audit.Asked || asked.Act != want || asked.Peer.PID != os.Getpid() || asked.Peer.Exe != exe || asked.Peer.UID != os.Getuid() {
			t.Errorf("line %d: %+v", i+1, asked)
		}
		if end.Event != outcome || end.Of != asked.N || end.Code != code {
			t.Errorf("line %d: %+v", i+2, end)
		}
	}
	for i := range lines {
		lines[i].At = time.Time{} // whose fractions of a second may be any digits
	}
	text := fmt.Sprintf("%+v", lines)
	for _, secret := range []string{"123456 ", "hunter22", "fobticket_x", "SecretAccessKey"} {
		if strings.Contains(text, secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
	if code := lines[1]; code.Token != "12345678" || code.Counter != 5 {
		t.Errorf("a code's end: %+v", code)
	}
}

// TestWhatCannotBeWrittenIsNotDone: without a line there is no act.
func TestWhatCannotBeWrittenIsNotDone(t *testing.T) {
	f := &fake{}
	path := start(t, f, server.Options{Gate: &server.Gate{Audit: &journal{err: errors.New("disk full")}}})
	resp, b := exchange(t, path, post(api.PathSessions, `{"profile":"dev"}`))
	if e := errorOf(t, resp, b); e.Code != api.Internal || f.asked() != 0 {
		t.Errorf("%s", b)
	}
}

// TestTooOften: a client that asks in a loop is told when to come back, and
// nothing of it is asked of the backend; what is cached costs nothing.
func TestTooOften(t *testing.T) {
	f := &fake{}
	gate := &server.Gate{Limiter: policy.NewLimiter(policy.Limits{PerSecond: 0.001, Burst: 3})}
	path := start(t, f, server.Options{Gate: gate})
	refused := 0
	for range 10 {
		resp, b := exchange(t, path, post(api.PathCodes, `{}`))
		if resp.StatusCode == http.StatusOK {
			continue
		}
		refused++
		if e := errorOf(t, resp, b); e.Code != api.RateLimited || e.RetryAfterMS < 1000 {
			t.Errorf("%+v", e)
		}
	}
	if refused != 7 || f.asked() != 3 {
		t.Errorf("%d of 10 refused", refused)
	}
	f.cached = true
	gate = &server.Gate{Limiter: policy.NewLimiter(policy.Limits{PerSecond: 0.001, Burst: 3})}
	path = start(t, f, server.Options{Gate: gate})
	for range 10 {
		if resp, b := exchange(t, path, post(api.PathSessions, `{"profile":"dev"}`)); resp.StatusCode != http.StatusOK {
			t.Errorf("cached: %s", b)
		}
	}
}
