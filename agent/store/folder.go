package store

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// ownFolder makes a folder that only its owner can enter, and returns its
// absolute path.
func ownFolder(path string) (string, error) {
	if path == "" {
		return "", errors.New("no state folder given")
	}
	dir, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("state folder %s: %w", path, err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("make state folder: %w", err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		return "", fmt.Errorf("state folder: %w", err)
	}
	if !info.IsDir() {
		return "", fmt.Errorf("state folder %s is not a folder", dir)
	}
	if uid, known := ownerOf(info); known && uid != os.Geteuid() {
		return "", fmt.Errorf("state folder %s belongs to user %d", dir, uid)
	}
	if info.Mode().Perm()&0o077 != 0 {
		if err := os.Chmod(dir, 0o700); err != nil {
			return "", fmt.Errorf("state folder: %w", err)
		}
	}
	return dir, nil
}

// A lock keeps other agents out of the folder for as long as its file is open.
type lock struct{ file *os.File }

// maxPID is more than the length of a process number with its newline.
const maxPID = 32

// acquire takes the lock, or says which process has it.
func acquire(path string) (*lock, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|noFollow, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock state folder: %w", err)
	}
	taken, err := lockFile(f)
	if taken {
		held := &HeldError{Dir: filepath.Dir(path), PID: readPID(f)}
		return nil, errors.Join(held, f.Close())
	}
	if err == nil {
		err = writePID(f)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock state folder: %w", err), f.Close())
	}
	return &lock{f}, nil
}

func writePID(f *os.File) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}

// readPID returns 0 where the holder hasn't written its number yet.
func readPID(f *os.File) int {
	b := make([]byte, maxPID)
	n, err := f.ReadAt(b, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b[:n])))
	if err != nil || pid < 0 {
		return 0
	}
	return pid
}

// release gives the folder free. The file stays: to remove it would let two
// agents lock two files of the same name.
func (l *lock) release() error { return l.file.Close() }
