package vpcd

import (
	"net"
	"syscall"
)

// acknowledge has the next segments acknowledged at once. Linux forgets it
// again (tcp(7), TCP_QUICKACK), and a connection that can't is only slower.
func acknowledge(conn net.Conn) {
	c, ok := conn.(syscall.Conn)
	if !ok {
		return
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_QUICKACK, 1)
	})
}
