package sigv4

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Query parameters of a presigned request (S3 API reference, "Authenticating
// requests: using query parameters").
const (
	queryAlgorithm  = "X-Amz-Algorithm"
	queryCredential = "X-Amz-Credential"
	queryDate       = "X-Amz-Date"
	queryExpires    = "X-Amz-Expires"
	queryHeaders    = "X-Amz-SignedHeaders"
	querySignature  = "X-Amz-Signature"
	queryToken      = "X-Amz-Security-Token"
)

// Marks of Signature Version 2, in the header and in the query (S3 API
// reference, "Signing and authenticating REST requests").
const (
	outdatedScheme    = "AWS "
	outdatedKey       = "AWSAccessKeyId"
	outdatedSignature = "Signature"
)

// outdatedQuery tells whether a URL is presigned with Version 2, as some clients
// still do.
func outdatedQuery(raw string) bool {
	if !strings.Contains(raw, outdatedKey) {
		return false
	}
	query, err := url.ParseQuery(raw)
	return err == nil && query.Has(outdatedKey) && query.Has(outdatedSignature)
}

// maxExpires is how long a presigned request can be good for.
const maxExpires = 7 * 24 * time.Hour

// parseQuery reads the signature in the query; nil where there is none.
func parseQuery(r *http.Request) (*Signature, error) {
	if !strings.Contains(r.URL.RawQuery, "X-Amz-") {
		return nil, nil
	}
	fields := signingFields(r.URL.RawQuery)
	if fields[queryAlgorithm] == nil && fields[querySignature] == nil && fields[queryCredential] == nil {
		return nil, nil
	}
	s := &Signature{Presigned: true}
	err := s.setQuery(fields, r)
	if err != nil {
		err.Presigned = true
		return nil, err
	}
	return s, nil
}

// signingFields gathers the decoded parameters that signing knows.
func signingFields(raw string) map[string][]string {
	fields := map[string][]string{}
	for part := range strings.SplitSeq(raw, "&") {
		if !strings.HasPrefix(part, "X-Amz-") {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		if plain, err := url.QueryUnescape(value); err == nil {
			value = plain
		}
		fields[name] = append(fields[name], value)
	}
	return fields
}

func (s *Signature) setQuery(fields map[string][]string, r *http.Request) *Error {
	for _, name := range []string{queryAlgorithm, queryCredential, querySignature, queryDate, queryHeaders, queryExpires} {
		if len(fields[name]) != 1 || fields[name][0] == "" || len(fields[name][0]) > maxHeader {
			return malformed("Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, " +
				"X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.")
		}
	}
	if fields[queryAlgorithm][0] != algorithm {
		return malformed("X-Amz-Algorithm only supports \"%s\"", algorithm)
	}
	if err := s.setScope(fields[queryCredential][0]); err != nil {
		return err
	}
	if err := s.setHeaders(fields[queryHeaders][0], r); err != nil {
		return err
	}
	var err error
	if s.mac, err = hex.DecodeString(fields[querySignature][0]); err != nil || len(s.mac) != sha256.Size {
		return malformed("X-Amz-Signature is not a SHA-256 in hexadecimal.")
	}
	if s.signed, err = time.Parse(timeFormat, fields[queryDate][0]); err != nil {
		return malformed("X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"")
	}
	seconds, err := strconv.ParseInt(fields[queryExpires][0], 10, 64)
	switch {
	case err != nil:
		return malformed("X-Amz-Expires should be a number")
	case seconds < 0:
		return malformed("X-Amz-Expires must be non-negative")
	case seconds > int64(maxExpires/time.Second):
		return malformed("X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than 604800 seconds")
	}
	s.expires = time.Duration(seconds) * time.Second
	s.Token = r.Header.Get("X-Amz-Security-Token")
	if token := fields[queryToken]; len(token) > 0 {
		s.Token = token[0]
	}
	return nil
}
