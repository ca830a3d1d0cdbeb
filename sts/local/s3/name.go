package s3

import (
	"net/netip"
	"strings"
)

// Lengths of a bucket's name (S3 User Guide, "General purpose bucket naming
// rules").
const (
	minBucketName = 3
	maxBucketName = 63
)

// Reserved beginnings and ends of bucket names, of the same page.
var (
	reservedPrefixes = []string{"xn--", "sthree-", "amzn-s3-demo-"}
	reservedSuffixes = []string{"-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"}
)

// ValidBucketName tells whether a bucket can have the name: lower-case
// letters, digits, dots and hyphens, between letters or digits.
func ValidBucketName(name string) bool {
	if len(name) < minBucketName || len(name) > maxBucketName || strings.Contains(name, "..") {
		return false
	}
	for i := range len(name) {
		c := name[i]
		alphanumeric := 'a' <= c && c <= 'z' || '0' <= c && c <= '9'
		inner := i > 0 && i < len(name)-1
		if !alphanumeric && (!inner || c != '.' && c != '-') {
			return false
		}
	}
	for _, p := range reservedPrefixes {
		if strings.HasPrefix(name, p) {
			return false
		}
	}
	for _, s := range reservedSuffixes {
		if strings.HasSuffix(name, s) {
			return false
		}
	}
	_, err := netip.ParseAddr(name)
	return err != nil
}
