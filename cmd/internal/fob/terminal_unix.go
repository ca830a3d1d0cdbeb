//go:build linux || darwin

package fob

import (
	"os"

	"golang.org/x/sys/unix"
)

// A terminal is the one that controls this process, whatever its stdin and
// stderr are: the AWS tools read those of a credential_process.
type terminal struct{ file *os.File }

// openTerminal opens the controlling terminal; nil where there is none, and
// where another job has it: a job in the background that reads is stopped.
func openTerminal() *terminal {
	// Not blocking, so that a read can be given up.
	f, err := os.OpenFile("/dev/tty", os.O_RDWR|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	raw, err := f.SyscallConn()
	front := false
	if err == nil {
		err = raw.Control(func(fd uintptr) {
			group, err := unix.IoctlGetInt(int(fd), unix.TIOCGPGRP)
			front = err == nil && group == unix.Getpgrp()
		})
	}
	if err != nil || !front {
		_ = f.Close()
		return nil
	}
	return &terminal{f}
}

// flush throws away what was typed and not read.
func (t *terminal) flush() {
	raw, err := t.file.SyscallConn()
	if err != nil {
		return
	}
	// What can't be flushed is read as the answer, and refused for its form.
	_ = raw.Control(func(fd uintptr) { _ = flushInput(int(fd)) })
}
