package server

import (
	"net"

	"golang.org/x/sys/unix"

	"github.com/fob-auth/fob/agent/caller"
)

// kernelPeer asks the kernel with SO_PEERCRED (unix(7)), which holds what was
// true at connect(2) and can't be forged by the peer.
func kernelPeer(c net.Conn, find caller.Finder) (Peer, error) {
	u, ok := c.(*net.UnixConn)
	if !ok {
		return Peer{}, errNoPeer
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return Peer{}, err
	}
	var cred *unix.Ucred
	var credErr error
	err = raw.Control(func(fd uintptr) {
		cred, credErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	if err != nil {
		return Peer{}, err
	}
	if credErr != nil {
		return Peer{}, credErr
	}
	pid := int(cred.Pid)
	return Peer{UID: int(cred.Uid), PID: pid, Find: remembered(func() []caller.Process { return caller.Of(u, pid, find) })}, nil
}
