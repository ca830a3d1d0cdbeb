package blob

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func keep(t *testing.T, s *Store, content string) Part {
	t.Helper()
	w, err := s.Create()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Discard()
	if _, err := io.Copy(w, strings.NewReader(content)); err != nil {
		t.Fatal(err)
	}
	id, err := w.Keep()
	if err != nil {
		t.Fatal(err)
	}
	return Part{ID: id, Size: int64(len(content))}
}

func names(t *testing.T, folder string) int {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// TestRanges reads every range of an object of several parts, in both ways
// that a Reader can be read.
func TestRanges(t *testing.T) {
	s, err := Open(filepath.Join(t.TempDir(), "made"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	const content = "0123456789abcdef"
	parts := []Part{keep(t, s, content[:5]), keep(t, s, ""), keep(t, s, content[5:6]), keep(t, s, content[6:])}
	for from := range len(content) + 1 {
		for to := from; to <= len(content); to++ {
			var got bytes.Buffer
			r := s.Reader(parts, int64(from), int64(to-from))
			if n, err := r.WriteTo(&got); err != nil || n != int64(to-from) {
				t.Fatalf("%d to %d: %d, %v", from, to, n, err)
			}
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
			r = s.Reader(parts, int64(from), int64(to-from))
			plain, err := io.ReadAll(struct{ io.Reader }{r})
			if err != nil || got.String() != content[from:to] || string(plain) != content[from:to] {
				t.Fatalf("%d to %d: %q, %q, %v", from, to, got.String(), plain, err)
			}
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestReadersOutliveRemoval: a blob goes with its last reader.
func TestReadersOutliveRemoval(t *testing.T) {
	folder := t.TempDir()
	s, err := Open(folder)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	p := keep(t, s, "content")
	one, two := s.Reader([]Part{p}, 0, 7), s.Reader([]Part{p}, 0, 7)
	s.Remove(p.ID)
	for _, r := range []*Reader{one, two} {
		if got, err := io.ReadAll(r); err != nil || string(got) != "content" {
			t.Errorf("%q, %v", got, err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	if n := names(t, folder); n != 0 {
		t.Errorf("%d files are left", n)
	}
	gone := s.Reader([]Part{p}, 0, 7)
	if _, err := gone.Read(make([]byte, 1)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("reading what is gone: %v", err)
	}
	if err := gone.Close(); err != nil {
		t.Error(err)
	}
}

func TestAShortBlobIsAnError(t *testing.T) {
	s, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	p := keep(t, s, "content")
	p.Size = 10
	for _, read := range []func(r *Reader) error{
		func(r *Reader) error { _, err := io.ReadAll(struct{ io.Reader }{r}); return err },
		func(r *Reader) error { _, err := r.WriteTo(io.Discard); return err },
	} {
		r := s.Reader([]Part{p}, 0, 10)
		if err := read(r); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("got %v", err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestSweepAndDiscard(t *testing.T) {
	folder := t.TempDir()
	s, err := Open(folder)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	kept := keep(t, s, "kept")
	keep(t, s, "left")
	w, err := s.Create()
	if err != nil {
		t.Fatal(err)
	}
	w.Discard()
	w.Discard()
	if err := os.WriteFile(filepath.Join(folder, "notes"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Sweep(func(id string) bool { return id == kept.ID }); err != nil {
		t.Fatal(err)
	}
	if n := names(t, folder); n != 2 {
		t.Errorf("%d files are left, want the kept one and the notes", n)
	}
	info, err := os.Stat(filepath.Join(folder, kept.ID))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
}

func TestTemporaryGoes(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	s := Temporary()
	if n := names(t, os.TempDir()); n != 0 {
		t.Errorf("%d folders are made before they are needed", n)
	}
	keep(t, s, "content")
	if n := names(t, os.TempDir()); n != 1 {
		t.Errorf("%d folders", n)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if n := names(t, os.TempDir()); n != 0 {
		t.Errorf("%d folders are left", n)
	}
}
