package s3

import (
	"net/http"
	"slices"
)

// An operation is a call of S3's API reference.
type operation struct {
	name string
	do   func(*request) error
}

// A level is what a call is about.
type level int

const (
	ofService level = iota
	ofBucket
	ofObject
)

// String names the level as S3's errors do.
func (l level) String() string { return [...]string{"SERVICE", "BUCKET", "OBJECT"}[l] }

// A route leads to an operation: by level, method, and the query parameter
// that names a subresource, "" for none.
type route struct {
	level       level
	method      string
	subresource string
	operation
}

// routes are those of all calls that S3's API reference has for buckets and
// objects of general purpose.
var routes = slices.Concat(served, settingRoutes(), unservedRoutes())

var served = []route{
	{ofService, "GET", "", operation{"ListBuckets", (*request).listBuckets}},
	{ofBucket, "GET", "location", operation{"GetBucketLocation", (*request).getBucketLocation}},
	{ofBucket, "GET", "policy", operation{"GetBucketPolicy", (*request).getBucketPolicy}},
	{ofBucket, "PUT", "policy", operation{"PutBucketPolicy", (*request).putBucketPolicy}},
	{ofBucket, "DELETE", "policy", operation{"DeleteBucketPolicy", (*request).deleteBucketPolicy}},
	{ofBucket, "GET", "policyStatus", operation{"GetBucketPolicyStatus", (*request).getBucketPolicyStatus}},
	{ofBucket, "GET", "versioning", operation{"GetBucketVersioning", (*request).getBucketVersioning}},
	{ofBucket, "PUT", "versioning", operation{"PutBucketVersioning", (*request).putBucketVersioning}},
	{ofBucket, "GET", "tagging", operation{"GetBucketTagging", (*request).getBucketTagging}},
	{ofBucket, "PUT", "tagging", operation{"PutBucketTagging", (*request).putBucketTagging}},
	{ofBucket, "DELETE", "tagging", operation{"DeleteBucketTagging", (*request).deleteBucketTagging}},
	{ofBucket, "GET", "versions", operation{"ListObjectVersions", (*request).listObjectVersions}},
	{ofBucket, "GET", "uploads", operation{"ListMultipartUploads", (*request).listMultipartUploads}},
	{ofBucket, "POST", "delete", operation{"DeleteObjects", (*request).deleteObjects}},
	{ofBucket, "GET", "list-type", operation{"ListObjectsV2", (*request).listObjectsV2}},
	{ofBucket, "GET", "", operation{"ListObjects", (*request).listObjects}},
	{ofBucket, "HEAD", "", operation{"HeadBucket", (*request).headBucket}},
	{ofBucket, "PUT", "", operation{"CreateBucket", (*request).createBucket}},
	{ofBucket, "DELETE", "", operation{"DeleteBucket", (*request).deleteBucket}},
	{ofObject, "GET", "uploadId", operation{"ListParts", (*request).listParts}},
	{ofObject, "PUT", "uploadId", operation{"UploadPart", (*request).uploadPart}},
	{ofObject, "POST", "uploadId", operation{"CompleteMultipartUpload", (*request).completeMultipartUpload}},
	{ofObject, "DELETE", "uploadId", operation{"AbortMultipartUpload", (*request).abortMultipartUpload}},
	{ofObject, "POST", "uploads", operation{"CreateMultipartUpload", (*request).createMultipartUpload}},
	{ofObject, "GET", "acl", operation{"GetObjectAcl", (*request).getObjectACL}},
	{ofObject, "GET", "tagging", operation{"GetObjectTagging", (*request).getObjectTagging}},
	{ofObject, "PUT", "tagging", operation{"PutObjectTagging", (*request).putObjectTagging}},
	{ofObject, "DELETE", "tagging", operation{"DeleteObjectTagging", (*request).deleteObjectTagging}},
	{ofObject, "GET", "", operation{"GetObject", (*request).getObject}},
	{ofObject, "HEAD", "", operation{"HeadObject", (*request).headObject}},
	{ofObject, "PUT", "", operation{"PutObject", (*request).putObject}},
	{ofObject, "DELETE", "", operation{"DeleteObject", (*request).deleteObject}},
}

// level is what the request is about.
func (q *request) level() level {
	switch {
	case q.bucket == "":
		return ofService
	case q.key == "":
		return ofBucket
	}
	return ofObject
}

// route finds the operation that the request is for. Parameters that name no
// subresource mean nothing; one that does never stands for the bucket or object
// itself.
func (q *request) route() operation {
	of := q.level()
	plain, named := operation{"", (*request).notAllowed}, false
	for _, r := range routes {
		switch {
		case r.level != of:
		case r.subresource == "" && r.method == q.r.Method:
			plain = r.operation
		case r.subresource != "" && q.query.Has(r.subresource):
			if r.method == q.r.Method {
				return r.operation
			}
			named = true
		}
	}
	if named {
		return operation{"", (*request).notAllowed}
	}
	return plain
}

func (q *request) notAllowed() error {
	return errorf(http.StatusMethodNotAllowed, "MethodNotAllowed", "The specified method is not allowed against this resource.").
		with("Method", q.r.Method).with("ResourceType", q.level())
}
