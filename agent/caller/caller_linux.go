package caller

import (
	"bytes"
	"errors"
	"net"
	"strconv"

	"golang.org/x/sys/unix"
)

// soPeerPIDFD is SO_PEERPIDFD (unix(7), Linux 6.5): a pidfd of the process that
// connected.
const soPeerPIDFD = 77

// Of returns the process that connected, and what is above it, as find finds
// them while the process lives. Of one that has ended only the number is known.
func Of(c *net.UnixConn, pid int, find Finder) []Process {
	nameless := []Process{{PID: pid}}
	fd, err := pidfd(c, pid)
	if err != nil {
		return nameless
	}
	defer unix.Close(fd)
	found := find(pid)
	// As long as the process that connected hasn't ended, its number is its
	// own: so what was found before is its.
	if ended(fd) || len(found) == 0 {
		return nameless
	}
	return found
}

// pidfd opens the process that connected.
func pidfd(c *net.UnixConn, pid int) (int, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, err
	}
	var fd int
	var optErr error
	if err := raw.Control(func(s uintptr) { fd, optErr = unix.GetsockoptInt(int(s), unix.SOL_SOCKET, soPeerPIDFD) }); err != nil {
		return 0, err
	}
	if errors.Is(optErr, unix.ENOPROTOOPT) {
		// An older kernel: a number that was given to another process between
		// the connection and now isn't noticed.
		return unix.PidfdOpen(pid, 0)
	}
	return fd, optErr
}

// ended reports whether a pidfd's process has ended (pidfd_open(2)).
func ended(fd int) bool {
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	n, err := unix.Poll(fds, 0)
	return err != nil || n > 0
}

// Chain reads a process and those above it from /proc, up to the one that
// started the session. A parent that is younger than its child isn't its
// parent, but one that was given its number.
func Chain(pid int) []Process {
	chain := make([]Process, 0, maxChain)
	for younger := uint64(1<<64 - 1); pid > 1 && len(chain) < maxChain; {
		s, err := readStat(pid)
		if err != nil || s.start > younger {
			break
		}
		p := Process{PID: pid, Name: s.name}
		var exe [maxStat]byte
		if n, err := unix.Readlink("/proc/"+strconv.Itoa(pid)+"/exe", exe[:]); err == nil && n < len(exe) {
			p.Exe = string(exe[:n])
		}
		chain = append(chain, p)
		pid, younger = s.parent, s.start
	}
	return chain
}

// A stat is what is needed of /proc/PID/stat (proc_pid_stat(5)).
type stat struct {
	name   string
	parent int
	// start is in clock ticks since boot.
	start uint64
}

// maxStat bounds what is read of it, and of a path, in bytes.
const maxStat = 4096

// readStat goes past package os, which would tell its poller of a file that is
// read at once: every act of the socket comes by here.
func readStat(pid int) (stat, error) {
	fd, err := unix.Open("/proc/"+strconv.Itoa(pid)+"/stat", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return stat{}, err
	}
	defer unix.Close(fd)
	var b [maxStat]byte
	n, err := unix.Read(fd, b[:])
	if err != nil {
		return stat{}, err
	}
	return parseStat(b[:n])
}

var errStat = errors.New("a process's state can't be read")

// parseStat reads the line. The name stands in brackets and may hold brackets
// itself, so it ends with the last one.
func parseStat(b []byte) (stat, error) {
	open, end := bytes.IndexByte(b, '('), bytes.LastIndexByte(b, ')')
	if open < 0 || end < open {
		return stat{}, errStat
	}
	// Behind the name: the state (field 3), the parent (4), … the start (22).
	fields := bytes.Fields(b[end+1:])
	if len(fields) < 20 {
		return stat{}, errStat
	}
	parent, err := strconv.Atoi(string(fields[1]))
	if err != nil || parent < 0 {
		return stat{}, errStat
	}
	start, err := strconv.ParseUint(string(fields[19]), 10, 64)
	if err != nil {
		return stat{}, errStat
	}
	return stat{name: string(b[open+1 : end]), parent: parent, start: start}, nil
}
