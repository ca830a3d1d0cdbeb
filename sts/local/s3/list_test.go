package s3_test

import (
	"encoding/xml"
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// listed is what all lists have.
type listed struct {
	IsTruncated           bool
	NextMarker            string
	NextContinuationToken string
	NextKeyMarker         string
	NextVersionIDMarker   string `xml:"NextVersionIdMarker"`
	NextUploadIDMarker    string `xml:"NextUploadIdMarker"`
	Contents              []struct{ Key string }
	Versions              []struct{ Key string } `xml:"Version"`
	Markers               []struct{ Key string } `xml:"DeleteMarker"`
	Uploads               []struct{ Key string } `xml:"Upload"`
	CommonPrefixes        []struct{ Prefix string }
}

// model lists keys as S3's reference says: by bytes, those with the delimiter
// behind the prefix under their common prefix.
func model(keys []string, prefix, delimiter string) []string {
	var out []string
	slices.Sort(keys)
	for _, k := range keys {
		if !strings.HasPrefix(k, prefix) {
			continue
		}
		if i := strings.Index(k[len(prefix):], delimiter); delimiter != "" && i >= 0 {
			k = k[:len(prefix)+i+len(delimiter)] + "*"
		}
		if len(out) == 0 || out[len(out)-1] != k || !strings.HasSuffix(k, "*") {
			out = append(out, k)
		}
	}
	return out
}

// TestListsAgainstModel reads every list in pages of every size, for prefixes
// and delimiters of all kinds.
func TestListsAgainstModel(t *testing.T) {
	l := newLab(t)
	l.make(alice, "PUT", "/bucket", "")
	random := rand.New(rand.NewPCG(3, 4))
	alphabet := []string{"a", "b", "/", "//", "é", "z"}
	var keys []string
	for len(keys) < 40 {
		key := ""
		for range 1 + random.IntN(5) {
			key += alphabet[random.IntN(len(alphabet))]
		}
		if strings.HasPrefix(key, "/") || slices.Contains(keys, key) {
			continue
		}
		keys = append(keys, key)
		l.make(alice, "PUT", "/bucket/"+escape(key), "")
		l.make(alice, "POST", "/bucket/"+escape(key)+"?uploads", "")
	}
	for _, prefix := range []string{"", "a", "a/", "b", "nothing"} {
		for _, delimiter := range []string{"", "/", "a", "//"} {
			want := model(keys, prefix, delimiter)
			for _, size := range []int{1, 3, 7, 1000} {
				for _, kind := range []string{"", "list-type=2", "versions", "uploads"} {
					if got := l.list(kind, prefix, delimiter, size); !slices.Equal(got, want) {
						t.Fatalf("%s prefix %q delimiter %q by %d:\ngot  %q\nwant %q", kind, prefix, delimiter, size, got, want)
					}
				}
			}
		}
	}
}

func escape(key string) string { return (&url.URL{Path: key}).EscapedPath() }

// list reads a list page by page; common prefixes have a star behind them.
func (l *lab) list(kind, prefix, delimiter string, size int) []string {
	l.t.Helper()
	q := url.Values{"prefix": {prefix}, "max-keys": {strconv.Itoa(size)}}
	if kind == "uploads" {
		q.Set("max-uploads", strconv.Itoa(size))
	}
	if delimiter != "" {
		q.Set("delimiter", delimiter)
	}
	var all []string
	for pages := 0; ; pages++ {
		var p listed
		target := "/bucket?" + strings.ReplaceAll(q.Encode(), "+", "%20")
		if kind != "" {
			target += "&" + kind
		}
		a := l.make(alice, "GET", target, "")
		if err := xml.Unmarshal([]byte(a.body), &p); err != nil {
			l.t.Fatal(err)
		}
		var page []string
		for _, list := range [][]struct{ Key string }{p.Contents, p.Versions, p.Markers, p.Uploads} {
			for _, o := range list {
				page = append(page, o.Key)
			}
		}
		for _, c := range p.CommonPrefixes {
			page = append(page, c.Prefix+"*")
		}
		if len(page) > size || pages > 100 {
			l.t.Fatalf("page %d of %d entries has %d", pages, size, len(page))
		}
		slices.Sort(page)
		all = append(all, page...)
		if !p.IsTruncated {
			slices.Sort(all)
			return slices.CompactFunc(all, func(a, b string) bool { return a == b && strings.HasSuffix(a, "*") })
		}
		last := ""
		if len(p.Contents) > 0 {
			last = p.Contents[len(p.Contents)-1].Key
		}
		switch kind {
		case "":
			if p.NextMarker == "" {
				p.NextMarker = last // clients do so without a delimiter
			}
			q.Set("marker", p.NextMarker)
		case "list-type=2":
			q.Set("continuation-token", p.NextContinuationToken)
		case "versions":
			q.Set("key-marker", p.NextKeyMarker)
			q.Del("version-id-marker")
			if p.NextVersionIDMarker != "" {
				q.Set("version-id-marker", p.NextVersionIDMarker)
			}
		case "uploads":
			q.Set("key-marker", p.NextKeyMarker)
			q.Del("upload-id-marker")
			if p.NextUploadIDMarker != "" {
				q.Set("upload-id-marker", p.NextUploadIDMarker)
			}
		}
	}
}

// TestListHidesWhatIsDeleted: keys behind a delete marker are in the list of
// versions alone.
func TestListHidesWhatIsDeleted(t *testing.T) {
	l := newLab(t)
	l.make(alice, "PUT", "/bucket", "")
	l.make(alice, "PUT", "/bucket?versioning", versioningOn)
	for i := range 6 {
		for range 3 {
			l.make(alice, "PUT", fmt.Sprintf("/bucket/d%d/k", i), "")
		}
		if i%2 == 0 {
			l.make(alice, "DELETE", fmt.Sprintf("/bucket/d%d/k", i), "")
		}
	}
	for _, kind := range []string{"", "list-type=2"} {
		if got := l.list(kind, "", "/", 2); !slices.Equal(got, []string{"d1/*", "d3/*", "d5/*"}) {
			t.Errorf("%s: %q", kind, got)
		}
		if got := l.list(kind, "", "", 1); !slices.Equal(got, []string{"d1/k", "d3/k", "d5/k"}) {
			t.Errorf("%s: %q", kind, got)
		}
	}
	for _, size := range []int{1, 2, 5, 1000} {
		if got := l.list("versions", "", "", size); len(got) != 21 {
			t.Errorf("by %d: %d versions and markers", size, len(got))
		}
	}
	l.must(call{as: alice, method: "GET", target: "/bucket?max-keys=0"})
	if got := l.make(alice, "GET", "/bucket?list-type=2&encoding-type=url&prefix=d1&delimiter=%2F", "").body; !strings.Contains(got, "<Prefix>d1/</Prefix>") {
		t.Error(got)
	}
}
