package explain

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/fob-auth/fob/agent/api"
	"github.com/fob-auth/fob/agent/ask"
	"github.com/fob-auth/fob/agent/broker"
	"github.com/fob-auth/fob/agent/session"
	"github.com/fob-auth/fob/agent/unlock"
	"github.com/fob-auth/fob/devices"
	"github.com/fob-auth/fob/sts"
	"github.com/fob-auth/fob/sts/binding"
	"github.com/fob-auth/fob/sts/profile"
)

var noon = time.Date(2026, 11, 22, 12, 0, 40, 0, time.UTC)

func onToken(err error) error {
	return fmt.Errorf("profile dev: %w", &devices.Error{Op: "compute a code", Token: "12345678", Err: err})
}

func refused(class sts.Class) error {
	return fmt.Errorf("profile dev: %w", &sts.Refusal{Class: class, Action: "GetSessionToken", Status: 403, Code: "Code", Message: "what AWS said"})
}

func TestError(t *testing.T) {
	dev := sts.Device{Endpoint: "aws", Account: "111122223333", Serial: "GAHT12345678"}
	for _, test := range []struct {
		name string
		err  error
		code api.ErrorCode
		says []string // words of message or hint
	}{
		{"told already", fmt.Errorf("x: %w", &api.Error{Code: api.Drifted, Message: "m", Hint: "run 'fob drift'"}), api.Drifted, []string{"m"}},
		{"spent", &broker.SpentError{Device: dev, Candidates: []uint64{1}, Next: 2}, api.CodeSpent, []string{"GAHT12345678", "12:01:00 UTC"}},
		{"throttled", &broker.ThrottledError{Device: dev, Until: noon.Add(140 * time.Second)}, api.Throttled, []string{"throttled until 12:03:00 UTC", "GAHT12345678"}},
		{"closed", &broker.ClosedError{Device: dev, Floor: 1, Until: noon.Add(time.Minute)}, api.LedgerClosed, []string{"held back", "fob status"}},
		{"bound elsewhere", &broker.BoundError{Token: "12345678", Credential: "AWS:carol", To: dev}, api.WrongToken, []string{"12345678", "GAHT12345678"}},
		{"taken", &binding.TakenError{Token: "12345678", Credential: "AWS:carol", By: dev}, api.WrongToken, []string{"12345678"}},
		{"no binding", broker.ErrUnbound, api.NotFound, []string{"fob bindings"}},
		{"nobody to ask", onToken(ask.ErrNobody), api.NobodyToAsk, []string{"12345678", "fob code --type"}},
		{"no way to ask", onToken(ask.ErrCannot), api.NobodyToAsk, []string{"fob code --type"}},
		{"said no", onToken(ask.ErrRefused), api.UserRefused, []string{"said no"}},
		{"said nothing", onToken(ask.ErrUnanswered), api.NoAnswer, []string{"in time"}},
		{"no such question", ask.ErrUnknown, api.NotFound, []string{"fob watch"}},
		{"another kind of answer", ask.ErrKind, api.BadRequest, []string{"still stands"}},
		{"no code", &ask.DigitsError{Reason: "a code has six digits"}, api.BadRequest, []string{"six digits", "still stands"}},
		{"removed", onToken(devices.ErrRemoved), api.TokenRemoved, []string{"12345678", "compute a code"}},
		{"not touched", onToken(devices.ErrNoTouch), api.NoTouch, []string{"12345678", "fob watch"}},
		{"unattested", onToken(devices.ErrUnattested), api.Unattested, []string{"12345678", "fob bind --attest", "ykman piv keys generate"}},
		{"no password", onToken(unlock.ErrNoPassword), api.BadRequest, []string{"12345678", "has no password"}},
		{"not remembered", &unlock.KeptError{Token: "12345678", Err: errors.New("nothing to seal with")}, api.Config, []string{"12345678", "until the agent ends", "nothing to seal with"}},
		{"password", onToken(devices.ErrPassword), api.TokenPassword, []string{"fob token unlock 12345678"}},
		{"no credential", onToken(devices.ErrNoCredential), api.UnknownCredential, []string{"fob list"}},
		{"nonsense", onToken(devices.ErrAnswer), api.TokenFault, []string{"12345678"}},
		{"silent", onToken(devices.ErrSilent), api.TokenFault, []string{"unplug"}},
		{"silent and opened anew", onToken(errors.Join(devices.ErrSilent, devices.ErrRemoved)), api.TokenFault, []string{"ask again"}},
		{"late", onToken(broker.ErrLate), api.TokenFault, []string{"unplug"}},
		{"clock lost", onToken(devices.ErrClockLost), api.Drifted, []string{"12345678", "lost its time", "fob unenroll", "ten seconds", "fob enroll"}},
		{"too many codes", onToken(&devices.RateError{After: 5 * time.Second}), api.RateLimited, []string{"12345678", "next in 5s", "ask again"}},
		{"battery", onToken(&devices.BatteryError{Millivolts: 2400}), api.TokenFault, []string{"12345678", "2400 mV", "fob enroll"}},
		{"unsupported", onToken(devices.ErrUnsupported), api.UnusableToken, nil},
		{"no token", onToken(&broker.NoTokenError{Serial: "12345678"}), api.NoToken, []string{"12345678"}},
		{"not found", &broker.NotFoundError{Name: "AWS:carol"}, api.UnknownCredential, []string{"AWS:carol"}},
		{"unknown profile", &profile.UnknownError{Profile: "dev", Files: []string{"config"}}, api.UnknownProfile, []string{"dev"}},
		{"loop", &profile.LoopError{Chain: []string{"dev"}, Process: "fob credentials"}, api.CredentialLoop, []string{"fob credentials"}},
		{"endpoint", &profile.EndpointError{Profile: "dev", URL: "http://x", File: "config"}, api.EndpointRefused, []string{"http://x"}},
		{"keys", &profile.KeysError{Profile: "dev", Reason: "has none"}, api.Config, []string{"dev"}},
		{"no session", session.ErrUnknown, api.NotFound, []string{"fob sessions"}},
		{"wrong code", refused(sts.WrongCode), api.CodeRefused, []string{"what AWS said", "fob resync"}},
		{"unverifiable", refused(sts.Unverifiable), api.MFARefused, []string{"list-mfa-devices"}},
		{"keys refused", refused(sts.BadKeys), api.BadKeys, []string{"fob keys list", "fob doctor"}},
		{"denied", refused(sts.Denied), api.Denied, []string{"administrator"}},
		{"skewed", refused(sts.Skewed), api.AWSError, []string{"timedatectl"}},
		{"unsent", &sts.Refusal{Class: sts.Unsent, Action: "GetSessionToken", Err: errors.New("no route to host")}, api.AWSUnreachable, []string{"no route to host", "no code is used up"}},
		{"unanswered", &sts.Refusal{Class: sts.Unanswered, Action: "GetSessionToken", Err: errors.New("reset")}, api.AWSUnanswered, []string{"another code"}},
		{"unanswered, and no code sent", &sts.Refusal{Class: sts.Unanswered, Action: "CreateVirtualMFADevice", Err: errors.New("reset")}, api.AWSUnanswered, []string{"run the command again", "fob doctor"}},
		{"bad endpoint", &sts.Refusal{Class: sts.Unsent, Action: "GetSessionToken", Err: &sts.EndpointError{}}, api.EndpointRefused, []string{"fob.yaml"}},
		{"stopping", context.Canceled, api.Internal, []string{"stopping"}},
		{"stopping while a touch is awaited", &devices.Error{Op: "compute a code", Token: "1", Err: context.Canceled}, api.Internal, []string{"stopping"}},
		{"deadline", context.DeadlineExceeded, api.TouchPending, []string{"touch"}},
		{"touch pending", &session.PendingError{Profile: "dev", Wait: session.Wait{Token: "12345678", Touch: true}}, api.TouchPending, []string{"12345678 still waits for a touch", "next call"}},
		{"code pending", &session.PendingError{Profile: "dev", Wait: session.Wait{Token: "12345678", Until: noon.Add(20 * time.Second)}}, api.CodeSpent, []string{"12345678", "in 20 s"}},
		{"code pending, a moment", &session.PendingError{Profile: "dev", Wait: session.Wait{Token: "12345678", Until: noon.Add(time.Millisecond)}}, api.CodeSpent, []string{"12345678", "in 1 s"}},
		{"AWS pending", &session.PendingError{Profile: "dev"}, api.TouchPending, []string{"dev", "on its way"}},
		{"anything else", errors.New("disk is on fire"), api.Internal, []string{"disk is on fire"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			told := Error(test.err, noon)
			if told.Code != test.code {
				t.Errorf("code %s, want %s", told.Code, test.code)
			}
			if told.Message == "" || told.Hint == "" {
				t.Errorf("no message or no hint: %+v", told)
			}
			for _, word := range test.says {
				if !strings.Contains(told.Message+" "+told.Hint, word) {
					t.Errorf("%q, hint %q: neither says %q", told.Message, told.Hint, word)
				}
			}
		})
	}
}

