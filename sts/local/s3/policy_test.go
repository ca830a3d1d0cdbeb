package s3_test

import (
	"context"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// scenario is the bucket policy of the guide's third scenario.
const scenario = `{
  "Version": "2012-10-17",
  "Statement": [{
    "Effect": "Allow",
    "Principal": {"AWS": ["` + accountA + `", "` + accountB + `", "` + accountC + `"]},
    "Action": ["s3:PutObject", "s3:DeleteObject"],
    "Resource": ["arn:aws:s3:::account-a-bucket/*"],
    "Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}}
  }]
}`

// TestThirdScenario is "MFA Protection for Resources That Have Resource-based
// Policies" of the IAM User Guide, step by step.
func TestThirdScenario(t *testing.T) {
	l := newLab(t)
	l.want("1. the guide's capitals", l.do(alice, "PUT", "/Account-A-bucket", ""), 400, "InvalidBucketName", "The specified bucket is not valid.")
	l.make(alice, "PUT", "/account-a-bucket", "")
	l.make(alice, "PUT", "/account-a-bucket?policy", scenario) // 2
	const serial = "arn:aws:iam::777788889999:mfa/charlie"
	session := l.session(charlie, serial, seed, 0) // 4
	plain := l.session(charlie, "", "", 0)
	role, err := l.sts(charlie).AssumeRole(context.Background(), &sts.AssumeRoleInput{
		RoleArn: aws.String("arn:aws:iam::777788889999:role/Uploader"), RoleSessionName: aws.String("charlie"),
		SerialNumber: aws.String(serial), TokenCode: aws.String(l.Code(seed, 1)),
	})
	if err != nil {
		t.Fatal(err)
	}
	assumed := keys{*role.Credentials.AccessKeyId, *role.Credentials.SecretAccessKey, *role.Credentials.SessionToken}
	put := func(as keys) answer { return l.do(as, "PUT", "/account-a-bucket/charlie/file", "content") }
	l.want("5. Charlie's upload with MFA", put(session), 200, "", "")
	l.want("with long-term keys", put(charlie), 403, "AccessDenied", denied)
	l.want("with a session without MFA", put(plain), 403, "AccessDenied", denied)
	l.want("Bob without MFA", put(bob), 403, "AccessDenied", denied)
	l.want("nobody", put(nobody), 403, "AccessDenied", denied)
	l.want("Charlie reads, which the policy doesn't give", l.do(session, "GET", "/account-a-bucket/charlie/file", ""), 403, "AccessDenied", denied)
	l.want("Charlie lists", l.do(session, "GET", "/account-a-bucket", ""), 403, "AccessDenied", denied)
	l.want("Alice without MFA, by her own policy", put(alice), 200, "", "")
	l.want("Ned of account A, long-term", put(ned), 403, "AccessDenied", denied)
	l.want("Charlie as a role, assumed with a code", put(assumed), 403, "AccessDenied", denied)
	l.want("Charlie deletes", l.do(session, "DELETE", "/account-a-bucket/charlie/file", ""), 204, "", "")
	l.Advance(13 * time.Hour)
	l.want("with a session that is over", put(session), 400, "ExpiredToken", "The provided token has expired.")
}

// TestRoleSessionsHaveNoMFA is the note of the same scenario: what AssumeRole
// returns doesn't meet the condition, code or not.
func TestRoleSessionsHaveNoMFA(t *testing.T) {
	l := newLab(t)
	l.make(alice, "PUT", "/account-a-bucket", "")
	l.make(alice, "PUT", "/account-a-bucket?policy", strings.Replace(strings.Replace(scenario, `"Allow"`, `"Deny"`, 1), `"Bool": {"aws:MultiFactorAuthPresent": "true"}`, `"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}`, 1))
	role, err := l.sts(charlie).AssumeRole(context.Background(), &sts.AssumeRoleInput{
		RoleArn: aws.String("arn:aws:iam::111122223333:role/Reader"), RoleSessionName: aws.String("charlie"),
		SerialNumber: aws.String("arn:aws:iam::777788889999:mfa/charlie"), TokenCode: aws.String(l.Code(seed, 0)),
	})
	if err != nil {
		t.Fatal(err)
	}
	assumed := keys{*role.Credentials.AccessKeyId, *role.Credentials.SecretAccessKey, *role.Credentials.SessionToken}
	l.want("the role session", l.do(assumed, "PUT", "/account-a-bucket/k", ""), 403, "AccessDenied", denied)
	l.want("long-term keys, which have no such key", l.do(alice, "PUT", "/account-a-bucket/k", ""), 403, "AccessDenied", denied)
	l.want("an MFA session", l.do(l.session(alice, "arn:aws:iam::111122223333:mfa/alice", other("alice"), 0), "PUT", "/account-a-bucket/k", ""), 200, "", "")
}

// TestBucketPolicies: what a statement says of principals, resources and S3's
// own condition keys.
func TestBucketPolicies(t *testing.T) {
	const objects, bucket, all = `"arn:aws:s3:::bucket/*"`, `"arn:aws:s3:::bucket"`, `["arn:aws:s3:::bucket","arn:aws:s3:::bucket/*"]`
	ned1 := `{"AWS":"arn:aws:iam::111122223333:user/ned"}`
	for _, c := range []struct {
		name, policy   string
		as             keys
		method, target string
		header         map[string]string
		status         int
	}{
		{"a user by ARN", policyFor("Allow", ned1, `"s3:GetObject"`, objects, ""), ned, "GET", "/bucket/a/k", nil, 200},
		{"one object", policyFor("Allow", ned1, `"s3:GetObject"`, `"arn:aws:s3:::bucket/a/k"`, ""), ned, "GET", "/bucket/a/k", nil, 200},
		{"another object", policyFor("Allow", ned1, `"s3:GetObject"`, `"arn:aws:s3:::bucket/a/k"`, ""), ned, "GET", "/bucket/b/k", nil, 403},
		{"deny one object", policyFor("Deny", `"*"`, `"s3:*"`, `"arn:aws:s3:::bucket/a/k"`, ""), alice, "GET", "/bucket/a/k", nil, 403},
		{"deny one object, another", policyFor("Deny", `"*"`, `"s3:*"`, `"arn:aws:s3:::bucket/a/k"`, ""), alice, "GET", "/bucket/b/k", nil, 200},
		{"deny holds root too", policyFor("Deny", `"*"`, `"s3:GetObject"`, objects, ""), root, "GET", "/bucket/a/k", nil, 403},
		{"the account delegates, and Ned has nothing", policyFor("Allow", `{"AWS":"111122223333"}`, `"s3:GetObject"`, objects, ""), ned, "GET", "/bucket/a/k", nil, 403},
		{"another account, both allow", policyFor("Allow", `{"AWS":"444455556666"}`, `"s3:GetObject"`, objects, ""), bob, "GET", "/bucket/a/k", nil, 200},
		{"another account, unnamed", policyFor("Allow", `{"AWS":"777788889999"}`, `"s3:GetObject"`, objects, ""), bob, "GET", "/bucket/a/k", nil, 403},
		{"everybody, unsigned", policyFor("Allow", `"*"`, `"s3:GetObject"`, objects, ""), nobody, "GET", "/bucket/a/k", nil, 200},
		{"everybody, MFA wanted, unsigned", policyFor("Allow", `"*"`, `"s3:GetObject"`, objects, `{"Bool":{"aws:MultiFactorAuthPresent":"true"}}`), nobody, "GET", "/bucket/a/k", nil, 403},
		{"prefix", policyFor("Allow", ned1, `"s3:ListBucket"`, bucket, `{"StringLike":{"s3:prefix":"a/*"}}`), ned, "GET", "/bucket?prefix=a%2Fk", nil, 200},
		{"another prefix", policyFor("Allow", ned1, `"s3:ListBucket"`, bucket, `{"StringLike":{"s3:prefix":"a/*"}}`), ned, "GET", "/bucket?prefix=b", nil, 403},
		{"no prefix", policyFor("Allow", ned1, `"s3:ListBucket"`, bucket, `{"StringLike":{"s3:prefix":"a/*"}}`), ned, "GET", "/bucket", nil, 403},
		{"an empty prefix is there", policyFor("Allow", ned1, `"s3:ListBucket"`, bucket, `{"StringEquals":{"s3:prefix":""}}`), ned, "GET", "/bucket?list-type=2&prefix=", nil, 200},
		{"delimiter", policyFor("Allow", ned1, `"s3:ListBucket"`, bucket, `{"StringEquals":{"s3:delimiter":"/"}}`), ned, "GET", "/bucket?delimiter=%2F", nil, 200},
		{"max-keys", policyFor("Allow", ned1, `"s3:ListBucket"`, bucket, `{"NumericLessThanEquals":{"s3:max-keys":"10"}}`), ned, "GET", "/bucket?max-keys=10", nil, 200},
		{"max-keys, more", policyFor("Allow", ned1, `"s3:ListBucket"`, bucket, `{"NumericLessThanEquals":{"s3:max-keys":"10"}}`), ned, "GET", "/bucket?max-keys=11", nil, 403},
		{"version", policyFor("Allow", ned1, `"s3:GetObjectVersion"`, objects, `{"StringEquals":{"s3:VersionId":"null"}}`), ned, "GET", "/bucket/a/k?versionId=null", nil, 200},
		{"version by GetObject", policyFor("Allow", ned1, `"s3:GetObject"`, objects, ""), ned, "GET", "/bucket/a/k?versionId=null", nil, 403},
		{"canned ACL", policyFor("Allow", ned1, `"s3:PutObject"`, objects, `{"StringEquals":{"s3:x-amz-acl":"bucket-owner-full-control"}}`), ned, "PUT", "/bucket/a/k",
			map[string]string{"X-Amz-Acl": "bucket-owner-full-control"}, 200},
		{"canned ACL, missing", policyFor("Allow", ned1, `"s3:PutObject"`, objects, `{"StringEquals":{"s3:x-amz-acl":"bucket-owner-full-control"}}`), ned, "PUT", "/bucket/a/k", nil, 403},
		{"copy source", policyFor("Allow", ned1, `["s3:PutObject","s3:GetObject"]`, objects, `{"StringLikeIfExists":{"s3:x-amz-copy-source":"bucket/a/*"}}`), ned, "PUT", "/bucket/c",
			map[string]string{"X-Amz-Copy-Source": "/bucket/a/k"}, 200},
		{"copy from elsewhere", policyFor("Allow", ned1, `["s3:PutObject","s3:GetObject"]`, objects, `{"StringLikeIfExists":{"s3:x-amz-copy-source":"bucket/a/*"}}`), ned, "PUT", "/bucket/c",
			map[string]string{"X-Amz-Copy-Source": "/bucket/b/k"}, 403},
		{"copy without reading", policyFor("Allow", ned1, `"s3:PutObject"`, objects, ""), ned, "PUT", "/bucket/c", map[string]string{"X-Amz-Copy-Source": "/bucket/a/k"}, 403},
		{"signed in the header", policyFor("Deny", `"*"`, `"s3:GetObject"`, objects, `{"StringNotEquals":{"s3:authType":"REST-QUERY-STRING"}}`), alice, "GET", "/bucket/a/k", nil, 403},
		{"the user's name in the resource", policyFor("Allow", ned1, `"s3:GetObject"`, `"arn:aws:s3:::bucket/${aws:username}/*"`, ""), ned, "GET", "/bucket/ned/k", nil, 200},
		{"a missing key, who may not list", policyFor("Allow", ned1, `"s3:GetObject"`, objects, ""), ned, "GET", "/bucket/none", nil, 403},
		{"a missing key, who may list", policyFor("Allow", ned1, `["s3:GetObject","s3:ListBucket"]`, all, ""), ned, "GET", "/bucket/none", nil, 404},
		{"an uploader aborts", policyFor("Allow", ned1, `"s3:PutObject"`, objects, ""), ned, "DELETE", "/bucket/up?uploadId=x", nil, 403},
		{"no policy, tags", "", ned, "GET", "/bucket?tagging", nil, 403},
		{"no policy, tags, an administrator", "", alice, "GET", "/bucket?tagging", nil, 404},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLab(t)
			l.make(alice, "PUT", "/bucket", "")
			for _, key := range []string{"a/k", "b/k", "ned/k"} {
				l.make(alice, "PUT", "/bucket/"+key, "content")
			}
			if c.policy != "" {
				l.make(root, "PUT", "/bucket?policy", c.policy)
			}
			a := l.send(call{as: c.as, method: c.method, target: c.target, header: c.header})
			if a.status != c.status {
				t.Errorf("%d, want %d: %s", a.status, c.status, a.body)
			}
			if a.status == 403 {
				l.want("refusal", a, 403, "AccessDenied", denied)
			}
		})
	}
}

