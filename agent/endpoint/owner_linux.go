package endpoint

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// watch watches a process by a descriptor of it (pidfd_open(2)), which can be
// read once the process has ended, whoever has its number then.
func watch(pid int) (owner, error) {
	fd, err := unix.PidfdOpen(pid, unix.PIDFD_NONBLOCK)
	if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EINVAL) {
		return watchByNumber(pid)
	}
	if err != nil {
		return nil, err
	}
	return pidfd{os.NewFile(uintptr(fd), "pidfd")}, nil
}

type pidfd struct{ file *os.File }

func (p pidfd) wait() {
	defer p.close()
	conn, err := p.file.SyscallConn()
	if err != nil {
		return
	}
	// It ends with an error when the file is closed.
	_ = conn.Read(func(fd uintptr) bool {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
		return n > 0 || err != nil && !errors.Is(err, unix.EINTR)
	})
}

func (p pidfd) close() { _ = p.file.Close() }
