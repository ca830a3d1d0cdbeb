package server

import (
	"context"
	"encoding/json"
	"net/http"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/fob-auth/fob/agent/api"
)

// none is the input or output of a route that has none.
type none struct{}

// sent is a request's body, taken is the name in its path.
type (
	sent[T any] struct{ Body T }
	taken       struct {
		ID string `path:"id" maxLength:"256"`
	}
	given[T any]  struct{ Body T }
	listed[T any] struct {
		Body []T `nullable:"false"`
	}
)

// register makes the routes.
func (s *Server) register(version string) (*http.ServeMux, error) {
	mux := guarded{http.NewServeMux(), s}
	mux.ServeMux.HandleFunc(everyPath, s.astray)
	h := humago.New(mux, huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title:       "fob",
				Version:     version,
				Description: "The agent's socket: HTTP/1.1 on a Unix socket, Host: " + api.Host + ".",
			},
			Servers: []*huma.Server{{URL: "http://" + api.Host}},
		},
		// huma encodes its own errors as application/problem+json, which it
		// takes for a kind of "json"; typedErrors renames what goes out.
		Formats:       map[string]huma.Format{"application/json": huma.DefaultJSONFormat, "json": huma.DefaultJSONFormat},
		DefaultFormat: "application/json",
		Transformers:  []huma.Transformer{typedErrors},
	})
	h.UseMiddleware(func(c huma.Context, next func(huma.Context)) { next(&reply{humaContext: c}) })

	r := router{s, h}
	get(r, api.PathStatus, "What the agent is and how it does", s.status)
	list(r, api.PathTokens, "Tokens that are plugged in", s.backend.Tokens.Tokens)
	post(r, api.PathTokenUnlock, "Open a token's accounts with their password", s.backend.Passwords.UnlockToken)
	list(r, api.PathCredentials, "OATH accounts on the tokens", s.backend.Tokens.Credentials)
	list(r, api.PathDoctor, "Look for what keeps codes and sessions from coming", s.backend.Tokens.Doctor)
	list(r, api.PathSessions, "Cached sessions, without their secrets", s.backend.Sessions.Sessions)
	list(r, api.PathBindings, "Which MFA device is bound to which credential", s.backend.Bindings.Bindings)
	list(r, api.PathDrift, "Each bound token's clock against AWS's", s.backend.Devices.Drift)
	post(r, api.PathCodes, "Take a code, reserved in the ledger unless it is only peeked at", s.backend.Codes.Code)
	post(r, api.PathSessions, "Get a profile's session", s.backend.Sessions.Session)
	post(r, api.PathEndpoints, "Open an endpoint on loopback for AWS SDKs, for as long as the asking process lives", s.backend.Endpoints.Endpoint)
	post(r, api.PathBind, "Bind a profile's MFA device to a credential", s.backend.Bindings.Bind)
	post(r, api.PathResync, "Hand AWS two consecutive codes", s.backend.Devices.Resync)
	post(r, api.PathEnroll, "Make a token an MFA device", s.backend.Devices.Enroll)
	list(r, api.PathPrompts, "Questions that wait for a person", s.backend.Prompts.Prompts)
	postTo(r, api.PathPrompt, "Answer a question that waits for a person", s.backend.Prompts.Answer)
	get(r, api.PathKeys, "Where long-term access keys are", s.backend.Keys.Keys)
	post(r, api.PathKeysImport, "Move a profile's long-term keys into the agent's store", s.backend.Keys.ImportKeys)
	post(r, api.PathKeysRotate, "Replace a profile's access key by a new one", s.backend.Keys.RotateKeys)
	post(r, api.PathKeysUnlock, "Unlock the store of long-term keys", s.backend.Keys.UnlockKeys)
	post(r, api.PathUnenroll, "Take an MFA device away, or drop what is known of a lost one", s.backend.Devices.Unenroll)
	remove(r, api.PathSession, "Forget a session; AWS can't revoke it", s.backend.Sessions.Forget)
	post(r, api.PathLock, "Lock the agent: cached sessions are dropped, and nothing is handed out", s.backend.Locks.Lock)
	post(r, api.PathUnlock, "Unlock the agent", s.backend.Locks.Unlock)
	list(r, api.PathTickets, "Tickets for the restricted socket", s.backend.Office.Tickets)
	post(r, api.PathTickets, "Issue a ticket for the restricted socket", s.backend.Office.IssueTicket)
	remove(r, api.PathTicket, "Revoke a ticket, by its ID or its name", s.backend.Office.RevokeTicket)
	list(r, api.PathAudit, "The newest acts of the audit log", s.backend.Audits.Audit)
	get(r, api.PathAuditVerify, "Whether the audit log is what was written", s.backend.Audits.VerifyAudit)
	remove(r, api.PathBinding, "Take a binding away", s.backend.Bindings.Unbind)
	return mux.ServeMux, s.document(r, mux)
}

