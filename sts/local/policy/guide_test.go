package policy

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The policies under testdata are those of the IAM User Guide's pages on
// MFA-protected API access, "Configuring MFA-protected API access" and the
// example pages aws_my-sec-creds-self-manage-mfa-only, iam_mfa-selfmanage,
// aws_mfa-dates, ec2_require-mfa and id_credentials_mfa_sync, and of the AWS
// Security Blog's post of 2011 (ec2-recent-mfa), with accounts and names
// filled in: A is 111122223333, B 444455556666, C 777788889999.
func guidePolicy(t testing.TB, name string) *Document {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "policies", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	return mustParse(t, string(b))
}

func named(t testing.TB, name string) Named { return Named{Name: name, Document: guidePolicy(t, name)} }

func TestGuidePoliciesAreValidAndPrint(t *testing.T) {
	kinds := map[string]Kind{"identity": Identity, "trust": Trust, "resource": Resource}
	files, err := filepath.Glob("testdata/policies/*/*.json")
	if err != nil || len(files) < 12 {
		t.Fatalf("found %d policies: %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			kind := kinds[filepath.Base(filepath.Dir(file))]
			d := guidePolicy(t, strings.TrimSuffix(strings.TrimPrefix(file, "testdata/policies/"), ".json"))
			if err := d.Validate(kind); err != nil {
				t.Errorf("Validate: %v", err)
			}
			printed, err := json.Marshal(d)
			if err != nil {
				t.Fatal(err)
			}
			var was, is any
			text, _ := os.ReadFile(file)
			if json.Unmarshal(text, &was) != nil || json.Unmarshal(printed, &is) != nil || !sameJSON(was, is) {
				t.Errorf("printed as %s", printed)
			}
		})
	}
}

// sameJSON compares two decoded texts, for which a bare number or boolean is
// the same as its text.
func sameJSON(a, b any) bool {
	x, _ := json.Marshal(a)
	y, _ := json.Marshal(b)
	loose := strings.NewReplacer(`"true"`, "true", `"false"`, "false", `"300"`, "300")
	return loose.Replace(string(x)) == loose.Replace(string(y))
}

// who is a caller of the guide's scenarios with the MFA context of its
// credentials.
type who struct {
	principal Principal
	ctx       Context
}

func user(account, name string, ctx Context) who {
	ctx = ctx.Clone()
	ctx.Set("aws:username", name)
	return who{ctx: ctx, principal: Principal{Kind: User, ARN: "arn:aws:iam::" + account + ":user/" + name,
		Account: account, Partition: "aws", ID: "AIDA" + strings.ToUpper(name)}}
}

func roleSession(account, role, session string) who {
	return who{ctx: mfaContext("false", -1), principal: Principal{Kind: RoleSession, Account: account, Partition: "aws",
		ARN: "arn:aws:sts::" + account + ":assumed-role/" + role + "/" + session,
		ID:  "AROA" + strings.ToUpper(role) + ":" + session, RoleARN: "arn:aws:iam::" + account + ":role/" + role}}
}

const (
	accountA, accountB, accountC = "111122223333", "444455556666", "777788889999"

	crossAccountRole = "arn:aws:iam::111122223333:role/CrossAccountRole"
	bucketKey        = "arn:aws:s3:::account-a-bucket/key"
	books            = "arn:aws:dynamodb:us-east-1:111122223333:table/Books"
)

