// Package wire reads the XML that S3's clients send and has the shapes of it.
// What it reads is bounded in size and depth; elements that it doesn't know
// are passed over, whatever their namespace.
package wire

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
)

// Namespace is that of S3's answers, and of most clients' documents.
const Namespace = "http://s3.amazonaws.com/doc/2006-03-01/"

// Bounds of a document: the largest is that which completes an upload of
// 10,000 parts with a checksum each.
const (
	MaxSize  = 4 << 20
	maxDepth = 8
)

// ErrMalformed is a document that isn't XML, is too large or too deep, or has
// another root than wanted.
var ErrMalformed = errors.New("malformed XML")

// Decode reads a document whose root is called root into v.
func Decode(b []byte, root string, v any) error {
	if len(b) > MaxSize {
		return fmt.Errorf("%w: larger than %d bytes", ErrMalformed, MaxSize)
	}
	if err := check(b, root); err != nil {
		return err
	}
	if err := xml.Unmarshal(b, v); err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return nil
}

// check goes over the whole document, so that nothing stands behind its root.
func check(b []byte, root string) error {
	d := xml.NewDecoder(bytes.NewReader(b))
	depth, roots := 0, 0
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) && roots == 1 {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%w: %w", ErrMalformed, err)
		}
		switch t := token.(type) {
		case xml.StartElement:
			if depth == 0 {
				roots++
			}
			if depth++; depth > maxDepth || roots > 1 || depth == 1 && t.Name.Local != root {
				return fmt.Errorf("%w: wrong root, or too deep", ErrMalformed)
			}
		case xml.EndElement:
			depth--
		case xml.Directive:
			return fmt.Errorf("%w: a directive", ErrMalformed)
		}
	}
}

// CreateBucketConfiguration is the body of CreateBucket.
type CreateBucketConfiguration struct {
	LocationConstraint string
}

// VersioningConfiguration is the body of PutBucketVersioning and the answer of
// GetBucketVersioning.
type VersioningConfiguration struct {
	XMLName   xml.Name `xml:"VersioningConfiguration"`
	Namespace string   `xml:"xmlns,attr,omitempty"`
	Status    string   `xml:",omitempty"`
	MFADelete string   `xml:"MfaDelete,omitempty"`
}

// Delete is the body of DeleteObjects.
type Delete struct {
	Quiet   bool
	Objects []ObjectIdentifier `xml:"Object"`
}

// An ObjectIdentifier names a version, or without VersionID the newest.
type ObjectIdentifier struct {
	Key       string
	VersionID string `xml:"VersionId"`
	ETag      string
}

// CompleteMultipartUpload is the body of the operation of that name.
type CompleteMultipartUpload struct {
	Parts []CompletedPart `xml:"Part"`
}

// A CompletedPart is a part that the client wants in the object.
type CompletedPart struct {
	PartNumber        int
	ETag              string
	ChecksumCRC32     string
	ChecksumCRC32C    string
	ChecksumCRC64NVME string
	ChecksumSHA1      string
	ChecksumSHA256    string
}

// Checksum is the part's value for an algorithm as headers name it.
func (p CompletedPart) Checksum(algorithm string) string {
	switch algorithm {
	case "crc32":
		return p.ChecksumCRC32
	case "crc32c":
		return p.ChecksumCRC32C
	case "crc64nvme":
		return p.ChecksumCRC64NVME
	case "sha1":
		return p.ChecksumSHA1
	case "sha256":
		return p.ChecksumSHA256
	}
	return ""
}
