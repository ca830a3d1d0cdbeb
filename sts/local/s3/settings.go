package s3

import (
	"net/http"

	"github.com/fob-auth/fob/sts/local/s3/wire"
	"github.com/fob-auth/fob/sts/local/store"
)

// settings are the configurations of buckets that can't be changed here, with
// the actions that reading them takes (Service Authorization Reference, "Actions,
// resources, and condition keys for Amazon S3") and what AWS says of a bucket
// that has none. Their codes and sentences are those that S3's clients and other
// servers have of AWS (field reports; not all of them are in S3's list of
// errors).
var settings = []struct {
	subresource, name, action string
	answer                    func(store.Bucket) (any, error)
}{
	{"accelerate", "GetBucketAccelerateConfiguration", "s3:GetAccelerateConfiguration", empty("AccelerateConfiguration")},
	{"acl", "GetBucketAcl", "s3:GetBucketAcl", func(b store.Bucket) (any, error) { return ownerACL(b), nil }},
	{"cors", "GetBucketCors", "s3:GetBucketCORS", none("NoSuchCORSConfiguration", "The CORS configuration does not exist")},
	{"encryption", "GetBucketEncryption", "s3:GetEncryptionConfiguration", always(wire.Encryption{Algorithm: "AES256"})},
	{"lifecycle", "GetBucketLifecycleConfiguration", "s3:GetLifecycleConfiguration", none("NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist")},
	{"logging", "GetBucketLogging", "s3:GetBucketLogging", empty("BucketLoggingStatus")},
	{"notification", "GetBucketNotificationConfiguration", "s3:GetBucketNotification", empty("NotificationConfiguration")},
	{"object-lock", "GetObjectLockConfiguration", "s3:GetBucketObjectLockConfiguration",
		none("ObjectLockConfigurationNotFoundError", "Object Lock configuration does not exist for this bucket")},
	{"ownershipControls", "GetBucketOwnershipControls", "s3:GetBucketOwnershipControls", always(wire.OwnershipControls{Ownership: ownerEnforced})},
	{"publicAccessBlock", "GetPublicAccessBlock", "s3:GetBucketPublicAccessBlock",
		none("NoSuchPublicAccessBlockConfiguration", "The public access block configuration was not found")},
	{"replication", "GetBucketReplication", "s3:GetReplicationConfiguration",
		none("ReplicationConfigurationNotFoundError", "The replication configuration was not found")},
	{"requestPayment", "GetBucketRequestPayment", "s3:GetBucketRequestPayment", always(wire.RequestPayment{Payer: "BucketOwner"})},
	{"website", "GetBucketWebsite", "s3:GetBucketWebsite", none("NoSuchWebsiteConfiguration", "The specified bucket does not have a website configuration")},
}

// ownerEnforced is the ownership of objects in all buckets: access control lists
// mean nothing, and whoever has the bucket has what is in it.
const ownerEnforced = "BucketOwnerEnforced"

func settingRoutes() []route {
	var list []route
	for _, s := range settings {
		list = append(list, route{ofBucket, http.MethodGet, s.subresource, operation{s.name, func(q *request) error {
			return q.getSetting(s.action, s.answer)
		}}})
	}
	return list
}

func (q *request) getSetting(action string, answer func(store.Bucket) (any, error)) error {
	var out any
	err := q.view(func(tx *store.Tx) error {
		b, err := q.permit(tx, action, "")
		if err == nil {
			out, err = answer(b)
		}
		return err
	})
	if err != nil {
		return err
	}
	return q.answer(out)
}

// always is the answer of every bucket.
func always(out any) func(store.Bucket) (any, error) {
	return func(store.Bucket) (any, error) { return out, nil }
}

// empty is an answer without content.
func empty(root string) func(store.Bucket) (any, error) { return always(wire.Empty(root)) }

// none is the refusal where there is no such configuration.
func none(code, message string) func(store.Bucket) (any, error) {
	return func(b store.Bucket) (any, error) {
		return nil, errorf(http.StatusNotFound, code, "%s", message).with("BucketName", b.Name)
	}
}

// ownerACL is the access control list of a bucket, and of all that is in it.
func ownerACL(b store.Bucket) wire.AccessControlPolicy {
	owner := ownerOf(b.Account)
	return wire.AccessControlPolicy{Owner: owner, Grants: []wire.Grant{wire.FullControl(owner)}}
}

func (q *request) getObjectACL() error {
	var o store.Object
	var b store.Bucket
	err := q.view(func(tx *store.Tx) (err error) {
		if b, err = q.expected(tx, q.bucket, expectedOwner); err == nil {
			o, err = q.lookup(tx, "s3:GetObjectAcl", q.bucket, q.key, q.query.Get("versionId"))
		}
		return err
	})
	if err != nil {
		return err
	}
	q.describeVersion(o)
	return q.answer(ownerACL(b))
}
