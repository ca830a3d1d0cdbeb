package s3_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"testing"

	"github.com/fob-auth/fob/sts/local"
)

// exchange sends a signed request with a hashed body and reads the answer.
func exchange(b *testing.B, l *lab, method, target string, body []byte, hash string) {
	r, err := http.NewRequestWithContext(context.Background(), method, l.URL+target, bytes.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	if err := sign(l, r, alice, hash); err != nil {
		b.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		b.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != http.StatusOK {
		b.Fatal(resp.Status, err)
	}
}

// BenchmarkObjects is put and get over loopback, client included: in memory
// and a temporary folder, and kept on disk.
func BenchmarkObjects(b *testing.B) {
	for _, size := range []struct {
		name  string
		bytes int
	}{{"1KiB", 1 << 10}, {"10MiB", 10 << 20}} {
		body := bytes.Repeat([]byte("x"), size.bytes)
		sum := sha256.Sum256(body)
		empty := sha256.Sum256(nil)
		for _, kept := range []bool{false, true} {
			l := newLab(b, func(o *local.Options) {
				if kept {
					o.Journal, o.Objects = openJournal(b, b.TempDir()), b.TempDir()
				}
			})
			l.make(alice, "PUT", "/bucket", "")
			name := "temporary/" + size.name
			if kept {
				name = "kept/" + size.name
			}
			b.Run("put/"+name, func(b *testing.B) {
				b.SetBytes(int64(size.bytes))
				b.ReportAllocs()
				for b.Loop() {
					exchange(b, l, "PUT", "/bucket/k", body, hex.EncodeToString(sum[:]))
				}
			})
			b.Run("get/"+name, func(b *testing.B) {
				exchange(b, l, "PUT", "/bucket/k", body, hex.EncodeToString(sum[:]))
				b.SetBytes(int64(size.bytes))
				b.ReportAllocs()
				for b.Loop() {
					exchange(b, l, "GET", "/bucket/k", nil, hex.EncodeToString(empty[:]))
				}
			})
		}
	}
}
