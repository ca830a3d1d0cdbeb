// Package control serves a bench on its Unix socket, in the wire types of
// package api: the state of its tokens, what hands do to them, and the card
// channel. Whoever may open the socket may do all of it; there is nothing
// finer.
package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/fob-auth/fob/emulator"
	"github.com/fob-auth/fob/emulator/api"
	"github.com/fob-auth/fob/emulator/clock"
)

// Bounds on what a client may send, and how long it may take.
const (
	maxBody       = 16 << 10
	maxHeader     = 16 << 10
	headerTimeout = 5 * time.Second
	idleTimeout   = 2 * time.Minute
	// writeTimeout is how long a client may leave an answer unread.
	writeTimeout = 10 * time.Second
	// maxHold bounds how long a button is held.
	maxHold = time.Minute
	// endTimeout is how long requests in flight get to end once ctx has.
	endTimeout = time.Second
)

// A server serves one bench.
type server struct {
	bench *emulator.Bench
	log   *slog.Logger
	// cards counts the card channels: http.Server forgets those it handed out.
	cards sync.WaitGroup
}

// Serve serves bench on l until ctx ends, and closes l. It returns once every
// request has ended; the error is nil where ctx was the reason.
func Serve(ctx context.Context, l net.Listener, bench *emulator.Bench, log *slog.Logger) error {
	s := &server{bench: bench, log: log}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	h := &http.Server{
		Handler:           s.routes(),
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	failed := make(chan error, 1)
	go func() { failed <- h.Serve(l) }()
	var err error
	select {
	case err = <-failed:
		cancel()
		h.Close()
	case <-ctx.Done():
		late, stop := context.WithTimeout(context.WithoutCancel(ctx), endTimeout)
		if h.Shutdown(late) != nil {
			h.Close()
		}
		stop()
		<-failed
	}
	s.cards.Wait()
	return err
}

func (s *server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+api.PathTokens, s.tokens)
	mux.HandleFunc("GET "+api.PathWatch, s.watch)
	mux.HandleFunc("GET "+api.PathCard, s.card)
	mux.Handle("GET "+api.PathToken, s.on(func(*http.Request, *emulator.Token) error { return nil }))
	mux.Handle("POST "+api.PathPress, s.on(s.press))
	mux.Handle("POST "+api.PathPlug, s.on(func(_ *http.Request, t *emulator.Token) error { return t.Plug() }))
	mux.Handle("POST "+api.PathUnplug, s.on(func(_ *http.Request, t *emulator.Token) error { return t.Unplug() }))
	mux.Handle("POST "+api.PathClock, s.on(changeClock))
	mux.Handle("POST "+api.PathFault, s.on(addFault))
	mux.Handle("POST "+api.PathPower, s.on(changePower))
	mux.Handle("POST "+api.PathReset, s.on(func(_ *http.Request, t *emulator.Token) error { return t.Reset() }))
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.fail(w, r, http.StatusNotFound, api.CodeNoRoute, fmt.Errorf("no route %s %s", r.Method, r.URL.Path))
	})
	return mux
}

// on is a route that does something to the token it names and answers with what
// became of the token.
func (s *server) on(do func(*http.Request, *emulator.Token) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		t, err := s.bench.Token(r.PathValue("name"))
		if err == nil {
			err = do(r, t)
		}
		if err != nil {
			status, code := classify(err)
			s.fail(w, r, status, code, err)
			return
		}
		s.answer(w, r, http.StatusOK, t.State())
	})
}

func (s *server) press(r *http.Request, t *emulator.Token) error {
	var p api.Press
	if err := decode(r, &p); err != nil {
		return err
	}
	patience, err := milliseconds("wait_ms", &p.WaitMS)
	if err != nil {
		return err
	}
	hold, err := milliseconds("hold_ms", &p.HoldMS)
	if err != nil {
		return err
	}
	switch {
	case *hold < 0 || *hold > maxHold:
		return requestError{fmt.Errorf("hold_ms is out of 0 to %d", maxHold.Milliseconds())}
	case *hold > 0:
		err = t.Hold(r.Context(), *hold)
	default:
		err = s.bench.Press(r.Context(), t, *patience)
	}
	if r.Context().Err() != nil { // or the client is gone, and hears nothing
		return emulator.ErrClosed
	}
	return err
}

