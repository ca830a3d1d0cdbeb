package sigv4

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

const (
	keyID  = "AKIDEXAMPLE"
	secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
)

var signedAt = time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC)

// check does what a server does with a request, which has to be signed by
// keyID for service.
func check(r *http.Request, body []byte, service string, now time.Time) error {
	s, err := Parse(r)
	if err != nil {
		return err
	}
	if s.KeyID != keyID {
		return errors.New("another key")
	}
	if err := s.CheckScope(service); err != nil {
		return err
	}
	return s.Verify(r, HashBody(body), secret, now, DefaultSkew)
}

// TestVectors are requests of AWS's published Signature Version 4 test suite,
// with the signatures that it gives.
func TestVectors(t *testing.T) {
	const head = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders="
	for _, v := range []struct {
		name, method, target, body, signed string
		header                             http.Header
	}{
		{"get-vanilla", "GET", "/", "",
			"host;x-amz-date, Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31", nil},
		{"get-vanilla-query-order-key-case", "GET", "/?Param2=value2&Param1=value1", "",
			"host;x-amz-date, Signature=b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500", nil},
		{"post-x-www-form-urlencoded", "POST", "/", "Param1=value1",
			"content-type;host;x-amz-date, Signature=ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
			http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}},
	} {
		t.Run(v.name, func(t *testing.T) {
			r := httptest.NewRequest(v.method, v.target, strings.NewReader(v.body))
			r.Host = "example.amazonaws.com"
			for k, values := range v.header {
				r.Header[k] = values
			}
			r.Header.Set("X-Amz-Date", "20150830T123600Z")
			r.Header.Set("Authorization", head+v.signed)
			if err := check(r, []byte(v.body), "service", signedAt); err != nil {
				t.Error(err)
			}
		})
	}
}

// sdkRequest is a request that the SDK has signed, as a server gets it.
func sdkRequest(t *testing.T, method, url, body, service string, header http.Header) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for k, values := range header {
		r.Header[k] = values
	}
	signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = service == "s3" })
	err = signer.SignHTTP(t.Context(), aws.Credentials{AccessKeyID: keyID, SecretAccessKey: secret, SessionToken: "session+token/=="},
		r, string(HashBody([]byte(body))), service, "eu-west-1", signedAt)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewRequest(method, r.URL.RequestURI(), strings.NewReader(body))
	server.Host = r.Host
	server.Header = r.Header.Clone()
	return server
}

