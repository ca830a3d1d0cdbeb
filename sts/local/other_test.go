package local_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
)

const stopInstances = "Action=StopInstances&Version=2016-11-15&InstanceId.1=i-0123456789abcdef0"

// ec2World is the guide's second scenario: carol of EC2-Admins may stop
// instances with MFA. She may read one table, and admin may all, as other may in
// another account.
const ec2World = `
accounts:
- id: "111122223333"
  groups:
  - {name: EC2-Admins, policies: [{name: mfa, document: {Version: "2012-10-17", Statement: [{Effect: Allow, Action: ["ec2:StopInstances", "ec2:TerminateInstances"], Resource: "*", Condition: {Bool: {"aws:MultiFactorAuthPresent": "true"}}}]}}]}
  users:
  - name: carol
    groups: [EC2-Admins]
    access_keys: [{id: AKIACAROL00000000000, secret: secret-of-carol}]
    mfa_devices: [{serial: "arn:aws:iam::111122223333:mfa/carol", kind: virtual, seed: JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXA}]
    policies: [{name: books, document: {Version: "2012-10-17", Statement: [{Effect: Allow, Action: ["dynamodb:GetItem", "lambda:InvokeFunction"], Resource: ["arn:aws:dynamodb:us-east-1:111122223333:table/Books", "arn:aws:lambda:*:*:function:f"]}]}}]
  - {name: admin, attached: ["arn:aws:iam::aws:policy/AdministratorAccess"], access_keys: [{id: AKIAADMIN00000000000, secret: secret-of-admin}]}
- id: "444455556666"
  users:
  - {name: other, attached: ["arn:aws:iam::aws:policy/AdministratorAccess"], access_keys: [{id: AKIAOTHER00000000000, secret: secret-of-other}]}
`

const jsonType = "application/x-amz-json-1.0"

// target sets what JSON services are told apart by.
func target(name string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set("X-Amz-Target", name) }
}

