package local_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/fob-auth/fob/sts/local"
)

// A walk reads one page of a list: its rows, and the marker of the next page.
type walk func(marker *string, items *int32) (rows []string, next *string, more bool, err error)

// names takes one field of each row.
func names[T any](rows []T, field func(T) *string) []string {
	var all []string
	for _, row := range rows {
		all = append(all, *field(row))
	}
	return all
}

// TestEveryList walks each list by pages of 1 and 2 and all at once: the rows
// are the same, each there once, in order.
func TestEveryList(t *testing.T) {
	l, c := newEmptyLab(t)
	ctx := t.Context()
	policy := make([]string, 3)
	for i := range 3 {
		n := fmt.Sprintf("n%d", i)
		do(l, ok, c.CreateUser, iam.CreateUserInput{UserName: &n})
		do(l, ok, c.CreateGroup, iam.CreateGroupInput{GroupName: &n})
		do(l, ok, c.CreateRole, iam.CreateRoleInput{RoleName: &n, AssumeRolePolicyDocument: str(trusting(`{"AWS":"111122223333"}`))})
		policy[i] = *do(l, ok, c.CreatePolicy, iam.CreatePolicyInput{PolicyName: &n, PolicyDocument: str(allow("s3:*"))}).Policy.Arn
		if i > 0 {
			do(l, ok, c.CreatePolicyVersion, iam.CreatePolicyVersionInput{PolicyArn: &policy[0], PolicyDocument: str(allow("s3:*"))})
		}
		do(l, ok, c.AddUserToGroup, iam.AddUserToGroupInput{UserName: str("n0"), GroupName: &n})
		do(l, ok, c.AddUserToGroup, iam.AddUserToGroupInput{UserName: &n, GroupName: str("n0")})
		do(l, ok, c.PutUserPolicy, iam.PutUserPolicyInput{UserName: str("n0"), PolicyName: &n, PolicyDocument: str(allow("s3:*"))})
		do(l, ok, c.PutGroupPolicy, iam.PutGroupPolicyInput{GroupName: str("n0"), PolicyName: &n, PolicyDocument: str(allow("s3:*"))})
		do(l, ok, c.PutRolePolicy, iam.PutRolePolicyInput{RoleName: str("n0"), PolicyName: &n, PolicyDocument: str(allow("s3:*"))})
		do(l, ok, c.AttachUserPolicy, iam.AttachUserPolicyInput{UserName: str("n0"), PolicyArn: &policy[i]})
		do(l, ok, c.AttachGroupPolicy, iam.AttachGroupPolicyInput{GroupName: str("n0"), PolicyArn: &policy[i]})
		do(l, ok, c.AttachRolePolicy, iam.AttachRolePolicyInput{RoleName: str("n0"), PolicyArn: &policy[i]})
		do(l, ok, c.CreateVirtualMFADevice, iam.CreateVirtualMFADeviceInput{VirtualMFADeviceName: &n})
		if i < 2 {
			do(l, ok, c.CreateAccessKey, iam.CreateAccessKeyInput{UserName: str("n0")})
		}
	}
	n0 := str("n0")
	for name, list := range map[string]struct {
		rows int
		walk walk
	}{
		"ListUsers": {3, func(m *string, n *int32) ([]string, *string, bool, error) {
			o, err := c.ListUsers(ctx, &iam.ListUsersInput{Marker: m, MaxItems: n})
			return page(err, func() ([]string, *string, bool) {
				return names(o.Users, func(u types.User) *string { return u.UserName }), o.Marker, o.IsTruncated
			})
		}},
		"ListGroups": {3, func(m *string, n *int32) ([]string, *string, bool, error) {
			o, err := c.ListGroups(ctx, &iam.ListGroupsInput{Marker: m, MaxItems: n})
			return page(err, func() ([]string, *string, bool) {
				return names(o.Groups, func(g types.Group) *string { return g.GroupName }), o.Marker, o.IsTruncated
			})
		}},
		"ListRoles": {3, func(m *string, n *int32) ([]string, *string, bool, error) {
			o, err := c.ListRoles(ctx, &iam.ListRolesInput{Marker: m, MaxItems: n})
			return page(err, func() ([]string, *string, bool) {
				return names(o.Roles, func(r types.Role) *string { return r.RoleName }), o.Marker, o.IsTruncated
			})
		}},
		"ListPolicies": {3, func(m *string, n *int32) ([]string, *string, bool, error) {
			o, err := c.ListPolicies(ctx, &iam.ListPoliciesInput{Scope: "Local", Marker: m, MaxItems: n})
			return page(err, func() ([]string, *string, bool) {
				return names(o.Policies, func(p types.Policy) *string { return p.Arn }), o.Marker, o.IsTruncated
			})
		}},
		"ListGroupsForUser": {3, func(m *string, n *int32) ([]string, *string, bool, error) {
			o, err := c.ListGroupsForUser(ctx, &iam.ListGroupsForUserInput{UserName: n0, Marker: m, MaxItems: n})
			return page(err, func() ([]string, *string, bool) {
				return names(o.Groups, func(g types.Group) *string { return g.GroupName }), o.Marker, o.IsTruncated
			})
		}},
		"ListUserPolicies": {3, func(m *string, n *int32) ([]string, *string, bool, error) {
			o, err := c.ListUserPolicies(ctx, &iam.ListUserPoliciesInput{UserName: n0, Marker: m, MaxItems: n})
			return page(err, func() ([]string, *string, bool) { return o.PolicyNames, o.Marker, o.IsTruncated })
		}},
		"ListGroupPolicies": {3, func(m *string, n *int32) ([]string, *string, bool, error) {
			o, err := c.ListGroupPolicies(ctx, &iam.ListGroupPoliciesInput{GroupName: n0, Marker: m, MaxItems: n})
			return page(err, func() ([]string, *string, bool) { return o.PolicyNames, o.Marker, o.IsTruncated })
		}},
		"ListRolePolicies": {3, func(m *string, n *int32) ([]string, *string, bool, error) {
			o, err := c.ListRolePolicies(ctx, &iam.ListRolePoliciesInput{RoleName: n0, Marker: m, MaxItems: n})
			return page(err, func() ([]string, *string, bool) { return o.PolicyNames, o.Marker, o.IsTruncated })
		}},
		"ListAttachedUserPolicies": {3, func(m *string, n *int32) ([]string, *string, bool, error) {
			o, err := c.ListAttachedUserPolicies(ctx, &iam.ListAttachedUserPoliciesInput{UserName: n0, Marker: m, MaxItems: n})
			return page(err, func() ([]string, *string, bool) {
				return names(o.AttachedPolicies, func(p types.AttachedPolicy) *string { return p.PolicyArn }), o.Marker, o.IsTruncated
			})
		}},
		"ListAttachedGroupPolicies": {3, func(m *string, n *int32) ([]string, *string, bool, error) {
			o, err := c.ListAttachedGroupPolicies(ctx, &iam.ListAttachedGroupPoliciesInput{GroupName: n0, Marker: m, MaxItems: n})
			return page(err, func() ([]string, *string, bool) {
				return names(o.AttachedPolicies, func(p types.AttachedPolicy) *string { return p.PolicyArn }), o.Marker, o.IsTruncated
			})
		}},
		"ListAttachedRolePolicies": {3, func(m *string, n *int32) ([]string, *string, bool, error) {
			o, err := c.ListAttachedRolePolicies(ctx, &iam.ListAttachedRolePoliciesInput{RoleName: n0, Marker: m, MaxItems: n})
			return page(err, func() ([]string, *string, bool) {
				return names(o.AttachedPolicies, func(p types.AttachedPolicy) *string { return p.PolicyArn }), o.Marker, o.IsTruncated
			})
		}},
		"ListPolicyVersions": {3, func(m *string, n *int32) ([]string, *string, bool, error) {
			o, err := c.ListPolicyVersions(ctx, &iam.ListPolicyVersionsInput{PolicyArn: &policy[0], Marker: m, MaxItems: n})
			return page(err, func() ([]string, *string, bool) {
				return names(o.Versions, func(v types.PolicyVersion) *string { return v.VersionId }), o.Marker, o.IsTruncated
			})
		}},
		"ListAccessKeys": {2, func(m *string, n *int32) ([]string, *string, bool, error) {
			o, err := c.ListAccessKeys(ctx, &iam.ListAccessKeysInput{UserName: n0, Marker: m, MaxItems: n})
			return page(err, func() ([]string, *string, bool) {
				return names(o.AccessKeyMetadata, func(k types.AccessKeyMetadata) *string { return k.AccessKeyId }), o.Marker, o.IsTruncated
			})
		}},
		"ListVirtualMFADevices": {3, func(m *string, n *int32) ([]string, *string, bool, error) {
			o, err := c.ListVirtualMFADevices(ctx, &iam.ListVirtualMFADevicesInput{Marker: m, MaxItems: n})
			return page(err, func() ([]string, *string, bool) {
				return names(o.VirtualMFADevices, func(d types.VirtualMFADevice) *string { return d.SerialNumber }), o.Marker, o.IsTruncated
			})
		}},
	} {
		whole, _, more, err := list.walk(nil, nil)
		if err != nil || more || len(whole) != list.rows {
			t.Errorf("%s: %v, %v, %v", name, whole, more, err)
		}
		for size := int32(1); size <= 2; size++ {
			var rows []string
			var marker *string
			for more := true; more; {
				var page []string
				page, marker, more, err = list.walk(marker, &size)
				if err != nil || more != (marker != nil) || len(page) > int(size) {
					t.Fatalf("%s by %d: %v, %v, %v", name, size, page, more, err)
				}
				rows = append(rows, page...)
			}
			if !slices.Equal(rows, whole) {
				t.Errorf("%s by %d: %v, want %v", name, size, rows, whole)
			}
		}
		_, _, _, err = list.walk(str("*"), nil)
		l.want(name+" from nowhere", err, validation("Invalid Marker."))
		_, _, _, err = list.walk(nil, aws.Int32(1001))
		l.want(name+" of too many", err, validation("1 validation error detected: Value '1001' at 'maxItems' failed to satisfy constraint: Member must have value less than or equal to 1000"))
	}
}

