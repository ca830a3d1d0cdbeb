package audit

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/fob-auth/fob/agent/store"
)

const (
	// fileName is the file that grows; older ones are named after their last
	// line: audit-000000012345.jsonl.
	fileName  = "audit.jsonl"
	oldPrefix = "audit-"
	oldSuffix = ".jsonl"
	// maxFile is how large the file grows before the next is begun, and maxOld
	// how many older ones are kept.
	maxFile = 16 << 20
	maxOld  = 15
	// maxUnwritten bounds how many bytes of lines wait to be written together,
	// and writeAfter how long one does. Sync, and whoever reads the log, has
	// them written at once.
	maxUnwritten = 64 << 10
	writeAfter   = 20 * time.Millisecond
)

// A Log is the open audit log. Its methods may be called at once from many
// goroutines.
type Log struct {
	dir string
	// syncing is held while the file is synced or replaced, and taken before mu.
	syncing sync.Mutex

	// synced is the end of what is on the disk, under syncing.
	synced store.Anchor

	mu    sync.Mutex
	file  *os.File
	size  int64
	limit int64
	// end is that of the last line.
	end store.Anchor
	// unwritten are the lines at the end that aren't in the file yet, failed
	// says that they couldn't be written.
	unwritten []byte
	failed    bool
}

var _ store.Log = (*Log)(nil)

// Open opens the log of a state folder, or begins one, and takes it up where it
// ended. Where it doesn't reach to what the state file's anchor says, or its
// end is damaged, the log goes on from the anchor, so that the gap stays found,
// and the first new line says so: its words are the finding, "" for none.
func Open(dir string, anchor store.Anchor, now time.Time) (l *Log, finding string, err error) {
	f, err := os.OpenFile(filepath.Join(dir, fileName), os.O_RDWR|os.O_CREATE|os.O_APPEND|noFollow, 0o600)
	if err != nil {
		return nil, "", fmt.Errorf("audit log: %w", err)
	}
	l = &Log{dir: dir, file: f, limit: maxFile}
	if finding, err = l.takeUp(anchor); err == nil {
		words := finding
		if words == "" {
			words = "the log is whole as far as its end tells"
		}
		_, err = l.Append(Record{Event: Began, At: now, Message: words})
	}
	if err != nil {
		return nil, "", errors.Join(fmt.Errorf("audit log: %w", err), f.Close())
	}
	return l, finding, nil
}

// takeUp finds where the log ends, and takes away the half of a line that a
// crash left behind the last whole one.
func (l *Log) takeUp(anchor store.Anchor) (finding string, err error) {
	tail, size, err := readTail(l.file)
	if err != nil {
		return "", err
	}
	l.size = size
	whole := bytes.LastIndexByte(tail, '\n') + 1
	lines := bytes.Split(bytes.TrimSuffix(tail[:whole], []byte("\n")), []byte("\n"))
	last, sum, bad := decode(lines[len(lines)-1])
	if size == 0 {
		last, sum, bad = l.lastOld()
	}
	switch {
	case bad == nil && last.N == anchor.Count && sum != anchor.Head:
		l.end = anchor
		finding = fmt.Sprintf("the log's last line, %d, isn't the one that the state file tells of", last.N)
	case bad == nil && last.N >= anchor.Count:
		l.end = store.Anchor{Count: last.N, Head: sum}
	case size == 0 && anchor.Count == 0:
	case bad == nil:
		l.end = anchor
		finding = fmt.Sprintf("the log ends with line %d, and the state file tells of %d: its tail was cut off", last.N, anchor.Count)
	default:
		l.end = anchor
		finding = fmt.Sprintf("the log's last line can't be taken up: %v; the state file tells of %d lines", bad, anchor.Count)
	}
	if half := int64(len(tail) - whole); half > 0 && finding == "" {
		if err := l.file.Truncate(size - half); err != nil {
			return "", err
		}
		l.size -= half
	} else if half > 0 {
		// What is damaged is left as it is, on a line of its own.
		n, err := l.file.Write([]byte("\n"))
		l.size += int64(n)
		return finding, err
	}
	return finding, nil
}

// readTail returns the last bytes of a file, more than a line has, and its
// size.
func readTail(f *os.File) ([]byte, int64, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, 0, err
	}
	if !info.Mode().IsRegular() {
		return nil, 0, fmt.Errorf("%s is no regular file", f.Name())
	}
	at := max(0, info.Size()-2*maxLine)
	tail, err := io.ReadAll(io.NewSectionReader(f, at, 2*maxLine))
	return tail, info.Size(), err
}

// errNoLine says that there is no line at all.
var errNoLine = errors.New("there is none")

