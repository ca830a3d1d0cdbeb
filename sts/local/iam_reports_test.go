package local_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

func TestAccountAlias(t *testing.T) {
	l, a := newEmptyLab(t)
	b := l.iam(longTerm("rootb"))
	do(l, ok, a.CreateAccountAlias, iam.CreateAccountAliasInput{AccountAlias: str("first")})
	do(l, ok, a.CreateAccountAlias, iam.CreateAccountAliasInput{AccountAlias: str("example-corp")})
	if got := do(l, ok, a.ListAccountAliases, iam.ListAccountAliasesInput{}).AccountAliases; len(got) != 1 || got[0] != "example-corp" {
		t.Errorf("aliases %v", got)
	}
	do(l, taken("The account alias example-corp already exists."), b.CreateAccountAlias, iam.CreateAccountAliasInput{AccountAlias: str("example-corp")})
	do(l, noEntity("The account alias with name first cannot be found."), a.DeleteAccountAlias, iam.DeleteAccountAliasInput{AccountAlias: str("first")})
	for _, alias := range []string{"-abc", "ab--c", "Abc"} {
		do(l, validation("1 validation error detected: Value '"+alias+"' at 'accountAlias' failed to satisfy constraint: "+
			"Member must satisfy regular expression pattern: ^[a-z0-9]([a-z0-9]|-(?!-)){1,61}[a-z0-9]$"),
			a.CreateAccountAlias, iam.CreateAccountAliasInput{AccountAlias: &alias})
	}
	do(l, ok, a.DeleteAccountAlias, iam.DeleteAccountAliasInput{AccountAlias: str("example-corp")})
	if got := do(l, ok, a.ListAccountAliases, iam.ListAccountAliasesInput{}).AccountAliases; len(got) != 0 {
		t.Errorf("aliases %v", got)
	}
}

// TestAccountSummary counts what is there, beside the quotas.
func TestAccountSummary(t *testing.T) {
	l, c := newEmptyLab(t)
	do(l, ok, c.CreateUser, iam.CreateUserInput{UserName: str("carol")})
	do(l, ok, c.CreateGroup, iam.CreateGroupInput{GroupName: str("g")})
	do(l, ok, c.CreatePolicy, iam.CreatePolicyInput{PolicyName: str("p"), PolicyDocument: str(allow("s3:*"))})
	do(l, ok, c.AttachGroupPolicy, iam.AttachGroupPolicyInput{GroupName: str("g"), PolicyArn: str("arn:aws:iam::aws:policy/ReadOnlyAccess")})
	l.enable(longTerm("roota"), "phone", "carol")
	do(l, ok, c.CreateVirtualMFADevice, iam.CreateVirtualMFADeviceInput{VirtualMFADeviceName: str("spare")})
	got := do(l, ok, c.GetAccountSummary, iam.GetAccountSummaryInput{}).SummaryMap
	for key, want := range map[string]int32{
		"Users": 1, "Groups": 1, "Roles": 0, "Policies": 1, "PolicyVersionsInUse": 1, "MFADevices": 2, "MFADevicesInUse": 1,
		"AccountMFAEnabled": 0, "AccountAccessKeysPresent": 1, "UsersQuota": 5000, "AccessKeysPerUserQuota": 2, "VersionsPerPolicyQuota": 5,
		"PolicySizeQuota": 6144, "AssumeRolePolicySizeQuota": 2048, "UserPolicySizeQuota": 2048, "GroupPolicySizeQuota": 5120, "RolePolicySizeQuota": 10240,
	} {
		if got[key] != want {
			t.Errorf("%s is %d, want %d", key, got[key], want)
		}
	}
	if len(got) != 34 {
		t.Errorf("%d entries", len(got))
	}
}

