package journal

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/fob-auth/fob/sts/local/store"
)

func load(t *testing.T, j *Journal) map[string]string {
	t.Helper()
	got := map[string]string{}
	if err := j.Load(func(c store.Change) error {
		got[c.Kind+"/"+c.Key] = string(c.Value)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return got
}

func open(t *testing.T, dir string) *Journal {
	t.Helper()
	j, err := Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func TestRecordsOutliveTheProcess(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state %?#") // a folder that needs escaping
	j := open(t, dir)
	commits := [][]store.Change{
		{{Kind: "user", Key: "a", Value: []byte(`1`)}, {Kind: "user", Key: "b", Value: []byte(`2`)}, {Kind: "role", Key: "a", Value: []byte(`3`)}},
		{{Kind: "user", Key: "a"}, {Kind: "user", Key: "b", Value: []byte(`4`)}, {Kind: "user", Key: "nobody"}},
	}
	for _, changes := range commits {
		if err := j.Commit(t.Context(), changes); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j = open(t, dir)
	defer j.Close()
	if got, want := load(t, j), (map[string]string{"user/b": "4", "role/a": "3"}); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if j.Shared() {
		t.Error("a new file can be read by others")
	}
	for path, want := range map[string]os.FileMode{dir: 0o700, j.Path(): 0o600} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Size() == 0 {
			t.Errorf("%s is empty: the records went elsewhere", path)
		}
		if info.Mode().Perm() != want {
			t.Errorf("mode of %s is %v, want %v", path, info.Mode().Perm(), want)
		}
	}
}

func TestLoadGivesTheErrorOfItsReader(t *testing.T) {
	j := open(t, t.TempDir())
	defer j.Close()
	if err := j.Commit(t.Context(), []store.Change{{Kind: "k", Key: "a", Value: []byte(`1`)}}); err != nil {
		t.Fatal(err)
	}
	want := errors.New("unreadable")
	if err := j.Load(func(store.Change) error { return want }); !errors.Is(err, want) {
		t.Errorf("got %v", err)
	}
}

// TestOneProcessAtATime: a state that is open isn't opened again, be it new or
// kept, written to or not.
func TestOneProcessAtATime(t *testing.T) {
	dir := t.TempDir()
	change := []store.Change{{Kind: "k", Key: "a", Value: []byte(`1`)}}
	for _, state := range []string{"new", "kept"} {
		j := open(t, dir)
		_, err := Open(t.Context(), dir)
		if !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), j.Path()) {
			t.Errorf("a second opening of a %s state: %v", state, err)
		}
		if err := errors.Join(j.Commit(t.Context(), change), j.Close()); err != nil {
			t.Errorf("the first of a %s state: %v", state, err)
		}
	}
}

func TestForeignAndDamagedFilesAreRefusedAndKept(t *testing.T) {
	filled := func(t *testing.T, dir string) {
		j := open(t, dir)
		var changes []store.Change
		for i := range 400 {
			changes = append(changes, store.Change{Kind: "k", Key: strings.Repeat("x", i), Value: bytes.Repeat([]byte("y"), 100)})
		}
		if err := errors.Join(j.Commit(t.Context(), changes), j.Close()); err != nil {
			t.Fatal(err)
		}
	}
	pragma := func(text string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			j := open(t, dir)
			_, err := j.db.Exec(text)
			if err := errors.Join(err, j.Close()); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, spoil := range map[string]func(t *testing.T, dir string){
		"text": func(t *testing.T, dir string) {
			if err := os.WriteFile(filepath.Join(dir, fileName), []byte(strings.Repeat("not a database\n", 100)), 0o600); err != nil {
				t.Fatal(err)
			}
		},
		"other version":     pragma("PRAGMA user_version = 2"),
		"other application": pragma("PRAGMA application_id = 7"),
		"overwritten page": func(t *testing.T, dir string) {
			filled(t, dir)
			path := filepath.Join(dir, fileName)
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			for i := 4096; i < 3*4096; i++ {
				b[i] = 0xA5
			}
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
		},
		"cut": func(t *testing.T, dir string) {
			filled(t, dir)
			if err := os.Truncate(filepath.Join(dir, fileName), 3*4096); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			spoil(t, dir)
			path := filepath.Join(dir, fileName)
			before, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			j, err := Open(t.Context(), dir)
			if err == nil {
				j.Close()
				t.Fatal("it was opened")
			}
			if !strings.Contains(err.Error(), path) {
				t.Errorf("%v doesn't name the file", err)
			}
			after, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(before, after) {
				t.Error("the file was changed")
			}
		})
	}
}
