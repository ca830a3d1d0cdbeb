package policy

import (
	"fmt"
	"strings"
	"testing"
)

// manyStatements makes a policy of n statements in the mix of real ones: most
// speak of another action or resource, one in ten speaks of the request's
// action and resource but fails by its condition, and the last allows.
func manyStatements(tb testing.TB, n int) *Document {
	var b strings.Builder
	b.WriteString(`{"Version":"2012-10-17","Statement":[`)
	for i := 0; i < n-1; i++ {
		switch i % 10 {
		case 0:
			fmt.Fprintf(&b, `{"Effect":"Deny","Action":"s3:*","Resource":"arn:aws:s3:::bucket-%d/*"},`, i)
		case 3:
			b.WriteString(`{"Effect":"Allow","Action":"ec2:*","Resource":"*","Condition":{"NumericLessThan":{"aws:MultiFactorAuthAge":"300"},"IpAddress":{"aws:SourceIp":"203.0.113.0/24"}}},`)
		case 5:
			b.WriteString(`{"Effect":"Deny","NotAction":["iam:*","ec2:*"],"Resource":"*","Condition":{"BoolIfExists":{"aws:MultiFactorAuthPresent":"false"}}},`)
		case 7:
			fmt.Fprintf(&b, `{"Effect":"Allow","Action":["ec2:Stop*","ec2:Start*"],"Resource":"arn:aws:ec2:*:*:instance/${aws:username}-%d"},`, i)
		default:
			fmt.Fprintf(&b, `{"Effect":"Allow","Action":["iam:Get%d","iam:List*","dynamodb:*"],"Resource":"arn:aws:iam::*:user/${aws:username}"},`, i)
		}
	}
	b.WriteString(`{"Effect":"Allow","Action":"ec2:StopInstances","Resource":"arn:aws:ec2:us-east-1:111122223333:instance/*","Condition":{"Bool":{"aws:MultiFactorAuthPresent":"true"}}}]}`)
	return mustParse(tb, b.String())
}

func benchRequest(tb testing.TB, n int) *Request {
	w := user(accountA, "Carol", mfaContext("true", 400))
	w.ctx.Set("aws:SourceIp", "203.0.113.7")
	return &Request{Principal: w.principal, Context: w.ctx, Action: "ec2:StopInstances", ResourceAccount: accountA,
		Resource: "arn:aws:ec2:us-east-1:111122223333:instance/i-0123456789", Identity: []Named{{Name: "many", Document: manyStatements(tb, n)}}}
}

func BenchmarkEvaluate(b *testing.B) {
	for _, n := range []int{10, 100, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			r := benchRequest(b, n)
			if !Evaluate(r).Allowed() {
				b.Fatal("not allowed")
			}
			b.ReportAllocs()
			for b.Loop() {
				Evaluate(r)
			}
		})
	}
}

func BenchmarkExplain(b *testing.B) {
	d := Evaluate(benchRequest(b, 100))
	b.ReportAllocs()
	for b.Loop() {
		d.Explain()
	}
}

func BenchmarkParse(b *testing.B) {
	text, err := manyStatements(b, 100).MarshalJSON()
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(text); err != nil {
			b.Fatal(err)
		}
	}
}
