package sdkhttp

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// A body that is closed holds nothing any more, as the SDK's.
type body struct{ io.Reader }

func (b *body) Close() error {
	b.Reader = strings.NewReader("")
	return nil
}

type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestBodyOutlivesCaller: what is sent stays whole although its caller closes
// the request's body meanwhile.
func TestBodyOutlivesCaller(t *testing.T) {
	given := &body{strings.NewReader("Action=GetSessionToken")}
	sent := ""
	client := Client{Base: &http.Client{Transport: transport(func(r *http.Request) (*http.Response, error) {
		_ = given.Close()
		b, err := io.ReadAll(r.Body)
		sent = string(b)
		return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Request: r}, err
	})}}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://127.0.0.1", given)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if sent != "Action=GetSessionToken" {
		t.Errorf("sent %q", sent)
	}
}

// TestUnreadableBody: a body that can't be read is an error, and nothing is
// sent.
func TestUnreadableBody(t *testing.T) {
	client := Client{Base: &http.Client{Transport: transport(func(*http.Request) (*http.Response, error) {
		t.Error("something was sent")
		return nil, io.EOF
	})}}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://127.0.0.1", unreadable{})
	if err != nil {
		t.Fatal(err)
	}
	if resp, err := client.Do(r); err != io.ErrUnexpectedEOF {
		t.Errorf("%v %v", resp, err)
	}
}

type unreadable struct{}

func (unreadable) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
