package fob

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fob-auth/fob/agent/api"
	"github.com/fob-auth/fob/agent/metrics"
	"github.com/fob-auth/fob/agent/server"
)

// An agent stands behind the socket in these tests. What is asked of it by name
// decides what it answers: a profile or a credential named after an error code
// gets that error.
type agent struct {
	hub server.Hub
	// told, unless nil, is what a resync waits for after it has said that it
	// waits.
	told chan struct{}
	// answers is what the last watcher said of itself, and answered what was
	// answered to a prompt.
	answers  atomic.Pointer[string]
	answered chan api.PromptAnswer
	// watched, unless nil, has a value once a watcher hears of events.
	watched chan struct{}
}

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// asked returns the error that a name stands for.
func asked(name string) error {
	code := api.ErrorCode(name)
	if code.Info().Code != code {
		return nil
	}
	return &api.Error{Code: code, Message: "token 12345678: " + code.Info().Meaning, Hint: "fob status"}
}

func (*agent) Status(context.Context) (api.Status, error) {
	return api.Status{
		Version: "v1.2.3", PID: 4711, Started: noon, Socket: "/run/user/1000/fob/agent.sock", Tokens: 2, Sessions: 1,
		LeftOut: []string{"pcsc: built without libpcsclite"}, Warnings: []string{"the ledger was lost"},
	}, nil
}

func (*agent) Tokens(context.Context) ([]api.Token, error) {
	return []api.Token{
		{Serial: "12345678", Model: "YubiKey 5 NFC", Firmware: "5.4.3", Driver: "emulated", Path: "/run/bench.sock", Emulated: true, State: api.TokenReady, Credentials: 2},
		{Serial: "GAHT12345678", Model: "fob\x1b[31m", Driver: "serialfob", Path: "/dev/ttyACM0", OwnClock: true, State: api.TokenFailed, Error: "no answer", Credentials: 1, Notes: []string{"clock was set"}},
	}, nil
}

func (*agent) UnlockToken(_ context.Context, req api.TokenUnlockRequest) (api.Token, error) {
	if req.Password != "sesame" {
		return api.Token{}, &api.Error{Code: api.TokenPassword, Message: "another password", Hint: "run 'fob token unlock'"}
	}
	return api.Token{Serial: req.Token, State: api.TokenReady, Credentials: 2}, nil
}

func (*agent) Doctor(context.Context) ([]api.Check, error) {
	return []api.Check{{Name: "ledger", State: api.CheckOK, Message: "used codes are kept"}}, nil
}

func (*agent) Credentials(context.Context) ([]api.Credential, error) {
	return []api.Credential{
		{Token: "12345678", ID: "AWS:carol", Type: "TOTP", Algorithm: "SHA1", Digits: 6, PeriodSeconds: 30, Touch: true, MFASerial: "arn:aws:iam::111122223333:mfa/carol"},
		{Token: "12345678", ID: "other", Type: "HOTP", Algorithm: "SHA256", Digits: 8, Unusable: "it counts, and AWS wants time"},
	}, nil
}

func (*agent) Code(_ context.Context, req api.CodeRequest) (api.Code, error) {
	c := api.Code{
		Code: "012345", Step: 59798880, ValidFrom: noon, ValidUntil: noon.Add(30 * time.Second),
		Token: "12345678", Credential: "AWS:carol", MFASerial: "arn:aws:iam::111122223333:mfa/carol", Reserved: !req.Peek,
	}
	if req.Peek {
		c.Warning = "nothing is reserved"
	}
	switch req.Name {
	case "drifting":
		c.Warning = "the token's clock is outside AWS's window"
	case "unbound-one":
		if req.MFA {
			return api.Code{}, asked(string(api.Unbound))
		}
	case "nothing":
		c = api.Code{}
	}
	return c, asked(req.Name)
}

func (*agent) Session(_ context.Context, req api.SessionRequest) (api.Session, error) {
	s := api.Session{
		ID: "s1", Profile: req.Profile, AccessKeyID: "ASIAEXAMPLE", SecretAccessKey: "wJalr/XUt'nFEMI", SessionToken: "IQoJb3JpZ2luX2VjE$`\\Pv//////////",
		Expiration: noon, Region: "eu-central-1",
	}
	switch req.Profile {
	case "nowhere":
		s.Region = ""
	case "keyless":
		s.SecretAccessKey = ""
	case "hostile":
		s.Region = "x\ntouch /tmp/owned"
	case "renewed":
		s.ID = fmt.Sprintf("%t %d", req.Renew, req.MinTTLSeconds)
		s.AccessKeyID = s.ID
	}
	return s, asked(req.Profile)
}

