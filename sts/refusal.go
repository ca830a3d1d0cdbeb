package sts

import (
	"fmt"
	"time"
)

// A Class is what a refusal means for the one who asked.
type Class string

// The classes of refusal. Which code and message of AWS falls into which is
// the table in classify.go.
const (
	// WrongCode: AWS looked at the code and it didn't match: wrong, used or
	// outside the window.
	WrongCode Class = "wrong-code"
	// Unverifiable: AWS didn't look: the device isn't this user's, isn't
	// enabled, or has used up its nine verifications.
	Unverifiable Class = "unverifiable"
	// WrongPair: two codes for Enable or Resync that don't match.
	WrongPair Class = "wrong-pair"
	// MissingMFA: only one of serial number and code was sent.
	MissingMFA Class = "missing-mfa"
	// NeedsMFA: the self-management rule wants an MFA session.
	NeedsMFA Class = "needs-mfa"
	// BadKeys: AWS doesn't know the access key, or the session token.
	BadKeys Class = "bad-keys"
	// Expired: the keys that signed were a session's, and it is over.
	Expired Class = "expired"
	// Skewed: the signature's time is too far from AWS's.
	Skewed Class = "skewed"
	// BadSignature: the secret key is wrong, or something changed the request.
	BadSignature Class = "bad-signature"
	// SessionCaller: GetSessionToken was signed with a session's keys.
	SessionCaller Class = "session-caller"
	// Denied: policies don't allow the call.
	Denied Class = "denied"
	// RootCaller: the root user can't assume roles.
	RootCaller Class = "root-caller"
	// RoleDuration: longer than the role allows.
	RoleDuration Class = "role-duration"
	// ChainDuration: longer than the hour that chained roles get.
	ChainDuration Class = "chain-duration"
	// Missing: no such device, user or role.
	Missing Class = "missing"
	// Exists: such a device is there already.
	Exists Class = "exists"
	// Limit: no more devices of that kind.
	Limit Class = "limit"
	// InUse: the device must be taken from its user first.
	InUse Class = "in-use"
	// Busy: another change of the same user or device is under way.
	Busy Class = "busy"
	// RegionOff: the account hasn't switched the region on.
	RegionOff Class = "region-off"
	// Invalid: a parameter breaks a constraint.
	Invalid Class = "invalid"
	// Throttled: AWS asks to come back later; it hasn't looked at the code.
	Throttled Class = "throttled"
	// Fault: AWS failed (5xx).
	Fault Class = "fault"
	// Unsent: the request never left: no route, connection refused, a
	// certificate that doesn't fit.
	Unsent Class = "unsent"
	// Unanswered: the request may have arrived, and no answer came back.
	Unanswered Class = "unanswered"
	// Other: AWS said something fob doesn't know.
	Other Class = "other"
)

// A Refusal is a call that brought no session.
type Refusal struct {
	Class Class
	// Action is the operation: "GetSessionToken".
	Action string
	// Status is the HTTP status, 0 where no answer came.
	Status int
	// Code and Message are AWS's own words.
	Code    string
	Message string
	// Date is AWS's time when it answered; zero where no answer came.
	Date time.Time
	// Err is what the network said, for Unsent and Unanswered.
	Err error
}

func (r *Refusal) Error() string {
	switch {
	case r.Err != nil:
		return fmt.Sprintf("%s: %v", r.Action, r.Err)
	case r.Code != "":
		return fmt.Sprintf("%s: %s: %s", r.Action, r.Code, r.Message)
	}
	return fmt.Sprintf("%s: HTTP status %d", r.Action, r.Status)
}

// Unwrap returns what the network said.
func (r *Refusal) Unwrap() error { return r.Err }

// MayHaveSpent reports whether AWS may have seen, and so used up, the code
// that went with the call. Sent and unanswered counts as seen.
func (r *Refusal) MayHaveSpent() bool { return r.Class != Unsent }
