package local_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// TestInlinePolicies: of users, groups and roles, by names without regard to
// case, up to each kind's size.
func TestInlinePolicies(t *testing.T) {
	l, c := newEmptyLab(t)
	do(l, ok, c.CreateUser, iam.CreateUserInput{UserName: str("X")})
	do(l, ok, c.CreateGroup, iam.CreateGroupInput{GroupName: str("X")})
	do(l, ok, c.CreateRole, iam.CreateRoleInput{RoleName: str("X"), AssumeRolePolicyDocument: str(trusting(`{"AWS":"111122223333"}`))})
	type kind struct {
		put  func(verdict, string, string)
		get  func(verdict, string) (string, string)
		del  func(verdict, string)
		list func() []string
		size int
	}
	x := str("X")
	for name, k := range map[string]kind{
		"user": {
			func(v verdict, n, d string) {
				do(l, v, c.PutUserPolicy, iam.PutUserPolicyInput{UserName: x, PolicyName: &n, PolicyDocument: &d})
			},
			func(v verdict, n string) (string, string) {
				out := do(l, v, c.GetUserPolicy, iam.GetUserPolicyInput{UserName: x, PolicyName: &n})
				return aws.ToString(out.PolicyName), aws.ToString(out.PolicyDocument)
			},
			func(v verdict, n string) {
				do(l, v, c.DeleteUserPolicy, iam.DeleteUserPolicyInput{UserName: x, PolicyName: &n})
			},
			func() []string {
				return do(l, ok, c.ListUserPolicies, iam.ListUserPoliciesInput{UserName: x}).PolicyNames
			}, 2048,
		},
		"group": {
			func(v verdict, n, d string) {
				do(l, v, c.PutGroupPolicy, iam.PutGroupPolicyInput{GroupName: x, PolicyName: &n, PolicyDocument: &d})
			},
			func(v verdict, n string) (string, string) {
				out := do(l, v, c.GetGroupPolicy, iam.GetGroupPolicyInput{GroupName: x, PolicyName: &n})
				return aws.ToString(out.PolicyName), aws.ToString(out.PolicyDocument)
			},
			func(v verdict, n string) {
				do(l, v, c.DeleteGroupPolicy, iam.DeleteGroupPolicyInput{GroupName: x, PolicyName: &n})
			},
			func() []string {
				return do(l, ok, c.ListGroupPolicies, iam.ListGroupPoliciesInput{GroupName: x}).PolicyNames
			}, 5120,
		},
		"role": {
			func(v verdict, n, d string) {
				do(l, v, c.PutRolePolicy, iam.PutRolePolicyInput{RoleName: x, PolicyName: &n, PolicyDocument: &d})
			},
			func(v verdict, n string) (string, string) {
				out := do(l, v, c.GetRolePolicy, iam.GetRolePolicyInput{RoleName: x, PolicyName: &n})
				return aws.ToString(out.PolicyName), aws.ToString(out.PolicyDocument)
			},
			func(v verdict, n string) {
				do(l, v, c.DeleteRolePolicy, iam.DeleteRolePolicyInput{RoleName: x, PolicyName: &n})
			},
			func() []string {
				return do(l, ok, c.ListRolePolicies, iam.ListRolePoliciesInput{RoleName: x}).PolicyNames
			}, 10240,
		},
	} {
		k.put(ok, "MixedName", allow("s3:GetObject"))
		k.put(ok, "mixedname", allow("s3:PutObject"))
		if names := k.list(); !slices.Equal(names, []string{"MixedName"}) {
			t.Errorf("%s: listed %v", name, names)
		}
		got, document := k.get(ok, "MIXEDNAME")
		if got != "MIXEDNAME" || decoded(t, &document) != allow("s3:PutObject") {
			t.Errorf("%s: got %s %s", name, got, document)
		}
		missing := noEntity("The " + name + " policy with name none cannot be found.")
		k.get(missing, "none")
		k.del(missing, "none")
		k.put(malformed("Syntax errors in policy."), "p", `{"Version":"2012-10-17","Statement":[]}`)
		k.put(malformed("Policy document should not specify a principal."), "p", strings.Replace(allow("s3:*"), `"Action"`, `"Principal":"*","Action"`, 1))
		k.del(ok, "mixedNAME")
		k.put(beyond(fmt.Sprintf("Maximum policy size of %d bytes exceeded for %s X", k.size, name)), "p", padded(k.size+1))
		k.put(ok, "p", strings.ReplaceAll(padded(k.size), ",", ", \n\t"))
		k.put(beyond(fmt.Sprintf("Maximum policy size of %d bytes exceeded for %s X", k.size, name)), "q", allow("s3:*"))
		k.put(ok, "p", allow("s3:*"))
		k.put(ok, "a", allow("s3:*"))
		if names := k.list(); !slices.Equal(names, []string{"a", "p"}) {
			t.Errorf("%s: listed %v", name, names)
		}
	}
}