// A router is where routes are registered.
type router struct {
	s   *Server
	api huma.API
}

// operation describes a route; its error answers are all the same.
func (r router) operation(method, path, summary string) huma.Operation {
	return huma.Operation{
		OperationID:  operationID(method, path),
		Method:       method,
		Path:         path,
		Summary:      summary,
		MaxBodyBytes: maxBody(path) + 1, // huma refuses one that is full
		// No deadline: the guard has read the body, and a deadline that stood
		// while a touch is awaited would end the request.
		BodyReadTimeout: -1,
		Responses: map[string]*huma.Response{"default": {
			Description: "Error",
			Content: map[string]*huma.MediaType{"application/json": {
				Schema: r.api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[api.ErrorBody](), true, "ErrorBody"),
			}},
		}},
	}
}

// operationID names an operation after its route: get-tokens,
// delete-sessions-id.
func operationID(method, path string) string {
	name := strings.NewReplacer("/v1/", "", "{", "", "}", "", "/", "-").Replace(path)
	return strings.ToLower(method) + "-" + name
}

func get[O any](r router, path, summary string, ask func(context.Context) (O, error)) {
	huma.Register(r.api, r.operation(http.MethodGet, path, summary),
		func(ctx context.Context, _ *none) (*given[O], error) {
			out, err := ask(ctx)
			if err != nil {
				return nil, r.s.failed(ctx, err)
			}
			return &given[O]{out}, nil
		})
}

func list[O any](r router, path, summary string, ask func(context.Context) ([]O, error)) {
	huma.Register(r.api, r.operation(http.MethodGet, path, summary),
		func(ctx context.Context, _ *none) (*listed[O], error) {
			if r.s.gate.locked() {
				return &listed[O]{[]O{}}, nil
			}
			out, err := ask(ctx)
			if err != nil {
				return nil, r.s.failed(ctx, err)
			}
			if out == nil || r.s.gate.locked() {
				out = []O{}
			}
			return &listed[O]{out}, nil
		})
}

func post[I, O any](r router, path, summary string, act func(context.Context, I) (O, error)) {
	act = Through(r.s.gate, http.MethodPost+" "+path, act)
	huma.Register(r.api, r.operation(http.MethodPost, path, summary),
		func(ctx context.Context, in *sent[I]) (*given[O], error) {
			out, err := act(ctx, in.Body)
			if err != nil {
				return nil, r.s.failed(ctx, err)
			}
			return &given[O]{out}, nil
		})
}

// postTo is post with a name in the path.
func postTo[I, O any](r router, path, summary string, act func(context.Context, string, I) (O, error)) {
	type named struct {
		ID   string `path:"id" maxLength:"256"`
		Body I
	}
	through := Through(r.s.gate, http.MethodPost+" "+path, func(ctx context.Context, in *named) (O, error) { return act(ctx, in.ID, in.Body) })
	huma.Register(r.api, r.operation(http.MethodPost, path, summary),
		func(ctx context.Context, in *named) (*given[O], error) {
			out, err := through(ctx, in)
			if err != nil {
				return nil, r.s.failed(ctx, err)
			}
			return &given[O]{out}, nil
		})
}

func remove(r router, path, summary string, drop func(context.Context, string) error) {
	act := Through(r.s.gate, http.MethodDelete+" "+path, func(ctx context.Context, id string) (none, error) { return none{}, drop(ctx, id) })
	huma.Register(r.api, r.operation(http.MethodDelete, path, summary),
		func(ctx context.Context, in *taken) (*none, error) {
			if _, err := act(ctx, in.ID); err != nil {
				return nil, r.s.failed(ctx, err)
			}
			return nil, nil
		})
}

