package s3

import (
	"net/http"
	"strings"
	"time"

	"github.com/fob-auth/fob/sts/local/access"
	"github.com/fob-auth/fob/sts/local/policy"
	"github.com/fob-auth/fob/sts/local/s3/wire"
	"github.com/fob-auth/fob/sts/local/store"
)

// Bounds of the answers to lists, and of bodies.
const (
	maxBuckets       = 10000 // S3 API reference, ListBuckets, MaxBuckets
	maxConfiguration = 64 << 10
	defaultRegion    = "us-east-1"
)

// regionOf is the region that a bucket says it is in.
func regionOf(b store.Bucket) string {
	if b.Region == "" {
		return defaultRegion
	}
	return b.Region
}

func ownerOf(account string) wire.Owner { return wire.Owner{ID: access.CanonicalID(account)} }

// listBuckets lists the caller's own buckets.
func (q *request) listBuckets() error {
	limit, err := q.count("max-buckets", maxBuckets, maxBuckets)
	if err != nil {
		return err
	}
	out := wire.ListBuckets{Owner: ownerOf(q.call.Caller.Account.ID), Prefix: q.query.Get("prefix")}
	err = q.view(func(tx *store.Tx) error {
		all := store.Bucket{Account: q.call.Caller.Account.ID, Name: "*"}
		if err := q.allow(tx, all, "s3:ListAllMyBuckets", "", nil); err != nil {
			return err
		}
		for _, b := range tx.BucketsOf(q.call.Caller.Account.ID) {
			region := q.query.Get("bucket-region")
			if !strings.HasPrefix(b.Name, out.Prefix) || b.Name <= q.query.Get("continuation-token") ||
				region != "" && region != regionOf(b) {
				continue
			}
			if len(out.Buckets) == limit {
				out.ContinuationToken = out.Buckets[limit-1].Name
				break
			}
			out.Buckets = append(out.Buckets, wire.Bucket{
				Name: b.Name, CreationDate: wire.Time(b.Created), BucketRegion: regionOf(b),
			})
		}
		return nil
	})
	if err != nil {
		return err
	}
	return q.answer(out)
}

// createBucket makes a bucket. Its name is looked at first: no policy can make
// a bad one good.
func (q *request) createBucket() error {
	if !ValidBucketName(q.bucket) {
		return errorf(http.StatusBadRequest, "InvalidBucketName", "The specified bucket is not valid.").with("BucketName", q.bucket)
	}
	body, _, err := q.document(maxConfiguration)
	if err != nil {
		return err
	}
	var in wire.CreateBucketConfiguration
	if len(body) > 0 && wire.Decode(body, "CreateBucketConfiguration", &in) != nil {
		return errMalformedXML
	}
	if in.LocationConstraint == defaultRegion {
		return errorf(http.StatusBadRequest, "InvalidLocationConstraint", "The specified location-constraint is not valid").
			with("LocationConstraint", in.LocationConstraint)
	}
	if err := q.refuseHeaders(bucketHeaders); err != nil {
		return err
	}
	b := store.Bucket{
		Name: q.bucket, Account: q.call.Caller.Account.ID, Region: in.LocationConstraint, Created: q.now.Truncate(time.Second),
	}
	err = q.update(func(tx *store.Tx) error {
		err := q.allow(tx, b, "s3:CreateBucket", "", func(c *policy.Context) {
			if in.LocationConstraint != "" {
				c.Set("s3:LocationConstraint", in.LocationConstraint)
			}
		})
		if err != nil {
			return err
		}
		switch old, taken := tx.Buckets.Get(q.bucket); {
		case taken && old.Account == b.Account && q.inDefaultRegion() && regionOf(old) == defaultRegion && b.Region == "":
			return nil
		case taken && old.Account == b.Account:
			return errorf(http.StatusConflict, "BucketAlreadyOwnedByYou",
				"Your previous request to create the named bucket succeeded and you already own it.").with("BucketName", q.bucket)
		case taken:
			return errorf(http.StatusConflict, "BucketAlreadyExists", "The requested bucket name is not available. "+
				"The bucket namespace is shared by all users of the system. Please select a different name and try again.").with("BucketName", q.bucket)
		}
		tx.Buckets.Put(b)
		return nil
	})
	if err != nil {
		return err
	}
	q.w.Header().Set("Location", "/"+q.bucket)
	return q.done(http.StatusOK)
}

