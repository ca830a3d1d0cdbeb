package server

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"path"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/fob-auth/fob/agent/api"
)

// errTooLarge says that a request is larger than the agent reads.
var errTooLarge = errors.New("the request is too large")

func tooLarge(limit int64) error {
	return &api.Error{Code: api.TooLarge, Message: fmt.Sprintf("the request is larger than %d bytes", limit)}
}

// maxBody bounds a request's body: an enrolment may bring an image.
func maxBody(path string) int64 {
	if path == api.PathEnroll {
		return api.MaxEnroll
	}
	return api.MaxBody
}

// ServeHTTP answers one request: who asks, from where and how much is settled
// before any route is looked at.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a := &answer{ResponseWriter: w}
	start := time.Now()
	if heard, ok := r.Context().Value(heardKey{}).(func()); ok {
		heard()
	}
	s.idle.begin()
	defer s.idle.end()
	defer func() { s.finish(a, r, start, recover()) }()
	h := w.Header()
	h["Content-Type"], h["Cache-Control"], h["X-Content-Type-Options"] = jsonType, noStore, noSniff
	r, err := s.admit(r)
	if err != nil {
		p, _ := PeerFrom(r.Context())
		s.log.Warn("refused", "uid", p.UID, "pid", p.PID, "exe", p.Exe(), "error", err)
		s.turnedAway(r, err)
		s.fail(a, r, err)
		return
	}
	if err := checkQuery(r.URL); err != nil {
		s.fail(a, r, err)
		return
	}
	if !routable(r) {
		s.fail(a, r, s.noRoute(a, r))
		return
	}
	s.routes.ServeHTTP(a, r)
}

// What every answer has unless its route says otherwise. The values are shared,
// and never changed.
var (
	jsonType = []string{"application/json"}
	noStore  = []string{"no-store"}
	noSniff  = []string{"nosniff"}
)

// guarded registers routes, each behind the checks that come once a request has
// found its route.
type guarded struct {
	*http.ServeMux
	s *Server
}

// HandleFunc implements humago.Mux. ServeHTTP hands every route an answer.
func (g guarded) HandleFunc(pattern string, handler func(http.ResponseWriter, *http.Request)) {
	g.ServeMux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		if g.s.enter(w.(*answer), r) {
			handler(w, r)
		}
	})
}

// enter lets a request into its route, with its body read, or answers it.
func (s *Server) enter(a *answer, r *http.Request) bool {
	if err := s.whileLocked(r.Method, r.URL.Path); err != nil {
		if r.Method != http.MethodGet {
			s.turnedAway(r, err)
		}
		s.fail(a, r, err)
		return false
	}
	if err := readBody(a, r); err != nil {
		s.fail(a, r, err)
		return false
	}
	return true
}

// admit settles who may ask: our own user, or on the restricted socket who has
// a ticket, and no web page. A browser can't
// open a Unix socket, but it can reach a forwarder that somebody has put before
// one; what gives it away are the headers it can't leave out.
func (s *Server) admit(r *http.Request) (*http.Request, error) {
	p, ok := PeerFrom(r.Context())
	if !ok {
		return r, forbidden("the agent can't tell who is asking")
	}
	if s.tickets == nil && p.UID != s.uid {
		return r, forbidden(fmt.Sprintf("uid %d may not use the agent of uid %d", p.UID, s.uid))
	}
	if r.Host != api.Host {
		return r, forbidden(fmt.Sprintf("the Host header has to be %q", api.Host))
	}
	for _, name := range []string{"Origin", "Referer", "Sec-Fetch-Site", "Sec-Fetch-Mode"} {
		if _, ok := r.Header[name]; ok {
			return r, forbidden("requests with the header " + name + " come from a browser and are refused")
		}
	}
	if s.tickets == nil {
		return r, nil
	}
	return s.admitTicket(r, p)
}

// checkQuery refuses every query but the one of the event stream, alone and
// once.
func checkQuery(u *url.URL) error {
	if u.RawQuery == "" && !u.ForceQuery {
		return nil
	}
	q, err := url.ParseQuery(u.RawQuery)
	names := q[api.AnswersQuery]
	if u.Path != api.PathEvents {
		return badRequest("the route takes no query")
	}
	if err != nil || len(q) != 1 || len(names) != 1 || names[0] == "" || len(names[0]) > api.MaxName {
		return badRequest("the event stream's query is " + api.AnswersQuery + " with the name of a profile, or *")
	}
	return nil
}

// methods are those that routes have.
func methods() []string { return []string{http.MethodGet, http.MethodPost, http.MethodDelete} }

