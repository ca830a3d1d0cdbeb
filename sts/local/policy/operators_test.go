package policy

import (
	"fmt"
	"strings"
	"testing"
)

// holdsFor says for which effects a condition matches.
func holdsFor(t testing.TB, condition string, ctx Context) string {
	t.Helper()
	var out []string
	for _, effect := range []Effect{EffectAllow, EffectDeny} {
		d := mustParse(t, fmt.Sprintf(`{"Version":"2012-10-17","Statement":{"Effect":%q,"Action":"*","Resource":"*","Condition":{%s}}}`, effect, condition))
		base := Named{Name: "base", Document: mustParse(t, `{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`)}
		r := &Request{Principal: Principal{Kind: User}, Action: "iam:TagUser", Resource: "*", Context: ctx, Identity: []Named{{Name: "p", Document: d}}}
		if effect == EffectDeny {
			r.Identity = append(r.Identity, base)
		}
		decision := Evaluate(r)
		if effect == EffectAllow && decision.Outcome == Allow || effect == EffectDeny && decision.Outcome == ExplicitDeny {
			out = append(out, string(effect))
		}
		explained := decision.Explain()
		if s := explained.Policies[0].Statements[0]; (s.Mismatch == Matches) != (len(out) > 0 && out[len(out)-1] == string(effect)) {
			t.Errorf("%s: explanation says %s", condition, s)
		}
	}
	return strings.Join(out, " ")
}

const (
	both     = "Allow Deny"
	neither  = ""
	denyOnly = "Deny"
	absent   = "\x00" // as a request value: the key is missing
)

func single(value string) Context {
	var c Context
	if value != absent {
		c.Set("k:v", value)
	}
	return c
}