// TestManagedPolicies is the life of a policy and of its five versions.
func TestManagedPolicies(t *testing.T) {
	l, c := newEmptyLab(t)
	create := iam.CreatePolicyInput{PolicyName: str("Books"), Path: str("/p/"), PolicyDocument: str(allow("s3:Get1")), Description: str("why"),
		Tags: []types.Tag{{Key: str("k"), Value: str("v")}}}
	made := do(l, ok, c.CreatePolicy, create).Policy
	arn := str("arn:aws:iam::111122223333:policy/p/Books")
	if *made.Arn != *arn || !strings.HasPrefix(*made.PolicyId, "ANPA") || *made.DefaultVersionId != "v1" || !made.IsAttachable || len(made.Tags) != 1 {
		t.Errorf("made %+v", made)
	}
	create.Path = nil
	do(l, taken("A policy called Books already exists. Duplicate names are not allowed."), c.CreatePolicy, create)
	do(l, malformed("Policy document must be version 2012-10-17 or greater."), c.CreatePolicy, iam.CreatePolicyInput{PolicyName: str("old"),
		PolicyDocument: str(strings.Replace(allow("s3:*"), "2012-10-17", "2008-10-17", 1))})
	do(l, beyond("Cannot exceed quota for PolicySize: 6144"), c.CreatePolicy, iam.CreatePolicyInput{PolicyName: str("long"), PolicyDocument: str(padded(6145))})

	version := func(want verdict, n int, asDefault bool) {
		t.Helper()
		do(l, want, c.CreatePolicyVersion, iam.CreatePolicyVersionInput{PolicyArn: arn, PolicyDocument: str(allow(fmt.Sprintf("s3:Get%d", n))), SetAsDefault: asDefault})
	}
	for n := 2; n <= 5; n++ {
		version(ok, n, n == 3)
	}
	version(beyond("A managed policy can have up to 5 versions. Before you create a new version, you must delete an existing version."), 6, false)
	do(l, conflict("Cannot delete the default version of a policy."), c.DeletePolicyVersion, iam.DeletePolicyVersionInput{PolicyArn: arn, VersionId: str("v3")})
	do(l, ok, c.DeletePolicyVersion, iam.DeletePolicyVersionInput{PolicyArn: arn, VersionId: str("v5")})
	version(ok, 6, false) // v5 is never given again
	page := do(l, ok, c.ListPolicyVersions, iam.ListPolicyVersionsInput{PolicyArn: arn, MaxItems: aws.Int32(2)})
	rest := do(l, ok, c.ListPolicyVersions, iam.ListPolicyVersionsInput{PolicyArn: arn, Marker: page.Marker})
	var listed []string
	for _, v := range append(page.Versions, rest.Versions...) {
		listed = append(listed, fmt.Sprint(*v.VersionId, v.IsDefaultVersion))
	}
	if !slices.Equal(listed, []string{"v6false", "v4false", "v3true", "v2false", "v1false"}) {
		t.Errorf("listed %v", listed)
	}
	do(l, noEntity("Policy "+*arn+" version v5 does not exist or is not attachable."), c.GetPolicyVersion, iam.GetPolicyVersionInput{PolicyArn: arn, VersionId: str("v5")})
	do(l, noEntity("Policy "+*arn+" version v5 does not exist or is not attachable."), c.SetDefaultPolicyVersion, iam.SetDefaultPolicyVersionInput{PolicyArn: arn, VersionId: str("v5")})
	do(l, validation(`1 validation error detected: Value '5' at 'versionId' failed to satisfy constraint: Member must satisfy regular expression pattern: v[1-9][0-9]*(\.[A-Za-z0-9-]*)?`),
		c.DeletePolicyVersion, iam.DeletePolicyVersionInput{PolicyArn: arn, VersionId: str("5")})
	do(l, ok, c.SetDefaultPolicyVersion, iam.SetDefaultPolicyVersionInput{PolicyArn: arn, VersionId: str("v1")})
	got := do(l, ok, c.GetPolicyVersion, iam.GetPolicyVersionInput{PolicyArn: arn, VersionId: str("v1")}).PolicyVersion
	if decoded(t, got.Document) != allow("s3:Get1") || !got.IsDefaultVersion {
		t.Errorf("v1 is %+v", got)
	}
	if p := do(l, ok, c.GetPolicy, iam.GetPolicyInput{PolicyArn: arn}).Policy; *p.DefaultVersionId != "v1" || *p.Description != "why" || len(p.Tags) != 1 {
		t.Errorf("got %+v", p)
	}
	del := iam.DeletePolicyInput{PolicyArn: arn}
	do(l, ok, c.CreateUser, iam.CreateUserInput{UserName: str("carol")})
	do(l, ok, c.AttachUserPolicy, iam.AttachUserPolicyInput{UserName: str("carol"), PolicyArn: arn})
	do(l, conflict("Cannot delete a policy attached to entities."), c.DeletePolicy, del)
	do(l, ok, c.DetachUserPolicy, iam.DetachUserPolicyInput{UserName: str("carol"), PolicyArn: arn})
	do(l, conflict("This policy has more than one version. Before you delete a policy, you must delete the policy's versions. "+
		"The default version is deleted with the policy."), c.DeletePolicy, del)
	for _, v := range []string{"v2", "v3", "v4", "v6"} {
		do(l, ok, c.DeletePolicyVersion, iam.DeletePolicyVersionInput{PolicyArn: arn, VersionId: &v})
	}
	do(l, ok, c.DeletePolicy, del)
	do(l, noEntity("Policy "+*arn+" was not found."), c.DeletePolicy, del)
}

