package s3_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/fob-auth/fob/sts/local"
)

func request(t testing.TB, method, url string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

const mismatch = "The request signature we calculated does not match the signature you provided. Check your key and signing method."

const outdated = "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256."

// TestErrors holds refusals to S3's status, code and words.
func TestErrors(t *testing.T) {
	long := strings.Repeat("k", 1025)
	header := func(name, value string) map[string]string { return map[string]string{name: value} }
	sum := func(s string) map[string]string { return header("Content-Md5", md5Of(s)) }
	const del, ver = "<Delete><Object><Key>k</Key></Object></Delete>", "<VersioningConfiguration><Status>On</Status></VersioningConfiguration>"
	l := newLab(t, func(o *local.Options) { o.SignatureSkew = 0 })
	l.make(alice, "PUT", "/bucket", "")
	l.make(alice, "PUT", "/bucket/k", "content")
	l.make(alice, "PUT", "/taken", "")
	for _, c := range []struct {
		name string
		call
		status        int
		code, message string
		extra         string // element that has to be there
	}{
		{"no such bucket", call{as: alice, method: "GET", target: "/none/k"}, 404, "NoSuchBucket", "The specified bucket does not exist", "BucketName"},
		{"no such key", call{as: alice, method: "GET", target: "/bucket/none"}, 404, "NoSuchKey", "The specified key does not exist.", "Key"},
		{"no such version", call{as: alice, method: "GET", target: "/bucket/k?versionId=" + strings.Repeat("x", 32)}, 404, "NoSuchVersion", "The specified version does not exist.", "VersionId"},
		{"no version", call{as: alice, method: "GET", target: "/bucket/k?versionId=x"}, 400, "InvalidArgument", "Invalid version id specified", "ArgumentValue"},
		{"no version to delete", call{as: alice, method: "DELETE", target: "/bucket/k?versionId=x"}, 400, "InvalidArgument", "Invalid version id specified", "ArgumentValue"},
		{"no version with tags", call{as: alice, method: "GET", target: "/bucket/k?tagging&versionId=x"}, 400, "InvalidArgument", "Invalid version id specified", "ArgumentValue"},
		{"an empty version", call{as: alice, method: "GET", target: "/bucket/k?versionId="}, 400, "InvalidArgument", "Version id cannot be the empty string", "ArgumentName"},
		{"no such upload", call{as: alice, method: "DELETE", target: "/bucket/k?uploadId=x"}, 404, "NoSuchUpload", "", "UploadId"},
		{"unsigned", call{method: "GET", target: "/bucket/k"}, 403, "AccessDenied", denied, ""},
		{"unsigned, all buckets", call{method: "GET", target: "/"}, 403, "AccessDenied", denied, ""},
		{"unknown key", call{as: keys{id: "AKIANOBODY", secret: "x"}, method: "GET", target: "/bucket"}, 403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.", "AWSAccessKeyId"},
		{"another's session token", call{as: keys{id: alice.id, secret: alice.secret, token: "x"}, method: "GET", target: "/bucket"}, 400, "InvalidToken", "The provided token is malformed or otherwise invalid.", ""},
		{"Version 2 with a hash of the body", call{as: alice, method: "GET", target: "/bucket", spoil: func(r *http.Request) { r.Header.Set("Authorization", "AWS "+alice.id+":x") }}, 400, "InvalidRequest", outdated, ""},
		{"half of a Version 2 URL", call{method: "GET", target: "/bucket?AWSAccessKeyId=x"}, 403, "AccessDenied", denied, ""},
		{"wrong secret", call{as: keys{id: alice.id, secret: "x"}, method: "GET", target: "/bucket"}, 403, "SignatureDoesNotMatch", mismatch, "StringToSign"},
		{"changed path", call{as: alice, method: "GET", target: "/bucket/k", spoil: func(r *http.Request) { r.URL.Path = "/bucket/l" }}, 403, "SignatureDoesNotMatch", mismatch, ""},
		{"changed header", call{as: alice, method: "PUT", target: "/bucket/k", header: header("X-Amz-Meta-A", "b"),
			spoil: func(r *http.Request) { r.Header.Set("X-Amz-Meta-A", "c") }}, 403, "SignatureDoesNotMatch", mismatch, ""},
		{"old", call{as: alice, method: "GET", target: "/bucket", spoil: func(*http.Request) { l.Advance(time.Hour) }}, 403, "RequestTimeTooSkewed", "The difference between the request time and the current time is too large.", ""},
		{"no hash", call{as: alice, method: "GET", target: "/bucket", spoil: func(r *http.Request) { r.Header.Del("X-Amz-Content-Sha256") }}, 400, "InvalidRequest", "Missing required header for this request: x-amz-content-sha256", ""},
		{"no such hash", call{as: alice, method: "GET", target: "/bucket", payload: "SIGNED"}, 400, "InvalidArgument", "", "ArgumentName"},
		{"wrong hash", call{as: alice, method: "PUT", target: "/bucket/k", body: "x", payload: strings.Repeat("0", 64)}, 400, "XAmzContentSHA256Mismatch", "The provided 'x-amz-content-sha256' header does not match what was computed.", "S3ComputedContentSHA256"},
		{"wrong MD5", call{as: alice, method: "PUT", target: "/bucket/k", body: "x", header: sum("y")}, 400, "BadDigest", "The Content-MD5 you specified did not match what we received.", "CalculatedDigest"},
		{"no MD5", call{as: alice, method: "PUT", target: "/bucket/k", body: "x", header: header("Content-Md5", "x")}, 400, "InvalidDigest", "The Content-MD5 you specified was invalid.", "Content-MD5"},
		{"wrong checksum", call{as: alice, method: "PUT", target: "/bucket/k", body: "x", header: header("X-Amz-Checksum-Crc32", "AAAAAA==")}, 400, "BadDigest", "The CRC32 you specified did not match the calculated checksum.", ""},
		{"no checksum", call{as: alice, method: "PUT", target: "/bucket/k", body: "x", header: header("X-Amz-Checksum-Crc32", "AAAA")}, 400, "InvalidRequest", "Value for x-amz-checksum-crc32 header is invalid.", ""},
		{"long key", call{as: alice, method: "GET", target: "/bucket/" + long}, 400, "KeyTooLongError", "Your key is too long", "MaxSizeAllowed"},
		{"no UTF-8", call{as: alice, method: "GET", target: "/bucket/%ff"}, 400, "InvalidURI", "Couldn't parse the specified URI.", "URI"},
		{"taken", call{as: bob, method: "PUT", target: "/taken"}, 409, "BucketAlreadyExists", "", "BucketName"},
		{"owned", call{as: alice, method: "PUT", target: "/taken"}, 409, "BucketAlreadyOwnedByYou", "Your previous request to create the named bucket succeeded and you already own it.", ""},
		{"no XML", call{as: alice, method: "PUT", target: "/bucket2", body: "<a"}, 400, "MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema", ""},
		{"us-east-1", call{as: alice, method: "PUT", target: "/bucket2", body: "<CreateBucketConfiguration><LocationConstraint>us-east-1</LocationConstraint></CreateBucketConfiguration>"}, 400, "InvalidLocationConstraint", "", ""},
		{"versioning without a status", call{as: alice, method: "PUT", target: "/bucket?versioning", body: "<VersioningConfiguration/>"}, 400, "IllegalVersioningConfigurationException", "The Versioning element must be specified", ""},
		{"versioning of no kind", call{as: alice, method: "PUT", target: "/bucket?versioning", body: ver}, 400, "MalformedXML", "", ""},
		{"not empty", call{as: alice, method: "DELETE", target: "/bucket"}, 409, "BucketNotEmpty", "The bucket you tried to delete is not empty", ""},
		{"delete without a digest", call{as: alice, method: "POST", target: "/bucket?delete", body: del}, 400, "InvalidRequest", "Missing required header for this request: Content-MD5", ""},
		{"delete nothing", call{as: alice, method: "POST", target: "/bucket?delete", body: "<Delete/>", header: sum("<Delete/>")}, 400, "MalformedXML", "", ""},
		{"ACL", call{as: alice, method: "PUT", target: "/bucket/k?acl"}, 501, "NotImplemented", "authorised; s3:PutObjectAcl is not served here", "Resource"},
		{"website", call{as: alice, method: "PUT", target: "/bucket?website"}, 501, "NotImplemented", "authorised; s3:PutBucketWebsite is not served here", ""},
		{"ACL of an object", call{as: alice, method: "PUT", target: "/bucket/k", header: header("X-Amz-Acl", "public-read")}, 400, "AccessControlListNotSupported", "The bucket does not allow ACLs", ""},
		{"encryption", call{as: alice, method: "PUT", target: "/bucket/k", header: header("X-Amz-Server-Side-Encryption", "aws:kms")}, 501, "NotImplemented", "A header you provided implies functionality that is not implemented", "Header"},
		{"storage class", call{as: alice, method: "PUT", target: "/bucket/k", header: header("X-Amz-Storage-Class", "GLACIER")}, 501, "NotImplemented", "", "Header"},
		{"method", call{as: alice, method: "PATCH", target: "/bucket/k"}, 405, "MethodNotAllowed", "The specified method is not allowed against this resource.", ""},
		{"range", call{as: alice, method: "GET", target: "/bucket/k", header: header("Range", "bytes=7-")}, 416, "InvalidRange", "The requested range is not satisfiable", "ActualObjectSize"},
		{"If-Match", call{as: alice, method: "GET", target: "/bucket/k", header: header("If-Match", `"x"`)}, 412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold", "Condition"},
		{"exists", call{as: alice, method: "PUT", target: "/bucket/k", header: header("If-None-Match", "*")}, 412, "PreconditionFailed", "", ""},
		{"max-keys", call{as: alice, method: "GET", target: "/bucket?max-keys=many"}, 400, "InvalidArgument", "Provided max-keys not an integer or within integer range", "ArgumentValue"},
		{"encoding", call{as: alice, method: "GET", target: "/bucket?encoding-type=x"}, 400, "InvalidArgument", "Invalid Encoding Method specified in Request", ""},
		{"token", call{as: alice, method: "GET", target: "/bucket?list-type=2&continuation-token=%21"}, 400, "InvalidArgument", "The continuation token provided is incorrect", ""},
		{"part number", call{as: alice, method: "PUT", target: "/bucket/k?partNumber=0&uploadId=x"}, 400, "InvalidArgument", "Part number must be an integer between 1 and 10000, inclusive", ""},
		{"copy source", call{as: alice, method: "PUT", target: "/bucket/k", header: header("X-Amz-Copy-Source", "bucket")}, 400, "InvalidArgument", "Copy Source must mention the source bucket and key: sourcebucket/sourcekey", ""},
		{"another owner", call{as: alice, method: "GET", target: "/bucket/k", header: header("X-Amz-Expected-Bucket-Owner", accountB)}, 403, "AccessDenied", denied, ""},
		{"metadata", call{as: alice, method: "PUT", target: "/bucket/k", header: header("X-Amz-Meta-A", strings.Repeat("a", 2048))}, 400, "MetadataTooLarge", "Your metadata headers exceed the maximum allowed metadata size", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := l.send(c.call)
			l.want(c.name, a, c.status, c.code, c.message)
			got := a.refused(t)
			for _, name := range []string{"RequestId", "HostId", c.extra} {
				if _, ok := got.extra(name); !ok && name != "" {
					t.Errorf("no %s in %s", name, a.body)
				}
			}
			if a.header.Get("X-Amz-Request-Id") == "" || a.header.Get("Content-Type") != "application/xml" {
				t.Errorf("headers %v", a.header)
			}
		})
	}
}

// TestHeadsHaveNoBody: a refusal of a HEAD is its status alone.
func TestHeadsHaveNoBody(t *testing.T) {
	l := newLab(t)
	l.make(alice, "PUT", "/bucket", "")
	for target, status := range map[string]int{"/none": 404, "/bucket/none": 404, "/bucket": 200} {
		if a := l.do(alice, "HEAD", target, ""); a.status != status || a.body != "" {
			t.Errorf("%s: %d %q", target, a.status, a.body)
		}
	}
	if a := l.do(ned, "HEAD", "/bucket", ""); a.status != 403 {
		t.Errorf("ned: %d", a.status)
	}
}