func (*agent) Endpoint(_ context.Context, req api.EndpointRequest) (api.Endpoint, error) {
	e := api.Endpoint{Profile: req.Profile, Kind: req.Kind, URL: "http://127.0.0.1:4711/credentials", Token: "its-token"}
	if req.Profile == "doorless" {
		e.URL = ""
	}
	if req.Kind == api.EndpointIMDS {
		e.URL, e.Token = "http://127.0.0.1:4712/", ""
	}
	return e, nil
}

func (*agent) Sessions(context.Context) ([]api.SessionInfo, error) {
	return []api.SessionInfo{
		{ID: "s1", Profile: "dev", Call: "GetSessionToken", AccessKeyID: "ASIA1", Issued: noon, Expiration: noon.Add(12 * time.Hour), RenewAt: noon.Add(11*time.Hour + 35*time.Minute), MFASerial: "GAHT12345678"},
		{ID: "s2", Profile: "deploy", Call: "AssumeRole", AccessKeyID: "ASIA2", Issued: noon, Expiration: noon.Add(time.Hour), AssumedRole: "arn:aws:sts::111122223333:assumed-role/Deploy/ci"},
	}, nil
}

func (*agent) Forget(_ context.Context, id string) error { return asked(id) }

func (*agent) Bind(_ context.Context, req api.BindRequest) (api.Binding, error) {
	return api.Binding{
		ID: "b1", Account: "111122223333", MFASerial: "arn:aws:iam::111122223333:mfa/carol",
		Token: "12345678", Credential: "AWS:carol", Emulated: req.Token != "", Bound: noon,
	}, asked(req.Profile)
}

func (a *agent) Bindings(ctx context.Context) ([]api.Binding, error) {
	b, err := a.Bind(ctx, api.BindRequest{})
	return []api.Binding{b}, err
}

func (*agent) Unbind(_ context.Context, id string) error { return asked(id) }

func (a *agent) Enroll(ctx context.Context, req api.EnrollRequest) (api.Enrollment, error) {
	b, _ := a.Bind(ctx, api.BindRequest{})
	return api.Enrollment{Binding: b, Adjustment: 0, Expiration: noon}, asked(req.Profile)
}

func (*agent) Unenroll(_ context.Context, req api.UnenrollRequest) (api.Unenrollment, error) {
	return api.Unenrollment{MFASerial: "arn:aws:iam::111122223333:mfa/carol", Token: "12345678", Credential: "AWS:carol", AtAWS: req.Lost, User: "carol", CredentialDeleted: !req.Lost,
		Sessions: []api.SessionInfo{{ID: "s1", Profile: "dev", AccessKeyID: "ASIA1", Expiration: noon}}}, asked(req.Profile)
}

func (a *agent) Resync(ctx context.Context, req api.ResyncRequest) (api.Resync, error) {
	if a.told != nil {
		a.hub.Publish(api.Event{Type: api.EventTouch, At: noon, Profile: "another", Message: "touch for somebody else"})
		a.hub.Publish(api.Event{Type: api.EventSession, At: noon, Profile: req.Profile, Message: "session issued"})
		a.hub.Publish(api.Event{Type: api.EventTouch, At: noon, Message: "touch token GAHT12345678"})
		a.hub.Publish(api.Event{Type: api.EventWaiting, At: noon, Profile: req.Profile, Message: "waiting for the next code, 12:00:30"})
		select {
		case <-a.told:
		case <-ctx.Done():
			return api.Resync{}, ctx.Err()
		}
	}
	return api.Resync{MFASerial: "GAHT12345678", Token: "GAHT12345678", Adjustment: 9}, asked(req.Profile)
}

func (*agent) Keys(context.Context) (api.KeyStore, error) {
	return api.KeyStore{Sealed: api.KeyStoreSecretService, Keys: []api.KeyPlace{
		{Profile: "dev-keys", AccessKeyID: "AKIA1", Imported: noon},
		{Profile: "ops-keys", AccessKeyID: "AKIA2", File: "/home/carol/.aws/credentials"},
	}}, nil
}

func (*agent) ImportKeys(_ context.Context, req api.KeysImportRequest) (api.ImportedKeys, error) {
	return api.ImportedKeys{Profile: "dev-keys", AccessKeyID: "AKIA1", ARN: "arn:aws:iam::111122223333:user/carol",
		File: "/home/carol/.aws/credentials", Removed: req.Remove}, asked(req.Profile)
}

func (*agent) RotateKeys(_ context.Context, req api.KeysRotateRequest) (api.RotatedKeys, error) {
	return api.RotatedKeys{Profile: "dev-keys", Old: "AKIA1", New: "AKIA3"}, asked(req.Profile)
}

