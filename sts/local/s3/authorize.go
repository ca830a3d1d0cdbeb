package s3

import (
	"encoding/hex"
	"errors"
	"strconv"
	"strings"

	"github.com/fob-auth/fob/sts/local/access"
	"github.com/fob-auth/fob/sts/local/policy"
	"github.com/fob-auth/fob/sts/local/sigv4"
	"github.com/fob-auth/fob/sts/local/store"
)

// authenticate finds out who signed the request, be it nobody, and what is
// said of its body.
func (q *request) authenticate() error {
	q.payload = sigv4.Body(q.r.Header.Get("X-Amz-Content-Sha256"))
	if q.payload == "" {
		if q.r.Header.Get("Authorization") != "" {
			if _, err := sigv4.Parse(q.r); err != nil {
				return unauthentic(err, "")
			}
			return invalidRequest("Missing required header for this request: x-amz-content-sha256")
		}
		q.payload = sigv4.UnsignedPayload // what presigned requests sign
	}
	err := q.view(func(tx *store.Tx) (err error) {
		q.call.Caller, q.origin, q.sig, err = q.Guard.AuthenticateSigned(tx.Tables, q.r, Name, q.payload, q.now)
		return err
	})
	var e *sigv4.Error
	if errors.As(err, &e) && e.Fault == sigv4.Missing {
		q.sig = nil
		return q.checkPayload()
	}
	if err != nil {
		return unauthentic(err, q.call.Caller.KeyID)
	}
	return q.checkPayload()
}

// checkPayload holds the body's announced hash against the forms that it can
// have.
func (q *request) checkPayload() error {
	switch q.payload {
	case sigv4.UnsignedPayload, sigv4.UnsignedTrailer:
		return nil
	case sigv4.SignedChunks, sigv4.SignedTrailer:
		if q.sig != nil && !q.sig.Presigned {
			return nil
		}
	}
	if sum, err := hex.DecodeString(string(q.payload)); err != nil || len(sum) != 32 {
		return invalidArgument("x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, "+
			"STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER or a valid sha256 value.",
			"x-amz-content-sha256", string(q.payload))
	}
	return nil
}

// find finds a bucket.
func (q *request) find(tx *store.Tx, name string) (store.Bucket, error) {
	b, ok := tx.Buckets.Get(name)
	if !ok {
		return b, noSuchBucket(name)
	}
	return b, nil
}

// Headers that name who has to own a bucket.
const (
	expectedOwner       = "X-Amz-Expected-Bucket-Owner"
	expectedSourceOwner = "X-Amz-Source-Expected-Bucket-Owner"
)

// permit finds the request's bucket and asks whether the caller may do action
// with it, or with the key in it.
func (q *request) permit(tx *store.Tx, action, key string) (store.Bucket, error) {
	b, err := q.expected(tx, q.bucket, expectedOwner)
	if err != nil {
		return b, err
	}
	return b, q.allow(tx, b, action, key, nil)
}

// versioned are the actions that are others where the call names a version
// (Service Authorization Reference, "Actions, resources, and condition keys for
// Amazon S3").
var versioned = map[string]string{
	"s3:DeleteObject":        "s3:DeleteObjectVersion",
	"s3:DeleteObjectTagging": "s3:DeleteObjectVersionTagging",
	"s3:GetObject":           "s3:GetObjectVersion",
	"s3:GetObjectAcl":        "s3:GetObjectVersionAcl",
	"s3:GetObjectAttributes": "s3:GetObjectVersionAttributes",
	"s3:GetObjectTagging":    "s3:GetObjectVersionTagging",
	"s3:GetObjectTorrent":    "s3:GetObjectVersionTorrent",
	"s3:PutObjectAcl":        "s3:PutObjectVersionAcl",
	"s3:PutObjectTagging":    "s3:PutObjectVersionTagging",
}

// actionOn is the action on a version, "" for the newest.
func actionOn(action, version string) string {
	if other, ok := versioned[action]; ok && version != "" {
		return other
	}
	return action
}

// arn names a bucket, or a key in it.
func arn(tx *store.Tx, b store.Bucket, key string) string {
	partition := "aws"
	if a, ok := tx.Accounts.Get(b.Account); ok {
		partition = a.Partition
	}
	name := "arn:" + partition + ":s3:::" + b.Name
	if key != "" {
		name += "/" + key
	}
	return name
}

// allow asks all policies that have a say whether the caller may do action
// with a bucket, or with a key in it. set may change the condition keys that
// the request gives.
func (q *request) allow(tx *store.Tx, b store.Bucket, action, key string, set func(*policy.Context)) error {
	var own *policy.Named
	if b.Policy != "" {
		document, err := q.Policies.Compile(b.Policy)
		if err != nil {
			return err
		}
		own = &policy.Named{Name: "bucket " + b.Name, Document: document}
	}
	return q.ask(tx, access.Question{
		Action: action, Resource: arn(tx, b, key), Account: b.Account,
		Set: func(c *policy.Context) {
			q.conditionKeys(c, b)
			if set != nil {
				set(c)
			}
		},
	}, own)
}

func (q *request) ask(tx *store.Tx, question access.Question, own *policy.Named) error {
	asked := access.Request{
		Tx: tx, Caller: q.call.Caller, Now: q.now, Origin: q.origin, Policies: q.Policies, Note: &q.call.Note,
	}
	d, err := asked.Ask(question, own)
	if err != nil {
		return err
	}
	if !d.Allowed() {
		return errAccessDenied
	}
	return nil
}

// Parameters and headers that are condition keys as they stand (Service
// Authorization Reference, "Condition keys for Amazon S3").
var (
	keyParameters = map[string]string{
		"prefix": "s3:prefix", "delimiter": "s3:delimiter", "max-keys": "s3:max-keys", "versionId": "s3:VersionId",
	}
	keyHeaders = []string{
		"x-amz-acl", "x-amz-content-sha256", "x-amz-copy-source", "x-amz-metadata-directive", "x-amz-storage-class",
		"x-amz-server-side-encryption", "x-amz-server-side-encryption-aws-kms-key-id", "x-amz-grant-read",
		"x-amz-grant-write", "x-amz-grant-read-acp", "x-amz-grant-write-acp", "x-amz-grant-full-control",
		"x-amz-website-redirect-location", "x-amz-object-ownership", "if-match", "if-none-match",
	}
)

// conditionKeys sets what the request says, and no key that it doesn't.
func (q *request) conditionKeys(c *policy.Context, b store.Bucket) {
	for parameter, key := range keyParameters {
		if q.query.Has(parameter) {
			c.Set(key, q.query.Get(parameter))
		}
	}
	for _, name := range keyHeaders {
		if v := q.r.Header.Get(name); v != "" {
			c.Set("s3:"+name, strings.TrimPrefix(v, "/"))
		}
	}
	q.requestTags(c)
	if b.Account != "" {
		c.Set("aws:ResourceAccount", b.Account)
		c.Set("s3:ResourceAccount", b.Account)
	}
	if q.sig == nil {
		return
	}
	c.Set("s3:signatureversion", "AWS4-HMAC-SHA256")
	c.Set("s3:signatureAge", strconv.FormatInt(q.sig.Age(q.now).Milliseconds(), 10))
	c.Set("s3:authType", "REST-HEADER")
	if q.sig.Presigned {
		c.Set("s3:authType", "REST-QUERY-STRING")
	}
}