func TestGuideScenarios(t *testing.T) {
	trust, bucket := named(t, "trust/cross-account-role"), named(t, "resource/account-a-bucket")
	assume, s3All := named(t, "identity/assume-cross-account-role"), inline(t, `"Effect":"Allow","Action":"s3:*","Resource":"*"`)
	withCode, withMFA, noMFA, longTerm := mfaContext("true", 0), mfaContext("true", 10), mfaContext("false", -1), mfaContext("", -1)
	bob := func(c Context) who { return user(accountB, "Bob", c) }
	carol := func(c Context) who { return user(accountA, "Carol", c) }
	charlie := func(c Context) who { return user(accountC, "Charlie", c) }
	session := roleSession(accountA, "CrossAccountRole", "bob")

	for _, c := range []struct {
		name             string
		who              who
		action, resource string
		identity         []Named
		resourcePolicy   *Named
		trust            bool
		allowed          bool
		reason           string
	}{
		{"Bob assumes the role with a code", bob(withCode), "sts:AssumeRole", crossAccountRole, []Named{assume}, &trust, true, true, ""},
		{"Bob without a code", bob(longTerm), "sts:AssumeRole", crossAccountRole, []Named{assume}, &trust, true, false, "because no role trust policy allows the sts:AssumeRole action"},
		{"Bob with a session without MFA", bob(noMFA), "sts:AssumeRole", crossAccountRole, []Named{assume}, &trust, true, false, "because no role trust policy allows the sts:AssumeRole action"},
		{"Bob without his account's word", bob(withCode), "sts:AssumeRole", crossAccountRole, nil, &trust, true, false, "because no identity-based policy allows the sts:AssumeRole action"},
		{"Charlie's account isn't trusted", charlie(withCode), "sts:AssumeRole", crossAccountRole, []Named{assume}, &trust, true, false, "because no role trust policy allows the sts:AssumeRole action"},
		{"the role's session uses the table, no MFA asked", session, "dynamodb:Query", books, []Named{named(t, "identity/books")}, nil, false, true, ""},
		{"another table", session, "dynamodb:Query", books + "2", []Named{named(t, "identity/books")}, nil, false, false, "because no identity-based policy allows the dynamodb:Query action"},

		{"Carol stops with MFA", carol(withMFA), "ec2:StopInstances", "*", []Named{named(t, "identity/ec2-admins")}, nil, false, true, ""},
		{"Carol stops with a key", carol(longTerm), "ec2:StopInstances", "*", []Named{named(t, "identity/ec2-admins")}, nil, false, false, "because no identity-based policy allows the ec2:StopInstances action"},
		{"Carol stops in another case", carol(withMFA), "EC2:stopinstances", "*", []Named{named(t, "identity/ec2-admins")}, nil, false, true, ""},
		{"Carol, 299 seconds", carol(mfaContext("true", 299)), "ec2:RunInstances", "*", []Named{named(t, "identity/ec2-recent-mfa")}, nil, false, true, ""},
		{"Carol, 300 seconds", carol(mfaContext("true", 300)), "ec2:RunInstances", "*", []Named{named(t, "identity/ec2-recent-mfa")}, nil, false, false, "because no identity-based policy allows the ec2:RunInstances action"},
		{"Carol terminates, denied without MFA", carol(longTerm), "ec2:TerminateInstances", "*", []Named{named(t, "identity/ec2-require-mfa")}, nil, false, false, "with an explicit deny in an identity-based policy"},
		{"Carol describes without MFA", carol(longTerm), "ec2:DescribeInstances", "*", []Named{named(t, "identity/ec2-require-mfa")}, nil, false, true, ""},
		{"Carol terminates with MFA", carol(withMFA), "ec2:TerminateInstances", "*", []Named{named(t, "identity/ec2-require-mfa")}, nil, false, true, ""},

		{"Charlie uploads with MFA", charlie(withMFA), "s3:PutObject", bucketKey, []Named{s3All}, &bucket, false, true, ""},
		{"Charlie uploads with a key", charlie(longTerm), "s3:PutObject", bucketKey, []Named{s3All}, &bucket, false, false, "because no resource-based policy allows the s3:PutObject action"},
		{"Charlie downloads", charlie(withMFA), "s3:GetObject", bucketKey, []Named{s3All}, &bucket, false, false, "because no resource-based policy allows the s3:GetObject action"},
		{"Charlie without his account's word", charlie(withMFA), "s3:PutObject", bucketKey, nil, &bucket, false, false, "because no identity-based policy allows the s3:PutObject action"},
		{"Charlie through a role of his account", roleSession(accountC, "Uploader", "charlie"), "s3:PutObject", bucketKey, []Named{s3All}, &bucket, false, false, "because no resource-based policy allows the s3:PutObject action"},
		{"Bob deletes with MFA", bob(withMFA), "s3:DeleteObject", bucketKey, []Named{s3All}, &bucket, false, true, ""},
		{"Carol of the bucket's account, named by it alone", carol(withMFA), "s3:PutObject", bucketKey, nil, &bucket, false, false, "because no identity-based policy allows the s3:PutObject action"},
		{"Carol of the bucket's account, with a policy of her own", carol(longTerm), "s3:PutObject", bucketKey, []Named{s3All}, &bucket, false, true, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := Evaluate(&Request{Principal: c.who.principal, Context: c.who.ctx, Action: c.action, Resource: c.resource,
				ResourceAccount: accountA, Identity: c.identity, ResourcePolicy: c.resourcePolicy, Trust: c.trust})
			if d.Allowed() != c.allowed || d.Reason() != c.reason {
				t.Errorf("got %s %q, want allowed %v %q\n%s", d.Outcome, d.Reason(), c.allowed, c.reason, d.Explain())
			}
		})
	}
}

