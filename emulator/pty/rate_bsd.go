//go:build unix && !linux

package pty

import "golang.org/x/sys/unix"

// rate is the rate that the far end's settings have; termios has it in plain
// numbers here.
func rate(fd int) (int, bool) {
	settings, err := unix.IoctlGetTermios(fd, unix.TIOCGETA)
	if err != nil {
		return 0, false
	}
	return int(settings.Ispeed), true
}
