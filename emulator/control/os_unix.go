//go:build unix

package control

import (
	"os"
	"syscall"
)

// makePrivate sets the mode that a socket's file gets when it is bound (Linux):
// with that there is no moment in which others could connect.
func makePrivate(fd uintptr) { _ = syscall.Fchmod(int(fd), 0o600) }

// lockFile waits for a lock that ends with the file's being closed.
func lockFile(f *os.File) error { return syscall.Flock(int(f.Fd()), syscall.LOCK_EX) }