// TestPolicyDocuments: what PutBucketPolicy refuses, and in whose words.
func TestPolicyDocuments(t *testing.T) {
	l := newLab(t)
	l.make(alice, "PUT", "/bucket", "")
	for _, c := range []struct{ policy, message string }{
		{`Version`, "Policies must be valid JSON and the first byte must be '{'"},
		{`{"Version":"2012-10-17","Statement":[]}`, "Could not parse the policy: Statement is empty!"},
		{policyFor("Allow", `"*"`, `"s3:GetObject"`, `"arn:aws:s3:::other/*"`, ""), "Policy has invalid resource"},
		{policyFor("Allow", `"*"`, `"ec2:RunInstances"`, `"arn:aws:s3:::bucket/*"`, ""), "Policy has invalid action"},
		{policyFor("Allow", `{"AWS":"arn:aws:iam::111122223333:user/none"}`, `"s3:GetObject"`, `"arn:aws:s3:::bucket/*"`, ""), "Invalid principal in policy"},
		{policyFor("Allow", `{"AWS":"999999999999"}`, `"s3:GetObject"`, `"arn:aws:s3:::bucket/*"`, ""), "Invalid principal in policy"},
		{policyFor("Allow", `"*"`, `"s3:GetObject"`, `"*"`, ""), "Policy has invalid resource"},
		{policyFor("Allow", `"*"`, `"s3:ListBucket"`, `"arn:aws:s3:::bucket/*"`, ""), "Action does not apply to any resource(s) in statement"},
		{policyFor("Deny", `"*"`, `["s3:PutObject","s3:getobject"]`, `"arn:aws:s3:::bucket"`, ""), "Action does not apply to any resource(s) in statement"},
		{policyFor("Allow", `"*"`, `["s3:GetObject","s3:GetBucketAcl"]`, `["arn:aws:s3:::bucket/a","arn:aws:s3:::bucket/b/*"]`, ""), "Action does not apply to any resource(s) in statement"},
		{policyFor("Maybe", `"*"`, `"s3:GetObject"`, `"arn:aws:s3:::bucket/*"`, ""), ""},
		{`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::bucket/*"}]}`, "Missing required field Principal"},
	} {
		l.want(c.policy, l.do(alice, "PUT", "/bucket?policy", c.policy), 400, "MalformedPolicy", c.message)
	}
	l.want("too long", l.do(alice, "PUT", "/bucket?policy", "{"+strings.Repeat(" ", 21<<10)+"}"), 400, "EntityTooLarge", "")
	l.want("none yet", l.do(alice, "GET", "/bucket?policy", ""), 404, "NoSuchBucketPolicy", "The bucket policy does not exist")
	p := policyFor("Allow", `{"AWS":"arn:aws:iam::111122223333:user/ned"}`, `"s3:GetObject"`, `"arn:aws:s3:::bucket/*"`, "")
	l.make(alice, "PUT", "/bucket?policy", p)
	if got := l.make(alice, "GET", "/bucket?policy", "").body; got != p {
		t.Errorf("got  %s\nwant %s", got, p)
	}
	for _, fits := range []string{
		policyFor("Allow", `"*"`, `["s3:GetObject","s3:ListBucket"]`, `["arn:aws:s3:::bucket","arn:aws:s3:::bucket/*"]`, ""),
		policyFor("Allow", `"*"`, `["s3:GetObject","s3:ListBucket"]`, `"arn:aws:s3:::bucket*"`, ""),
		policyFor("Allow", `"*"`, `["s3:*","s3:List*","s3:PauseReplication"]`, `"arn:aws:s3:::bucket/*"`, ""),
	} {
		l.make(alice, "PUT", "/bucket?policy", fits)
	}
	l.make(alice, "PUT", "/bucket?policy", policyFor("Allow", `{"AWS":["444455556666","arn:aws:iam::777788889999:root"]}`, `"s3:GetObject"`, `"arn:aws:s3:::bucket/*"`, ""))
	if got, want := l.make(alice, "GET", "/bucket?policy", "").body, policyFor("Allow", `{"AWS":["arn:aws:iam::444455556666:root","arn:aws:iam::777788889999:root"]}`, `"s3:GetObject"`, `"arn:aws:s3:::bucket/*"`, ""); got != want {
		t.Errorf("accounts:\ngot  %s\nwant %s", got, want)
	}
	for policy, public := range map[string]string{
		p: "false",
		policyFor("Allow", `"*"`, `"s3:GetObject"`, `"arn:aws:s3:::bucket/*"`, ""):                                                    "true",
		policyFor("Allow", `{"AWS":"*"}`, `"s3:GetObject"`, `"arn:aws:s3:::bucket/*"`, `{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}`): "false",
		policyFor("Deny", `"*"`, `"s3:GetObject"`, `"arn:aws:s3:::bucket/*"`, ""):                                                     "false",
	} {
		l.make(alice, "PUT", "/bucket?policy", policy)
		if got := between(l.make(alice, "GET", "/bucket?policyStatus", "").body, "<IsPublic>", "</IsPublic>"); got != public {
			t.Errorf("%s: public is %s", policy, got)
		}
	}
	l.make(alice, "PUT", "/bucket?policy", policyFor("Deny", `"*"`, `"s3:*"`, `["arn:aws:s3:::bucket","arn:aws:s3:::bucket/*"]`, ""))
	l.want("locked out", l.do(alice, "DELETE", "/bucket?policy", ""), 403, "AccessDenied", denied)
	l.want("root never is", l.do(root, "DELETE", "/bucket?policy", ""), 204, "", "")
	l.make(alice, "PUT", "/bucket?policy", policyFor("Allow", `{"AWS":"444455556666"}`, `"s3:*"`, `["arn:aws:s3:::bucket","arn:aws:s3:::bucket/*"]`, ""))
	l.want("another account manages no policy", l.do(bob, "GET", "/bucket?policy", ""), 405, "MethodNotAllowed", "")
}

