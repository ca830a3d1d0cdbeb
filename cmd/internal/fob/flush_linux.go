package fob

import "golang.org/x/sys/unix"

// flushInput is tcflush(3) with TCIFLUSH.
func flushInput(fd int) error { return unix.IoctlSetInt(fd, unix.TCFLSH, unix.TCIFLUSH) }