// TestDefaultVersionDecides: a change of the default version changes rights at
// once.
func TestDefaultVersionDecides(t *testing.T) {
	l, c := newEmptyLab(t)
	arn := do(l, ok, c.CreatePolicy, iam.CreatePolicyInput{PolicyName: str("P"), PolicyDocument: str(allow("iam:ListUsers"))}).Policy.Arn
	do(l, ok, c.CreateUser, iam.CreateUserInput{UserName: str("carol")})
	do(l, ok, c.AttachUserPolicy, iam.AttachUserPolicyInput{UserName: str("carol"), PolicyArn: arn})
	k := do(l, ok, c.CreateAccessKey, iam.CreateAccessKeyInput{UserName: str("carol")}).AccessKey
	carol := l.iam(keys{id: *k.AccessKeyId, secret: *k.SecretAccessKey})
	denied := deniedNoIdentity("arn:aws:iam::111122223333:user/carol", "iam:ListUsers", "arn:aws:iam::111122223333:user/")
	do(l, ok, carol.ListUsers, iam.ListUsersInput{})
	do(l, ok, c.CreatePolicyVersion, iam.CreatePolicyVersionInput{PolicyArn: arn, PolicyDocument: str(allow("iam:ListRoles"))})
	do(l, ok, carol.ListUsers, iam.ListUsersInput{})
	do(l, ok, c.SetDefaultPolicyVersion, iam.SetDefaultPolicyVersionInput{PolicyArn: arn, VersionId: str("v2")})
	do(l, denied, carol.ListUsers, iam.ListUsersInput{})
	do(l, ok, carol.ListRoles, iam.ListRolesInput{})
}

