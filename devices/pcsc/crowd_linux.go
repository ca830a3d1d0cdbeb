package pcsc

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// servicePath is where the system's PC/SC service listens (pcsc-lite's
// PCSCLITE_CSOCK_NAME).
const servicePath = "/run/pcscd/pcscd.comm"

// Parts of the kernel's protocol for listing Unix sockets (linux/unix_diag.h,
// linux/sock_diag.h).
const (
	sockDiagByFamily = 20
	establishedState = 1 << 1 // in a bit set of states
	showFile         = 1 << 1
	showPeer         = 1 << 2
	attributeFile    = 1
	attributePeer    = 2
	requestBytes     = unix.SizeofNlMsghdr + 24
	answerBytes      = 16 // before the attributes
)

// maxDump bounds how much of the list is read, in bytes.
const maxDump = 16 << 20

var errDiag = errors.New("list of sockets makes no sense")

// connections lists the connections to the PC/SC service.
func connections() ([]connection, error) {
	path := os.Getenv(redirect)
	if path == "" {
		path = servicePath
	}
	var file unix.Stat_t
	if err := unix.Stat(path, &file); err != nil {
		return nil, err
	}
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	if err := unix.Sendto(fd, diagRequest(), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return nil, err
	}
	var list []connection
	buf := make([]byte, 64<<10)
	for read := 0; read < maxDump; {
		n, _, err := unix.Recvfrom(fd, buf, 0)
		if err != nil {
			return nil, err
		}
		read += n
		var done bool
		// The kernel has 32 bits of an inode's number here.
		if list, done, err = parseDiag(list, buf[:n], uint32(file.Ino)); err != nil || done {
			return list, err
		}
	}
	return nil, fmt.Errorf("%w: it never ends", errDiag)
}

// diagRequest asks for all connected Unix sockets, with the file that each was
// bound to and the number of its peer.
func diagRequest() []byte {
	b := make([]byte, requestBytes)
	host := binary.NativeEndian
	host.PutUint32(b[0:], requestBytes)
	host.PutUint16(b[4:], sockDiagByFamily)
	host.PutUint16(b[6:], unix.NLM_F_REQUEST|unix.NLM_F_DUMP)
	b[unix.SizeofNlMsghdr] = unix.AF_UNIX
	host.PutUint32(b[unix.SizeofNlMsghdr+4:], establishedState)
	host.PutUint32(b[unix.SizeofNlMsghdr+12:], showFile|showPeer)
	return b
}

// parseDiag appends what one datagram of the kernel's lists of the sockets that
// were bound to the file with inode number file.
func parseDiag(list []connection, b []byte, file uint32) (_ []connection, done bool, err error) {
	host := binary.NativeEndian
	for len(b) > 0 {
		if len(b) < unix.SizeofNlMsghdr {
			return nil, false, errDiag
		}
		size := int(host.Uint32(b))
		if size < unix.SizeofNlMsghdr || size > len(b) {
			return nil, false, errDiag
		}
		body := b[unix.SizeofNlMsghdr:size]
		switch host.Uint16(b[4:]) {
		case unix.NLMSG_DONE:
			return list, true, nil
		case unix.NLMSG_ERROR:
			return nil, false, fmt.Errorf("%w: the kernel refuses", errDiag)
		case sockDiagByFamily:
			one, at, ok := parseSocket(body)
			if !ok {
				return nil, false, errDiag
			}
			if at == file && one.client != 0 {
				list = append(list, one)
			}
		}
		b = b[min(align(size), len(b)):]
	}
	return list, false, nil
}

// parseSocket reads one socket: its number, its peer's and the inode number of
// the file it was bound to, 0 for none.
func parseSocket(b []byte) (one connection, file uint32, ok bool) {
	host := binary.NativeEndian
	if len(b) < answerBytes {
		return connection{}, 0, false
	}
	one.service = host.Uint32(b[4:])
	for b = b[answerBytes:]; len(b) >= unix.SizeofRtAttr; {
		size := int(host.Uint16(b))
		if size < unix.SizeofRtAttr || size > len(b) {
			return connection{}, 0, false
		}
		if value := b[unix.SizeofRtAttr:size]; len(value) >= 4 {
			switch host.Uint16(b[2:]) {
			case attributeFile:
				file = host.Uint32(value)
			case attributePeer:
				one.client = host.Uint32(value)
			}
		}
		b = b[min(align(size), len(b)):]
	}
	return one, file, true
}

// align rounds a length up as netlink does.
func align(n int) int { return (n + unix.NLMSG_ALIGNTO - 1) &^ (unix.NLMSG_ALIGNTO - 1) }

// ownSockets are the numbers of this process's sockets.
func ownSockets() map[uint32]bool {
	own := make(map[uint32]bool)
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return own
	}
	for _, fd := range fds {
		var n uint32
		to, err := os.Readlink(filepath.Join("/proc/self/fd", fd.Name()))
		if err != nil {
			continue // closed just now
		}
		if _, err := fmt.Sscanf(to, "socket:[%d]", &n); err == nil {
			own[n] = true
		}
	}
	return own
}