// TestCredentialReport holds the whole CSV: who has MFA, whose keys are on, and
// when they were used.
func TestCredentialReport(t *testing.T) {
	l, c := newEmptyLab(t)
	do(l, verdict{410, "ReportNotPresent", "Unknown"}, c.GetCredentialReport, iam.GetCredentialReportInput{})
	carol := l.withKeys(c, "Carol", allow("iam:*"))
	do(l, ok, c.CreateUser, iam.CreateUserInput{UserName: str("bob"), Path: str("/x/")})
	l.enable(longTerm("roota"), "phone", "Carol")
	l.Advance(time.Hour)
	do(l, ok, l.iam(carol).GetUser, iam.GetUserInput{})
	do(l, ok, c.UpdateAccessKey, iam.UpdateAccessKeyInput{UserName: str("Carol"), AccessKeyId: &carol.id, Status: types.StatusTypeInactive})

	made := do(l, ok, c.GenerateCredentialReport, iam.GenerateCredentialReportInput{})
	if made.State != types.ReportStateTypeStarted || aws.ToString(made.Description) != "No report exists. Starting a new report generation task" {
		t.Errorf("generated: %+v", made)
	}
	if again := do(l, ok, c.GenerateCredentialReport, iam.GenerateCredentialReportInput{}); again.State != types.ReportStateTypeComplete || again.Description != nil {
		t.Errorf("again: %+v", again)
	}
	report := do(l, ok, c.GetCredentialReport, iam.GetCredentialReportInput{})
	want := strings.Join([]string{
		"user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,password_next_rotation,mfa_active," +
			"access_key_1_active,access_key_1_last_rotated,access_key_1_last_used_date,access_key_1_last_used_region,access_key_1_last_used_service," +
			"access_key_2_active,access_key_2_last_rotated,access_key_2_last_used_date,access_key_2_last_used_region,access_key_2_last_used_service," +
			"cert_1_active,cert_1_last_rotated,cert_2_active,cert_2_last_rotated",
		"<root_account>,arn:aws:iam::111122223333:root,2026-09-01T12:00:10Z,not_supported,no_information,not_supported,not_supported,false," +
			"true,2026-09-01T12:00:10Z,2026-09-01T13:00:10Z,eu-west-1,iam,false,N/A,N/A,N/A,N/A,false,N/A,false,N/A",
		"bob,arn:aws:iam::111122223333:user/x/bob,2026-09-01T12:00:10Z,false,N/A,N/A,N/A,false," +
			"false,N/A,N/A,N/A,N/A,false,N/A,N/A,N/A,N/A,false,N/A,false,N/A",
		"Carol,arn:aws:iam::111122223333:user/Carol,2026-09-01T12:00:10Z,false,N/A,N/A,N/A,true," +
			"false,2026-09-01T12:00:10Z,2026-09-01T13:00:10Z,eu-west-1,iam,false,N/A,N/A,N/A,N/A,false,N/A,false,N/A",
	}, "\n")
	if string(report.Content) != want || report.ReportFormat != types.ReportFormatTypeTextCsv {
		t.Errorf("got\n%s\nwant\n%s", report.Content, want)
	}
	l.Advance(4 * time.Hour)
	do(l, ok, c.GetCredentialReport, iam.GetCredentialReportInput{})
	l.Advance(time.Second)
	do(l, verdict{410, "ReportExpired", "Unknown"}, c.GetCredentialReport, iam.GetCredentialReportInput{})
	if anew := do(l, ok, c.GenerateCredentialReport, iam.GenerateCredentialReportInput{}); anew.State != types.ReportStateTypeStarted || anew.Description != nil {
		t.Errorf("anew: %+v", anew)
	}
	do(l, ok, c.GetCredentialReport, iam.GetCredentialReportInput{})
}