func TestScalarOperators(t *testing.T) {
	for _, c := range []struct{ operator, policy, request, want string }{
		{"StringEquals", `"a"`, "a", both},
		{"StringEquals", `"a"`, "A", neither},
		{"StringEquals", `["a","b"]`, "b", both},
		{"StringEquals", `"a*"`, "ab", neither},
		{"StringEquals", `"a*"`, "a*", both},
		{"StringEquals", `""`, "", both},
		{"StringEquals", `""`, "x", neither},
		{"StringEquals", `"a"`, absent, neither},
		{"StringEqualsIfExists", `"a"`, absent, both},
		{"StringEqualsIfExists", `"a"`, "b", neither},
		{"StringNotEquals", `"a"`, "b", both},
		{"StringNotEquals", `["a","b"]`, "b", neither}, // NOR
		{"StringNotEquals", `"a"`, absent, both},
		{"StringNotEqualsIfExists", `"a"`, absent, both},
		{"StringEquals", `5`, "5", both},
		{"StringEquals", `true`, "true", both},

		{"StringEqualsIgnoreCase", `"AbC"`, "aBc", both},
		{"StringEqualsIgnoreCase", `"S"`, "ſ", neither},
		{"StringEqualsIgnoreCase", `"ΟΣ"`, "ος", both},
		{"StringEqualsIgnoreCase", `"Σ"`, "ς", neither},
		{"StringEqualsIgnoreCase", `"Σ"`, "σ", both},
		{"StringEqualsIgnoreCase", `"İ"`, "i̇", both},
		{"StringEqualsIgnoreCase", `"É"`, "é", both},
		{"StringEqualsIgnoreCase", `"\ud801\udc00"`, "𐐨", both},
		{"StringNotEqualsIgnoreCase", `"a"`, "A", neither},
		{"StringNotEqualsIgnoreCase", `"a"`, absent, both},

		{"StringLike", `"a*b"`, "a/x:b", both},
		{"StringLike", `"a?b"`, "a:b", both},
		{"StringLike", `"a?b"`, "ab", neither},
		{"StringLike", `"a*"`, "a", both},
		{"StringLike", `"*a*a*"`, "xaya", both},
		{"StringLike", `"*ab"`, "aab", both},
		{"StringLike", `"a[b]"`, "ab", neither},
		{"StringLike", `"a*b"`, "a\nb", both},
		{"StringLike", `"a?b"`, "aéb", both},
		{"StringLike", `"a??b"`, "aéb", neither},
		{"StringLike", `"a?b"`, "a𐐀b", neither}, // a UTF-16 unit each
		{"StringLike", `"a??b"`, "a𐐀b", both},
		{"StringLike", `"a*?b"`, "a𐐀b", both},
		{"StringLike", `"\ud801\udc00?"`, "𐐀x", both},
		{"StringLike", `"\ud801\udc00?"`, "𐐀𐐨", neither},
		{"StringLike", `"*ab"`, "\xe0ab", both}, // bytes that are no UTF-8 hide nothing
		{"StringLike", `"*ab"`, "\xf0\x90ab", both},
		{"StringLike", `"?ab"`, "\xffab", both},
		{"StringLike", `"?ab"`, "\xe0ab", both},
		{"StringNotLike", `"a*"`, "b", both},
		{"StringNotLike", `["a*","b*"]`, "bx", neither},
		{"StringNotLike", `"a*"`, absent, both},

		{"NumericEquals", `"1"`, "1", both},
		{"NumericEquals", `1`, "01", both},
		{"NumericEquals", `"01"`, "+1", both},
		{"NumericEquals", `"1"`, "1.0", both},
		{"NumericEquals", `"1"`, "1e0", both},
		{"NumericEquals", `"100"`, "1E+2", both},
		{"NumericEquals", `"0.05"`, "5e-2", both},
		{"NumericEquals", `"0"`, "-0.00", both},
		{"NumericEquals", `"9007199254740993"`, "9007199254740992", neither},
		{"NumericEquals", `"1"`, "NaN", neither},
		{"NumericEquals", `"1"`, "Infinity", neither},
		{"NumericEquals", `"1"`, "", neither},
		{"NumericEquals", `"1"`, " 1", neither},
		{"NumericEquals", `"NaN"`, "1", neither},
		{"NumericNotEquals", `"NaN"`, "1", both},
		{"NumericNotEquals", `"1"`, "2", both},
		{"NumericNotEquals", `"1"`, "+1", neither},
		{"NumericNotEquals", `"1"`, "no-number", both},
		{"NumericNotEquals", `"1"`, absent, both},
		{"NumericLessThan", `"10"`, "9", both},
		{"NumericLessThan", `"10"`, "10", neither},
		{"NumericLessThan", `"-1"`, "-2", both},
		{"NumericLessThan", `"1"`, "-5", both},
		{"NumericLessThan", `"0.1"`, "0.09", both},
		{"NumericLessThan", `"10"`, "x", neither},
		{"NumericLessThan", `["5","10"]`, "7", both},
		{"NumericLessThanEquals", `"10"`, "10", both},
		{"NumericLessThanEquals", `"10"`, "10.0000000000000000001", neither},
		{"NumericGreaterThan", `"10"`, "1e30", both},
		{"NumericGreaterThan", `"10"`, "10", neither},
		{"NumericGreaterThanEquals", `"10"`, "10", both},
		{"NumericGreaterThanEqualsIfExists", `"10"`, absent, both},

		{"DateEquals", `"2030-01-01T00:00:00Z"`, "1893456000", both},
		{"DateEquals", `"2030-01-01T00:00:00Z"`, "2030-01-01", both},
		{"DateEquals", `"2030-01-01T00:00:00Z"`, "2030-01-01T01:00:00+01:00", both},
		{"DateEquals", `"2030-01-01T00:00:00.0009Z"`, "2030-01-01T00:00:00Z", both}, // milliseconds
		{"DateEquals", `"2030-01-01T00:00:00.001Z"`, "2030-01-01T00:00:00Z", neither},
		{"DateEquals", `"2030-01-01T00:00:00Z"`, "not-a-date", neither},
		{"DateEquals", `"2030-01-01T00:00:00Z"`, "", neither},
		{"DateEquals", `"not-a-date"`, "2030-01-01T00:00:00Z", neither},
		{"DateNotEquals", `"2030-01-01T00:00:00Z"`, "not-a-date", both},
		{"DateNotEquals", `"not-a-date"`, "2030-01-01T00:00:00Z", both},
		{"DateNotEquals", `"2030-01-01T00:00:00Z"`, absent, both},
		{"DateLessThan", `"2030-01-01T00:00:00Z"`, "2029-12-31T23:59:59.999Z", both},
		{"DateLessThan", `"2030-01-01T00:00:00Z"`, "2030-01-01T00:00:00Z", neither},
		{"DateLessThanEquals", `"2030-01-01T00:00:00Z"`, "2030-01-01T00:00:00Z", both},
		{"DateGreaterThan", `"2030-01-01T00:00:00Z"`, "2030-01-01T00:00:00.001Z", both},
		{"DateGreaterThanEquals", `"2030"`, "2030-01-01T00:00:00Z", both},
		{"DateGreaterThanEquals", `1893456000`, "2030-01", both},
		{"DateLessThanIfExists", `"2030-01-01T00:00:00Z"`, absent, both},

		{"Bool", `"true"`, "TRUE", both},
		{"Bool", `true`, "true", both},
		{"Bool", `"TRUE"`, "true", both},
		{"Bool", `"true"`, "yes", neither},
		{"Bool", `"false"`, "yes", both},
		{"Bool", `"yes"`, "false", both}, // a literal that isn't true is false
		{"Bool", `"false"`, absent, neither},
		{"BoolIfExists", `"false"`, absent, both},

		{"BinaryEquals", `"QmluYXJ5VmFsdWVJbkJhc2U2NA=="`, "QmluYXJ5VmFsdWVJbkJhc2U2NA==", both},
		{"BinaryEquals", `"QQ=="`, "Qg==", neither},
		{"BinaryEquals", `"QQ=="`, "not base64", neither},
		{"BinaryEquals", `"QQ=="`, absent, neither},
		{"BinaryEqualsIfExists", `"QQ=="`, absent, both},

		{"IpAddress", `"203.0.113.0/24"`, "203.0.113.255", both},
		{"IpAddress", `"203.0.113.0/24"`, "203.0.114.0", neither},
		{"IpAddress", `"203.0.113.7"`, "203.0.113.7", both},
		{"IpAddress", `"203.0.113.9/24"`, "203.0.113.1", both},   // host bits count for nothing
		{"IpAddress", `"192.000.002.0/+24"`, "192.0.2.01", both}, // leading zeros and plus
		{"IpAddress", `"192.0.2.0/24"`, "::ffff:192.0.2.1", both},
		{"IpAddress", `"::ffff:c000:200/120"`, "192.0.2.1", neither},
		{"IpAddress", `"2001:db8:1234:5678::/64"`, "2001:DB8:1234:5678::1", both},
		{"IpAddress", `"2001:db8::5/64"`, "2001:db8::5", neither},
		{"IpAddress", `"2001:db8::4/127"`, "2001:db8::5", both},
		{"IpAddress", `"2001:db8::1"`, "2001:db8::2", neither},
		{"IpAddress", `["2001:db8::5/64","2001:db8::/64"]`, "2001:db8::1", both},
		{"IpAddress", `"2001:db8::1/128"`, "2001:db8:::1", both},
		{"IpAddress", `"2001:db8::1/128"`, "2001:db8::1:", both},
		{"IpAddress", `"2001:db8::1/128"`, ":2001:db8::1", neither},
		{"NotIpAddress", `"2001:db8::1/128"`, ":2001:db8::1", both},
		{"NotIpAddress", `"2001:db8::1/128"`, "2001:db8::::1", neither},
		{"IpAddress", `"::/0"`, ":::", both},
		{"NotIpAddress", `"::/0"`, "2001::db8::1", neither},
		{"NotIpAddress", `"::/0"`, "::ffff:::192.0.2.1", neither},
		{"IpAddress", `"not-an-ip"`, "192.0.2.1", neither},
		{"NotIpAddress", `"not-an-ip"`, "192.0.2.1", both},
		{"NotIpAddress", `"192.0.2.0/24"`, "not-an-ip", neither},
		{"NotIpAddress", `["192.0.2.0/24","not-an-ip"]`, "192.0.2.1", neither},
		{"NotIpAddress", `["192.0.2.0/24","not-an-ip"]`, "192.0.3.1", both},
		{"NotIpAddress", `"192.0.2.0/24"`, absent, both},
		{"IpAddress", `"fe80::/10"`, "fe80::1%eth0", neither},

		{"ArnEquals", `"arn:aws:iam::*:user/*"`, "arn:aws:iam::123456789012:user/a/b:c", both},
		{"ArnLike", `"arn:aws:s3:*:111122223333:finance/*"`, "arn:aws:s3:us-east-2:999999999999:store/abc:111122223333:finance/document.txt", neither},
		{"ArnLike", `"*"`, "arn:aws:iam::123456789012:root", both},
		{"ArnLike", `"arn:aws:iam::123456789012:role/?"`, "arn:aws:iam::123456789012:role/x", both},
		{"ArnNotEquals", `"arn:aws:iam::*:role/*"`, "arn:aws:iam::123456789012:user/test", both},
		{"ArnNotLike", `"arn:aws:iam::*:user/*"`, "arn:aws:iam::123456789012:user/test", neither},
		{"ArnNotLike", `"arn:aws:iam::*:user/*"`, absent, both},
		{"ArnNotLike", `"arn:aws:iam::*:user/*"`, "not-an-arn", neither},
		{"ArnLike", `"not-an-arn"`, "not-an-arn", neither},
		{"ArnLike", `"not-an-arn"`, "arn:aws:iam::123456789012:user/test", denyOnly},
		{"ArnLike", `["not-an-arn","arn:aws:iam::*:user/*"]`, "arn:aws:iam::123456789012:user/test", denyOnly},
		{"ArnLike", `["arn:aws:iam::*:user/*","not-an-arn"]`, "arn:aws:iam::123456789012:user/test", both},
		{"ArnLike", `["arn:aws:iam::*:role/*","not-an-arn"]`, "arn:aws:iam::123456789012:user/test", denyOnly},
		{"ArnNotLike", `["not-an-arn","arn:aws:iam::*:user/*"]`, "arn:aws:iam::123456789012:user/test", denyOnly},
		{"ArnNotLike", `["arn:aws:iam::*:user/*","not-an-arn"]`, "arn:aws:iam::123456789012:user/test", neither},
		{"ArnNotLike", `["arn:aws:iam::*:role/*","not-an-arn"]`, "arn:aws:iam::123456789012:user/test", denyOnly},
		{"ArnLikeIfExists", `"arn:aws:iam::*:user/*"`, absent, both},

		{"Null", `"true"`, absent, both},
		{"Null", `true`, "", neither},
		{"Null", `"false"`, "", both},
		{"Null", `"TRUE"`, "present", neither},
		{"Null", `"yes"`, "present", both},
		{"Null", `["true","false"]`, "x", both},

		{"StringEquals", `[]`, "x", neither},
		{"StringNotEquals", `[]`, "x", neither},
		{"StringNotEquals", `[]`, absent, neither},
		{"StringEqualsIfExists", `[]`, absent, both},
	} {
		got := holdsFor(t, fmt.Sprintf(`%q:{"K:V":%s}`, c.operator, c.policy), single(c.request))
		if got != c.want {
			t.Errorf("%s %s with %q matches for [%s], want [%s]", c.operator, c.policy, c.request, got, c.want)
		}
	}
}