// TestAWSManagedPolicies: they are there to attach, and nobody can change them.
func TestAWSManagedPolicies(t *testing.T) {
	l, c := newEmptyLab(t)
	for name, version := range map[string]string{"ReadOnlyAccess": "v182", "AdministratorAccess": "v1", "IAMUserChangePassword": "v5", "job-function/ViewOnlyAccess": "v45"} {
		arn := str("arn:aws:iam::aws:policy/" + name)
		p := do(l, ok, c.GetPolicy, iam.GetPolicyInput{PolicyArn: arn}).Policy
		if p == nil || !strings.HasPrefix(*p.PolicyId, "ANPA") || *p.DefaultVersionId != version {
			t.Fatalf("%s is %+v", name, p)
		}
		v := do(l, ok, c.GetPolicyVersion, iam.GetPolicyVersionInput{PolicyArn: arn, VersionId: &version}).PolicyVersion
		if !strings.Contains(decoded(t, v.Document), `"Statement"`) {
			t.Errorf("%s: %v", name, v)
		}
		denied := verdict{403, "AccessDenied", "User: arn:aws:iam::111122223333:root is not authorized to perform: iam:DeletePolicy on resource: policy " + *arn +
			" because no resource-based policy allows the iam:DeletePolicy action"}
		do(l, denied, c.DeletePolicy, iam.DeletePolicyInput{PolicyArn: arn})
	}
	all := do(l, ok, c.ListPolicies, iam.ListPoliciesInput{})
	page := do(l, ok, c.ListPolicies, iam.ListPoliciesInput{Scope: types.PolicyScopeTypeAws, MaxItems: aws.Int32(3)})
	rest := do(l, ok, c.ListPolicies, iam.ListPoliciesInput{Scope: types.PolicyScopeTypeAws, Marker: page.Marker})
	if n := len(all.Policies); n < 15 || len(page.Policies) != 3 || len(rest.Policies) != n-3 {
		t.Errorf("%d policies, in pages %d and %d", n, len(page.Policies), len(rest.Policies))
	}
	if own := do(l, ok, c.ListPolicies, iam.ListPoliciesInput{Scope: types.PolicyScopeTypeLocal}); len(own.Policies) != 0 {
		t.Errorf("own %v", own.Policies)
	}
	do(l, noEntity("Policy arn:aws:iam::aws:policy/None was not found."), c.GetPolicy, iam.GetPolicyInput{PolicyArn: str("arn:aws:iam::aws:policy/None")})
	do(l, verdict{403, "AccessDenied", "User: arn:aws:iam::111122223333:root is not authorized to perform: iam:GetPolicy on resource: policy " +
		"arn:aws:iam::444455556666:policy/Theirs because no resource-based policy allows the iam:GetPolicy action"},
		c.GetPolicy, iam.GetPolicyInput{PolicyArn: str("arn:aws:iam::444455556666:policy/Theirs")})
	do(l, invalid("ARN arn:aws:iam::aws:ReadOnlyAccess is not valid."), c.GetPolicy, iam.GetPolicyInput{PolicyArn: str("arn:aws:iam::aws:ReadOnlyAccess")})
}

