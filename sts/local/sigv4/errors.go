package sigv4

import (
	"fmt"
	"time"
)

// A Fault says why a request isn't authentic.
type Fault int

// The faults, in the order in which they are looked for.
const (
	// Missing: the request carries no signature.
	Missing Fault = iota + 1
	// Outdated: the request is signed with Signature Version 2.
	Outdated
	// Malformed: the Authorization header or the date can't be read.
	Malformed
	// WrongScope: the credential scope names another service, day or
	// terminator.
	WrongScope
	// TooOld: signed longer ago than the skew allows.
	TooOld
	// TooEarly: signed further in the future than the skew allows.
	TooEarly
	// Expired: the time that a presigned request gave itself is over.
	Expired
	// Mismatch: the signature isn't that of this request and secret.
	Mismatch
)

// An Error is a request that isn't authentic. Detail is AWS's sentence where
// AWS has one for the case.
type Error struct {
	Fault  Fault
	Detail string
	// Presigned tells that the signature stood in the query.
	Presigned bool
	// Of a mismatch: what the server signed, and what it was compared with.
	CanonicalRequest, StringToSign, Provided string
}

// Error gives the detail.
func (e *Error) Error() string { return e.Detail }

func malformed(format string, args ...any) *Error {
	return &Error{Fault: Malformed, Detail: fmt.Sprintf(format, args...)}
}

func wrongScope(format string, args ...any) *Error {
	return &Error{Fault: WrongScope, Detail: fmt.Sprintf(format, args...)}
}

var errMissing = &Error{Fault: Missing, Detail: "Request is missing Authentication Token"}

// unsupported is an Authorization of another kind than Version 4's.
func unsupported(fault Fault) *Error {
	return &Error{Fault: fault, Detail: "Unsupported Authorization type; only " + algorithm + " is accepted."}
}

func mismatch(canonical, toSign, provided string) *Error {
	return &Error{
		Fault: Mismatch, CanonicalRequest: canonical, StringToSign: toSign, Provided: provided,
		Detail: "The request signature we calculated does not match the signature you provided. " +
			"Check your AWS Secret Access Key and signing method. Consult the service documentation for details.",
	}
}

// expired words the end of a presigned request.
func (s *Signature) expired(now time.Time) *Error {
	end := s.signed.Add(s.expires)
	return &Error{Fault: Expired, Presigned: true, Detail: fmt.Sprintf("Signature expired: %s is now earlier than %s",
		end.Format(timeFormat), now.Format(timeFormat))}
}

// skewed words a date out of bounds as AWS does (IAM User Guide,
// troubleshooting of Signature Version 4 signing).
func skewed(signed, now time.Time, skew time.Duration) *Error {
	at, limit := signed.Format(timeFormat), skewText(skew)
	if signed.Before(now) {
		return &Error{Fault: TooOld, Detail: fmt.Sprintf("Signature expired: %s is now earlier than %s (%s - %s)",
			at, now.Add(-skew).Format(timeFormat), now.Format(timeFormat), limit)}
	}
	return &Error{Fault: TooEarly, Detail: fmt.Sprintf("Signature not yet current: %s is still later than %s (%s + %s)",
		at, now.Add(skew).Format(timeFormat), now.Format(timeFormat), limit)}
}

func skewText(skew time.Duration) string {
	if skew%time.Minute == 0 {
		return fmt.Sprintf("%d min.", skew/time.Minute)
	}
	return skew.String()
}
