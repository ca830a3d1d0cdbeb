package s3

import (
	"errors"
	"net/http"

	"github.com/fob-auth/fob/sts/local/policy"
	"github.com/fob-auth/fob/sts/local/s3/wire"
	"github.com/fob-auth/fob/sts/local/store"
)

// Bounds of DeleteObjects (S3 API reference): 1,000 keys, and what their XML
// can be.
const (
	maxDeleteKeys = 1000
	maxDeleteBody = 2 << 20
)

// A deletion is what became of a key.
type deletion struct {
	version string // that was removed or made; "" in a bucket without versions
	marker  bool   // it is a delete marker
	made    bool   // the marker was made, rather than removed
}

// deleteObject removes a version, or without a version id the key: where there
// are versions by a delete marker, which takes no code.
func (q *request) deleteObject() error {
	version := q.query.Get("versionId")
	id, err := q.newID()
	if err != nil {
		return err
	}
	var done deletion
	err = q.update(func(tx *store.Tx) error {
		b, err := q.permit(tx, actionOn("s3:DeleteObject", version), q.key)
		if err == nil && version != "" && b.MFADelete {
			err = q.verifyMFA(tx, b)
		}
		if err == nil {
			err = q.deletable(tx, b)
		}
		if err != nil {
			return err
		}
		done, err = q.delete(tx, b, q.key, version, id)
		return err
	})
	if err != nil {
		return err
	}
	if done.version != "" {
		q.w.Header().Set("X-Amz-Version-Id", done.version)
	}
	if done.marker {
		q.w.Header().Set("X-Amz-Delete-Marker", "true")
	}
	return q.done(http.StatusNoContent)
}

// deletable holds If-Match against the newest version, whichever is deleted. An
// ETag tells of what is there, and so takes the right to read it (S3 User Guide,
// "How to perform conditional deletes").
func (q *request) deletable(tx *store.Tx, b store.Bucket) error {
	match := q.r.Header.Get("If-Match")
	if match == "" {
		return nil
	}
	if match != "*" {
		if err := q.allow(tx, b, "s3:GetObject", q.key, nil); err != nil {
			return err
		}
	}
	switch newest, exists := tx.Newest(b.Name, q.key); {
	case !exists:
		return noSuchKey(q.key)
	case newest.Marker || !matches(match, newest.ETag):
		return preconditionFailed("If-Match")
	}
	return nil
}

// delete deletes what the caller may delete. What isn't there is deleted
// already. markerID is the id of a delete marker, where one is made.
func (q *request) delete(tx *store.Tx, b store.Bucket, key, version, markerID string) (deletion, error) {
	if version != "" {
		o, ok := versionOf(tx, b.Name, key, version)
		if ok {
			q.remove(tx, o)
		}
		return deletion{version: version, marker: o.Marker}, nil
	}
	if b.Versioning == store.Unversioned {
		if o, ok := tx.Newest(b.Name, key); ok {
			q.remove(tx, o)
		}
		return deletion{}, nil
	}
	o := q.place(tx, b, store.Object{Key: key, Marker: true}, markerID)
	return deletion{version: versionID(o), marker: true, made: true}, nil
}

// deleteObjects deletes many. With a version of a bucket with MFA Delete among
// them, a missing or bad code fails the whole call, before anything is deleted.
func (q *request) deleteObjects() error {
	body, c, err := q.document(maxDeleteBody)
	if err != nil {
		return err
	}
	if c.md5Want == nil && c.sum == nil {
		return invalidRequest("Missing required header for this request: Content-MD5")
	}
	var in wire.Delete
	if wire.Decode(body, "Delete", &in) != nil || len(in.Objects) == 0 || len(in.Objects) > maxDeleteKeys {
		return errMalformedXML
	}
	versions := false
	markers := make([]string, len(in.Objects))
	for i, o := range in.Objects {
		if o.Key == "" {
			return errMalformedXML
		}
		versions = versions || o.VersionID != ""
		if markers[i], err = q.newID(); err != nil {
			return err
		}
	}
	var out wire.DeleteResult
	err = q.update(func(tx *store.Tx) error {
		b, err := q.expected(tx, q.bucket, expectedOwner)
		if err == nil && versions && b.MFADelete {
			err = q.verifyMFA(tx, b)
		}
		if err != nil {
			return err
		}
		out, err = q.deleteEach(tx, b, in, markers)
		return err
	})
	if err != nil {
		return err
	}
	return q.answer(out)
}

// deleteEach deletes the keys that the caller may delete, and says which they
// weren't.
func (q *request) deleteEach(tx *store.Tx, b store.Bucket, in wire.Delete, markers []string) (wire.DeleteResult, error) {
	var out wire.DeleteResult
	for i, o := range in.Objects {
		err := q.allow(tx, b, actionOn("s3:DeleteObject", o.VersionID), o.Key, func(c *policy.Context) {
			if o.VersionID != "" {
				c.Set("s3:VersionId", o.VersionID)
			}
			if o.ETag != "" {
				c.Set("s3:if-match", o.ETag)
			}
		})
		if err == nil && o.VersionID != "" && !isVersionID(o.VersionID) {
			err = noSuchVersion(o.Key, o.VersionID)
		}
		var done deletion
		if current, ok := tx.Newest(b.Name, o.Key); err == nil && o.ETag != "" && (!ok || !matches(o.ETag, current.ETag)) {
			err = preconditionFailed("If-Match")
		}
		if err == nil {
			done, err = q.delete(tx, b, o.Key, o.VersionID, markers[i])
		}
		var refusal *Error
		switch {
		case errors.As(err, &refusal):
			out.Errors = append(out.Errors, wire.DeleteError{
				Key: o.Key, VersionID: o.VersionID, Code: refusal.Code, Message: refusal.Message,
			})
		case err != nil:
			return out, err
		case !in.Quiet:
			out.Deleted = append(out.Deleted, deleted(o, done))
		}
	}
	return out, nil
}

func deleted(o wire.ObjectIdentifier, done deletion) wire.Deleted {
	d := wire.Deleted{Key: o.Key, VersionID: o.VersionID, DeleteMarker: done.marker}
	if done.marker {
		d.DeleteMarkerVersionID = done.version
	}
	return d
}
