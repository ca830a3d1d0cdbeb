package policy

import (
	"fmt"
	"strconv"
)

// PolicyType is a kind of policy that takes part in a decision.
type PolicyType uint8

// The policy types, in the order in which a decision asks them.
const (
	NoPolicy PolicyType = iota // decided without a policy: root's own rights, actions nobody can be denied
	ServiceControlPolicy
	ResourceBased
	RoleTrust
	IdentityBased
	PermissionsBoundary
	SessionPolicy
)

// String names the type as in AWS's access-denied sentences.
func (t PolicyType) String() string {
	switch t {
	case NoPolicy:
		return "no policy"
	case ServiceControlPolicy:
		return "service control policy"
	case ResourceBased:
		return "resource-based policy"
	case RoleTrust:
		return "role trust policy"
	case IdentityBased:
		return "identity-based policy"
	case PermissionsBoundary:
		return "permissions boundary"
	case SessionPolicy:
		return "session policy"
	}
	return fmt.Sprintf("policy type %d", uint8(t))
}

// MarshalText writes the type's name.
func (t PolicyType) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// Outcome is the answer to a request.
type Outcome uint8

// The outcomes. The zero value denies.
const (
	ImplicitDeny Outcome = iota
	ExplicitDeny
	Allow
)

// String names the outcome as the Simulate operations of IAM do
// (PolicyEvaluationDecisionType).
func (o Outcome) String() string {
	switch o {
	case Allow:
		return "allowed"
	case ExplicitDeny:
		return "explicitDeny"
	}
	return "implicitDeny"
}

// MarshalText writes the outcome's name.
func (o Outcome) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// Decision is the answer to a request and what it rests on.
type Decision struct {
	Outcome   Outcome
	By        PolicyType // whose allow, deny or silence decided
	Policy    string     // name of the deciding policy, "" where silence decided
	Statement int        // index in that policy, -1 where silence decided
	Sid       string     // of that statement, may be ""
	request   *Request
}

// Allowed says whether the outcome is Allow.
func (d Decision) Allowed() bool { return d.Outcome == Allow }

// Reason returns the end of AWS's access-denied sentence, from "because" or
// "with" on, and "" for an allowed request (Denials).
func (d Decision) Reason() string {
	if d.Outcome == Allow || d.request == nil {
		return ""
	}
	if d.Outcome == ImplicitDeny {
		return "because no " + d.By.String() + " allows the " + d.request.Action + " action"
	}
	article := "a "
	switch d.By {
	case IdentityBased:
		article = "an "
	case RoleTrust:
		article = "the "
	}
	return "with an explicit deny in " + article + d.By.String()
}

// Decider names the statement that decided by its policy and its Sid, or its
// place from 0 on where it has none. It is "no statement" where silence denied,
// and "no policy" where what needs none was allowed.
func (d Decision) Decider() string {
	switch {
	case d.Policy != "":
		return nameStatement(d.Policy, d.Statement, d.Sid)
	case d.Allowed():
		return NoPolicy.String()
	}
	return "no statement"
}

func nameStatement(policy string, index int, sid string) string {
	if sid != "" {
		return policy + " " + sid
	}
	return policy + " statement " + strconv.Itoa(index)
}
