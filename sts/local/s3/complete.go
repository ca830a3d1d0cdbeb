package s3

import (
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/fob-auth/fob/sts/local/s3/wire"
	"github.com/fob-auth/fob/sts/local/store"
)

func upper(algorithm string) string { return strings.ToUpper(algorithm) }

var (
	errInvalidPart = errorf(http.StatusBadRequest, "InvalidPart", "One or more of the specified parts could not be found. "+
		"The part may not have been uploaded, or the specified entity tag may not match the part's entity tag.")
	errPartOrder = errorf(http.StatusBadRequest, "InvalidPartOrder", "The list of parts was not in ascending order. "+
		"Parts must be ordered by part number.")
)

// completeMultipartUpload makes an object of the parts that the client lists,
// without moving their content. Parts that it doesn't list go. A client that
// lost the answer and asks again gets it again (field report: adobe/S3Mock issue
// 2586).
func (q *request) completeMultipartUpload() error {
	body, err := q.completion()
	if err != nil {
		return err
	}
	var u store.Upload
	var o store.Object
	done := false
	err = q.view(func(tx *store.Tx) error {
		_, err := q.permit(tx, "s3:PutObject", q.key)
		if err == nil {
			u, o, done, err = q.pending(tx, body.Parts)
		}
		if err == nil && !done {
			o, err = assemble(tx, u, body.Parts)
		}
		return err
	})
	if err == nil && !done {
		o, err = q.finish(u, body.Parts, o)
	}
	if err != nil {
		return err
	}
	q.describeVersion(o)
	out := wire.CompletedUpload{
		Location: "http://" + q.r.Host + "/" + q.bucket + "/" + urlEncoded(q.key), Bucket: q.bucket, Key: q.key, ETag: quoted(o.ETag),
	}
	out.Set(o.Checksum.Algorithm, o.Checksum.Value)
	out.ChecksumType = checksumType(o.Checksum)
	return q.answer(out)
}

// finish checks the object as a whole and puts it in the place of its upload.
func (q *request) finish(u store.Upload, list []wire.CompletedPart, o store.Object) (store.Object, error) {
	var err error
	if u.FullObject {
		o.Checksum, err = q.fullChecksum(o, u.Algorithm)
	}
	if err == nil {
		err = q.checkFull(o)
	}
	if err != nil {
		return o, err
	}
	return q.complete(list, o)
}

// pending finds the request's upload, or what it is done into: an object of just
// these parts.
func (q *request) pending(tx *store.Tx, list []wire.CompletedPart) (u store.Upload, o store.Object, done bool, err error) {
	u, err = findUpload(tx, q)
	etag, ok := etagOf(list)
	if err == nil || !ok {
		return u, o, false, err
	}
	for o := range tx.VersionsOf(q.bucket, q.key) {
		if o.Upload == q.query.Get("uploadId") && o.ETag == etag {
			return u, o, true, nil
		}
	}
	return u, o, false, err
}

// completion reads the list of parts. The checksum headers of the call are
// those of the object, and not of this list.
func (q *request) completion() (wire.CompleteMultipartUpload, error) {
	var in wire.CompleteMultipartUpload
	object := q.r.Header.Clone()
	for algorithm := range algorithms {
		q.r.Header.Del(checksumPrefix + algorithm)
	}
	body, _, err := q.document(wire.MaxSize)
	q.r.Header = object
	if err != nil {
		return in, err
	}
	if wire.Decode(body, "CompleteMultipartUpload", &in) != nil || len(in.Parts) == 0 || len(in.Parts) > maxParts {
		return in, errMalformedXML
	}
	return in, nil
}

// complete puts the object in the place of its upload, if the parts are still
// those that it was made of.
func (q *request) complete(list []wire.CompletedPart, o store.Object) (store.Object, error) {
	id, err := q.newID()
	if err != nil {
		return o, err
	}
	kept := map[int]bool{}
	for _, p := range list {
		kept[p.PartNumber] = true
	}
	err = q.update(func(tx *store.Tx) error {
		b, err := q.find(tx, q.bucket)
		if err != nil {
			return err
		}
		u, done, isDone, err := q.pending(tx, list)
		if isDone { // by the same call, sent twice at once
			o = done
			return nil
		}
		if err == nil {
			err = q.writable(tx)
		}
		if err != nil {
			return err
		}
		again, err := assemble(tx, u, list)
		if err != nil {
			return err
		}
		again.Checksum = o.Checksum
		q.endUpload(tx, u, kept)
		o = q.place(tx, b, again, id)
		return nil
	})
	return o, err
}

