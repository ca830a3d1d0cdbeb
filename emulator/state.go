package emulator

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/fob-auth/fob/emulator/api"
)

// stateVersion is the form of the state file; another one is refused.
const stateVersion = 1

// maxStateBytes bounds a state file.
const maxStateBytes = 16 << 20

// A storage is a token's persistent memory: items by name, in one file where
// the bench file names one. One goroutine at a time uses it.
type storage struct {
	path string // "" keeps the items in memory alone
	head stateHead
	// items are few, and replaced, never changed, so that a failed write leaves
	// the old.
	items []item
}

type item struct {
	name string
	data []byte
}

// A stateHead says whose state a file holds.
type stateHead struct {
	Version int      `json:"version"`
	Kind    api.Kind `json:"kind"`
	Serial  string   `json:"serial"`
}

// stateFile is the state file's JSON.
type stateFile struct {
	stateHead
	Items map[string][]byte `json:"items"`
}

// openStorage reads the state file at path. No file yet is an empty storage. A
// file that is damaged, of another version or of another token is refused and
// left as it is.
func openStorage(path string, kind api.Kind, serial string) (*storage, error) {
	s := &storage{path: path, head: stateHead{Version: stateVersion, Kind: kind, Serial: serial}}
	if path == "" {
		return s, nil
	}
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("state: %s is no regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("state: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxStateBytes+1))
	if err != nil {
		return nil, fmt.Errorf("state: %s: %w", path, err)
	}
	items, err := s.head.decode(data)
	if err != nil {
		return nil, fmt.Errorf("state: %s: %w", path, err)
	}
	for name, data := range items {
		s.items = append(s.items, item{name, data})
	}
	return s, nil
}

// decode reads the items of the state file of head's token.
func (head stateHead) decode(data []byte) (map[string][]byte, error) {
	var file stateFile
	// What json says about bad input can quote it, and it holds secrets.
	if len(data) > maxStateBytes || json.Unmarshal(data, &file) != nil {
		return nil, errors.New("damaged; put it aside to start afresh")
	}
	if file.Version != head.Version {
		return nil, fmt.Errorf("version %d, but this program knows %d", file.Version, head.Version)
	}
	if file.stateHead != head {
		return nil, fmt.Errorf("state of another token, not of %s %s", head.Kind, head.Serial)
	}
	return file.Items, nil
}

// Load returns what was last stored under name, nil where nothing was.
func (s *storage) Load(name string) ([]byte, error) {
	if i := s.index(name); i >= 0 {
		return slices.Clone(s.items[i].data), nil
	}
	return nil, nil
}

// index is where an item is, or negative.
func (s *storage) index(name string) int {
	return slices.IndexFunc(s.items, func(it item) bool { return it.name == name })
}

// Store keeps data under name. The file holds the old items or the new ones
// whenever the power goes.
func (s *storage) Store(name string, data []byte) error {
	stored := item{name, slices.Clone(data)}
	items := slices.Clone(s.items)
	if i := s.index(name); i >= 0 {
		items[i] = stored
	} else {
		items = append(items, stored)
	}
	return s.replace(items)
}

// empty says that nothing was ever stored.
func (s *storage) empty() bool { return len(s.items) == 0 }

// refill puts what fill stores in the place of everything, at once or not at
// all.
func (s *storage) refill(fill func(empty *storage) error) error {
	fresh := &storage{}
	if err := fill(fresh); err != nil {
		return err
	}
	return s.replace(fresh.items)
}

func (s *storage) replace(items []item) error {
	if s.path != "" {
		named := make(map[string][]byte, len(items))
		for _, it := range items {
			named[it.name] = it.data
		}
		data, err := json.Marshal(stateFile{stateHead: s.head, Items: named})
		if err != nil {
			return fmt.Errorf("state: %w", err)
		}
		if err := writeFile(s.path, data); err != nil {
			return fmt.Errorf("state: %w", err)
		}
	}
	s.items = items
	return nil
}

// writeFile puts data at path (0600), whole or not at all, and on the disk
// before it returns. What an ended program left of its own write goes.
func writeFile(path string, data []byte) error {
	tmp := path + ".tmp"
	if err := os.Remove(tmp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(tmp, path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(tmp))
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
