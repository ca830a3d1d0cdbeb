package audit

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fob-auth/fob/agent/api"
	"github.com/fob-auth/fob/agent/store"
)

// encode is a record's line, at the place that it names.
func (r Record) encode() (line []byte, sum string, err error) {
	rest, err := r.rest(nil)
	if err != nil {
		return nil, "", err
	}
	line, sum = seal(nil, r.N, r.Prev, rest)
	return line, sum, nil
}

// standard is the record as encoding/json has it, in a line's place.
func standard(t *testing.T, r Record) string {
	t.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(r); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(b.String(), "}\n")
}

// fill sets every field of a struct, and those of the structs in it.
func fill(v reflect.Value, text string) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Int, reflect.Int64:
		v.SetInt(math.MaxInt32)
	case reflect.Uint64:
		v.SetUint(math.MaxUint64)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0), text)
		fill(v.Index(1), text)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), text)
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(noon.Add(time.Nanosecond)))
			return
		}
		for i := range v.NumField() {
			fill(v.Field(i), text)
		}
	}
}

// TestLinesAreTheRecordsJSON: whatever a record has, and whatever stands in it,
// its line is what encoding/json makes of it.
func TestLinesAreTheRecordsJSON(t *testing.T) {
	records := []Record{{At: noon}, {At: noon, Peer: &api.AuditCaller{}}, {N: math.MaxInt64, At: noon.In(time.FixedZone("", 3600)).Add(time.Microsecond)}}
	for _, text := range []string{"a", "ü\u2028\x7f", "\"\\/<>&", "\x00\x1f\n", "\xff\xfe", "€"} {
		var r Record
		fill(reflect.ValueOf(&r).Elem(), text)
		r.Prev = strings.Repeat("0", 64)
		records = append(records, r)
	}
	for _, r := range records {
		line, sum, err := r.encode()
		r.At = r.At.UTC()
		if want := standard(t, r) + sumKey + sum + `"}`; err != nil || string(line) != want {
			t.Errorf("line %s\nwant %s, %v", line, want, err)
		}
		if back, _, err := decode(line); err != nil || back.N != r.N {
			t.Errorf("%s: %v", line, err)
		}
	}
	if _, _, err := (Record{At: noon, Peer: &api.AuditCaller{Chain: make([]string, maxLine)}}).encode(); err == nil {
		t.Error("a line longer than any was made")
	}
	if _, err := (Record{At: noon.AddDate(9000, 0, 0)}).rest(nil); err == nil {
		t.Error("a time that no JSON has was written")
	}
}

func size(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// TestLinesAreWrittenTogether: lines wait a moment for others, are in the file
// after that, and at once where they are many, or somebody reads or syncs. What
// an agent that is killed leaves is whole.
func TestLinesAreWrittenTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		path := filepath.Join(dir, fileName)
		l := open(t, dir, store.Anchor{})
		anchor, err := l.Sync()
		if err != nil {
			t.Fatal(err)
		}
		before := size(t, path)
		wantMore := func(when string, more bool) {
			t.Helper()
			if now := size(t, path); now > before != more {
				t.Errorf("%s: %d bytes, before %d", when, now, before)
			}
			before = size(t, path)
		}
		act(t, l, 1)
		wantMore("at once", false)
		time.Sleep(writeAfter)
		synctest.Wait()
		wantMore("after a moment", true)
		act(t, l, 2)
		if _, err := l.Entries(); err != nil {
			t.Fatal(err)
		}
		wantMore("when read", true)
		act(t, l, 3)
		if v := verdict(t, l); !v.OK || v.Lines != 7 {
			t.Errorf("verdict %+v", v)
		}
		wantMore("when verified", true)
		for i := range maxUnwritten / 200 {
			act(t, l, i)
		}
		wantMore("when there are many", true)
		act(t, l, 4)
		// Killed: what waits is lost, and nothing says that it was there.
		killed := t.TempDir()
		b, err := os.ReadFile(path)
		if err == nil {
			err = os.WriteFile(filepath.Join(killed, fileName), b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		if v := verdict(t, open(t, killed, anchor)); !v.OK {
			t.Errorf("after a kill: %+v", v)
		}
	})
}

// TestFileIsBoundWithoutSync: cached acts alone make no file larger than one
// may be.
func TestFileIsBoundWithoutSync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := open(t, t.TempDir(), store.Anchor{})
		l.limit = 2000
		for i := range 20 {
			act(t, l, i)
			time.Sleep(writeAfter)
			synctest.Wait()
		}
		if old, err := l.old(); err != nil || len(old) < 3 {
			t.Errorf("%d older files, %v", len(old), err)
		}
		if v := verdict(t, l); !v.OK || v.Lines != 41 {
			t.Errorf("verdict %+v", v)
		}
	})
}

// TestFullDisk: what can't be written isn't added, whoever found that out, and
// the log goes on where it ended once there is room.
func TestFullDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := open(t, t.TempDir(), store.Anchor{})
		if _, err := l.Sync(); err != nil {
			t.Fatal(err)
		}
		full, err := os.OpenFile("/dev/full", os.O_RDWR, 0)
		if err != nil {
			t.Skip("needs /dev/full")
		}
		defer full.Close()
		file := l.file
		l.file = full
		act(t, l, 1) // waits, and can still be lost
		time.Sleep(writeAfter)
		synctest.Wait()
		end := l.End()
		if _, err := l.Append(Record{At: noon, Event: Asked}); !errors.Is(err, syscall.ENOSPC) || l.End() != end {
			t.Errorf("appended: %v, the end went from %v to %v", err, end, l.End())
		}
		if _, err := l.Sync(); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("synced: %v", err)
		}
		if _, err := l.Entries(); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("read: %v", err)
		}
		l.file = file
		act(t, l, 2)
		if v := verdict(t, l); !v.OK || v.Lines != 5 {
			t.Errorf("verdict %+v", v)
		}
	})
}