func TestSetOperators(t *testing.T) {
	list := func(values ...string) Context {
		var c Context
		c.SetList("k:v", values...)
		return c
	}
	for _, c := range []struct {
		operator, policy string
		ctx              Context
		want             string
	}{
		{"ForAllValues:StringEquals", `["team","env"]`, list("team", "env"), both},
		{"ForAllValues:StringEquals", `"team"`, list("team", "env"), neither},
		{"ForAllValues:StringEquals", `"team"`, list(), both},
		{"ForAllValues:StringEquals", `"team"`, Context{}, both},
		{"ForAllValues:StringEquals", `"team"`, single("team"), both},
		{"ForAllValues:StringEquals", `"team"`, single(""), neither},
		{"ForAllValues:StringEquals", `[]`, Context{}, both},
		{"ForAllValues:StringEquals", `[]`, list("team"), neither},
		{"ForAllValues:StringNotEquals", `"team"`, list("env"), both},
		{"ForAllValues:StringNotEquals", `"team"`, list("team", "env"), neither},
		{"ForAllValues:StringLike", `"t*"`, list("team", "tier"), both},
		{"ForAllValues:ArnLike", `"not-an-arn"`, list("arn:aws:iam::1:user/x"), denyOnly},
		{"ForAllValues:NumericLessThan", `5`, list("1", "x"), neither},
		{"ForAnyValue:StringEquals", `"team"`, list("team", "env"), both},
		{"ForAnyValue:StringEquals", `"team"`, list("env"), neither},
		{"ForAnyValue:StringEquals", `"team"`, list(), neither},
		{"ForAnyValue:StringEquals", `"team"`, Context{}, neither},
		{"ForAnyValue:StringEqualsIfExists", `"team"`, Context{}, neither},
		{"ForAnyValue:StringNotEquals", `"team"`, Context{}, neither},
		{"ForAnyValue:StringNotEquals", `"team"`, list("team", "env"), both},
		{"ForAnyValue:StringNotEquals", `"team"`, list("team"), neither},
		{"ForAnyValue:StringEquals", `""`, single(""), both},
		{"ForAnyValue:StringEquals", `[]`, list("x"), neither},
		{"ForAnyValue:ArnLike", `["arn:aws:iam::*:user/*","not-an-arn"]`, list("arn:aws:iam::1:user/x", "arn:aws:iam::1:role/x"), denyOnly},
		{"ForAnyValue:StringEqualsIgnoreCase", `"S"`, list("ſ"), neither},
		{"ForAnyValue:Bool", `true`, list("false", "true"), both},

		// a multivalued key and an operator for one value
		{"StringEquals", `"team"`, list("team"), neither},
		{"StringNotEquals", `"team"`, list("env"), neither},
		{"StringEqualsIfExists", `"team"`, list("team"), neither},
		{"StringNotEquals", `"team"`, list(), both},
		{"StringEqualsIfExists", `"team"`, list(), neither},
		{"Null", `"false"`, list(), both},
		{"Null", `"true"`, list("x"), neither},
	} {
		got := holdsFor(t, fmt.Sprintf(`%q:{"k:v":%s}`, c.operator, c.policy), c.ctx)
		values, present := c.ctx.Get("K:V")
		if got != c.want {
			t.Errorf("%s %s with %q (present %v) matches for [%s], want [%s]", c.operator, c.policy, values, present, got, c.want)
		}
	}
}

func TestConditionsAreJoinedByAnd(t *testing.T) {
	var ctx Context
	ctx.Set("a", "1")
	ctx.Set("b", "2")
	for condition, want := range map[string]string{
		`"StringEquals":{"a":"1","b":"2"}`:                          both,
		`"StringEquals":{"a":"1","b":"3"}`:                          neither,
		`"StringEquals":{"a":"1"},"NumericLessThan":{"b":3}`:        both,
		`"StringEquals":{"a":"1"},"NumericLessThan":{"b":2}`:        neither,
		`"StringEquals":{"A":"1"},"StringEqualsIfExists":{"c":"x"}`: both,
		`"StringEquals":{},"NoSuchOperator":{}`:                     both,
		``:                                                          both,
	} {
		if got := holdsFor(t, condition, ctx); got != want {
			t.Errorf("{%s} matches for [%s], want [%s]", condition, got, want)
		}
	}
}
