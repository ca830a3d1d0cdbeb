package s3_test

import (
	"crypto/md5"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestChecksums: the check values of the algorithms' definitions over
// "123456789", given in a header or behind the content, come back with the
// object.
func TestChecksums(t *testing.T) {
	l := newLab(t)
	l.make(alice, "PUT", "/bucket", "")
	const body = "123456789"
	for algorithm, sum := range map[string]string{
		"crc32": "y/Q5Jg==", "crc32c": "4waSgw==", "crc64nvme": "rosUhgp5mIg=",
		"sha1": "98O8HYCOBHMq32eZZczDTKeuNEE=", "sha256": "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU=",
	} {
		name := "X-Amz-Checksum-" + algorithm
		a := l.must(call{as: alice, method: "PUT", target: "/bucket/header", body: body, header: map[string]string{name: sum}})
		if a.header.Get(name) != sum {
			t.Errorf("%s: answered %q", algorithm, a.header.Get(name))
		}
		chunked := fmt.Sprintf("9\r\n%s\r\n0\r\n%s:%s\r\n\r\n", body, strings.ToLower(name), sum)
		trailer := map[string]string{"X-Amz-Trailer": strings.ToLower(name), "X-Amz-Decoded-Content-Length": "9", "Content-Encoding": "aws-chunked"}
		put := call{as: alice, method: "PUT", target: "/bucket/trailer", body: chunked, header: trailer, payload: "STREAMING-UNSIGNED-PAYLOAD-TRAILER"}
		l.must(put)
		for _, key := range []string{"header", "trailer"} {
			got := l.must(call{as: alice, method: "GET", target: "/bucket/" + key, header: map[string]string{"X-Amz-Checksum-Mode": "ENABLED"}})
			if got.body != body || got.header.Get(name) != sum || got.header.Get("Content-Encoding") != "" {
				t.Errorf("%s by %s: %q %v", algorithm, key, got.body, got.header)
			}
		}
		put.body = strings.Replace(chunked, "12345", "12346", 1)
		l.want(algorithm+" of another body", l.send(put), 400, "BadDigest", "")
		const malformed = "The request contained trailing data that was not well-formed or did not conform to our published schema."
		put.body = "9\r\n" + body + "\r\n0\r\n\r\n"
		l.want("without the "+algorithm, l.send(put), 400, "MalformedTrailerError", malformed)
		put.body = strings.Replace(chunked, algorithm, "md5", 1)
		l.want("another trailer than "+algorithm, l.send(put), 400, "MalformedTrailerError", malformed)
		put.body, put.header = chunked, map[string]string{"X-Amz-Decoded-Content-Length": "9"}
		l.want(algorithm+" unannounced", l.send(put), 400, "MalformedTrailerError", malformed)
		put.body, put.header = chunked, map[string]string{"X-Amz-Decoded-Content-Length": "9"}
		for _, length := range []string{"8", "10"} {
			put.header["X-Amz-Decoded-Content-Length"] = length
			l.want("of length "+length, l.send(put), 400, "IncompleteBody", "")
		}
		delete(put.header, "X-Amz-Decoded-Content-Length")
		l.want("without a length", l.send(put), 411, "MissingContentLength", "")
	}
	l.want("a trailer that isn't there", l.send(call{as: alice, method: "PUT", target: "/bucket/k", body: body, header: map[string]string{"X-Amz-Trailer": "x-amz-checksum-crc32"}}), 400, "InvalidRequest", "")
	l.want("two", l.send(call{as: alice, method: "PUT", target: "/bucket/k", body: body, header: map[string]string{"X-Amz-Checksum-Crc32": "y/Q5Jg==", "X-Amz-Checksum-Sha1": "98O8HYCOBHMq32eZZczDTKeuNEE="}}), 400, "InvalidRequest", "")
	l.want("no length", l.send(call{as: alice, method: "PUT", target: "/bucket/k", payload: "UNSIGNED-PAYLOAD",
		spoil: func(r *http.Request) { r.Body, r.ContentLength = io.NopCloser(strings.NewReader("x")), -1 }}), 411, "MissingContentLength", "")
}

// TestSmallChunks: only the last chunk with content can be small.
func TestSmallChunks(t *testing.T) {
	l := newLab(t)
	l.make(alice, "PUT", "/bucket", "")
	put := func(sizes ...int) answer {
		body, length := "", 0
		for _, n := range sizes {
			body += fmt.Sprintf("%x\r\n%s\r\n", n, strings.Repeat("x", n))
			length += n
		}
		return l.send(call{as: alice, method: "PUT", target: "/bucket/k", body: body + "0\r\n\r\n",
			header: map[string]string{"X-Amz-Decoded-Content-Length": fmt.Sprint(length)}, payload: "STREAMING-UNSIGNED-PAYLOAD-TRAILER"})
	}
	l.want("large, then small", put(8192, 3), 200, "", "")
	for _, sizes := range [][]int{{3, 2}, {8192, 3, 2}, {8191, 8192}} {
		a := put(sizes...)
		l.want(fmt.Sprint(sizes), a, 403, "InvalidChunkSizeError", "Only the last chunk is allowed to have a size less than 8192 bytes")
		chunk, _ := a.refused(t).extra("Chunk")
		size, _ := a.refused(t).extra("BadChunkSize")
		if want := len(sizes); chunk != fmt.Sprint(want) || size != fmt.Sprint(sizes[want-2]) {
			t.Errorf("%v: chunk %s of %s bytes", sizes, chunk, size)
		}
	}
}

// TestHeadersOfObjects: what was put with an object comes back with it, and
// parameters replace it.
func TestHeadersOfObjects(t *testing.T) {
	l := newLab(t)
	l.make(alice, "PUT", "/bucket", "")
	h := map[string]string{"Content-Type": "text/plain", "Cache-Control": "no-store", "Content-Disposition": "inline", "Content-Encoding": "gzip,aws-chunked",
		"Content-Language": "en", "Expires": "Wed, 21 Oct 2026 07:28:00 GMT", "X-Amz-Meta-Colour": "blue"}
	l.must(call{as: alice, method: "PUT", target: "/bucket/k", body: "content", header: h})
	a := l.send(call{as: alice, method: "GET", target: "/bucket/k?response-content-type=x%2Fy", header: map[string]string{"Accept-Encoding": "gzip"}})
	h["Content-Type"], h["Content-Encoding"] = "x/y", "gzip"
	h["Etag"], h["Content-Length"] = `"9a0364b9e99bb480dd25e1f0284c8555"`, "7"
	h["Last-Modified"] = start.Format(http.TimeFormat)
	for name, want := range h {
		if got := a.header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	l.make(alice, "PUT", "/bucket/plain", "x")
	if got := l.make(alice, "HEAD", "/bucket/plain", "").header.Get("Content-Type"); got != "binary/octet-stream" {
		t.Errorf("without a type: %q", got)
	}
}

// TestConditions is RFC 9110 section 13.2.2 for reads, and S3's for writes.
func TestConditions(t *testing.T) {
	l := newLab(t)
	l.make(alice, "PUT", "/bucket", "")
	etag := l.make(alice, "PUT", "/bucket/k", "content").header.Get("Etag")
	before, at := start.Add(-time.Hour).Format(http.TimeFormat), start.Format(http.TimeFormat)
	for _, c := range []struct {
		header map[string]string
		status int
	}{
		{map[string]string{"If-Match": etag}, 200},
		{map[string]string{"If-Match": "*"}, 200},
		{map[string]string{"If-Match": `"x"`}, 412},
		{map[string]string{"If-None-Match": etag}, 304},
		{map[string]string{"If-None-Match": `"x", ` + etag}, 304},
		{map[string]string{"If-None-Match": `"x"`}, 200},
		{map[string]string{"If-Modified-Since": at}, 304},
		{map[string]string{"If-Modified-Since": before}, 200},
		{map[string]string{"If-Modified-Since": "yesterday"}, 200},
		{map[string]string{"If-Unmodified-Since": before}, 412},
		{map[string]string{"If-Unmodified-Since": at}, 200},
		{map[string]string{"If-Match": etag, "If-Unmodified-Since": before}, 200},
		{map[string]string{"If-None-Match": `"x"`, "If-Modified-Since": at}, 200},
	} {
		for _, method := range []string{"GET", "HEAD"} {
			if a := l.send(call{as: alice, method: method, target: "/bucket/k", header: c.header}); a.status != c.status || a.status == 304 && a.body != "" {
				t.Errorf("%s %v: %d %q, want %d", method, c.header, a.status, a.body, c.status)
			}
		}
	}
	for header, value := range map[string]string{"If-Match": "*", "If-None-Match": etag} {
		a := l.send(call{as: alice, method: "PUT", target: "/bucket/k", body: "content", header: map[string]string{header: value}})
		l.want(header+": "+value, a, 501, "NotImplemented", "A header you provided implies functionality that is not implemented")
		if got, _ := a.refused(t).extra("Header"); got != header {
			t.Errorf("%s: %s is refused as %q", header, value, got)
		}
	}
	put := func(key string, header map[string]string) int {
		return l.send(call{as: alice, method: "PUT", target: "/bucket/" + key, body: "content", header: header}).status
	}
	for _, c := range []struct {
		key    string
		header map[string]string
		status int
	}{
		{"k", map[string]string{"If-None-Match": "*"}, 412}, {"new", map[string]string{"If-None-Match": "*"}, 200},
		{"k", map[string]string{"If-Match": etag}, 200}, {"k", map[string]string{"If-Match": `"x"`}, 412},
		{"none", map[string]string{"If-Match": etag}, 404}, {"k", map[string]string{"If-None-Match": etag}, 501},
		{"copy", map[string]string{"X-Amz-Copy-Source": "bucket/k", "X-Amz-Copy-Source-If-None-Match": etag}, 412},
		{"copy", map[string]string{"X-Amz-Copy-Source": "bucket/k", "X-Amz-Copy-Source-If-Match": etag}, 200},
	} {
		if got := put(c.key, c.header); got != c.status {
			t.Errorf("put %s %v: %d, want %d", c.key, c.header, got, c.status)
		}
	}
}

// TestAnEmptyBodyIsWelcomed: who waits for 100 Continue gets it once, before the
// answer, also where there is nothing to send.
func TestAnEmptyBodyIsWelcomed(t *testing.T) {
	l := newLab(t)
	l.make(alice, "PUT", "/bucket", "")
	for _, body := range []string{"", "content"} {
		welcomed := 0
		a := l.send(call{as: alice, method: "PUT", target: "/bucket/k", body: body, header: map[string]string{"Expect": "100-continue"},
			spoil: func(r *http.Request) {
				trace := &httptrace.ClientTrace{Got100Continue: func() { welcomed++ }}
				*r = *r.WithContext(httptrace.WithClientTrace(r.Context(), trace))
			}})
		if a.status != 200 || welcomed != 1 {
			t.Errorf("%q: %d, welcomed %d times", body, a.status, welcomed)
		}
	}
}

// TestConditionsOfDeletes: what isn't as If-Match says stays, and who asks by its
// ETag has to be allowed to read it.
func TestConditionsOfDeletes(t *testing.T) {
	l := newLab(t)
	l.make(alice, "PUT", "/bucket", "")
	etag := l.make(alice, "PUT", "/bucket/k", "content").header.Get("Etag")
	del := func(as keys, key, match string) answer {
		return l.send(call{as: as, method: "DELETE", target: "/bucket/" + key, header: map[string]string{"If-Match": match}})
	}
	const failed = "At least one of the pre-conditions you specified did not hold"
	l.want("another ETag", del(alice, "k", `"x"`), 412, "PreconditionFailed", failed)
	l.want("nothing there", del(alice, "none", "*"), 404, "NoSuchKey", "The specified key does not exist.")
	ned1 := `{"AWS":"arn:aws:iam::111122223333:user/ned"}`
	l.make(alice, "PUT", "/bucket?policy", policyFor("Allow", ned1, `"s3:DeleteObject"`, `"arn:aws:s3:::bucket/*"`, `{"Null":{"s3:if-match":"false"}}`))
	l.want("who may not read", del(ned, "k", etag), 403, "AccessDenied", denied)
	l.want("without the header that the policy wants", l.do(ned, "DELETE", "/bucket/k", ""), 403, "AccessDenied", denied)
	if got := l.make(alice, "GET", "/bucket/k", "").body; got != "content" {
		t.Fatalf("the object is %q", got)
	}
	l.want("whatever is there", del(ned, "k", "*"), 204, "", "")
	l.make(alice, "PUT", "/bucket/k", "content")
	l.make(alice, "PUT", "/bucket?policy", policyFor("Allow", ned1, `["s3:GetObject","s3:DeleteObject"]`, `"arn:aws:s3:::bucket/*"`, `{"Null":{"s3:if-match":"false"}}`))
	body := "<Delete><Object><Key>k</Key></Object><Object><Key>k</Key><ETag>" + strings.Trim(etag, `"`) + "</ETag></Object></Delete>"
	many := l.must(call{as: ned, method: "POST", target: "/bucket?delete", body: body, header: map[string]string{"Content-Md5": md5Of(body)}}).body
	if strings.Count(many, "<Deleted>") != 1 || strings.Count(many, "<Code>AccessDenied</Code>") != 1 {
		t.Errorf("many: %s", many)
	}
	l.make(alice, "PUT", "/bucket?versioning", versioning("Enabled", ""))
	l.make(alice, "PUT", "/bucket/k", "content")
	l.make(alice, "DELETE", "/bucket/k", "")
	l.want("a delete marker", del(alice, "k", "*"), 412, "PreconditionFailed", failed)
}

// TestFormsAreNoForms: a POST whose client calls every body a form is S3's all
// the same.
func TestFormsAreNoForms(t *testing.T) {
	l := newLab(t)
	l.make(alice, "PUT", "/bucket", "")
	l.make(alice, "PUT", "/bucket/k", "")
	const body = "<Delete><Object><Key>k</Key></Object></Delete>"
	a := l.must(call{as: alice, method: "POST", target: "/bucket?delete", body: body,
		header: map[string]string{"Content-Type": "application/x-www-form-urlencoded", "Content-Md5": md5Of(body)}})
	if !strings.Contains(a.body, "<Deleted><Key>k</Key></Deleted>") {
		t.Error(a.body)
	}
}

// TestUploads: the rules of parts, and what they give.
func TestUploads(t *testing.T) {
	l := newLab(t)
	l.make(alice, "PUT", "/bucket", "")
	begin := func() string {
		return "/bucket/k?uploadId=" + between(l.make(alice, "POST", "/bucket/k?uploads", "").body, "<UploadId>", "</UploadId>")
	}
	target := begin()
	part := func(n int, body string) string {
		return l.make(alice, "PUT", target+"&partNumber="+strconv.Itoa(n), body).header.Get("Etag")
	}
	list := func(parts ...string) string {
		text := "<CompleteMultipartUpload>"
		for i := 0; i < len(parts); i += 2 {
			text += "<Part><PartNumber>" + parts[i] + "</PartNumber><ETag>" + parts[i+1] + "</ETag></Part>"
		}
		return text + "</CompleteMultipartUpload>"
	}
	small, big := part(1, "small"), part(2, strings.Repeat("b", 5<<20))
	last := part(10000, "last")
	complete := func(body string) answer { return l.do(alice, "POST", target, body) }
	l.want("too small", complete(list("1", small, "2", big)), 400, "EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size")
	l.want("wrong ETag", complete(list("2", small)), 400, "InvalidPart", "")
	l.want("no such part", complete(list("3", big)), 400, "InvalidPart", "")
	l.want("order", complete(list("10000", last, "2", big)), 400, "InvalidPartOrder", "")
	l.want("twice", complete(list("2", big, "2", big)), 400, "InvalidPartOrder", "")
	l.want("none", complete(list()), 400, "MalformedXML", "")
	l.want("another's key", l.do(alice, "POST", strings.Replace(target, "/k?", "/l?", 1), list("2", big)), 404, "NoSuchUpload", "")
	a := complete(list("2", big, "10000", last))
	l.want("complete", a, 200, "", "")
	one, two := md5.Sum([]byte(strings.Repeat("b", 5<<20))), md5.Sum([]byte("last"))
	both := md5.Sum(append(one[:], two[:]...))
	if want := hex.EncodeToString(both[:]) + "-2"; !strings.Contains(a.body, want) {
		t.Errorf("%s\nwant ETag %s", a.body, want)
	}
	got := l.make(alice, "GET", "/bucket/k?partNumber=2", "")
	if got.body != "last" || got.status != 206 || got.header.Get("X-Amz-Mp-Parts-Count") != "2" {
		t.Errorf("part 2: %d %q %v", got.status, got.body, got.header)
	}
	l.want("part 3 of 2", l.do(alice, "GET", "/bucket/k?partNumber=3", ""), 416, "InvalidPartNumber", "")
	target = begin()
	part(1, "x")
	l.make(alice, "DELETE", "/bucket/k", "")
	l.want("a bucket with an upload under way", l.do(alice, "DELETE", "/bucket", ""), 204, "", "")
	l.want("its upload", complete(list("1", small)), 404, "NoSuchBucket", "")
}

// TestCompletedOnce: however often a client asks to complete an upload, also at
// once, it becomes one version.
func TestCompletedOnce(t *testing.T) {
	l := newLab(t)
	l.make(alice, "PUT", "/bucket", "")
	l.make(alice, "PUT", "/bucket?versioning", versioning("Enabled", ""))
	target := "/bucket/k?uploadId=" + between(l.make(alice, "POST", "/bucket/k?uploads", "").body, "<UploadId>", "</UploadId>")
	etag := l.make(alice, "PUT", target+"&partNumber=1", "once").header.Get("Etag")
	list := "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>" + etag + "</ETag></Part></CompleteMultipartUpload>"
	var good atomic.Int32
	var clients sync.WaitGroup
	for range 8 {
		clients.Go(func() {
			if l.try("POST", target, list) {
				good.Add(1)
			}
		})
	}
	clients.Wait()
	if good.Load() != 8 {
		t.Errorf("%d of 8 were answered", good.Load())
	}
	var listed struct {
		Versions []struct{ ETag string } `xml:"http://s3.amazonaws.com/doc/2006-03-01/ Version"`
	}
	if a := l.make(alice, "GET", "/bucket?versions", ""); xml.Unmarshal([]byte(a.body), &listed) != nil || len(listed.Versions) != 1 {
		t.Errorf("there are %d versions: %s", len(listed.Versions), a.body)
	}
	first := l.make(alice, "GET", "/bucket/k", "").header.Get("X-Amz-Version-Id")
	l.make(alice, "PUT", "/bucket/k", "newer")
	if again := l.make(alice, "POST", target, list).header.Get("X-Amz-Version-Id"); again != first {
		t.Errorf("again it is version %s, and was %s", again, first)
	}
	if got := l.make(alice, "GET", "/bucket/k", "").body; got != "newer" {
		t.Errorf("the newest is %q", got)
	}
	l.make(alice, "DELETE", "/bucket/k?versionId="+first, "")
	l.want("when it is gone", l.do(alice, "POST", target, list), 404, "NoSuchUpload", "")
}
