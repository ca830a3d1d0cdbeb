package server_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"

	"github.com/fob-auth/fob/agent/api"
	"github.com/fob-auth/fob/agent/client"
	"github.com/fob-auth/fob/agent/server"
)

// TestErrorsReachTheCaller sends each code of the table from a backend to a
// client.
func TestErrorsReachTheCaller(t *testing.T) {
	f := &fake{}
	c := client.Client{Socket: start(t, f, server.Options{})}
	for _, row := range api.Codes() {
		t.Run(string(row.Code), func(t *testing.T) {
			want := api.Error{Code: row.Code, Message: "what was tried, on which token", Hint: "fob status", RetryAfterMS: 1500}
			f.err = fmt.Errorf("wrapped: %w", &want)
			_, err := c.Session(t.Context(), api.SessionRequest{Profile: "dev"})
			var got *api.Error
			if !errors.As(err, &got) || *got != want {
				t.Fatalf("error %#v, want %#v", err, want)
			}
			if got.Code.Info() != row {
				t.Errorf("row %+v, want %+v", got.Code.Info(), row)
			}
		})
	}
}

// TestFailuresKeepTheirWords: what isn't an *api.Error stays in the log.
func TestFailuresKeepTheirWords(t *testing.T) {
	var log bytes.Buffer
	f := &fake{err: errBoom}
	c := client.Client{Socket: start(t, f, server.Options{Log: slog.New(slog.NewTextHandler(&log, nil))})}
	_, err := c.Status(t.Context())
	var e *api.Error
	if !errors.As(err, &e) || e.Code != api.Internal {
		t.Fatalf("error %v", err)
	}
	if strings.Contains(e.Message, errBoom.Error()) {
		t.Errorf("message %q", e.Message)
	}
	_, id, _ := strings.Cut(e.Message, "under ")
	if id == "" || !strings.Contains(log.String(), "id="+id) || !strings.Contains(log.String(), errBoom.Error()) {
		t.Errorf("the log has nothing under %q: %s", id, &log)
	}
}

func TestPanicsAreContained(t *testing.T) {
	var log bytes.Buffer
	f := &fake{hold: func(context.Context) error { panic("boom") }}
	c := client.Client{Socket: start(t, f, server.Options{Log: slog.New(slog.NewTextHandler(&log, nil))})}
	_, err := c.Session(t.Context(), api.SessionRequest{Profile: "dev"})
	var e *api.Error
	if !errors.As(err, &e) || e.Code != api.Internal || strings.Contains(e.Message, "boom") {
		t.Errorf("error %v", err)
	}
	if !strings.Contains(log.String(), "panic=boom") {
		t.Errorf("log %s", &log)
	}
	if _, err := c.Status(t.Context()); err != nil {
		t.Errorf("after the panic: %v", err)
	}
}

