// Package s3 is Amazon S3 in the local AWS (API version 2006-03-01, path
// style): buckets, objects and their versions, multipart uploads, bucket
// policies and MFA Delete. Policies decide on every call, down to one object's
// ARN. Content is in the files of package blob; what there is, and whose, is
// in the store: an object is seen once its content is on disk and the store's
// transaction has it.
//
// Access control lists, lifecycles, replication, websites, encryption keys and
// the like no bucket has: who asks for them is told so, and a call that would
// set one is, after authentication and authorisation, answered NotImplemented.
package s3

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/fob-auth/fob/sts/local/access"
	"github.com/fob-auth/fob/sts/local/device"
	"github.com/fob-auth/fob/sts/local/s3/blob"
	"github.com/fob-auth/fob/sts/local/sigv4"
	"github.com/fob-auth/fob/sts/local/store"
)

// Name is the service's name in a signature's scope.
const Name = "s3"

// maxKey is how long a key can be, in bytes of UTF-8 (S3 User Guide, "Naming
// Amazon S3 objects").
const maxKey = 1024

// A Service answers S3's calls.
type Service struct {
	Store    *store.Store
	Guard    access.Guard
	Policies *access.Policies
	Devices  device.Rules
	Blobs    *blob.Store
	// Rand makes version and upload ids.
	Rand io.Reader
	// HostTime is the time by which connections have deadlines: a body may
	// take as long as it comes. nil leaves the deadlines as they are.
	HostTime func() time.Time
}

// A Call is what became of a request, for the log.
type Call struct {
	Action string // as in S3's API reference; "" where the request is none
	Caller access.Caller
	Note   access.Note
	Status int
	Code   string // of a refusal
	// Err is what failed, where the answer only says that something did, or
	// could not be written.
	Err error
}

// Sweep removes what a crash left behind: content that no object has.
func (s *Service) Sweep() error {
	kept := map[string]bool{}
	err := s.Store.View(func(tx *store.Tx) error {
		for _, o := range tx.Objects.All() {
			for _, p := range o.Parts {
				kept[p.Blob] = true
			}
		}
		for _, p := range tx.UploadParts.All() {
			kept[p.Part.Blob] = true
		}
		return nil
	})
	if err != nil {
		return err
	}
	return s.Blobs.Sweep(func(id string) bool { return kept[id] })
}

// A request is a call under way.
type request struct {
	*Service
	w    http.ResponseWriter
	r    *http.Request
	id   string
	now  time.Time
	call *Call

	bucket, key string // key is "" for calls of a bucket
	query       url.Values
	origin      access.Origin
	sig         *sigv4.Signature // nil for an anonymous caller
	payload     sigv4.Body
	tags        []store.Tag // that the request gives an object
	freed       []string    // blobs that nothing refers to once the update is kept
}

// Serve answers one request, at the time now and under the request id.
func (s *Service) Serve(w http.ResponseWriter, r *http.Request, id string, now time.Time) Call {
	call := Call{Status: http.StatusOK}
	q := &request{Service: s, w: w, r: r, id: id, now: now, call: &call}
	q.proceed()
	w.Header().Set("X-Amz-Request-Id", id)
	w.Header().Set("X-Amz-Id-2", id)
	if err := q.serve(); err != nil {
		q.fail(err)
	}
	return call
}

// proceed tells a client that waits for a word before it sends its body to go
// on, where the body is empty. HTTP lets a server leave that out (RFC 9110
// section 10.1.1), as net/http does, but botocore then misreads the next answer
// on the connection, and waits for its end.
func (q *request) proceed() {
	if q.r.ContentLength == 0 && strings.EqualFold(q.r.Header.Get("Expect"), "100-continue") && q.r.ProtoAtLeast(1, 1) {
		q.w.WriteHeader(http.StatusContinue)
	}
}

func (q *request) serve() error {
	if err := q.parse(); err != nil {
		return err
	}
	op := q.route()
	q.call.Action = op.name
	if err := q.authenticate(); err != nil {
		return err
	}
	if q.r.Header.Get(mfaHeader) != "" && q.call.Caller.Session != nil {
		return errMFASession
	}
	if err := q.checkVersion(); err != nil {
		return err
	}
	if !bodied[op.name] {
		if err := q.noBody(); err != nil {
			return err
		}
	}
	return op.do(q)
}

// bodied are the calls that read their body themselves.
var bodied = map[string]bool{
	"CreateBucket": true, "PutBucketPolicy": true, "PutBucketVersioning": true, "DeleteObjects": true,
	"PutBucketTagging": true, "PutObjectTagging": true, "PutObject": true, "UploadPart": true, "CompleteMultipartUpload": true,
}

// noBody reads a body that means nothing to the call, and was signed all the
// same.
func (q *request) noBody() error {
	_, _, err := q.document(maxConfiguration)
	return err
}

// parse takes bucket, key and parameters from the URL.
func (q *request) parse() error {
	var err error
	if q.query, err = url.ParseQuery(q.r.URL.RawQuery); err != nil {
		return invalidArgument("The query string can't be read.", "", "")
	}
	q.bucket, q.key, _ = strings.Cut(strings.TrimPrefix(q.r.URL.Path, "/"), "/")
	if len(q.key) > maxKey {
		return errorf(http.StatusBadRequest, "KeyTooLongError", "Your key is too long").
			with("Size", len(q.key)).with("MaxSizeAllowed", maxKey)
	}
	if !utf8.ValidString(q.key) || !utf8.ValidString(q.bucket) {
		return errorf(http.StatusBadRequest, "InvalidURI", "Couldn't parse the specified URI.").with("URI", q.r.URL.EscapedPath())
	}
	return nil
}

// view runs f on the state as it is.
func (q *request) view(f func(*store.Tx) error) error { return q.Store.View(f) }

// update runs f in one transaction. A refusal keeps what f changed before: a
// verification that failed has been one. So f checks before it writes. A client
// that has gone doesn't stop it half way. The blobs that f freed go when the
// transaction is kept.
func (q *request) update(f func(*store.Tx) error) error {
	var refusal error
	err := q.Store.Update(context.WithoutCancel(q.r.Context()), func(tx *store.Tx) error {
		err := f(tx)
		var e *Error
		if errors.As(err, &e) && e.Status < http.StatusInternalServerError {
			refusal, err = err, nil
		}
		return err
	})
	if err != nil {
		return err
	}
	q.Blobs.Remove(q.freed...)
	return refusal
}

// free marks the content of a version that the update removes.
func (q *request) free(parts ...store.Part) {
	for _, p := range parts {
		q.freed = append(q.freed, p.Blob)
	}
}
