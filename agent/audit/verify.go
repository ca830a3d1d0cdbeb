package audit

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/fob-auth/fob/agent/api"
	"github.com/fob-auth/fob/agent/store"
)

// maxFaults bounds how many faults a verdict names.
const maxFaults = 16

// Verify reads the whole log and says what in it isn't what was written.
func (l *Log) Verify() (api.AuditVerdict, error) {
	v := verifier{verdict: api.AuditVerdict{File: filepath.Join(l.dir, fileName), Faults: []api.AuditFault{}}}
	// The files stay in their places while they are read, and what is appended
	// meanwhile is left out.
	l.syncing.Lock()
	defer l.syncing.Unlock()
	size, more, end, err := l.inPlace(v.verdict.File)
	if err != nil {
		return v.verdict, err
	}
	old, err := l.old()
	if err != nil {
		return v.verdict, fmt.Errorf("audit log: %w", err)
	}
	for _, path := range append(old, v.verdict.File) {
		n := int64(-1)
		if path == v.verdict.File {
			n = size
		}
		// Of a file that was taken away all lines are missing.
		if err := v.file(path, n); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return v.verdict, fmt.Errorf("audit log: %w", err)
		}
	}
	if first := v.verdict.First; first > 1 && len(old) < maxOld {
		v.fault(1, "lines 1 to %d are missing, and not by age", first-1)
	}
	v.finish(end)
	if more {
		v.fault(end.Count+1, "what follows line %d wasn't written by the agent", end.Count)
	}
	v.verdict.OK = len(v.verdict.Faults) == 0
	return v.verdict, nil
}

// inPlace returns how large the file is with all lines in it, whether the one
// in its place has more, and the end of the lines.
func (l *Log) inPlace(path string) (size int64, more bool, end store.Anchor, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file != nil {
		if err := l.write(); err != nil {
			return 0, false, store.Anchor{}, err
		}
	}
	info, err := os.Stat(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, false, store.Anchor{}, fmt.Errorf("audit log: %w", err)
	}
	return l.size, err == nil && info.Size() > l.size, l.end, nil
}

// A verifier follows the chain.
type verifier struct {
	verdict api.AuditVerdict
	// next is the number that the next line has to have, 0 before the first;
	// head is the digest that it has to name, "" where that isn't known.
	next int64
	head string
}

// file reads a file's first size bytes, or all of it.
func (v *verifier) file(path string, size int64) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	var r io.Reader = f
	if size >= 0 {
		r = io.LimitReader(f, size)
	}
	b := bufio.NewReaderSize(r, maxLine+1)
	for {
		line, err := b.ReadSlice('\n')
		if err == io.EOF && len(line) == 0 {
			return nil
		}
		if err != nil && err != io.EOF && !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
		v.line(bytes.TrimSuffix(line, []byte("\n")))
	}
}

func (v *verifier) line(line []byte) {
	v.verdict.Lines++
	r, sum, err := decode(line)
	if err != nil {
		v.fault(max(v.next, 1), "line %d: %v", max(v.next, 1), err)
		v.next, v.head = max(v.next, 1)+1, ""
		return
	}
	switch {
	case v.next == 0:
		v.verdict.First = r.N
		if r.N == 1 && r.Prev != "" {
			v.fault(1, "line 1 names a line before it")
		}
	case r.N > v.next:
		v.fault(v.next, "lines %d to %d are missing", v.next, r.N-1)
	case r.N < v.next:
		v.fault(r.N, "line %d stands where line %d belongs", r.N, v.next)
	case v.head != "" && r.Prev != v.head:
		v.fault(r.N-1, "line %d was replaced: line %d follows another", r.N-1, r.N)
	}
	v.next, v.head = r.N+1, sum
}

// finish compares the end with what the agent, and at its start the state file,
// knows.
func (v *verifier) finish(end store.Anchor) {
	last := v.next - 1
	switch {
	case last < end.Count:
		first := max(last+1, 1)
		v.fault(first, "lines %d to %d are missing: the tail was cut off", first, end.Count)
	case v.head != "" && last == end.Count && v.head != end.Head:
		v.fault(last, "line %d was replaced: the agent wrote another", last)
	}
}

func (v *verifier) fault(line int64, format string, args ...any) {
	if len(v.verdict.Faults) < maxFaults {
		v.verdict.Faults = append(v.verdict.Faults, api.AuditFault{Line: line, Message: fmt.Sprintf(format, args...)})
	}
}
