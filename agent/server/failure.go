package server

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/fob-auth/fob/agent/api"
)

// A failure is an error on its way out. It is what huma takes for an error
// with a status, and encodes as an api.ErrorBody.
type failure struct{ api.ErrorBody }

func (f *failure) Error() string { return f.ErrorBody.Error.Message }

// GetStatus is the HTTP status.
func (f *failure) GetStatus() int { return f.ErrorBody.Error.Code.Info().HTTP }

// failed turns any error into what the caller is told. What isn't an
// *api.Error goes to the log: its words were not chosen for callers.
func (s *Server) failed(ctx context.Context, err error) *failure {
	var e *api.Error
	if errors.As(err, &e) {
		return &failure{api.ErrorBody{Error: *e}}
	}
	if ctx.Err() != nil {
		return &failure{api.ErrorBody{Error: api.Error{
			Code:    api.NoAgent,
			Message: "the agent is ending, or the caller has gone",
			Hint:    "fob status",
		}}}
	}
	id := incident()
	s.log.Error("failed", "id", id, "error", err)
	return internal(id)
}

// internal is the answer to a failure that the log tells more about.
func internal(id string) *failure {
	return &failure{api.ErrorBody{Error: api.Error{
		Code:    api.Internal,
		Message: "the agent failed; its log has more under " + id,
	}}}
}

func badRequest(message string) error {
	return &api.Error{Code: api.BadRequest, Message: message}
}

func forbidden(message string) error {
	return &api.Error{Code: api.Forbidden, Message: message}
}

// fail answers with an error where no route was reached.
func (s *Server) fail(a *answer, r *http.Request, err error) {
	// What is left of the request isn't read: the connection ends with it.
	a.Header().Set("Connection", "close")
	a.write(s.failed(r.Context(), err))
}

// An answer is a response that knows whether it has begun and doesn't wait for
// a caller that reads nothing.
type answer struct {
	http.ResponseWriter
	status int
}

// Unwrap lets http.ResponseController reach the connection.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

func (a *answer) WriteHeader(status int) {
	if a.status != 0 {
		return
	}
	a.status = status
	a.extend()
	a.ResponseWriter.WriteHeader(status)
}

func (a *answer) Write(b []byte) (int, error) {
	if a.status == 0 {
		a.WriteHeader(http.StatusOK)
	}
	return a.ResponseWriter.Write(b)
}

// cut ends an answer of which half is out in the one way that the caller can
// see: by closing the connection.
func (a *answer) cut() {
	if conn, _, err := http.NewResponseController(a.ResponseWriter).Hijack(); err == nil {
		_ = conn.Close()
	}
}

// extend gives the caller writeTime from now to read. A connection without
// deadlines goes without.
func (a *answer) extend() {
	_ = http.NewResponseController(a.ResponseWriter).SetWriteDeadline(time.Now().Add(writeTime))
}

// write sends a failure.
func (a *answer) write(f *failure) {
	b, err := json.Marshal(f)
	if err != nil {
		// Strings and numbers always encode.
		b = []byte(`{"error":{"code":"internal","message":"","hint":"","retry_after_ms":0}}`)
	}
	a.WriteHeader(f.GetStatus())
	_, _ = a.Write(append(b, '\n'))
}
