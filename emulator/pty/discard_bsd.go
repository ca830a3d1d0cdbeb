//go:build unix && !linux

package pty

import "golang.org/x/sys/unix"

// fread is the FREAD flag that TIOCFLUSH takes on the BSDs and macOS.
const fread = 1

// discard empties the far end's input buffer.
func (p *Port) discard() error {
	return p.onSlave(func(fd int) error { return unix.IoctlSetPointerInt(fd, unix.TIOCFLUSH, fread) })
}