// assemble checks the parts that are listed and makes an object of them.
func assemble(tx *store.Tx, u store.Upload, list []wire.CompletedPart) (store.Object, error) {
	o := store.Object{Key: u.Key, Upload: u.ID, Content: u.Content}
	var sums []byte
	for i := 1; i < len(list); i++ {
		if list[i].PartNumber <= list[i-1].PartNumber {
			return o, errPartOrder.with("UploadId", u.ID)
		}
	}
	for i, want := range list {
		p, ok := tx.UploadParts.Get(store.PartKey(u.ID, want.PartNumber))
		given := want.Checksum(u.Algorithm)
		switch {
		case !ok || strings.Trim(want.ETag, `"`) != p.ETag || given != "" && given != p.Checksum.Value:
			return o, errInvalidPart.with("UploadId", u.ID).with("PartNumber", want.PartNumber).with("ETag", strings.Trim(want.ETag, `"`))
		case p.Part.Size < minPart && i < len(list)-1:
			return o, errorf(http.StatusBadRequest, "EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size").
				with("ProposedSize", p.Part.Size).with("MinSizeAllowed", minPart).with("PartNumber", p.Number).with("ETag", p.ETag)
		}
		o.Parts = append(o.Parts, p.Part)
		o.Size += p.Part.Size
		if sum, err := base64.StdEncoding.DecodeString(p.Checksum.Value); err == nil {
			sums = append(sums, sum...)
		}
	}
	o.ETag, _ = etagOf(list) // those of the parts have been compared
	if u.Algorithm != "" && !u.FullObject {
		h := algorithms[u.Algorithm]()
		h.Write(sums)
		o.Checksum = store.Checksum{
			Algorithm: u.Algorithm, Value: base64.StdEncoding.EncodeToString(h.Sum(nil)) + "-" + strconv.Itoa(len(list)), Composite: true,
		}
	}
	return o, nil
}

// etagOf is the ETag of an object of the parts: the MD5 of their MD5s and how
// many they are. It is none where one of theirs is no MD5.
func etagOf(list []wire.CompletedPart) (string, bool) {
	digest := md5.New()
	for _, p := range list {
		raw, err := hex.DecodeString(strings.Trim(p.ETag, `"`))
		if err != nil {
			return "", false
		}
		digest.Write(raw)
	}
	return hex.EncodeToString(digest.Sum(nil)) + "-" + strconv.Itoa(len(list)), true
}

// fullChecksum reads all parts for the checksum over them.
func (q *request) fullChecksum(o store.Object, algorithm string) (sum store.Checksum, err error) {
	content := q.Blobs.Reader(blobs(o.Parts), 0, o.Size)
	defer func() { err = errors.Join(err, content.Close()) }()
	h := algorithms[algorithm]()
	if _, err := io.Copy(h, content); err != nil {
		return sum, err
	}
	return store.Checksum{Algorithm: algorithm, Value: base64.StdEncoding.EncodeToString(h.Sum(nil))}, nil
}

// checkFull holds the object against what the call's headers say of it.
func (q *request) checkFull(o store.Object) error {
	if text := q.r.Header.Get("X-Amz-Mp-Object-Size"); text != "" && text != decimal(o.Size) {
		return invalidRequest("The provided 'x-amz-mp-object-size' header value %s does not match what was computed: %d", text, o.Size)
	}
	want := q.r.Header.Get(checksumPrefix + o.Checksum.Algorithm)
	if o.Checksum.Algorithm != "" && want != "" && want != o.Checksum.Value {
		return errorf(http.StatusBadRequest, "BadDigest", "The %s you specified did not match the calculated checksum.", o.Checksum.Algorithm)
	}
	return nil
}
