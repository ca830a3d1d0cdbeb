package control

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/fob-auth/fob/emulator"
	"github.com/fob-auth/fob/emulator/api"
)

// FuzzRequest sends any path and body to the bench's routes: no crash, and
// every refusal is JSON with a code.
func FuzzRequest(f *testing.F) {
	f.Add("GET", api.PathTokens, "")
	f.Add("GET", api.PathWatch, "")
	f.Add("GET", "/v1/tokens/yk1/card", "")
	f.Add("POST", "/v1/tokens/yk1/press", `{"wait_ms":5}`)
	f.Add("POST", "/v1/tokens/fob1/clock", `{"offset_ms":-40000,"advance_ms":1,"ppm":20,"freeze":true}`)
	f.Add("POST", "/v1/tokens/yk1/fault", `{"after":2,"kind":"status","sw":27013}`)
	f.Add("POST", "/v1/tokens/fob1/fault", `{"kind":"garbage","bytes":70000}`)
	f.Add("POST", "/v1/tokens/fob1/unplug", `{}`)
	f.Add("POST", "/v1/tokens/fob1/plug", `null`)
	f.Add("POST", "/v1/tokens/fob1/reset", "\x00")
	f.Add("DELETE", "/v1/tokens/%2f/plug", strings.Repeat("[", 1000))

	file, err := emulator.Parse("/bench/bench.yaml", []byte(benchText))
	check(f, err)
	bench, err := emulator.New(file, emulator.Options{Now: time.Now, Random: rand.Reader,
		Line: func(string) (io.ReadWriteCloser, error) { return deadLine{make(chan struct{})}, nil }})
	check(f, err)
	f.Cleanup(func() { bench.Close() })
	routes := (&server{bench: bench, log: slog.New(slog.DiscardHandler)}).routes()
	gone, cancel := context.WithCancel(context.Background())
	cancel() // nobody waits for the answer: nothing is waited for

	f.Fuzz(func(t *testing.T, method, path, body string) {
		r, err := http.NewRequestWithContext(gone, method, "http://bench/", strings.NewReader(body))
		if err != nil {
			return
		}
		if r.URL, err = r.URL.Parse(path); err != nil {
			return
		}
		w := httptest.NewRecorder()
		routes.ServeHTTP(w, r)
		if w.Code < 400 {
			return
		}
		var refused api.Error
		if err := json.Unmarshal(w.Body.Bytes(), &refused); err != nil || refused.Code == "" || refused.Message == "" {
			t.Errorf("%s %q: %d %q", method, path, w.Code, w.Body)
		}
	})
}
