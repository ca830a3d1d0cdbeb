package s3

import (
	"net/http"

	"github.com/fob-auth/fob/sts/local/store"
)

// unserved are the calls of S3's API reference that have no part in what the
// local AWS is for, with the actions that they take (Service Authorization
// Reference, "Actions, resources, and condition keys for Amazon S3").
var unserved = []struct {
	level                     level
	method, subresource, name string
	actions                   []string
}{
	{ofBucket, "PUT", "accelerate", "PutBucketAccelerateConfiguration", []string{"s3:PutAccelerateConfiguration"}},
	{ofBucket, "PUT", "acl", "PutBucketAcl", []string{"s3:PutBucketAcl"}},
	{ofBucket, "GET", "analytics", "GetBucketAnalyticsConfiguration", []string{"s3:GetAnalyticsConfiguration"}},
	{ofBucket, "PUT", "analytics", "PutBucketAnalyticsConfiguration", []string{"s3:PutAnalyticsConfiguration"}},
	{ofBucket, "DELETE", "analytics", "DeleteBucketAnalyticsConfiguration", []string{"s3:PutAnalyticsConfiguration"}},
	{ofBucket, "PUT", "cors", "PutBucketCors", []string{"s3:PutBucketCORS"}},
	{ofBucket, "DELETE", "cors", "DeleteBucketCors", []string{"s3:PutBucketCORS"}},
	{ofBucket, "PUT", "encryption", "PutBucketEncryption", []string{"s3:PutEncryptionConfiguration"}},
	{ofBucket, "DELETE", "encryption", "DeleteBucketEncryption", []string{"s3:PutEncryptionConfiguration"}},
	{ofBucket, "GET", "intelligent-tiering", "GetBucketIntelligentTieringConfiguration", []string{"s3:GetIntelligentTieringConfiguration"}},
	{ofBucket, "PUT", "intelligent-tiering", "PutBucketIntelligentTieringConfiguration", []string{"s3:PutIntelligentTieringConfiguration"}},
	{ofBucket, "DELETE", "intelligent-tiering", "DeleteBucketIntelligentTieringConfiguration", []string{"s3:PutIntelligentTieringConfiguration"}},
	{ofBucket, "GET", "inventory", "GetBucketInventoryConfiguration", []string{"s3:GetInventoryConfiguration"}},
	{ofBucket, "PUT", "inventory", "PutBucketInventoryConfiguration", []string{"s3:PutInventoryConfiguration"}},
	{ofBucket, "DELETE", "inventory", "DeleteBucketInventoryConfiguration", []string{"s3:PutInventoryConfiguration"}},
	{ofBucket, "PUT", "lifecycle", "PutBucketLifecycleConfiguration", []string{"s3:PutLifecycleConfiguration"}},
	{ofBucket, "DELETE", "lifecycle", "DeleteBucketLifecycle", []string{"s3:PutLifecycleConfiguration"}},
	{ofBucket, "PUT", "logging", "PutBucketLogging", []string{"s3:PutBucketLogging"}},
	{ofBucket, "GET", "metrics", "GetBucketMetricsConfiguration", []string{"s3:GetMetricsConfiguration"}},
	{ofBucket, "PUT", "metrics", "PutBucketMetricsConfiguration", []string{"s3:PutMetricsConfiguration"}},
	{ofBucket, "DELETE", "metrics", "DeleteBucketMetricsConfiguration", []string{"s3:PutMetricsConfiguration"}},
	{ofBucket, "PUT", "notification", "PutBucketNotificationConfiguration", []string{"s3:PutBucketNotification"}},
	{ofBucket, "PUT", "object-lock", "PutObjectLockConfiguration", []string{"s3:PutBucketObjectLockConfiguration"}},
	{ofBucket, "PUT", "ownershipControls", "PutBucketOwnershipControls", []string{"s3:PutBucketOwnershipControls"}},
	{ofBucket, "DELETE", "ownershipControls", "DeleteBucketOwnershipControls", []string{"s3:PutBucketOwnershipControls"}},
	{ofBucket, "PUT", "publicAccessBlock", "PutPublicAccessBlock", []string{"s3:PutBucketPublicAccessBlock"}},
	{ofBucket, "DELETE", "publicAccessBlock", "DeletePublicAccessBlock", []string{"s3:PutBucketPublicAccessBlock"}},
	{ofBucket, "PUT", "replication", "PutBucketReplication", []string{"s3:PutReplicationConfiguration"}},
	{ofBucket, "DELETE", "replication", "DeleteBucketReplication", []string{"s3:PutReplicationConfiguration"}},
	{ofBucket, "PUT", "requestPayment", "PutBucketRequestPayment", []string{"s3:PutBucketRequestPayment"}},
	{ofBucket, "PUT", "website", "PutBucketWebsite", []string{"s3:PutBucketWebsite"}},
	{ofBucket, "DELETE", "website", "DeleteBucketWebsite", []string{"s3:DeleteBucketWebsite"}},
	{ofObject, "PUT", "acl", "PutObjectAcl", []string{"s3:PutObjectAcl"}},
	{ofObject, "GET", "attributes", "GetObjectAttributes", []string{"s3:GetObject", "s3:GetObjectAttributes"}},
	{ofObject, "GET", "legal-hold", "GetObjectLegalHold", []string{"s3:GetObjectLegalHold"}},
	{ofObject, "PUT", "legal-hold", "PutObjectLegalHold", []string{"s3:PutObjectLegalHold"}},
	{ofObject, "POST", "restore", "RestoreObject", []string{"s3:RestoreObject"}},
	{ofObject, "GET", "retention", "GetObjectRetention", []string{"s3:GetObjectRetention"}},
	{ofObject, "PUT", "retention", "PutObjectRetention", []string{"s3:PutObjectRetention"}},
	{ofObject, "POST", "select", "SelectObjectContent", []string{"s3:GetObject"}},
	{ofObject, "GET", "torrent", "GetObjectTorrent", []string{"s3:GetObjectTorrent"}},
}

func unservedRoutes() []route {
	var list []route
	for _, u := range unserved {
		list = append(list, route{u.level, u.method, u.subresource, operation{u.name, func(q *request) error {
			return q.notServed(u.name, u.actions)
		}}})
	}
	return list
}

// notServed authorises a call that isn't served, and refuses it by name.
func (q *request) notServed(name string, actions []string) error {
	return q.view(func(tx *store.Tx) error {
		for _, action := range actions {
			if _, err := q.permit(tx, actionOn(action, q.query.Get("versionId")), q.key); err != nil {
				return err
			}
		}
		return errorf(http.StatusNotImplemented, "NotImplemented", "authorised; s3:%s is not served here", name).
			with("Resource", q.r.URL.Path)
	})
}
