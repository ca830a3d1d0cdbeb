package s3_test

import (
	"context"
	"crypto/md5"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/fob-auth/fob/sts/local"
	"github.com/fob-auth/fob/sts/local/journal"
	"github.com/fob-auth/fob/sts/local/store"
)

func openJournal(t testing.TB, dir string) *journal.Journal {
	t.Helper()
	j, err := journal.Open(context.Background(), dir)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// A tornJournal fails when it is told to.
type tornJournal struct {
	store.Journal
	fail atomic.Bool
}

func (j *tornJournal) Commit(ctx context.Context, changes []store.Change) error {
	if j.fail.Load() {
		return errors.New("disk full")
	}
	return j.Journal.Commit(ctx, changes)
}

func md5Of(body string) string {
	sum := md5.Sum([]byte(body))
	return base64.StdEncoding.EncodeToString(sum[:])
}

func files(t testing.TB, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// TestStateOutlivesTheProcess: objects, versions, uploads and policies are
// there after a restart, and content that no object has is gone.
func TestStateOutlivesTheProcess(t *testing.T) {
	state, objects := t.TempDir(), t.TempDir()
	kept := func(o *local.Options) { o.Journal, o.Objects = openJournal(t, state), objects }
	part := strings.Repeat("p", 5<<20)
	var version, upload string
	policy := policyFor("Allow", `"*"`, `"s3:GetObject"`, `"arn:aws:s3:::bucket/*"`, "")
	t.Run("before", func(t *testing.T) {
		l := newLab(t, kept)
		l.make(alice, "PUT", "/bucket", "")
		l.make(alice, "PUT", "/bucket?policy", policy)
		l.make(alice, "PUT", "/bucket?versioning", versioningOn)
		version = l.make(alice, "PUT", "/bucket/k", "old").header.Get("X-Amz-Version-Id")
		l.make(alice, "PUT", "/bucket/k", "new")
		upload = between(l.make(alice, "POST", "/bucket/up?uploads", "").body, "<UploadId>", "</UploadId>")
		l.make(alice, "PUT", "/bucket/up?partNumber=1&uploadId="+upload, part)
		if got := files(t, objects); len(got) != 3 {
			t.Errorf("the folder has %v", got)
		}
	})
	const orphan = "000102030405060708090a0b0c0d0e0f"
	for _, name := range []string{orphan, "not-a-blob"} {
		if err := os.WriteFile(objects+"/"+name, []byte("left"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("after", func(t *testing.T) {
		l := newLab(t, kept)
		if got := files(t, objects); len(got) != 4 || !strings.Contains(strings.Join(got, " "), "not-a-blob") {
			t.Errorf("the folder has %v", got)
		}
		if got := l.make(nobody, "GET", "/bucket/k", "").body; got != "new" {
			t.Errorf("got %q", got)
		}
		if got := l.make(alice, "GET", "/bucket/k?versionId="+version, "").body; got != "old" {
			t.Errorf("got %q", got)
		}
		etag := between(l.make(alice, "GET", "/bucket/up?uploadId="+upload, "").body, "<ETag>", "</ETag>")
		l.make(alice, "POST", "/bucket/up?uploadId="+upload,
			`<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>`+etag+`</ETag></Part></CompleteMultipartUpload>`)
		if got := l.make(alice, "GET", "/bucket/up", "").body; got != part {
			t.Errorf("%d bytes", len(got))
		}
	})
}

// TestObjectsOfALostState: a state that was emptied by hand doesn't take its
// objects with it, however often the server is started.
func TestObjectsOfALostState(t *testing.T) {
	state, objects := t.TempDir(), t.TempDir()
	t.Run("before", func(t *testing.T) {
		l := newLab(t, func(o *local.Options) { o.Journal, o.Objects = openJournal(t, state), objects })
		l.make(alice, "PUT", "/bucket", "")
		l.make(alice, "PUT", "/bucket/k", "content")
	})
	if err := os.Truncate(filepath.Join(state, "fobaws.db"), 0); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := local.New(local.Options{Journal: openJournal(t, state), Objects: objects}); !errors.Is(err, local.ErrLostState) {
			t.Errorf("got %v", err)
		}
		if got := files(t, objects); len(got) != 1 {
			t.Errorf("the folder has %v", got)
		}
	}
}

// TestDamagedContent: content that was cut off, made longer or taken away is an
// error before an answer begins; what lies beside it can still be read.
func TestDamagedContent(t *testing.T) {
	objects := t.TempDir()
	l := newLab(t, func(o *local.Options) { o.Journal, o.Objects = openJournal(t, t.TempDir()), objects })
	l.make(alice, "PUT", "/bucket", "")
	blobOf := func(key, body string) string {
		before := files(t, objects)
		l.make(alice, "PUT", "/bucket/"+key, body)
		for _, name := range files(t, objects) {
			if !slices.Contains(before, name) {
				return filepath.Join(objects, name)
			}
		}
		t.Fatal("no file")
		return ""
	}
	for key, damage := range map[string]func(path string) error{
		"gone":   os.Remove,
		"cut":    func(path string) error { return os.Truncate(path, 3) },
		"longer": func(path string) error { return os.Truncate(path, 30) },
	} {
		if err := damage(blobOf(key, "content")); err != nil {
			t.Fatal(err)
		}
		l.want(key, l.do(alice, "GET", "/bucket/"+key, ""), 500, "InternalError", "")
		l.want(key+", a piece", l.send(call{as: alice, method: "GET", target: "/bucket/" + key, header: map[string]string{"Range": "bytes=0-1"}}), 500, "InternalError", "")
		l.want(key+", copied", l.send(call{as: alice, method: "PUT", target: "/bucket/copy", header: map[string]string{"X-Amz-Copy-Source": "bucket/" + key}}), 500, "InternalError", "")
		l.make(alice, "DELETE", "/bucket/"+key, "")
	}
	whole := strings.Repeat("p", 5<<20)
	upload := between(l.make(alice, "POST", "/bucket/up?uploads", "").body, "<UploadId>", "</UploadId>")
	var parts strings.Builder
	for n, body := range []string{whole, "rest"} {
		a := l.make(alice, "PUT", fmt.Sprintf("/bucket/up?partNumber=%d&uploadId=%s", n+1, upload), body)
		fmt.Fprintf(&parts, "<Part><PartNumber>%d</PartNumber><ETag>%s</ETag></Part>", n+1, a.header.Get("Etag"))
	}
	l.make(alice, "POST", "/bucket/up?uploadId="+upload, "<CompleteMultipartUpload>"+parts.String()+"</CompleteMultipartUpload>")
	for _, name := range files(t, objects) {
		path := filepath.Join(objects, name)
		if info, err := os.Stat(path); err != nil || info.Size() != 4 {
			continue
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	l.want("the last part is gone", l.do(alice, "GET", "/bucket/up", ""), 500, "InternalError", "")
	if got := l.must(call{as: alice, method: "GET", target: "/bucket/up?partNumber=1"}).body; got != whole {
		t.Errorf("%d bytes", len(got))
	}
}

func between(s, from, to string) string {
	_, s, _ = strings.Cut(s, from)
	s, _, _ = strings.Cut(s, to)
	return s
}

// TestContentGoesWithItsObject: no file stays of what was replaced, deleted,
// refused, aborted or could not be kept.
func TestContentGoesWithItsObject(t *testing.T) {
	state, objects := t.TempDir(), t.TempDir()
	j := &tornJournal{Journal: openJournal(t, state)}
	l := newLab(t, func(o *local.Options) { o.Journal, o.Objects = j, objects })
	l.make(alice, "PUT", "/bucket", "")
	left := func(step string, want int) {
		t.Helper()
		if got := files(t, objects); len(got) != want {
			t.Errorf("%s: %d files, want %d", step, len(got), want)
		}
	}
	l.make(alice, "PUT", "/bucket/k", "one")
	left("put", 1)
	l.make(alice, "PUT", "/bucket/k", "two")
	left("replaced", 1)
	l.want("denied", l.do(ned, "PUT", "/bucket/k", "three"), 403, "AccessDenied", denied)
	l.want("wrong hash", l.send(call{as: alice, method: "PUT", target: "/bucket/k", body: "three", payload: strings.Repeat("0", 64)}), 400, "XAmzContentSHA256Mismatch", "")
	l.want("a condition", l.send(call{as: alice, method: "PUT", target: "/bucket/k", body: "three", header: map[string]string{"If-None-Match": "*"}}), 412, "PreconditionFailed", "")
	left("refused", 1)
	upload := between(l.make(alice, "POST", "/bucket/up?uploads", "").body, "<UploadId>", "</UploadId>")
	l.make(alice, "PUT", "/bucket/up?partNumber=1&uploadId="+upload, "part")
	l.make(alice, "PUT", "/bucket/up?partNumber=1&uploadId="+upload, "part again")
	left("a part", 2)
	l.make(alice, "DELETE", "/bucket/up?uploadId="+upload, "")
	left("aborted", 1)
	j.fail.Store(true)
	l.want("on a full disk", l.do(alice, "PUT", "/bucket/k", "three"), 500, "InternalError", "")
	l.want("on a full disk", l.do(alice, "DELETE", "/bucket/k", ""), 500, "InternalError", "")
	j.fail.Store(false)
	if got := l.make(alice, "GET", "/bucket/k", "").body; got != "two" {
		t.Errorf("got %q", got)
	}
	l.make(alice, "DELETE", "/bucket/k", "")
	left("what failed waits for the next start", 1)
}
