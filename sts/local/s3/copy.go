package s3

import (
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"hash"
	"io"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/fob-auth/fob/sts/local/s3/blob"
	"github.com/fob-auth/fob/sts/local/s3/wire"
	"github.com/fob-auth/fob/sts/local/store"
)

// sourcePrefix begins the names of the conditions on a copy's source.
const sourcePrefix = "X-Amz-Copy-Source-"

// A source is where a copy comes from.
type source struct{ bucket, key, version string }

// source reads x-amz-copy-source: bucket and key, URL encoded, with or without
// a slash before them, and perhaps a version.
func (q *request) source() (source, error) {
	header := q.r.Header.Get("X-Amz-Copy-Source")
	invalid := invalidArgument("Copy Source must mention the source bucket and key: sourcebucket/sourcekey", "x-amz-copy-source", header)
	path, query, _ := strings.Cut(header, "?")
	plain, err := url.PathUnescape(path)
	if err != nil {
		return source{}, invalid
	}
	var s source
	s.bucket, s.key, _ = strings.Cut(strings.TrimPrefix(plain, "/"), "/")
	if version, ok := strings.CutPrefix(query, "versionId="); ok {
		s.version = version
	}
	if s.bucket == "" || s.key == "" || len(s.key) > maxKey || !utf8.ValidString(s.key) {
		return source{}, invalid
	}
	return s, nil
}

// openSource authorises the writing and the reading of a copy, and opens the
// piece of the source that want gives.
func (q *request) openSource(s source, want func(*store.Tx, store.Object) (extent, error)) (store.Object, *blob.Reader, error) {
	o, _, content, err := q.open(func(tx *store.Tx) (o store.Object, piece extent, err error) {
		if err = q.permitPut(tx); err != nil {
			return o, piece, err
		}
		if _, err = q.expected(tx, s.bucket, expectedSourceOwner); err != nil {
			return o, piece, err
		}
		if o, err = q.lookup(tx, "s3:GetObject", s.bucket, s.key, s.version); err != nil {
			return o, piece, err
		}
		if err = preconditions(q.r.Header, sourcePrefix, o); err != nil {
			return o, piece, err
		}
		if piece, err = want(tx, o); err == nil && piece.length > maxPut {
			err = invalidRequest("The specified copy source is larger than the maximum allowable size for a copy source: %d", int64(maxPut))
		}
		return o, piece, err
	})
	return o, content, err
}

// A copied is content that was copied into a blob of its own.
type copied struct {
	part     store.Part
	etag     string
	checksum store.Checksum
}

// duplicate writes content to a blob, with a checksum of the algorithm, ""
// for none.
func (q *request) duplicate(content *blob.Reader, algorithm string) (copied, error) {
	w, err := q.Blobs.Create()
	if err != nil {
		return copied{}, err
	}
	defer w.Discard()
	digest := md5.New()
	writers := []io.Writer{w, digest}
	var sum hash.Hash
	if algorithm != "" {
		sum = algorithms[algorithm]()
		writers = append(writers, sum)
	}
	n, err := io.Copy(io.MultiWriter(writers...), content)
	if err != nil {
		return copied{}, err
	}
	id, err := w.Keep()
	c := copied{part: store.Part{Blob: id, Size: n}, etag: hex.EncodeToString(digest.Sum(nil))}
	if sum != nil {
		c.checksum = store.Checksum{Algorithm: algorithm, Value: base64.StdEncoding.EncodeToString(sum.Sum(nil))}
	}
	return c, err
}

// replaces reads whether the copy replaces the metadata or tagging, rather than
// to take it over.
func (q *request) replaces(what string) (bool, error) {
	header := "x-amz-" + what + "-directive"
	switch directive := q.r.Header.Get(header); directive {
	case "", "COPY":
		return false, nil
	case "REPLACE":
		return true, nil
	default:
		return false, invalidArgument("Unknown "+what+" directive.", header, directive)
	}
}

// permitTags asks whether the caller may take over the source's tags: read them
// there, and set them here (S3 User Guide, "Categorizing your objects using
// tags").
func (q *request) permitTags(tx *store.Tx, s source, o store.Object) error {
	if len(o.Tags) == 0 {
		return nil
	}
	if _, err := q.lookup(tx, "s3:GetObjectTagging", s.bucket, s.key, s.version); err != nil {
		return err
	}
	_, err := q.permit(tx, "s3:PutObjectTagging", q.key)
	return err
}

