package local

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"
)

// adminPrefix is where the server's own routes are. No S3 bucket can have that
// name: bucket names have no underscore.
const adminPrefix = "/_fobaws/"

// maxAdminBody bounds a request to the server's own routes.
const maxAdminBody = 4 << 10

// adminRoutes serves /_fobaws/health, and /_fobaws/clock where the clock can
// be moved.
func (s *Server) adminRoutes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /_fobaws/health", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
	})
	if s.clock.Movable() {
		mux.HandleFunc("GET /_fobaws/clock", s.showClock)
		mux.HandleFunc("POST /_fobaws/clock", s.moveClock)
	}
	return mux
}

func (s *Server) showClock(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]string{"now": s.clock.Now().Format(time.RFC3339Nano)})
}

func (s *Server) moveClock(w http.ResponseWriter, r *http.Request) {
	var move struct {
		Set     *time.Time `json:"set"`
		Advance *string    `json:"advance"`
	}
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxAdminBody))
	d.DisallowUnknownFields()
	err := d.Decode(&move)
	if _, more := d.Token(); err != nil || !errors.Is(more, io.EOF) || (move.Set == nil) == (move.Advance == nil) {
		adminError(w, `want {"set":"RFC3339"} or {"advance":"DURATION"}`)
		return
	}
	if move.Set != nil {
		err = s.clock.Set(*move.Set)
	} else {
		var by time.Duration
		if by, err = time.ParseDuration(*move.Advance); err == nil {
			err = s.clock.Advance(by)
		}
	}
	if err != nil {
		adminError(w, err.Error())
		return
	}
	s.log.Info("clock moved", "now", s.clock.Now())
	s.showClock(w, r)
}

func adminError(w http.ResponseWriter, message string) {
	writeJSON(w, http.StatusBadRequest, map[string]string{"error": message})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // a client that is gone needs no answer
}
