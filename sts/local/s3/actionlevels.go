package s3

import (
	"maps"
	"slices"
	"strings"
)

// Actions of the calls that are served, by what they are about (Service
// Authorization Reference, "Actions, resources, and condition keys for Amazon
// S3"). Those of settings, of versions and of the other calls stand with them.
var (
	bucketActions = []string{
		"s3:CreateBucket", "s3:DeleteBucket", "s3:DeleteBucketPolicy", "s3:GetBucketLocation", "s3:GetBucketPolicy",
		"s3:GetBucketPolicyStatus", "s3:GetBucketTagging", "s3:GetBucketVersioning", "s3:ListBucket",
		"s3:ListBucketMultipartUploads", "s3:ListBucketVersions", "s3:PutBucketPolicy", "s3:PutBucketTagging",
		"s3:PutBucketVersioning",
	}
	objectActions = []string{"s3:AbortMultipartUpload", "s3:ListMultipartUploadParts", "s3:PutObject"}
)

// actionLevels says of each action of a call here what it is about, by its name
// in lower case.
var actionLevels = levels()

func levels() map[string]level {
	of := map[string]level{}
	note := func(l level, actions ...string) {
		for _, a := range actions {
			of[strings.ToLower(a)] = l
		}
	}
	note(ofBucket, bucketActions...)
	note(ofObject, objectActions...)
	note(ofObject, slices.Collect(maps.Keys(versioned))...)
	note(ofObject, slices.Collect(maps.Values(versioned))...)
	for _, s := range settings {
		note(ofBucket, s.action)
	}
	for _, u := range unserved {
		note(u.level, u.actions...)
	}
	return of
}

// applies tells whether a resource can be what an action is about: the bucket,
// or something in it. A pattern without a slash can be both; an action that no
// call here takes, or several with a wildcard, may be about either.
func applies(action, resource string) bool {
	inside := strings.Contains(resource, "/")
	switch of, known := actionLevels[strings.ToLower(action)]; {
	case !known:
		return true
	case of == ofBucket:
		return !inside
	default:
		return inside || strings.ContainsAny(resource, "*?$")
	}
}
