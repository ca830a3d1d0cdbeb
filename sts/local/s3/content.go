package s3

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fob-auth/fob/sts/local/sigv4"
	"github.com/fob-auth/fob/sts/local/store"
)

// maxPut is the largest content of one request in bytes (S3 User Guide,
// "Multipart upload limits": 5 GiB).
const maxPut = 5 << 30

// A content is the body of a request as its client means it: out of its
// chunks, and held against everything that was announced of it.
type content struct {
	in        io.Reader
	size      int64
	chunks    *sigv4.Chunks // nil: not chunked
	md5, sha  hash.Hash     // sha is nil where the body isn't signed as a whole
	sum       hash.Hash     // nil without a checksum
	signed    string        // what sha has to give, hexadecimal
	md5Want   []byte        // nil: Content-MD5 wasn't sent
	announced announced
}

// content prepares to read a body of at most limit bytes.
func (q *request) content(limit int64) (*content, error) {
	body := q.body()
	c := &content{in: body, size: q.r.ContentLength, md5: md5.New()}
	var err error
	if c.announced, err = announcedChecksum(q.r.Header); err != nil {
		return nil, err
	}
	if c.announced.algorithm != "" {
		c.sum = algorithms[c.announced.algorithm]()
	}
	switch {
	case q.payload.Streaming():
		if c.size, err = decodedLength(q.r.Header); err != nil {
			return nil, err
		}
		if c.chunks, err = q.sig.Chunks(body, q.payload); err != nil {
			return nil, err
		}
		c.in = c.chunks
	case q.payload != sigv4.UnsignedPayload:
		c.sha, c.signed = sha256.New(), string(q.payload)
	}
	if c.announced.algorithm != "" && c.announced.value == "" && c.chunks == nil {
		return nil, invalidRequest("The request announces a trailer, and its body has none.")
	}
	if c.size < 0 {
		return nil, errMissingLength
	}
	if c.size > limit {
		return nil, errorf(http.StatusBadRequest, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size").
			with("ProposedSize", c.size).with("MaxSizeAllowed", limit)
	}
	if text := q.r.Header.Get("Content-Md5"); text != "" {
		if c.md5Want, err = base64.StdEncoding.DecodeString(text); err != nil || len(c.md5Want) != md5.Size {
			return nil, errorf(http.StatusBadRequest, "InvalidDigest", "The Content-MD5 you specified was invalid.").with("Content-MD5", text)
		}
	}
	return c, nil
}

// stallTimeout is how long a client may send nothing of a body; ours.
const stallTimeout = time.Minute

// A body moves the deadline of its connection on while it comes.
type body struct {
	io.Reader
	extend func()
}

// Read reads on.
func (b body) Read(p []byte) (int, error) {
	b.extend()
	return b.Reader.Read(p)
}

// body is the request's body.
func (q *request) body() io.Reader {
	if q.HostTime == nil {
		return q.r.Body
	}
	connection := http.NewResponseController(q.w)
	return body{q.r.Body, func() {
		_ = connection.SetReadDeadline(q.HostTime().Add(stallTimeout)) // else the server's own holds
	}}
}

func decodedLength(h http.Header) (int64, error) {
	text := h.Get("X-Amz-Decoded-Content-Length")
	if text == "" {
		return 0, errMissingLength
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return 0, invalidArgument("The value of x-amz-decoded-content-length is invalid.", "x-amz-decoded-content-length", text)
	}
	return n, nil
}

// copyTo writes the content to w and then holds it against its announcements.
// What was written counts only if that succeeds.
func (c *content) copyTo(w io.Writer) error {
	writers := []io.Writer{w, c.md5}
	for _, h := range []hash.Hash{c.sha, c.sum} {
		if h != nil {
			writers = append(writers, h)
		}
	}
	// one more byte than announced shows a body that is too long, and has
	// chunks checked to their end
	into := &sink{w: io.MultiWriter(writers...)}
	n, err := io.Copy(into, io.LimitReader(c.in, c.size+1))
	switch {
	case into.err != nil:
		return into.err
	case err != nil:
		return bodyFault(err)
	case n != c.size:
		return errIncomplete
	}
	return c.check()
}

// A sink remembers that it was the writing that failed.
type sink struct {
	w   io.Writer
	err error
}

func (s *sink) Write(p []byte) (int, error) {
	n, err := s.w.Write(p)
	s.err = err
	return n, err
}

// bodyFault words what went wrong while reading a body.
func bodyFault(err error) error {
	var small *sigv4.SmallChunkError
	switch {
	case errors.As(err, &small): // field reports, the status too
		return errorf(http.StatusForbidden, "InvalidChunkSizeError", "Only the last chunk is allowed to have a size less than 8192 bytes").
			with("Chunk", small.Chunk).with("BadChunkSize", small.Size)
	case errors.Is(err, sigv4.ErrChunkSignature):
		return errSignature
	case errors.Is(err, sigv4.ErrTrailer):
		return errMalformedTrailer
	case errors.Is(err, sigv4.ErrChunk):
		return invalidRequest("The body is not in the chunks that it was announced to have.") // our words
	}
	return errIncomplete // the client has gone, or says less than it announced
}

func (c *content) check() error {
	if c.sha != nil && hex.EncodeToString(c.sha.Sum(nil)) != strings.ToLower(c.signed) {
		return errorf(http.StatusBadRequest, "XAmzContentSHA256Mismatch",
			"The provided 'x-amz-content-sha256' header does not match what was computed.").
			with("ClientComputedContentSHA256", c.signed).with("S3ComputedContentSHA256", hex.EncodeToString(c.sha.Sum(nil)))
	}
	if sum := c.md5.Sum(nil); c.md5Want != nil && !bytes.Equal(sum, c.md5Want) {
		return errorf(http.StatusBadRequest, "BadDigest", "The Content-MD5 you specified did not match what we received.").
			with("ExpectedDigest", hex.EncodeToString(c.md5Want)).with("CalculatedDigest", base64.StdEncoding.EncodeToString(sum))
	}
	if err := c.checkTrailer(); err != nil || c.sum == nil {
		return err
	}
	want := c.announced.value
	if want == "" {
		want = c.chunks.Trailer()[strings.ToLower(checksumPrefix)+c.announced.algorithm]
	}
	if want != c.checksum().Value {
		return errorf(http.StatusBadRequest, "BadDigest", "The %s you specified did not match the calculated checksum.",
			strings.ToUpper(c.announced.algorithm))
	}
	return nil
}

// checkTrailer wants behind the content what was announced to be there, and
// nothing else (field reports).
func (c *content) checkTrailer() error {
	if c.chunks == nil {
		return nil
	}
	trailer := c.chunks.Trailer()
	for name := range trailer {
		if !slices.Contains(c.announced.trailers, name) {
			return errMalformedTrailer
		}
	}
	for _, name := range c.announced.trailers {
		if _, ok := trailer[name]; !ok {
			return errMalformedTrailer
		}
	}
	return nil
}

// checksum is the one that the client asked for.
func (c *content) checksum() store.Checksum {
	if c.sum == nil {
		return store.Checksum{}
	}
	return store.Checksum{Algorithm: c.announced.algorithm, Value: base64.StdEncoding.EncodeToString(c.sum.Sum(nil))}
}

// etag is the MD5 of the content, as objects of one part have it.
func (c *content) etag() string { return hex.EncodeToString(c.md5.Sum(nil)) }

// store writes the content to a blob of its own, synced to disk.
func (q *request) store(limit int64) (*content, store.Part, error) {
	c, err := q.content(limit)
	if err != nil {
		return nil, store.Part{}, err
	}
	w, err := q.Blobs.Create()
	if err != nil {
		return nil, store.Part{}, err
	}
	defer w.Discard()
	if err := c.copyTo(w); err != nil {
		return nil, store.Part{}, err
	}
	id, err := w.Keep()
	return c, store.Part{Blob: id, Size: c.size}, err
}

// document reads a body of at most limit bytes whole.
func (q *request) document(limit int64) ([]byte, *content, error) {
	c, err := q.content(limit)
	if err != nil {
		return nil, nil, err
	}
	var b bytes.Buffer
	if err := c.copyTo(&b); err != nil {
		return nil, nil, err
	}
	return b.Bytes(), c, nil
}
