package s3

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/fob-auth/fob/sts/local/store"
)

// An extent is the piece of an object that a request wants.
type extent struct {
	offset, length int64
	partial        bool // the answer is 206
	count          int  // parts of the object, where one of them was asked for
}

func (e extent) contentRange(size int64) string {
	return fmt.Sprintf("bytes %d-%d/%d", e.offset, e.offset+e.length-1, size)
}

// extent reads the Range header or the part number. A range that can't be
// read, or of several pieces, is passed over (RFC 9110 section 14.2).
func (q *request) extent(o store.Object) (extent, error) {
	header := q.r.Header.Get("Range")
	if q.query.Has("partNumber") {
		if header != "" {
			return extent{}, invalidRequest("Cannot specify both Range header and partNumber query parameter")
		}
		return q.partExtent(o)
	}
	whole := extent{length: o.Size}
	first, last, ok := parseRange(header)
	if !ok {
		return whole, nil
	}
	offset, end := first, min(last, o.Size-1)
	if first < 0 { // the last bytes
		offset, end = max(0, o.Size-last), o.Size-1
	}
	if offset > end || first < 0 && last == 0 {
		return whole, errorf(http.StatusRequestedRangeNotSatisfiable, "InvalidRange", "The requested range is not satisfiable").
			with("RangeRequested", header).with("ActualObjectSize", o.Size).
			header("Content-Range", fmt.Sprintf("bytes */%d", o.Size))
	}
	return extent{offset: offset, length: end - offset + 1, partial: true}, nil
}

// maxOffset stands for the end of an open range.
const maxOffset = 1<<63 - 1

// parseRange reads "bytes=FIRST-LAST", "bytes=FIRST-" or "bytes=-LENGTH": then
// first is -1 and last the length.
func parseRange(header string) (first, last int64, ok bool) {
	spec, ok := strings.CutPrefix(header, "bytes=")
	from, to, dash := strings.Cut(spec, "-")
	if !ok || !dash {
		return 0, 0, false
	}
	first, last = -1, maxOffset
	if from != "" {
		if first, ok = number(from); !ok {
			return 0, 0, false
		}
	}
	if to != "" {
		if last, ok = number(to); !ok {
			return 0, 0, false
		}
	}
	return first, last, (from != "" || to != "") && first <= last
}

func number(s string) (int64, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil && n >= 0 && s[0] != '+' && s[0] != '-'
}

// partExtent finds a part of a multipart object; other objects have one.
func (q *request) partExtent(o store.Object) (extent, error) {
	n, err := q.partNumber()
	if err != nil {
		return extent{}, err
	}
	if n > len(o.Parts) {
		return extent{}, errorf(http.StatusRequestedRangeNotSatisfiable, "InvalidPartNumber", "The requested partnumber is not satisfiable").
			with("PartNumberRequested", n).with("ActualPartCount", len(o.Parts))
	}
	e := extent{partial: true}
	if strings.Contains(o.ETag, "-") {
		e.count = len(o.Parts)
	}
	for _, p := range o.Parts[:n-1] {
		e.offset += p.Size
	}
	e.length = o.Parts[n-1].Size
	e.partial = e.length > 0
	return e, nil
}