// TestComeBack: who is told to wait is told for how long.
func TestComeBack(t *testing.T) {
	for _, test := range []struct {
		err  error
		want time.Duration
	}{
		{&broker.SpentError{Candidates: []uint64{1}}, 20 * time.Second},
		{&broker.ThrottledError{Until: noon.Add(140 * time.Second)}, 140 * time.Second},
		{&broker.ClosedError{Until: noon.Add(time.Minute)}, time.Minute},
		{&broker.ClosedError{Until: noon.Add(time.Minute - 1)}, time.Minute},
		{&broker.ClosedError{}, 0},
		{&session.PendingError{Wait: session.Wait{Token: "12345678", Until: noon.Add(20 * time.Second)}}, 20 * time.Second},
		{&session.PendingError{Wait: session.Wait{Token: "12345678", Touch: true}}, time.Second},
		{onToken(&devices.RateError{After: 5 * time.Second}), 5 * time.Second},
		{onToken(&devices.RateError{}), time.Second},
		{devices.ErrRemoved, 0},
	} {
		if got := Error(test.err, noon).RetryAfter(); got != test.want {
			t.Errorf("%v: come back after %v, want %v", test.err, got, test.want)
		}
	}
}

// TestEveryClassIsTold: no refusal of AWS falls through, and no hint leaves a word
// for the reader to fill in.
func TestEveryClassIsTold(t *testing.T) {
	blank := regexp.MustCompile(`--[a-z-]+ [A-Z]+\b`)
	for class := range refusals() {
		if told := Error(refused(class), noon); told.Code == api.Internal || told.Hint == "" || blank.MatchString(told.Hint) {
			t.Errorf("%s: %+v", class, told)
		}
	}
}
