package policy_test

import (
	"fmt"

	"github.com/fob-auth/fob/sts/local/policy"
)

func Example() {
	document, err := policy.Parse([]byte(`{
		"Version": "2012-10-17",
		"Statement": [{
			"Effect": "Allow",
			"Action": ["ec2:StopInstances", "ec2:TerminateInstances"],
			"Resource": "*",
			"Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}}
		}]
	}`))
	if err == nil {
		err = document.Validate(policy.Identity)
	}
	if err != nil {
		fmt.Println(policy.Message(err, policy.Identity))
		return
	}
	request := policy.Request{
		Principal: policy.Principal{Kind: policy.User, ARN: "arn:aws:iam::111122223333:user/Carol", Account: "111122223333", Partition: "aws", ID: "AIDAEXAMPLE"},
		Action:    "ec2:StopInstances",
		Resource:  "*",
		Identity:  []policy.Named{{Name: "EC2-Admins", Document: document}},
	}
	decision := policy.Evaluate(&request)
	fmt.Println(decision.Outcome, decision.Reason())
	fmt.Println(decision.Explain().Policies[0].Statements[0])

	request.Context.Set("aws:MultiFactorAuthPresent", "true")
	fmt.Println(policy.Evaluate(&request).Outcome)
	// Output:
	// implicitDeny because no identity-based policy allows the ec2:StopInstances action
	// statement 0, Allow: does not apply by its condition; Bool aws:MultiFactorAuthPresent ["true"] fails: the request has no such key
	// allowed
}
