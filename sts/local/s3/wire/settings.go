package wire

import "encoding/xml"

// Empty is an answer without content under a root.
func Empty(root string) any {
	return struct{ XMLName xml.Name }{xml.Name{Space: Namespace, Local: root}}
}

// Encryption is the answer of GetBucketEncryption, with one rule.
type Encryption struct {
	XMLName   xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ ServerSideEncryptionConfiguration"`
	Algorithm string   `xml:"Rule>ApplyServerSideEncryptionByDefault>SSEAlgorithm"`
	BucketKey bool     `xml:"Rule>BucketKeyEnabled"`
}

// OwnershipControls is the answer of GetBucketOwnershipControls.
type OwnershipControls struct {
	XMLName   xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ OwnershipControls"`
	Ownership string   `xml:"Rule>ObjectOwnership"`
}

// RequestPayment is the answer of GetBucketRequestPayment.
type RequestPayment struct {
	XMLName xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ RequestPaymentConfiguration"`
	Payer   string
}

// AccessControlPolicy is the answer of GetBucketAcl and GetObjectAcl.
type AccessControlPolicy struct {
	XMLName xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ AccessControlPolicy"`
	Owner   Owner
	Grants  []Grant `xml:"AccessControlList>Grant"`
}

// A Grant is what an access control list gives to somebody.
type Grant struct {
	Grantee    Grantee
	Permission string
}

// A Grantee is an account by its canonical id. Its type is an attribute of
// XMLSchema-instance.
type Grantee struct {
	Instance string `xml:"xmlns:xsi,attr"`
	Type     string `xml:"xsi:type,attr"`
	Owner
}

// FullControl gives an account all that there is to give.
func FullControl(o Owner) Grant {
	return Grant{
		Grantee:    Grantee{Instance: "http://www.w3.org/2001/XMLSchema-instance", Type: "CanonicalUser", Owner: o},
		Permission: "FULL_CONTROL",
	}
}

// Tagged is the answer of GetBucketTagging and GetObjectTagging.
type Tagged struct {
	XMLName xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ Tagging"`
	TagSet  TagSet
}

// Tagging is the body of the calls that set tags. Nil means here that an
// element is missing.
type Tagging struct{ TagSet *TagSet }

// A TagSet is a list of tags.
type TagSet struct {
	Tags []Tag `xml:"Tag"`
}

// A Tag is a tag of a bucket or an object.
type Tag struct{ Key, Value *string }