// inDefaultRegion tells whether the request was sent to us-east-1, which the
// region that it is signed for says. There, who makes their bucket again is
// answered as if it were new (S3 API reference, BucketAlreadyOwnedByYou).
func (q *request) inDefaultRegion() bool { return q.sig != nil && q.sig.Region == defaultRegion }

func (q *request) headBucket() error {
	var b store.Bucket
	err := q.view(func(tx *store.Tx) (err error) {
		b, err = q.permit(tx, "s3:ListBucket", "")
		return err
	})
	if err != nil {
		return err
	}
	q.w.Header().Set("X-Amz-Bucket-Region", regionOf(b))
	return q.done(http.StatusOK)
}

// deleteBucket removes an empty bucket, and uploads that are under way in it.
// A bucket with MFA Delete only the account's root user can delete, with
// long-term keys, however empty it is.
func (q *request) deleteBucket() error {
	err := q.update(func(tx *store.Tx) error {
		b, err := q.permit(tx, "s3:DeleteBucket", "")
		if err != nil {
			return err
		}
		c := q.call.Caller
		if b.MFADelete && (!c.IsRoot() || c.IsAnonymous() || c.Session != nil || c.Account.ID != b.Account) {
			return errAccessDenied
		}
		for range tx.VersionsFrom(q.bucket, "") {
			return errNotEmpty.with("BucketName", q.bucket)
		}
		var uploads []store.Upload
		for u := range tx.UploadsFrom(q.bucket, "") {
			uploads = append(uploads, u)
		}
		for _, u := range uploads {
			q.endUpload(tx, u, nil)
		}
		tx.Buckets.Delete(q.bucket)
		return nil
	})
	if err != nil {
		return err
	}
	return q.done(http.StatusNoContent)
}

func (q *request) getBucketLocation() error {
	var b store.Bucket
	err := q.view(func(tx *store.Tx) (err error) {
		b, err = q.permit(tx, "s3:GetBucketLocation", "")
		return err
	})
	if err != nil {
		return err
	}
	return q.answer(wire.Location{Region: b.Region})
}

func (q *request) getBucketVersioning() error {
	out := wire.VersioningConfiguration{Namespace: wire.Namespace}
	err := q.view(func(tx *store.Tx) error {
		b, err := q.permit(tx, "s3:GetBucketVersioning", "")
		if err != nil {
			return err
		}
		out.Status = string(b.Versioning)
		if b.MFADelete {
			out.MFADelete = enabled
		}
		return nil
	})
	if err != nil {
		return err
	}
	return q.answer(out)
}

// Values of MfaDelete in a versioning configuration.
const (
	enabled  = "Enabled"
	disabled = "Disabled"
)

// putBucketVersioning sets the versioning state, and MFA Delete with it. To
// turn MFA Delete on, and to change anything once it is, takes a code.
func (q *request) putBucketVersioning() error {
	body, _, err := q.document(maxConfiguration)
	if err != nil {
		return err
	}
	var in wire.VersioningConfiguration
	if wire.Decode(body, "VersioningConfiguration", &in) != nil {
		return errMalformedXML
	}
	switch {
	case in.Status == "":
		return errorf(http.StatusBadRequest, "IllegalVersioningConfigurationException", "The Versioning element must be specified")
	case in.Status != string(store.Enabled) && in.Status != string(store.Suspended),
		in.MFADelete != "" && in.MFADelete != enabled && in.MFADelete != disabled:
		return errMalformedXML
	}
	err = q.update(func(tx *store.Tx) error {
		b, err := q.permit(tx, "s3:PutBucketVersioning", "")
		if err != nil {
			return err
		}
		if b.MFADelete || in.MFADelete == enabled {
			if err := q.verifyMFA(tx, b); err != nil {
				return err
			}
		}
		b.Versioning = store.Versioning(in.Status)
		if in.MFADelete != "" {
			b.MFADelete = in.MFADelete == enabled
		}
		tx.Buckets.Put(b)
		return nil
	})
	if err != nil {
		return err
	}
	return q.done(http.StatusOK)
}
