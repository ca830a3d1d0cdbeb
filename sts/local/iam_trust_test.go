package local_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/fob-auth/fob/sts/local"
	"github.com/fob-auth/fob/sts/local/world"
)

// withKeys makes a user with one key and one policy.
func (l *lab) withKeys(c *iam.Client, name, document string) keys {
	l.t.Helper()
	do(l, ok, c.CreateUser, iam.CreateUserInput{UserName: &name})
	do(l, ok, c.PutUserPolicy, iam.PutUserPolicyInput{UserName: &name, PolicyName: str("p"), PolicyDocument: &document})
	k := do(l, ok, c.CreateAccessKey, iam.CreateAccessKeyInput{UserName: &name}).AccessKey
	return keys{id: *k.AccessKeyId, secret: *k.SecretAccessKey}
}

// without deletes what withKeys made.
func (l *lab) without(c *iam.Client, name string, k keys) {
	l.t.Helper()
	do(l, ok, c.DeleteAccessKey, iam.DeleteAccessKeyInput{UserName: &name, AccessKeyId: &k.id})
	do(l, ok, c.DeleteUserPolicy, iam.DeleteUserPolicyInput{UserName: &name, PolicyName: str("p")})
	do(l, ok, c.DeleteUser, iam.DeleteUserInput{UserName: &name})
}

// TestTrustIsPinned: a trust policy means the user that was there when it was
// saved, under whatever name, and not another of that name later.
func TestTrustIsPinned(t *testing.T) {
	l, a := newEmptyLab(t)
	b := l.iam(longTerm("rootb"))
	bob := l.withKeys(b, "bob", allow("sts:AssumeRole"))
	trust := trusting(`{"AWS":"arn:aws:iam::444455556666:user/bob"}`)
	do(l, ok, a.CreateRole, iam.CreateRoleInput{RoleName: str("R"), AssumeRolePolicyDocument: &trust})
	shown := func() string {
		t.Helper()
		return decoded(t, do(l, ok, a.GetRole, iam.GetRoleInput{RoleName: str("R")}).Role.AssumeRolePolicyDocument)
	}
	assume := func(step string, k keys, want verdict) {
		t.Helper()
		_, err := l.assume(k, role("R"))
		l.want(step, err, want)
	}
	denied := func(name string) verdict {
		return verdict{403, "AccessDenied", "User: arn:aws:iam::444455556666:user/" + name + " is not authorized to perform: sts:AssumeRole on resource: " + role("R")}
	}
	if got := shown(); got != trust {
		t.Errorf("shown %s", got)
	}
	assume("bob", bob, ok)

	do(l, ok, b.UpdateUser, iam.UpdateUserInput{UserName: str("bob"), NewUserName: str("robert")})
	if got := shown(); got != trusting(`{"AWS":"arn:aws:iam::444455556666:user/robert"}`) {
		t.Errorf("shown %s", got)
	}
	assume("bob, now robert", bob, ok)
	do(l, ok, b.UpdateUser, iam.UpdateUserInput{UserName: str("robert"), NewUserName: str("bob")})

	id := do(l, ok, b.GetUser, iam.GetUserInput{UserName: str("bob")}).User.UserId
	l.without(b, "bob", bob)
	if got := shown(); got != trusting(`{"AWS":"`+*id+`"}`) {
		t.Errorf("shown %s", got)
	}
	bob = l.withKeys(b, "bob", allow("sts:AssumeRole"))
	assume("another bob", bob, denied("bob"))
	do(l, ok, a.UpdateAssumeRolePolicy, iam.UpdateAssumeRolePolicyInput{RoleName: str("R"), PolicyDocument: &trust})
	assume("the new trust", bob, ok)
}

// TestTrustInARole: a role's session is meant by its role's id in the same way,
// and a world's trust policies too.
func TestTrustInARole(t *testing.T) {
	l := newLab(t, `
accounts:
- id: "111122223333"
  root: {access_keys: [{id: AKIAROOTA00000000000, secret: secret-of-roota}]}
  users: [{name: ann, access_keys: [{id: AKIAANN0000000000000, secret: secret-of-ann}]}]
  roles:
  - {name: First, trust: {Version: "2012-10-17", Statement: {Effect: Allow, Principal: {AWS: "arn:aws:iam::111122223333:user/ann"}, Action: "sts:AssumeRole"}},
     policies: [{name: p, document: {Version: "2012-10-17", Statement: {Effect: Allow, Action: "sts:AssumeRole", Resource: "*"}}}]}
  - {name: Second, trust: {Version: "2012-10-17", Statement: {Effect: Allow, Principal: {AWS: "arn:aws:iam::111122223333:role/First"}, Action: "sts:AssumeRole"}}}
`)
	c := l.iam(longTerm("roota"))
	first := l.must(l.assume(longTerm("ann"), role("First")))
	_, err := l.assume(first, role("Second"))
	l.want("the role", err, ok)
	used := do(l, ok, c.GetRole, iam.GetRoleInput{RoleName: str("First")}).Role.RoleLastUsed
	if used == nil || !used.LastUsedDate.Equal(start) || *used.Region != "eu-west-1" {
		t.Errorf("First was used %+v", used)
	}

	trust := trusting(`{"AWS":"arn:aws:iam::111122223333:user/ann"}`)
	do(l, ok, c.DeleteRolePolicy, iam.DeleteRolePolicyInput{RoleName: str("First"), PolicyName: str("p")})
	do(l, ok, c.DeleteRole, iam.DeleteRoleInput{RoleName: str("First")})
	_, err = l.assume(first, role("Second"))
	l.want("a session of a role that is gone", err, verdict{403, "InvalidClientTokenId", "The security token included in the request is invalid."})
	do(l, ok, c.CreateRole, iam.CreateRoleInput{RoleName: str("First"), AssumeRolePolicyDocument: &trust})
	do(l, ok, c.PutRolePolicy, iam.PutRolePolicyInput{RoleName: str("First"), PolicyName: str("p"), PolicyDocument: str(allow("sts:AssumeRole"))})
	first = l.must(l.assume(longTerm("ann"), role("First")))
	_, err = l.assume(first, role("Second"))
	l.want("another role of that name", err, verdict{403, "AccessDenied",
		"User: arn:aws:sts::111122223333:assumed-role/First/me is not authorized to perform: sts:AssumeRole on resource: " + role("Second")})
}

