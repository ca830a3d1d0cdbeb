package wire

import "encoding/xml"

// InitiatedUpload is the answer of CreateMultipartUpload.
type InitiatedUpload struct {
	XMLName  xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ InitiateMultipartUploadResult"`
	Bucket   string
	Key      string
	UploadID string `xml:"UploadId"`
}

// CompletedUpload is the answer of CompleteMultipartUpload.
type CompletedUpload struct {
	XMLName  xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ CompleteMultipartUploadResult"`
	Location string
	Bucket   string
	Key      string
	ETag     string
	Checksums
}

// A Part is an entry of ListParts.
type Part struct {
	PartNumber   int
	LastModified Time
	ETag         string
	Size         int64
	Checksums
}

// ListParts is the answer of the operation of that name.
type ListParts struct {
	XMLName              xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ ListPartsResult"`
	Bucket               string
	Key                  string
	UploadID             string `xml:"UploadId"`
	Initiator            Owner
	Owner                Owner
	StorageClass         string
	PartNumberMarker     int
	NextPartNumberMarker int
	MaxParts             int
	IsTruncated          bool
	ChecksumAlgorithm    string `xml:",omitempty"`
	ChecksumType         string `xml:",omitempty"`
	Parts                []Part `xml:"Part"`
}

// An Upload is an entry of ListMultipartUploads.
type Upload struct {
	Key               string
	UploadID          string `xml:"UploadId"`
	Initiator         Owner
	Owner             Owner
	StorageClass      string
	Initiated         Time
	ChecksumAlgorithm string `xml:",omitempty"`
	ChecksumType      string `xml:",omitempty"`
}

// ListUploads is the answer of ListMultipartUploads.
type ListUploads struct {
	XMLName            xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ ListMultipartUploadsResult"`
	Bucket             string
	KeyMarker          string
	UploadIDMarker     string `xml:"UploadIdMarker"`
	NextKeyMarker      string `xml:",omitempty"`
	NextUploadIDMarker string `xml:"NextUploadIdMarker,omitempty"`
	Prefix             string
	Delimiter          string `xml:",omitempty"`
	EncodingType       string `xml:",omitempty"`
	MaxUploads         int
	IsTruncated        bool
	Uploads            []Upload `xml:"Upload"`
	CommonPrefixes     []Prefix
}
