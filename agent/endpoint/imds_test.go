package endpoint

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/fob-auth/fob/agent/api"
)

const credentialsOfDev = "latest/meta-data/iam/security-credentials/dev"

// newToken gets a session token.
func newToken(t *testing.T, e api.Endpoint, ttl string) string {
	t.Helper()
	a := ask(t, "PUT", e.URL+"latest/api/token", map[string]string{ttlHeader: ttl})
	if a.status != 200 || a.body == "" || a.header.Get(ttlHeader) != ttl {
		t.Fatalf("%+v", a)
	}
	return a.body
}

func TestIMDS(t *testing.T) {
	set, src, _ := newSet(t)
	e := open(t, set, api.EndpointIMDS)
	token := map[string]string{tokenHeader: newToken(t, e, "21600")}
	for _, path := range []string{"latest/meta-data/iam/security-credentials/", "latest/meta-data/iam/security-credentials"} {
		if a := ask(t, "GET", e.URL+path, token); a.status != 200 || a.body != "dev" {
			t.Errorf("%s: %+v", path, a)
		}
	}
	a := ask(t, "GET", e.URL+credentialsOfDev, token)
	var doc map[string]string
	if err := json.Unmarshal([]byte(a.body), &doc); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"Code": "Success", "Type": "AWS-HMAC", "AccessKeyId": "ASIA1", "SecretAccessKey": "secret", "Token": "session", "Expiration": "2999-01-02T03:04:05Z"}
	for key, value := range want {
		if doc[key] != value {
			t.Errorf("%s is %q, want %q", key, doc[key], value)
		}
	}
	if updated, err := time.Parse(time.RFC3339, doc["LastUpdated"]); err != nil || updated.IsZero() || len(doc) != len(want)+1 {
		t.Errorf("document %s", a.body)
	}
	if wait := src.last().WaitMS; wait <= 0 || wait >= 1000 {
		t.Errorf("clients wait %d ms, and give up after a second", wait)
	}
	if a := ask(t, "GET", e.URL+"latest/meta-data/instance-id", token); a.status != 404 {
		t.Errorf("other metadata: %+v", a)
	}
	if a := ask(t, "DELETE", e.URL+credentialsOfDev, token); a.status != 405 {
		t.Errorf("DELETE: %+v", a)
	}
}

// TestIMDSRefuses: no version 1, no token but a living one of its own, nothing
// that was forwarded.
func TestIMDSRefuses(t *testing.T) {
	set, src, _ := newSet(t)
	e, other := open(t, set, api.EndpointIMDS), open(t, set, api.EndpointIMDS)
	token := newToken(t, e, "60")
	for _, tt := range []struct {
		name, method, path string
		header             map[string]string
		status             int
	}{
		{"version 1", "GET", credentialsOfDev, nil, 401},
		{"no token", "GET", credentialsOfDev, map[string]string{tokenHeader: "x"}, 401},
		{"another endpoint's token", "GET", credentialsOfDev, map[string]string{tokenHeader: newToken(t, other, "60")}, 401},
		{"a token that was changed", "GET", credentialsOfDev, map[string]string{tokenHeader: "B" + token[1:]}, 401},
		{"forwarded", "GET", credentialsOfDev, map[string]string{tokenHeader: token, "X-Forwarded-For": "10.0.0.1"}, 403},
		{"a forwarded token", "PUT", "latest/api/token", map[string]string{ttlHeader: "60", "X-Forwarded-For": ""}, 403},
		{"another host", "PUT", "latest/api/token", map[string]string{ttlHeader: "60", "Host": "169.254.169.254"}, 403},
		{"no time", "PUT", "latest/api/token", nil, 400},
		{"too short a time", "PUT", "latest/api/token", map[string]string{ttlHeader: "0"}, 400},
		{"too long a time", "PUT", "latest/api/token", map[string]string{ttlHeader: "21601"}, 400},
		{"a time that is none", "PUT", "latest/api/token", map[string]string{ttlHeader: "1h"}, 400},
		{"a token by GET", "GET", "latest/api/token", map[string]string{ttlHeader: "60"}, 405},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if a := ask(t, tt.method, e.URL+tt.path, tt.header); a.status != tt.status || strings.Contains(a.body, "ASIA") {
				t.Errorf("%+v, want status %d", a, tt.status)
			}
		})
	}
	if len(src.asked) != 0 {
		t.Error("a refused request asked for a session")
	}
}

func TestTokensAreOver(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	d := newIMDS(asker{now: func() time.Time { return now }, profile: "dev"}, 0)
	token := d.token(now.Add(60 * time.Second))
	now = now.Add(60*time.Second - time.Millisecond)
	if !d.valid(token) {
		t.Error("it is over too early")
	}
	now = now.Add(time.Millisecond)
	if d.valid(token) {
		t.Error("it outlives its time")
	}
}

// TestIMDSFailures: what goes by has a status that clients ask again at; what
// doesn't is told as the service tells it, without a key.
func TestIMDSFailures(t *testing.T) {
	set, src, _ := newSet(t)
	e := open(t, set, api.EndpointIMDS)
	token := map[string]string{tokenHeader: newToken(t, e, "60")}
	for _, f := range failures {
		t.Run(f.name, func(t *testing.T) {
			src.set(f.session, f.err)
			a := ask(t, "GET", e.URL+credentialsOfDev, token)
			var doc map[string]string
			if err := json.Unmarshal([]byte(a.body), &doc); err != nil {
				t.Fatal(err)
			}
			want := http.StatusOK
			if f.retry != "" || f.code == "internal" {
				want = http.StatusServiceUnavailable
			}
			if a.status != want || doc["Code"] != f.code || doc["Message"] == "" || len(doc) != 3 || a.header.Get("Retry-After") != f.retry {
				t.Errorf("%+v, want status %d, Code %s, retry %q", a, want, f.code, f.retry)
			}
		})
	}
}

// TestOnlyOurOwnUser: a connection whose socket is another user's is refused,
// and so is one that nobody knows.
func TestOnlyOurOwnUser(t *testing.T) {
	ask := asker{sessions: (&source{session: good}).ask, profile: "dev", now: time.Now}
	for name, tt := range map[string]struct {
		uid    int
		status int
	}{"us": {os.Getuid(), 200}, "somebody else": {os.Getuid() + 1, 403}} {
		t.Run(name, func(t *testing.T) {
			srv := httptest.NewUnstartedServer(newIMDS(ask, tt.uid))
			srv.Config.ConnContext = withPeer
			srv.Start()
			defer srv.Close()
			r, err := http.NewRequest("PUT", srv.URL+imdsToken, nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set(ttlHeader, "60")
			resp, err := srv.Client().Do(r)
			if err != nil {
				t.Fatal(err)
			}
			if resp.Body.Close(); resp.StatusCode != tt.status {
				t.Errorf("status %d, want %d", resp.StatusCode, tt.status)
			}
		})
	}
	w := httptest.NewRecorder()
	newIMDS(ask, os.Getuid()).ServeHTTP(w, httptest.NewRequest("PUT", imdsToken, nil))
	if w.Code != 403 {
		t.Errorf("a connection that nobody knows: status %d", w.Code)
	}
}

func TestRoleNames(t *testing.T) {
	for profile, want := range map[string]string{
		"dev": "dev", "a.b-c_d+=,@": "a.b-c_d+=,@", "a b": "fob", "a/b": "fob", "Über": "fob", "": "fob", "..": "fob", strings.Repeat("x", 65): "fob",
	} {
		if got := roleName(profile); got != want {
			t.Errorf("role of %q is %q, want %q", profile, got, want)
		}
	}
}
