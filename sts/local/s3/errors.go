package s3

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/fob-auth/fob/sts/local/access"
	"github.com/fob-auth/fob/sts/local/sigv4"
)

// An Error is a refusal (S3 API reference, "Error responses").
type Error struct {
	Status  int
	Code    string
	Message string
	Extra   []Element   // behind code and message
	Header  http.Header // of the answer; may be nil
}

// An Element is a further element of an error.
type Element struct{ Name, Value string }

// Error gives the code and the message.
func (e *Error) Error() string { return e.Code + ": " + e.Message }

func errorf(status int, code, format string, args ...any) *Error {
	return &Error{Status: status, Code: code, Message: fmt.Sprintf(format, args...)}
}

// with returns a copy of e with one more element.
func (e *Error) with(name string, value any) *Error {
	more := *e
	more.Extra = append(more.Extra[:len(more.Extra):len(more.Extra)], Element{name, fmt.Sprint(value)})
	return &more
}

// header returns a copy of e whose answer has one more header.
func (e *Error) header(name, value string) *Error {
	more := *e
	more.Header = e.Header.Clone()
	if more.Header == nil {
		more.Header = http.Header{}
	}
	more.Header.Set(name, value)
	return &more
}

// Refusals without anything of the call in them.
var (
	errAccessDenied  = errorf(http.StatusForbidden, "AccessDenied", "Access Denied")
	errMalformedXML  = errorf(http.StatusBadRequest, "MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema")
	errMissingLength = errorf(http.StatusLengthRequired, "MissingContentLength", "You must provide the Content-Length HTTP header.")
	errIncomplete    = errorf(http.StatusBadRequest, "IncompleteBody", "You did not provide the number of bytes specified by the Content-Length HTTP header")
	errNotModified   = errorf(http.StatusNotModified, "NotModified", "Not Modified")
	errNotEmpty      = errorf(http.StatusConflict, "BucketNotEmpty", "The bucket you tried to delete is not empty")
	errSignature     = errorf(http.StatusForbidden, "SignatureDoesNotMatch",
		"The request signature we calculated does not match the signature you provided. Check your key and signing method.")
	errMalformedTrailer = errorf(http.StatusBadRequest, "MalformedTrailerError",
		"The request contained trailing data that was not well-formed or did not conform to our published schema.")
)

func noSuchBucket(name string) *Error {
	return errorf(http.StatusNotFound, "NoSuchBucket", "The specified bucket does not exist").with("BucketName", name)
}

func invalidArgument(message, name, value string) *Error {
	e := errorf(http.StatusBadRequest, "InvalidArgument", "%s", message)
	if name != "" {
		e = e.with("ArgumentName", name).with("ArgumentValue", value)
	}
	return e
}

func invalidRequest(format string, args ...any) *Error {
	return errorf(http.StatusBadRequest, "InvalidRequest", format, args...)
}

func preconditionFailed(condition string) *Error {
	return errorf(http.StatusPreconditionFailed, "PreconditionFailed",
		"At least one of the pre-conditions you specified did not hold").with("Condition", condition)
}

// notImplementedHeader refuses what a header asks for.
func notImplementedHeader(name string) *Error {
	return errorf(http.StatusNotImplemented, "NotImplemented",
		"A header you provided implies functionality that is not implemented").with("Header", name)
}

// unauthentic words an error of the guard.
func unauthentic(err error, keyID string) error {
	switch {
	case errors.Is(err, access.ErrUnknownKey):
		return errorf(http.StatusForbidden, "InvalidAccessKeyId",
			"The AWS Access Key Id you provided does not exist in our records.").with("AWSAccessKeyId", keyID)
	case errors.Is(err, access.ErrToken): // field reports; the code is in S3's list of errors
		return errorf(http.StatusBadRequest, "InvalidToken", "The provided token is malformed or otherwise invalid.")
	case errors.Is(err, access.ErrExpired):
		return errorf(http.StatusBadRequest, "ExpiredToken", "The provided token has expired.")
	}
	var e *sigv4.Error
	if !errors.As(err, &e) {
		return err
	}
	malformed := "AuthorizationHeaderMalformed"
	if e.Presigned {
		malformed = "AuthorizationQueryParametersError"
	}
	switch e.Fault {
	case sigv4.Outdated: // field reports
		return invalidRequest("The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.")
	case sigv4.Malformed, sigv4.WrongScope:
		return errorf(http.StatusBadRequest, malformed, "%s", e.Detail)
	case sigv4.Expired:
		return errorf(http.StatusForbidden, "AccessDenied", "Request has expired")
	case sigv4.TooOld, sigv4.TooEarly:
		return errorf(http.StatusForbidden, "RequestTimeTooSkewed", "The difference between the request time and the current time is too large.")
	case sigv4.Mismatch:
		return errSignature.with("AWSAccessKeyId", keyID).with("StringToSign", e.StringToSign).
			with("SignatureProvided", e.Provided).with("CanonicalRequest", e.CanonicalRequest)
	}
	return errAccessDenied
}

// fail answers with a refusal. The cause of a failure stays in the log.
func (q *request) fail(err error) {
	var e *Error
	if !errors.As(err, &e) {
		q.call.Err = err
		e = errorf(http.StatusInternalServerError, "InternalError", "We encountered an internal error. Please try again.")
	}
	q.call.Status, q.call.Code = e.Status, e.Code
	for name, values := range e.Header {
		q.w.Header()[name] = values
	}
	if q.r.Method == http.MethodHead || e.Status == http.StatusNotModified {
		q.w.WriteHeader(e.Status)
		return
	}
	q.write(e.Status, e.body(q.id))
}

// body writes the Error element, which has no namespace.
func (e *Error) body(id string) []byte {
	var b bytes.Buffer
	b.WriteString(xml.Header + "<Error>")
	elements := append([]Element{{"Code", e.Code}, {"Message", e.Message}}, e.Extra...)
	for _, x := range append(elements, Element{"RequestId", id}, Element{"HostId", id}) {
		b.WriteString("<" + x.Name + ">")
		_ = xml.EscapeText(&b, []byte(x.Value)) // a buffer takes everything
		b.WriteString("</" + x.Name + ">")
	}
	b.WriteString("</Error>")
	return b.Bytes()
}

// write sends an answer that is XML.
func (q *request) write(status int, body []byte) {
	q.w.Header().Set("Content-Type", "application/xml")
	q.w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	q.w.WriteHeader(status)
	if _, err := q.w.Write(body); err != nil {
		q.call.Err = errors.Join(q.call.Err, err)
	}
}

// answer sends a result as XML.
func (q *request) answer(result any) error {
	body, err := xml.Marshal(result)
	if err != nil {
		return fmt.Errorf("s3 answer: %w", err)
	}
	q.write(http.StatusOK, append([]byte(xml.Header), body...))
	return nil
}

// done sends an answer without a body.
func (q *request) done(status int) error {
	q.call.Status = status
	q.w.WriteHeader(status)
	return nil
}
