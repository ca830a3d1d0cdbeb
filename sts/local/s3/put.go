package s3

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/fob-auth/fob/sts/local/store"
)

// maxMeta is the largest metadata of an object in bytes, names and values
// (S3 User Guide, "Working with object metadata": 2 KB).
const maxMeta = 2 << 10

const metaPrefix = "X-Amz-Meta-"

// keptHeaders are handed on with the object as they came.
var keptHeaders = []string{"Content-Type", "Cache-Control", "Content-Disposition", "Content-Encoding", "Content-Language", "Expires"}

// defaultType is the Content-Type of an object that came without.
const defaultType = "binary/octet-stream"

// Headers that ask for what isn't served, by call, with the values that ask
// for nothing. "" stands for any value.
var (
	objectHeaders = map[string][]string{
		"X-Amz-Acl":                       {"private", "bucket-owner-full-control"},
		"X-Amz-Storage-Class":             {"STANDARD"},
		"X-Amz-Server-Side-Encryption":    {"AES256"}, // what S3 does anyway
		"X-Amz-Website-Redirect-Location": nil, "X-Amz-Write-Offset-Bytes": nil,
		"X-Amz-Server-Side-Encryption-Customer-Algorithm": nil, "X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id": nil,
		"X-Amz-Object-Lock-Mode": nil, "X-Amz-Object-Lock-Legal-Hold": nil, "X-Amz-Object-Lock-Retain-Until-Date": nil,
		"X-Amz-Grant-Read": nil, "X-Amz-Grant-Read-Acp": nil, "X-Amz-Grant-Write-Acp": nil, "X-Amz-Grant-Full-Control": nil,
	}
	bucketHeaders = map[string][]string{
		"X-Amz-Acl":                        {"private"},
		"X-Amz-Object-Ownership":           {ownerEnforced},
		"X-Amz-Bucket-Object-Lock-Enabled": {"false", "False"},
		"X-Amz-Grant-Read":                 nil, "X-Amz-Grant-Write": nil, "X-Amz-Grant-Read-Acp": nil,
		"X-Amz-Grant-Write-Acp": nil, "X-Amz-Grant-Full-Control": nil,
	}
)

// refuseHeaders refuses headers whose value asks for what isn't served. Access
// control lists no bucket has: its owner owns everything in it.
func (q *request) refuseHeaders(refused map[string][]string) error {
	for name, allowed := range refused {
		value := q.r.Header.Get(name)
		if value == "" || slices.Contains(allowed, value) {
			continue
		}
		if name == "X-Amz-Acl" || strings.HasPrefix(name, "X-Amz-Grant-") {
			return errorf(http.StatusBadRequest, "AccessControlListNotSupported", "The bucket does not allow ACLs").with("BucketName", q.bucket)
		}
		return notImplementedHeader(strings.ToLower(name))
	}
	return nil
}

// permitPut asks whether the caller may write the request's key, with the tags
// that the request gives it (S3 API reference, PutObject).
func (q *request) permitPut(tx *store.Tx) error {
	_, err := q.permit(tx, "s3:PutObject", q.key)
	if err == nil && len(q.tags) > 0 {
		_, err = q.permit(tx, "s3:PutObjectTagging", q.key)
	}
	return err
}

// described reads what the headers say of an object.
func (q *request) described() (store.Content, error) {
	h, c := q.r.Header, store.Content{Headers: map[string]string{}, Tags: q.tags}
	for _, name := range keptHeaders {
		if value := h.Get(name); value != "" {
			c.Headers[name] = value
		}
	}
	if coding, ok := c.Headers["Content-Encoding"]; ok {
		c.Headers["Content-Encoding"] = withoutChunked(coding)
		if c.Headers["Content-Encoding"] == "" {
			delete(c.Headers, "Content-Encoding")
		}
	}
	if c.Headers["Content-Type"] == "" {
		c.Headers["Content-Type"] = defaultType
	}
	size := 0
	for name, values := range h {
		lower, ok := strings.CutPrefix(name, metaPrefix)
		if !ok {
			continue
		}
		if c.Meta == nil {
			c.Meta = map[string]string{}
		}
		lower = strings.ToLower(lower)
		c.Meta[lower] = strings.Join(values, ",")
		size += len(lower) + len(c.Meta[lower])
	}
	if size > maxMeta {
		return c, errorf(http.StatusBadRequest, "MetadataTooLarge", "Your metadata headers exceed the maximum allowed metadata size").
			with("Size", size).with("MaxSizeAllowed", maxMeta)
	}
	return c, nil
}