// TestPresigned: a URL is good for what it was signed for, until it expires.
func TestPresigned(t *testing.T) {
	l := newLab(t)
	l.make(alice, "PUT", "/bucket", "")
	l.make(alice, "PUT", "/bucket/k", "content")
	presign := func(as keys, method, query string) string {
		u, err := url.Parse(l.URL + "/bucket/k?" + query)
		if err != nil {
			t.Fatal(err)
		}
		signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true })
		r := request(t, method, u.String())
		signed, _, err := signer.PresignHTTP(context.Background(), aws.Credentials{AccessKeyID: as.id, SecretAccessKey: as.secret, SessionToken: as.token},
			r, "UNSIGNED-PAYLOAD", "s3", "eu-west-1", l.Clock.Now())
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimPrefix(signed, l.URL)
	}
	get := presign(alice, "GET", "X-Amz-Expires=60")
	l.want("get", l.do(nobody, "GET", get, ""), 200, "", "")
	l.want("another method", l.do(nobody, "PUT", get, "x"), 403, "SignatureDoesNotMatch", "")
	l.want("another key", l.do(nobody, "GET", strings.Replace(get, "/k?", "/l?", 1), ""), 403, "SignatureDoesNotMatch", "")
	l.want("who may not", l.do(nobody, "GET", presign(ned, "GET", "X-Amz-Expires=60"), ""), 403, "AccessDenied", denied)
	l.want("put", l.do(nobody, "PUT", presign(alice, "PUT", "X-Amz-Expires=60"), "new content"), 200, "", "")
	session := l.session(alice, "", "", 0)
	if got := l.do(nobody, "GET", presign(session, "GET", "X-Amz-Expires=60"), ""); got.body != "new content" {
		t.Errorf("with a session: %s", got.body)
	}
	l.want("too long", l.do(nobody, "GET", presign(alice, "GET", "X-Amz-Expires=604801"), ""), 400, "AuthorizationQueryParametersError", "")
	l.Advance(61 * time.Second)
	l.want("expired", l.do(nobody, "GET", get, ""), 403, "AccessDenied", "Request has expired")
}
