// Package sdkhttp is the HTTP client to put under a client of the AWS SDK that
// talks to a server close by.
//
// The SDK's transport closes a request's body as soon as the answer's headers
// are there. net/http may still be looking for that body's end, takes the
// closed body for a failed write and drops the connection with the answer. A
// server across the internet is too slow for that to happen; one on loopback
// isn't, and what its answer held, a session bought with a code perhaps, would
// be lost.
package sdkhttp

import (
	"bytes"
	"io"
	"net/http"
)

// A Client sends requests whose bodies are its own. The zero Client sends by
// [http.DefaultClient].
type Client struct {
	// Base sends the requests.
	Base *http.Client
}

// Do sends r with a copy of its body.
func (c Client) Do(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		r = r.Clone(r.Context())
		r.Body, r.GetBody = io.NopCloser(bytes.NewReader(body)), nil
	}
	if c.Base == nil {
		return http.DefaultClient.Do(r)
	}
	return c.Base.Do(r)
}