// TestRoutes asks each route as the client does: what was sent arrives, what
// is answered comes back.
func TestRoutes(t *testing.T) {
	f := &fake{}
	c := client.Client{Socket: start(t, f, server.Options{})}
	ctx := t.Context()
	for _, tt := range []struct {
		call string
		sent any // what reaches the backend
		ask  func() (any, error)
		want any
	}{
		{"status", nil, func() (any, error) { return c.Status(ctx) },
			api.Status{Version: "v1", PID: 7, Started: someTime, LeftOut: []string{}, Warnings: []string{}}},
		{"tokens", nil, func() (any, error) { return c.Tokens(ctx) },
			[]api.Token{{Serial: "12345678", State: api.TokenReady}}},
		{"credentials", nil, func() (any, error) { return c.Credentials(ctx) }, []api.Credential{}},
		{"code", api.CodeRequest{Name: "AWS:carol", Token: "1", Peek: true},
			func() (any, error) { return c.Code(ctx, api.CodeRequest{Name: "AWS:carol", Token: "1", Peek: true}) },
			api.Code{Code: "123456", Step: 5, Token: "12345678"}},
		{"session", api.SessionRequest{Profile: "dev.Über", MinTTLSeconds: 60, Renew: true},
			func() (any, error) {
				return c.Session(ctx, api.SessionRequest{Profile: "dev.Über", MinTTLSeconds: 60, Renew: true})
			},
			api.Session{ID: "s1", Profile: "dev.Über", AccessKeyID: "ASIA", Expiration: someTime}},
		{"sessions", nil, func() (any, error) { return c.Sessions(ctx) },
			[]api.SessionInfo{{ID: "s1", Profile: "dev"}}},
		{"endpoint", api.EndpointRequest{Profile: "dev", Kind: api.EndpointIMDS},
			func() (any, error) {
				return c.Endpoint(ctx, api.EndpointRequest{Profile: "dev", Kind: api.EndpointIMDS})
			},
			api.Endpoint{Profile: "dev", Kind: api.EndpointIMDS, URL: "http://127.0.0.1:1/credentials", Token: "t"}},
		{"forget", "a/b c", func() (any, error) { return nil, c.Forget(ctx, "a/b c") }, nil},
		{"bind", api.BindRequest{Profile: "dev", Token: "1", Credential: "x"},
			func() (any, error) { return c.Bind(ctx, api.BindRequest{Profile: "dev", Token: "1", Credential: "x"}) },
			api.Binding{ID: "b1"}},
		{"bindings", nil, func() (any, error) { return c.Bindings(ctx) }, []api.Binding{{ID: "b1"}}},
		{"unbind", "arn:aws:iam::1:mfa/x", func() (any, error) { return nil, c.Unbind(ctx, "arn:aws:iam::1:mfa/x") }, nil},
		{"drift", nil, func() (any, error) { return c.Drift(ctx) }, []api.Drift{{Token: "GAHT1", State: api.DriftOK}}},
		{"resync", api.ResyncRequest{Profile: "dev"},
			func() (any, error) { return c.Resync(ctx, api.ResyncRequest{Profile: "dev"}) }, api.Resync{Adjustment: -3}},
		{"unenroll", api.UnenrollRequest{Profile: "dev", Lost: true},
			func() (any, error) { return c.Unenroll(ctx, api.UnenrollRequest{Profile: "dev", Lost: true}) },
			api.Unenrollment{MFASerial: "GAHT1", Sessions: []api.SessionInfo{}}},
		{"keys", nil, func() (any, error) { return c.Keys(ctx) }, api.KeyStore{Sealed: api.KeyStoreNone, Keys: []api.KeyPlace{}}},
		{"import", api.KeysImportRequest{Profile: "dev", Passphrase: "p", Remove: true},
			func() (any, error) {
				return c.ImportKeys(ctx, api.KeysImportRequest{Profile: "dev", Passphrase: "p", Remove: true})
			}, api.ImportedKeys{Profile: "dev"}},
		{"rotate", api.KeysRotateRequest{Profile: "dev"},
			func() (any, error) { return c.RotateKeys(ctx, api.KeysRotateRequest{Profile: "dev"}) }, api.RotatedKeys{Profile: "dev"}},
		{"unlock keys", api.KeysUnlockRequest{Passphrase: "p"},
			func() (any, error) { return c.UnlockKeys(ctx, api.KeysUnlockRequest{Passphrase: "p"}) },
			api.KeyStore{Sealed: api.KeyStorePassphrase, Keys: []api.KeyPlace{}}},
		{"enroll", api.EnrollRequest{Profile: "dev", Name: "n", Touch: true},
			func() (any, error) { return c.Enroll(ctx, api.EnrollRequest{Profile: "dev", Name: "n", Touch: true}) },
			api.Enrollment{Adjustment: 1}},
	} {
		t.Run(tt.call, func(t *testing.T) {
			got, err := tt.ask()
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %#v, want %#v", got, tt.want)
			}
			f.mu.Lock()
			defer f.mu.Unlock()
			if call := f.calls[len(f.calls)-1]; call != tt.call || !reflect.DeepEqual(f.last, tt.sent) {
				t.Errorf("backend got %s %#v, want %s %#v", call, f.last, tt.call, tt.sent)
			}
		})
	}
}
