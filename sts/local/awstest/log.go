package awstest

import (
	"context"
	"log/slog"
	"sync"
)

// A Request is what the access log says of one call, each field as text:
// service, action, caller, mfa_outcome, mfa_counters, decided_by, conditions,
// status, code and the rest, and nothing that is secret.
type Request map[string]string

// A requestLog keeps what the server logs of calls.
type requestLog struct {
	mu   sync.Mutex
	rows []Request
}

// Requests are the calls of an action so far, in their order; of all where
// action is "".
func (s *Server) Requests(action string) []Request {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	var rows []Request
	for _, row := range s.log.rows {
		if action == "" || row["action"] == action {
			rows = append(rows, row)
		}
	}
	return rows
}

// Last is the newest call; nil before the first.
func (s *Server) Last() Request {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	if len(s.log.rows) == 0 {
		return nil
	}
	return s.log.rows[len(s.log.rows)-1]
}

func (l *requestLog) Enabled(context.Context, slog.Level) bool { return true }
func (l *requestLog) WithAttrs([]slog.Attr) slog.Handler       { return l }
func (l *requestLog) WithGroup(string) slog.Handler            { return l }

// Handle keeps a record of a call.
func (l *requestLog) Handle(_ context.Context, record slog.Record) error {
	if record.Message != "request" {
		return nil
	}
	row := Request{}
	record.Attrs(func(a slog.Attr) bool {
		row[a.Key] = a.Value.String()
		return true
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rows = append(l.rows, row)
	return nil
}
