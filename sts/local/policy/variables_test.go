package policy

import (
	"fmt"
	"slices"
	"testing"
)

func variableContext() Context {
	var c Context
	c.Set("aws:username", "Carol")
	c.Set("aws:PrincipalTag/team", "a*b")
	c.Set("aws:PrincipalTag/path", "x:y/${aws:username}")
	c.Set("k:empty", "")
	c.Set("k:yes", "true")
	c.SetList("aws:TagKeys", "team")
	return c
}

func TestVariablesInConditions(t *testing.T) {
	for _, c := range []struct{ operator, policy, request, want string }{
		{"StringEquals", "${aws:username}", "Carol", both},
		{"StringEquals", "${AWS:UserName}", "Carol", both},
		{"StringEquals", "home/${aws:username}/x", "home/Carol/x", both},
		{"StringEquals", "${aws:username}${aws:username}", "CarolCarol", both},
		{"StringEquals", "${aws:username, 'nobody'}", "Carol", both},
		{"StringEquals", "${aws:userid, 'nobody'}", "nobody", both},
		{"StringEquals", "${aws:userid,'nobody'}", "nobody", both},
		{"StringEquals", "${aws:userid, ''}", "", both},
		{"StringEquals", "${aws:userid, 'a}b'}", "a}b", both},
		{"StringEquals", "${aws:userid}", "", neither},
		{"StringNotEquals", "${aws:userid}", "anything", both},
		{"StringEquals", "${k:empty}", "", both},
		{"StringEquals", "${aws:TagKeys}", "team", neither},
		{"StringEquals", "${aws:TagKeys, 'fallback'}", "fallback", neither},
		{"StringNotEquals", "${aws:TagKeys, 'fallback'}", "fallback", both},
		{"StringEquals", "${*}${?}${$}", "*?$", both},
		{"StringLike", "a${*}b", "a*b", both},
		{"StringLike", "a${*}b", "axb", neither},
		{"StringLike", "${aws:PrincipalTag/team}", "a*b", both}, // a value is no pattern
		{"StringLike", "${aws:PrincipalTag/team}", "axb", neither},
		{"StringLike", "${aws:PrincipalTag/team}*", "a*b and more", both},
		{"StringEquals", "${aws:PrincipalTag/path}", "x:y/${aws:username}", both}, // nor a variable
		{"StringEqualsIgnoreCase", "TEAM-${aws:username}", "team-CAROL", both},
		{"StringEquals", "${aws:username", "${aws:username", both}, // never closed
		{"StringEquals", "$aws:username}", "$aws:username}", both},
		{"ArnLike", "arn:aws:iam::*:user/${aws:username}", "arn:aws:iam::111122223333:user/Carol", both},
		{"ArnLike", "arn:aws:iam::*:user/${aws:username}", "arn:aws:iam::111122223333:user/Bob", neither},
		{"ArnLike", "${aws:username}", "arn:aws:iam::111122223333:user/Carol", denyOnly},
		{"ArnNotLike", "${aws:userid}", "arn:aws:iam::111122223333:user/Carol", both},
		{"Bool", "${k:yes}", "true", both},
		{"Bool", "${k:no}", "false", neither},
		{"NumericEquals", "${k:one, '1'}", "1", neither}, // no variables here
		{"IpAddress", "${k:ip, '::/0'}", "::1", neither},
		{"DateEquals", "${k:date, '2030'}", "2030", neither},
	} {
		ctx := variableContext()
		ctx.Set("k:v", c.request)
		if got := holdsFor(t, fmt.Sprintf(`%q:{"k:v":%q}`, c.operator, c.policy), ctx); got != c.want {
			t.Errorf("%s %s with %q matches for [%s], want [%s]", c.operator, c.policy, c.request, got, c.want)
		}
	}
}

func TestVariablesNeedVersion2012(t *testing.T) {
	ctx := variableContext()
	for _, version := range []string{``, `"Version":"2008-10-17",`} {
		text := `{` + version + `"Statement":{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::b/${aws:username}",
			"Condition":{"StringEquals":{"aws:username":["${aws:username}","Carol"]}}}}`
		d := mustParse(t, text)
		if keys := d.ContextKeys(); !slices.Equal(keys, []string{"aws:username"}) {
			t.Errorf("%s: keys %q", version, keys)
		}
		for resource, want := range map[string]bool{"arn:aws:s3:::b/${aws:username}": true, "arn:aws:s3:::b/Carol": false} {
			got := Evaluate(&Request{Principal: Principal{Kind: User}, Action: "s3:GetObject", Resource: resource, Context: ctx, Identity: []Named{{Document: d}}})
			if got.Allowed() != want {
				t.Errorf("version %q, %s: %s", version, resource, got.Outcome)
			}
		}
	}
}

