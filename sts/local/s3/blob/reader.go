package blob

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// A Part is a blob as a part of something longer.
type Part struct {
	ID   string
	Size int64
}

// A Reader reads a range of parts that follow each other. From its making to
// its Close none of them goes that was there. It is for one goroutine.
type Reader struct {
	store *Store
	parts []Part
	held  []Part
	skip  int64 // bytes to skip in the first of parts
	left  int64
	file  *os.File
}

// Reader returns a reader of length bytes from offset on. The range must lie
// within the parts.
func (s *Store) Reader(parts []Part, offset, length int64) *Reader {
	r := &Reader{store: s, held: parts, parts: parts, skip: offset, left: length}
	for _, p := range parts {
		s.hold(p.ID)
	}
	for len(r.parts) > 0 && r.skip >= r.parts[0].Size {
		r.skip -= r.parts[0].Size
		r.parts = r.parts[1:]
	}
	return r
}

// Check looks at the files of the range: one that is gone, or has another size
// than its part, is an error.
func (r *Reader) Check() error {
	root, err := r.store.root()
	if err != nil {
		return err
	}
	left := r.skip + r.left
	for _, p := range r.parts {
		if left <= 0 {
			break
		}
		left -= p.Size
		info, err := root.Stat(p.ID)
		if err != nil {
			return fmt.Errorf("object: %w", err)
		}
		if info.Size() != p.Size {
			return fmt.Errorf("object: blob %s has %d bytes instead of %d", p.ID, info.Size(), p.Size)
		}
	}
	return nil
}

// Read reads on. A blob that is shorter than it should be is an error.
func (r *Reader) Read(p []byte) (int, error) {
	if r.left <= 0 {
		return 0, io.EOF
	}
	if err := r.next(); err != nil {
		return 0, err
	}
	n, err := r.file.Read(p[:min(int64(len(p)), r.chunk())])
	r.advance(int64(n))
	if errors.Is(err, io.EOF) {
		err = fmt.Errorf("object: blob %s: %w", r.parts[0].ID, io.ErrUnexpectedEOF)
	}
	return n, err
}

// WriteTo writes the rest of the range, in the kernel where it can.
func (r *Reader) WriteTo(w io.Writer) (written int64, err error) {
	for r.left > 0 {
		if err := r.next(); err != nil {
			return written, err
		}
		want := r.chunk()
		n, err := io.CopyN(w, r.file, want)
		written += n
		id := r.parts[0].ID
		r.advance(n)
		if errors.Is(err, io.EOF) {
			err = fmt.Errorf("object: blob %s: %w", id, io.ErrUnexpectedEOF)
		}
		if err != nil {
			return written, err
		}
	}
	return written, nil
}

// Close lets go of the parts.
func (r *Reader) Close() error {
	var err error
	if r.file != nil {
		err = r.file.Close()
		r.file = nil
	}
	for _, p := range r.held {
		r.store.release(p.ID)
	}
	r.held = nil
	return err
}

// chunk is how much of the range lies in the open part.
func (r *Reader) chunk() int64 { return min(r.left, r.parts[0].Size-r.skip) }

func (r *Reader) advance(n int64) {
	r.skip += n
	r.left -= n
}

// next has the part open in which the range goes on.
func (r *Reader) next() error {
	for len(r.parts) > 0 && r.skip >= r.parts[0].Size {
		r.skip, r.parts = 0, r.parts[1:]
		if r.file == nil {
			continue
		}
		if err := r.file.Close(); err != nil {
			return fmt.Errorf("object: %w", err)
		}
		r.file = nil
	}
	if len(r.parts) == 0 {
		return fmt.Errorf("object: %w", io.ErrUnexpectedEOF)
	}
	if r.file != nil {
		return nil
	}
	root, err := r.store.root()
	if err != nil {
		return err
	}
	f, err := root.Open(r.parts[0].ID)
	if err != nil {
		return fmt.Errorf("object: %w", err)
	}
	if _, err := f.Seek(r.skip, io.SeekStart); err != nil {
		return fmt.Errorf("object: %w", errors.Join(err, f.Close()))
	}
	r.file = f
	return nil
}
