package s3

import (
	"strings"

	"github.com/fob-auth/fob/sts/local/s3/wire"
	"github.com/fob-auth/fob/sts/local/store"
)

func (q *request) listParts() error {
	limit, err := q.count("max-parts", pageOfList, pageOfList)
	if err != nil {
		return err
	}
	marker, err := q.count("part-number-marker", 0, maxParts)
	if err != nil {
		return err
	}
	out := wire.ListParts{Bucket: q.bucket, Key: q.key, StorageClass: standard, PartNumberMarker: marker, MaxParts: limit}
	err = q.view(func(tx *store.Tx) error {
		b, err := q.permit(tx, "s3:ListMultipartUploadParts", q.key)
		if err != nil {
			return err
		}
		u, err := findUpload(tx, q)
		if err != nil {
			return err
		}
		out.UploadID, out.Owner, out.Initiator = u.ID, ownerOf(b.Account), wire.Owner{ID: u.Initiator}
		if out.ChecksumAlgorithm = upper(u.Algorithm); u.Algorithm != "" {
			out.ChecksumType = uploadType(u)
		}
		for _, p := range tx.PartsOf(u.ID) {
			if p.Number <= marker {
				continue
			}
			if len(out.Parts) == limit {
				out.IsTruncated = true
				break
			}
			part := wire.Part{PartNumber: p.Number, LastModified: wire.Time(p.Modified), ETag: quoted(p.ETag), Size: p.Part.Size}
			part.Set(p.Checksum.Algorithm, p.Checksum.Value)
			out.Parts, out.NextPartNumberMarker = append(out.Parts, part), p.Number
		}
		return nil
	})
	if err != nil {
		return err
	}
	return q.answer(out)
}

func (q *request) listMultipartUploads() error {
	l, err := q.listing("max-uploads")
	if err != nil {
		return err
	}
	key, id := q.query.Get("key-marker"), q.query.Get("upload-id-marker")
	out := wire.ListUploads{
		Bucket: q.bucket, KeyMarker: l.text(key), UploadIDMarker: id, Prefix: l.text(l.prefix),
		Delimiter: l.text(l.delimiter), EncodingType: l.encoding(), MaxUploads: l.limit,
	}
	err = q.view(func(tx *store.Tx) error {
		b, err := q.permit(tx, "s3:ListBucketMultipartUploads", "")
		if err == nil {
			l.uploads(tx.Tables, b, key, id, &out)
		}
		return err
	})
	if err != nil {
		return err
	}
	return q.answer(out)
}

// uploads lists the uploads behind a key and, where id isn't "", behind that
// upload of it.
func (l listing) uploads(t store.Tables, b store.Bucket, key, id string, out *wire.ListUploads) {
	from := l.begin(key)
	skip := id != "" && key >= l.prefix
	if skip {
		from = key
	}
	lastKey, lastID := "", ""
	for again := l.limit > 0; again; {
		again = false
		for u := range t.UploadsFrom(b.Name, from) {
			if !strings.HasPrefix(u.Key, l.prefix) {
				break
			}
			if skip && u.Key == key {
				skip = u.ID != id
				continue
			}
			skip = false
			if len(out.Uploads)+len(out.CommonPrefixes) >= l.limit {
				out.IsTruncated, out.NextKeyMarker, out.NextUploadIDMarker = true, l.text(lastKey), lastID
				return
			}
			if group := l.group(u.Key); group != "" {
				out.CommonPrefixes = append(out.CommonPrefixes, wire.Prefix{Prefix: l.text(group)})
				lastKey, lastID = group, ""
				from, again = group+afterAll, true
				break
			}
			out.Uploads = append(out.Uploads, l.upload(u, b))
			lastKey, lastID = u.Key, u.ID
		}
	}
}

func (l listing) upload(u store.Upload, b store.Bucket) wire.Upload {
	w := wire.Upload{
		Key: l.text(u.Key), UploadID: u.ID, Initiator: wire.Owner{ID: u.Initiator}, Owner: ownerOf(b.Account),
		StorageClass: standard, Initiated: wire.Time(u.Initiated), ChecksumAlgorithm: upper(u.Algorithm),
	}
	if u.Algorithm != "" {
		w.ChecksumType = uploadType(u)
	}
	return w
}