func TestResourcePatterns(t *testing.T) {
	const instance = "arn:aws:ec2:us-east-1:111122223333:instance/i-1"
	for _, c := range []struct {
		pattern, resource string
		want              bool
	}{
		{"*", "*", true},
		{"*", instance, true},
		{"arn:aws:s3:::b/*", "*", false},
		{"arn:aws:s3:::b", "arn:aws:s3:::b", true},
		{"arn:aws:s3:::b", "arn:aws:s3:::B", false},
		{"arn:aws:s3:::b/*", "arn:aws:s3:::b/", true},
		{"arn:aws:s3:::b/*", "arn:aws:s3:::b/x/y:z\n", true},
		{"arn:aws:s3:::b/*", "arn:aws:s3:::b", false},
		{"arn:aws:s3:::b?/k", "arn:aws:s3:::b1/k", true},
		{"arn:aws:ec2:*:*:instance/*", instance, true},
		{"arn:aws:ec2:us-*:111122223333:instance/*", instance, true},
		{"arn:aws:ec2:us-*-1:111122223333:instance/*", instance, true},
		{"arn:aws:ec2:u*1:111122223333:instance/*", instance, true},
		{"arn:aws:ec2:u*1:instance/*", instance, false}, // a star within a part stops at its colon
		{"arn:aws:ec2:u*3:instance/i-1", instance, false},
		{"arn:aws:ec2:u*1:instance/i:1", "arn:aws:ec2:us-east-1:1:instance/i:1", false},
		{"arn:aws:ec2:u*:instance/i:1", "arn:aws:ec2:us-east-1:1:instance/i:1", true}, // one at its end doesn't
		{"arn:aws:ec2:u*:instance/i-1", instance, false},                              // five parts: a star is the sixth
		{"arn:aws:ec2:us-east-?:111122223333:instance/*", instance, true},
		{"arn:aws:ec2:us-east-1?111122223333:instance/i-1", instance, false},
		{"arn:aws:ec2:us-east-1:1111*3333:instance/i-1", instance, true},
		{"arn:aws:ec2", instance, true}, // the parts left out are stars
		{"arn:aws:s3", instance, false},
		{"arn:aws:iam::*:mfa/${aws:username}", "arn:aws:iam::111122223333:mfa/Carol", true},
		{"arn:aws:iam::*:mfa/${aws:username}", "arn:aws:iam::111122223333:mfa/Bob", false},
		{"arn:aws:iam::*:mfa/${aws:userid}", "arn:aws:iam::111122223333:mfa/", false},
		{"arn:aws:s3:::${aws:PrincipalTag/team}/*", "arn:aws:s3:::a*b/k", true},
		{"arn:aws:s3:::${aws:PrincipalTag/team}/*", "arn:aws:s3:::axb/k", false},
		{"arn:aws:ec2:us-*-1:${k:account, '111122223333'}:instance/*", instance, true},
		{"arn:aws:s3:::b/a??c", "arn:aws:s3:::b/a𐐀c", true},
		{"arn:aws:s3:::b/é*", "arn:aws:s3:::b/é", true},
		{"arn:aw?:s3:::b/?", "arn:aws:s3:::b/é", true},
		{"arn:aw?:s3:::b/??", "arn:aws:s3:::b/é", false},
		{"arn:aw?:s3:::b/*??x", "arn:aws:s3:::b/€x", false},
	} {
		for _, element := range []string{"Resource", "NotResource"} {
			p := inline(t, fmt.Sprintf(`"Effect":"Allow","Action":"*",%q:%q`, element, c.pattern))
			d := Evaluate(&Request{Principal: Principal{Kind: User}, Action: "a:B", Resource: c.resource, Context: variableContext(), Identity: []Named{p}})
			if want := c.want == (element == "Resource"); d.Allowed() != want {
				t.Errorf("%s %s on %q: allowed %v, want %v", element, c.pattern, c.resource, d.Allowed(), want)
			}
		}
	}
}

func TestActionPatterns(t *testing.T) {
	for _, c := range []struct {
		pattern, action string
		want            bool
	}{
		{"*", "ec2:StopInstances", true},
		{"ec2:*", "EC2:StopInstances", true},
		{"EC2:stop*", "ec2:StopInstances", true},
		{"ec2:*Instances", "ec2:StopInstances", true},
		{"ec2:?topInstances", "ec2:StopInstances", true},
		{"*:StopInstances", "ec2:StopInstances", true},
		{"ec2:Stop", "ec2:StopInstances", false},
		{"ec2:${*}", "ec2:*", false}, // no variables in actions
		{"e*:*", "ec2:StopInstances", true},
	} {
		for _, element := range []string{"Action", "NotAction"} {
			p := inline(t, fmt.Sprintf(`"Effect":"Allow",%q:["none:None",%q],"Resource":"*"`, element, c.pattern))
			d := Evaluate(&Request{Principal: Principal{Kind: User}, Action: c.action, Resource: "*", Identity: []Named{p}})
			if want := c.want == (element == "Action"); d.Allowed() != want {
				t.Errorf("%s %s on %s: allowed %v, want %v", element, c.pattern, c.action, d.Allowed(), want)
			}
		}
	}
}

func TestMissingElementsMatchNothing(t *testing.T) {
	for _, statement := range []string{`"Effect":"Allow"`, `"Effect":"Allow","Action":"*"`, `"Effect":"Allow","Resource":"*"`,
		`"Effect":"Allow","Action":[],"Resource":"*"`, `"Effect":"Allow","Action":"*","Resource":[]`} {
		d := Evaluate(&Request{Principal: Principal{Kind: User}, Action: "a:B", Resource: "*", Identity: []Named{inline(t, statement)}})
		if d.Allowed() {
			t.Errorf("{%s} allows", statement)
		}
	}
}