// status asks for the status and leaves no list out of it. A locked agent tells
// that it is there, and locked; on the restricted socket there is no more.
func (s *Server) status(ctx context.Context) (api.Status, error) {
	st, err := s.backend.Tokens.Status(ctx)
	switch {
	case s.tickets != nil:
		st = api.Status{Version: st.Version, Started: st.Started, Locked: s.gate.locked()}
	case s.gate.locked():
		st = api.Status{Version: st.Version, PID: st.PID, Started: st.Started, Socket: st.Socket, Locked: true}
	}
	if st.LeftOut == nil {
		st.LeftOut = []string{}
	}
	if st.Warnings == nil {
		st.Warnings = []string{}
	}
	return st, err
}

// document registers the event stream and the OpenAPI document, which knows
// every route but itself.
func (s *Server) document(r router, mux guarded) error {
	events := r.operation(http.MethodGet, api.PathEvents, "Follow what happens, as server-sent events")
	schemas := r.api.OpenAPI().Components.Schemas
	events.Responses["200"] = &huma.Response{
		Description: "Each event's data is an Event; its name is the event's type.",
		Content: map[string]*huma.MediaType{"text/event-stream": {
			Schema: schemas.Schema(reflect.TypeFor[api.Event](), true, "Event"),
		}},
	}
	type asked struct {
		Answers string `query:"answers" maxLength:"256" doc:"The profile whose questions this watcher puts to a person, or * for all."`
	}
	huma.Register(r.api, events, func(context.Context, *asked) (*huma.StreamResponse, error) {
		return &huma.StreamResponse{Body: s.stream}, nil
	})

	metrics := r.operation(http.MethodGet, api.PathMetrics, "Figures in the text form of Prometheus")
	metrics.Responses["200"] = &huma.Response{
		Description: "Counters and gauges whose names begin with fob_, and those of the process.",
		Content:     map[string]*huma.MediaType{"text/plain": {Schema: &huma.Schema{Type: huma.TypeString}}},
	}
	huma.Register(r.api, metrics, func(context.Context, *none) (*huma.StreamResponse, error) {
		return &huma.StreamResponse{Body: s.scrape}, nil
	})

	// huma's own error type is in the registry whether or not a route uses it.
	delete(schemas.Map(), "ErrorModel")
	delete(schemas.Map(), "ErrorDetail")
	text, err := json.Marshal(r.api.OpenAPI())
	if err != nil {
		return err
	}
	mux.HandleFunc("GET "+api.PathOpenAPI, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(text)
	})
	return nil
}

// scrape answers with the metrics.
func (s *Server) scrape(c huma.Context) {
	r, w := humago.Unwrap(c)
	s.backend.Metrics.ServeHTTP(w, r)
}

// humaContext gives an embedded huma.Context a name that isn't its method's.
type humaContext huma.Context

// A reply is huma's view of one answer. An error of huma's own takes the
// status that goes with our code for it.
type reply struct {
	humaContext
	status int
}

// Unwrap lets humago find its own context.
func (r *reply) Unwrap() huma.Context { return r.humaContext }

// Header hides what the caller would accept: there is JSON alone.
func (r *reply) Header(name string) string {
	if http.CanonicalHeaderKey(name) == "Accept" {
		return ""
	}
	return r.humaContext.Header(name)
}

func (r *reply) SetStatus(status int) {
	if r.status != 0 {
		status = r.status
	}
	r.humaContext.SetStatus(status)
}

// typedErrors turns huma's own errors, such as those of validation, into ours.
func typedErrors(c huma.Context, _ string, v any) (any, error) {
	m, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	e := api.Error{Code: api.BadRequest, Message: m.Detail}
	switch {
	case m.Status >= http.StatusInternalServerError:
		e.Code = api.Internal
	case m.Status == http.StatusRequestEntityTooLarge:
		e.Code = api.TooLarge
	}
	for i, d := range m.Errors {
		if i == maxDetails {
			e.Message += "; and more"
			break
		}
		e.Message += "; " + strings.TrimPrefix(clip(d.Location), "body.") + ": " + clip(d.Message)
	}
	f := &failure{api.ErrorBody{Error: e}}
	if r, ok := c.(*reply); ok {
		r.status = f.GetStatus()
	}
	c.SetHeader("Content-Type", "application/json")
	return f, nil
}

// maxDetails bounds how many faults of a request its answer names.
const maxDetails = 4
