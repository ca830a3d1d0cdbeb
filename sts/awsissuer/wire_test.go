package awsissuer_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fob-auth/fob/sts"
	"github.com/fob-auth/fob/sts/awsissuer"
)

// piped returns a Dial whose other end is served by answer, which writes a raw
// HTTP response or closes the connection. It needs no network, so it works
// under virtual time.
func piped(answer func(conn net.Conn, r *http.Request)) func(context.Context, string, string) (net.Conn, error) {
	return func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		go func() {
			defer server.Close()
			r, err := http.ReadRequest(bufio.NewReader(server))
			if err != nil {
				return
			}
			if _, err := io.Copy(io.Discard, r.Body); err != nil {
				return
			}
			answer(server, r)
		}()
		return client, nil
	}
}

// pipedPlan is for an endpoint that only a piped Dial reaches.
func pipedPlan() sts.Plan {
	s := stand{Server: &httptest.Server{URL: "http://127.0.0.1:1"}}
	return s.plan()
}

// The signature carries AWS's time: the host's and the skew.
func TestSkewIsSigned(t *testing.T) {
	for _, skew := range []time.Duration{0, time.Hour, -40 * time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			var signed, scope string
			dial := piped(func(conn net.Conn, r *http.Request) {
				signed, scope = r.Header.Get("X-Amz-Date"), r.Header.Get("Authorization")
				io.WriteString(conn, "HTTP/1.1 500 x\r\nContent-Length: 0\r\n\r\n")
			})
			p := pipedPlan()
			p.Skew = skew
			_, err := awsissuer.New(awsissuer.Options{Dial: dial}).Issue(t.Context(), p, testCode)
			refusal(t, err)
			want := time.Now().Add(skew).UTC()
			if signed != want.Format("20060102T150405Z") || !strings.Contains(scope, want.Format("/20060102/")) {
				t.Errorf("skew %s: signed %s, scope %s, want %s", skew, signed, scope, want)
			}
		})
	}
}

// refuseBySkew answers GetCallerIdentity as AWS does, at a given offset from
// the virtual time.
func refuseBySkew(offset time.Duration, stubborn bool, calls *int) func(net.Conn, *http.Request) {
	return func(conn net.Conn, r *http.Request) {
		*calls++
		now := time.Now().Add(offset).UTC()
		signed, _ := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
		body := `<GetCallerIdentityResponse><GetCallerIdentityResult><Account>1</Account><Arn>a</Arn></GetCallerIdentityResult></GetCallerIdentityResponse>`
		status := "200 OK"
		if stubborn || now.Sub(signed).Abs() > 15*time.Minute {
			status = "403 Forbidden"
			body = `<ErrorResponse><Error><Code>SignatureDoesNotMatch</Code><Message>Signature expired: x</Message></Error></ErrorResponse>`
		}
		fmt.Fprintf(conn, "HTTP/1.1 %s\r\nDate: %s\r\nContent-Length: %d\r\n\r\n%s", status, now.Format(http.TimeFormat), len(body), body)
	}
}

// GetCallerIdentity carries no code, so a wrong clock is corrected and the call
// made once more, and only once.
func TestIdentityCorrectsTheClock(t *testing.T) {
	for _, test := range []struct {
		name     string
		offset   time.Duration
		stubborn bool
		calls    int
		works    bool
	}{
		{"clock right", 0, false, 1, true},
		{"host an hour slow", time.Hour, false, 2, true},
		{"host a day fast", -24 * time.Hour, false, 2, true},
		{"AWS refuses its own time", time.Hour, true, 2, false},
		{"AWS refuses the right time", 0, true, 1, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				calls := 0
				i := awsissuer.New(awsissuer.Options{Dial: piped(refuseBySkew(test.offset, test.stubborn, &calls))})
				id, err := i.Identity(t.Context(), awsissuer.Caller{Endpoint: pipedPlan().Endpoint, Keys: testKeys()})
				if calls != test.calls || (err == nil) != test.works {
					t.Fatalf("%d calls, error %v; want %d", calls, err, test.calls)
				}
				if want := time.Now().Add(test.offset).UTC(); test.works && !id.Date.Equal(want) {
					t.Errorf("date %s, want %s", id.Date, want)
				}
			})
		})
	}
}