// lastOld returns the last line of the newest older file.
func (l *Log) lastOld() (Record, string, error) {
	old, err := l.old()
	if err != nil {
		return Record{}, "", err
	}
	if len(old) == 0 {
		return Record{}, "", errNoLine
	}
	f, err := os.Open(old[len(old)-1])
	if err != nil {
		return Record{}, "", err
	}
	defer f.Close()
	tail, _, err := readTail(f)
	if err != nil {
		return Record{}, "", err
	}
	lines := bytes.Split(bytes.TrimSuffix(tail, []byte("\n")), []byte("\n"))
	return decode(lines[len(lines)-1])
}

// old lists the older files, the oldest first.
func (l *Log) old() ([]string, error) {
	entries, err := os.ReadDir(l.dir)
	if err != nil {
		return nil, err
	}
	var list []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), oldPrefix) && strings.HasSuffix(e.Name(), oldSuffix) {
			list = append(list, filepath.Join(l.dir, e.Name()))
		}
	}
	slices.Sort(list)
	return list, nil
}

// scratch has buffers in which records are encoded.
var scratch = sync.Pool{New: func() any { return new([]byte) }}

// Append adds a line and returns its number. It is in the file before writeAfter
// is over, and on the disk after the next Sync. Where lines can't be written,
// none is added.
func (l *Log) Append(r Record) (int64, error) {
	b := scratch.Get().(*[]byte)
	defer scratch.Put(b)
	rest, err := r.rest((*b)[:0])
	if err != nil {
		return 0, err
	}
	*b = rest
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return 0, fmt.Errorf("audit log: %w", fs.ErrClosed)
	}
	before, at := l.end, len(l.unwritten)
	if at == 0 {
		time.AfterFunc(writeAfter, l.writeLate)
	}
	l.end.Count++
	l.unwritten, l.end.Head = seal(l.unwritten, l.end.Count, before.Head, rest)
	l.unwritten = append(l.unwritten, '\n')
	if len(l.unwritten) < maxUnwritten && !l.failed {
		return l.end.Count, nil
	}
	if err := l.write(); err != nil {
		l.end, l.unwritten = before, l.unwritten[:at]
		return 0, err
	}
	return l.end.Count, nil
}

// write puts into the file what isn't there yet. mu is held.
func (l *Log) write() error {
	if len(l.unwritten) == 0 {
		return nil
	}
	n, err := l.file.Write(l.unwritten)
	l.failed = err != nil
	if err != nil {
		// Half a line would make the next one unreadable.
		return fmt.Errorf("audit log: %w", errors.Join(err, l.file.Truncate(l.size)))
	}
	l.size += int64(n)
	l.unwritten = l.unwritten[:0]
	return nil
}

// writeLate writes what has waited, and begins another file where this one has
// grown large. Where that fails, the next to append or to sync is told.
func (l *Log) writeLate() {
	l.mu.Lock()
	full := false
	if l.file != nil {
		full = l.write() == nil && l.size >= l.limit
	}
	l.mu.Unlock()
	if full {
		_, _ = l.Sync()
	}
}

// End returns where the log ends now.
func (l *Log) End() store.Anchor {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.end
}

// Sync puts all lines on the disk, and begins another file where this one has
// grown large.
func (l *Log) Sync() (store.Anchor, error) {
	l.syncing.Lock()
	defer l.syncing.Unlock()
	f, size, end, err := l.written()
	if err != nil {
		return store.Anchor{}, err
	}
	if f == nil || end == l.synced {
		return end, nil
	}
	if err := f.Sync(); err != nil {
		return store.Anchor{}, fmt.Errorf("audit log: %w", err)
	}
	l.synced = end
	if size < l.limit {
		return end, nil
	}
	return end, l.turnOver()
}

// written returns the file with all lines in it, its size, and its end; nil
// where it is closed.
func (l *Log) written() (f *os.File, size int64, end store.Anchor, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file != nil {
		err = l.write()
	}
	return l.file, l.size, l.end, err
}

// turnOver puts the file among the older ones and begins another.
func (l *Log) turnOver() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.write(); err != nil {
		return err
	}
	path := filepath.Join(l.dir, fileName)
	if err := os.Rename(path, filepath.Join(l.dir, fmt.Sprintf("%s%012d%s", oldPrefix, l.end.Count, oldSuffix))); err != nil {
		return fmt.Errorf("audit log: %w", err)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL|os.O_APPEND|noFollow, 0o600)
	if err != nil {
		return fmt.Errorf("audit log: %w", err)
	}
	err = errors.Join(l.file.Sync(), l.file.Close())
	l.file, l.size = f, 0
	return errors.Join(err, l.drop())
}

// drop removes the oldest files beyond maxOld.
func (l *Log) drop() error {
	old, err := l.old()
	if err != nil {
		return err
	}
	for ; len(old) > maxOld; old = old[1:] {
		if err := os.Remove(old[0]); err != nil {
			return err
		}
	}
	return nil
}

// Close syncs and closes the file.
func (l *Log) Close() error {
	_, err := l.Sync()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return err
	}
	err = errors.Join(err, l.file.Close())
	l.file = nil
	return err
}
