package managed

import (
	"strings"
	"testing"

	"github.com/fob-auth/fob/sts/local/policy"
)

func TestEveryPolicyIsOne(t *testing.T) {
	for _, s := range sources {
		for _, partition := range []string{AWS, GovCloud, China} {
			text, ok := Lookup("arn:" + partition + ":iam::aws:policy/" + s.name)
			if !ok {
				t.Errorf("%s in %s is not found", s.name, partition)
			}
			if partition != AWS && strings.Contains(text, "arn:aws:") {
				t.Errorf("%s in %s names ARNs of another partition", s.name, partition)
			}
			d, err := policy.Parse([]byte(text))
			if err == nil {
				err = d.Validate(policy.Identity)
			}
			if err != nil {
				t.Errorf("%s: %v", s.name, err)
			}
		}
	}
}

// TestAllAreFound: each policy of a partition is found by its ARN, with an id
// of its own.
func TestAllAreFound(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range All(China) {
		found, ok := Find(p.ARN)
		if !ok || found != p || seen[p.ID] || p.ARN != "arn:aws-cn:iam::aws:policy"+p.Path+p.Name {
			t.Errorf("%+v: found %+v, %v", p, found, ok)
		}
		seen[p.ID] = true
	}
	if p, ok := Find("arn:aws:iam::aws:policy/job-function/ViewOnlyAccess"); !ok || p.Path != "/job-function/" || p.Name != "ViewOnlyAccess" {
		t.Errorf("a policy with a path is %+v, %v", p, ok)
	}
	if len(seen) != len(sources) {
		t.Errorf("%d policies of %d", len(seen), len(sources))
	}
}

func TestPoliciesThatAreNone(t *testing.T) {
	for _, arn := range []string{
		"", "arn:", "arn:aws:iam::aws:policy/", "arn:aws:iam::aws:policy/administratoraccess", "arn:aws:iam::111122223333:policy/AdministratorAccess",
		"arn:aws-eu:iam::aws:policy/AdministratorAccess", "arn:aws:iam::aws:policy/x/AdministratorAccess", "AdministratorAccess",
	} {
		_, ok := Lookup(arn)
		if _, found := Find(arn); ok || found {
			t.Errorf("%q is found", arn)
		}
	}
}

// TestWhatReadersMayDo: the policies that read are as broad as AWS's, and no
// broader.
func TestWhatReadersMayDo(t *testing.T) {
	const readOnly, audit, view = "ReadOnlyAccess", "SecurityAudit", "job-function/ViewOnlyAccess"
	for name, c := range map[string]struct{ may, mayNot string }{
		readOnly: {
			may: `rds:DescribeDBInstances cloudformation:ListStacks autoscaling:DescribeAutoScalingGroups glue:GetTables ecr:DescribeRepositories
				elasticloadbalancing:DescribeLoadBalancers states:ListStateMachines ssm:GetParameter s3:GetObject dynamodb:Query iam:ListUsers ec2:DescribeInstances`,
			mayNot: "ec2:RunInstances s3:PutObject iam:CreateUser secretsmanager:GetSecretValue sts:AssumeRole dynamodb:PutItem kms:Decrypt",
		},
		audit: {
			may:    "iam:GenerateCredentialReport rds:DescribeDBInstances ecr:DescribeRepositories s3:GetBucketPolicy lambda:GetPolicy ec2:DescribeInstances",
			mayNot: "s3:GetObject dynamodb:GetItem ssm:GetParameter sqs:ReceiveMessage ec2:StopInstances",
		},
		view: {
			may:    "rds:DescribeDBInstances cloudformation:ListStacks autoscaling:DescribeAutoScalingGroups ecs:ListClusters s3:ListBucket iam:ListUsers ec2:DescribeInstances",
			mayNot: "s3:GetObject dynamodb:GetItem ssm:GetParameter logs:GetLogEvents iam:CreateUser",
		},
	} {
		text, _ := Lookup("arn:aws:iam::aws:policy/" + name)
		d, err := policy.Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		for want, actions := range map[bool]string{true: c.may, false: c.mayNot} {
			for _, action := range strings.Fields(actions) {
				r := policy.Request{Principal: policy.Principal{Kind: policy.User, Account: "111122223333"}, Action: action, Resource: "*",
					Identity: []policy.Named{{Name: name, Document: d}}}
				if got := policy.Evaluate(&r).Allowed(); got != want {
					t.Errorf("%s: %s is %v", name, action, got)
				}
			}
		}
	}
}