// A code that AWS may have seen is told apart from one that never left.
func TestUnsentOrUnanswered(t *testing.T) {
	const head = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n<GetSessionTokenResponse>"
	noRoute := &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("no route to host")}
	for _, test := range []struct {
		name  string
		dial  func(context.Context, string, string) (net.Conn, error)
		class sts.Class
		cause error
	}{
		{"not dialled", func(context.Context, string, string) (net.Conn, error) { return nil, noRoute }, sts.Unsent, noRoute},
		{"dial hangs", func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}, sts.Unsent, context.DeadlineExceeded},
		{"never read", func(context.Context, string, string) (net.Conn, error) {
			client, server := net.Pipe()
			return client, server.Close()
		}, sts.Unanswered, nil},
		{"closed after the request", piped(func(net.Conn, *http.Request) {}), sts.Unanswered, io.ErrUnexpectedEOF},
		{"no answer", piped(func(conn net.Conn, _ *http.Request) { io.Copy(io.Discard, conn) }), sts.Unanswered, context.DeadlineExceeded},
		{"not HTTP", piped(func(conn net.Conn, _ *http.Request) { io.WriteString(conn, "SSH-2.0-x\r\n\r\n") }), sts.Unanswered, nil},
		{"cut after the headers", piped(func(conn net.Conn, _ *http.Request) { io.WriteString(conn, head) }), sts.Unanswered, io.ErrUnexpectedEOF},
		{"cut in a refusal", piped(func(conn net.Conn, _ *http.Request) {
			io.WriteString(conn, strings.Replace(head, "200 OK", "403 Forbidden", 1))
		}), sts.Unanswered, io.ErrUnexpectedEOF},
		{"stuck after the headers", piped(func(conn net.Conn, _ *http.Request) {
			io.WriteString(conn, head)
			io.Copy(io.Discard, conn)
		}), sts.Unanswered, context.DeadlineExceeded},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, err := awsissuer.New(awsissuer.Options{Dial: test.dial}).Issue(t.Context(), pipedPlan(), testCode)
				r := refusal(t, err)
				if r.Class != test.class || r.Status != 0 || r.MayHaveSpent() != (test.class != sts.Unsent) {
					t.Errorf("refusal %+v (%v), want class %s", r, err, test.class)
				}
				if test.cause != nil && !errors.Is(err, test.cause) {
					t.Errorf("error %v, want it to wrap %v", err, test.cause)
				}
				holdsNoSecret(t, err)
			})
		})
	}
}

func TestCallersEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		dial := piped(func(conn net.Conn, _ *http.Request) {
			cancel()
			io.Copy(io.Discard, conn)
		})
		i := awsissuer.New(awsissuer.Options{Dial: dial})
		_, err := i.Issue(ctx, pipedPlan(), testCode)
		if r := refusal(t, err); r.Class != sts.Unanswered || !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled while waiting: %+v", r)
		}
		_, err = i.Issue(ctx, pipedPlan(), testCode)
		if r := refusal(t, err); r.Class != sts.Unsent || !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled before: %+v", r)
		}
	})
}

// A certificate that nobody vouches for ends the call before the request is
// written.
func TestCertificateIsChecked(t *testing.T) {
	asked := 0
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		stsAnswer(w, url.Values{"Action": {"GetSessionToken"}})
	}))
	s.Config.ErrorLog = quiet()
	s.StartTLS()
	defer s.Close()
	p := (&stand{Server: s}).plan()
	_, err := awsissuer.New(awsissuer.Options{}).Issue(context.Background(), p, testCode)
	if r := refusal(t, err); r.Class != sts.Unsent || asked != 0 {
		t.Errorf("refusal %+v after %d requests", r, asked)
	}
	roots := s.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	if _, err := awsissuer.New(awsissuer.Options{RootCAs: roots}).Issue(context.Background(), p, testCode); err != nil {
		t.Errorf("with the right root: %v", err)
	}
}

// Where the code goes is settled by the endpoint alone.
func TestWhereCallsGo(t *testing.T) {
	for _, test := range []struct {
		endpoint sts.Endpoint
		sts, iam string // "" where nothing is dialled
	}{
		{sts.Endpoint{}, "sts.us-east-1.amazonaws.com:443", "iam.amazonaws.com:443"},
		{sts.Endpoint{Region: "eu-west-1"}, "sts.eu-west-1.amazonaws.com:443", "iam.amazonaws.com:443"},
		{sts.Endpoint{Region: "us-gov-west-1"}, "sts.us-gov-west-1.amazonaws.com:443", "iam.us-gov.amazonaws.com:443"},
		{sts.Endpoint{Region: "cn-north-1"}, "sts.cn-north-1.amazonaws.com.cn:443", "iam.cn-north-1.amazonaws.com.cn:443"},
		{sts.Endpoint{URL: "https://aws.example:8443"}, "aws.example:8443", "aws.example:8443"},
		{sts.Endpoint{URL: "http://127.0.0.1:4566"}, "127.0.0.1:4566", "127.0.0.1:4566"},
		{sts.Endpoint{URL: "http://aws.example"}, "", ""},
		{sts.Endpoint{URL: "http://127.0.0.1.example"}, "", ""},
		{sts.Endpoint{URL: "ftp://127.0.0.1"}, "", ""},
		{sts.Endpoint{Region: "eu-west-1.example/"}, "", ""},
	} {
		p := sts.Plan{Call: sts.GetSessionToken, Endpoint: test.endpoint, Keys: testKeys(), MFASerial: "GAHT12345678"}
		dialled := ""
		i := awsissuer.New(awsissuer.Options{Dial: func(_ context.Context, _, address string) (net.Conn, error) {
			dialled = address
			return nil, errors.New("not today")
		}})
		_, err := i.Issue(context.Background(), p, testCode)
		var bad *sts.EndpointError
		if r := refusal(t, err); r.Class != sts.Unsent || dialled != test.sts || errors.As(err, &bad) != (test.sts == "") {
			t.Errorf("%+v: dialled %q, want %q; %v", test.endpoint, dialled, test.sts, err)
		}
		dialled = ""
		_, err = i.GetUser(context.Background(), awsissuer.Caller{Endpoint: test.endpoint, Keys: testKeys()}, "")
		if refusal(t, err); dialled != test.iam {
			t.Errorf("%+v: IAM dialled %q, want %q", test.endpoint, dialled, test.iam)
		}
	}
}

