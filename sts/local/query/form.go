// Package query is AWS's Query protocol as IAM and STS speak it (Smithy,
// "AWS query protocol"): form parameters in, XML out. It reads parameters by
// name with their types and constraints, words the refusals as AWS does, and
// writes answers and errors. It knows no operation.
package query

import (
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
)

// Bounds of a request. They are ours: AWS's own aren't published. The largest
// parameter of the served operations is a policy document.
const (
	MaxBody       = 256 << 10
	maxParameters = 2048
)

// A Form is the parameters of a request by name. Where one is repeated the
// last counts (observed for tag keys).
type Form map[string]string

// IsForm tells whether r may carry Query parameters: a form in the body, or an
// Action in the URL.
func IsForm(r *http.Request) bool {
	if r.Method == http.MethodPost {
		kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
		return err == nil && kind == "application/x-www-form-urlencoded"
	}
	return r.Method == http.MethodGet && r.URL.Query().Has("Action")
}

// ReadBody reads the body whole, up to [MaxBody].
func ReadBody(r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, MaxBody+1))
	if err != nil {
		return nil, Errorf(http.StatusBadRequest, "IncompleteBody", "the request body ended early")
	}
	if len(body) > MaxBody {
		return nil, Errorf(http.StatusRequestEntityTooLarge, "RequestEntityTooLarge",
			"the request is larger than %d bytes", MaxBody)
	}
	return body, nil
}

// ParseForm reads the parameters of the URL and the body.
func ParseForm(rawQuery string, body []byte) (Form, error) {
	f := Form{}
	for _, raw := range []string{rawQuery, string(body)} {
		if err := f.add(raw); err != nil {
			return nil, err
		}
	}
	return f, nil
}

func (f Form) add(raw string) error {
	for pair := range strings.SplitSeq(raw, "&") {
		if pair == "" {
			continue
		}
		key, value, _ := strings.Cut(pair, "=")
		k, err := url.QueryUnescape(key)
		if err != nil {
			return malformed("a parameter name is not form encoded")
		}
		v, err := url.QueryUnescape(value)
		if err != nil {
			return malformed("the value of %s is not form encoded", printable(k))
		}
		f[k] = v
		if len(f) > maxParameters {
			return malformed("more than %d parameters", maxParameters)
		}
	}
	return nil
}

// printable bounds what of a client's text comes back in a message of ours.
func printable(s string) string {
	const limit = 64
	if len(s) > limit {
		s = s[:limit]
	}
	return fmt.Sprintf("%q", s)
}
