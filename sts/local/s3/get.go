package s3

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/fob-auth/fob/sts/local/policy"
	"github.com/fob-auth/fob/sts/local/s3/blob"
	"github.com/fob-auth/fob/sts/local/store"
)

// nullVersion is how the version without an id is called.
const nullVersion = "null"

// overrides are the parameters that replace a header of the answer.
var overrides = map[string]string{
	"response-content-type": "Content-Type", "response-content-language": "Content-Language",
	"response-expires": "Expires", "response-cache-control": "Cache-Control",
	"response-content-disposition": "Content-Disposition", "response-content-encoding": "Content-Encoding",
}

func (q *request) getObject() error { return q.read(true) }

func (q *request) headObject() error { return q.read(false) }

func noSuchKey(key string) *Error {
	return errorf(http.StatusNotFound, "NoSuchKey", "The specified key does not exist.").with("Key", key)
}

// versionOf finds a version of a key, "" for the newest.
func versionOf(tx *store.Tx, bucket, key, version string) (store.Object, bool) {
	for o := range tx.VersionsOf(bucket, key) {
		if version == "" || versionID(o) == version {
			return o, true
		}
	}
	return store.Object{}, false
}

// versionID is the version's id as clients see it.
func versionID(o store.Object) string {
	if o.Version == "" {
		return nullVersion
	}
	return o.Version
}

// versionForm is what a version id looks like, here and at AWS.
var versionForm = regexp.MustCompile(`^[\w.-]{32}$`)

func isVersionID(id string) bool { return id == nullVersion || versionForm.MatchString(id) }

// checkVersion refuses a version id that can't be one (field reports).
func (q *request) checkVersion() error {
	switch id := q.query.Get("versionId"); {
	case q.key == "" || !q.query.Has("versionId") || isVersionID(id):
		return nil
	case id == "":
		return invalidArgument("Version id cannot be the empty string", "versionId", id)
	default:
		return invalidArgument("Invalid version id specified", "versionId", id)
	}
}

func noSuchVersion(key, version string) *Error {
	return errorf(http.StatusNotFound, "NoSuchVersion", "The specified version does not exist.").
		with("Key", key).with("VersionId", version)
}

// lookup finds a version and authorises an action on it. Where there is none,
// only those who may list the bucket are told so.
func (q *request) lookup(tx *store.Tx, action, bucket, key, version string) (store.Object, error) {
	b, err := q.find(tx, bucket)
	if err != nil {
		return store.Object{}, err
	}
	o, ok := versionOf(tx, bucket, key, version)
	err = q.allow(tx, b, actionOn(action, version), key, func(c *policy.Context) {
		if version != "" {
			c.Set("s3:VersionId", version) // that of a copy's source is no parameter
		}
		existingTags(c, o)
	})
	if err != nil {
		return store.Object{}, err
	}
	if ok && !o.Marker {
		return o, nil
	}
	if (!ok || version == "") && q.allow(tx, b, "s3:ListBucket", "", nil) != nil {
		return o, errAccessDenied
	}
	switch {
	case ok && version != "":
		return o, errorf(http.StatusMethodNotAllowed, "MethodNotAllowed", "The specified method is not allowed against this resource.").
			with("Method", q.r.Method).with("ResourceType", "DeleteMarker").
			header("Allow", "DELETE").header("X-Amz-Delete-Marker", "true").header("X-Amz-Version-Id", versionID(o))
	case ok:
		return o, noSuchKey(key).header("X-Amz-Delete-Marker", "true").header("X-Amz-Version-Id", versionID(o))
	case version != "":
		return o, noSuchVersion(key, version)
	}
	return o, noSuchKey(key)
}

// read answers with a version: its headers, and its content if it is asked for.
func (q *request) read(body bool) error {
	if q.sig == nil && q.overridden() {
		return invalidRequest("Request specific response headers cannot be used for anonymous GET requests.")
	}
	o, part, content, err := q.open(func(tx *store.Tx) (o store.Object, part extent, err error) {
		if _, err = q.expected(tx, q.bucket, expectedOwner); err != nil {
			return o, part, err
		}
		if o, err = q.lookup(tx, "s3:GetObject", q.bucket, q.key, q.query.Get("versionId")); err != nil {
			return o, part, err
		}
		if err = preconditions(q.r.Header, "", o); err != nil {
			return o, part, q.withVersion(err, o)
		}
		part, err = q.extent(o)
		return o, part, err
	})
	if err != nil {
		return err
	}
	defer content.Close()
	q.describe(o, part)
	status := http.StatusOK
	if part.partial {
		status = http.StatusPartialContent
	}
	if err := q.done(status); err != nil || !body {
		return err
	}
	_, q.call.Err = io.Copy(q.w, content) // the status has been sent
	return nil
}

// maxAttempts bounds how often a version is looked for that goes while it is
// found.
const maxAttempts = 100

// open finds a version and opens a piece of it. The state that find sees may be
// of the past: what has been removed since is looked for again.
func (q *request) open(find func(*store.Tx) (store.Object, extent, error)) (o store.Object, part extent, content *blob.Reader, err error) {
	for range maxAttempts {
		err = q.view(func(tx *store.Tx) error {
			o, part, err = find(tx)
			return err
		})
		if err != nil {
			return o, part, nil, err
		}
		content = q.Blobs.Reader(blobs(o.Parts), part.offset, part.length)
		there := false
		err = q.view(func(tx *store.Tx) error {
			there = tx.Has(o)
			return nil
		})
		if err != nil {
			return o, part, nil, errors.Join(err, content.Close())
		}
		if there { // damage is told of while the status can still say so
			if err := content.Check(); err != nil {
				return o, part, nil, errors.Join(err, content.Close())
			}
			return o, part, content, nil
		}
		if err := content.Close(); err != nil {
			return o, part, nil, err
		}
	}
	return o, part, nil, fmt.Errorf("s3: %s/%s changes too often to be read", o.Bucket, o.Key)
}

