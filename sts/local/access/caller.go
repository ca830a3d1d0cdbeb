// Package access answers who signed a request and whether they may do what it
// asks: credentials are turned into a [Caller], the caller and the request
// into condition keys, and policies decide. The operations of IAM and STS are
// functions of a [Request].
package access

import (
	"time"

	"github.com/fob-auth/fob/sts/local/policy"
	"github.com/fob-auth/fob/sts/local/store"
	"github.com/fob-auth/fob/sts/local/token"
)

// A Caller is who signed a request.
type Caller struct {
	Account store.Account
	// User is the IAM user, with long-term keys or a session of
	// GetSessionToken, or who asked for the federated user; nil for others.
	User *store.User
	// Role is the role of a session of AssumeRole; nil for others.
	Role *store.Role
	// KeyID is the access key that signed.
	KeyID string
	// Session is what temporary credentials stand for; nil for long-term keys.
	Session *token.Claims
}

// IsRoot tells whether it is the account's root user, be it in a session.
func (c Caller) IsRoot() bool { return c.User == nil && c.Role == nil && !c.IsFederated() }

// IsFederated tells whether it is a federated user of GetFederationToken.
func (c Caller) IsFederated() bool {
	return c.Session != nil && c.Session.Kind == token.FederatedUser
}

// Subject is the immutable id: AIDA…, AROA…, or the account's for a root user.
func (c Caller) Subject() string {
	switch {
	case c.User != nil:
		return c.User.ID
	case c.Role != nil:
		return c.Role.ID
	}
	return c.Account.ID
}

// MFAOwner is whose MFA devices can vouch for the caller: the user's or root
// user's. Roles and federated users have none, "".
func (c Caller) MFAOwner() string {
	if c.Role != nil || c.IsFederated() {
		return ""
	}
	return c.Subject()
}

// UserID is aws:userid (IAM User Guide, "IAM policy elements: Variables and
// tags").
func (c Caller) UserID() string {
	switch {
	case c.Role != nil:
		return c.Role.ID + ":" + c.Session.SessionName
	case c.IsFederated():
		return c.Account.ID + ":" + c.Session.SessionName
	}
	return c.Subject()
}

// ARN names the caller: a user, the root user, the session of a role or a
// federated user.
func (c Caller) ARN() string {
	switch {
	case c.IsFederated():
		return c.Account.STS("federated-user/" + c.Session.SessionName)
	case c.User != nil:
		return UserARN(c.Account, *c.User)
	case c.Role != nil:
		return c.Account.STS("assumed-role/" + c.Role.Name + "/" + c.Session.SessionName)
	}
	return c.Account.Root()
}

// boundary is the ARN of the caller's permissions boundary, "" for none.
func (c Caller) boundary() string {
	switch {
	case c.User != nil:
		return c.User.Boundary
	case c.Role != nil:
		return c.Role.Boundary
	}
	return ""
}

// setTags sets the tags of the user or role, and those of the session, which
// count where both have one. A root user has none.
func (c Caller) setTags(k *policy.Context) {
	var tags []store.Tag
	switch {
	case c.User != nil:
		tags = c.User.Tags
	case c.Role != nil:
		tags = c.Role.Tags
	}
	for _, tag := range tags {
		k.Set("aws:PrincipalTag/"+tag.Key, tag.Value)
	}
	if c.Session == nil {
		return
	}
	for _, tag := range c.Session.Tags {
		k.Set("aws:PrincipalTag/"+tag.Key, tag.Value)
	}
}

// HasMFA tells whether the caller's session was bought with an MFA code.
func (c Caller) HasMFA() bool { return c.Session != nil && c.Session.Authenticated != 0 }

// UserARN is the ARN of a user.
func UserARN(a store.Account, u store.User) string { return a.IAM("user" + u.Path + u.Name) }

// RoleARN is the ARN of a role.
func RoleARN(a store.Account, r store.Role) string { return a.IAM("role" + r.Path + r.Name) }

// principal is the caller as policies see it.
func (c Caller) principal() policy.Principal {
	p := policy.Principal{
		Kind: policy.Root, ARN: c.ARN(), Account: c.Account.ID,
		Partition: c.Account.Partition, ID: c.UserID(),
	}
	switch {
	case c.IsFederated():
		by := Caller{Account: c.Account, User: c.User}
		p.Kind, p.UserARN, p.UserID = policy.FederatedUser, by.ARN(), by.Subject()
	case c.User != nil:
		p.Kind = policy.User
	case c.Role != nil:
		p.Kind, p.RoleARN = policy.RoleSession, RoleARN(c.Account, *c.Role)
	}
	return p
}

// An Origin is where a request came from.
type Origin struct {
	SourceIP  string
	UserAgent string
	// Region and Service are those of the signature's scope.
	Region  string
	Service string
	Secure  bool // TLS
}

// context is the condition keys of a call (IAM User Guide, "AWS global
// condition context keys").
func (c Caller) context(o Origin, now time.Time) policy.Context {
	var k policy.Context
	k.Set("aws:CurrentTime", now.UTC().Format(time.RFC3339))
	k.Set("aws:EpochTime", decimal(now.Unix()))
	k.Set("aws:SourceIp", o.SourceIP)
	k.Set("aws:UserAgent", o.UserAgent)
	k.Set("aws:SecureTransport", boolean(o.Secure))
	k.Set("aws:RequestedRegion", o.Region)
	k.Set("aws:userid", c.UserID())
	k.Set("aws:PrincipalAccount", c.Account.ID)
	k.Set("aws:PrincipalArn", c.ARN())
	k.Set("aws:PrincipalType", "Account")
	k.Set("aws:PrincipalIsAWSService", "false")
	k.Set("aws:ViaAWSService", "false")
	switch {
	case c.IsFederated():
		k.Set("aws:PrincipalType", "FederatedUser")
	case c.User != nil:
		k.Set("aws:PrincipalType", "User")
		k.Set("aws:username", c.User.Name)
	case c.Role != nil:
		k.Set("aws:PrincipalType", "AssumedRole")
		k.Set("aws:PrincipalArn", RoleARN(c.Account, *c.Role))
	}
	c.setTags(&k)
	if s := c.Session; s != nil {
		if s.SourceIdentity != "" {
			k.Set("aws:SourceIdentity", s.SourceIdentity)
		}
		k.Set("aws:TokenIssueTime", time.Unix(s.Issued, 0).UTC().Format(time.RFC3339))
		k.Set("aws:MultiFactorAuthPresent", boolean(c.HasMFA()))
		if c.HasMFA() {
			k.Set("aws:MultiFactorAuthAge", decimal(now.Unix()-s.Authenticated))
		}
	}
	return k
}
