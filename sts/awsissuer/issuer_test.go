package awsissuer_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fob-auth/fob/sts"
	"github.com/fob-auth/fob/sts/awsissuer"
)

// awsDate is the Date of every answer of the stand-in.
var awsDate = time.Date(2026, 11, 22, 12, 0, 7, 0, time.UTC)

const testCode = "492039"

// A stand is a listener on loopback that answers as it is told and keeps what
// it was asked.
type stand struct {
	*httptest.Server
	mu     sync.Mutex
	asked  []url.Values
	header []http.Header
}

// newStand answers every request by answer.
func newStand(t *testing.T, answer func(w http.ResponseWriter, form url.Values)) *stand {
	t.Helper()
	s := &stand{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(io.LimitReader(r.Body, 1<<16))
		if err != nil {
			t.Errorf("read request: %v", err)
		}
		form, err := url.ParseQuery(string(body))
		if err != nil {
			t.Errorf("parse request: %v", err)
		}
		s.mu.Lock()
		s.asked = append(s.asked, form)
		s.header = append(s.header, r.Header.Clone())
		s.mu.Unlock()
		w.Header().Set("Date", awsDate.Format(http.TimeFormat))
		answer(w, form)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *stand) requests() ([]url.Values, []http.Header) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked, s.header
}

func (s *stand) plan() sts.Plan {
	return sts.Plan{
		Call: sts.GetSessionToken, Endpoint: sts.Endpoint{URL: s.URL}, Keys: testKeys(),
		MFASerial: "arn:aws:iam::111122223333:mfa/carol", Duration: 12 * time.Hour,
	}
}

func (s *stand) caller() awsissuer.Caller {
	return awsissuer.Caller{Endpoint: sts.Endpoint{URL: s.URL}, Keys: testKeys()}
}

func testKeys() sts.Keys {
	return sts.Keys{AccessKeyID: "AKIACAROLEXAMPLE0001", SecretAccessKey: "the-long-term-secret"}
}

const credentials = `<Credentials><AccessKeyId>ASIAEXAMPLE</AccessKeyId><SecretAccessKey>s3cret</SecretAccessKey>` +
	`<SessionToken>t0ken</SessionToken><Expiration>2026-11-23T00:00:00Z</Expiration></Credentials>`

func stsAnswer(w http.ResponseWriter, form url.Values) {
	action := form.Get("Action")
	inner := map[string]string{
		"GetSessionToken":   credentials,
		"AssumeRole":        credentials + `<AssumedRoleUser><AssumedRoleId>AROA:x</AssumedRoleId><Arn>arn:aws:sts::111122223333:assumed-role/R/x</Arn></AssumedRoleUser>`,
		"GetCallerIdentity": `<Account>111122223333</Account><Arn>arn:aws:iam::111122223333:user/carol</Arn><UserId>AIDACAROL</UserId>`,
	}[action]
	fmt.Fprintf(w, `<%[1]sResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><%[1]sResult>%[2]s</%[1]sResult><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></%[1]sResponse>`, action, inner)
}

func refuse(w http.ResponseWriter, status int, code, message string) {
	w.WriteHeader(status)
	fmt.Fprintf(w, `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>%s</Code><Message>%s</Message></Error><RequestId>r</RequestId></ErrorResponse>`, code, message)
}

func refusal(t *testing.T, err error) *sts.Refusal {
	t.Helper()
	var r *sts.Refusal
	if !errors.As(err, &r) {
		t.Fatalf("error %v (%T), want an *sts.Refusal", err, err)
	}
	return r
}

