//go:build unix

package store

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// noFollow has an open fail on a symbolic link that somebody put in the way.
const noFollow = syscall.O_NOFOLLOW

// ownerOf returns the uid that a file belongs to.
func ownerOf(info fs.FileInfo) (uid int, known bool) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return int(st.Uid), true
}

// lockFile takes a lock that ends with the file's being closed, and reports
// whether another process holds it.
func lockFile(f *os.File) (held bool, err error) {
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return true, nil
	}
	return false, err
}