// TestAttachments: attach, detach, quotas, and who has a policy, by the cells
// that were observed at AWS.
func TestAttachments(t *testing.T) {
	l, c := newEmptyLab(t)
	arns := map[string]*string{}
	for _, name := range []string{"attached", "both", "boundary", "unused"} {
		arns[name] = do(l, ok, c.CreatePolicy, iam.CreatePolicyInput{PolicyName: &name, PolicyDocument: str(allow("s3:*"))}).Policy.Arn
	}
	do(l, ok, c.CreateUser, iam.CreateUserInput{UserName: str("u"), PermissionsBoundary: arns["boundary"]})
	do(l, ok, c.CreateGroup, iam.CreateGroupInput{GroupName: str("g")})
	do(l, ok, c.CreateRole, iam.CreateRoleInput{RoleName: str("r"), AssumeRolePolicyDocument: str(trusting(`{"AWS":"111122223333"}`)), PermissionsBoundary: arns["both"]})
	for range 2 {
		do(l, ok, c.AttachUserPolicy, iam.AttachUserPolicyInput{UserName: str("u"), PolicyArn: arns["attached"]})
		do(l, ok, c.AttachGroupPolicy, iam.AttachGroupPolicyInput{GroupName: str("g"), PolicyArn: arns["attached"]})
		do(l, ok, c.AttachGroupPolicy, iam.AttachGroupPolicyInput{GroupName: str("g"), PolicyArn: arns["both"]})
		do(l, ok, c.AttachRolePolicy, iam.AttachRolePolicyInput{RoleName: str("r"), PolicyArn: arns["attached"]})
	}
	const permissions, boundary = types.PolicyUsageTypePermissionsPolicy, types.PolicyUsageTypePermissionsBoundary
	for _, row := range []struct {
		policy string
		filter types.EntityType
		usage  types.PolicyUsageType
		want   string // users, groups, roles
	}{
		{"unused", "", "", "0 0 0"}, {"unused", "", permissions, "0 0 0"}, {"unused", "", boundary, "0 0 0"},
		{"attached", "", "", "1 1 1"}, {"attached", "", permissions, "1 1 1"}, {"attached", "", boundary, "0 0 0"},
		{"boundary", "", "", "1 0 0"}, {"boundary", "", permissions, "0 0 0"}, {"boundary", "", boundary, "1 0 0"},
		{"both", "", "", "0 1 1"}, {"both", "", permissions, "0 1 0"}, {"both", "", boundary, "0 0 1"},
		{"both", "User", "", "0 0 0"}, {"both", "Group", "", "0 1 0"}, {"both", "Group", boundary, "0 0 0"},
		{"both", "Role", "", "0 0 1"}, {"both", "Role", permissions, "0 0 0"}, {"both", "Role", boundary, "0 0 1"},
		{"both", "LocalManagedPolicy", "", "0 0 0"}, {"both", "AWSManagedPolicy", "", "0 0 0"},
	} {
		out := do(l, ok, c.ListEntitiesForPolicy, iam.ListEntitiesForPolicyInput{PolicyArn: arns[row.policy], EntityFilter: row.filter, PolicyUsageFilter: row.usage})
		if got := fmt.Sprint(len(out.PolicyUsers), len(out.PolicyGroups), len(out.PolicyRoles)); got != row.want {
			t.Errorf("%s %s %s: got %s, want %s", row.policy, row.filter, row.usage, got, row.want)
		}
	}
	page := do(l, ok, c.ListEntitiesForPolicy, iam.ListEntitiesForPolicyInput{PolicyArn: arns["attached"], MaxItems: aws.Int32(1)})
	rest := do(l, ok, c.ListEntitiesForPolicy, iam.ListEntitiesForPolicyInput{PolicyArn: arns["attached"], Marker: page.Marker})
	if len(page.PolicyUsers) != 1 || len(rest.PolicyGroups) != 1 || len(rest.PolicyRoles) != 1 || len(rest.PolicyUsers) != 0 {
		t.Errorf("pages %+v, %+v", page, rest)
	}
	for _, row := range []struct {
		only  bool
		usage types.PolicyUsageType
		want  []string
	}{
		{false, "", []string{"attached", "both", "boundary", "unused"}},
		{false, boundary, []string{"attached", "both", "boundary", "unused"}},
		{true, "", []string{"attached", "both", "boundary"}},
		{true, permissions, []string{"attached", "both"}},
		{true, boundary, []string{"both", "boundary"}},
	} {
		var names []string
		for _, p := range do(l, ok, c.ListPolicies, iam.ListPoliciesInput{Scope: "Local", OnlyAttached: row.only, PolicyUsageFilter: row.usage}).Policies {
			names = append(names, *p.PolicyName)
		}
		if !slices.Equal(names, row.want) {
			t.Errorf("%v %s: listed %v", row.only, row.usage, names)
		}
	}
	if p := do(l, ok, c.GetPolicy, iam.GetPolicyInput{PolicyArn: arns["both"]}).Policy; *p.AttachmentCount != 1 || *p.PermissionsBoundaryUsageCount != 1 {
		t.Errorf("both: %+v", p)
	}
	do(l, conflict("Cannot delete a policy attached to entities."), c.DeletePolicy, iam.DeletePolicyInput{PolicyArn: arns["boundary"]})
	none := str("arn:aws:iam::111122223333:policy/none")
	do(l, noEntity("Policy "+*none+" does not exist or is not attachable."), c.AttachUserPolicy, iam.AttachUserPolicyInput{UserName: str("u"), PolicyArn: none})
	do(l, noEntity("Policy "+*arns["unused"]+" was not found."), c.DetachGroupPolicy, iam.DetachGroupPolicyInput{GroupName: str("g"), PolicyArn: arns["unused"]})
	do(l, invalid("ARN arn:aws:iam::aws:policy/ is not valid."), c.AttachRolePolicy, iam.AttachRolePolicyInput{RoleName: str("r"), PolicyArn: str("arn:aws:iam::aws:policy/")})
	if list := do(l, ok, c.ListAttachedGroupPolicies, iam.ListAttachedGroupPoliciesInput{GroupName: str("g")}).AttachedPolicies; len(list) != 2 || *list[0].PolicyName != "attached" {
		t.Errorf("attached %v", list)
	}
	for i := range 10 {
		name, want := fmt.Sprint("p", i), ok
		if i == 9 {
			want = beyond("Cannot exceed quota for PoliciesPerUser: 10")
		}
		arn := do(l, ok, c.CreatePolicy, iam.CreatePolicyInput{PolicyName: &name, PolicyDocument: str(allow("s3:*"))}).Policy.Arn
		do(l, want, c.AttachUserPolicy, iam.AttachUserPolicyInput{UserName: str("u"), PolicyArn: arn})
	}
	do(l, ok, c.DetachRolePolicy, iam.DetachRolePolicyInput{RoleName: str("r"), PolicyArn: arns["attached"]})
	if list := do(l, ok, c.ListAttachedRolePolicies, iam.ListAttachedRolePoliciesInput{RoleName: str("r")}).AttachedPolicies; len(list) != 0 {
		t.Errorf("left %v", list)
	}
	if list := do(l, ok, c.ListAttachedUserPolicies, iam.ListAttachedUserPoliciesInput{UserName: str("u"), PathPrefix: str("/x/")}).AttachedPolicies; len(list) != 0 {
		t.Errorf("under /x/ %v", list)
	}
}

