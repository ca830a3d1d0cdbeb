package s3

import (
	"cmp"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode/utf16"

	"github.com/fob-auth/fob/sts/local/policy"
	"github.com/fob-auth/fob/sts/local/s3/wire"
	"github.com/fob-auth/fob/sts/local/store"
)

// Limits of a tag, in characters of UTF-16 (S3 User Guide, "Categorizing your
// objects using tags").
const (
	maxTagKey   = 128
	maxTagValue = 256
)

// tagText is what keys and values are made of (IAM API reference, Tag; S3's own
// pages say it in words).
var tagText = regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$`)

// reservedTag begins the keys of AWS's own tags.
const reservedTag = "aws:"

// A taggable is a kind of thing that has tags: how many, and what S3 says of
// more and of AWS's own (field reports).
type taggable struct {
	limit             int
	tooMany, reserved string
}

var (
	ofObjects = taggable{10, "Object tags cannot be greater than 10", "Your TagKey cannot be prefixed with aws:"}
	ofBuckets = taggable{50, "Bucket tag count cannot be greater than 50", "System tags cannot be added/updated by requester"}
)

// check holds tags against the rules and puts them in the order of their keys.
// The sentences are from field reports.
func (t taggable) check(tags []store.Tag) error {
	if len(tags) > t.limit {
		return errorf(http.StatusBadRequest, "BadRequest", "%s", t.tooMany)
	}
	slices.SortFunc(tags, func(a, b store.Tag) int { return cmp.Compare(a.Key, b.Key) })
	for i, tag := range tags {
		switch {
		case tag.Key == "" || !isTagText(tag.Key, maxTagKey):
			return invalidTag("The TagKey you have provided is invalid").with("TagKey", tag.Key)
		case !isTagText(tag.Value, maxTagValue):
			return invalidTag("The TagValue you have provided is invalid").with("TagKey", tag.Key).with("TagValue", tag.Value)
		case i > 0 && tags[i-1].Key == tag.Key:
			return invalidTag("Cannot provide multiple Tags with the same key").with("TagKey", tag.Key)
		case strings.HasPrefix(strings.ToLower(tag.Key), reservedTag):
			return invalidTag(t.reserved).with("TagKey", tag.Key)
		}
	}
	return nil
}

func isTagText(s string, limit int) bool {
	return len(utf16.Encode([]rune(s))) <= limit && tagText.MatchString(s)
}

func invalidTag(message string) *Error {
	return errorf(http.StatusBadRequest, "InvalidTag", "%s", message)
}

// taggingHeader carries an object's tags, encoded as in a query.
const taggingHeader = "X-Amz-Tagging"

// readTags reads the tags that a header gives an object.
func (q *request) readTags() error {
	text := q.r.Header.Get(taggingHeader)
	if text == "" {
		return nil
	}
	seen := map[string]bool{}
	for part := range strings.SplitSeq(text, "&") {
		key, value, _ := strings.Cut(part, "=")
		plainKey, errKey := url.QueryUnescape(key)
		plain, errValue := url.QueryUnescape(value)
		if errKey != nil || errValue != nil || strings.Contains(value, "=") || seen[plainKey] {
			return invalidArgument("The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters "+
				"without tag name duplicates.", strings.ToLower(taggingHeader), text) // field reports
		}
		seen[plainKey] = true
		q.tags = append(q.tags, store.Tag{Key: plainKey, Value: plain})
	}
	return ofObjects.check(q.tags)
}

// bodyTags reads the tags that the body gives.
func (q *request) bodyTags(of taggable) ([]store.Tag, error) {
	body, _, err := q.document(maxConfiguration)
	if err != nil {
		return nil, err
	}
	var in wire.Tagging
	if wire.Decode(body, "Tagging", &in) != nil || in.TagSet == nil {
		return nil, errMalformedXML
	}
	var tags []store.Tag
	for _, tag := range in.TagSet.Tags {
		if tag.Key == nil || tag.Value == nil {
			return nil, errMalformedXML
		}
		tags = append(tags, store.Tag{Key: *tag.Key, Value: *tag.Value})
	}
	return tags, of.check(tags)
}

// answerTags answers with tags.
func (q *request) answerTags(tags []store.Tag) error {
	var out wire.Tagged
	for _, tag := range tags {
		out.TagSet.Tags = append(out.TagSet.Tags, wire.Tag{Key: &tag.Key, Value: &tag.Value})
	}
	return q.answer(out)
}

// requestTags sets the condition keys of the tags that the request gives an
// object (S3 User Guide, "Tagging and access control policies").
func (q *request) requestTags(c *policy.Context) {
	if len(q.tags) == 0 {
		return
	}
	var keys []string
	for _, tag := range q.tags {
		c.Set("s3:RequestObjectTag/"+tag.Key, tag.Value)
		keys = append(keys, tag.Key)
	}
	c.SetList("s3:RequestObjectTagKeys", keys...)
}

// existingTags sets those of the tags that the object has. The same page: they
// are no keys of putting an object, nor of deleting one.
func existingTags(c *policy.Context, o store.Object) {
	for _, tag := range o.Tags {
		c.Set("s3:ExistingObjectTag/"+tag.Key, tag.Value)
	}
}

func (q *request) getObjectTagging() error {
	var o store.Object
	err := q.view(func(tx *store.Tx) (err error) {
		if _, err = q.expected(tx, q.bucket, expectedOwner); err == nil {
			o, err = q.lookup(tx, "s3:GetObjectTagging", q.bucket, q.key, q.query.Get("versionId"))
		}
		return err
	})
	if err != nil {
		return err
	}
	q.describeVersion(o)
	return q.answerTags(o.Tags)
}

func (q *request) putObjectTagging() (err error) {
	if q.tags, err = q.bodyTags(ofObjects); err != nil {
		return err
	}
	return q.setObjectTags("s3:PutObjectTagging", http.StatusOK)
}

func (q *request) deleteObjectTagging() error {
	return q.setObjectTags("s3:DeleteObjectTagging", http.StatusNoContent)
}

// setObjectTags gives a version the request's tags, and none that it had.
func (q *request) setObjectTags(action string, status int) error {
	var o store.Object
	err := q.update(func(tx *store.Tx) (err error) {
		if _, err = q.expected(tx, q.bucket, expectedOwner); err != nil {
			return err
		}
		if o, err = q.lookup(tx, action, q.bucket, q.key, q.query.Get("versionId")); err != nil {
			return err
		}
		o.Tags = q.tags
		tx.Objects.Put(o)
		return nil
	})
	if err != nil {
		return err
	}
	q.describeVersion(o)
	return q.done(status)
}

func (q *request) getBucketTagging() error {
	var b store.Bucket
	err := q.view(func(tx *store.Tx) (err error) {
		b, err = q.permit(tx, "s3:GetBucketTagging", "")
		return err
	})
	if err == nil && len(b.Tags) == 0 {
		err = errorf(http.StatusNotFound, "NoSuchTagSet", "The TagSet does not exist").with("BucketName", b.Name) // field reports
	}
	if err != nil {
		return err
	}
	return q.answerTags(b.Tags)
}

func (q *request) putBucketTagging() error {
	tags, err := q.bodyTags(ofBuckets)
	if err != nil {
		return err
	}
	return q.setBucketTags(tags)
}

func (q *request) deleteBucketTagging() error { return q.setBucketTags(nil) }

// setBucketTags gives the bucket tags, and none that it had. To take them away
// is the same action.
func (q *request) setBucketTags(tags []store.Tag) error {
	err := q.update(func(tx *store.Tx) error {
		b, err := q.permit(tx, "s3:PutBucketTagging", "")
		if err == nil {
			b.Tags = tags
			tx.Buckets.Put(b)
		}
		return err
	})
	if err != nil {
		return err
	}
	return q.done(http.StatusNoContent)
}
