// Package sigv4 checks AWS Signature Version 4, in the Authorization header or
// in the query of a presigned URL (IAM User Guide, "AWS Signature Version 4 for
// API requests"), and the signed chunks of a body that is sent as it is made.
// The canonical request is built from exactly the headers that SignedHeaders
// lists, because clients differ in what they sign; the hash is that of the body
// as it came, or what S3's clients write in its place.
//
// It doesn't know whose key it is: the caller finds the secret between
// [Parse] and [Signature.Verify].
package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Constants of the signing process.
const (
	algorithm  = "AWS4-HMAC-SHA256"
	terminator = "aws4_request"
	timeFormat = "20060102T150405Z"
	dateFormat = "20060102"
)

// DefaultSkew is how far a signature's time may lie from the server's.
const DefaultSkew = 15 * time.Minute

// maxHeader bounds the Authorization header; ours.
const maxHeader = 8 << 10

// A Signature is what a request says about its signing, unverified.
type Signature struct {
	KeyID  string
	Token  string // X-Amz-Security-Token, "" without one
	Region string
	// Service is the one the scope names.
	Service string
	// Presigned tells that the signature stood in the query.
	Presigned bool

	date    string // of the scope
	end     string // the scope's last part
	signed  time.Time
	expires time.Duration // of a presigned request, from signed on
	headers []string
	mac     []byte
	key     []byte // the signing key, once verified
}

// Parse reads the signature and the date, in the Authorization header or the
// query. It fails with an *Error.
func Parse(r *http.Request) (*Signature, error) {
	values := r.Header.Values("Authorization")
	presigned, err := parseQuery(r)
	switch {
	case presigned == nil && err == nil && len(values) == 0:
		if outdatedQuery(r.URL.RawQuery) {
			return nil, unsupported(Outdated)
		}
		return nil, errMissing
	case presigned != nil && len(values) > 0:
		return nil, malformed("Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, " +
			"Signature query string parameter or the Authorization header should be specified")
	case presigned != nil || err != nil:
		return presigned, err
	}
	if len(values) > 1 || len(values[0]) > maxHeader {
		return nil, malformed("Authorization header is repeated or too long.")
	}
	rest, ok := strings.CutPrefix(values[0], algorithm)
	switch {
	case strings.HasPrefix(values[0], outdatedScheme):
		return nil, unsupported(Outdated)
	case !ok || rest == "" || (rest[0] != ' ' && rest[0] != '\t'):
		return nil, unsupported(Malformed)
	}
	fields, err := parseFields(rest)
	if err != nil {
		return nil, err
	}
	s := &Signature{Token: r.Header.Get("X-Amz-Security-Token")}
	if err := s.setScope(fields["Credential"]); err != nil {
		return nil, err
	}
	if err := s.setHeaders(fields["SignedHeaders"], r); err != nil {
		return nil, err
	}
	signature := fields["Signature"]
	if s.mac, err = hex.DecodeString(signature); err != nil || len(s.mac) != sha256.Size || signature != strings.ToLower(signature) {
		return nil, malformed("Authorization header's Signature is not a SHA-256 in lower case hexadecimal.")
	}
	return s, s.setDate(r.Header)
}

// parseFields reads "Credential=…, SignedHeaders=…, Signature=…".
func parseFields(s string) (map[string]string, error) {
	fields := map[string]string{}
	for part := range strings.SplitSeq(s, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		if _, twice := fields[name]; twice {
			return nil, malformed("Authorization header repeats a parameter.")
		}
		fields[name] = value
	}
	for _, name := range []string{"Credential", "Signature", "SignedHeaders"} {
		if fields[name] == "" {
			return nil, malformed("Authorization header requires '%s' parameter.", name)
		}
	}
	return fields, nil
}

func (s *Signature) setScope(credential string) *Error {
	parts := strings.Split(credential, "/")
	if len(parts) != 5 {
		return malformed("Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term.")
	}
	s.KeyID, s.date, s.Region, s.Service, s.end = parts[0], parts[1], parts[2], parts[3], parts[4]
	return nil
}

