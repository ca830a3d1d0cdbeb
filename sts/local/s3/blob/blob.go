// Package blob keeps the bytes of objects in the files of one folder. A blob
// is written once, under a random name, and is on disk before its name is
// known to anybody; it is never changed. Which blobs count is said elsewhere:
// a blob that nothing refers to after a crash goes with the next [Store.Sweep].
package blob

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
)

// idSize is the size of a blob's name in bytes; the file's is twice as long.
const idSize = 16

// A Store is a folder of blobs. It is safe for concurrent use; the folder
// belongs to it alone.
type Store struct {
	lasts bool // blobs outlive the process

	mu      sync.Mutex
	folder  *os.Root        // nil: a temporary one that wasn't needed yet
	readers map[string]int  // open readers of a blob
	doomed  map[string]bool // to be removed by the last reader
}

// Open opens a folder whose blobs outlive the process, and makes it if it is
// missing, for its owner alone.
func Open(folder string) (*Store, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("objects: %w", err)
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, fmt.Errorf("objects: %w", err)
	}
	s := Temporary()
	s.folder, s.lasts = root, true
	return s, nil
}

// Temporary returns a store in a folder that is made for the first blob, and
// that [Store.Close] removes.
func Temporary() *Store {
	return &Store{readers: map[string]int{}, doomed: map[string]bool{}}
}

// Close ends the use of the folder, and removes a temporary one. No reader or
// writer may be open.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.folder == nil {
		return nil
	}
	err := s.folder.Close()
	if !s.lasts {
		err = errors.Join(err, os.RemoveAll(s.folder.Name()))
	}
	s.folder = nil
	if err != nil {
		return fmt.Errorf("objects: %w", err)
	}
	return nil
}

// root is the folder, which is made where it is missing.
func (s *Store) root() (*os.Root, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.folder != nil {
		return s.folder, nil
	}
	path, err := os.MkdirTemp("", "fobaws-")
	if err != nil {
		return nil, fmt.Errorf("objects: %w", err)
	}
	if s.folder, err = os.OpenRoot(path); err != nil {
		return nil, fmt.Errorf("objects: %w", errors.Join(err, os.Remove(path)))
	}
	return s.folder, nil
}

// Sweep removes the blobs that are not kept: what a crash left behind. Files
// that aren't blobs stay.
func (s *Store) Sweep(kept func(id string) bool) error {
	root, err := s.root()
	if err != nil {
		return err
	}
	ids, err := list(root)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if kept(id) {
			continue
		}
		if err := root.Remove(id); err != nil {
			return fmt.Errorf("objects: %w", err)
		}
	}
	return nil
}

// Len is how many blobs there are.
func (s *Store) Len() (int, error) {
	root, err := s.root()
	if err != nil {
		return 0, err
	}
	ids, err := list(root)
	return len(ids), err
}

// list returns the ids of the blobs in a folder.
func list(root *os.Root) ([]string, error) {
	folder, err := root.Open(".")
	if err != nil {
		return nil, fmt.Errorf("objects: %w", err)
	}
	names, err := folder.Readdirnames(-1)
	if err := errors.Join(err, folder.Close()); err != nil {
		return nil, fmt.Errorf("objects: %w", err)
	}
	return slices.DeleteFunc(names, func(name string) bool {
		raw, err := hex.DecodeString(name)
		return err != nil || len(raw) != idSize
	}), nil
}

// A Writer writes a new blob. It has to be kept or discarded.
type Writer struct {
	store *Store
	root  *os.Root
	file  *os.File
	id    string
}

// Create begins a blob.
func (s *Store) Create() (*Writer, error) {
	root, err := s.root()
	if err != nil {
		return nil, err
	}
	raw := make([]byte, idSize)
	if _, err := rand.Read(raw); err != nil {
		return nil, fmt.Errorf("object: %w", err)
	}
	id := hex.EncodeToString(raw)
	f, err := root.OpenFile(id, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("object: %w", err)
	}
	return &Writer{store: s, root: root, file: f, id: id}, nil
}

// Write appends to the blob.
func (w *Writer) Write(p []byte) (int, error) { return w.file.Write(p) }

// ReadFrom appends all of r, in the kernel where it can.
func (w *Writer) ReadFrom(r io.Reader) (int64, error) { return w.file.ReadFrom(r) }

// Keep ends the blob and returns its id. Where blobs outlive the process it is
// on disk then.
func (w *Writer) Keep() (id string, err error) {
	if w.store.lasts {
		err = w.file.Sync()
	}
	err = errors.Join(err, w.file.Close())
	if err == nil && w.store.lasts {
		err = syncFolder(w.root)
	}
	if err != nil {
		return "", fmt.Errorf("object: %w", errors.Join(err, w.root.Remove(w.id)))
	}
	w.file = nil
	return w.id, nil
}

// Discard removes a blob that wasn't kept. After Keep it does nothing.
func (w *Writer) Discard() {
	if w.file == nil {
		return
	}
	_ = w.file.Close()      // it goes, whatever became of it
	_ = w.root.Remove(w.id) // else the next sweep does it
	w.file = nil
}

// syncFolder puts the names of new files on disk.
func syncFolder(root *os.Root) error {
	folder, err := root.Open(".")
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// Remove removes blobs once nobody reads them any more. What can't be removed
// goes with the next sweep.
func (s *Store) Remove(ids ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range ids {
		if s.readers[id] > 0 {
			s.doomed[id] = true
			continue
		}
		s.unlink(id)
	}
}

// unlink removes a file, where there is a folder; mu is held.
func (s *Store) unlink(id string) {
	if s.folder != nil {
		_ = s.folder.Remove(id) // else the next sweep does it
	}
}

func (s *Store) hold(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.readers[id]++
}

func (s *Store) release(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.readers[id]--
	if s.readers[id] > 0 {
		return
	}
	delete(s.readers, id)
	if s.doomed[id] {
		delete(s.doomed, id)
		s.unlink(id)
	}
}