// TestBoundaries: a boundary of a user and of a role takes rights away, and
// goes again.
func TestBoundaries(t *testing.T) {
	l, c := newEmptyLab(t)
	boundary := do(l, ok, c.CreatePolicy, iam.CreatePolicyInput{PolicyName: str("B"), PolicyDocument: str(allow("iam:ListRoles"))}).Policy.Arn
	all := str("arn:aws:iam::aws:policy/AdministratorAccess")
	do(l, ok, c.CreateUser, iam.CreateUserInput{UserName: str("u")})
	do(l, ok, c.AttachUserPolicy, iam.AttachUserPolicyInput{UserName: str("u"), PolicyArn: all})
	k := do(l, ok, c.CreateAccessKey, iam.CreateAccessKeyInput{UserName: str("u")}).AccessKey
	mine := keys{id: *k.AccessKeyId, secret: *k.SecretAccessKey}
	do(l, ok, c.CreateRole, iam.CreateRoleInput{RoleName: str("r"), AssumeRolePolicyDocument: str(trusting(`{"AWS":"arn:aws:iam::111122223333:user/u"}`))})
	do(l, ok, c.AttachRolePolicy, iam.AttachRolePolicyInput{RoleName: str("r"), PolicyArn: all})
	session := l.must(l.assume(mine, role("r")))
	bounded := func(who string) verdict {
		return verdict{403, "AccessDenied", "User: " + who + " is not authorized to perform: iam:ListUsers on resource: " +
			"arn:aws:iam::111122223333:user/ because no permissions boundary allows the iam:ListUsers action"}
	}
	for _, c := range []*iam.Client{l.iam(mine), l.iam(session)} {
		do(l, ok, c.ListUsers, iam.ListUsersInput{})
	}
	do(l, ok, c.PutUserPermissionsBoundary, iam.PutUserPermissionsBoundaryInput{UserName: str("u"), PermissionsBoundary: boundary})
	do(l, ok, c.PutRolePermissionsBoundary, iam.PutRolePermissionsBoundaryInput{RoleName: str("r"), PermissionsBoundary: boundary})
	do(l, bounded("arn:aws:iam::111122223333:user/u"), l.iam(mine).ListUsers, iam.ListUsersInput{})
	do(l, bounded("arn:aws:sts::111122223333:assumed-role/r/me"), l.iam(session).ListUsers, iam.ListUsersInput{})
	for _, c := range []*iam.Client{l.iam(mine), l.iam(session)} {
		do(l, ok, c.ListRoles, iam.ListRolesInput{})
	}
	if b := do(l, ok, c.GetUser, iam.GetUserInput{UserName: str("u")}).User.PermissionsBoundary; b == nil || *b.PermissionsBoundaryArn != *boundary {
		t.Errorf("the user's boundary is %v", b)
	}
	if b := do(l, ok, c.GetRole, iam.GetRoleInput{RoleName: str("r")}).Role.PermissionsBoundary; b == nil || *b.PermissionsBoundaryArn != *boundary {
		t.Errorf("the role's boundary is %v", b)
	}
	do(l, ok, c.DeleteUserPermissionsBoundary, iam.DeleteUserPermissionsBoundaryInput{UserName: str("u")})
	do(l, ok, c.DeleteRolePermissionsBoundary, iam.DeleteRolePermissionsBoundaryInput{RoleName: str("r")})
	do(l, ok, l.iam(mine).ListUsers, iam.ListUsersInput{})
	do(l, noEntity("The user with name u has no permissions boundary."), c.DeleteUserPermissionsBoundary, iam.DeleteUserPermissionsBoundaryInput{UserName: str("u")})
	do(l, noEntity("The role with name r has no permissions boundary."), c.DeleteRolePermissionsBoundary, iam.DeleteRolePermissionsBoundaryInput{RoleName: str("r")})
	none := str("arn:aws:iam::111122223333:policy/none")
	scope := noEntity("Scope ARN: " + *none + " does not exist or is not attachable.")
	do(l, scope, c.PutUserPermissionsBoundary, iam.PutUserPermissionsBoundaryInput{UserName: str("u"), PermissionsBoundary: none})
	do(l, scope, c.CreateUser, iam.CreateUserInput{UserName: str("v"), PermissionsBoundary: none})
}
