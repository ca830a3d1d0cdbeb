package local_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// TestDenials holds AWS's sentences for who denied.
func TestDenials(t *testing.T) {
	l := newLab(t, `
accounts:
- id: "111122223333"
  managed_policies:
  - {name: Boundary, path: /b/, document: {Version: "2012-10-17", Statement: {Effect: Allow, Action: "iam:GetUser", Resource: "*"}}}
  - {name: DenyingBoundary, document: {Version: "2012-10-17", Statement: [{Effect: Allow, Action: "*", Resource: "*"}, {Effect: Deny, Action: "iam:List*", Resource: "*"}]}}
  groups:
  - {name: Readers, attached: ["arn:aws:iam::aws:policy/IAMReadOnlyAccess"]}
  - {name: Nobodies, policies: [{name: no, document: {Version: "2012-10-17", Statement: [{Sid: NoLists, Effect: Deny, Action: "iam:List*", Resource: "*"}]}}]}
  users:
  - {name: none, access_keys: [{id: AKIANONE000000000000, secret: secret-of-none}]}
  - {name: reader, groups: [READERS], access_keys: [{id: AKIAREADER0000000000, secret: secret-of-reader}]}
  - {name: denied, groups: [Readers, Nobodies], access_keys: [{id: AKIADENIED0000000000, secret: secret-of-denied}]}
  - {name: bounded, groups: [Readers], boundary: "arn:aws:iam::111122223333:policy/b/Boundary", access_keys: [{id: AKIABOUNDED000000000, secret: secret-of-bounded}]}
  - {name: bdenied, groups: [Readers], boundary: "arn:aws:iam::111122223333:policy/DenyingBoundary", access_keys: [{id: AKIABDENIED000000000, secret: secret-of-bdenied}]}
`)
	sentence := func(user, end string) verdict {
		return verdict{403, "AccessDenied", "User: arn:aws:iam::111122223333:user/" + user +
			" is not authorized to perform: iam:ListUsers on resource: arn:aws:iam::111122223333:user/ " + end}
	}
	for _, c := range []struct {
		user, decidedBy string
		want            verdict
	}{
		{"reader", "arn:aws:iam::aws:policy/IAMReadOnlyAccess statement 0", ok},
		{"none", "no statement", sentence("none", "because no identity-based policy allows the iam:ListUsers action")},
		{"denied", "group Nobodies policy no NoLists", sentence("denied", "with an explicit deny in an identity-based policy")},
		{"bounded", "no statement", sentence("bounded", "because no permissions boundary allows the iam:ListUsers action")},
		{"bdenied", "arn:aws:iam::111122223333:policy/DenyingBoundary statement 1", sentence("bdenied", "with an explicit deny in a permissions boundary")},
	} {
		_, err := l.iam(longTerm(c.user)).ListUsers(t.Context(), nil)
		l.want(c.user, err, c.want)
		if got := l.Last()["decided_by"]; got != c.decidedBy {
			t.Errorf("%s: logged %q, want %q", c.user, got, c.decidedBy)
		}
	}
	_, err := l.iam(longTerm("none")).ListVirtualMFADevices(t.Context(), &iam.ListVirtualMFADevicesInput{})
	l.want("a call without a resource", err, verdict{403, "AccessDenied", "User: arn:aws:iam::111122223333:user/none is not authorized to perform: " +
		"iam:ListVirtualMFADevices on resource: * because no identity-based policy allows the iam:ListVirtualMFADevices action"})
	_, err = l.sts(longTerm("none")).GetCallerIdentity(t.Context(), nil)
	l.want("what nobody can be denied", err, ok)
}
