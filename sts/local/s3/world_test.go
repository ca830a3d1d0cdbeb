package s3_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/fob-auth/fob/sts/local"
	"github.com/fob-auth/fob/sts/local/world"
	"github.com/fob-auth/fob/sts/sdkhttp"
)

// TestBucketsOfTheWorld: what the world file says of a bucket holds from the
// beginning.
func TestBucketsOfTheWorld(t *testing.T) {
	policy := policyFor("Allow", `"*"`, `"s3:GetObject"`, `"arn:aws:s3:::open/*"`, "")
	l := newLabIn(t, strings.Replace(labWorld, "    users:\n", `    buckets:
      - {name: plain, policy: {}, versioning: false, mfa_delete: false}
      - {name: open, policy: `+policy+`}
      - {name: kept, versioning: true, mfa_delete: true}
    users:
`, 1))
	l.want("an empty policy is none", l.do(alice, "GET", "/plain?policy", ""), 404, "NoSuchBucketPolicy", "")
	for bucket, want := range map[string]string{"plain": "", "open": "", "kept": "<Status>Enabled</Status><MfaDelete>Enabled</MfaDelete>"} {
		if got := l.make(alice, "GET", "/"+bucket+"?versioning", "").body; strings.Contains(got, "<Status>") != (want != "") || !strings.Contains(got, want) {
			t.Errorf("%s: %s", bucket, got)
		}
	}
	l.make(alice, "PUT", "/open/k", "content")
	if got := l.make(nobody, "GET", "/open/k", "").body; got != "content" {
		t.Errorf("got %q", got)
	}
	if got := l.make(alice, "GET", "/", "").body; strings.Count(got, "<Bucket>") != 3 {
		t.Error(got)
	}
	l.want("the others see none of them", l.do(bob, "HEAD", "/plain", ""), 403, "", "")
}

// TestPoliciesOfTheWorldMeanUsers: as in a policy that was put, a user who is
// deleted and made anew is somebody else, and one who isn't there is an error.
func TestPoliciesOfTheWorldMeanUsers(t *testing.T) {
	within := func(user string) string {
		policy := policyFor("Allow", `{"AWS":["arn:aws:iam::111122223333:user/`+user+`","444455556666"]}`, `"s3:GetObject"`, `"arn:aws:s3:::bucket/*"`, "")
		return strings.Replace(labWorld, "    users:\n", "    buckets: [{name: bucket, policy: "+policy+"}]\n    users:\n", 1)
	}
	l := newLabIn(t, within("ned"))
	l.make(alice, "PUT", "/bucket/k", "content")
	l.make(ned, "GET", "/bucket/k", "")
	l.make(bob, "GET", "/bucket/k", "")
	c := iam.NewFromConfig(aws.Config{
		Region: "us-east-1", BaseEndpoint: aws.String(l.URL), HTTPClient: sdkhttp.Client{},
		Credentials: credentials.NewStaticCredentialsProvider(root.id, root.secret, ""),
	})
	name := aws.String("ned")
	if _, err := c.DeleteAccessKey(t.Context(), &iam.DeleteAccessKeyInput{UserName: name, AccessKeyId: aws.String(ned.id)}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.DeleteUser(t.Context(), &iam.DeleteUserInput{UserName: name}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.CreateUser(t.Context(), &iam.CreateUserInput{UserName: name}); err != nil {
		t.Fatal(err)
	}
	key, err := c.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: name})
	if err != nil {
		t.Fatal(err)
	}
	anew := keys{id: *key.AccessKey.AccessKeyId, secret: *key.AccessKey.SecretAccessKey}
	l.want("another ned", l.do(anew, "GET", "/bucket/k", ""), 403, "AccessDenied", denied)
	if got := l.make(alice, "GET", "/bucket?policy", "").body; !strings.Contains(got, `{"AWS":["AIDA`) || !strings.Contains(got, `"arn:aws:iam::444455556666:root"`) {
		t.Errorf("the policy is %s", got)
	}

	w, err := world.Decode("world.yaml", []byte(within("none")))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := local.New(local.Options{World: w}); err == nil || !strings.Contains(err.Error(), "policy of bucket bucket: Invalid principal in policy") {
		t.Errorf("a policy that names nobody: %v", err)
	}
}