func page(err error, read func() ([]string, *string, bool)) ([]string, *string, bool, error) {
	if err != nil {
		return nil, nil, false, err
	}
	rows, marker, more := read()
	return rows, marker, more, nil
}

// TestIAMOfChina: ARNs, AWS's policies and trust are those of the account's
// partition.
func TestIAMOfChina(t *testing.T) {
	l := newLab(t, `
accounts:
- id: "777788889999"
  partition: aws-cn
  root: {access_keys: [{id: AKIAROOTC00000000000, secret: secret-of-rootc}]}
`)
	c := l.iam(longTerm("rootc"))
	u := do(l, ok, c.CreateUser, iam.CreateUserInput{UserName: str("li")}).User
	p := do(l, ok, c.CreatePolicy, iam.CreatePolicyInput{PolicyName: str("p"), PolicyDocument: str(allow("s3:*"))}).Policy
	r := do(l, ok, c.CreateRole, iam.CreateRoleInput{RoleName: str("r"), AssumeRolePolicyDocument: str(trusting(`{"AWS":"777788889999"}`))}).Role
	if got := *u.Arn + " " + *p.Arn + " " + *r.Arn; got != "arn:aws-cn:iam::777788889999:user/li arn:aws-cn:iam::777788889999:policy/p arn:aws-cn:iam::777788889999:role/r" {
		t.Errorf("made %s", got)
	}
	if text := decoded(t, r.AssumeRolePolicyDocument); !strings.Contains(text, "arn:aws-cn:iam::777788889999:root") {
		t.Errorf("trust is %s", text)
	}
	do(l, ok, c.AttachUserPolicy, iam.AttachUserPolicyInput{UserName: str("li"), PolicyArn: str("arn:aws-cn:iam::aws:policy/IAMUserChangePassword")})
	do(l, noEntity("Policy arn:aws:iam::aws:policy/IAMUserChangePassword does not exist or is not attachable."), c.AttachUserPolicy,
		iam.AttachUserPolicyInput{UserName: str("li"), PolicyArn: str("arn:aws:iam::aws:policy/IAMUserChangePassword")})
	v := do(l, ok, c.GetPolicyVersion, iam.GetPolicyVersionInput{PolicyArn: str("arn:aws-cn:iam::aws:policy/IAMUserChangePassword"), VersionId: str("v5")}).PolicyVersion
	if !strings.Contains(decoded(t, v.Document), "arn:aws-cn:iam::*:user/") {
		t.Errorf("the policy is %s", decoded(t, v.Document))
	}
}

