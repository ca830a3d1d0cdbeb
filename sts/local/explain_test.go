package local_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

const explainedWorld = `
accounts:
- id: "111122223333"
  root: {access_keys: [{id: AKIAROOTA00000000000, secret: secret-of-roota}]}
  groups:
  - {name: Admins, policies: [{name: mfa, document: {Version: "2012-10-17", Statement: [
      {Sid: Lists, Effect: Allow, Action: ["iam:ListUsers", "ec2:Describe*"], Resource: "*", Condition: {Bool: {"aws:MultiFactorAuthPresent": "true"}}},
      {Sid: Self, Effect: Allow, Action: "iam:GetUser", Resource: "*"}]}}]}
  - {name: Guarded, policies: [{name: guard, document: {Version: "2012-10-17", Statement: [
      {Sid: NoMFA, Effect: Deny, NotAction: ["iam:ListMFADevices"], Resource: "*", Condition: {BoolIfExists: {"aws:MultiFactorAuthPresent": "false"}}}]}}]}
  users:
  - {name: carol, groups: [Admins], access_keys: [{id: AKIACAROL00000000000, secret: secret-of-carol}]}
  - {name: dora, groups: [Admins, Guarded], access_keys: [{id: AKIADORA000000000000, secret: secret-of-dora}]}
  buckets:
  - {name: account-a-bucket, policy: {Version: "2012-10-17", Statement: [{Effect: Allow, Principal: {AWS: "arn:aws:iam::111122223333:user/carol"},
      Action: "s3:PutObject", Resource: "arn:aws:s3:::account-a-bucket/*", Condition: {Bool: {"aws:MultiFactorAuthPresent": "true"}}}]}}
`

// TestTheLogExplains: for what is allowed and for what is denied the log says
// which statement decided, and on what conditions with what values.
func TestTheLogExplains(t *testing.T) {
	l := newLab(t, explainedWorld)
	list := func(k keys) error { _, err := l.iam(k).ListUsers(t.Context(), nil); return err }
	self := func(k keys) error { _, err := l.iam(k).GetUser(t.Context(), nil); return err }
	put := func(k keys) error {
		client := s3.NewFromConfig(l.config(k), func(o *s3.Options) { o.UsePathStyle = true })
		_, err := client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: str("account-a-bucket"), Key: str("k")})
		return err
	}
	const noKey = `the request has no such key`
	const noMFA = `the request has ["false"]`
	session := l.must(l.session(longTerm("carol"), "", ""))
	for _, c := range []struct {
		name                  string
		call                  func(keys) error
		keys                  keys
		status                string
		decidedBy, conditions string
	}{
		{"root", list, longTerm("roota"), "200", "no policy", ""},
		{"allowed", self, longTerm("carol"), "200", "group Admins policy mfa Self", ""},
		{"long-term key", list, longTerm("carol"), "403", "no statement", `[group Admins policy mfa Lists: Bool aws:MultiFactorAuthPresent ["true"] fails: ` + noKey + `]`},
		{"denied", self, longTerm("dora"), "403", "group Guarded policy guard NoMFA",
			`[group Guarded policy guard NoMFA: BoolIfExists aws:MultiFactorAuthPresent ["false"] holds: ` + noKey + `]`},
		{"a bucket's policy", put, session, "403", "no statement", `[bucket account-a-bucket statement 0: Bool aws:MultiFactorAuthPresent ["true"] fails: ` + noMFA + `]`},
	} {
		_ = c.call(c.keys)
		if got := l.Last(); got["status"] != c.status || got["decided_by"] != c.decidedBy || got["conditions"] != c.conditions {
			t.Errorf("%s: logged %v,\nwant %s by %q with %s", c.name, got, c.status, c.decidedBy, c.conditions)
		}
	}
}

// TestSimulationsExplain: what a simulation's answer has no place for, the
// condition that failed on a value that is there, is in the log.
func TestSimulationsExplain(t *testing.T) {
	l := newLab(t, explainedWorld)
	root := l.iam(longTerm("roota"))
	carol := str("arn:aws:iam::111122223333:user/carol")
	do(l, ok, root.SimulatePrincipalPolicy, iam.SimulatePrincipalPolicyInput{
		PolicySourceArn: carol, ActionNames: []string{"ec2:DescribeInstances", "iam:GetUser"}, ContextEntries: withMFA("false"),
	})
	want := `[ec2:DescribeInstances on *: implicitDeny by no statement; group_Admins_mfa Lists: Bool aws:MultiFactorAuthPresent ["true"] fails: the request has ["false"]` +
		` iam:GetUser on *: allowed by group_Admins_mfa Self]`
	if got := l.Last(); got["simulated"] != want || got["decided_by"] != "no policy" {
		t.Errorf("logged %v, want %s", got, want)
	}
}

// TestSidesOfASimulation: between accounts each type of policy has its say in
// EvalDecisionDetails, which is empty within one, and missing without resources.
func TestSidesOfASimulation(t *testing.T) {
	l, c := newEmptyLab(t)
	in := iam.SimulateCustomPolicyInput{ActionNames: []string{"s3:GetObject"}, PolicyInputList: []string{allow("s3:*")},
		CallerArn: str("arn:aws:iam::111122223333:user/carol"), ResourceArns: []string{"arn:aws:s3:::b/k", "arn:aws:s3:::b/x"},
		ResourceOwner: str("arn:aws:iam::444455556666:root"),
		ResourcePolicy: str(`{"Version":"2012-10-17","Statement":[
			{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:user/carol"},"Action":"s3:*","Resource":"arn:aws:s3:::b/*"},
			{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::b/x"}]}`)}
	r := do(l, ok, c.SimulateCustomPolicy, in).EvaluationResults[0]
	one, all := r.ResourceSpecificResults[0].EvalDecisionDetails, r.EvalDecisionDetails
	if len(one) != 2 || one["IAM Policy"] != "allowed" || one["Resource Policy"] != "allowed" || all["IAM Policy"] != "allowed" || all["Resource Policy"] != "explicitDeny" || r.EvalDecision != "explicitDeny" {
		t.Errorf("one resource %v, all %v", one, all)
	}
	in.ResourcePolicy = nil
	in.PermissionsBoundaryPolicyInputList = []string{allow("ec2:*")}
	r = do(l, ok, c.SimulateCustomPolicy, in).EvaluationResults[0]
	if got := r.EvalDecisionDetails; r.EvalDecision != "implicitDeny" || got["Resource Policy"] != "implicitDeny" || got["Permissions Boundary Policy"] != "implicitDeny" {
		t.Errorf("without a policy of the resource %+v", got)
	}
	in.ResourceOwner = str("arn:aws:iam::111122223333:root")
	r = do(l, ok, c.SimulateCustomPolicy, in).EvaluationResults[0]
	if r.EvalDecisionDetails == nil || len(r.EvalDecisionDetails) > 0 || r.ResourceSpecificResults[0].EvalDecisionDetails != nil {
		t.Errorf("within one account %v", r.EvalDecisionDetails)
	}
	in.ResourceArns = nil
	if r = do(l, ok, c.SimulateCustomPolicy, in).EvaluationResults[0]; r.EvalDecisionDetails != nil {
		t.Errorf("without resources %v", r.EvalDecisionDetails)
	}
}
