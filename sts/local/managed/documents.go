package managed

import _ "embed" // the documents that are too long for this file

// AWS's own documents (AWS Managed Policy Reference Guide), each in the
// version that sources names; here a service's actions are on one line.
var (
	//go:embed documents/ReadOnlyAccess.json
	readOnlyAccess string
	//go:embed documents/SecurityAudit.json
	securityAudit string
	//go:embed documents/ViewOnlyAccess.json
	viewOnlyAccess string
)

// A source is a policy as the partition aws has it, in AWS's version of that
// number.
type source struct {
	name        string
	version     int
	description string
	document    string
}

// Names with a path have it before them.
var sources = []source{
	{"AWSDenyAll", 2, "Deny all access.", `{"Version":"2012-10-17","Statement":[
		{"Sid":"DenyAll","Effect":"Deny","Action":["*"],"Resource":"*"}]}`},
	{"AdministratorAccess", 1, "Provides full access to AWS services and resources.", `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":"*","Resource":"*"}]}`},
	{"AmazonDynamoDBFullAccess", 15, "Provides full access to Amazon DynamoDB.", `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":["dynamodb:*","dax:*","application-autoscaling:DeleteScalingPolicy",
			"application-autoscaling:DeregisterScalableTarget","application-autoscaling:DescribeScalableTargets",
			"application-autoscaling:DescribeScalingActivities","application-autoscaling:DescribeScalingPolicies",
			"application-autoscaling:PutScalingPolicy","application-autoscaling:RegisterScalableTarget",
			"cloudwatch:DeleteAlarms","cloudwatch:DescribeAlarmHistory","cloudwatch:DescribeAlarms",
			"cloudwatch:DescribeAlarmsForMetric","cloudwatch:GetMetricStatistics","cloudwatch:ListMetrics",
			"cloudwatch:PutMetricAlarm","cloudwatch:GetMetricData","datapipeline:ActivatePipeline",
			"datapipeline:CreatePipeline","datapipeline:DeletePipeline","datapipeline:DescribeObjects",
			"datapipeline:DescribePipelines","datapipeline:GetPipelineDefinition","datapipeline:ListPipelines",
			"datapipeline:PutPipelineDefinition","datapipeline:QueryObjects","ec2:DescribeVpcs","ec2:DescribeSubnets",
			"ec2:DescribeSecurityGroups","iam:GetRole","iam:ListRoles","kms:DescribeKey","kms:ListAliases",
			"sns:CreateTopic","sns:DeleteTopic","sns:ListSubscriptions","sns:ListSubscriptionsByTopic","sns:ListTopics",
			"sns:Subscribe","sns:Unsubscribe","sns:SetTopicAttributes","lambda:CreateFunction","lambda:ListFunctions",
			"lambda:ListEventSourceMappings","lambda:CreateEventSourceMapping","lambda:DeleteEventSourceMapping",
			"lambda:GetFunctionConfiguration","lambda:DeleteFunction","resource-groups:ListGroups",
			"resource-groups:ListGroupResources","resource-groups:GetGroup","resource-groups:GetGroupQuery",
			"resource-groups:DeleteGroup","resource-groups:CreateGroup","tag:GetResources","kinesis:ListStreams",
			"kinesis:DescribeStream","kinesis:DescribeStreamSummary"],"Resource":"*"},
		{"Effect":"Allow","Action":"cloudwatch:GetInsightRuleReport",
			"Resource":"arn:aws:cloudwatch:*:*:insight-rule/DynamoDBContributorInsights*"},
		{"Effect":"Allow","Action":["iam:PassRole"],"Resource":"*","Condition":{"StringLike":{"iam:PassedToService":[
			"application-autoscaling.amazonaws.com","application-autoscaling.amazonaws.com.cn","dax.amazonaws.com"]}}},
		{"Effect":"Allow","Action":["iam:CreateServiceLinkedRole"],"Resource":"*","Condition":{"StringEquals":{"iam:AWSServiceName":[
			"replication.dynamodb.amazonaws.com","dax.amazonaws.com","dynamodb.application-autoscaling.amazonaws.com",
			"contributorinsights.dynamodb.amazonaws.com","kinesisreplication.dynamodb.amazonaws.com"]}}}]}`},
	{"AmazonDynamoDBReadOnlyAccess", 15, "Provides read only access to Amazon DynamoDB.", `{"Version":"2012-10-17","Statement":[
		{"Sid":"GeneralReadOnlyAccess","Effect":"Allow","Action":["application-autoscaling:DescribeScalableTargets",
			"application-autoscaling:DescribeScalingActivities","application-autoscaling:DescribeScalingPolicies",
			"cloudwatch:DescribeAlarmHistory","cloudwatch:DescribeAlarms","cloudwatch:DescribeAlarmsForMetric",
			"cloudwatch:GetMetricStatistics","cloudwatch:ListMetrics","cloudwatch:GetMetricData",
			"datapipeline:DescribeObjects","datapipeline:DescribePipelines","datapipeline:GetPipelineDefinition",
			"datapipeline:ListPipelines","datapipeline:QueryObjects","dynamodb:BatchGetItem","dynamodb:Describe*",
			"dynamodb:List*","dynamodb:GetAbacStatus","dynamodb:GetItem","dynamodb:GetResourcePolicy","dynamodb:Query",
			"dynamodb:Scan","dynamodb:PartiQLSelect","dax:Describe*","dax:List*","dax:GetItem","dax:BatchGetItem",
			"dax:Query","dax:Scan","ec2:DescribeVpcs","ec2:DescribeSubnets","ec2:DescribeSecurityGroups","iam:GetRole",
			"iam:ListRoles","kms:DescribeKey","kms:ListAliases","sns:ListSubscriptionsByTopic","sns:ListTopics",
			"lambda:ListFunctions","lambda:ListEventSourceMappings","lambda:GetFunctionConfiguration",
			"resource-groups:ListGroups","resource-groups:ListGroupResources","resource-groups:GetGroup",
			"resource-groups:GetGroupQuery","tag:GetResources","kinesis:ListStreams","kinesis:DescribeStream",
			"kinesis:DescribeStreamSummary"],"Resource":"*"},
		{"Sid":"CCIAccess","Effect":"Allow","Action":"cloudwatch:GetInsightRuleReport",
			"Resource":"arn:aws:cloudwatch:*:*:insight-rule/DynamoDBContributorInsights*"}]}`},
	{"AmazonEC2FullAccess", 5, "Provides full access to Amazon EC2.", `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":"ec2:*","Resource":"*"},
		{"Effect":"Allow","Action":"elasticloadbalancing:*","Resource":"*"},
		{"Effect":"Allow","Action":"cloudwatch:*","Resource":"*"},
		{"Effect":"Allow","Action":"autoscaling:*","Resource":"*"},
		{"Effect":"Allow","Action":"iam:CreateServiceLinkedRole","Resource":"*","Condition":{"StringEquals":{"iam:AWSServiceName":[
			"autoscaling.amazonaws.com","ec2scheduled.amazonaws.com","elasticloadbalancing.amazonaws.com",
			"spot.amazonaws.com","spotfleet.amazonaws.com","transitgateway.amazonaws.com"]}}}]}`},
	{"AmazonEC2ReadOnlyAccess", 5, "Provides read only access to Amazon EC2.", `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":["ec2:Describe*","ec2:GetSecurityGroupsForVpc"],"Resource":"*"},
		{"Effect":"Allow","Action":"elasticloadbalancing:Describe*","Resource":"*"},
		{"Effect":"Allow","Action":["cloudwatch:ListMetrics","cloudwatch:GetMetricStatistics","cloudwatch:Describe*"],"Resource":"*"},
		{"Effect":"Allow","Action":"autoscaling:Describe*","Resource":"*"}]}`},
	{"AmazonS3FullAccess", 2, "Provides full access to all buckets.", `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":["s3:*","s3-object-lambda:*"],"Resource":"*"}]}`},
	{"AmazonS3ReadOnlyAccess", 3, "Provides read only access to all buckets.", `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":["s3:Get*","s3:List*","s3:Describe*","s3-object-lambda:Get*","s3-object-lambda:List*"],
			"Resource":"*"}]}`},
	{"AmazonSNSFullAccess", 2, "Provides full access to Amazon SNS.", `{"Version":"2012-10-17","Statement":[
		{"Sid":"SNSFullAccess","Effect":"Allow","Action":"sns:*","Resource":"*"},
		{"Sid":"SMSAccessViaSNS","Effect":"Allow","Action":["sms-voice:DescribeVerifiedDestinationNumbers",
			"sms-voice:CreateVerifiedDestinationNumber","sms-voice:SendDestinationNumberVerificationCode",
			"sms-voice:SendTextMessage","sms-voice:DeleteVerifiedDestinationNumber","sms-voice:VerifyDestinationNumber",
			"sms-voice:DescribeAccountAttributes","sms-voice:DescribeSpendLimits","sms-voice:DescribePhoneNumbers",
			"sms-voice:SetTextMessageSpendLimitOverride","sms-voice:DescribeOptedOutNumbers","sms-voice:DeleteOptedOutNumber"],
			"Resource":"*","Condition":{"StringEquals":{"aws:CalledViaLast":"sns.amazonaws.com"}}}]}`},
	{"AmazonSQSFullAccess", 1, "Provides full access to Amazon SQS.", `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":["sqs:*"],"Resource":"*"}]}`},
	{"IAMFullAccess", 2, "Provides full access to IAM.", `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":["iam:*","organizations:DescribeAccount","organizations:DescribeOrganization",
			"organizations:DescribeOrganizationalUnit","organizations:DescribePolicy","organizations:ListChildren",
			"organizations:ListParents","organizations:ListPoliciesForTarget","organizations:ListRoots",
			"organizations:ListPolicies","organizations:ListTargetsForPolicy"],"Resource":"*"}]}`},
	{"IAMReadOnlyAccess", 4, "Provides read only access to IAM.", `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":["iam:GenerateCredentialReport","iam:GenerateServiceLastAccessedDetails","iam:Get*",
			"iam:List*","iam:SimulateCustomPolicy","iam:SimulatePrincipalPolicy"],"Resource":"*"}]}`},
	{"IAMSelfManageServiceSpecificCredentials", 1, "Lets a user manage its own service specific credentials.", `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":["iam:CreateServiceSpecificCredential","iam:ListServiceSpecificCredentials",
			"iam:UpdateServiceSpecificCredential","iam:DeleteServiceSpecificCredential",
			"iam:ResetServiceSpecificCredential"],"Resource":"arn:aws:iam::*:user/${aws:username}"}]}`},
	{"IAMUserChangePassword", 5, "Lets a user change its own password.", `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":["iam:ChangePassword"],
			"Resource":["arn:aws:iam::*:user/${aws:username}","arn:aws:iam::*:user/*/${aws:username}"]},
		{"Effect":"Allow","Action":["iam:GetAccountPasswordPolicy"],"Resource":"*"}]}`},
	{"PowerUserAccess", 12, "Provides full access to AWS services and resources, but not to users and groups.", `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","NotAction":["iam:*","organizations:*","account:*"],"Resource":"*"},
		{"Effect":"Allow","Action":["account:GetAccountInformation","account:GetGovCloudAccountInformation",
			"account:GetPrimaryEmail","account:ListRegions","iam:CreateServiceLinkedRole","iam:DeleteServiceLinkedRole",
			"iam:ListRoles","organizations:DescribeEffectivePolicy","organizations:DescribeOrganization"],"Resource":"*"}]}`},
	{"ReadOnlyAccess", 182, "Provides read only access to AWS services and resources.", readOnlyAccess},
	{"SecurityAudit", 86, "Reads the configuration that an audit of security looks at.", securityAudit},
	{"job-function/ViewOnlyAccess", 45, "Shows resources and metadata, but no content.", viewOnlyAccess},
	{"service-role/AWSLambdaBasicExecutionRole", 1, "Lets a Lambda function write its logs.", `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":["logs:CreateLogGroup","logs:CreateLogStream","logs:PutLogEvents"],"Resource":"*"}]}`},
}