func TestTheSDKsSignatures(t *testing.T) {
	for _, c := range []struct {
		name, method, url, body, service string
		header                           http.Header
	}{
		{"query", "POST", "http://127.0.0.1:4566/", "Action=GetCallerIdentity&Version=2011-06-15", "sts",
			http.Header{"Content-Type": {"application/x-www-form-urlencoded; charset=utf-8"}, "Amz-Sdk-Request": {"attempt=1;  max=3"}}},
		{"no body", "GET", "http://localhost/", "", "iam", nil},
		{"query in the URL", "GET", "http://localhost/?b=2&a=1&a=0&c&x=%20%2F%7E%C3%A9&empty=", "", "sts", nil},
		{"path", "GET", "http://localhost/a%20b/c/", "", "lambda", nil},
		{"object", "PUT", "http://localhost/bucket/a%20b//c%2Bd/%C3%A9", "content", "s3", http.Header{"X-Amz-Mfa": {"serial 123456"}}},
		{"values", "GET", "http://localhost/", "", "sts", http.Header{"X-Amz-Meta": {"  a   b ", "c"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := sdkRequest(t, c.method, c.url, c.body, c.service, c.header)
			if err := check(r, []byte(c.body), c.service, signedAt); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestOneChangedByte changes every byte of everything that is signed, in three
// ways: its lowest bit, its case bit and its highest bit.
func TestOneChangedByte(t *testing.T) {
	const target, body = "/a-b/c?Key=v1&Other=2", "Action=AssumeRole&Version=2011-06-15"
	header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Amz-Sdk-Invocation-Id": {"7A0c-11"}}
	original := func() *http.Request {
		return sdkRequest(t, "POST", "http://Host.example:8080"+target, body, "sts", header)
	}
	signed := original()
	if err := check(signed, []byte(body), "sts", signedAt); err != nil {
		t.Fatal(err)
	}
	type part struct {
		name, value string
		set         func(r *http.Request, v string)
	}
	parts := []part{
		{"method", signed.Method, func(r *http.Request, v string) { r.Method = v }},
		{"path", signed.URL.Path, func(r *http.Request, v string) { r.URL.Path, r.URL.RawPath = v, "" }},
		{"query", signed.URL.RawQuery, func(r *http.Request, v string) { r.URL.RawQuery = v }},
		{"host", signed.Host, func(r *http.Request, v string) { r.Host = v }},
		{"body", body, nil},
	}
	for name := range signed.Header {
		parts = append(parts, part{name, signed.Header.Get(name), func(r *http.Request, v string) { r.Header.Set(name, v) }})
	}
	changes := 0
	for _, p := range parts {
		for i := range p.value {
			for _, bit := range []byte{0x01, 0x20, 0x80} {
				changed := []byte(p.value)
				changed[i] ^= bit
				r, content := original(), []byte(body)
				if p.set == nil {
					content = changed
				} else {
					p.set(r, string(changed))
				}
				if err := check(r, content, "sts", signedAt); err == nil {
					t.Errorf("%s: byte %d changed from %q to %q, and it is accepted", p.name, i, p.value[i], changed[i])
				}
				changes++
			}
		}
	}
	if changes < 1000 {
		t.Errorf("%d changes tried, want at least 1000", changes)
	}
}

func TestAnotherSecret(t *testing.T) {
	r := sdkRequest(t, "GET", "http://localhost/", "", "sts", nil)
	s, err := Parse(r)
	if err != nil {
		t.Fatal(err)
	}
	err = s.Verify(r, HashBody(nil), secret+"x", signedAt, DefaultSkew)
	var e *Error
	if !errors.As(err, &e) || e.Fault != Mismatch {
		t.Errorf("got %v", err)
	}
}

// TestErrors holds every refusal to AWS's words.
func TestErrors(t *testing.T) {
	replace := func(from, to string) func(*http.Request) {
		return func(r *http.Request) {
			a := r.Header.Get("Authorization")
			if !strings.Contains(a, from) {
				panic(fmt.Sprintf("%q is not in %q", from, a))
			}
			r.Header.Set("Authorization", strings.Replace(a, from, to, 1))
		}
	}
	for _, c := range []struct {
		name   string
		change func(*http.Request)
		now    time.Duration
		fault  Fault
		detail string
	}{
		{"none", func(r *http.Request) { r.Header.Del("Authorization") }, 0, Missing, "Request is missing Authentication Token"},
		{"two", func(r *http.Request) { r.Header.Add("Authorization", "x") }, 0, Malformed, "Authorization header is repeated or too long."},
		{"long", func(r *http.Request) { r.Header.Set("Authorization", algorithm+" "+strings.Repeat("a", 9000)) }, 0, Malformed, "Authorization header is repeated or too long."},
		{"basic", func(r *http.Request) { r.Header.Set("Authorization", "Basic eDp5") }, 0, Malformed, "Unsupported Authorization type; only AWS4-HMAC-SHA256 is accepted."},
		{"Version 2", func(r *http.Request) { r.Header.Set("Authorization", "AWS "+keyID+":frJIUN8DYpKDtOLCwo//yllqDzg=") }, 0, Outdated, "Unsupported Authorization type; only AWS4-HMAC-SHA256 is accepted."},
		{"Version 2 in the query", func(r *http.Request) {
			r.Header.Del("Authorization")
			r.URL.RawQuery = "AWSAccessKeyId=" + keyID + "&Expires=1175139620&Signature=NpgCjnDzrM%2BWFzoENXmpNDUsSn8%3D"
		}, 0, Outdated, "Unsupported Authorization type; only AWS4-HMAC-SHA256 is accepted."},
		{"algorithm alone", func(r *http.Request) { r.Header.Set("Authorization", algorithm) }, 0, Malformed, "Unsupported Authorization type; only AWS4-HMAC-SHA256 is accepted."},
		{"other algorithm", replace("HMAC-SHA256", "HMAC-SHA256X"), 0, Malformed, "Unsupported Authorization type; only AWS4-HMAC-SHA256 is accepted."},
		{"no credential", replace("Credential=", "Credentials="), 0, Malformed, "Authorization header requires 'Credential' parameter."},
		{"no signature", replace("Signature=", "Sig="), 0, Malformed, "Authorization header requires 'Signature' parameter."},
		{"no signed headers", replace("SignedHeaders=", "Headers="), 0, Malformed, "Authorization header requires 'SignedHeaders' parameter."},
		{"twice", replace("Signature=", "Signature=ab, Signature="), 0, Malformed, "Authorization header repeats a parameter."},
		{"short scope", replace("/aws4_request", ""), 0, Malformed, "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term."},
		{"not hexadecimal", replace("Signature=", "Signature=x"), 0, Malformed, "Authorization header's Signature is not a SHA-256 in lower case hexadecimal."},
		{"host not signed", replace(";host;", ";"), 0, Malformed, "'Host' must be a 'SignedHeader' in the AWS Authorization."},
		{"unsorted", replace(";host;", ";zzz;host;"), 0, Malformed, "SignedHeaders must be lower case, sorted and without repetition."},
		{"header not signed", func(r *http.Request) { r.Header.Set("X-Amz-Mfa", "1") }, 0, Malformed, "'x-amz-mfa' must be a 'SignedHeader' in the AWS Authorization."},
		{"no date", func(r *http.Request) {
			r.Header.Del("X-Amz-Date")
			replace(";x-amz-date", "")(r)
		}, 0, Malformed, "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."},
		{"bad date", func(r *http.Request) { r.Header.Set("X-Amz-Date", "2015-08-30") }, 0, Malformed, "Date must be in ISO-8601 'basic format'."},
		{"service", replace("/sts/", "/iam/"), 0, WrongScope, "Credential should be scoped to correct service: 'sts'"},
		{"terminator", replace("aws4_request", "aws5_request"), 0, WrongScope, "Credential should be scoped with a valid terminator: 'aws4_request'"},
		{"region", replace("/eu-west-1/", "//"), 0, WrongScope, "Credential should be scoped to a valid Region, not ''"},
		{"day", replace("/20150830/", "/20150831/"), 0, WrongScope,
			"Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '20150831' != '20150830', from '20150830T123600Z'."},
		{"old", nil, DefaultSkew + time.Second, TooOld,
			"Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z (20150830T125101Z - 15 min.)"},
		{"early", nil, -DefaultSkew - time.Second, TooEarly,
			"Signature not yet current: 20150830T123600Z is still later than 20150830T123559Z (20150830T122059Z + 15 min.)"},
		{"other region", replace("/eu-west-1/", "/eu-west-2/"), 0, Mismatch,
			"The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details."},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := sdkRequest(t, "POST", "http://localhost/", "x", "sts", nil)
			if c.change != nil {
				c.change(r)
			}
			err := check(r, []byte("x"), "sts", signedAt.Add(c.now))
			var e *Error
			if !errors.As(err, &e) || e.Fault != c.fault || e.Detail != c.detail {
				t.Errorf("got %v, want %v: %s", err, c.fault, c.detail)
			}
		})
	}
}

func TestSkewIsInclusiveAndAnOption(t *testing.T) {
	r := sdkRequest(t, "GET", "http://localhost/", "", "sts", nil)
	s, err := Parse(r)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range []time.Duration{-DefaultSkew, 0, DefaultSkew} {
		if err := s.Verify(r, HashBody(nil), secret, signedAt.Add(d), DefaultSkew); err != nil {
			t.Errorf("%v: %v", d, err)
		}
	}
	if err := s.Verify(r, HashBody(nil), secret, signedAt.Add(time.Hour), 2*time.Hour); err != nil {
		t.Errorf("within a wide skew: %v", err)
	}
	err = s.Verify(r, HashBody(nil), secret, signedAt.Add(2*time.Second), 1500*time.Millisecond)
	if err == nil || !strings.Contains(err.Error(), "- 1.5s)") {
		t.Errorf("beyond a narrow skew: %v", err)
	}
}

// TestAnyRegion: clients with an endpoint of their own sign for the region
// that they happen to have.
func TestAnyRegion(t *testing.T) {
	for _, region := range []string{"us-east-1", "cn-north-1", "us-gov-west-1", "nowhere"} {
		r := httptest.NewRequest("GET", "http://localhost/", nil)
		err := v4.NewSigner().SignHTTP(t.Context(), aws.Credentials{AccessKeyID: keyID, SecretAccessKey: secret},
			r, string(HashBody(nil)), "iam", region, signedAt)
		if err != nil {
			t.Fatal(err)
		}
		if err := check(r, nil, "iam", signedAt); err != nil {
			t.Errorf("%s: %v", region, err)
		}
	}
}

func FuzzVerify(f *testing.F) {
	const auth = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/sts/aws4_request, SignedHeaders=host;x-amz-date, " +
		"Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
	f.Add(auth, "20150830T123600Z", "/", "a=b")
	f.Add(auth, "", "/%zz/../x", "%zz&=&a;b=%")
	f.Add(algorithm+" ,=,,", "Mon, 02 Jan 2006 15:04:05 GMT", "//", "\x00")
	f.Fuzz(func(t *testing.T, auth, date, path, query string) {
		r := httptest.NewRequest("POST", "http://localhost/", bytes.NewReader(nil))
		r.URL.Path, r.URL.RawPath, r.URL.RawQuery = path, path, query
		r.Header.Set("Authorization", auth)
		r.Header.Set("X-Amz-Date", date)
		s, err := Parse(r)
		if err != nil {
			return
		}
		if !slices.Contains(s.headers, "host") {
			t.Fatalf("accepted with signed headers %q", s.headers)
		}
		if s.CheckScope("sts") == nil && s.Verify(r, HashBody(nil), auth, signedAt, DefaultSkew) == nil {
			t.Fatal("a signature fits the header as its own secret")
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	body := []byte("Action=GetCallerIdentity&Version=2011-06-15")
	r := httptest.NewRequest("POST", "http://localhost/", bytes.NewReader(body))
	err := v4.NewSigner().SignHTTP(b.Context(), aws.Credentials{AccessKeyID: keyID, SecretAccessKey: secret},
		r, string(HashBody(body)), "sts", "us-east-1", signedAt)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := check(r, body, "sts", signedAt); err != nil {
			b.Fatal(err)
		}
	}
}
