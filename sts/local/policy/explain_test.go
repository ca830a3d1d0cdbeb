package policy

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestExplanationReads(t *testing.T) {
	bounds := named(t, "identity/books")
	bucket := named(t, "resource/account-a-bucket")
	var ctx Context
	ctx.Set("aws:MultiFactorAuthPresent", "false")
	ctx.Set("aws:MultiFactorAuthAge", "soon")
	ctx.Set("aws:username", "Carol")
	ctx.SetList("aws:TagKeys", "team")
	mixed := Named{Name: "mixed", Document: mustParse(t, `{"Version":"2012-10-17","Statement":[
		{"Sid":"Age","Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{"NumericLessThan":{"aws:MultiFactorAuthAge":"300"}}},
		{"Sid":"Tags","Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{"StringEquals":{"aws:TagKeys":"team"}}},
		{"Sid":"Mine","Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{"StringLike":{"aws:username":["${aws:username}?"]},"Null":{"aws:TokenIssueTime":"false"}}},
		{"Sid":"Nobody","Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{"ArnLike":{"aws:PrincipalArn":"x"},"StringNotEquals":{"aws:SourceVpc":"${aws:SourceVpce}"}}},
		{"Effect":"Allow","Action":"ec2:*","Resource":"*"},
		{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::other"}]}`)}
	d := Evaluate(&Request{Principal: aUser, Action: "s3:PutObject", Resource: bucketKey, ResourceAccount: accountA, Context: ctx,
		Identity: []Named{mixed}, Boundary: &bounds, ResourcePolicy: &bucket})
	want := `implicitDeny: s3:PutObject on arn:aws:s3:::account-a-bucket/key, because no identity-based policy allows the s3:PutObject action
resource-based policy resource/account-a-bucket, statement 0, Allow: does not apply by its condition; Bool aws:MultiFactorAuthPresent ["true"] fails: the request has ["false"]
identity-based policy mixed, statement 0 (Age), Allow: does not apply by its condition; NumericLessThan aws:MultiFactorAuthAge ["300"] fails: the request has ["soon"], the request's "soon" is not a number
identity-based policy mixed, statement 1 (Tags), Allow: does not apply by its condition; StringEquals aws:TagKeys ["team"] fails: the request has ["team"], the key has a list of values, which only ForAllValues and ForAnyValue compare
identity-based policy mixed, statement 2 (Mine), Allow: does not apply by its condition; StringLike aws:username ["${aws:username}?"] fails: the request has ["Carol"], "${aws:username}?" stands for "Carol?"; Null aws:TokenIssueTime ["false"] fails: the request has no such key
identity-based policy mixed, statement 3 (Nobody), Allow: does not apply by its condition; ArnLike aws:PrincipalArn ["x"] fails: the request has no such key, the policy's "x" is not an ARN; StringNotEquals aws:SourceVpc ["${aws:SourceVpce}"] holds: the request has no such key, a policy variable in "${aws:SourceVpce}" has no single value`
	if got := d.Explain().String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestConditionsOfADenial: of a silence those that failed, of a deny those that
// held, of an allow none.
func TestConditionsOfADenial(t *testing.T) {
	document := Named{Name: "p", Document: mustParse(t, `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":"s3:Get*","Resource":"*","Condition":{"Bool":{"aws:MultiFactorAuthPresent":"true"},"StringEquals":{"aws:username":"Carol"}}},
		{"Sid":"No","Effect":"Deny","Action":"s3:Put*","Resource":"*","Condition":{"BoolIfExists":{"aws:MultiFactorAuthPresent":"false"}}},
		{"Effect":"Deny","Action":"s3:*","Resource":"*","Condition":{"StringEquals":{"aws:username":"Eve"}}},
		{"Sid":"Free","Effect":"Allow","Action":"s3:List*","Resource":"*"}]}`)}
	var ctx Context
	ctx.Set("aws:MultiFactorAuthPresent", "false")
	ctx.Set("aws:username", "Carol")
	for action, want := range map[string]struct{ decider, conditions string }{
		"s3:GetObject":          {"no statement", `p statement 0: Bool aws:MultiFactorAuthPresent ["true"] fails: the request has ["false"]`},
		"s3:PutObject":          {"p No", `p No: BoolIfExists aws:MultiFactorAuthPresent ["false"] holds: the request has ["false"]`},
		"s3:ListBucket":         {"p Free", ""},
		"s3:DeleteObject":       {"no statement", ""},
		"sts:GetCallerIdentity": {"no policy", ""},
	} {
		d := Evaluate(&Request{Principal: aUser, Action: action, Resource: bucketKey, Context: ctx, Identity: []Named{document}})
		if got := strings.Join(d.Explain().Conditions(), "; "); got != want.conditions || d.Decider() != want.decider {
			t.Errorf("%s: by %q with %s, want %+v", action, d.Decider(), got, want)
		}
	}
}

func TestExplanationIsComplete(t *testing.T) {
	allow := says(t, "allow")
	bucket := resourceFor(t, "Allow", nameRole)
	d := Evaluate(&Request{Principal: aUser, Action: "s3:GetObject", Resource: "arn:aws:s3:::b/k", Identity: append(says(t, "deny"), inline(t, `"Effect":"Allow"`)),
		Boundary: &allow[0], HasSession: true, Session: allow, ServiceControl: [][]Named{allow, allow}, ResourcePolicy: bucket})
	x := d.Explain()
	if x.Outcome != ExplicitDeny || x.By != IdentityBased || len(x.Policies) != 8 {
		t.Fatalf("got %+v", x)
	}
	wants := map[int]Mismatch{0: Matches, 2: ByPrincipal, 3: Matches, 4: Matches, 5: ByUnboundElement, 6: Matches, 7: Matches}
	for i, want := range wants {
		if got := x.Policies[i].Statements[0].Mismatch; got != want {
			t.Errorf("policy %d, %s: %q, want %q", i, x.Policies[i].Type, got, want)
		}
	}
	if s := x.Policies[4].Statements[0]; s.Start != (Position{1, 38}) || s.Sid != "No" || s.Effect != EffectDeny {
		t.Errorf("the denying statement is %+v", s)
	}
	b, err := json.Marshal(x)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{`"outcome":"explicitDeny"`, `"by":"identity-based policy"`, `"reason":"with an explicit deny in an identity-based policy"`, `"mismatch":"principal"`, `"type":"permissions boundary"`} {
		if !strings.Contains(string(b), part) {
			t.Errorf("%s has no %s", b, part)
		}
	}
}

func TestPolicyTypesHaveNames(t *testing.T) {
	for i := NoPolicy; i <= SessionPolicy; i++ {
		if strings.HasPrefix(i.String(), "policy type") {
			t.Errorf("type %d has no name", i)
		}
	}
	if PolicyType(99).String() != "policy type 99" {
		t.Error("a type of no name has one")
	}
}
