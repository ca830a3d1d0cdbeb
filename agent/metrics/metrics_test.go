package metrics

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/fob-auth/fob/agent/api"
)

// TestScrape: what was counted is what a scrape reads.
func TestScrape(t *testing.T) {
	m := New("1.2.3", func() State {
		return State{Tokens: map[api.TokenState]int{api.TokenReady: 2}, Sessions: 3}
	})
	m.Request("POST /v1/codes", 200, 2*time.Millisecond)
	m.Request("POST /v1/codes", 504, 15*time.Second)
	m.Request("", 403, time.Microsecond)
	m.Event(api.EventTouch)
	w := httptest.NewRecorder()
	m.ServeHTTP(w, httptest.NewRequest("GET", "/v1/metrics", nil))
	if kind := w.Header().Get("Content-Type"); w.Code != 200 || !strings.HasPrefix(kind, "text/plain; version=0.0.4") {
		t.Errorf("%d %s", w.Code, kind)
	}
	for _, want := range []string{
		`fob_requests_total{route="POST /v1/codes",status="200"} 1`,
		`fob_requests_total{route="POST /v1/codes",status="504"} 1`,
		`fob_requests_total{route="none",status="403"} 1`,
		`fob_request_seconds_bucket{route="POST /v1/codes",le="0.003"} 1`,
		`fob_request_seconds_count{route="POST /v1/codes"} 2`,
		`fob_events_total{type="touch-wanted"} 1`,
		`fob_tokens{state="ready"} 2`, `fob_tokens{state="failed"} 0`,
		`fob_sessions 3`, `fob_build_info{version="1.2.3"} 1`, "go_goroutines", "process_open_fds",
	} {
		if !strings.Contains(w.Body.String(), "\n"+want) {
			t.Errorf("no line %q", want)
		}
	}
}
