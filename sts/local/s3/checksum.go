package s3

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"net/http"
	"slices"
	"strings"
)

// nvme is the polynomial of CRC-64/NVME, its bits reversed (NVM Express NVM
// Command Set Specification, section 5.2.1.3.4).
const nvme = 0x9a6c9329ac4bc9b5

// algorithms are the checksums that clients can ask for, as headers name them
// (S3 User Guide, "Checking object integrity").
var algorithms = map[string]func() hash.Hash{
	"crc32":     func() hash.Hash { return crc32.NewIEEE() },
	"crc32c":    func() hash.Hash { return crc32.New(crc32.MakeTable(crc32.Castagnoli)) },
	"crc64nvme": func() hash.Hash { return crc64.New(crc64.MakeTable(nvme)) },
	"sha1":      sha1.New,
	"sha256":    sha256.New,
}

const checksumPrefix = "X-Amz-Checksum-"

// announced is the checksum that a request gives, or says that the trailer
// will give.
type announced struct {
	algorithm string // "" for none
	value     string // base64; "" where it comes in the trailer
	trailers  []string
}

// announcedChecksum reads the headers about a checksum.
func announcedChecksum(h http.Header) (announced, error) {
	var a announced
	for name := range h {
		algorithm, ok := strings.CutPrefix(name, checksumPrefix)
		algorithm = strings.ToLower(algorithm)
		if !ok || algorithms[algorithm] == nil {
			continue
		}
		if a.algorithm != "" {
			return a, invalidRequest("Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.")
		}
		a.algorithm, a.value = algorithm, h.Get(name)
		if sum, err := base64.StdEncoding.DecodeString(a.value); err != nil || len(sum) != algorithms[algorithm]().Size() {
			return a, invalidRequest("Value for %s header is invalid.", strings.ToLower(name))
		}
	}
	for trailer := range strings.SplitSeq(h.Get("X-Amz-Trailer"), ",") {
		if trailer = strings.ToLower(strings.TrimSpace(trailer)); trailer != "" {
			a.trailers = append(a.trailers, trailer)
		}
		algorithm, ok := strings.CutPrefix(trailer, strings.ToLower(checksumPrefix))
		if !ok || algorithms[algorithm] == nil {
			continue
		}
		if a.algorithm != "" {
			return a, invalidRequest("Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.")
		}
		a.algorithm = algorithm
	}
	if sdk := h.Get("X-Amz-Sdk-Checksum-Algorithm"); sdk != "" && !strings.EqualFold(sdk, a.algorithm) {
		if a.algorithm == "" {
			return a, invalidRequest("x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found.")
		}
		return a, invalidRequest("Value for x-amz-sdk-checksum-algorithm header is invalid.")
	}
	return a, nil
}

// algorithmNamed reads an algorithm as XML and x-amz-checksum-algorithm write
// it; "" for one that isn't known.
func algorithmNamed(name string) string {
	if lower := strings.ToLower(name); algorithms[lower] != nil {
		return lower
	}
	return ""
}

// fullObject tells whether an algorithm can give an upload's checksum over all
// of its content, and composite whether it can give one over its parts'.
func fullObject(algorithm string) bool {
	return slices.Contains([]string{"crc32", "crc32c", "crc64nvme"}, algorithm)
}

func composite(algorithm string) bool { return algorithm != "crc64nvme" }
