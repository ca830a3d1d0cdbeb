package sigv4

import (
	"bufio"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"strconv"
	"strings"
)

// What S3's clients write in place of the body's hash (S3 API reference,
// "Signature calculations for the Authorization header: transferring payload in
// multiple chunks").
const (
	UnsignedPayload  Body = "UNSIGNED-PAYLOAD"
	SignedChunks     Body = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
	SignedTrailer    Body = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
	UnsignedTrailer  Body = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
	streamingPrefix       = "STREAMING-"
	chunkAlgorithm        = "AWS4-HMAC-SHA256-PAYLOAD"
	trailerAlgorithm      = "AWS4-HMAC-SHA256-TRAILER"
)

// Streaming tells whether the body comes in chunks of AWS's own.
func (b Body) Streaming() bool { return strings.HasPrefix(string(b), streamingPrefix) }

// Bounds of the lines between chunks; ours.
const (
	maxChunkLine   = 4 << 10
	maxTrailers    = 16
	trailerSigName = "x-amz-trailer-signature"
)

// Faults of a chunked body.
var (
	// ErrChunk is a body that isn't in chunks as announced.
	ErrChunk = errors.New("malformed chunk")
	// ErrTrailer is a trailer that can't be read.
	ErrTrailer = errors.New("malformed trailer")
	// ErrChunkSignature is a chunk or trailer whose signature isn't its own.
	ErrChunkSignature = errors.New("chunk signature does not match")
)

// minChunk is how small a chunk can be that isn't the last one with content (S3
// API reference, "Signature calculations for the Authorization header:
// transferring payload in multiple chunks").
const minChunk = 8 << 10

// A SmallChunkError is a chunk behind one that only the last may be as small as.
type SmallChunkError struct {
	Chunk int   // counts from 1
	Size  int64 // of the one before
}

// Error says which chunk it is.
func (e *SmallChunkError) Error() string {
	return fmt.Sprintf("chunk %d follows one of %d bytes", e.Chunk, e.Size)
}

// Chunks reads the content of a body that is sent in chunks. What it returned
// is authentic only once it has returned io.EOF.
type Chunks struct {
	in       *bufio.Reader
	signer   *Signature // nil: chunks aren't signed
	trailing bool
	previous string // signature
	expected string // of the chunk under way
	hash     hash.Hash
	count    int   // of chunks, with the one under way
	size     int64 // of the chunk under way
	left     int64 // of that
	trailer  map[string]string
	err      error
}

// Chunks returns the content of a body of kind, whose chunks are signed with
// the key that [Signature.Verify] found good. The kinds are [SignedChunks],
// [SignedTrailer] and [UnsignedTrailer]; others give an error.
func (s *Signature) Chunks(body io.Reader, kind Body) (*Chunks, error) {
	c := &Chunks{in: bufio.NewReaderSize(body, maxChunkLine), trailer: map[string]string{}}
	switch kind {
	case SignedChunks, SignedTrailer:
		if s.key == nil {
			return nil, errors.New("sigv4: chunks of an unverified signature")
		}
		c.signer, c.previous, c.hash = s, hex.EncodeToString(s.mac), sha256.New()
		c.trailing = kind == SignedTrailer
	case UnsignedTrailer:
		c.trailing = true
	default:
		return nil, fmt.Errorf("sigv4: %s is no kind of chunks", kind)
	}
	return c, nil
}

// Trailer gives the headers that came behind the content, by lower-case name.
// It is complete once Read has returned io.EOF.
func (c *Chunks) Trailer() map[string]string { return c.trailer }

// Read reads content. Its errors are [ErrChunk], [ErrTrailer],
// [ErrChunkSignature], *[SmallChunkError], io.ErrUnexpectedEOF and those of the
// body.
func (c *Chunks) Read(p []byte) (int, error) {
	if c.err == nil && c.left == 0 {
		c.err = c.next()
	}
	if c.err != nil {
		return 0, c.err
	}
	if int64(len(p)) > c.left {
		p = p[:c.left]
	}
	n, err := c.in.Read(p)
	c.left -= int64(n)
	if c.hash != nil {
		c.hash.Write(p[:n])
	}
	if err != nil {
		c.err = unexpected(err)
	}
	return n, c.err
}