// Nothing in the environment moves a call, nor the code with it.
func TestEnvironmentHasNoSay(t *testing.T) {
	trap := newStand(t, stsAnswer)
	for _, name := range []string{
		"AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL_IAM",
		"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy",
	} {
		t.Setenv(name, trap.URL)
	}
	for name, value := range map[string]string{
		"AWS_PROFILE": "other", "AWS_REGION": "ap-south-1", "AWS_DEFAULT_REGION": "ap-south-1", "AWS_MAX_ATTEMPTS": "5",
		"AWS_ACCESS_KEY_ID": "AKIAOTHER", "AWS_SECRET_ACCESS_KEY": "other", "AWS_RETRY_MODE": "adaptive",
		"AWS_USE_FIPS_ENDPOINT": "true", "AWS_USE_DUALSTACK_ENDPOINT": "true", "AWS_STS_REGIONAL_ENDPOINTS": "legacy",
		"AWS_CONFIG_FILE": "/nonexistent", "AWS_NEW_RETRIES_2026": "true",
	} {
		t.Setenv(name, value)
	}
	s := newStand(t, func(w http.ResponseWriter, _ url.Values) { w.WriteHeader(500) })
	_, err := awsissuer.New(awsissuer.Options{}).Issue(context.Background(), s.plan(), testCode)
	refusal(t, err)
	asked, header := s.requests()
	if len(asked) != 1 || !strings.Contains(header[0].Get("Authorization"), "Credential=AKIACAROLEXAMPLE0001/") ||
		!strings.Contains(header[0].Get("Authorization"), "/us-east-1/sts/") {
		t.Errorf("%d requests, signed %q", len(asked), header[0].Get("Authorization"))
	}
	dialled := ""
	i := awsissuer.New(awsissuer.Options{Dial: func(_ context.Context, _, address string) (net.Conn, error) {
		dialled = address
		return nil, errors.New("not today")
	}})
	p := s.plan()
	p.Endpoint = sts.Endpoint{Region: "eu-west-1"}
	_, err = i.Issue(context.Background(), p, testCode)
	if refusal(t, err); dialled != "sts.eu-west-1.amazonaws.com:443" {
		t.Errorf("dialled %q", dialled)
	}
	if asked, _ := trap.requests(); len(asked) != 0 {
		t.Errorf("the environment's endpoint got %v", asked)
	}
}

// Whatever bytes an endpoint answers, there is either a whole session or a
// refusal that counts the code as spent.
func FuzzAnswer(f *testing.F) {
	for _, body := range []string{
		"", "welcome", "<x>", "<GetSessionTokenResponse/>",
		`<GetSessionTokenResponse><GetSessionTokenResult>` + credentials + `</GetSessionTokenResult></GetSessionTokenResponse>`,
		`<ErrorResponse><Error><Code>AccessDenied</Code><Message>` + testCode + `</Message></Error></ErrorResponse>`,
	} {
		for _, status := range []string{"200 OK", "403 Forbidden", "500 x", "302 Found", "100 Continue"} {
			f.Add([]byte(fmt.Sprintf("HTTP/1.1 %s\r\nDate: %s\r\nContent-Length: %d\r\n\r\n%s", status, awsDate.Format(http.TimeFormat), len(body), body)))
		}
	}
	f.Add([]byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffff\r\n"))
	f.Fuzz(func(t *testing.T, answer []byte) {
		dial := piped(func(conn net.Conn, _ *http.Request) { conn.Write(answer) })
		s, err := awsissuer.New(awsissuer.Options{Dial: dial}).Issue(context.Background(), pipedPlan(), testCode)
		if err != nil {
			if r := refusal(t, err); !r.MayHaveSpent() || s != (sts.Session{}) {
				t.Errorf("refusal %+v, session %+v", r, s)
			}
			holdsNoSecret(t, err)
			return
		}
		if s.Keys.AccessKeyID == "" || s.Keys.SecretAccessKey == "" || s.Keys.SessionToken == "" || s.Expiration.IsZero() {
			t.Errorf("half a session: %+v", s)
		}
	})
}
