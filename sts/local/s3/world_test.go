package s3_test

import (
	"strings"
	"testing"
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
