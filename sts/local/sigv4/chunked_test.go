package sigv4

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

// exampleUpload is the chunked upload of the S3 API reference ("Signature
// calculations for the Authorization header: transferring payload in multiple
// chunks"): 65 KiB of "a" in chunks of 64 KiB and 1 KiB.
func exampleUpload(t testing.TB) (*Signature, string) {
	t.Helper()
	r := httptest.NewRequest("PUT", "/examplebucket/chunkObject.txt", nil)
	r.Host = "s3.amazonaws.com"
	r.Header.Set("X-Amz-Date", "20130524T000000Z")
	r.Header.Set("X-Amz-Storage-Class", "REDUCED_REDUNDANCY")
	r.Header.Set("X-Amz-Content-Sha256", string(SignedChunks))
	r.Header.Set("Content-Encoding", "aws-chunked")
	r.Header.Set("X-Amz-Decoded-Content-Length", "66560")
	r.Header.Set("Content-Length", "66824")
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "+
		"SignedHeaders=content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class, "+
		"Signature=4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9")
	s, err := Parse(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Verify(r, SignedChunks, exampleSecret, time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC), DefaultSkew); err != nil {
		t.Fatal(err)
	}
	body := "10000;chunk-signature=ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648\r\n" + strings.Repeat("a", 65536) + "\r\n" +
		"400;chunk-signature=0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497\r\n" + strings.Repeat("a", 1024) + "\r\n" +
		"0;chunk-signature=b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9\r\n\r\n"
	return s, body
}

func decode(s *Signature, kind Body, body io.Reader) ([]byte, map[string]string, error) {
	c, err := s.Chunks(body, kind)
	if err != nil {
		return nil, nil, err
	}
	b, err := io.ReadAll(c)
	return b, c.Trailer(), err
}

func TestSignedChunksExample(t *testing.T) {
	s, body := exampleUpload(t)
	if len(body) != 66824 {
		t.Fatalf("the body has %d bytes", len(body))
	}
	for _, in := range []io.Reader{strings.NewReader(body), iotest.OneByteReader(strings.NewReader(body))} {
		got, _, err := decode(s, SignedChunks, in)
		if err != nil || string(got) != strings.Repeat("a", 66560) {
			t.Errorf("%d bytes, %v", len(got), err)
		}
	}
}

// TestSignedChunksChanged: no byte of a signed body can be changed, left out
// or added.
func TestSignedChunksChanged(t *testing.T) {
	s, body := exampleUpload(t)
	second := strings.Index(body, "400;")
	for i := range body {
		if i > 200 && i < second-10 || i > second+200 && i < len(body)-200 {
			continue // runs of the same byte
		}
		changed := []byte(body)
		changed[i] ^= 1
		if i >= len(body)-4 || body[i] == '\r' {
			continue // a line's end may be missing its return
		}
		if got, _, err := decode(s, SignedChunks, bytes.NewReader(changed)); err == nil {
			t.Errorf("byte %d changed from %q to %q gives %d bytes", i, body[i], changed[i], len(got))
		}
	}
	for cut := range len(body) - 4 {
		if cut%97 != 0 && cut < len(body)-300 {
			continue
		}
		if _, _, err := decode(s, SignedChunks, strings.NewReader(body[:cut])); err == nil {
			t.Errorf("cut to %d bytes is accepted", cut)
		}
	}
	if _, _, err := decode(s, SignedChunks, strings.NewReader(body+"0;chunk-signature=\r\n")); !errors.Is(err, ErrChunk) {
		t.Errorf("with more behind it: %v", err)
	}
}

// signedTrailer builds a body with a signed trailer, as the reference tells
// ("… chunks with trailers").
func signedTrailer(s *Signature, content, trailer string) string {
	previous, empty := hex.EncodeToString(s.mac), string(HashBody(nil))
	sign := func(kind string, parts ...string) string {
		previous = hex.EncodeToString(mac(s.key, s.toSign(kind, append([]string{previous}, parts...)...)))
		return previous
	}
	var b strings.Builder
	for _, chunk := range []string{content, ""} {
		fmt.Fprintf(&b, "%x;chunk-signature=%s\r\n", len(chunk), sign(chunkAlgorithm, empty, string(HashBody([]byte(chunk)))))
		if chunk != "" {
			b.WriteString(chunk + "\r\n")
		}
	}
	fmt.Fprintf(&b, "%s\r\nx-amz-trailer-signature:%s\r\n\r\n", trailer, sign(trailerAlgorithm, string(HashBody([]byte(trailer+"\n")))))
	return b.String()
}