// TestOtherServices: who calls a service that isn't served is authenticated
// and authorised, and refused in the service's own protocol.
func TestOtherServices(t *testing.T) {
	l := newLab(t, ec2World)
	carol, admin := longTerm("carol"), longTerm("admin")
	wrong := carol
	wrong.secret = "wrong"
	unknown := keys{id: "AKIANOBODY0000000000", secret: "x"}
	withMFA := l.must(l.session(carol, "arn:aws:iam::111122223333:mfa/carol", l.Code("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXA", 0)))
	ec2 := func(code, message string) string {
		return "<Response><Errors><Error><Code>" + code + "</Code><Message>" + message + "</Message></Error></Errors><RequestID>ID</RequestID></Response>"
	}
	query := func(namespace, typ, code, message string) string {
		return `<ErrorResponse xmlns="` + namespace + `"><Error><Type>` + typ + `</Type><Code>` + code + `</Code><Message>` + message + `</Message></Error><RequestId>ID</RequestId></ErrorResponse>`
	}
	json := func(code, message string) string { return `{"__type":"` + code + `","message":"` + message + `"}` }
	denied := func(action, resource string) string {
		return "User: arn:aws:iam::111122223333:user/carol is not authorized to perform: " + action + " on resource: " + resource + " because no identity-based policy allows the " + action + " action"
	}
	const monitoring = "http://monitoring.amazonaws.com/doc/2010-08-01/"
	const instance = "arn:aws:ec2:us-east-1:111122223333:instance/i-0123456789abcdef0"
	for _, c := range []struct {
		name, method, path, kind, body, target string
		signing                                signing
		status                                 int
		want                                   string
	}{
		{"EC2 with MFA", "POST", "/", formType, stopInstances, "", signing{keys: withMFA, service: "ec2"}, 501, ec2("NotImplemented", "authorised; ec2 is not served here")},
		{"EC2 with MFA, dry", "POST", "/", formType, stopInstances + "&DryRun=true", "", signing{keys: withMFA, service: "ec2"}, 412, ec2("DryRunOperation", "Request would have succeeded, but DryRun flag is set.")},
		{"EC2 without", "POST", "/", formType, stopInstances, "", signing{keys: carol, service: "ec2"}, 403, ec2("UnauthorizedOperation",
			"You are not authorized to perform this operation. "+denied("ec2:StopInstances", instance)+". Encoded authorization failure message: SEALED")},
		{"EC2, wrong secret", "POST", "/", formType, stopInstances, "", signing{keys: wrong, service: "ec2"}, 401, ec2("AuthFailure", "AWS was not able to validate the provided access credentials")},
		{"EC2, unknown key", "POST", "/", formType, stopInstances, "", signing{keys: unknown, service: "ec2"}, 401, ec2("AuthFailure", "AWS was not able to validate the provided access credentials")},
		{"query", "POST", "/", formType, "Action=Publish&Version=2010-03-31&TopicArn=arn:aws:sns:us-east-1:444455556666:t", "", signing{keys: admin, service: "sns"}, 403,
			query("http://sns.amazonaws.com/doc/2010-03-31/", "Sender", "AuthorizationError", "User: arn:aws:iam::111122223333:user/admin is not authorized to perform: sns:Publish on resource: arn:aws:sns:us-east-1:444455556666:t because no resource-based policy allows the sns:Publish action")},
		{"query, another account's queue", "POST", "/", formType, "Action=SendMessage&Version=2012-11-05&QueueUrl=http://x/444455556666/q", "", signing{keys: admin, service: "sqs"}, 403,
			query("http://queue.amazonaws.com/doc/2012-11-05/", "Sender", "AccessDenied", "User: arn:aws:iam::111122223333:user/admin is not authorized to perform: sqs:SendMessage on resource: arn:aws:sqs:us-east-1:444455556666:q because no resource-based policy allows the sqs:SendMessage action")},
		{"query, no version", "POST", "/", formType, "Action=ListMetrics", "", signing{keys: admin, service: "monitoring"}, 501, query("", "Receiver", "NotImplemented", "authorised; cloudwatch is not served here")},
		{"query, allowed", "POST", "/", formType, "Action=ListMetrics&Version=2010-08-01", "", signing{keys: admin, service: "monitoring"}, 501, query(monitoring, "Receiver", "NotImplemented", "authorised; cloudwatch is not served here")},
		{"query, denied", "POST", "/", formType, "Action=ListMetrics&Version=2010-08-01", "", signing{keys: carol, service: "monitoring"}, 403, query(monitoring, "Sender", "AccessDenied", denied("cloudwatch:ListMetrics", "*"))},
		{"JSON", "POST", "/", jsonType, `{"TableName":"Books","Key":{}}`, "DynamoDB_20120810.GetItem", signing{keys: carol, service: "dynamodb"}, 501, json("NotImplementedException", "authorised; dynamodb is not served here")},
		{"JSON, another table", "POST", "/", jsonType, `{"TableName":"Films"}`, "DynamoDB_20120810.GetItem", signing{keys: carol, service: "dynamodb"}, 400,
			json("AccessDeniedException", denied("dynamodb:GetItem", "arn:aws:dynamodb:us-east-1:111122223333:table/Films"))},
		{"JSON, one table of two", "POST", "/", jsonType, `{"RequestItems":{"Books":{},"Films":{}}}`, "DynamoDB_20120810.GetItem", signing{keys: carol, service: "dynamodb"}, 400,
			json("AccessDeniedException", denied("dynamodb:GetItem", "arn:aws:dynamodb:us-east-1:111122223333:table/Films"))},
		{"JSON, wrong secret", "POST", "/", jsonType, `{}`, "DynamoDB_20120810.GetItem", signing{keys: wrong, service: "dynamodb"}, 400,
			json("InvalidSignatureException", "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.")},
		{"JSON, unknown key", "POST", "/", jsonType, `{}`, "DynamoDB_20120810.GetItem", signing{keys: unknown, service: "dynamodb"}, 400, json("UnrecognizedClientException", "The security token included in the request is invalid.")},
		{"JSON 1.1", "POST", "/", "application/x-amz-json-1.1", `{}`, "AmazonSSM.GetParameter", signing{keys: carol, service: "ssm"}, 400, json("AccessDeniedException", denied("ssm:GetParameter", "*"))},
		{"JSON, unsigned", "POST", "/", jsonType, `{}`, "DynamoDB_20120810.GetItem", signing{}, 400, json("MissingAuthenticationTokenException", "Request is missing Authentication Token")},
		{"REST", "POST", "/2015-03-31/functions/f/invocations", "application/json", `{"x":1}`, "", signing{keys: carol, service: "lambda"}, 501, json("NotImplementedException", "authorised; lambda is not served here")},
		{"REST, denied", "GET", "/2015-03-31/functions", "", "", "", signing{keys: carol, service: "lambda"}, 403, json("AccessDeniedException", denied("lambda:ListFunctions", "*"))},
		{"REST without an operation", "GET", "/", "", "", "", signing{keys: carol, service: "lambda"}, 400, json("UnknownOperationException", "The request names no operation of lambda.")},
		{"REST in XML", "GET", "/2013-04-01/hostedzone", "", "", "", signing{keys: carol, service: "route53"}, 403, query("https://route53.amazonaws.com/doc/2013-04-01/", "Sender", "AccessDenied", denied("route53:ListHostedZones", "*"))},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.target != "" {
				c.signing.prepare = target(c.target)
			}
			resp, text := l.send(c.method, c.path, c.kind, c.body, c.signing)
			got := requestID.ReplaceAllString(text, "ID")
			got = regexp.MustCompile(`message: [\w-]{100,}`).ReplaceAllString(got, "message: SEALED")
			if resp.StatusCode != c.status || got != c.want {
				t.Errorf("got  %d %s\nwant %d %s", resp.StatusCode, got, c.status, c.want)
			}
			if strings.HasPrefix(got, "{") && !strings.Contains(got, `"`+resp.Header.Get("X-Amzn-Errortype")+`"`) {
				t.Errorf("the header says %q", resp.Header.Get("X-Amzn-Errortype"))
			}
			if kind := resp.Header.Get("Content-Type"); strings.HasPrefix(got, "{") && c.kind != "" && kind != c.kind {
				t.Errorf("Content-Type of the answer is %q, of the call %q", kind, c.kind)
			}
		})
	}
}