func TestGuideSelfManagement(t *testing.T) {
	longTerm, withMFA := mfaContext("", -1), mfaContext("true", 10)
	for _, c := range []struct {
		policy, action, resource string
		ctx                      Context
		want                     Outcome
	}{
		{"self-manage-mfa-only", "iam:CreateVirtualMFADevice", "arn:aws:iam::111122223333:mfa/Carol", longTerm, Allow},
		{"self-manage-mfa-only", "iam:CreateVirtualMFADevice", "arn:aws:iam::111122223333:mfa/Bob", longTerm, ImplicitDeny},
		{"self-manage-mfa-only", "iam:EnableMFADevice", "arn:aws:iam::111122223333:user/Carol", longTerm, Allow},
		{"self-manage-mfa-only", "iam:DeactivateMFADevice", "arn:aws:iam::111122223333:user/Carol", longTerm, ExplicitDeny},
		{"self-manage-mfa-only", "iam:DeactivateMFADevice", "arn:aws:iam::111122223333:user/Carol", withMFA, Allow},
		{"self-manage-mfa-only", "s3:ListAllMyBuckets", "*", longTerm, ExplicitDeny},
		{"self-manage-mfa-only", "s3:ListAllMyBuckets", "*", withMFA, ImplicitDeny},
		{"self-manage-mfa-only", "sts:GetSessionToken", "*", longTerm, Allow},
		{"self-manage-mfa-only", "sts:GetCallerIdentity", "*", longTerm, Allow},
		{"mfa-selfmanage", "iam:ListUsers", "*", longTerm, Allow},
		{"mfa-selfmanage", "iam:DeleteVirtualMFADevice", "arn:aws:iam::111122223333:mfa/Carol", longTerm, ExplicitDeny},
		{"mfa-selfmanage", "iam:DeactivateMFADevice", "arn:aws:iam::111122223333:user/Carol", withMFA, Allow},
		{"mfa-selfmanage", "iam:DeactivateMFADevice", "arn:aws:iam::111122223333:user/Bob", withMFA, ImplicitDeny},
		{"mfa-sync", "iam:ResyncMFADevice", "arn:aws:iam::111122223333:user/Carol", longTerm, Allow},
		{"mfa-sync", "iam:ResyncMFADevice", "arn:aws:iam::111122223333:user/Bob", longTerm, ImplicitDeny},
		{"mfa-sync", "iam:GetUser", "arn:aws:iam::111122223333:user/Carol", longTerm, ExplicitDeny},
		{"iam-recent-mfa", "iam:ListUsers", "*", withMFA, Allow},
		{"iam-recent-mfa", "iam:ListUsers", "*", longTerm, ImplicitDeny},
	} {
		w := user(accountA, "Carol", c.ctx)
		d := Evaluate(&Request{Principal: w.principal, Context: w.ctx, Action: c.action, Resource: c.resource,
			Identity: []Named{named(t, "identity/"+c.policy)}})
		if d.Outcome != c.want {
			t.Errorf("%s: %s on %s: got %s, want %s\n%s", c.policy, c.action, c.resource, d.Outcome, c.want, d.Explain())
		}
	}
}

func TestGuideDates(t *testing.T) {
	for at, want := range map[string]Outcome{
		"2017-07-01T00:00:00Z": ImplicitDeny, "2017-07-01T00:00:00.001Z": Allow, "2017-10-01T12:00:00Z": Allow,
		"2017-12-31T23:59:58Z": Allow, "2017-12-31T23:59:59Z": ImplicitDeny, "2026-11-22T00:00:00Z": ImplicitDeny,
	} {
		w := user(accountA, "Carol", mfaContext("true", 1))
		w.ctx.Set("aws:CurrentTime", at)
		d := Evaluate(&Request{Principal: w.principal, Context: w.ctx, Action: "service-prefix-2:Action-Name-B", Resource: "*",
			Identity: []Named{named(t, "identity/mfa-dates")}})
		if d.Outcome != want {
			t.Errorf("at %s: got %s, want %s", at, d.Outcome, want)
		}
	}
}

// inline makes a policy of one statement.
func inline(t testing.TB, statement string) Named {
	return Named{Name: "inline", Document: mustParse(t, `{"Version":"2012-10-17","Statement":[{`+statement+`}]}`)}
}
