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

const mfaPolicy = `{"Version":"2012-10-17","Statement":[
 {"Sid":"Look","Effect":"Allow","Action":"ec2:Describe*","Resource":"*"},
 {"Sid":"Stop","Effect":"Allow","Action":"ec2:StopInstances","Resource":"*","Condition":{"Bool":{"aws:MultiFactorAuthPresent":"true"}}},
 {"Sid":"Never","Effect":"Deny","Action":"ec2:TerminateInstances","Resource":"*"}]}`

func withMFA(value string) []types.ContextEntry {
	return []types.ContextEntry{{ContextKeyName: str("aws:MultiFactorAuthPresent"), ContextKeyType: types.ContextKeyTypeEnumBoolean, ContextKeyValues: []string{value}}}
}

// outcomes writes the results of a simulation in short.
func outcomes(results []types.EvaluationResult) string {
	var b strings.Builder
	for _, r := range results {
		fmt.Fprintf(&b, "%s %s", strings.TrimPrefix(*r.EvalActionName, "ec2:"), r.EvalDecision)
		for _, m := range r.MatchedStatements {
			fmt.Fprintf(&b, " %s:%d", *m.SourcePolicyId, m.StartPosition.Line)
		}
		for _, key := range r.MissingContextValues {
			fmt.Fprintf(&b, " missing %s", key)
		}
		b.WriteString("; ")
	}
	return b.String()
}