func (a *agent) UnlockKeys(ctx context.Context, req api.KeysUnlockRequest) (api.KeyStore, error) {
	out, err := a.Keys(ctx)
	if req.Passphrase != "open sesame" {
		err = &api.Error{Code: api.KeysLocked, Message: "that isn't the key store's passphrase", Hint: "fob keys unlock"}
	}
	return out, err
}

func (*agent) Drift(context.Context) ([]api.Drift, error) {
	return []api.Drift{
		{MFASerial: "arn:aws:iam::111122223333:mfa/carol", Token: "12345678", State: api.DriftOK, AdjustmentKnown: true, Message: "asks this host for the time"},
		{MFASerial: "GAHT12345678", Token: "GAHT12345678", OwnClock: true, State: api.DriftOutside, OffsetSeconds: 300.4, StepsOff: 10, Message: "300 s ahead: AWS takes no code"},
	}, nil
}

func (a *agent) Subscribe(ctx context.Context, answers string) <-chan api.Event {
	a.answers.Store(&answers)
	events := a.hub.Subscribe(ctx)
	select {
	case a.watched <- struct{}{}:
	default:
	}
	return events
}

func (*agent) Prompts(context.Context) ([]api.Prompt, error) { return nil, nil }

func (a *agent) Answer(_ context.Context, id string, answer api.PromptAnswer) (api.Prompt, error) {
	if answer.Digits == "12345" {
		return api.Prompt{}, &api.Error{Code: api.BadRequest, Message: "a code has six digits"}
	}
	a.answered <- answer
	return api.Prompt{ID: id}, nil
}

func (*agent) Lock(_ context.Context, req api.LockRequest) (api.LockState, error) {
	return api.LockState{Locked: !req.WhenIdle}, asked(req.Password)
}

func (*agent) Unlock(_ context.Context, req api.UnlockRequest) (api.LockState, error) {
	return api.LockState{}, asked(req.Password)
}

func (*agent) Audit(context.Context) ([]api.AuditEntry, error) {
	return []api.AuditEntry{
		{N: 2, At: noon, Ended: noon.Add(time.Second), Act: "POST /v1/sessions", Outcome: "done", Peer: api.AuditCaller{UID: 1000, PID: 77, Exe: "/usr/bin/fob", Chain: []string{"/usr/bin/terraform"}},
			AuditFacts: api.AuditFacts{Profile: "dev", Token: "12345678", Counter: 59798880}},
		{N: 4, At: noon.Add(time.Minute), Ended: noon.Add(time.Minute), Act: "POST /v1/sessions", Outcome: "refused", Code: api.TicketRefused, Peer: api.AuditCaller{UID: 1000, Ticket: "ci"},
			AuditFacts: api.AuditFacts{Profile: "prod"}},
	}, nil
}

func (*agent) VerifyAudit(context.Context) (api.AuditVerdict, error) {
	return api.AuditVerdict{File: "/state/audit.jsonl", Lines: 5, First: 1, Faults: []api.AuditFault{{Line: 4, Message: "line 4: it isn't what was written"}}}, nil
}

func (*agent) IssueTicket(_ context.Context, req api.TicketRequest) (api.IssuedTicket, error) {
	return api.IssuedTicket{Ticket: api.Ticket{ID: "t1", Name: req.Name, Profiles: req.Profiles, Issued: noon, Expires: noon.Add(time.Duration(req.TTLSeconds) * time.Second)}, Secret: "fobticket_x"}, asked(req.Name)
}

func (*agent) Tickets(context.Context) ([]api.Ticket, error) {
	return []api.Ticket{{ID: "t1", Name: "ci", Profiles: []string{"dev", "test"}, Issued: noon, Expires: noon.Add(8 * time.Hour)}}, nil
}

func (*agent) RevokeTicket(_ context.Context, id string) error { return asked(id) }

// startAgent serves the fake agent until the test ends, and returns its socket.
func startAgent(t testing.TB) string {
	t.Helper()
	path, _ := serve(t, &agent{})
	return path
}

// serve serves a until the test ends, or end is called.
func serve(t testing.TB, a *agent) (path string, end func()) {
	t.Helper()
	dir, err := os.MkdirTemp("", "fob")
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(dir, "agent.sock")
	ctx, cancel := context.WithCancel(context.Background())
	ln, err := server.Listen(ctx, path)
	if err != nil {
		t.Fatal(err)
	}
	s, err := server.New(server.Backend{Tokens: a, Passwords: a, Codes: a, Sessions: a, Endpoints: a, Bindings: a, Devices: a, Keys: a, Events: a, Prompts: a, Locks: a, Audits: a, Office: a, Metrics: metrics.New("v1", func() metrics.State { return metrics.State{} })}, server.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, ln) }()
	end = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		end()
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return path, end
}
