package audit

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/fob-auth/fob/agent/api"
	"github.com/fob-auth/fob/agent/store"
)

var noon = time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC)

// open takes a folder's log up, and wants no finding.
func open(t testing.TB, dir string, anchor store.Anchor) *Log {
	t.Helper()
	l, finding, err := Open(dir, anchor, noon)
	if err != nil || finding != "" {
		t.Fatalf("finding %q, %v", finding, err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// act writes an act and its end.
func act(t testing.TB, l *Log, i int) {
	t.Helper()
	n, err := l.Append(Record{At: noon, Event: Asked, Act: "POST /v1/sessions", AuditFacts: api.AuditFacts{Profile: fmt.Sprintf("p%d", i)},
		Peer: &api.AuditCaller{UID: 1000, PID: 7, Exe: "/usr/bin/fob", Chain: []string{"/usr/bin/terraform", "/bin/bash"}}})
	if err == nil {
		_, err = l.Append(Record{At: noon.Add(time.Second), Event: Done, Of: n, AuditFacts: api.AuditFacts{Token: "12345678", Counter: 59798880}})
	}
	if err != nil {
		t.Fatal(err)
	}
}

func verdict(t testing.TB, l *Log) api.AuditVerdict {
	t.Helper()
	v, err := l.Verify()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestThirtyActsThirtyEntries(t *testing.T) {
	l := open(t, t.TempDir(), store.Anchor{})
	for i := range 30 {
		act(t, l, i)
	}
	all, err := l.Entries()
	if err != nil || len(all) != 31 || all[0].Outcome != Began {
		t.Fatalf("%d entries, %v", len(all), err)
	}
	for i, e := range all[1:] {
		want := api.AuditEntry{N: int64(2 + 2*i), At: noon, Ended: noon.Add(time.Second), Act: "POST /v1/sessions", Outcome: Done,
			Peer:       api.AuditCaller{UID: 1000, PID: 7, Exe: "/usr/bin/fob", Chain: []string{"/usr/bin/terraform", "/bin/bash"}},
			AuditFacts: api.AuditFacts{Profile: fmt.Sprintf("p%d", i), Token: "12345678", Counter: 59798880}}
		if !reflect.DeepEqual(e, want) {
			t.Errorf("entry %+v\nwant %+v", e, want)
		}
	}
	if v := verdict(t, l); !v.OK || v.Lines != 61 || v.First != 1 {
		t.Errorf("verdict %+v", v)
	}
}

// TestFlippedBits flips each bit of one line, and one bit of every other: the
// verdict names the line each time.
func TestFlippedBits(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, store.Anchor{})
	for i := range 10 {
		act(t, l, i)
	}
	path := filepath.Join(dir, fileName)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	start := 0
	for n, line := range bytes.SplitAfter(whole, []byte("\n")) {
		for at := range line {
			for bit := range 8 {
				if n != 4 && (at != len(line)/2 || bit != 0) || at == len(line)-1 && bit == 0 {
					continue
				}
				b := bytes.Clone(whole)
				b[start+at] ^= 1 << bit
				if err := os.WriteFile(path, b, 0o600); err != nil {
					t.Fatal(err)
				}
				if v := verdict(t, l); v.OK || v.Faults[0].Line != int64(n+1) {
					t.Fatalf("line %d, byte %d, bit %d: %+v", n+1, at, bit, v)
				}
			}
		}
		start += len(line)
	}
	if err := os.WriteFile(path, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	if v := verdict(t, l); !v.OK {
		t.Errorf("whole again: %+v", v)
	}
}

// TestCuts takes lines out of a log whose end the state file knows, and opens
// it anew: what is missing is found then, and for good.
func TestCuts(t *testing.T) {
	forged := func(lines []string) []string { // a line of its own making, with a true digest
		r, _, err := decode([]byte(strings.TrimSuffix(lines[3], "\n")))
		if err != nil {
			t.Fatal(err)
		}
		r.Profile = "forged"
		line, _, err := r.encode()
		if err != nil {
			t.Fatal(err)
		}
		lines[3] = string(line) + "\n"
		return lines
	}
	for name, tt := range map[string]struct {
		cut     func(lines []string) []string
		line    int64
		finding string
	}{
		"last line":    {func(l []string) []string { return l[:len(l)-1] }, 7, "its tail was cut off"},
		"all but one":  {func(l []string) []string { return l[:1] }, 2, "its tail was cut off"},
		"all":          {func([]string) []string { return nil }, 1, "tells of 7 lines"},
		"half a line":  {func(l []string) []string { l[6] = l[6][:40]; return l }, 7, "its tail was cut off"},
		"one within":   {func(l []string) []string { return append(l[:3:3], l[4:]...) }, 4, ""},
		"the first":    {func(l []string) []string { return l[1:] }, 1, ""},
		"two swapped":  {func(l []string) []string { l[3], l[4] = l[4], l[3]; return l }, 4, ""},
		"one forged":   {forged, 4, ""},
		"last, forged": {func(l []string) []string { return forged(l[:4]) }, 5, "its tail was cut off"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			l := open(t, dir, store.Anchor{})
			for i := range 3 {
				act(t, l, i)
			}
			anchor, err := l.Sync()
			if err = errors.Join(err, l.Close()); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, fileName)
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			kept := tt.cut(strings.SplitAfter(strings.TrimSuffix(string(b), "\n")+"\n", "\n")[:7])
			if err := os.WriteFile(path, []byte(strings.Join(kept, "")), 0o600); err != nil {
				t.Fatal(err)
			}
			for range 2 { // and again at the next start
				l, finding, err := Open(dir, anchor, noon)
				if err != nil || !strings.Contains(finding, tt.finding) || (finding == "") != (tt.finding == "") {
					t.Fatalf("finding %q, %v", finding, err)
				}
				v := verdict(t, l)
				found := false
				for _, f := range v.Faults {
					found = found || f.Line == tt.line
				}
				if !found {
					t.Errorf("%+v doesn't name line %d", v, tt.line)
				}
				if anchor, err = l.Sync(); err != nil {
					t.Fatal(err)
				}
				if err := l.Close(); err != nil {
					t.Fatal(err)
				}
				tt.finding = ""
			}
		})
	}
}

// TestTakenAway: that the file is gone, or has more in it than the agent wrote,
// is a finding of a log that is open.
func TestTakenAway(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, store.Anchor{})
	act(t, l, 1)
	path := filepath.Join(dir, fileName)
	if v := verdict(t, l); !v.OK {
		t.Fatalf("verdict %+v", v)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	again := whole[bytes.LastIndexByte(whole[:len(whole)-1], '\n')+1:]
	for name, more := range map[string][]byte{"garbage": []byte("garbage\n"), "the last line again": again} {
		if err := os.WriteFile(path, append(bytes.Clone(whole), more...), 0o600); err != nil {
			t.Fatal(err)
		}
		if v := verdict(t, l); v.OK || len(v.Faults) != 1 || v.Faults[0].Line != 4 {
			t.Errorf("%s: verdict %+v", name, v)
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if v := verdict(t, l); v.OK || len(v.Faults) != 1 || v.Faults[0].Line != 1 || v.Lines != 0 {
		t.Errorf("gone: verdict %+v", v)
	}
}

// TestCrashLeavesHalfALine: what a crash left of a line that nobody was told of
// is no damage.
func TestCrashLeavesHalfALine(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, store.Anchor{})
	act(t, l, 1)
	anchor, err := l.Sync()
	if err != nil {
		t.Fatal(err)
	}
	act(t, l, 2)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, fileName)
	info, err := os.Stat(path)
	if err == nil {
		err = os.Truncate(path, info.Size()-20)
	}
	if err != nil {
		t.Fatal(err)
	}
	l = open(t, dir, anchor)
	act(t, l, 3)
	if v := verdict(t, l); !v.OK || v.Lines != 7 {
		t.Errorf("verdict %+v", v)
	}
}

// TestTurnOver writes more than one file holds: the chain goes on over files,
// also at a start, and the oldest are dropped.
func TestTurnOver(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, store.Anchor{})
	l.limit = 2000
	for i := range 100 {
		act(t, l, i)
		if _, err := l.Sync(); err != nil {
			t.Fatal(err)
		}
	}
	old, err := l.old()
	if err != nil || len(old) != maxOld {
		t.Fatalf("%d older files, %v", len(old), err)
	}
	v := verdict(t, l)
	if !v.OK || v.First <= 1 || v.First+v.Lines != 202 {
		t.Errorf("verdict %+v", v)
	}
	all, err := l.Entries()
	if err != nil || len(all) < 2 || all[len(all)-1].Profile != "p99" {
		t.Errorf("%d entries, %v", len(all), err)
	}
	for range 9 { // until a file has just been begun
		act(t, l, 1)
		if _, err := l.Sync(); err != nil {
			t.Fatal(err)
		}
		if l.size == 0 {
			break
		}
	}
	end, err := l.Sync()
	if err = errors.Join(err, l.Close()); err != nil {
		t.Fatal(err)
	}
	if v := verdict(t, open(t, dir, end)); !v.OK {
		t.Errorf("after a start: %+v", v)
	}
}

func TestModeAndLinks(t *testing.T) {
	dir := t.TempDir()
	open(t, dir, store.Anchor{})
	info, err := os.Stat(filepath.Join(dir, fileName))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	linked := t.TempDir()
	if err := os.Symlink(filepath.Join(dir, fileName), filepath.Join(linked, fileName)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Open(linked, store.Anchor{}, noon); err == nil {
		t.Error("a link was followed")
	}
}

// FuzzLine: what decodes encodes to the same bytes.
func FuzzLine(f *testing.F) {
	line, _, err := Record{N: 1, At: noon, Event: Asked, Act: "POST /v1/codes", Peer: &api.AuditCaller{UID: 1}, Message: "a\"ü\x00<"}.encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(line)
	f.Add([]byte(`{"n":1,"sum":""}`))
	f.Add(bytes.Repeat([]byte("a"), tailLen+3))
	f.Fuzz(func(t *testing.T, line []byte) {
		r, sum, err := decode(bytes.Clone(line))
		if err != nil {
			return
		}
		if len(sum) != 64 || r.N == 0 && sum == "" {
			t.Errorf("digest %q", sum)
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	l := open(b, b.TempDir(), store.Anchor{})
	for b.Loop() {
		act(b, l, 1)
	}
}