func changeClock(r *http.Request, t *emulator.Token) error {
	var c api.ClockChange
	if err := decode(r, &c); err != nil {
		return err
	}
	offset, err := milliseconds("offset_ms", c.OffsetMS)
	if err != nil {
		return err
	}
	advance, err := milliseconds("advance_ms", c.AdvanceMS)
	if err != nil {
		return err
	}
	return badRequest(t.ChangeClock(clock.Change{Offset: offset, Advance: advance, PPM: c.PPM, Freeze: c.Freeze}))
}

func changePower(r *http.Request, t *emulator.Token) error {
	var p api.Power
	if err := decode(r, &p); err != nil {
		return err
	}
	brownOut, err := milliseconds("brown_out_ms", &p.BrownOutMS)
	if err != nil {
		return err
	}
	return t.ChangePower(r.Context(), emulator.Power{BrownOut: *brownOut, NewBattery: p.NewBattery, Battery: p.BatteryMV})
}

func addFault(r *http.Request, t *emulator.Token) error {
	var f api.Fault
	if err := decode(r, &f); err != nil {
		return err
	}
	return badRequest(t.AddFault(f))
}

func (s *server) tokens(w http.ResponseWriter, r *http.Request) {
	s.answer(w, r, http.StatusOK, s.bench.Tokens())
}

// watch sends the whole set at once and after each change; changes that come
// while a slow client still reads are one.
func (s *server) watch(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/x-ndjson")
	rc := http.NewResponseController(w)
	enc := json.NewEncoder(w)
	for {
		changed := s.bench.Changed()
		err := rc.SetWriteDeadline(time.Now().Add(writeTimeout))
		if err == nil {
			err = enc.Encode(s.bench.Tokens())
		}
		if err == nil {
			err = rc.Flush()
		}
		if err != nil {
			return
		}
		select {
		case <-changed:
		case <-r.Context().Done():
			return
		}
	}
}

// A requestError is an error of what the client sent.
type requestError struct{ error }

func (e requestError) Unwrap() error { return e.error }

func badRequest(err error) error {
	if err == nil || errors.Is(err, emulator.ErrKind) {
		return err
	}
	return requestError{err}
}

// decode reads a body of one JSON object with known fields, or none.
func decode(r *http.Request, v any) error {
	dec := json.NewDecoder(r.Body)
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); errors.Is(err, io.EOF) {
		return nil
	} else if err != nil {
		return requestError{fmt.Errorf("body: %w", err)}
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return requestError{errors.New("body: more than one JSON value")}
	}
	return nil
}

// milliseconds is ms as a duration, nil for nil.
func milliseconds(field string, ms *int64) (*time.Duration, error) {
	if ms == nil {
		return nil, nil
	}
	const most = math.MaxInt64 / int64(time.Millisecond)
	if *ms > most || *ms < -most {
		return nil, requestError{fmt.Errorf("%s is out of range", field)}
	}
	d := time.Duration(*ms) * time.Millisecond
	return &d, nil
}

// classify is what the client is told of an error.
func classify(err error) (status int, code api.ErrorCode) {
	for _, c := range []struct {
		err    error
		status int
		code   api.ErrorCode
	}{
		{emulator.ErrUnknown, http.StatusNotFound, api.CodeUnknown},
		{emulator.ErrUnplugged, http.StatusConflict, api.CodeUnplugged},
		{emulator.ErrBusy, http.StatusConflict, api.CodeBusy},
		{emulator.ErrNotWaiting, http.StatusConflict, api.CodeNotWaiting},
		{emulator.ErrNever, http.StatusConflict, api.CodeNever},
		{emulator.ErrKind, http.StatusBadRequest, api.CodeWrongKind},
		{emulator.ErrClosed, http.StatusServiceUnavailable, api.CodeClosed},
	} {
		if errors.Is(err, c.err) {
			return c.status, c.code
		}
	}
	if errors.As(err, new(requestError)) || errors.Is(err, emulator.ErrBounds) {
		return http.StatusBadRequest, api.CodeBadRequest
	}
	return http.StatusInternalServerError, api.CodeFailed
}

func (s *server) fail(w http.ResponseWriter, r *http.Request, status int, code api.ErrorCode, err error) {
	s.log.Info("request failed", "method", r.Method, "path", r.URL.Path, "status", status, "error", err)
	s.answer(w, r, status, api.Error{Code: code, Message: err.Error()})
}

func (s *server) answer(w http.ResponseWriter, r *http.Request, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(v); err != nil {
		s.log.Debug("answer not sent", "path", r.URL.Path, "error", err)
	}
}
