package awsissuer

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/smithy-go"

	"github.com/fob-auth/fob/sts"
	"github.com/fob-auth/fob/sts/sdkhttp"
)

// maxAnswer bounds an answer, in bytes. AWS's are a few thousand; a QR code in
// CreateVirtualMFADevice is the largest part of any.
const maxAnswer = 1 << 20

var (
	errRedirected = errors.New("the endpoint answered with a redirect, which fob doesn't follow")
	errTooLong    = fmt.Errorf("the answer is longer than %d bytes", maxAnswer)
	errForeign    = errors.New("what answered isn't AWS: its answer is to no such call")
	errCut        = fmt.Errorf("the connection ended before the answer did: %w", io.ErrUnexpectedEOF)
)

// hidden stands where AWS's message repeated a code.
const hidden = "[redacted]"

// A wire carries one call and remembers what became of it. It is the SDK's
// HTTP client for that call, and used by one goroutine but for handed, which
// net/http sets from its own.
type wire struct {
	action string
	client *http.Client
	// ended returns why the call's context is over, nil while it isn't.
	ended func() error
	// codes are those that go with the call. AWS's messages on parameters
	// repeat what was sent, so they are struck out of every text.
	codes []string
	// handed is set once a connection was there for the request to be written
	// to. From then on AWS may have seen it, whole or in part.
	handed atomic.Bool
	// status and date are of the answer; 0 and zero before there is one.
	status int
	date   time.Time
	// cut is why the answer's body could not be read to its end.
	cut error
}

// newWire returns the way for one call: a transport of its own, HTTP/1.1
// without keep-alive, so that neither net/http nor HTTP/2 has a reason to send
// the request a second time. What it dials ends with ctx, the call's; net/http
// by itself would go on dialling for calls to come.
func newWire(ctx context.Context, action string, c Caller, opts Options, codes ...string) *wire {
	dial := opts.Dial
	if dial == nil {
		d := &net.Dialer{}
		if plain(c.Endpoint) {
			d.ControlContext = onlyLoopback
		}
		dial = d.DialContext
	}
	return &wire{action: action, codes: codes, ended: ctx.Err, client: &http.Client{
		Transport: &http.Transport{
			Proxy: nil,
			DialContext: func(_ context.Context, network, address string) (net.Conn, error) {
				return dial(ctx, network, address)
			},
			TLSClientConfig:        &tls.Config{RootCAs: opts.RootCAs, MinVersion: tls.VersionTLS12},
			TLSNextProto:           map[string]func(string, *tls.Conn) http.RoundTripper{},
			DisableKeepAlives:      true,
			DisableCompression:     true,
			MaxResponseHeaderBytes: 64 << 10,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

func plain(e sts.Endpoint) bool { return len(e.URL) > 5 && e.URL[:5] == "http:" }

// onlyLoopback refuses to connect anywhere else, whatever the name localhost
// was resolved to.
func onlyLoopback(_ context.Context, _, address string, _ syscall.RawConn) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return &sts.EndpointError{Endpoint: address, Reason: "isn't this machine, and plain http goes nowhere else"}
	}
	return nil
}

// Do sends the request once and reads the whole answer. Where a call has
// further pages, what is remembered is of the last.
func (w *wire) Do(r *http.Request) (*http.Response, error) {
	w.handed.Store(false)
	w.status, w.date, w.cut = 0, time.Time{}, nil
	trace := &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { w.handed.Store(true) }}
	r = r.WithContext(httptrace.WithClientTrace(r.Context(), trace))
	resp, err := sdkhttp.Client{Base: w.client}.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	w.status = resp.StatusCode
	if date, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		w.date = date.UTC()
	}
	if resp.StatusCode >= 300 && resp.StatusCode < 400 {
		return nil, errRedirected
	}
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		w.cut = err
		return nil, err
	case len(answer) > maxAnswer:
		return nil, errTooLong
	case resp.StatusCode < 300 && !w.answered(answer):
		return nil, errForeign
	}
	resp.Body = io.NopCloser(bytes.NewReader(answer))
	return resp, nil
}

// answered reports whether a body is AWS's answer to the call. The SDK reads none
// where a result has no fields, and would take a proxy's page for a yes.
func (w *wire) answered(body []byte) bool {
	for d := xml.NewDecoder(bytes.NewReader(body)); ; {
		token, err := d.Token()
		if err != nil {
			return false
		}
		if root, ok := token.(xml.StartElement); ok {
			return root.Name.Local == w.action+"Response"
		}
	}
}

// refusal turns an error of the SDK into what fob knows about the call.
func (w *wire) refusal(err error) *sts.Refusal {
	r := &sts.Refusal{Action: w.action, Status: w.status, Date: w.date}
	var api smithy.APIError
	switch {
	case w.status == 0 && !w.handed.Load():
		r.Class, r.Err = sts.Unsent, w.cause(err)
	case w.status == 0:
		r.Class, r.Err = sts.Unanswered, w.cause(err)
	case w.cut != nil: // The answer's beginning says too little to go by.
		r.Class, r.Status, r.Err = sts.Unanswered, 0, w.cause(w.cut)
	case errors.As(err, &api) && api.ErrorCode() != undecoded:
		r.Code, r.Message = w.strike(api.ErrorCode()), w.strike(api.ErrorMessage())
		r.Class = sts.Classify(w.action, w.status, r.Code, r.Message)
	case w.status >= http.StatusBadRequest:
		// Not AWS's form of an error: a page of some proxy.
		r.Class = sts.Classify(w.action, w.status, "", "")
	default:
		r.Class, r.Err = sts.Other, w.cause(err)
	}
	return r
}

// undecoded is what the SDK calls an error that isn't in AWS's form.
const undecoded = "UnknownError"

// strike takes the call's codes out of a text.
func (w *wire) strike(text string) string {
	for _, code := range w.codes {
		if code != "" {
			text = strings.ReplaceAll(text, code, hidden)
		}
	}
	return text
}

// cause returns why a call failed, without its codes: net/http quotes what an
// endpoint sends that isn't HTTP, and that may be the request.
func (w *wire) cause(err error) error {
	err = w.dig(err)
	if text := w.strike(err.Error()); text != err.Error() {
		return errors.New(text)
	}
	return err
}

// dig takes the network's own error out of what net/http and the SDK wrapped
// around it, since those quote URLs and name types that mean nothing to a
// user. A call whose time is over failed for that, whatever broke first.
func (w *wire) dig(err error) error {
	var endpoint *sts.EndpointError
	if errors.As(err, &endpoint) {
		return endpoint
	}
	if ended := w.ended(); ended != nil {
		return ended
	}
	for _, known := range []error{errRedirected, errTooLong, errForeign} {
		if errors.Is(err, known) {
			return known
		}
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errCut
	}
	var op *net.OpError
	if errors.As(err, &op) {
		return op
	}
	var cert *tls.CertificateVerificationError
	if errors.As(err, &cert) {
		return cert
	}
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}

// A signer signs with AWS's time in place of the host's.
type signer struct {
	v4   *v4.Signer
	skew time.Duration
}

func newSigner(skew time.Duration) signer { return signer{v4.NewSigner(), skew} }

func (s signer) SignHTTP(ctx context.Context, creds aws.Credentials, r *http.Request, payloadHash, service, region string, at time.Time, optFns ...func(*v4.SignerOptions)) error {
	return s.v4.SignHTTP(ctx, creds, r, payloadHash, service, region, at.Add(s.skew), optFns...)
}