// copyObject copies an object as a whole.
func (q *request) copyObject() (err error) {
	s, err := q.source()
	if err == nil {
		err = q.refuseHeaders(objectHeaders)
	}
	if err != nil {
		return err
	}
	describe, err := q.replaces("metadata")
	if err != nil {
		return err
	}
	retag, err := q.replaces("tagging")
	if err == nil && retag {
		err = q.readTags()
	}
	if err != nil {
		return err
	}
	if s.bucket == q.bucket && s.key == q.key && s.version == "" && !describe {
		return invalidRequest("This copy request is illegal because it is trying to copy an object to itself without changing the " +
			"object's metadata, storage class, website redirect location or encryption attributes.")
	}
	from, content, err := q.openSource(s, func(tx *store.Tx, o store.Object) (extent, error) {
		if retag {
			return extent{length: o.Size}, nil
		}
		return extent{length: o.Size}, q.permitTags(tx, s, o)
	})
	if err != nil {
		return err
	}
	defer content.Close()
	description, err := q.copied(from, describe, retag)
	if err != nil {
		return err
	}
	algorithm := algorithmNamed(q.r.Header.Get("X-Amz-Checksum-Algorithm"))
	if algorithm == "" {
		algorithm = from.Checksum.Algorithm
	}
	made, err := q.duplicate(content, algorithm)
	if err != nil {
		return err
	}
	o, err := q.add(store.Object{
		Size: made.part.Size, ETag: made.etag, Parts: []store.Part{made.part}, Content: description, Checksum: made.checksum,
	})
	if err != nil {
		return err
	}
	q.describeVersion(o)
	q.describeSource(from)
	out := wire.CopyResult{
		XMLName: xml.Name{Space: wire.Namespace, Local: "CopyObjectResult"}, ETag: quoted(o.ETag), LastModified: wire.Time(o.Modified),
	}
	out.Set(o.Checksum.Algorithm, o.Checksum.Value)
	out.ChecksumType = checksumType(o.Checksum)
	return q.answer(out)
}

// copied is how a copy of an object is described: as the object is, but for
// what the request replaces.
func (q *request) copied(from store.Object, describe, retag bool) (c store.Content, err error) {
	c = from.Content
	if describe {
		if c, err = q.described(); err != nil {
			return store.Content{}, err
		}
	}
	c.Tags = from.Tags
	if retag {
		c.Tags = q.tags
	}
	return c, nil
}

// describeSource names the version that was copied.
func (q *request) describeSource(from store.Object) {
	if from.Version != "" {
		q.w.Header().Set("X-Amz-Copy-Source-Version-Id", from.Version)
	}
}

// uploadPartCopy makes a part of an upload out of an object.
func (q *request) uploadPartCopy(number int) error {
	s, err := q.source()
	if err != nil {
		return err
	}
	from, content, err := q.openSource(s, func(_ *store.Tx, o store.Object) (extent, error) {
		header := q.r.Header.Get(sourcePrefix + "Range")
		if header == "" {
			return extent{length: o.Size}, nil
		}
		first, last, ok := parseRange(header)
		if !ok || first < 0 || last == maxOffset {
			return extent{}, invalidArgument("The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy",
				"x-amz-copy-source-range", header)
		}
		if last >= o.Size {
			return extent{}, invalidArgument("Range specified is not valid for source object of size: "+decimal(o.Size), "x-amz-copy-source-range", header)
		}
		return extent{offset: first, length: last - first + 1}, nil
	})
	if err != nil {
		return err
	}
	defer content.Close()
	u, err := q.upload()
	if err != nil {
		return err
	}
	made, err := q.duplicate(content, u.Algorithm)
	if err != nil {
		return err
	}
	p, err := q.addPart(store.UploadPart{Number: number, Part: made.part, ETag: made.etag, Checksum: made.checksum})
	if err != nil {
		return err
	}
	q.describeSource(from)
	out := wire.CopyResult{
		XMLName: xml.Name{Space: wire.Namespace, Local: "CopyPartResult"}, ETag: quoted(p.ETag), LastModified: wire.Time(p.Modified),
	}
	out.Set(p.Checksum.Algorithm, p.Checksum.Value)
	return q.answer(out)
}