func TestTrailers(t *testing.T) {
	s, _ := exampleUpload(t)
	signed := signedTrailer(s, "hello", "x-amz-checksum-crc32c:sOO8/Q==")
	for _, c := range []struct {
		name string
		kind Body
		body string
		want error
	}{
		{"signed", SignedTrailer, signed, nil},
		{"signed, checksum changed", SignedTrailer, strings.Replace(signed, "sOO8", "sOO9", 1), ErrChunkSignature},
		{"signed, without its signature", SignedTrailer, signed[:strings.Index(signed, "x-amz-trailer-sig")] + "\r\n", ErrChunkSignature},
		{"signed, announced without", SignedChunks, signed, ErrTrailer},
		{"unsigned", UnsignedTrailer, "5\r\nhello\r\n0\r\nx-amz-checksum-crc32c:sOO8/Q==\r\n\r\n", nil},
		{"unsigned, without the last line end", UnsignedTrailer, "5\r\nhello\r\n0\r\nx-amz-checksum-crc32c:sOO8/Q==\r\n", nil},
		{"unsigned, written as a header", UnsignedTrailer, "5\r\nhello\r\n0\r\nX-Amz-Checksum-Crc32c: sOO8/Q==\r\n\r\n", nil},
		{"no colon", UnsignedTrailer, "5\r\nhello\r\n0\r\nnothing\r\n\r\n", ErrTrailer},
		{"twice", UnsignedTrailer, "5\r\nhello\r\n0\r\na:1\r\na:2\r\n\r\n", ErrTrailer},
		{"too long", UnsignedTrailer, "5\r\nhello\r\n0\r\na:" + strings.Repeat("b", 5000) + "\r\n\r\n", ErrTrailer},
		{"no size", UnsignedTrailer, "\r\nhello", ErrChunk},
		{"negative size", UnsignedTrailer, "-5\r\nhello\r\n0\r\n\r\n", ErrChunk},
		{"size beyond 63 bits", UnsignedTrailer, "ffffffffffffffff\r\nhello\r\n", ErrChunk},
		{"longer than its size", UnsignedTrailer, "4\r\nhello\r\n0\r\n\r\n", ErrChunk},
		{"shorter than its size", UnsignedTrailer, "5\r\nhell", io.ErrUnexpectedEOF},
		{"nothing", UnsignedTrailer, "", io.ErrUnexpectedEOF},
		{"no signatures", SignedChunks, "5\r\nhello\r\n0\r\n\r\n", ErrChunk},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, trailer, err := decode(s, c.kind, strings.NewReader(c.body))
			if !errors.Is(err, c.want) {
				t.Fatalf("got %v, want %v", err, c.want)
			}
			if c.want == nil && (string(got) != "hello" || trailer["x-amz-checksum-crc32c"] != "sOO8/Q==") {
				t.Errorf("got %q, %v", got, trailer)
			}
		})
	}
	var small *SmallChunkError
	if _, _, err := decode(s, UnsignedTrailer, strings.NewReader("2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n")); !errors.As(err, &small) || *small != (SmallChunkError{Chunk: 2, Size: 2}) {
		t.Errorf("a small chunk and another: %v", err)
	}
	large := strings.Repeat("a", minChunk)
	got, trailer, err := decode(s, UnsignedTrailer, strings.NewReader("2000\r\n"+large+"\r\n5\r\nhello\r\n0\r\na:1\r\n\r\n"))
	if err != nil || string(got) != large+"hello" || trailer["a"] != "1" {
		t.Errorf("a large chunk and a small one: %d bytes, %v, %v", len(got), trailer, err)
	}
	if _, err := s.Chunks(nil, "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD"); err == nil {
		t.Error("an unknown kind is accepted")
	}
	if _, err := (&Signature{}).Chunks(nil, SignedChunks); err == nil {
		t.Error("an unverified signature signs chunks")
	}
}

// FuzzChunks: whatever comes, the decoder ends, and gives no more than it got.
func FuzzChunks(f *testing.F) {
	_, body := exampleUpload(f)
	f.Add([]byte(body[len(body)-1300:]))
	f.Add([]byte("5\r\nhello\r\n0\r\nx-amz-checksum-crc32c:sOO8/Q==\r\n\r\n"))
	f.Add([]byte("7fffffffffffffff\r\nhello"))
	f.Fuzz(func(t *testing.T, body []byte) {
		s, _ := exampleUpload(t)
		for _, kind := range []Body{SignedChunks, SignedTrailer, UnsignedTrailer} {
			got, _, err := decode(s, kind, bytes.NewReader(body))
			if len(got) > len(body) {
				t.Fatalf("%s: %d bytes of %d", kind, len(got), len(body))
			}
			if err == nil && kind != UnsignedTrailer {
				t.Fatalf("%s: a signature was guessed", kind)
			}
		}
	})
}