// TestAuthorizationDetails shows the whole account, and pages of one row that
// together are the same.
func TestAuthorizationDetails(t *testing.T) {
	l, c := newEmptyLab(t)
	arn := do(l, ok, c.CreatePolicy, iam.CreatePolicyInput{PolicyName: str("own"), PolicyDocument: str(allow("s3:*")), Description: str("left out")}).Policy.Arn
	do(l, ok, c.CreatePolicyVersion, iam.CreatePolicyVersionInput{PolicyArn: arn, PolicyDocument: str(allow("ec2:*"))})
	l.withKeys(c, "carol", allow("iam:*"))
	do(l, ok, c.TagUser, iam.TagUserInput{UserName: str("carol"), Tags: []types.Tag{{Key: str("k"), Value: str("v")}}})
	do(l, ok, c.CreateGroup, iam.CreateGroupInput{GroupName: str("g")})
	do(l, ok, c.AddUserToGroup, iam.AddUserToGroupInput{GroupName: str("g"), UserName: str("carol")})
	do(l, ok, c.AttachGroupPolicy, iam.AttachGroupPolicyInput{GroupName: str("g"), PolicyArn: str("arn:aws:iam::aws:policy/ReadOnlyAccess")})
	trust := trusting(`{"AWS":"arn:aws:iam::111122223333:user/carol"}`)
	do(l, ok, c.CreateRole, iam.CreateRoleInput{RoleName: str("r"), AssumeRolePolicyDocument: &trust, PermissionsBoundary: arn})
	do(l, ok, c.PutRolePolicy, iam.PutRolePolicyInput{RoleName: str("r"), PolicyName: str("q"), PolicyDocument: str(allow("s3:*"))})

	all := do(l, ok, c.GetAccountAuthorizationDetails, iam.GetAccountAuthorizationDetailsInput{})
	if len(all.UserDetailList) != 1 || len(all.GroupDetailList) != 1 || len(all.RoleDetailList) != 1 || len(all.Policies) != 2 {
		t.Fatalf("got %+v", all)
	}
	if u := all.UserDetailList[0]; u.GroupList[0] != "g" || *u.UserPolicyList[0].PolicyName != "p" || decoded(t, u.UserPolicyList[0].PolicyDocument) != allow("iam:*") || len(u.Tags) != 1 {
		t.Errorf("user %+v", u)
	}
	if g := all.GroupDetailList[0]; len(g.GroupPolicyList) != 0 || *g.AttachedManagedPolicies[0].PolicyName != "ReadOnlyAccess" {
		t.Errorf("group %+v", g)
	}
	if r := all.RoleDetailList[0]; decoded(t, r.AssumeRolePolicyDocument) != trust || *r.RolePolicyList[0].PolicyName != "q" || *r.PermissionsBoundary.PermissionsBoundaryArn != *arn {
		t.Errorf("role %+v", r)
	}
	if p := all.Policies[0]; *p.PolicyName != "own" || p.Description != nil || len(p.PolicyVersionList) != 2 || *p.PolicyVersionList[0].VersionId != "v2" || *p.PermissionsBoundaryUsageCount != 1 {
		t.Errorf("policy %+v", p)
	}
	var order []string
	in := iam.GetAccountAuthorizationDetailsInput{MaxItems: aws.Int32(1)}
	for more := true; more; {
		page := do(l, ok, c.GetAccountAuthorizationDetails, in)
		for range page.UserDetailList {
			order = append(order, "user")
		}
		for range page.RoleDetailList {
			order = append(order, "role")
		}
		for range page.GroupDetailList {
			order = append(order, "group")
		}
		for _, p := range page.Policies {
			order = append(order, *p.PolicyName)
		}
		in.Marker, more = page.Marker, page.IsTruncated
	}
	if got := strings.Join(order, " "); got != "user role group own ReadOnlyAccess" {
		t.Errorf("pages have %s", got)
	}
	filtered := do(l, ok, c.GetAccountAuthorizationDetails, iam.GetAccountAuthorizationDetailsInput{Filter: []types.EntityType{"Role", "AWSManagedPolicy"}})
	if len(filtered.UserDetailList)+len(filtered.GroupDetailList) != 0 || len(filtered.RoleDetailList) != 1 || len(filtered.Policies) != 1 {
		t.Errorf("filtered %+v", filtered)
	}
	do(l, validation("1 validation error detected: Value at 'filter' failed to satisfy constraint: Member must satisfy constraint: "+
		"[Member must satisfy enum value set: [LocalManagedPolicy, User, AWSManagedPolicy, Role, Group]]"),
		c.GetAccountAuthorizationDetails, iam.GetAccountAuthorizationDetailsInput{Filter: []types.EntityType{"user"}})
}
