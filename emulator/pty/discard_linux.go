package pty

import "golang.org/x/sys/unix"

// discard empties the far end's input buffer.
func (p *Port) discard() error {
	return p.onSlave(func(fd int) error { return unix.IoctlSetInt(fd, unix.TCFLSH, unix.TCIFLUSH) })
}
