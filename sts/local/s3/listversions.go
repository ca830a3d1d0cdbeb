package s3

import (
	"encoding/xml"
	"strings"

	"github.com/fob-auth/fob/sts/local/s3/wire"
	"github.com/fob-auth/fob/sts/local/store"
)

// versionsPage is a piece of a list of versions.
type versionsPage struct {
	versions []wire.Version
	prefixes []wire.Prefix
	key      string // the last one's
	version  string
	more     bool
}

// versions lists all versions and delete markers behind a key and, where
// version isn't "", behind that version of it.
func (l listing) versions(t store.Tables, b store.Bucket, key, version string) versionsPage {
	var p versionsPage
	if l.limit == 0 {
		return p
	}
	from := l.begin(key)
	skip := version != "" && key >= l.prefix
	if skip {
		from = key
	}
	for again := true; again; {
		again = false
		seen, first := "", true
		for o := range t.VersionsFrom(b.Name, from) {
			if !strings.HasPrefix(o.Key, l.prefix) {
				break
			}
			latest := first || o.Key != seen
			seen, first = o.Key, false
			if skip && o.Key == key {
				skip = versionID(o) != version
				continue
			}
			skip = false
			if len(p.versions)+len(p.prefixes) >= l.limit {
				p.more = true
				return p
			}
			if group := l.group(o.Key); group != "" {
				p.prefixes = append(p.prefixes, wire.Prefix{Prefix: l.text(group)})
				p.key, p.version = group, ""
				from, again = group+afterAll, true
				break
			}
			p.versions = append(p.versions, l.version(o, b, latest))
			p.key, p.version = o.Key, versionID(o)
		}
	}
	return p
}

func (l listing) version(o store.Object, b store.Bucket, latest bool) wire.Version {
	v := wire.Version{
		XMLName: xml.Name{Space: wire.Namespace, Local: "DeleteMarker"}, Key: l.text(o.Key), VersionID: versionID(o), IsLatest: latest,
		LastModified: wire.Time(o.Modified), Owner: ownerOf(b.Account),
	}
	if !o.Marker {
		v.XMLName.Local, v.ETag, v.Size, v.StorageClass = "Version", quoted(o.ETag), &o.Size, standard
		v.ChecksumAlgorithm, v.ChecksumType = strings.ToUpper(o.Checksum.Algorithm), checksumType(o.Checksum)
	}
	return v
}

func (q *request) listObjectVersions() error {
	l, err := q.listing("max-keys")
	if err != nil {
		return err
	}
	key, version := q.query.Get("key-marker"), q.query.Get("version-id-marker")
	if version != "" && key == "" {
		return invalidArgument("A version-id marker cannot be specified without a key marker.", "version-id-marker", version)
	}
	out := wire.ListVersions{
		Name: q.bucket, Prefix: l.text(l.prefix), KeyMarker: l.text(key), VersionIDMarker: version, MaxKeys: l.limit,
		Delimiter: l.text(l.delimiter), EncodingType: l.encoding(),
	}
	err = q.view(func(tx *store.Tx) error {
		b, err := q.permit(tx, "s3:ListBucketVersions", "")
		if err != nil {
			return err
		}
		p := l.versions(tx.Tables, b, key, version)
		out.Versions, out.CommonPrefixes, out.IsTruncated = p.versions, p.prefixes, p.more
		if p.more {
			out.NextKeyMarker, out.NextVersionIDMarker = l.text(p.key), p.version
		}
		return nil
	})
	if err != nil {
		return err
	}
	return q.answer(out)
}