// next ends the chunk before and begins the next one; io.EOF after the last.
func (c *Chunks) next() error {
	if c.count > 0 {
		if err := c.endChunk(); err != nil {
			return err
		}
	}
	size, err := c.head()
	if err != nil {
		return err
	}
	if size > 0 {
		c.count++
		if c.count > 1 && c.size < minChunk {
			return &SmallChunkError{Chunk: c.count, Size: c.size}
		}
		c.size, c.left = size, size
		return nil
	}
	// the last chunk is empty, and its line end is that before the trailers'
	if err := c.checkChunk(); err != nil {
		return err
	}
	if err := c.readTrailer(); err != nil {
		return err
	}
	if _, err := c.in.ReadByte(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: more after the last one", ErrChunk)
	}
	return io.EOF
}

// head reads "SIZE[;chunk-signature=HEX]", the size in hexadecimal.
func (c *Chunks) head() (int64, error) {
	line, err := c.line(ErrChunk)
	if err != nil {
		return 0, err
	}
	digits, extension, _ := strings.Cut(line, ";")
	size, err := strconv.ParseInt(digits, 16, 64)
	if err != nil || size < 0 || digits[0] == '+' {
		return 0, fmt.Errorf("%w: no size", ErrChunk)
	}
	if c.signer != nil {
		var ok bool
		if c.expected, ok = strings.CutPrefix(extension, "chunk-signature="); !ok {
			return 0, fmt.Errorf("%w: no signature", ErrChunk)
		}
	}
	return size, nil
}

func (c *Chunks) endChunk() error {
	var end [2]byte
	if _, err := io.ReadFull(c.in, end[:]); err != nil {
		return unexpected(err)
	}
	if string(end[:]) != "\r\n" {
		return fmt.Errorf("%w: longer than its size", ErrChunk)
	}
	return c.checkChunk()
}

// checkChunk compares the signature of the chunk that was read.
func (c *Chunks) checkChunk() error {
	if c.signer == nil {
		return nil
	}
	sum := hex.EncodeToString(c.hash.Sum(nil))
	c.hash.Reset()
	return c.check(c.signer.toSign(chunkAlgorithm, c.previous, string(HashBody(nil)), sum), c.expected)
}

func (c *Chunks) check(toSign, provided string) error {
	want := hex.EncodeToString(mac(c.signer.key, toSign))
	if !hmac.Equal([]byte(want), []byte(provided)) {
		return ErrChunkSignature
	}
	c.previous = want
	return nil
}

// readTrailer reads header lines up to an empty one, or the end: not all
// clients send the last line end.
func (c *Chunks) readTrailer() error {
	var signed strings.Builder
	signature := ""
	for {
		line, err := c.line(ErrTrailer)
		switch {
		case errors.Is(err, io.ErrUnexpectedEOF) && line == "", err == nil && line == "":
			if c.signer != nil && c.trailing {
				sum := HashBody([]byte(signed.String()))
				return c.check(c.signer.toSign(trailerAlgorithm, c.previous, string(sum)), signature)
			}
			return nil
		case err != nil:
			return err
		}
		name, value, ok := strings.Cut(line, ":")
		name, value = strings.ToLower(strings.TrimSpace(name)), strings.TrimSpace(value)
		_, twice := c.trailer[name]
		if !ok || !c.trailing || twice || signature != "" || len(c.trailer) == maxTrailers {
			return ErrTrailer
		}
		if name == trailerSigName && signature == "" {
			signature = value
			continue
		}
		c.trailer[name] = value
		signed.WriteString(name + ":" + value + "\n")
	}
}

// line reads a line without its end, which is "\r\n" or as in some clients'
// trailers "\n".
func (c *Chunks) line(fault error) (string, error) {
	raw, err := c.in.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return "", fmt.Errorf("%w: line too long", fault)
	case err != nil:
		return string(raw), unexpected(err)
	}
	return strings.TrimSuffix(strings.TrimSuffix(string(raw), "\n"), "\r"), nil
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
