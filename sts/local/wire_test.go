package local_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/fob-auth/fob/sts/local"
	"github.com/fob-auth/fob/sts/local/clock"
)

const formType = "application/x-www-form-urlencoded; charset=utf-8"

// A signing says how a request is signed.
type signing struct {
	keys    keys
	service string
	at      time.Time
	// prepare changes the request before it is signed, spoil afterwards.
	prepare func(*http.Request)
	spoil   func(*http.Request)
}

// send signs a request with the SDK's signer and gives the answer as it is.
func (l *lab) send(method, path, kind, body string, s signing) (*http.Response, string) {
	l.t.Helper()
	r, err := http.NewRequestWithContext(l.t.Context(), method, l.URL+path, strings.NewReader(body))
	if err != nil {
		l.t.Fatal(err)
	}
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	if s.prepare != nil {
		s.prepare(r)
	}
	if s.at.IsZero() {
		s.at = l.Clock.Now()
	}
	sum := sha256.Sum256([]byte(body))
	hash := hex.EncodeToString(sum[:])
	if s.service == "s3" {
		r.Header.Set("X-Amz-Content-Sha256", hash)
	}
	if s.service != "" {
		err = v4.NewSigner().SignHTTP(l.t.Context(), aws.Credentials{AccessKeyID: s.keys.id, SecretAccessKey: s.keys.secret, SessionToken: s.keys.token},
			r, hash, s.service, "us-east-1", s.at)
		if err != nil {
			l.t.Fatal(err)
		}
	}
	if s.spoil != nil {
		s.spoil(r)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		l.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		l.t.Fatal(err)
	}
	return resp, string(text)
}

