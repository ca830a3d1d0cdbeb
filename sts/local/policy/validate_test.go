package policy

import (
	"errors"
	"fmt"
	"testing"
)

// refusal is the service's message for a text as a policy of kind k, "" where
// it is accepted.
func refusal(text string, k Kind) string {
	d, err := Parse([]byte(text))
	if err == nil {
		err = d.Validate(k)
	}
	if err == nil {
		return ""
	}
	return Message(err, k)
}

const iamPathMessage = `IAM resource path must either be "*" or start with user/, federated-user/, role/, group/, instance-profile/, mfa/, server-certificate/, policy/, sms-mfa/, saml-provider/, oidc-provider/, report/, access-report/.`

// Answers of CreatePolicy, recorded from IAM.
func TestManagedPolicyMessages(t *testing.T) {
	doc := func(statement string) string { return `{"Version":"2012-10-17","Statement":` + statement + `}` }
	one := func(members string) string { return doc(`{"Effect":"Allow",` + members + `}`) }
	const action, resource = `"Action":"s3:ListBucket"`, `"Resource":"arn:aws:s3:::example_bucket"`
	for _, c := range []struct{ text, want string }{
		{`This is not a json document`, msgSyntax},
		{``, msgSyntax},
		{`{"Statement":{"Effect":"Allow",` + action + `,` + resource + `}}`, msgVersion},
		{`{"Version":"2008-10-17","Statement":{"Effect":"Allow",` + action + `,` + resource + `}}`, msgVersion},
		{`{"Version":"2013-10-17","Statement":{"Effect":"Allow",` + action + `,` + resource + `}}`, msgSyntax},
		{`{"Version":"2012-10-17"}`, msgSyntax},
		{doc(`["afd"]`), msgSyntax},
		{doc(`[]`), msgSyntax},
		{`{"Version":"2012-10-17","Statement":[],"Extra field":"value"}`, msgSyntax},
		{one(action + `,` + resource + `,"Extra field":"value"`), msgSyntax},
		{`{"Version":"2012-10-17","Id":["x"],"Statement":[]}`, msgSyntax},
		{`{"Version":"2012-10-17","Id":{},"Statement":[]}`, msgSyntax},
		{doc(`{"Effect":"invalid",` + action + `,` + resource + `}`), msgSyntax},
		{one(`"Action":"invalid",` + resource), msgNoVendor},
		{one(`"NotAction":"",` + resource), msgNoVendor},
		{one(`"Action":"a a:ListBucket",` + resource), "Vendor a a is not valid"},
		{one(`"Action":"s3:List:Bucket",` + resource), msgColons},
		{doc(`[{"Effect":"Allow","Action":"s3s:ListBucket",` + resource + `},{"Effect":"Allow","Action":"s:3s:ListBucket",` + resource + `}]`), msgColons},
		{one(action + `,"Resource":"invalid resource"`), `Resource invalid resource must be in ARN format or "*".`},
		{one(action + `,"Resource":""`), `Resource  must be in ARN format or "*".`},
		{one(`"Action":"s:3:ListBucket","Resource":"sdfsadf"`), `Resource sdfsadf must be in ARN format or "*".`},
		{one(action + `,"Resource":["adf"]`), `Resource adf must be in ARN format or "*".`},
		{one(`"NotAction":"s3s:ListBucket","Resource":"a:bsdfdsafsad"`), `Partition "bsdfdsafsad" is not valid for resource "arn:bsdfdsafsad:*:*:*:*".`},
		{one(`"NotAction":"s3s:ListBucket","Resource":"a:b:cadfsdf"`), `Partition "b" is not valid for resource "arn:b:cadfsdf:*:*:*".`},
		{one(`"NotAction":"s3s:ListBucket","Resource":"a:b:c:d:e:f:g:h"`), `Partition "b" is not valid for resource "arn:b:c:d:e:f:g:h".`},
		{one(action + `,"Resource":"aws:s3:::example_bucket"`), `Partition "s3" is not valid for resource "arn:s3:::example_bucket:*".`},
		{one(action + `,"Resource":["arn:error:s3:::example_bucket","arn:error:s3::example_bucket"]`), `Partition "error" is not valid for resource "arn:error:s3:::example_bucket".`},
		{one(action), msgNoResources},
		{one(action + `,"Resource":[]`), msgNoResources},
		{one(`"Action":"invalid"`), msgNoVendor},
		{one(resource), msgNoActions},
		{doc(`{"Effect":"Allow"}`), msgNoActions},
		{one(`"Action":[],` + resource), msgNoActions},
		{doc(`[{"Effect":"Deny"},{"Effect":"Allow",` + action + `,` + resource + `}]`), msgNoActions},
		{doc(`{` + action + `,` + resource + `}`), msgSyntax},
		{one(action + `,"Resource":"arn:aws:iam:::example_bucket"`), iamPathMessage},
		{one(action + `,"Resource":"arn:aws:s3::example_bucket"`), msgLegacy},
		{one(`"Resource":"arn:aws:s3::example_bucket"`), msgLegacy},
		{one(action + `,"NotResource":"arn:aws:s3::example_bucket"`), msgLegacy},
		{one(action + `,"Resource":"arn:aws::fdsasf"`), msgLegacy},
		{one(`"NotAction":"s3:ListBucket","Resource":"arn:aws::::example_bucket"`), msgLegacy},
		{one(action + `,"Resource":"arn:aws"`), msgFullVendor},
		{one(action + `,"Resource":{"a":"b"}`), msgSyntax},
		{one(action + `,"Resource":["adfdf",{}]`), msgSyntax},
		{one(`"NotAction":"s3:ListBucket",` + resource + `,"NotResource":[]`), msgSyntax},
		{one(`"Action":[[]],` + resource), msgSyntax},
		{one(`"NotAction":"s3s:ListBucket","Action":[],` + resource), msgSyntax},
		{one(`"Action":{},` + resource), msgSyntax},
		{one(action + `,` + resource + `,"Condition":[]`), msgSyntax},
		{one(action + `,` + resource + `,"Condition":"a"`), msgSyntax},
		{one(action + `,` + resource + `,"Condition":{"a":"b"}`), msgSyntax},
		{one(action + `,` + resource + `,"Condition":{"DateGreaterThan":"b"}`), msgSyntax},
		{one(action + `,` + resource + `,"Condition":{"DateGreaterThan":[]}`), msgSyntax},
		{one(action + `,` + resource + `,"Condition":{"DateGreaterThan":{"a":{}}}`), msgSyntax},
		{one(action + `,` + resource + `,"Condition":{"x":{"a":"1"}}`), msgSyntax},
		{one(action + `,` + resource + `,"Condition":{"ForAnyValue::StringEqualsIfExists":{"a":"asf"}}`), msgSyntax},
		{one(action + `,` + resource + `,"Condition":{"NullIfExists":{"a":"true"}}`), msgSyntax},
		{one(action + `,` + resource + `,"Condition":{"ForAllValues:Null":{"a":"true"}}`), msgSyntax},
		{one(action + `,"Resource":"arn:aws:iam:us-east-1::example_bucket"`), "IAM resource arn:aws:iam:us-east-1::example_bucket cannot contain region information."},
		{one(action + `,"Resource":"arn:aws:s3:us-east-1::example_bucket"`), "Resource arn:aws:s3:us-east-1::example_bucket can not contain region information."},
		{one(`"Sid":{},` + action + `,` + resource), msgSyntax},
		{doc(`[{"Sid":"sdf","Effect":"Allow",` + action + `,` + resource + `},{"Sid":"sdf","Effect":"Allow"}]`), msgSidUnique},
		{`{"Statement":[{"Sid":"sdf","Effect":"Allow"},{"Sid":"sdf","Effect":"Allow"}]}`, msgVersion},
		{one(`"Sid":"not-this",` + action + `,` + resource), msgSidFormat},
		{doc(`{"Effect":"denY",` + action + `,` + resource + `}`), msgLegacy},
		{`{"Statement":{"Effect":"denY",` + action + `,` + resource + `}}`, msgVersion},
		{one(`"Principal":"*",` + action + `,` + resource), msgPrincipal},
		{one(`"Condition":{"DateGreaterThan":{"a":"sdfdsf"}}`), msgLegacy},
		{`{"Statement":{"Effect":"Allow","Condition":{"DateGreaterThan":{"a":"sdfdsf"}}}}`, msgVersion},
		{one(action + `,"Resource":"arn:error:s3:::b","Condition":{"DateGreaterThan":{"a":"sdfdsf"}}`), msgLegacy},
		{one(action + `,"Resource":"arn:aws:s3:::${aws:username"`), msgLegacy},
		{one(action + `,"Resource":"arn:aws:s3:::${}"`), msgLegacy},
		{one(action + `,"Resource":"arn:aws:s3:::${aws:username, x}"`), msgLegacy},

		{one(action + `,"Resource":["arn:aws:s3:::example_bucket","*"]`), ""},
		{one(`"Action":"iam: asdf safdsf af ",` + resource), ""},
		{one(`"Action":"s3.s:ListBucket","NotResource":"*"`), ""},
		{one(action + `,"Resource":"arn:aws:iam:::user/example_bucket"`), ""},
		{one(action + `,"Resource":"arn:aws:iam::*:mfa/${aws:username}"`), ""},
		{one(action + `,"Resource":"arn:aws:iam::*:*"`), ""},
		{one(action + `,"Resource":"arn:aws:iam::111122223333:ro*"`), ""},
		{one(action + `,"Resource":"arn:aws:iam::111122223333:root"`), ""},
		{one(action + `,"Resource":"${aws:PrincipalTag/arn}"`), ""},
		{one(action + `,"Resource":"arn:${aws:PrincipalTag/p}:s3:::b"`), ""},
		{one(action + `,"Resource":"arn:aws:s33:::example_bucket"`), ""},
		{one(action + `,"Resource":"arn:aws:fdsasf"`), ""},
		{one(action + `,"Resource":"arn:aws-us-gov:s3:::b"`), ""},
		{one(action + `,"Resource":"arn:aws:cloudwatch:us-east-1::example_bucket"`), ""},
		{one(`"Action":"s3:*","Resource":"arn:aws:s3:us-west-2:123456789012:accesspoint/a/object/*"`), ""},
		{one(action + `,` + resource + `,"Condition":{}`), ""},
		{one(action + `,` + resource + `,"Condition":{"x":{},"y":{}}`), ""},
		{one(action + `,` + resource + `,"Condition":{"DateGreaterThan":{"a":[]}}`), ""},
		{one(action + `,` + resource + `,"Condition":{"ForAnyValue:StringEqualsIfExists":{"a":"asf"}}`), ""},
		{`{"Version":"2012-10-17","Id":"x","Statement":[{"Sid":"","Effect":"Allow",` + action + `,` + resource + `},{"Sid":"","Effect":"Allow",` + action + `,` + resource + `}]}`, ""},
	} {
		for _, k := range []Kind{Managed, Boundary} {
			if got := refusal(c.text, k); got != c.want {
				t.Errorf("%s\n got %q\nwant %q", c.text, got, c.want)
			}
		}
	}
}