// TestSimulateCustomPolicy: a policy decides before anybody has it.
func TestSimulateCustomPolicy(t *testing.T) {
	l, c := newEmptyLab(t)
	actions := []string{"ec2:DescribeInstances", "ec2:StopInstances", "ec2:TerminateInstances", "ec2:RunInstances"}
	in := iam.SimulateCustomPolicyInput{ActionNames: actions, PolicyInputList: []string{mfaPolicy}}
	const rest = "TerminateInstances explicitDeny PolicyInputList.1:3; RunInstances implicitDeny; "
	const first = "DescribeInstances allowed PolicyInputList.1:1; "
	for want, context := range map[string][]types.ContextEntry{
		first + "StopInstances implicitDeny missing aws:MultiFactorAuthPresent; " + rest: nil,
		first + "StopInstances implicitDeny; " + rest:                                    withMFA("false"),
		first + "StopInstances allowed PolicyInputList.1:2; " + rest:                     withMFA("true"),
	} {
		in.ContextEntries = context
		if got := outcomes(do(l, ok, c.SimulateCustomPolicy, in).EvaluationResults); got != want {
			t.Errorf("got %s\nwant %s", got, want)
		}
	}
	in.MaxItems = aws.Int32(3)
	page := do(l, ok, c.SimulateCustomPolicy, in)
	in.Marker = page.Marker
	if next := do(l, ok, c.SimulateCustomPolicy, in); len(page.EvaluationResults) != 3 || len(next.EvaluationResults) != 1 || *next.EvaluationResults[0].EvalActionName != "ec2:RunInstances" {
		t.Errorf("pages %v, %v", page, next)
	}

	bounded := do(l, ok, c.SimulateCustomPolicy, iam.SimulateCustomPolicyInput{ActionNames: actions[:1], PolicyInputList: []string{mfaPolicy},
		PermissionsBoundaryPolicyInputList: []string{allow("s3:*")}}).EvaluationResults[0]
	if bounded.EvalDecision != "implicitDeny" || bounded.PermissionsBoundaryDecisionDetail.AllowedByPermissionsBoundary {
		t.Errorf("bounded %+v", bounded)
	}
	several := do(l, ok, c.SimulateCustomPolicy, iam.SimulateCustomPolicyInput{ActionNames: []string{"s3:GetObject"},
		PolicyInputList: []string{strings.Replace(allow("s3:*"), `"*"`, `"arn:aws:s3:::b/a*"`, 1)},
		ResourceArns:    []string{"arn:aws:s3:::b/abc", "arn:aws:s3:::b/xyz"}}).EvaluationResults[0]
	if r := several.ResourceSpecificResults; several.EvalDecision != "implicitDeny" || len(r) != 2 || r[0].EvalResourceDecision != "allowed" || r[1].EvalResourceDecision != "implicitDeny" {
		t.Errorf("several %+v", several)
	}
	own := do(l, ok, c.SimulateCustomPolicy, iam.SimulateCustomPolicyInput{ActionNames: []string{"s3:GetObject"}, ResourceArns: []string{"arn:aws:s3:::b/k"},
		PolicyInputList: []string{allow("ec2:*")}, CallerArn: str("arn:aws:iam::111122223333:user/carol"),
		ResourcePolicy: str(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:user/carol"},"Action":"s3:*","Resource":"arn:aws:s3:::b/*"}}`)})
	if r := own.EvaluationResults[0]; r.EvalDecision != "allowed" || r.MatchedStatements[0].SourcePolicyType != "Resource Policy" {
		t.Errorf("by the resource's policy: %+v", r)
	}
	for _, resource := range []string{"bucket", "arn:aws:s3", "14a050d4-021e-4efe-84bb-0871bf6d0fda"} {
		do(l, invalid("ResourceNames are not in a valid ARN format: "+resource+"."), c.SimulateCustomPolicy,
			iam.SimulateCustomPolicyInput{ActionNames: actions, PolicyInputList: []string{mfaPolicy}, ResourceArns: []string{"arn:aws:s3:::b", "*", resource}})
	}
	do(l, invalid("'123456789012' is not a valid as a Resource Owner."), c.SimulateCustomPolicy,
		iam.SimulateCustomPolicyInput{ActionNames: actions, PolicyInputList: []string{mfaPolicy}, ResourceOwner: str("123456789012")})
	do(l, invalid("Invalid Action: nonsense"), c.SimulateCustomPolicy, iam.SimulateCustomPolicyInput{ActionNames: []string{"nonsense"}, PolicyInputList: []string{mfaPolicy}})
	do(l, invalid("Invalid policy in PolicyInputList.1: Syntax errors in policy."), c.SimulateCustomPolicy, iam.SimulateCustomPolicyInput{ActionNames: actions, PolicyInputList: []string{"{"}})
}

// TestSimulatePrincipalPolicy asks the policies that a user has by itself and
// by its groups, and tells their condition keys.
func TestSimulatePrincipalPolicy(t *testing.T) {
	l, c := newEmptyLab(t)
	carol := l.withKeys(c, "carol", allow("iam:SimulatePrincipalPolicy"))
	do(l, ok, c.CreateGroup, iam.CreateGroupInput{GroupName: str("EC2-Admins")})
	do(l, ok, c.AddUserToGroup, iam.AddUserToGroupInput{GroupName: str("EC2-Admins"), UserName: str("carol")})
	do(l, ok, c.PutGroupPolicy, iam.PutGroupPolicyInput{GroupName: str("EC2-Admins"), PolicyName: str("mfa"), PolicyDocument: str(mfaPolicy)})
	source := str("arn:aws:iam::111122223333:user/carol")
	in := iam.SimulatePrincipalPolicyInput{PolicySourceArn: source, ActionNames: []string{"ec2:StopInstances"}}
	for want, context := range map[string][]types.ContextEntry{
		"StopInstances implicitDeny missing aws:MultiFactorAuthPresent; ": nil,
		"StopInstances allowed group_EC2-Admins_mfa:2; ":                  withMFA("true"),
	} {
		in.ContextEntries = context
		for _, client := range []*iam.Client{c, l.iam(carol)} {
			if got := outcomes(do(l, ok, client.SimulatePrincipalPolicy, in).EvaluationResults); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		}
	}
	in.PolicySourceArn, in.ContextEntries = str("arn:aws:iam::111122223333:group/EC2-Admins"), withMFA("true")
	if got := outcomes(do(l, ok, c.SimulatePrincipalPolicy, in).EvaluationResults); got != "StopInstances allowed group_EC2-Admins_mfa:2; " {
		t.Errorf("the group: %s", got)
	}
	do(l, ok, c.AttachUserPolicy, iam.AttachUserPolicyInput{UserName: str("carol"), PolicyArn: str("arn:aws:iam::aws:policy/IAMUserChangePassword")})
	keys := do(l, ok, c.GetContextKeysForPrincipalPolicy, iam.GetContextKeysForPrincipalPolicyInput{PolicySourceArn: source}).ContextKeyNames
	if !slices.Equal(keys, []string{"aws:username", "aws:MultiFactorAuthPresent"}) {
		t.Errorf("keys %v", keys)
	}
	custom := do(l, ok, c.GetContextKeysForCustomPolicy, iam.GetContextKeysForCustomPolicyInput{PolicyInputList: []string{mfaPolicy}}).ContextKeyNames
	if !slices.Equal(custom, []string{"aws:MultiFactorAuthPresent"}) {
		t.Errorf("keys %v", custom)
	}
	in.PolicySourceArn = str("arn:aws:iam::111122223333:user/nobody")
	do(l, noEntity("The user with name nobody cannot be found."), c.SimulatePrincipalPolicy, in)
	in.PolicySourceArn = str("arn:aws:iam::111122223333:root")
	do(l, invalid("Invalid Entity Arn: arn:aws:iam::111122223333:root does not clearly define entity type and name."), c.SimulatePrincipalPolicy, in)
	do(l, deniedNoIdentity("arn:aws:iam::111122223333:user/carol", "iam:GetContextKeysForPrincipalPolicy", "user carol"),
		l.iam(carol).GetContextKeysForPrincipalPolicy, iam.GetContextKeysForPrincipalPolicyInput{PolicySourceArn: source})
}