// withoutChunked takes out aws-chunked, which is of the request and not of the
// object.
func withoutChunked(coding string) string {
	var left []string
	for part := range strings.SplitSeq(coding, ",") {
		if part = strings.TrimSpace(part); part != "" && part != "aws-chunked" {
			left = append(left, part)
		}
	}
	return strings.Join(left, ",")
}

// putObject stores an object. Policies decide before its content is read; the
// bucket and the preconditions are looked at again with the transaction that
// shows it.
func (q *request) putObject() error {
	if q.r.Header.Get("X-Amz-Copy-Source") != "" {
		q.call.Action = "CopyObject"
		if err := q.noBody(); err != nil {
			return err
		}
		return q.copyObject()
	}
	err := q.readTags()
	if err == nil {
		err = q.view(q.permitPut)
	}
	if err == nil {
		err = q.refuseHeaders(objectHeaders)
	}
	if err != nil {
		return err
	}
	described, err := q.described()
	if err != nil {
		return err
	}
	c, part, err := q.store(maxPut)
	if err != nil {
		return err
	}
	o := store.Object{
		Size: part.Size, ETag: c.etag(), Parts: []store.Part{part}, Content: described, Checksum: c.checksum(),
	}
	if o, err = q.add(o); err != nil {
		return err
	}
	q.describeVersion(o)
	q.w.Header().Set("Etag", quoted(o.ETag))
	q.describeChecksum(o.Checksum)
	return q.done(http.StatusOK)
}

// add makes o the newest version of the request's key, in a transaction of its
// own. Where it fails, the content goes.
func (q *request) add(o store.Object) (store.Object, error) {
	id, err := q.newID()
	if err == nil {
		err = q.update(func(tx *store.Tx) error {
			b, err := q.find(tx, q.bucket)
			if err == nil {
				err = q.writable(tx)
			}
			if err == nil {
				o.Key = q.key
				o = q.place(tx, b, o, id)
			}
			return err
		})
	}
	q.discard(err, o.Parts...)
	return o, err
}

// discard removes content that a refusal kept from becoming an object. After a
// failure the state may be in doubt: then the next sweep does it.
func (q *request) discard(err error, parts ...store.Part) {
	if !errors.As(err, new(*Error)) {
		return
	}
	for _, p := range parts {
		q.Blobs.Remove(p.Blob)
	}
}

// place puts o above the other versions of its key: with the version id id
// where versioning is enabled, else as the null version.
func (q *request) place(tx *store.Tx, b store.Bucket, o store.Object, id string) store.Object {
	o.Bucket, o.Modified = b.Name, q.now.Truncate(time.Second)
	newest, _ := tx.Newest(b.Name, o.Key)
	o.Sequence = newest.Sequence + 1
	if b.Versioning == store.Enabled {
		o.Version = id
	} else if old, ok := versionOf(tx, b.Name, o.Key, nullVersion); ok {
		q.remove(tx, old)
	}
	tx.Objects.Put(o)
	return o
}

// remove removes a version and its content.
func (q *request) remove(tx *store.Tx, o store.Object) {
	tx.RemoveObject(o)
	q.free(o.Parts...)
}

// writable holds If-Match and If-None-Match against the newest version.
func (q *request) writable(tx *store.Tx) error {
	match, none := q.r.Header.Get("If-Match"), q.r.Header.Get("If-None-Match")
	switch {
	case none != "" && none != "*":
		return notImplementedHeader("If-None-Match")
	case match == "*":
		return notImplementedHeader("If-Match")
	}
	newest, exists := tx.Newest(q.bucket, q.key)
	exists = exists && !newest.Marker
	switch {
	case none != "" && exists:
		return preconditionFailed("If-None-Match")
	case match != "" && !exists:
		return noSuchKey(q.key)
	case match != "" && !matches(match, newest.ETag):
		return preconditionFailed("If-Match")
	}
	return nil
}

// newID makes an id of a version or an upload, 32 characters like AWS's.
func (q *request) newID() (string, error) {
	raw := make([]byte, 24)
	if _, err := io.ReadFull(q.Rand, raw); err != nil {
		return "", fmt.Errorf("s3 id: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(raw), nil
}
