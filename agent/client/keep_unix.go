//go:build unix

package client

import (
	"errors"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// stands reports whether a connection that nothing is expected of is still
// there: the agent has neither closed it nor said anything.
func stands(c net.Conn) bool {
	s, ok := c.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return false
	}
	quiet := false
	err = raw.Read(func(fd uintptr) bool {
		var b [1]byte
		_, _, err := unix.Recvfrom(int(fd), b[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
		quiet = errors.Is(err, unix.EAGAIN)
		return true
	})
	return err == nil && quiet
}
