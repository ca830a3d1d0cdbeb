package wire

import (
	"encoding/xml"
	"time"
)

// Time is a time as S3 writes it in XML.
type Time time.Time

// MarshalText writes the time in milliseconds, UTC.
func (t Time) MarshalText() ([]byte, error) {
	return []byte(time.Time(t).UTC().Format("2006-01-02T15:04:05.000Z")), nil
}

// Owner is an account by its canonical id.
type Owner struct {
	ID          string
	DisplayName string `xml:",omitempty"`
}

// ListBuckets is the answer of the operation of that name.
type ListBuckets struct {
	XMLName           xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ ListAllMyBucketsResult"`
	Owner             Owner
	Buckets           []Bucket `xml:"Buckets>Bucket"`
	ContinuationToken string   `xml:",omitempty"`
	Prefix            string   `xml:",omitempty"`
}

// A Bucket is an entry of ListBuckets.
type Bucket struct {
	Name         string
	CreationDate Time
	BucketRegion string `xml:",omitempty"`
}

// Location is the answer of GetBucketLocation, empty for us-east-1.
type Location struct {
	XMLName xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ LocationConstraint"`
	Region  string   `xml:",chardata"`
}

// PolicyStatus is the answer of GetBucketPolicyStatus.
type PolicyStatus struct {
	XMLName  xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ PolicyStatus"`
	IsPublic bool
}

// A Prefix is a group of keys.
type Prefix struct{ Prefix string }

// An Object is an entry of ListObjects and ListObjectsV2.
type Object struct {
	Key               string
	LastModified      Time
	ETag              string
	ChecksumAlgorithm string `xml:",omitempty"`
	ChecksumType      string `xml:",omitempty"`
	Size              int64
	StorageClass      string
	Owner             *Owner `xml:",omitempty"`
}

// ListObjects is the answer of the operation of that name.
type ListObjects struct {
	XMLName        xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ ListBucketResult"`
	Name           string
	Prefix         string
	Marker         string
	NextMarker     string `xml:",omitempty"`
	MaxKeys        int
	Delimiter      string `xml:",omitempty"`
	EncodingType   string `xml:",omitempty"`
	IsTruncated    bool
	Contents       []Object
	CommonPrefixes []Prefix
}

// ListObjectsV2 is the answer of the operation of that name.
type ListObjectsV2 struct {
	XMLName               xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ ListBucketResult"`
	Name                  string
	Prefix                string
	StartAfter            string `xml:",omitempty"`
	ContinuationToken     string `xml:",omitempty"`
	NextContinuationToken string `xml:",omitempty"`
	KeyCount              int
	MaxKeys               int
	Delimiter             string `xml:",omitempty"`
	EncodingType          string `xml:",omitempty"`
	IsTruncated           bool
	Contents              []Object
	CommonPrefixes        []Prefix
}

// A Version is an entry of ListObjectVersions: a Version element, or without
// ETag a DeleteMarker.
type Version struct {
	XMLName           xml.Name
	ETag              string `xml:",omitempty"`
	ChecksumAlgorithm string `xml:",omitempty"`
	ChecksumType      string `xml:",omitempty"`
	Size              *int64 `xml:",omitempty"`
	StorageClass      string `xml:",omitempty"`
	Key               string
	VersionID         string `xml:"VersionId"`
	IsLatest          bool
	LastModified      Time
	Owner             Owner
}

// ListVersions is the answer of ListObjectVersions.
type ListVersions struct {
	XMLName             xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ ListVersionsResult"`
	Name                string
	Prefix              string
	KeyMarker           string
	VersionIDMarker     string `xml:"VersionIdMarker"`
	NextKeyMarker       string `xml:",omitempty"`
	NextVersionIDMarker string `xml:"NextVersionIdMarker,omitempty"`
	MaxKeys             int
	Delimiter           string `xml:",omitempty"`
	EncodingType        string `xml:",omitempty"`
	IsTruncated         bool
	Versions            []Version
	CommonPrefixes      []Prefix
}

// DeleteResult is the answer of DeleteObjects.
type DeleteResult struct {
	XMLName xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ DeleteResult"`
	Deleted []Deleted
	Errors  []DeleteError `xml:"Error"`
}

// Deleted is what became of a key.
type Deleted struct {
	Key                   string
	VersionID             string `xml:"VersionId,omitempty"`
	DeleteMarker          bool   `xml:",omitempty"`
	DeleteMarkerVersionID string `xml:"DeleteMarkerVersionId,omitempty"`
}

// A DeleteError is a key that wasn't deleted.
type DeleteError struct {
	Key       string
	VersionID string `xml:"VersionId,omitempty"`
	Code      string
	Message   string
}

// CopyResult is the answer of CopyObject and UploadPartCopy, under the name
// that each gives it.
type CopyResult struct {
	XMLName      xml.Name
	LastModified Time
	ETag         string
	Checksums
}

// Checksums are the elements of that name, of which one at most is set.
type Checksums struct {
	ChecksumCRC32     string `xml:",omitempty"`
	ChecksumCRC32C    string `xml:",omitempty"`
	ChecksumCRC64NVME string `xml:",omitempty"`
	ChecksumSHA1      string `xml:",omitempty"`
	ChecksumSHA256    string `xml:",omitempty"`
	ChecksumType      string `xml:",omitempty"`
}

// Set sets the value of an algorithm as headers name it.
func (c *Checksums) Set(algorithm, value string) {
	switch algorithm {
	case "crc32":
		c.ChecksumCRC32 = value
	case "crc32c":
		c.ChecksumCRC32C = value
	case "crc64nvme":
		c.ChecksumCRC64NVME = value
	case "sha1":
		c.ChecksumSHA1 = value
	case "sha256":
		c.ChecksumSHA256 = value
	}
}
