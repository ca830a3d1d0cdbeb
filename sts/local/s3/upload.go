package s3

import (
	"net/http"
	"strconv"
	"time"

	"github.com/fob-auth/fob/sts/local/s3/wire"
	"github.com/fob-auth/fob/sts/local/store"
)

// Bounds of multipart uploads (S3 User Guide, "Amazon S3 multipart upload
// limits"): parts of 5 MiB to 5 GiB, the last of any size; 10,000 parts.
const (
	minPart    = 5 << 20
	maxPart    = 5 << 30
	maxParts   = 10000
	pageOfList = 1000
)

func decimal(n int64) string { return strconv.FormatInt(n, 10) }

func noSuchUpload(id string) *Error {
	return errorf(http.StatusNotFound, "NoSuchUpload", "The specified upload does not exist. The upload ID may be invalid, "+
		"or the upload may have been aborted or completed.").with("UploadId", id)
}

// createMultipartUpload begins an upload.
func (q *request) createMultipartUpload() error {
	u := store.Upload{Bucket: q.bucket, Key: q.key, Initiated: q.now.Truncate(time.Second), Initiator: q.call.Caller.ARN()}
	var err error
	if u.ID, err = q.newID(); err != nil {
		return err
	}
	if err := q.setChecksum(&u); err != nil {
		return err
	}
	if err = q.readTags(); err != nil {
		return err
	}
	if u.Content, err = q.described(); err != nil {
		return err
	}
	err = q.update(func(tx *store.Tx) error {
		err := q.permitPut(tx)
		if err == nil {
			err = q.refuseHeaders(objectHeaders)
		}
		if err == nil {
			tx.Uploads.Put(u)
		}
		return err
	})
	if err != nil {
		return err
	}
	if u.Algorithm != "" {
		q.w.Header().Set(checksumPrefix+"Algorithm", upper(u.Algorithm))
		q.w.Header().Set(checksumPrefix+"Type", uploadType(u))
	}
	return q.answer(wire.InitiatedUpload{Bucket: q.bucket, Key: q.key, UploadID: u.ID})
}

// setChecksum reads which checksum the upload is to have.
func (q *request) setChecksum(u *store.Upload) error {
	named, kind := q.r.Header.Get(checksumPrefix+"Algorithm"), q.r.Header.Get(checksumPrefix+"Type")
	if named == "" {
		if kind != "" {
			return invalidRequest("The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.")
		}
		return nil
	}
	if u.Algorithm = algorithmNamed(named); u.Algorithm == "" {
		return invalidRequest("Checksum algorithm provided is unsupported. Please try again with any of the valid types: " +
			"[CRC32, CRC32C, CRC64NVME, SHA1, SHA256]")
	}
	switch kind {
	case "":
		u.FullObject = !composite(u.Algorithm)
	case typeFull, typeComposite:
		u.FullObject = kind == typeFull
		if u.FullObject && !fullObject(u.Algorithm) || !u.FullObject && !composite(u.Algorithm) {
			return invalidRequest("The %s checksum type cannot be used with the %s checksum algorithm.", kind, u.Algorithm)
		}
	default:
		return invalidRequest("Value for x-amz-checksum-type header is invalid.")
	}
	return nil
}

func uploadType(u store.Upload) string {
	if u.FullObject {
		return typeFull
	}
	return typeComposite
}

// findUpload finds the upload that the request names, of its own bucket and key.
func findUpload(tx *store.Tx, q *request) (store.Upload, error) {
	id := q.query.Get("uploadId")
	u, ok := tx.Uploads.Get(id)
	if !ok || u.Bucket != q.bucket || u.Key != q.key {
		return u, noSuchUpload(id)
	}
	return u, nil
}

func (q *request) upload() (u store.Upload, err error) {
	err = q.view(func(tx *store.Tx) error {
		u, err = findUpload(tx, q)
		return err
	})
	return u, err
}

func (q *request) partNumber() (int, error) {
	text := q.query.Get("partNumber")
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > maxParts {
		return 0, invalidArgument("Part number must be an integer between 1 and 10000, inclusive", "partNumber", text)
	}
	return n, nil
}

// uploadPart stores a part. A part of the same number is replaced.
func (q *request) uploadPart() error {
	number, err := q.partNumber()
	if err != nil {
		return err
	}
	if q.r.Header.Get("X-Amz-Copy-Source") != "" {
		q.call.Action = "UploadPartCopy"
		if err := q.noBody(); err != nil {
			return err
		}
		return q.uploadPartCopy(number)
	}
	var u store.Upload
	err = q.view(func(tx *store.Tx) error {
		_, err := q.permit(tx, "s3:PutObject", q.key)
		if err == nil {
			u, err = findUpload(tx, q)
		}
		return err
	})
	if err != nil {
		return err
	}
	c, part, err := q.store(maxPart)
	if err != nil {
		return err
	}
	sum := c.checksum()
	if u.Algorithm != "" && sum.Algorithm != u.Algorithm {
		actual := sum.Algorithm
		if actual == "" {
			actual = "null"
		}
		err := invalidRequest("Checksum Type mismatch occurred, expected checksum Type: %s, actual checksum Type: %s", u.Algorithm, actual)
		q.discard(err, part)
		return err
	}
	p, err := q.addPart(store.UploadPart{Number: number, Part: part, ETag: c.etag(), Checksum: sum})
	if err != nil {
		return err
	}
	q.w.Header().Set("Etag", quoted(p.ETag))
	if sum.Algorithm != "" {
		q.w.Header().Set(checksumPrefix+sum.Algorithm, sum.Value)
	}
	return q.done(http.StatusOK)
}

// addPart makes p a part of the request's upload, in a transaction of its own.
// Where it fails, the content goes.
func (q *request) addPart(p store.UploadPart) (store.UploadPart, error) {
	p.Modified = q.now.Truncate(time.Second)
	err := q.update(func(tx *store.Tx) error {
		u, err := findUpload(tx, q)
		if err != nil {
			return err
		}
		p.Upload = u.ID
		if old, ok := tx.UploadParts.Get(store.PartKey(u.ID, p.Number)); ok {
			q.free(old.Part)
		}
		tx.UploadParts.Put(p)
		return nil
	})
	q.discard(err, p.Part)
	return p, err
}

// endUpload removes an upload, and of its parts those that aren't kept.
func (q *request) endUpload(tx *store.Tx, u store.Upload, kept map[int]bool) {
	for _, p := range tx.PartsOf(u.ID) {
		tx.UploadParts.Delete(store.PartKey(u.ID, p.Number))
		if !kept[p.Number] {
			q.free(p.Part)
		}
	}
	tx.Uploads.Delete(u.ID)
}

func (q *request) abortMultipartUpload() error {
	err := q.update(func(tx *store.Tx) error {
		if _, err := q.permit(tx, "s3:AbortMultipartUpload", q.key); err != nil {
			return err
		}
		u, err := findUpload(tx, q)
		if err == nil {
			q.endUpload(tx, u, nil)
		}
		return err
	})
	if err != nil {
		return err
	}
	return q.done(http.StatusNoContent)
}