// expected finds a bucket and holds its owner against a header.
func (q *request) expected(tx *store.Tx, bucket, header string) (store.Bucket, error) {
	b, err := q.find(tx, bucket)
	if owner := q.r.Header.Get(header); err == nil && owner != "" && owner != b.Account {
		return b, errAccessDenied
	}
	return b, err
}

func blobs(parts []store.Part) []blob.Part {
	list := make([]blob.Part, 0, len(parts))
	for _, p := range parts {
		list = append(list, blob.Part{ID: p.Blob, Size: p.Size})
	}
	return list
}

func (q *request) overridden() bool {
	for parameter := range overrides {
		if q.query.Has(parameter) {
			return true
		}
	}
	return false
}

// describe sets the headers of an answer about o.
func (q *request) describe(o store.Object, part extent) {
	h := q.w.Header()
	for name, value := range o.Headers {
		h.Set(name, value)
	}
	for parameter, name := range overrides {
		if q.query.Has(parameter) {
			h.Set(name, q.query.Get(parameter))
		}
	}
	for name, value := range o.Meta {
		h[strings.ToLower(metaPrefix)+name] = []string{value} // clients take the name as it comes
	}
	h.Set("Etag", quoted(o.ETag))
	h.Set("Last-Modified", o.Modified.UTC().Format(http.TimeFormat))
	h.Set("Accept-Ranges", "bytes")
	h.Set("Content-Length", strconv.FormatInt(part.length, 10))
	if part.partial {
		h.Set("Content-Range", part.contentRange(o.Size))
	}
	if count := len(o.Tags); count > 0 {
		h.Set("X-Amz-Tagging-Count", strconv.Itoa(count))
	}
	if part.count > 0 {
		h.Set("X-Amz-Mp-Parts-Count", strconv.Itoa(part.count))
	}
	if q.r.Header.Get("X-Amz-Checksum-Mode") == "ENABLED" && !part.partial {
		q.describeChecksum(o.Checksum)
	}
	q.describeVersion(o)
}

// describeVersion names the version, in buckets that have or had versions.
func (q *request) describeVersion(o store.Object) {
	_ = q.view(func(tx *store.Tx) error {
		if b, ok := tx.Buckets.Get(o.Bucket); ok && b.Versioning != store.Unversioned {
			q.w.Header().Set("X-Amz-Version-Id", versionID(o))
		}
		return nil
	})
}

func (q *request) describeChecksum(c store.Checksum) {
	if c.Algorithm == "" {
		return
	}
	q.w.Header().Set(checksumPrefix+c.Algorithm, c.Value)
	q.w.Header().Set(checksumPrefix+"Type", checksumType(c))
}

// Types of checksums.
const (
	typeFull      = "FULL_OBJECT"
	typeComposite = "COMPOSITE"
)

func checksumType(c store.Checksum) string {
	switch {
	case c.Algorithm == "":
		return ""
	case c.Composite:
		return typeComposite
	}
	return typeFull
}

// withVersion has the answer that nothing has changed say which version it is.
func (q *request) withVersion(err error, o store.Object) error {
	var e *Error
	if !errors.As(err, &e) || e.Status != http.StatusNotModified {
		return err
	}
	return e.header("Etag", quoted(o.ETag)).header("Last-Modified", o.Modified.UTC().Format(http.TimeFormat))
}

func quoted(etag string) string { return `"` + etag + `"` }

// matches holds an If-Match or If-None-Match against an ETag.
func matches(header, etag string) bool {
	for tag := range strings.SplitSeq(header, ",") {
		tag = strings.TrimPrefix(strings.TrimSpace(tag), "W/")
		if tag == "*" || strings.Trim(tag, `"`) == etag {
			return true
		}
	}
	return false
}

// preconditions holds the conditional headers against o (RFC 9110 section
// 13.2.2). prefix is that of their names: "" or that of a copy's source, which
// fails where a read would find nothing changed.
func preconditions(h http.Header, prefix string, o store.Object) error {
	match, none := h.Get(prefix+"If-Match"), h.Get(prefix+"If-None-Match")
	since, err := http.ParseTime(h.Get(prefix + "If-Modified-Since"))
	hasSince := err == nil
	until, err := http.ParseTime(h.Get(prefix + "If-Unmodified-Since"))
	hasUntil := err == nil
	unchanged := error(errNotModified)
	switch {
	case match != "" && !matches(match, o.ETag):
		return preconditionFailed(prefix + "If-Match")
	case match == "" && hasUntil && o.Modified.After(until):
		return preconditionFailed(prefix + "If-Unmodified-Since")
	case none != "" && matches(none, o.ETag):
		if prefix != "" {
			unchanged = preconditionFailed(prefix + "If-None-Match")
		}
		return unchanged
	case none == "" && hasSince && !o.Modified.Truncate(time.Second).After(since):
		if prefix != "" {
			unchanged = preconditionFailed(prefix + "If-Modified-Since")
		}
		return unchanged
	}
	return nil
}
