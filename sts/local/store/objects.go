package store

import (
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"
)

// Versioning is a bucket's versioning state as S3 writes it.
type Versioning string

// The versioning states.
const (
	Unversioned Versioning = "" // never enabled
	Enabled     Versioning = "Enabled"
	Suspended   Versioning = "Suspended"
)

// A Bucket is an S3 bucket.
type Bucket struct {
	Name    string    `json:"name"`
	Account string    `json:"account"`
	Region  string    `json:"region,omitempty"` // "" is us-east-1
	Created time.Time `json:"created"`
	// Policy is JSON, with users and roles by their unique ids where they
	// were known; "" for none.
	Policy     string     `json:"policy,omitempty"`
	Versioning Versioning `json:"versioning,omitempty"`
	MFADelete  bool       `json:"mfa_delete,omitempty"`
	Tags       []Tag      `json:"tags,omitempty"`
}

// Content is what a client says of an object, and the server hands on.
type Content struct {
	// Headers are those that S3 keeps, such as Content-Type, by name.
	Headers map[string]string `json:"headers,omitempty"`
	// Meta is the user's metadata by lower-case name, without x-amz-meta-.
	Meta map[string]string `json:"meta,omitempty"`
	Tags []Tag             `json:"tags,omitempty"`
}

// A Checksum is a checksum that a client asked for.
type Checksum struct {
	Algorithm string `json:"algorithm,omitempty"` // as in headers: crc32, sha256…; "" for none
	Value     string `json:"value,omitempty"`     // base64, of a composite one with -PARTS
	Composite bool   `json:"composite,omitempty"` // made of the parts' checksums
}

// A Part is a piece of an object in a file of its own.
type Part struct {
	Blob string `json:"blob"`
	Size int64  `json:"size"`
}

// An Object is a version of an object, or a delete marker.
type Object struct {
	Bucket string `json:"bucket"`
	Key    string `json:"key"`
	// Sequence orders the versions of a key: newer ones have larger numbers.
	Sequence uint64 `json:"sequence"`
	// Version is the version id, "" for the null version.
	Version  string    `json:"version,omitempty"`
	Marker   bool      `json:"marker,omitempty"`
	Modified time.Time `json:"modified"`
	Size     int64     `json:"size,omitempty"`
	ETag     string    `json:"etag,omitempty"` // without quotes
	Parts    []Part    `json:"parts,omitempty"`
	// Upload is the multipart upload that it was completed from, "" for none.
	Upload string `json:"upload,omitempty"`
	Content
	Checksum Checksum `json:"checksum,omitzero"`
}

// An Upload is a multipart upload under way.
type Upload struct {
	ID        string    `json:"id"`
	Bucket    string    `json:"bucket"`
	Key       string    `json:"key"`
	Initiated time.Time `json:"initiated"`
	// Initiator is the ARN of who began it.
	Initiator string `json:"initiator"`
	Content
	Algorithm  string `json:"algorithm,omitempty"`   // of the checksum, "" for none
	FullObject bool   `json:"full_object,omitempty"` // the checksum is that of the content
}

// An UploadPart is a part of an upload.
type UploadPart struct {
	Upload   string    `json:"upload"`
	Number   int       `json:"number"`
	Part     Part      `json:"part"`
	ETag     string    `json:"etag"`
	Modified time.Time `json:"modified"`
	Checksum Checksum  `json:"checksum,omitzero"`
}

// PartKey is the key of an upload's part.
func PartKey(upload string, number int) string { return fmt.Sprintf("%s/%05d", upload, number) }

func (o Object) id() string { return fmt.Sprintf("%s/%s/%016x", o.Bucket, o.Key, o.Sequence) }

// The places of keys in a bucket are in the order of their bytes. Zero bytes
// of a key are marked, so that what follows the key can't be taken for it.
func keyPlace(bucket, key string) string {
	return bucket + "\x00" + strings.ReplaceAll(key, "\x00", "\x00\x01")
}

// place puts newer versions first.
func (o Object) place() string {
	return fmt.Sprintf("%s\x00\x00%016x", keyPlace(o.Bucket, o.Key), ^o.Sequence)
}

func (u Upload) place() string {
	return fmt.Sprintf("%s\x00\x00%016x%s", keyPlace(u.Bucket, u.Key), u.Initiated.UnixNano(), u.ID)
}

// VersionsFrom yields a bucket's versions and delete markers from key on: by
// key, and of each the newest first. key needn't exist, nor be UTF-8.
func (t Tables) VersionsFrom(bucket, key string) iter.Seq[Object] {
	return func(yield func(Object) bool) {
		for o := range t.Objects.from(keyPlace(bucket, key)) {
			if o.Bucket != bucket || !yield(o) {
				return
			}
		}
	}
}

// VersionsOf yields the versions of a key, the newest first.
func (t Tables) VersionsOf(bucket, key string) iter.Seq[Object] {
	return func(yield func(Object) bool) {
		for o := range t.VersionsFrom(bucket, key) {
			if o.Key != key || !yield(o) {
				return
			}
		}
	}
}

// Newest returns the newest version of a key, be it a delete marker.
func (t Tables) Newest(bucket, key string) (Object, bool) {
	for o := range t.VersionsOf(bucket, key) {
		return o, true
	}
	return Object{}, false
}

// Has tells whether o is still there, and the same.
func (t Tables) Has(o Object) bool {
	now, ok := t.Objects.Get(o.id())
	return ok && slices.Equal(now.Parts, o.Parts)
}

// UploadsFrom yields a bucket's uploads from key on, by key and time.
func (t Tables) UploadsFrom(bucket, key string) iter.Seq[Upload] {
	return func(yield func(Upload) bool) {
		for u := range t.Uploads.from(keyPlace(bucket, key)) {
			if u.Bucket != bucket || !yield(u) {
				return
			}
		}
	}
}

// PartsOf returns the parts of an upload, by number.
func (t Tables) PartsOf(upload string) []UploadPart { return t.UploadParts.by(0, upload) }

// BucketsOf returns the buckets of an account, by name.
func (t Tables) BucketsOf(account string) []Bucket { return t.Buckets.by(0, account) }

// RemoveObject removes a version.
func (t Tables) RemoveObject(o Object) { t.Objects.Delete(o.id()) }
