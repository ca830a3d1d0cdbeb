package endpoint

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fob-auth/fob/agent/api"
)

// A source gives what a test sets.
type source struct {
	mu      sync.Mutex
	session api.Session
	err     error
	asked   []api.SessionRequest
}

func (s *source) ask(_ context.Context, req api.SessionRequest) (api.Session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, req)
	return s.session, s.err
}

func (s *source) set(session api.Session, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.session, s.err = session, err
}

func (s *source) last() api.SessionRequest {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[len(s.asked)-1]
}

var good = api.Session{AccessKeyID: "ASIA1", SecretAccessKey: "secret", SessionToken: "session", Expiration: time.Date(2999, 1, 2, 3, 4, 5, 6, time.UTC)}

// newSet returns a set that ends with the test, and its source.
func newSet(t *testing.T) (*Set, *source, context.CancelFunc) {
	t.Helper()
	src := &source{session: good}
	ctx, cancel := context.WithCancel(context.Background())
	set := NewSet(ctx, Options{Sessions: src.ask, Log: slog.New(slog.DiscardHandler)})
	t.Cleanup(func() {
		cancel()
		set.Wait()
		http.DefaultClient.CloseIdleConnections()
	})
	return set, src, cancel
}

func open(t *testing.T, set *Set, kind api.EndpointKind) api.Endpoint {
	t.Helper()
	e, err := set.Open(t.Context(), api.EndpointRequest{Profile: "dev", Kind: kind}, os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// A got is an answer.
type got struct {
	status int
	header http.Header
	body   string
}

// ask sends a request; a header named Host is the request's Host.
func ask(t *testing.T, method, url string, header map[string]string) got {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range header {
		if name == "Host" {
			r.Host = value
			continue
		}
		r.Header.Set(name, value)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return got{resp.StatusCode, resp.Header, string(b)}
}

func TestContainer(t *testing.T) {
	set, src, _ := newSet(t)
	e := open(t, set, api.EndpointContainer)
	other := open(t, set, api.EndpointContainer)
	if e.Token == "" || e.Token == other.Token {
		t.Fatal("two endpoints have one token")
	}
	own := map[string]string{"Authorization": e.Token}
	a := ask(t, "GET", e.URL, own)
	want := `{"AccessKeyId":"ASIA1","SecretAccessKey":"secret","Token":"session","Expiration":"2999-01-02T03:04:05Z"}`
	if a.status != 200 || strings.TrimSpace(a.body) != want || a.header.Get("Cache-Control") != "no-store" {
		t.Errorf("%+v, want %s", a, want)
	}
	n := len(src.asked)
	for name, header := range map[string]map[string]string{
		"no token":           {},
		"another's token":    {"Authorization": other.Token},
		"half a token":       {"Authorization": e.Token[:20]},
		"a token and more":   {"Authorization": e.Token + "A"},
		"another host":       {"Authorization": e.Token, "Host": "evil.example:80"},
		"a rebound name":     {"Authorization": e.Token, "Host": "127.0.0.1"},
		"a page":             {"Authorization": e.Token, "Origin": "http://evil.example"},
		"a page's fetch":     {"Authorization": e.Token, "Sec-Fetch-Site": "cross-site"},
		"a forwarded caller": {"Authorization": e.Token, "X-Forwarded-For": "10.0.0.1"},
	} {
		if a := ask(t, "GET", e.URL, header); a.status != http.StatusForbidden || strings.Contains(a.body, "ASIA1") {
			t.Errorf("%s: %+v", name, a)
		}
	}
	if a := ask(t, "POST", e.URL, own); a.status != http.StatusMethodNotAllowed {
		t.Errorf("POST: %+v", a)
	}
	if a := ask(t, "GET", e.URL+"/more", own); a.status != http.StatusNotFound {
		t.Errorf("another path: %+v", a)
	}
	if len(src.asked) != n {
		t.Error("a refused request asked for a session")
	}
}

// TestContainerDeadlines: a client is answered before it gives up.
func TestContainerDeadlines(t *testing.T) {
	set, src, _ := newSet(t)
	e := open(t, set, api.EndpointContainer)
	for agent, limit := range map[string]time.Duration{
		"": time.Second, "something/1.0": time.Second, "python-urllib3/1.26.12": 2 * time.Second,
		"aws-sdk-rust/1.3.3 os/linux": 5 * time.Second, "Go-http-client/1.1": time.Minute,
	} {
		ask(t, "GET", e.URL, map[string]string{"Authorization": e.Token, "User-Agent": agent})
		if wait := time.Duration(src.last().WaitMS) * time.Millisecond; wait <= 0 || wait >= limit {
			t.Errorf("%q waits %v, want less than %v", agent, wait, limit)
		}
	}
}

// failures are what may be in a session's place, and when to come back.
var failures = []struct {
	name    string
	session api.Session
	err     error
	status  int
	code    string
	retry   string
}{
	{"no token", api.Session{}, &api.Error{Code: api.NoToken, Message: "token 1 isn't plugged in", Hint: "plug it in"}, 404, "no_token", ""},
	{"a touch", api.Session{}, &api.Error{Code: api.TouchPending, Message: "token 1 waits", Hint: "touch it", RetryAfterMS: 1500}, 503, "touch_pending", "2"},
	{"no touch", api.Session{}, &api.Error{Code: api.NoTouch, Message: "token 1 was not touched", Hint: "touch it"}, 504, "no_touch", ""},
	{"a failure", good, errors.New("the seed is JBSWY3DPEHPK3PXP"), 500, "internal", ""},
	{"nothing", api.Session{}, nil, 500, "internal", ""},
	{"half of it", api.Session{AccessKeyID: "ASIA1", SecretAccessKey: "secret", Expiration: good.Expiration}, nil, 500, "internal", ""},
	{"an old one", api.Session{AccessKeyID: "ASIA1", SecretAccessKey: "secret", SessionToken: "session", Expiration: time.Unix(1, 0)}, nil, 500, "internal", ""},
}

// TestContainerFailures: an error in the provider's dialect, and never half a
// session or an old one.
func TestContainerFailures(t *testing.T) {
	set, src, _ := newSet(t)
	e := open(t, set, api.EndpointContainer)
	for _, f := range failures {
		t.Run(f.name, func(t *testing.T) {
			src.set(f.session, f.err)
			a := ask(t, "GET", e.URL, map[string]string{"Authorization": e.Token})
			var told map[string]string
			if err := json.Unmarshal([]byte(a.body), &told); err != nil {
				t.Fatal(err)
			}
			if a.status != f.status || told["code"] != f.code || told["message"] == "" || len(told) != 2 || a.header.Get("Retry-After") != f.retry {
				t.Errorf("%+v, want status %d, code %s, retry %q", a, f.status, f.code, f.retry)
			}
			if strings.Contains(a.body, "ASIA") || strings.Contains(a.body, "JBSWY") {
				t.Errorf("it tells too much: %s", a.body)
			}
		})
	}
}

func TestOwners(t *testing.T) {
	set, _, _ := newSet(t)
	cat := exec.Command("cat")
	stdin, err := cat.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cat.Start(); err != nil {
		t.Fatal(err)
	}
	req := api.EndpointRequest{Profile: "dev", Kind: api.EndpointContainer}
	e, err := set.Open(t.Context(), req, cat.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	if a := ask(t, "GET", e.URL, map[string]string{"Authorization": e.Token}); a.status != 200 {
		t.Fatalf("%+v", a)
	}
	// Its owner ends, and so does the endpoint: Wait returns with the set alive.
	if err := errors.Join(stdin.Close(), cat.Wait()); err != nil {
		t.Fatal(err)
	}
	set.Wait()
	if n := set.Count(); n != 0 {
		t.Errorf("%d are open", n)
	}
	if _, err := http.Get(e.URL); err == nil {
		t.Error("the endpoint outlives its owner")
	}
	var told *api.Error
	if _, err := set.Open(t.Context(), req, 0); !errors.As(err, &told) || told.Code != api.Forbidden {
		t.Errorf("for nobody: %v", err)
	}
	if _, err := set.Open(t.Context(), req, cat.Process.Pid); err == nil {
		t.Error("opened for a process that has ended")
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := set.Open(gone, req, os.Getpid()); err == nil {
		t.Error("opened for a caller that has gone")
	}
}

func TestEndOfTheAgent(t *testing.T) {
	set, _, cancel := newSet(t)
	e := open(t, set, api.EndpointIMDS)
	cancel()
	set.Wait()
	if _, err := http.Get(e.URL); err == nil {
		t.Error("the endpoint outlives the agent")
	}
}

func TestAsManyAsMayBe(t *testing.T) {
	set, _, _ := newSet(t)
	for range maxOpen {
		open(t, set, api.EndpointContainer)
	}
	var told *api.Error
	if _, err := set.Open(t.Context(), api.EndpointRequest{Profile: "dev"}, os.Getpid()); !errors.As(err, &told) || told.Code != api.Forbidden {
		t.Errorf("one too many: %v", err)
	}
}
