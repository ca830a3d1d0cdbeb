package s3

import (
	"encoding/base64"
	"strconv"
	"strings"

	"github.com/fob-auth/fob/sts/local/s3/wire"
	"github.com/fob-auth/fob/sts/local/store"
)

// maxKeys bounds the answer to a list (S3 API reference, ListObjects).
const maxKeys = 1000

// afterAll is above all keys that begin with what stands before it: no UTF-8
// has such a byte.
const afterAll = "\xff"

// after is the least text above key.
func after(key string) string { return key + "\x00" }

// A listing is what was asked for of a list of keys, and its form.
type listing struct {
	prefix, delimiter string
	limit             int
	encode            bool // texts are URL encoded
}

func (q *request) listing(limit string) (listing, error) {
	l := listing{prefix: q.query.Get("prefix"), delimiter: q.query.Get("delimiter")}
	switch encoding := q.query.Get("encoding-type"); encoding {
	case "url":
		l.encode = true
	case "":
	default:
		return l, invalidArgument("Invalid Encoding Method specified in Request", "encoding-type", encoding)
	}
	var err error
	l.limit, err = q.count(limit, maxKeys, maxKeys)
	return l, err
}

// count reads a parameter that bounds a list.
func (q *request) count(parameter string, preset, limit int) (int, error) {
	text := q.query.Get(parameter)
	if text == "" {
		return preset, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, invalidArgument("Provided "+parameter+" not an integer or within integer range", parameter, text)
	}
	if n < 0 {
		return 0, invalidArgument("Argument "+parameter+" must be an integer between 0 and 2147483647", parameter, text)
	}
	return min(n, limit), nil
}

// text writes a text as the client wants it.
func (l listing) text(s string) string {
	if !l.encode {
		return s
	}
	return urlEncoded(s)
}

func (l listing) encoding() string {
	if l.encode {
		return "url"
	}
	return ""
}

// urlEncoded escapes all but unreserved characters and slashes.
func urlEncoded(s string) string {
	const upperHex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		switch {
		case 'A' <= c && c <= 'Z', 'a' <= c && c <= 'z', '0' <= c && c <= '9', strings.IndexByte("-._~/*", c) >= 0:
			b.WriteByte(c)
		default:
			b.Write([]byte{'%', upperHex[c>>4], upperHex[c&15]})
		}
	}
	return b.String()
}

// group is the common prefix that a key is listed under, "" for none.
func (l listing) group(key string) string {
	if l.delimiter == "" {
		return ""
	}
	rest := key[len(l.prefix):]
	i := strings.Index(rest, l.delimiter)
	if i < 0 {
		return ""
	}
	return key[:len(l.prefix)+i+len(l.delimiter)]
}

// begin is where a list begins that goes on behind marker: a common prefix is
// left behind with all that is under it.
func (l listing) begin(marker string) string {
	switch {
	case marker == "", marker < l.prefix:
		return l.prefix
	case strings.HasPrefix(marker, l.prefix) && l.group(marker) == marker:
		return marker + afterAll
	}
	return after(marker)
}

// A page is a piece of a list of keys.
type page struct {
	objects  []store.Object
	prefixes []wire.Prefix
	last     string // the last key or common prefix
	more     bool
}

func (p *page) full(limit int) bool { return len(p.objects)+len(p.prefixes) >= limit }

// keys lists the newest versions behind marker, without delete markers.
func (l listing) keys(t store.Tables, bucket, marker string) page {
	var p page
	if l.limit == 0 {
		return p
	}
	from, again := l.begin(marker), true
	for again {
		again = false
		seen, first := "", true
		for o := range t.VersionsFrom(bucket, from) {
			if !strings.HasPrefix(o.Key, l.prefix) {
				break
			}
			older := !first && o.Key == seen
			seen, first = o.Key, false
			if older || o.Marker {
				continue
			}
			if p.full(l.limit) {
				p.more = true
				return p
			}
			if group := l.group(o.Key); group != "" {
				p.prefixes, p.last = append(p.prefixes, wire.Prefix{Prefix: l.text(group)}), group
				from, again = group+afterAll, true
				break
			}
			p.objects, p.last = append(p.objects, o), o.Key
		}
	}
	return p
}

func (l listing) contents(p page, owner *wire.Owner) []wire.Object {
	var list []wire.Object
	for _, o := range p.objects {
		list = append(list, wire.Object{
			Key: l.text(o.Key), LastModified: wire.Time(o.Modified), ETag: quoted(o.ETag), Size: o.Size,
			StorageClass: standard, Owner: owner,
			ChecksumAlgorithm: strings.ToUpper(o.Checksum.Algorithm), ChecksumType: checksumType(o.Checksum),
		})
	}
	return list
}

// standard is the one storage class.
const standard = "STANDARD"

func (q *request) listObjects() error {
	l, err := q.listing("max-keys")
	if err != nil {
		return err
	}
	marker := q.query.Get("marker")
	out := wire.ListObjects{
		Name: q.bucket, Prefix: l.text(l.prefix), Marker: l.text(marker), MaxKeys: l.limit,
		Delimiter: l.text(l.delimiter), EncodingType: l.encoding(),
	}
	err = q.view(func(tx *store.Tx) error {
		b, err := q.permit(tx, "s3:ListBucket", "")
		if err != nil {
			return err
		}
		owner := ownerOf(b.Account)
		p := l.keys(tx.Tables, q.bucket, marker)
		out.Contents, out.CommonPrefixes, out.IsTruncated = l.contents(p, &owner), p.prefixes, p.more
		if p.more && l.delimiter != "" {
			out.NextMarker = l.text(p.last)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return q.answer(out)
}

func (q *request) listObjectsV2() error {
	if version := q.query.Get("list-type"); version != "2" {
		return invalidArgument("Invalid List Type specified in Request", "list-type", version)
	}
	l, err := q.listing("max-keys")
	if err != nil {
		return err
	}
	token, start := q.query.Get("continuation-token"), q.query.Get("start-after")
	marker := start
	if q.query.Has("continuation-token") {
		plain, err := base64.URLEncoding.DecodeString(token)
		if err != nil || token == "" {
			return invalidArgument("The continuation token provided is incorrect", "continuation-token", token)
		}
		marker = string(plain)
	}
	out := wire.ListObjectsV2{
		Name: q.bucket, Prefix: l.text(l.prefix), StartAfter: l.text(start), ContinuationToken: token,
		MaxKeys: l.limit, Delimiter: l.text(l.delimiter), EncodingType: l.encoding(),
	}
	withOwner, _ := strconv.ParseBool(q.query.Get("fetch-owner"))
	err = q.view(func(tx *store.Tx) error {
		b, err := q.permit(tx, "s3:ListBucket", "")
		if err != nil {
			return err
		}
		var owner *wire.Owner
		if withOwner {
			o := ownerOf(b.Account)
			owner = &o
		}
		p := l.keys(tx.Tables, q.bucket, marker)
		out.Contents, out.CommonPrefixes, out.IsTruncated = l.contents(p, owner), p.prefixes, p.more
		out.KeyCount = len(p.objects) + len(p.prefixes)
		if p.more {
			out.NextContinuationToken = base64.URLEncoding.EncodeToString([]byte(p.last))
		}
		return nil
	})
	if err != nil {
		return err
	}
	return q.answer(out)
}
