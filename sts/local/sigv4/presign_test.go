package sigv4

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// exampleSecret belongs to the examples of the S3 API reference.
const exampleSecret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"

// TestPresignedExample is the example of "Authenticating requests: using query
// parameters" in the S3 API reference.
func TestPresignedExample(t *testing.T) {
	r := httptest.NewRequest("GET", "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256"+
		"&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z"+
		"&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"+
		"&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404", nil)
	r.Host = "examplebucket.s3.amazonaws.com"
	at := time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC)
	s, err := Parse(r)
	if err != nil {
		t.Fatal(err)
	}
	if !s.Presigned || s.KeyID != "AKIAIOSFODNN7EXAMPLE" {
		t.Errorf("read as %+v", s)
	}
	for _, after := range []time.Duration{0, 24 * time.Hour, -DefaultSkew} {
		if err := s.Verify(r, UnsignedPayload, exampleSecret, at.Add(after), DefaultSkew); err != nil {
			t.Errorf("after %v: %v", after, err)
		}
	}
	for _, c := range []struct {
		after, skew time.Duration
		want        Fault
	}{
		{24*time.Hour + time.Second, DefaultSkew, Expired},
		{24*time.Hour + time.Second, 240 * time.Hour, Expired},
		{-DefaultSkew - time.Second, DefaultSkew, TooEarly},
	} {
		var e *Error
		if err := s.Verify(r, UnsignedPayload, exampleSecret, at.Add(c.after), c.skew); !errors.As(err, &e) || e.Fault != c.want {
			t.Errorf("after %v with a skew of %v: %v, want fault %v", c.after, c.skew, err, c.want)
		}
	}
}

// presigned is a request that the SDK has presigned.
func presigned(t *testing.T, target string) *http.Request {
	t.Helper()
	r := httptest.NewRequest("GET", target, nil)
	signed, _, err := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true }).PresignHTTP(t.Context(),
		aws.Credentials{AccessKeyID: keyID, SecretAccessKey: secret, SessionToken: "token/+="}, r,
		string(UnsignedPayload), "s3", "eu-west-1", signedAt)
	if err != nil {
		t.Fatal(err)
	}
	return httptest.NewRequest("GET", signed, nil)
}

func TestPresignedBySDK(t *testing.T) {
	const target = "http://localhost:4566/bucket/a%20b/%C3%A9?versionId=v+1&X-Amz-Expires=60"
	verify := func(r *http.Request) error {
		s, err := Parse(r)
		if err != nil {
			return err
		}
		if s.Token != "token/+=" {
			return errors.New("the token is " + s.Token)
		}
		if err := s.CheckScope("s3"); err != nil {
			return err
		}
		return s.Verify(r, UnsignedPayload, secret, signedAt, DefaultSkew)
	}
	if err := verify(presigned(t, target)); err != nil {
		t.Fatal(err)
	}
	r := presigned(t, target)
	for i := range r.URL.RawQuery {
		changed := presigned(t, target)
		raw := []byte(changed.URL.RawQuery)
		raw[i] ^= 1
		changed.URL.RawQuery = string(raw)
		// an escape can say the same in another case, and nothing else can
		if canonicalQuery(string(raw), true) == canonicalQuery(r.URL.RawQuery, true) && sameSignature(changed, r) {
			continue
		}
		if verify(changed) == nil {
			t.Errorf("byte %d of the query changed from %q to %q, and it is accepted", i, r.URL.RawQuery[i], raw[i])
		}
	}
}

func sameSignature(a, b *http.Request) bool {
	return strings.EqualFold(a.URL.Query().Get(querySignature), b.URL.Query().Get(querySignature))
}

func TestPresignedErrors(t *testing.T) {
	const target = "http://localhost/b?X-Amz-Expires=60"
	const missing = "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, " +
		"X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters."
	for _, c := range []struct{ from, to, detail string }{
		{"X-Amz-Expires=60", "", missing},
		{"X-Amz-Expires=60", "X-Amz-Expires=60&X-Amz-Expires=60", missing},
		{"X-Amz-Date=", "X-Amz-Dat=", missing},
		{"X-Amz-Expires=60", "X-Amz-Expires=-1", "X-Amz-Expires must be non-negative"},
		{"X-Amz-Expires=60", "X-Amz-Expires=1m", "X-Amz-Expires should be a number"},
		{"X-Amz-Expires=60", "X-Amz-Expires=604801",
			"X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than 604800 seconds"},
		{"X-Amz-Date=2015", "X-Amz-Date=x2015", "X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\""},
		{"X-Amz-Signature=", "X-Amz-Signature=z", "X-Amz-Signature is not a SHA-256 in hexadecimal."},
		{"HMAC-SHA256", "HMAC-SHA512", "X-Amz-Algorithm only supports \"AWS4-HMAC-SHA256\""},
		{"%2Faws4_request", "", "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term."},
		{"SignedHeaders=host", "SignedHeaders=date", "'Host' must be a 'SignedHeader' in the AWS Authorization."},
	} {
		r := presigned(t, target)
		r.URL.RawQuery = strings.Replace(r.URL.RawQuery, c.from, c.to, 1)
		_, err := Parse(r)
		var e *Error
		if !errors.As(err, &e) || e.Fault != Malformed || !e.Presigned || e.Detail != c.detail {
			t.Errorf("%s for %s: got %v\nwant %s", c.to, c.from, err, c.detail)
		}
	}
	r := presigned(t, target)
	r.Header.Set("Authorization", algorithm+" x")
	if _, err := Parse(r); err == nil {
		t.Error("two signatures are accepted")
	}
}

// FuzzCanonical: what is canonical stays as it is, in each of its forms.
func FuzzCanonical(f *testing.F) {
	for _, seed := range [][2]string{
		{"/bucket/a%20b//c%2Bd/%C3%A9", "versionId=v+1&X-Amz-Signature=1&a=%20"}, {"/../%zz/./", "%zz&=&a;b=%&a=b=c"},
		{"", ""}, {"//", "b=2&a=1&a=0&c"}, {"/\xff\x00", "\xff=%ff"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, path, query string) {
		if !strings.HasPrefix(path, "/") {
			path = "/" + path
		}
		once := canonicalPath(path, "s3")
		if again := canonicalPath(once, "s3"); again != once {
			t.Errorf("path %q gives %q and then %q", path, once, again)
		}
		for _, presigned := range []bool{false, true} {
			once := canonicalQuery(query, presigned)
			if again := canonicalQuery(once, presigned); again != once && !strings.Contains(once, querySignature) {
				t.Errorf("query %q gives %q and then %q", query, once, again)
			}
		}
	})
}
