package policy

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

func seedPolicies(f *testing.F) {
	files, err := filepath.Glob("testdata/policies/*/*.json")
	if err != nil || len(files) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	for _, text := range []string{`{}`, `{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"Bool":{"a":true},"NumericEquals":{"b":[1e400,"-.5"]},"Null":{"c":[]}}}}`,
		`{"Version":"2012-10-17","Statement":[{"Effect":"Deny","NotPrincipal":{"AWS":["*"],"CanonicalUser":"x"},"NotAction":["?:*"],"NotResource":["arn:*:${aws:username, '}'}:u*1:${*}","arn:aws:s?:::é??*"],"Condition":{"ForAnyValue:ArnLikeIfExists":{"k":["${","*","arn:a:b:c:d:e:f"]}}}]}`} {
		f.Add([]byte(text))
	}
}

// fuzzRequests ask about a bit of everything.
func fuzzRequests(d *Document) []*Request {
	var ctx Context
	ctx.Set("aws:username", "Carol:*?\xff")
	ctx.Set("aws:MultiFactorAuthPresent", "true")
	ctx.Set("aws:MultiFactorAuthAge", "12")
	ctx.Set("a", "true")
	ctx.Set("b", "-0.5e0")
	ctx.SetList("k", "arn:a:b:c:d:e:f", "𐐀")
	for _, key := range d.ContextKeys() {
		if _, ok := ctx.Get(key); !ok && len(key)%2 == 0 {
			ctx.Set(key, "2030-01-01")
		}
	}
	var out []*Request
	for _, who := range []Principal{aUser, aRole, aRoot, aFed, aSvc, aWeb, {}} {
		for _, resource := range []string{"*", "arn:aws:s3:::account-a-bucket/k", "arn:aws:iam::111122223333:mfa/Carol"} {
			n := Named{Name: "fuzzed", Document: d}
			out = append(out,
				&Request{Principal: who, Action: "s3:PutObject", Resource: resource, Context: ctx, Identity: []Named{n}},
				&Request{Principal: who, Action: "ec2:StopInstances", Resource: resource, Context: ctx, ResourcePolicy: &n, ResourceAccount: accountA},
				&Request{Principal: who, Action: "sts:AssumeRole", Resource: resource, Context: ctx, ResourcePolicy: &n, Trust: true, Boundary: &n, Session: []Named{n}})
		}
	}
	return out
}

// What parses prints, what is printed parses, and both mean the same.
func FuzzParse(f *testing.F) {
	seedPolicies(f)
	f.Fuzz(func(t *testing.T, text []byte) {
		d, err := Parse(text)
		if err != nil {
			if Message(err, Identity) == "" || Message(err, Trust) == "" || Message(err, Resource) == "" {
				t.Errorf("no message for %v", err)
			}
			return
		}
		printed, err := json.Marshal(d)
		if err != nil {
			t.Fatalf("can't print: %v", err)
		}
		if len(printed) > MaxSize {
			return
		}
		again, err := Parse(printed)
		if err != nil {
			t.Fatalf("printed %s: %v", printed, err)
		}
		for k := Identity; k <= Resource; k++ {
			if a, b := d.Validate(k), again.Validate(k); (a == nil) != (b == nil) || a != nil && a.Error() != b.Error() {
				t.Errorf("as kind %d: %v, printed: %v", k, a, b)
			}
		}
		here, there := fuzzRequests(d), fuzzRequests(again)
		for i := range here {
			a, b := Evaluate(here[i]), Evaluate(there[i])
			if a.Outcome != b.Outcome || a.By != b.By || a.Statement != b.Statement {
				t.Errorf("%s: got %s by %s, printed: %s by %s", printed, a.Outcome, a.By, b.Outcome, b.By)
			}
			if a.Explain().String() == "" {
				t.Error("no explanation")
			}
		}
	})
}

// A condition compares any policy value with any request value, and explains
// the same result.
func FuzzCondition(f *testing.F) {
	for _, s := range [][3]string{
		{"StringLike", "a*?b", "a𐐀b"}, {"StringEqualsIgnoreCase", "İΣ", "i̇ς"}, {"NumericLessThan", "1e-400", "-.5"},
		{"DateGreaterThan", "2016-12-13t2:00:00.593194+23", "-292275054"}, {"IpAddress", ":2001:db8:::1/64", "::ffff:192.000.2.1"},
		{"ForAllValues:ArnNotLikeIfExists", "arn:aws:iam::*:user/${aws:username}", "arn:aws:iam::1:user/x"}, {"BinaryEquals", "QQ==", "QQ=="},
		{"Null", "true", ""}, {"Bool", "${k:v}", "TRUE"}, {"NotIpAddress", "1.2.3.4/+08", "1.2.3"},
	} {
		f.Add(s[0], s[1], s[2])
	}
	f.Fuzz(func(t *testing.T, operator, want, got string) {
		text, err := json.Marshal(map[string]any{"Version": Version2012, "Statement": map[string]any{"Effect": "Deny", "Action": "*", "Resource": "*",
			"Condition": map[string]any{operator: map[string]any{"k:v": want}}}})
		if err != nil {
			t.Skip()
		}
		d, err := Parse(text)
		if err != nil {
			return
		}
		r := &Request{Principal: aUser, Action: "a:B", Resource: "*", Identity: []Named{{Name: "p", Document: d}}}
		r.Context.Set("k:v", got)
		decision := Evaluate(r)
		s := decision.Explain().Policies[0].Statements[0]
		if (decision.Outcome == ExplicitDeny) != (s.Mismatch == Matches) {
			t.Errorf("decided %s, explained as %s", decision.Outcome, s)
		}
	})
}