func TestIssueGetSessionToken(t *testing.T) {
	s := newStand(t, stsAnswer)
	got, err := awsissuer.New(awsissuer.Options{}).Issue(context.Background(), s.plan(), testCode)
	if err != nil {
		t.Fatal(err)
	}
	want := sts.Session{
		Keys:       sts.Keys{AccessKeyID: "ASIAEXAMPLE", SecretAccessKey: "s3cret", SessionToken: "t0ken"},
		Expiration: time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC),
		MFASerial:  "arn:aws:iam::111122223333:mfa/carol",
		Date:       awsDate,
	}
	if got != want {
		t.Errorf("session %+v, want %+v", got, want)
	}
	asked, _ := s.requests()
	if len(asked) != 1 {
		t.Fatalf("%d requests, want 1", len(asked))
	}
	wantForm := url.Values{
		"Action": {"GetSessionToken"}, "Version": {"2011-06-15"}, "DurationSeconds": {"43200"},
		"SerialNumber": {"arn:aws:iam::111122223333:mfa/carol"}, "TokenCode": {testCode},
	}
	if asked[0].Encode() != wantForm.Encode() {
		t.Errorf("asked %v, want %v", asked[0], wantForm)
	}
}

func TestIssueAssumeRole(t *testing.T) {
	s := newStand(t, stsAnswer)
	p := s.plan()
	p.Call, p.Duration, p.MFASerial = sts.AssumeRole, time.Hour, ""
	p.Keys.SessionToken = "parent-token"
	p.Role = sts.Role{ARN: "arn:aws:iam::111122223333:role/R", SessionName: "fob-dev", ExternalID: "ext"}
	got, err := awsissuer.New(awsissuer.Options{}).Issue(context.Background(), p, "")
	if err != nil {
		t.Fatal(err)
	}
	if want := "arn:aws:sts::111122223333:assumed-role/R/x"; got.AssumedRole != want || got.MFASerial != "" {
		t.Errorf("role %q, MFA serial %q", got.AssumedRole, got.MFASerial)
	}
	asked, header := s.requests()
	want := url.Values{
		"Action": {"AssumeRole"}, "Version": {"2011-06-15"}, "DurationSeconds": {"3600"}, "ExternalId": {"ext"},
		"RoleArn": {"arn:aws:iam::111122223333:role/R"}, "RoleSessionName": {"fob-dev"},
	}
	if asked[0].Encode() != want.Encode() {
		t.Errorf("asked %v, want %v", asked[0], want)
	}
	if got := header[0].Get("X-Amz-Security-Token"); got != "parent-token" {
		t.Errorf("session token %q", got)
	}
}

// A call that carries a code is made once, whatever AWS answers, and what AWS
// said comes out in its class, with AWS's time and without the code.
func TestIssueOnce(t *testing.T) {
	for _, test := range []struct {
		name   string
		answer func(w http.ResponseWriter, form url.Values)
		class  sts.Class
		status int
	}{
		{"wrong code", func(w http.ResponseWriter, _ url.Values) {
			refuse(w, 403, "AccessDenied", "MultiFactorAuthentication failed with invalid MFA one time pass code. ")
		}, sts.WrongCode, 403},
		{"failure", func(w http.ResponseWriter, _ url.Values) { refuse(w, 500, "InternalFailure", "oops") }, sts.Fault, 500},
		{"bare failure", func(w http.ResponseWriter, _ url.Values) { w.WriteHeader(503) }, sts.Fault, 503},
		{"throttling", func(w http.ResponseWriter, _ url.Values) { refuse(w, 400, "Throttling", "Rate exceeded") }, sts.Throttled, 400},
		{"too many requests", func(w http.ResponseWriter, _ url.Values) { w.WriteHeader(429) }, sts.Throttled, 429},
		{"skewed", func(w http.ResponseWriter, _ url.Values) {
			refuse(w, 403, "SignatureDoesNotMatch", "Signature expired: 1 is now earlier than 2 (3 - 15 min.)")
		}, sts.Skewed, 403},
		{"code in the message", func(w http.ResponseWriter, form url.Values) {
			refuse(w, 400, "ValidationError", "1 validation error detected: Value '"+form.Get("TokenCode")+"' at 'tokenCode' failed to satisfy constraint")
		}, sts.Invalid, 400},
		{"a proxy's page", func(w http.ResponseWriter, _ url.Values) {
			w.WriteHeader(403)
			io.WriteString(w, "<!DOCTYPE html><p>Blocked<br>by policy")
		}, sts.Other, 403},
		{"no XML", func(w http.ResponseWriter, _ url.Values) { io.WriteString(w, "welcome") }, sts.Other, 200},
		{"nothing in it", func(w http.ResponseWriter, _ url.Values) {
			io.WriteString(w, `<GetSessionTokenResponse><GetSessionTokenResult/></GetSessionTokenResponse>`)
		}, sts.Other, 200},
		{"no session token", func(w http.ResponseWriter, _ url.Values) {
			io.WriteString(w, `<GetSessionTokenResponse><GetSessionTokenResult><Credentials><AccessKeyId>a</AccessKeyId></Credentials></GetSessionTokenResult></GetSessionTokenResponse>`)
		}, sts.Other, 200},
		{"endless", func(w http.ResponseWriter, _ url.Values) {
			for range 3 << 10 {
				if _, err := w.Write(make([]byte, 1<<10)); err != nil {
					return
				}
			}
		}, sts.Other, 200},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newStand(t, test.answer)
			_, err := awsissuer.New(awsissuer.Options{}).Issue(context.Background(), s.plan(), testCode)
			r := refusal(t, err)
			if r.Class != test.class || r.Status != test.status || !r.Date.Equal(awsDate) || r.Action != "GetSessionToken" {
				t.Errorf("refusal %+v, want class %s, status %d and the date", r, test.class, test.status)
			}
			if !r.MayHaveSpent() {
				t.Error("the code counts as unspent")
			}
			holdsNoSecret(t, err)
			if asked, _ := s.requests(); len(asked) != 1 {
				t.Errorf("%d requests, want 1", len(asked))
			}
		})
	}
}