var requestID = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}`)

// narrow makes a lab whose clients must sign by its clock.
func narrow(o *local.Options) { o.SignatureSkew = 0 }

// TestErrorsOnTheWire holds status, body and headers of what is refused before
// any operation, in IAM's and STS's shape.
func TestErrorsOnTheWire(t *testing.T) {
	l := newLab(t, devicesWorld("carol"), narrow)
	carol := longTerm("carol")
	const identity = "Action=GetCallerIdentity&Version=2011-06-15"
	wrong := carol
	wrong.secret = "wrong"
	sts := func(typ, code, message string) string {
		return `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>` + typ + `</Type><Code>` + code + `</Code><Message>` + message + `</Message></Error><RequestId>ID</RequestId></ErrorResponse>`
	}
	iam := func(typ, code, message string) string {
		return strings.Replace(sts(typ, code, message), "https://sts.amazonaws.com/doc/2011-06-15/", "https://iam.amazonaws.com/doc/2010-05-08/", 1)
	}
	wrongScope := sts("Sender", "SignatureDoesNotMatch", "Credential should be scoped to correct service: &#39;sts&#39;")
	for _, c := range []struct {
		name, method, path, kind, body string
		signing                        signing
		status                         int
		want                           string
	}{
		{"good", "POST", "/", formType, identity, signing{keys: carol, service: "sts"}, 200,
			`<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult><Arn>arn:aws:iam::111122223333:user/carol</Arn>` +
				`<UserId>AIDA…</UserId><Account>111122223333</Account></GetCallerIdentityResult><ResponseMetadata><RequestId>ID</RequestId></ResponseMetadata></GetCallerIdentityResponse>`},
		{"in the URL", "GET", "/?" + identity, "", "", signing{keys: carol, service: "sts"}, 200,
			`<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult><Arn>arn:aws:iam::111122223333:user/carol</Arn>` +
				`<UserId>AIDA…</UserId><Account>111122223333</Account></GetCallerIdentityResult><ResponseMetadata><RequestId>ID</RequestId></ResponseMetadata></GetCallerIdentityResponse>`},
		{"unsigned", "POST", "/", formType, identity, signing{}, 403, sts("Sender", "MissingAuthenticationToken", "Request is missing Authentication Token")},
		{"malformed", "POST", "/", formType, identity, signing{spoil: func(r *http.Request) { r.Header.Set("Authorization", "AWS4-HMAC-SHA256 x") }}, 400,
			sts("Sender", "IncompleteSignature", "Authorization header requires &#39;Credential&#39; parameter.")},
		{"wrong secret", "POST", "/", formType, identity, signing{keys: wrong, service: "sts"}, 403, sts("Sender", "SignatureDoesNotMatch",
			"The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.")},
		{"changed body", "POST", "/", formType, identity, signing{keys: carol, service: "sts", spoil: func(r *http.Request) {
			r.Body = io.NopCloser(strings.NewReader("Action=getCallerIdentity&Version=2011-06-15"))
		}}, 403, sts("Sender", "SignatureDoesNotMatch",
			"The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.")},
		{"wrong service", "POST", "/", formType, identity, signing{keys: carol, service: "iam"}, 403,
			sts("Sender", "SignatureDoesNotMatch", "Credential should be scoped to correct service: &#39;sts&#39;")},
		{"old", "POST", "/", formType, identity, signing{keys: carol, service: "sts", at: start.Add(-15*time.Minute - time.Second)}, 403,
			sts("Sender", "SignatureDoesNotMatch", "Signature expired: 20260901T114509Z is now earlier than 20260901T114510Z (20260901T120010Z - 15 min.)")},
		{"early", "POST", "/", formType, identity, signing{keys: carol, service: "sts", at: start.Add(15*time.Minute + time.Second)}, 403,
			sts("Sender", "SignatureDoesNotMatch", "Signature not yet current: 20260901T121511Z is still later than 20260901T121510Z (20260901T120010Z + 15 min.)")},
		{"unknown action", "POST", "/", formType, "Action=GetEverything&Version=2011-06-15", signing{keys: carol, service: "sts"}, 400,
			sts("Sender", "InvalidAction", "Could not find operation GetEverything for version 2011-06-15")},
		{"unknown action, unsigned", "POST", "/", formType, "Action=GetEverything&Version=2011-06-15", signing{}, 403,
			sts("Sender", "MissingAuthenticationToken", "Request is missing Authentication Token")},
		{"an action of IAM's asked of STS", "POST", "/", formType, "Action=ListUsers&Version=2011-06-15", signing{keys: carol, service: "sts"}, 400,
			sts("Sender", "InvalidAction", "Could not find operation ListUsers for version 2011-06-15")},
		{"malformed parameter", "POST", "/", formType, "Action=GetSessionToken&Version=2011-06-15&DurationSeconds=9e2", signing{keys: carol, service: "sts"}, 400,
			sts("Sender", "MalformedInput", "the value of DurationSeconds is not an integer")},
		{"scope of EC2", "POST", "/", formType, identity, signing{keys: carol, service: "ec2"}, 403, wrongScope},
		{"scope of no service", "POST", "/", formType, identity, signing{keys: carol, service: "foo"}, 403, wrongScope},
		{"scope in capitals", "POST", "/", formType, identity, signing{keys: carol, service: "STS"}, 403, wrongScope},
		{"scope of a Query service, in the URL", "GET", "/?" + identity, "", "", signing{keys: carol, service: "monitoring"}, 403, wrongScope},
		{"scope of another service for IAM", "POST", "/", formType, "Action=ListUsers&Version=2010-05-08", signing{keys: carol, service: "rds"}, 403,
			iam("Sender", "SignatureDoesNotMatch", "Credential should be scoped to correct service: &#39;iam&#39;")},
		{"another version, STS by its scope", "POST", "/", formType, "Action=GetCallerIdentity&Version=2016-11-15", signing{keys: carol, service: "sts"}, 400,
			sts("Sender", "InvalidAction", "Could not find operation GetCallerIdentity for version 2016-11-15")},
		{"no version, IAM by its scope", "POST", "/", formType, "Action=ListUsers", signing{keys: carol, service: "iam"}, 400,
			iam("Sender", "InvalidAction", "Could not find operation ListUsers for version NO_VERSION_SPECIFIED")},
		{"no version, unsigned", "POST", "/", formType, "Action=ListUsers", signing{}, 403,
			`<ErrorResponse xmlns=""><Error><Type>Sender</Type><Code>MissingAuthenticationToken</Code><Message>Request is missing Authentication Token</Message></Error><RequestId>ID</RequestId></ErrorResponse>`},
		{"not form encoded", "POST", "/", formType, "Action=%zz", signing{keys: carol, service: "iam"}, 400, iam("Sender", "MalformedInput", "the value of &#34;Action&#34; is not form encoded")},
		{"an unsigned call that isn't served", "POST", "/", formType, "Action=AssumeRoleWithSAML&Version=2011-06-15", signing{}, 501,
			sts("Receiver", "NotImplemented", "AssumeRoleWithSAML is not served by this local AWS: an outside provider signs the user in, and AWS can&#39;t tell whether it asked for MFA")},
		{"a signed one", "POST", "/", formType, "Action=AssumeRoot&Version=2011-06-15", signing{keys: carol, service: "sts"}, 501,
			sts("Receiver", "NotImplemented", "AssumeRoot is not served by this local AWS: it takes no MFA code")},
		{"too large", "POST", "/", formType, identity + "&X=" + strings.Repeat("x", 256<<10), signing{keys: carol, service: "sts"}, 413,
			sts("Sender", "RequestEntityTooLarge", "the request is larger than 262144 bytes")},
	} {
		t.Run(c.name, func(t *testing.T) {
			resp, text := l.send(c.method, c.path, c.kind, c.body, c.signing)
			got := requestID.ReplaceAllString(text, "ID")
			got = regexp.MustCompile(`AIDA[A-Z2-7]{17}`).ReplaceAllString(got, "AIDA…")
			if resp.StatusCode != c.status || got != c.want {
				t.Errorf("got  %d %s\nwant %d %s", resp.StatusCode, got, c.status, c.want)
			}
			id := resp.Header.Get("X-Amzn-Requestid")
			if !requestID.MatchString(id) || !strings.Contains(text, id) {
				t.Errorf("request id %q is not that of the body", id)
			}
			if date := resp.Header.Get("Date"); date != "Tue, 01 Sep 2026 12:00:10 GMT" {
				t.Errorf("Date is %s, not the server's", date)
			}
		})
	}
	if row := l.Last(); row["status"] != "413" || row["code"] != "RequestEntityTooLarge" {
		t.Errorf("logged %v", row)
	}
}

func TestExpiredOnS3(t *testing.T) {
	l := newLab(t, devicesWorld("carol"))
	session := l.must(l.session(longTerm("carol"), "", ""))
	l.Advance(13 * time.Hour)
	resp, text := l.send("GET", "/bucket", "", "", signing{keys: session, service: "s3"})
	if resp.StatusCode != 400 || !strings.Contains(text, "<Code>ExpiredToken</Code><Message>The provided token has expired.</Message>") {
		t.Errorf("got %d %s", resp.StatusCode, text)
	}
}

func (l *lab) admin(method, path, body string) (int, string) {
	l.t.Helper()
	resp, text := l.send(method, path, "", body, signing{})
	return resp.StatusCode, strings.TrimSpace(text)
}

func TestAdminRoutes(t *testing.T) {
	l := newLab(t, devicesWorld("carol"))
	for _, c := range []struct {
		method, path, body string
		status             int
		want               string
	}{
		{"GET", "/_fobaws/health", "", 200, `{"status":"ok"}`},
		{"GET", "/_fobaws/clock", "", 200, `{"now":"2026-09-01T12:00:10Z"}`},
		{"POST", "/_fobaws/clock", `{"advance":"90s"}`, 200, `{"now":"2026-09-01T12:01:40Z"}`},
		{"POST", "/_fobaws/clock", `{"advance":"-30s"}`, 200, `{"now":"2026-09-01T12:01:10Z"}`},
		{"POST", "/_fobaws/clock", `{"set":"2026-10-01T02:00:00+02:00"}`, 200, `{"now":"2026-10-01T00:00:00Z"}`},
		{"POST", "/_fobaws/clock", `{"set":"today"}`, 400, ""},
		{"POST", "/_fobaws/clock", `{"advance":"soon"}`, 400, ""},
		{"POST", "/_fobaws/clock", `{"advance":"1s","set":"2026-10-01T00:00:00Z"}`, 400, ""},
		{"POST", "/_fobaws/clock", `{"add":"1s"}`, 400, ""},
		{"POST", "/_fobaws/clock", `{}`, 400, ""},
		{"POST", "/_fobaws/clock", `{"advance":"1s"}{"advance":"1s"}`, 400, ""},
		{"POST", "/_fobaws/clock", `{"advance":"1s"}}`, 400, ""},
		{"POST", "/_fobaws/clock", strings.Repeat(" ", 5000) + `{"advance":"1s"}`, 400, ""},
		{"DELETE", "/_fobaws/clock", "", 405, ""},
		{"GET", "/_fobaws/world", "", 404, ""},
		{"GET", "/_fobaws/clock", "", 200, `{"now":"2026-10-01T00:00:00Z"}`},
	} {
		status, text := l.admin(c.method, c.path, c.body)
		if status != c.status || c.want != "" && text != c.want {
			t.Errorf("%s %s %.40s: %d %s", c.method, c.path, c.body, status, text)
		}
		if status == 400 {
			var e struct{ Error string }
			if json.Unmarshal([]byte(text), &e) != nil || e.Error == "" {
				t.Errorf("%s: no error in %s", c.body, text)
			}
		}
	}
	fixed := newLab(t, devicesWorld("carol"), func(o *local.Options) { o.Clock = clock.System() })
	for _, method := range []string{"GET", "POST"} {
		if status, _ := fixed.admin(method, "/_fobaws/clock", `{"advance":"90s"}`); status != 404 {
			t.Errorf("%s of the system clock: %d", method, status)
		}
	}
	if status, _ := fixed.admin("GET", "/_fobaws/health", ""); status != 200 {
		t.Errorf("health: %d", status)
	}
}
