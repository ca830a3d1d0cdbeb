package other

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

var here = Place{Partition: "aws", Region: "eu-west-1", Account: "111122223333"}

func request(method, path, kind, target, body string) *http.Request {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", kind)
	if target != "" {
		r.Header.Set("X-Amz-Target", target)
	}
	return r
}

const (
	form = "application/x-www-form-urlencoded"
	js   = "application/x-amz-json-1.1"
)

// TestRead holds the actions and resources that requests of real clients ask
// for.
func TestRead(t *testing.T) {
	for _, c := range []struct {
		service, method, path, kind, target, body string
		protocol                                  Protocol
		action                                    string
		resources                                 string
	}{
		{"ec2", "POST", "/", form, "", "Action=TerminateInstances&InstanceId.1=i-0123456789abcdef0&InstanceId.2=i-0abcdef0", EC2, "ec2:TerminateInstances",
			"arn:aws:ec2:eu-west-1:111122223333:instance/i-0123456789abcdef0 arn:aws:ec2:eu-west-1:111122223333:instance/i-0abcdef0"},
		{"ec2", "POST", "/", form, "", "Action=AttachVolume&InstanceId=i-0abcdef0&VolumeId=vol-0abcdef0&Device=xvd-abcdef01", EC2, "ec2:AttachVolume",
			"arn:aws:ec2:eu-west-1:111122223333:instance/i-0abcdef0 arn:aws:ec2:eu-west-1:111122223333:volume/vol-0abcdef0"},
		{"ec2", "POST", "/", form, "", "Action=DescribeInstances&InstanceId.1=i-0abcdef0", EC2, "ec2:DescribeInstances", "*"},
		{"sns", "POST", "/", form, "", "Action=Publish&TopicArn=arn:aws:sns:us-east-1:1:t", Query, "sns:Publish", "arn:aws:sns:us-east-1:1:t"},
		{"sqs", "POST", "/", js, "AmazonSQS.SendMessage", `{"QueueUrl":"https://sqs.eu-west-1.amazonaws.com/111122223333/q","MessageBody":"x"}`, JSON, "sqs:SendMessage", "arn:aws:sqs:eu-west-1:111122223333:q"},
		{"sqs", "POST", "/", js, "AmazonSQS.SendMessage", `{"QueueUrl":"http://127.0.0.1:4599/444455556666/q"}`, JSON, "sqs:SendMessage", "arn:aws:sqs:eu-west-1:444455556666:q"},
		{"sqs", "POST", "/", js, "AmazonSQS.SendMessage", `{"QueueUrl":"http://127.0.0.1:4599/queues/q"}`, JSON, "sqs:SendMessage", "arn:aws:sqs:eu-west-1:111122223333:q"},
		{"sqs", "POST", "/", form, "", "Action=GetQueueUrl&QueueName=q&QueueOwnerAWSAccountId=444455556666", Query, "sqs:GetQueueUrl", "arn:aws:sqs:eu-west-1:444455556666:q"},
		{"sqs", "POST", "/", form, "", "Action=CreateQueue&QueueName=q", Query, "sqs:CreateQueue", "arn:aws:sqs:eu-west-1:111122223333:q"},
		{"monitoring", "POST", "/", form, "", "Action=ListMetrics", Query, "cloudwatch:ListMetrics", "*"},
		{"dynamodb", "POST", "/", js, "DynamoDB_20120810.Query", `{"TableName":"Books","IndexName":"by"}`, JSON, "dynamodb:Query", "arn:aws:dynamodb:eu-west-1:111122223333:table/Books/index/by"},
		{"dynamodb", "POST", "/", js, "DynamoDB_20120810.TransactWriteItems", `{"TransactItems":[{"Put":{"TableName":"A"}},{"Delete":{"TableName":"arn:aws:dynamodb:x:1:table/B"}},7]}`, JSON, "dynamodb:TransactWriteItems",
			"arn:aws:dynamodb:eu-west-1:111122223333:table/A arn:aws:dynamodb:x:1:table/B"},
		{"dynamodb", "POST", "/", js, "DynamoDB_20120810.ListTables", `{}`, JSON, "dynamodb:ListTables", "*"},
		{"dynamodb", "POST", "/", js, "DynamoDB_20120810.GetItem", `{"TableName`, JSON, "dynamodb:GetItem", "*"},
		{"states", "POST", "/", js, "AWSStepFunctions.StartExecution", `{"stateMachineArn":"arn:aws:states:x:1:stateMachine:m"}`, JSON, "states:StartExecution", "arn:aws:states:x:1:stateMachine:m"},
		{"lambda", "GET", "/2015-03-31/functions", "", "", "", RESTJSON, "lambda:ListFunctions", "*"},
		{"lambda", "GET", "/2015-03-31/functions/f", "", "", "", RESTJSON, "lambda:GetFunction", "arn:aws:lambda:eu-west-1:111122223333:function:f"},
		{"lambda", "POST", "/2015-03-31/functions/arn:aws:lambda:x:1:function:f/invocations", "", "", `{}`, RESTJSON, "lambda:InvokeFunction", "arn:aws:lambda:x:1:function:f"},
		{"lambda", "DELETE", "/2015-03-31/functions/f", "", "", "", RESTJSON, "lambda:DeleteFunction", "arn:aws:lambda:eu-west-1:111122223333:function:f"},
		{"eks", "GET", "/clusters/c", "", "", "", RESTJSON, "eks:DescribeCluster", "*"},
		{"backup", "PUT", "/backup-vaults/v", "", "", "", RESTJSON, "backup:PutBackupVault", "*"},
		{"batch", "PATCH", "/v1/policies/p", "", "", "", RESTJSON, "batch:UpdatePolicy", "*"},
		{"route53", "POST", "/2013-04-01/hostedzone/Z1/rrset", "", "", "<x/>", RESTXML, "route53:ChangeResourceRecordSets", "*"},
		{"lambda", "OPTIONS", "/functions", "", "", "", RESTJSON, "lambda:", "*"},
		{"lambda", "GET", "/", "", "", "", RESTJSON, "lambda:", "*"},
	} {
		got := Read(request(c.method, c.path, c.kind, c.target, c.body), []byte(c.body), c.service)
		resources := strings.Join(got.Resources(here), " ")
		if got.Protocol != c.protocol || got.Action() != c.action || resources != c.resources {
			t.Errorf("%s %s %s: got %d %s on %s, want %s on %s", c.service, c.method, c.path, got.Protocol, got.Action(), resources, c.action, c.resources)
		}
	}
}

// FuzzRead: whatever comes, there is something to authorise, and not too much.
func FuzzRead(f *testing.F) {
	f.Add("dynamodb", "POST", "/", js, "DynamoDB_20120810.BatchGetItem", `{"RequestItems":{"A":{},"B":{}},"TransactItems":[[{}]]}`)
	f.Add("ec2", "POST", "/?Action=x", form, "", "Action=StopInstances&InstanceId.1=i-0123456789abcdef0&DryRun=true")
	f.Add("lambda", "GET", "/2015-03-31/functions/f/-/", "", "", "")
	f.Add("sqs", "POST", "//", js, "x.", `{"QueueUrl":"/"}`)
	f.Fuzz(func(t *testing.T, service, method, path, kind, target, body string) {
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		r.Method, r.URL.Path = method, path
		r.Header.Set("Content-Type", kind)
		r.Header.Set("X-Amz-Target", target)
		resources := Read(r, []byte(body), service).Resources(here)
		if len(resources) == 0 || len(resources) > maxResources || !slices.IsSorted(resources) || slices.Contains(resources, "") {
			t.Fatalf("got %q", resources)
		}
	})
}