// Which literals of conditions are stored: by IAM's policies, by STS's sessions.
func TestConditionLiterals(t *testing.T) {
	for _, c := range []struct {
		condition       string
		stored, session bool
	}{
		{`"NumericEquals":{"a":"01"}`, true, true},
		{`"NumericEquals":{"a":"NaN"}`, false, true},
		{`"NumericEquals":{"a":"no-number"}`, false, true},
		{`"NumericEquals":{"a":"${k:one}"}`, false, true},
		{`"Bool":{"a":"yes"}`, true, true},
		{`"Null":{"a":"yes"}`, true, true},
		{`"Null":{"a":"${k:x}"}`, false, true},
		{`"ArnLike":{"a":"not-an-arn"}`, false, true},
		{`"ArnLike":{"a":"${k:arn}"}`, true, true},
		{`"ArnLike":{"a":"*"}`, true, true},
		{`"IpAddress":{"a":"not-an-ip"}`, false, true},
		{`"IpAddress":{"a":"2001:db8::5/64"}`, false, true},
		{`"IpAddress":{"a":"::ffff:192.0.2.1"}`, false, true},
		{`"IpAddress":{"a":"192.0.2.1/33"}`, false, true},
		{`"BinaryEquals":{"a":"no-binary"}`, false, false},
		{`"StringEquals":{"a":"${}"}`, false, false},
		{`"DateEquals":{"a":"not-a-date"}`, false, true},
		{`"DateGreaterThan":{"a":"01T"}`, true, true},
		{`"DateLessThan":{"a":"-292275054"}`, true, true},
		{`"DateLessThan":{"a":"-292275055"}`, false, true},
		{`"DateLessThan":{"a":"9223372036854775807"}`, true, true},
		{`"DateLessThan":{"a":"9223372036854775808"}`, false, true},
		{`"DateLessThanEquals":{"a":"234-13"}`, false, true},
		{`"DateLessThanEquals":{"a":"2016-12-13T21:20:37.593194+00:00"}`, true, true},
		{`"DateLessThanEquals":{"a":"2016-12-13t2:00:00.593194+23"}`, true, true},
		{`"DateLessThanEquals":{"a":"2016-12-13t2:00:00.593194+1"}`, false, true},
		{`"DateLessThanEquals":{"a":"2016-12-13t2:00:00.1999999999+10:59"}`, false, true},
	} {
		text := fmt.Sprintf(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"a:b","Resource":"*","Condition":{%s}}}`, c.condition)
		for k, want := range map[Kind]bool{Identity: c.stored, Managed: c.stored, Session: c.session} {
			if got := refusal(text, k); (got == "") != want || got != "" && got != msgLegacy {
				t.Errorf("%s as kind %d: %q, want accepted %v", c.condition, k, got, want)
			}
		}
	}
}

func TestInlinePoliciesMayBeOld(t *testing.T) {
	text := `{"Statement":[{"Effect":"Allow","Action":"ec2:*","Resource":"*"}]}`
	for k, want := range map[Kind]string{Identity: "", Session: "", Managed: msgVersion, Boundary: msgVersion} {
		if got := refusal(text, k); got != want {
			t.Errorf("kind %d: %q", k, got)
		}
	}
}

func TestTrustPolicyMessages(t *testing.T) {
	one := func(members string) string {
		return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow",` + members + `}]}`
	}
	const assume = `,"Action":"sts:AssumeRole"`
	for _, c := range []struct{ text, want string }{
		{`{invalid`, "This policy contains invalid Json"},
		{`{"Version":"2012-10-17","Statement":[]}`, "Could not parse the policy: Statement is empty!"},
		{one(`"Action":"sts:AssumeRole"`), "Missing required field Principal"},
		{one(`"Principal":{}` + assume), "Missing required field Principal cannot be empty!"},
		{one(`"Principal":{"AWS":[]}` + assume), "Missing required field Principal cannot be empty!"},
		{one(`"Principal":"*"`), "Missing required field Action"},
		{one(`"Principal":{"AWS":"*"},"Action":"*"`), "AssumeRole policy may only specify STS AssumeRole actions."},
		{one(`"Principal":{"AWS":"*"},"Action":"s3:GetObject"`), "AssumeRole policy may only specify STS AssumeRole actions."},
		{one(`"Principal":{"AWS":"*"}` + assume + `,"Resource":"*"`), "Has prohibited field Resource"},
		{one(`"Principal":{"AWS":"*"}` + assume + `,"NotResource":"*"`), "AssumeRole policy must not contain resources."},
		{one(`"NotPrincipal":{"AWS":"*"}` + assume), "Allow with NotPrincipal is not allowed."},
		{one(`"Principal":{"AWS":"arn:aws:iam::111122223333:user/*"}` + assume), `Invalid principal in policy: "AWS":"arn:aws:iam::111122223333:user/*"`},
		{one(`"Principal":{"AWS":"bob"}` + assume), `Invalid principal in policy: "AWS":"bob"`},
		{one(`"Principal":{"AWS":"arn:aws:iam::1:root"}` + assume), `Invalid principal in policy: "AWS":"arn:aws:iam::1:root"`},
		{one(`"Principal":{"Service":"ec2"}` + assume), `Invalid principal in policy: "SERVICE":"ec2"`},
		{one(`"Principal":{"Foo":"x"}` + assume), "Unknown field Foo"},
		{`{"Statement":[{"Principal":"*","Action":"sts:AssumeRole"}]}`, "Missing required field Effect"},
		{one(`"Sid":"a","Sid":"b","Principal":"*"` + assume), msgSyntax},
		{`{"Statement":{"Effect":"allow","Principal":"*","Action":"sts:AssumeRole"}}`, msgSyntax},
		{one(`"Principal":"*"` + assume + `,"Condition":{"NumericLessThan":{"a":"x"}}`), msgSyntax},

		{one(`"Principal":{"AWS":"111122223333"}` + assume), ""},
		{one(`"Principal":{"AWS":["arn:aws:iam::111122223333:root","arn:aws-cn:iam::111122223333:role/p/r","AROAEXAMPLE"]}` + assume), ""},
		{one(`"Principal":{"AWS":"arn:aws:sts::111122223333:assumed-role/r/s"}` + assume), ""},
		{one(`"Principal":{"Service":"rolesanywhere.amazonaws.com"},"Action":["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"]`), ""},
		{one(`"Principal":{"Federated":"accounts.google.com"},"Action":"sts:AssumeRoleWithWebIdentity"`), ""},
	} {
		if got := refusal(c.text, Trust); got != c.want {
			t.Errorf("%s\n got %q\nwant %q", c.text, got, c.want)
		}
	}
}