// setHeaders takes the signed headers in their order, which must be sorted,
// and hold the host and all x-amz headers of the request: what isn't signed
// could be changed on the way.
func (s *Signature) setHeaders(list string, r *http.Request) *Error {
	s.headers = strings.Split(list, ";")
	for i, name := range s.headers {
		if name == "" || name != strings.ToLower(name) || i > 0 && s.headers[i-1] >= name {
			return malformed("SignedHeaders must be lower case, sorted and without repetition.")
		}
	}
	if !slices.Contains(s.headers, "host") {
		return malformed("'Host' must be a 'SignedHeader' in the AWS Authorization.")
	}
	for name := range r.Header {
		lower := strings.ToLower(name)
		if strings.HasPrefix(lower, "x-amz-") && !slices.Contains(s.headers, lower) {
			return malformed("'%s' must be a 'SignedHeader' in the AWS Authorization.", lower)
		}
	}
	return nil
}

func (s *Signature) setDate(h http.Header) (err error) {
	if text := h.Get("X-Amz-Date"); text != "" {
		s.signed, err = time.Parse(timeFormat, text)
	} else if text = h.Get("Date"); text != "" {
		s.signed, err = http.ParseTime(text)
	} else {
		return malformed("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
	}
	if err != nil {
		return malformed("Date must be in ISO-8601 'basic format'.")
	}
	return nil
}

// CheckScope holds the scope against the service that was called. Any region
// is accepted: clients with an endpoint of their own sign with whatever region
// they have.
func (s *Signature) CheckScope(service string) error {
	switch {
	case s.end != terminator:
		return wrongScope("Credential should be scoped with a valid terminator: '%s'", terminator)
	case s.Service != service:
		return wrongScope("Credential should be scoped to correct service: '%s'", service)
	case s.Region == "":
		return wrongScope("Credential should be scoped to a valid Region, not ''")
	case s.date != s.signed.Format(dateFormat):
		return wrongScope("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '%s' != '%s', from '%s'.",
			s.date, s.signed.Format(dateFormat), s.signed.Format(timeFormat))
	}
	return nil
}

// A Body is the hash that the canonical request ends with.
type Body string

// HashBody hashes a body as it came.
func HashBody(body []byte) Body {
	sum := sha256.Sum256(body)
	return Body(hex.EncodeToString(sum[:]))
}

// Verify checks the signature against the secret, and its time against now
// with skew allowed either way. A presigned one is good until it expires by now,
// whatever the skew: to find one good that is over would be the worse mistake.
func (s *Signature) Verify(r *http.Request, body Body, secret string, now time.Time, skew time.Duration) error {
	switch d := now.Sub(s.signed); {
	case s.Presigned && d > s.expires:
		return s.expired(now.UTC())
	case !s.Presigned && d > skew, d < -skew:
		return skewed(s.signed, now.UTC(), skew)
	}
	canonical := s.canonical(r, body)
	sum := sha256.Sum256([]byte(canonical))
	toSign := s.toSign(algorithm, hex.EncodeToString(sum[:]))
	key := s.derive(secret)
	if !hmac.Equal(mac(key, toSign), s.mac) {
		return mismatch(canonical, toSign, hex.EncodeToString(s.mac))
	}
	s.key = key
	return nil
}

// Age is how long ago the request was signed.
func (s *Signature) Age(now time.Time) time.Duration { return now.Sub(s.signed) }

// toSign is a string to sign: of the request, or of a part of its body.
func (s *Signature) toSign(kind string, parts ...string) string {
	scope := strings.Join([]string{s.date, s.Region, s.Service, s.end}, "/")
	return strings.Join(append([]string{kind, s.signed.Format(timeFormat), scope}, parts...), "\n")
}

func (s *Signature) derive(secret string) []byte {
	k := mac([]byte("AWS4"+secret), s.date)
	k = mac(k, s.Region)
	k = mac(k, s.Service)
	return mac(k, s.end)
}

func mac(key []byte, data string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(data))
	return h.Sum(nil)
}
