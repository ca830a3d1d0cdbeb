package local

import (
	"net/http"

	"github.com/fob-auth/fob/sts/local/query"
	"github.com/fob-auth/fob/sts/local/s3"
)

// serveS3 answers a call of S3.
func (s *Server) serveS3(w http.ResponseWriter, r *http.Request, c *call) {
	c.service = query.Service{Name: s3.Name}
	done := s.s3.Serve(w, r, c.id, s.clock.Now())
	c.action, c.caller, c.note, c.status = done.Action, done.Caller, done.Note, done.Status
	var refusal *query.Error
	if done.Code != "" {
		refusal = query.Errorf(done.Status, done.Code, "")
	}
	s.logCall(r.Context(), c, refusal, done.Err)
}
