package emulator

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/fob-auth/fob/emulator/api"
)

func mustOpen(t *testing.T, path string) *storage {
	t.Helper()
	s, err := openStorage(path, api.Fob, "GAHT1")
	check(t, err)
	return s
}

func wantItem(t *testing.T, s *storage, name, want string) {
	t.Helper()
	got, err := s.Load(name)
	if err != nil || string(got) != want || (got == nil) != (want == "") {
		t.Errorf("%s is %q, %v, want %q", name, got, err, want)
	}
}

func TestStateIsKept(t *testing.T) {
	for name, path := range map[string]string{"in a file": filepath.Join(t.TempDir(), "state"), "in memory": ""} {
		t.Run(name, func(t *testing.T) {
			s := mustOpen(t, path)
			if !s.empty() {
				t.Error("a new state isn't empty")
			}
			data := []byte("one")
			check(t, s.Store("a", data))
			check(t, s.Store("b", []byte("two")))
			data[0] = 'x' // what is stored is no longer the caller's
			if path != "" {
				s = mustOpen(t, path)
			}
			wantItem(t, s, "a", "one")
			wantItem(t, s, "b", "two")
			wantItem(t, s, "c", "")
			if s.empty() {
				t.Error("a filled state is empty")
			}

			// A refill that fails changes nothing, one that works changes all.
			if err := s.refill(func(empty *storage) error {
				check(t, empty.Store("c", []byte("three")))
				return os.ErrInvalid
			}); !errors.Is(err, os.ErrInvalid) {
				t.Errorf("got %v", err)
			}
			wantItem(t, s, "c", "")
			check(t, s.refill(func(empty *storage) error { return empty.Store("c", []byte("three")) }))
			if path != "" {
				s = mustOpen(t, path)
			}
			wantItem(t, s, "a", "")
			wantItem(t, s, "c", "three")
		})
	}
}

func TestStateFileIsPrivateAndAlone(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "state")
	// What a program left that ended in the middle of a write.
	check(t, os.WriteFile(path+".tmp", []byte("half"), 0o644))
	s := mustOpen(t, path)
	check(t, s.Store("a", []byte("one")))
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode is %v, %v", info.Mode(), err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("the folder holds %v, %v, want the state alone", entries, err)
	}
}

func TestFailedWriteLeavesTheOldState(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	s := mustOpen(t, path)
	check(t, s.Store("a", []byte("one")))
	// A folder in the place of the file written to makes every write fail.
	check(t, os.Mkdir(path+".tmp", 0o700))
	check(t, os.WriteFile(filepath.Join(path+".tmp", "x"), nil, 0o600))
	if err := s.Store("a", []byte("two")); err == nil {
		t.Fatal("the write didn't fail")
	}
	wantItem(t, s, "a", "one")
	wantItem(t, mustOpen(t, path), "a", "one")
}

func TestStateThatIsRefused(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"empty":          {"", "damaged"},
		"cut":            {`{"version":1,"kind":"fob","serial":"GAHT1","items":{"fob":"U0VDUkVU`, "damaged"},
		"another form":   {`["SECRET"]`, "damaged"},
		"a later one":    {`{"version":2,"kind":"fob","serial":"GAHT1"}`, "version 2, but this program knows 1"},
		"another serial": {`{"version":1,"kind":"fob","serial":"GAHT2"}`, "another token, not of fob GAHT1"},
		"another kind":   {`{"version":1,"kind":"yubikey","serial":"GAHT1"}`, "another token"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "state")
			check(t, os.WriteFile(path, []byte(c.text), 0o600))
			_, err := openStorage(path, api.Fob, "GAHT1")
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			if err != nil && strings.Contains(err.Error(), "SECRET") {
				t.Errorf("the error quotes the file: %v", err)
			}
			if got, err := os.ReadFile(path); err != nil || string(got) != c.text {
				t.Errorf("the file is now %q, %v", got, err)
			}
		})
	}
	if _, err := openStorage(t.TempDir(), api.Fob, "GAHT1"); err == nil || !strings.Contains(err.Error(), "no regular file") {
		t.Errorf("a folder gave %v", err)
	}
}

func TestTokenWithADamagedRecordIsRefused(t *testing.T) {
	for name, bench := range map[string]string{"fob": fobBench(), "yubikey": yubikeyBench()} {
		path := filepath.Join(t.TempDir(), "state")
		file, err := Parse("b", []byte(bench))
		check(t, err)
		spec := file.Tokens[0]
		s, err := openStorage(path, spec.Kind, spec.Serial)
		check(t, err)
		check(t, s.Store(map[string]string{"fob": fobItem, "yubikey": "oath"}[name], []byte("noise")))
		file.Tokens[0].State = path
		if _, err := New(file, Options{Now: time.Now, Random: zeros{}}); err == nil {
			t.Errorf("a %s with a damaged record was plugged in", name)
		}
	}
}

// FuzzState decodes any bytes as a state file: no crash, and what is accepted
// is a state of the token it was read for.
func FuzzState(f *testing.F) {
	f.Add([]byte(`{"version":1,"kind":"fob","serial":"GAHT1","items":{"fob":"AAEC"}}`))
	f.Add([]byte(`{"version":1,"kind":"fob","serial":"GAHT1","items":null}`))
	f.Add([]byte(`{"version":1,"kind":"fob","serial":"GAHT1","items":{"fob":7}}`))
	f.Add([]byte(`{}`))
	f.Add([]byte("\x00"))
	head := stateHead{Version: stateVersion, Kind: api.Fob, Serial: "GAHT1"}
	f.Fuzz(func(t *testing.T, data []byte) {
		items, err := head.decode(data)
		if err != nil && items != nil {
			t.Errorf("%v, but there are %d items", err, len(items))
		}
		if err != nil {
			return
		}
		again, err := json.Marshal(stateFile{stateHead: head, Items: items})
		if err != nil {
			t.Fatal(err)
		}
		if same, err := head.decode(again); err != nil || !reflect.DeepEqual(same, items) {
			t.Errorf("%q came back as %v, %v", data, same, err)
		}
	})
}
