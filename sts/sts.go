// Package sts turns a code into an AWS session: what is to be asked of AWS STS
// ([Plan]), who asks it ([Issuer]), what comes back ([Session]) and what AWS
// meant when it refused ([Refusal]).
//
// It knows AWS, and nothing of tokens, sockets or files; which token gives the
// code, and whether it may, is the agent's business.
package sts

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"strconv"
	"time"
)

// An Issuer asks AWS for a session, once: it never repeats a call that carried
// a code.
type Issuer interface {
	// Issue makes the plan's one call. code is the MFA code, or "" where the
	// plan has no MFASerial. Every failure is a *Refusal.
	Issue(ctx context.Context, p Plan, code string) (Session, error)
}

// A Call is the STS action of a plan.
type Call string

// The calls that take an MFA code (AWS STS API reference).
const (
	GetSessionToken Call = "GetSessionToken"
	AssumeRole      Call = "AssumeRole"
)

// Limits of session lifetimes (AWS STS API reference, DurationSeconds of
// GetSessionToken and AssumeRole; role chaining of AssumeRole).
const (
	MinDuration             = 15 * time.Minute
	MaxSessionTokenDuration = 36 * time.Hour
	DefaultSessionToken     = 12 * time.Hour
	MaxRoleDuration         = 12 * time.Hour
	MaxChainedDuration      = time.Hour
)

// Keys sign a call: long-term keys, or those of an earlier session.
type Keys struct {
	AccessKeyID     string
	SecretAccessKey Secret
	SessionToken    Secret
}

// A Secret is a string that redacts itself wherever it is printed, logged or
// encoded.
type Secret string

const redacted = "[redacted]"

// Reveal returns the secret itself.
func (s Secret) Reveal() string { return string(s) }

// String redacts.
func (Secret) String() string { return redacted }

// GoString redacts.
func (Secret) GoString() string { return redacted }

// Format redacts under every verb.
func (Secret) Format(s fmt.State, _ rune) { fmt.Fprint(s, redacted) }

// LogValue redacts.
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText redacts.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// A Role is what AssumeRole asks for.
type Role struct {
	ARN string
	// SessionName is 2–64 characters of [\w+=,.@-].
	SessionName string
	ExternalID  string
}

// A Plan is one call to STS. A profile with roles is a chain of plans, each
// signed by the session of its Parent; profiles that share a parent share its
// session, and so its code.
type Plan struct {
	Call     Call
	Endpoint Endpoint
	// Parent is the plan whose session signs this call; nil where Keys do.
	Parent *Plan
	// Keys sign the call. With a Parent they are filled in from its session.
	Keys Keys
	// MFASerial names the MFA device whose code goes with the call; "" for a
	// call without MFA.
	MFASerial string
	// Duration is the lifetime asked for.
	Duration time.Duration
	// Role is what AssumeRole asks for.
	Role Role
	// Skew is AWS's time less the host's, as last seen, so that the signature
	// carries AWS's time.
	Skew time.Duration
}

// Key identifies the session that the plan leads to: two plans of the same key
// can share one session. It holds no secret. Of the endpoint it takes the name
// alone: a session bought in one region is valid in all of the partition (IAM
// User Guide, "Manage AWS STS in an AWS Region"), so profiles that differ in
// region share a code.
func (p Plan) Key() string {
	parent := "keys:" + p.Keys.AccessKeyID
	if p.Parent != nil {
		parent = p.Parent.Key()
	}
	text := append(make([]byte, 0, 512), '[')
	for i, word := range [...]string{
		string(p.Call), p.Endpoint.Name(), parent, p.MFASerial,
		p.Duration.String(), p.Role.ARN, p.Role.SessionName, p.Role.ExternalID,
	} {
		if i > 0 {
			text = append(text, ' ')
		}
		text = strconv.AppendQuote(text, word)
	}
	sum := sha256.Sum256(append(text, ']'))
	return hex.EncodeToString(sum[:16])
}

// Root returns the first plan of the chain, the one that long-term keys sign.
func (p Plan) Root() Plan {
	for p.Parent != nil {
		p = *p.Parent
	}
	return p
}

// A Session is temporary credentials and what is known about them.
type Session struct {
	Keys Keys
	// Expiration is when AWS stops accepting the keys, in AWS's time.
	Expiration time.Time
	// MFASerial is the device whose code bought the session; "" where none did.
	MFASerial string
	// Token and Counter say which token gave that code, and its time step;
	// zero where none did.
	Token   string
	Counter uint64
	// AssumedRole is the session's ARN, for AssumeRole.
	AssumedRole string
	// Date is AWS's time when it answered.
	Date time.Time
}

// An Identity is who a pair of keys belongs to (GetCallerIdentity).
type Identity struct {
	Account string
	ARN     string
	UserID  string
	// Date is AWS's time when it answered.
	Date time.Time
}