// TestWorldTrustsNobody: a world whose trust policy names nobody is refused.
func TestWorldTrustsNobody(t *testing.T) {
	w, err := world.Decode("world.yaml", []byte(`
accounts:
- id: "111122223333"
  roles: [{name: R, trust: {Version: "2012-10-17", Statement: {Effect: Allow, Principal: {AWS: "arn:aws:iam::111122223333:user/nobody"}, Action: "sts:AssumeRole"}}}]
`))
	if err != nil {
		t.Fatal(err)
	}
	_, err = local.New(local.Options{World: w})
	const want = `trust policy of role R of account 111122223333: Invalid principal in policy: "AWS":"arn:aws:iam::111122223333:user/nobody"`
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// TestConditionsOfIAM asks for the condition keys of IAM's own calls.
func TestConditionsOfIAM(t *testing.T) {
	l, root := newEmptyLab(t)
	boundary := do(l, ok, root.CreatePolicy, iam.CreatePolicyInput{PolicyName: str("B"), PolicyDocument: str(allow("s3:*"))}).Policy.Arn
	only := func(action, condition string) string {
		return `{"Effect":"Allow","Action":"` + action + `","Resource":"*","Condition":` + condition + `}`
	}
	ann := l.iam(l.withKeys(root, "ann", `{"Version":"2012-10-17","Statement":[`+
		only("iam:AttachUserPolicy", `{"ArnLike":{"iam:PolicyARN":"arn:aws:iam::*:policy/IAMUser*"}}`)+","+
		only("iam:CreateUser", `{"StringEquals":{"iam:PermissionsBoundary":"`+*boundary+`"}}`)+","+
		only("iam:TagUser", `{"StringEquals":{"aws:RequestTag/team":"${aws:PrincipalTag/team}"},"ForAllValues:StringEquals":{"aws:TagKeys":["team"]}}`)+","+
		only("iam:DeleteUser", `{"StringEquals":{"aws:ResourceTag/team":"red"}}`)+","+
		only("iam:DeleteVirtualMFADevice", `{"StringEquals":{"aws:ResourceTag/team":"red"}}`)+`]}`))
	do(l, ok, root.TagUser, iam.TagUserInput{UserName: str("ann"), Tags: []types.Tag{{Key: str("team"), Value: str("red")}}})
	do(l, ok, root.CreateUser, iam.CreateUserInput{UserName: str("bob")})
	const me = "arn:aws:iam::111122223333:user/ann"
	denied := func(action, resource string) verdict {
		return deniedNoIdentity(me, action, resource)
	}
	do(l, ok, ann.AttachUserPolicy, iam.AttachUserPolicyInput{UserName: str("bob"), PolicyArn: str("arn:aws:iam::aws:policy/IAMUserChangePassword")})
	do(l, denied("iam:AttachUserPolicy", "user bob"), ann.AttachUserPolicy, iam.AttachUserPolicyInput{UserName: str("bob"), PolicyArn: str("arn:aws:iam::aws:policy/AdministratorAccess")})
	do(l, denied("iam:CreateUser", "arn:aws:iam::111122223333:user/eve"), ann.CreateUser, iam.CreateUserInput{UserName: str("eve")})
	do(l, ok, ann.CreateUser, iam.CreateUserInput{UserName: str("eve"), PermissionsBoundary: boundary})
	red, blue := []types.Tag{{Key: str("team"), Value: str("red")}}, []types.Tag{{Key: str("team"), Value: str("blue")}}
	do(l, denied("iam:TagUser", "arn:aws:iam::111122223333:user/f"), ann.CreateUser, iam.CreateUserInput{UserName: str("f"), PermissionsBoundary: boundary, Tags: blue})
	do(l, denied("iam:TagUser", "user eve"), ann.TagUser, iam.TagUserInput{UserName: str("eve"), Tags: append(red, types.Tag{Key: str("x"), Value: str("")})})
	do(l, denied("iam:DeleteUser", "user eve"), ann.DeleteUser, iam.DeleteUserInput{UserName: str("eve")})
	do(l, ok, ann.TagUser, iam.TagUserInput{UserName: str("eve"), Tags: red})
	do(l, ok, ann.DeleteUser, iam.DeleteUserInput{UserName: str("eve")})

	serial := do(l, ok, root.CreateVirtualMFADevice, iam.CreateVirtualMFADeviceInput{VirtualMFADeviceName: str("d"), Tags: blue}).VirtualMFADevice.SerialNumber
	do(l, denied("iam:DeleteVirtualMFADevice", "arn:aws:iam::111122223333:mfa/d"), ann.DeleteVirtualMFADevice, iam.DeleteVirtualMFADeviceInput{SerialNumber: serial})
	do(l, ok, root.TagMFADevice, iam.TagMFADeviceInput{SerialNumber: serial, Tags: red})
	do(l, ok, ann.DeleteVirtualMFADevice, iam.DeleteVirtualMFADeviceInput{SerialNumber: serial})
}