func TestResourcePolicyMessages(t *testing.T) {
	one := func(members string) string {
		return `{"Version":"2012-10-17","Id":"any text","Statement":[{"Sid":"any text","Effect":"Deny",` + members + `}]}`
	}
	for _, c := range []struct{ text, want string }{
		{`[`, "Policies must be valid JSON and the first byte must be '{'"},
		{`[]`, msgS3Syntax},
		{one(`"Action":"s3:*","Resource":"*"`), "Missing required field Principal"},
		{one(`"Principal":"*","Resource":"*"`), "Missing required field Action"},
		{one(`"Principal":"*","Action":"s3:*"`), "Missing required field Resource"},
		{one(`"Principal":"*","Action":"s3","Resource":"*"`), msgInvalidAction},
		{one(`"Principal":"*","Action":"*","Resource":""`), msgInvalidResource},
		{one(`"Principal":"*","Action":"*","Resource":"*","Condition":{"IpAddress":{"aws:SourceIp":"x"}}`), msgS3Syntax},
		{one(`"NotPrincipal":{"AWS":"111122223333"},"Action":"*","Resource":"arn:aws:s3:::b/*"`), ""},
		{one(`"Principal":{"CanonicalUser":"79a5"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"`), ""},
	} {
		if got := refusal(c.text, Resource); got != c.want {
			t.Errorf("%s\n got %q\nwant %q", c.text, got, c.want)
		}
	}
}

func TestErrorsAreTyped(t *testing.T) {
	d := mustParse(t, `{"Statement":[{"Effect":"Allow","Action":"a:b","Resource":"*"},{"Effect":"Allow","Action":"c","Resource":"*"}]}`)
	var invalid *ValidationError
	if err := d.Validate(Identity); !errors.As(err, &invalid) || invalid.Statement != 1 || err.Error() != msgNoVendor {
		t.Errorf("got %v", err)
	}
	other := errors.New("other")
	if Message(other, Identity) != "other" || Message(fmt.Errorf("reading: %w", invalid), Identity) != msgNoVendor {
		t.Error("wrapped or foreign errors lose their text")
	}
	if err := InvalidPrincipal("AWS", "arn:aws:iam::111122223333:user/gone"); err.Error() != `Invalid principal in policy: "AWS":"arn:aws:iam::111122223333:user/gone"` {
		t.Error(err)
	}
}
