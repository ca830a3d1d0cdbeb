//go:build unix

package fob

import "syscall"

// hangUp has an agent read its config again.
func hangUp(pid int) error { return syscall.Kill(pid, syscall.SIGHUP) }