// routable reports whether the multiplexer may be asked for a request's route:
// it would answer what isn't, a path that is to be cleaned for one, by itself
// and not in JSON.
func routable(r *http.Request) bool {
	escaped := r.URL.EscapedPath()
	return strings.HasPrefix(escaped, "/") && path.Clean(escaped) == escaped && slices.Contains(methods(), r.Method)
}

// astray answers what has found no route.
func (s *Server) astray(w http.ResponseWriter, r *http.Request) {
	r.Pattern = "" // it is none that is counted
	a := w.(*answer)
	s.fail(a, r, s.noRoute(a, r))
}

// noRoute says that a path has no route, or none for the request's method, and
// then, in the header that RFC 9110 section 15.5.6 wants, for which.
func (s *Server) noRoute(a *answer, r *http.Request) error {
	escaped := r.URL.EscapedPath()
	var takes []string
	for _, method := range methods() {
		if escaped != "" && path.Clean(escaped) == escaped && s.has(method, r) {
			takes = append(takes, method)
		}
	}
	if len(takes) == 0 {
		return &api.Error{
			Code:    api.NotFound,
			Message: fmt.Sprintf("no route %q", clip(r.URL.Path)),
			Hint:    "GET " + api.PathOpenAPI + " lists the routes",
		}
	}
	a.Header().Set("Allow", strings.Join(takes, ", "))
	return &api.Error{
		Code:    api.MethodNotAllowed,
		Message: fmt.Sprintf("%s takes %s, not %s", clip(r.URL.Path), strings.Join(takes, " and "), clip(r.Method)),
	}
}

// has reports whether the request's path has a route for method.
func (s *Server) has(method string, r *http.Request) bool {
	_, pattern := s.routes.Handler(&http.Request{Method: method, URL: r.URL, Host: r.Host})
	return pattern != "" && pattern != everyPath
}

// everyPath is the pattern of what has no route.
const everyPath = "/"

// readBody reads the body of an act, checks its form, and puts what it read
// back for the route.
func readBody(w http.ResponseWriter, r *http.Request) error {
	if r.Method != http.MethodPost {
		if r.ContentLength != 0 {
			return badRequest(r.Method + " takes no body")
		}
		return nil
	}
	if r.Header.Get("Content-Encoding") != "" {
		return badRequest("the body may not be encoded")
	}
	if !isJSON(r.Header.Get("Content-Type")) {
		return badRequest("the Content-Type has to be application/json")
	}
	r.Header["Content-Type"] = jsonType // huma knows it in this spelling alone
	limit := maxBody(r.URL.Path)
	if r.ContentLength > limit {
		return tooLarge(limit)
	}
	control := http.NewResponseController(w)
	if err := control.SetReadDeadline(time.Now().Add(bodyTime)); err != nil {
		return err
	}
	b, err := body(r.Body, r.ContentLength, limit)
	if errors.Is(err, errTooLarge) {
		return tooLarge(limit)
	}
	if err != nil {
		return badRequest("the body could not be read to its end")
	}
	// The deadline must not strike while the answer is being waited for: the
	// server would take it for the caller having gone.
	if err := control.SetReadDeadline(time.Time{}); err != nil {
		return err
	}
	if err := checkJSON(b); err != nil {
		return badRequest(err.Error())
	}
	r.Body = io.NopCloser(bytes.NewReader(b))
	r.ContentLength = int64(len(b))
	return nil
}

// isJSON reports whether a media type is JSON's, with or without parameters.
func isJSON(kind string) bool {
	if kind == "application/json" {
		return true
	}
	kind, _, err := mime.ParseMediaType(kind)
	return err == nil && kind == "application/json"
}

// finish contains a panic and logs acts.
func (s *Server) finish(a *answer, r *http.Request, start time.Time, panicked any) {
	if panicked != nil {
		id := incident()
		s.log.Error("panic", "id", id, "path", r.URL.Path, "panic", panicked, "stack", string(debug.Stack()))
		if a.status == 0 {
			a.write(internal(id))
		} else {
			a.cut()
		}
	}
	s.backend.Metrics.Request(r.Pattern, a.status, time.Since(start))
	if r.Method == http.MethodGet || !s.log.Enabled(r.Context(), slog.LevelDebug) {
		return
	}
	p, _ := PeerFrom(r.Context())
	s.log.Debug("act", "method", r.Method, "path", r.URL.Path, "status", a.status,
		"took", time.Since(start), "pid", p.PID, "exe", p.Exe())
}

// incident returns a number by which a failure is found in the log.
func incident() string {
	var b [6]byte
	// crypto/rand.Read never fails: it ends the program first.
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// clip shortens what a caller sent for a message.
func clip(s string) string {
	if len(s) > 64 {
		return s[:64] + "…"
	}
	return s
}
