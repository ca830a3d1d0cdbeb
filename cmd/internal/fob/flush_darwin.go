package fob

import "golang.org/x/sys/unix"

// fread says that input is meant (FREAD of fcntl.h of macOS).
const fread = 1

// flushInput is tcflush(3) with TCIFLUSH.
func flushInput(fd int) error { return unix.IoctlSetPointerInt(fd, unix.TIOCFLUSH, fread) }
