package s3

import (
	"cmp"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/fob-auth/fob/sts/local/store"
)

// FuzzTaggingHeader: what is taken of a header are tags by the rules, and others
// are refused in S3's words.
func FuzzTaggingHeader(f *testing.F) {
	for _, seed := range []string{"a=1&b=2&c", "a=1&a=2", "a=%zz", "a=b=c", "=1", "&&", "%61ws:x=1", "\xff=\xff", "a+b=%C3%A9"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		r := httptest.NewRequest(http.MethodPut, "/bucket/k", nil)
		r.Header[taggingHeader] = []string{header}
		q := &request{r: r}
		if err := q.readTags(); err != nil {
			if e, ok := err.(*Error); !ok || e.Status != http.StatusBadRequest {
				t.Fatalf("%q: %v", header, err)
			}
			return
		}
		ordered := slices.IsSortedFunc(q.tags, func(a, b store.Tag) int { return cmp.Compare(a.Key, b.Key) })
		if len(q.tags) > ofObjects.limit || !ordered || (header == "") != (len(q.tags) == 0) {
			t.Fatalf("%q gives %q", header, q.tags)
		}
	})
}
