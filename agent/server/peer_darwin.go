package server

import (
	"net"

	"golang.org/x/sys/unix"

	"github.com/fob-auth/fob/agent/caller"
)

// kernelPeer asks the kernel with LOCAL_PEERCRED and LOCAL_PEERPID (unix(4) of
// macOS).
func kernelPeer(c net.Conn, find caller.Finder) (Peer, error) {
	u, ok := c.(*net.UnixConn)
	if !ok {
		return Peer{}, errNoPeer
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return Peer{}, err
	}
	var p Peer
	var credErr error
	err = raw.Control(func(fd uintptr) {
		cred, err := unix.GetsockoptXucred(int(fd), unix.SOL_LOCAL, unix.LOCAL_PEERCRED)
		if err != nil {
			credErr = err
			return
		}
		p.UID = int(cred.Uid)
		if pid, err := unix.GetsockoptInt(int(fd), unix.SOL_LOCAL, unix.LOCAL_PEERPID); err == nil {
			p.PID = pid
			p.Find = func() []caller.Process { return find(pid) }
		}
	})
	if err != nil {
		return Peer{}, err
	}
	return p, credErr
}
