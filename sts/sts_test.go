package sts

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
)

func TestSecretRedactsItself(t *testing.T) {
	const hidden = "wJalrXUtnFEMI"
	keys := Keys{AccessKeyID: "AKIA", SecretAccessKey: hidden, SessionToken: hidden}
	session := Session{Keys: keys}
	encoded, err := json.Marshal(session)
	if err != nil {
		t.Fatal(err)
	}
	var logged strings.Builder
	slog.New(slog.NewJSONHandler(&logged, nil)).Info("x", "secret", keys.SecretAccessKey, "session", session)
	for _, text := range []string{
		fmt.Sprintf("%v %+v %#v %s %q", keys, session, &session, keys.SecretAccessKey, keys.SessionToken),
		fmt.Sprintf("%d %x %X", keys.SecretAccessKey, keys.SecretAccessKey, keys.SecretAccessKey),
		fmt.Sprint(keys.SecretAccessKey, Plan{Keys: keys}), string(encoded), logged.String(),
	} {
		if strings.Contains(text, hidden) || strings.Contains(strings.ToLower(text), fmt.Sprintf("%x", hidden)) {
			t.Errorf("the secret shows in %q", text)
		}
	}
	if keys.SecretAccessKey.Reveal() != hidden {
		t.Error("the secret is lost")
	}
}

// chained is a plan with a parent.
func chained() Plan {
	parent := Plan{
		Call: GetSessionToken, Endpoint: Endpoint{Region: "eu-west-1"}, MFASerial: "GAHT12345678", Duration: time.Hour,
		Keys: Keys{AccessKeyID: "AKIA1", SecretAccessKey: "s"},
	}
	return Plan{
		Call: AssumeRole, Endpoint: parent.Endpoint, Parent: &parent, Duration: time.Hour,
		Role: Role{ARN: "arn:aws:iam::111122223333:role/R", SessionName: "x"},
	}
}

func TestPlanKey(t *testing.T) {
	base := chained().Key()
	for name, test := range map[string]struct {
		change func(*Plan)
		same   bool
	}{
		"nothing":            {func(*Plan) {}, true},
		"filled-in keys":     {func(p *Plan) { p.Keys = Keys{AccessKeyID: "ASIA9"} }, true},
		"skew":               {func(p *Plan) { p.Skew = time.Hour }, true},
		"another region":     {func(p *Plan) { p.Endpoint.Region = "us-west-2" }, true},
		"another partition":  {func(p *Plan) { p.Endpoint.Region = "us-gov-west-1" }, false},
		"another endpoint":   {func(p *Plan) { p.Endpoint.URL = "http://127.0.0.1:1" }, false},
		"another role":       {func(p *Plan) { p.Role.ARN += "2" }, false},
		"another name":       {func(p *Plan) { p.Role.SessionName = "y" }, false},
		"an external ID":     {func(p *Plan) { p.Role.ExternalID = "e" }, false},
		"another lifetime":   {func(p *Plan) { p.Duration *= 2 }, false},
		"an MFA device":      {func(p *Plan) { p.MFASerial = "GAHT12345678" }, false},
		"a parent's device":  {func(p *Plan) { p.Parent.MFASerial = "GAHT87654321" }, false},
		"a parent's keys":    {func(p *Plan) { p.Parent.Keys.AccessKeyID = "AKIA2" }, false},
		"a parent's secret":  {func(p *Plan) { p.Parent.Keys.SecretAccessKey = "t" }, true},
		"no parent":          {func(p *Plan) { p.Parent = nil }, false},
		"a parent's region":  {func(p *Plan) { p.Parent.Endpoint.Region = "us-west-2" }, true},
		"a parent's  length": {func(p *Plan) { p.Parent.Duration *= 2 }, false},
	} {
		p := chained()
		test.change(&p)
		if same := p.Key() == base; same != test.same {
			t.Errorf("%s: same key %t, want %t", name, same, test.same)
		}
	}
}

func TestPlanRoot(t *testing.T) {
	if root := chained().Root(); root.Call != GetSessionToken || root.Keys.AccessKeyID != "AKIA1" {
		t.Errorf("root %+v", root)
	}
}

func TestRefusalSays(t *testing.T) {
	network := errors.New("no route to host")
	for want, r := range map[string]*Refusal{
		"AssumeRole: no route to host":      {Action: "AssumeRole", Err: network},
		"AssumeRole: Throttling: slow down": {Action: "AssumeRole", Code: "Throttling", Message: "slow down"},
		"AssumeRole: HTTP status 502":       {Action: "AssumeRole", Status: 502},
	} {
		if r.Error() != want || errors.Is(r, network) != (r.Err != nil) {
			t.Errorf("%q, want %q", r, want)
		}
	}
	if (&Refusal{Class: Unsent}).MayHaveSpent() || !(&Refusal{Class: Unanswered}).MayHaveSpent() {
		t.Error("what was sent counts as spent, what wasn't doesn't")
	}
}

// TestKeyStays: sessions are kept over restarts under these keys.
func TestKeyStays(t *testing.T) {
	for p := range 3 {
		plan := chained()
		plan.Role.ExternalID = []string{"", "a \"b\" ü", "\x00\u2028"}[p]
		words := func(p Plan, parent string) []string {
			return []string{string(p.Call), p.Endpoint.Name(), parent, p.MFASerial, p.Duration.String(), p.Role.ARN, p.Role.SessionName, p.Role.ExternalID}
		}
		want := "keys:" + plan.Root().Keys.AccessKeyID
		for _, p := range []Plan{*plan.Parent, plan} {
			sum := sha256.Sum256(fmt.Appendf(nil, "%q", words(p, want)))
			want = hex.EncodeToString(sum[:16])
		}
		if got := plan.Key(); got != want {
			t.Errorf("key %s, want %s", got, want)
		}
	}
}