// holdsNoSecret fails if an error shows the code or the secret key.
func holdsNoSecret(t *testing.T, err error) {
	t.Helper()
	for _, text := range []string{err.Error(), fmt.Sprintf("%+v", err), fmt.Sprintf("%#v", err)} {
		for _, secret := range []string{testCode, testKeys().SecretAccessKey.Reveal()} {
			if strings.Contains(text, secret) {
				t.Errorf("%q holds %q", text, secret)
			}
		}
	}
}

// A code without a serial, or a serial without a code, stays here.
func TestIssueWantsBothHalves(t *testing.T) {
	s := newStand(t, stsAnswer)
	with, without := s.plan(), s.plan()
	without.MFASerial = ""
	for p, code := range map[*sts.Plan]string{&with: "", &without: testCode} {
		_, err := awsissuer.New(awsissuer.Options{}).Issue(context.Background(), *p, code)
		if r := refusal(t, err); r.Class != sts.Unsent {
			t.Errorf("serial %q: %+v", p.MFASerial, r)
		}
		holdsNoSecret(t, err)
	}
	if asked, _ := s.requests(); len(asked) != 0 {
		t.Errorf("%d requests", len(asked))
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	other := newStand(t, stsAnswer)
	for _, status := range []int{301, 302, 303, 307, 308} {
		s := newStand(t, func(w http.ResponseWriter, _ url.Values) {
			w.Header().Set("Location", other.URL)
			w.WriteHeader(status)
		})
		_, err := awsissuer.New(awsissuer.Options{}).Issue(context.Background(), s.plan(), testCode)
		if r := refusal(t, err); r.Class != sts.Other || r.Status != status {
			t.Errorf("status %d: refusal %+v", status, r)
		}
	}
	if asked, _ := other.requests(); len(asked) != 0 {
		t.Errorf("the other server got %v", asked)
	}
}

func TestIdentity(t *testing.T) {
	s := newStand(t, stsAnswer)
	got, err := awsissuer.New(awsissuer.Options{}).Identity(context.Background(), s.caller())
	want := sts.Identity{Account: "111122223333", ARN: "arn:aws:iam::111122223333:user/carol", UserID: "AIDACAROL", Date: awsDate}
	if err != nil || got != want {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
	empty := newStand(t, func(w http.ResponseWriter, _ url.Values) {
		io.WriteString(w, `<GetCallerIdentityResponse><GetCallerIdentityResult/></GetCallerIdentityResponse>`)
	})
	if _, err := awsissuer.New(awsissuer.Options{}).Identity(context.Background(), empty.caller()); refusal(t, err).Class != sts.Other {
		t.Errorf("an answer without an account: %v", err)
	}
}