// TestIAMOutlivesTheProcess: identities, versions, states of keys and reports
// are there after a restart.
func TestIAMOutlivesTheProcess(t *testing.T) {
	dir := t.TempDir()
	kept := func(o *local.Options) { o.Journal = openJournal(t, dir) }
	var before *iam.GetCredentialReportOutput
	t.Run("before", func(t *testing.T) {
		l := newLab(t, emptyAccounts, kept)
		c := l.iam(longTerm("roota"))
		k := l.withKeys(c, "carol", allow("iam:*"))
		do(l, ok, c.UpdateAccessKey, iam.UpdateAccessKeyInput{UserName: str("carol"), AccessKeyId: &k.id, Status: "Inactive"})
		arn := do(l, ok, c.CreatePolicy, iam.CreatePolicyInput{PolicyName: str("P"), PolicyDocument: str(allow("s3:*"))}).Policy.Arn
		do(l, ok, c.CreatePolicyVersion, iam.CreatePolicyVersionInput{PolicyArn: arn, PolicyDocument: str(allow("ec2:*")), SetAsDefault: true})
		do(l, ok, c.CreateRole, iam.CreateRoleInput{RoleName: str("R"), AssumeRolePolicyDocument: str(trusting(`{"AWS":"arn:aws:iam::111122223333:user/carol"}`)), PermissionsBoundary: arn})
		do(l, ok, c.GenerateCredentialReport, iam.GenerateCredentialReportInput{})
		before = do(l, ok, c.GetCredentialReport, iam.GetCredentialReportInput{})
	})
	t.Run("after", func(t *testing.T) {
		l := newLab(t, emptyAccounts, kept)
		c := l.iam(longTerm("roota"))
		if k := do(l, ok, c.ListAccessKeys, iam.ListAccessKeysInput{UserName: str("carol")}).AccessKeyMetadata; len(k) != 1 || k[0].Status != "Inactive" {
			t.Errorf("keys %v", k)
		}
		if p := do(l, ok, c.GetPolicy, iam.GetPolicyInput{PolicyArn: str("arn:aws:iam::111122223333:policy/P")}).Policy; *p.DefaultVersionId != "v2" || *p.PermissionsBoundaryUsageCount != 1 {
			t.Errorf("policy %+v", p)
		}
		r := do(l, ok, c.GetRole, iam.GetRoleInput{RoleName: str("R")}).Role
		if got := decoded(t, r.AssumeRolePolicyDocument); got != trusting(`{"AWS":"arn:aws:iam::111122223333:user/carol"}`) {
			t.Errorf("trust %s", got)
		}
		if after := do(l, ok, c.GetCredentialReport, iam.GetCredentialReportInput{}); string(after.Content) != string(before.Content) {
			t.Errorf("the report was %s, is %s", before.Content, after.Content)
		}
	})
}

// TestRequiredLists: a list that the service model requires is missed like any
// other parameter, and one without elements is there.
func TestRequiredLists(t *testing.T) {
	l, _ := newEmptyLab(t)
	for _, c := range []struct{ call, list, path string }{
		{"TagUser&UserName=none", "Tags", "tags"},
		{"UntagRole&RoleName=none", "TagKeys", "tagKeys"},
		{"SimulateCustomPolicy&ActionNames.member.1=s3:GetObject", "PolicyInputList", "policyInputList"},
		{"SimulateCustomPolicy&PolicyInputList.member.1=%7B%7D", "ActionNames", "actionNames"},
		{"GetContextKeysForCustomPolicy", "PolicyInputList", "policyInputList"},
	} {
		missed := "<Message>1 validation error detected: Value null at &#39;" + c.path + "&#39; failed to satisfy constraint: Member must not be null</Message>"
		for list, want := range map[string]bool{"": true, "&" + c.list + "=": false} {
			_, text := l.send("POST", "/", formType, "Version=2010-05-08&Action="+c.call+list, signing{keys: longTerm("roota"), service: "iam"})
			if got := strings.Contains(text, missed); got != want {
				t.Errorf("%s%s: %s", c.call, list, text)
			}
		}
	}
}
