//go:build linux || (unix && cgo)

package serialfob

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"github.com/tarm/serial"
	"golang.org/x/sys/unix"

	"github.com/fob-auth/fob/devices"
)

// readTimeout is how long a read waits for bytes: the least that tarm/serial
// can do.
const readTimeout = 100 * time.Millisecond

// maxPorts bounds how many ports a pattern may find.
const maxPorts = 64

// Built says whether serial ports are supported in this build.
func Built() bool { return true }

// findPorts returns the terminals that a pattern names, each device once.
func findPorts(pattern string) []Place {
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		paths = []string{pattern}
	}
	var places []Place
	have := make(map[string]bool)
	for _, path := range paths {
		p, err := lookAt(path)
		if err != nil || have[p.Device] {
			continue
		}
		have[p.Device] = true
		if places = append(places, p); len(places) == maxPorts {
			break
		}
	}
	return places
}

// lookAt tells what device stands at a path.
func lookAt(path string) (Place, error) {
	device, err := filepath.EvalSymlinks(path)
	if err != nil {
		return Place{}, err
	}
	var st unix.Stat_t
	if err := unix.Stat(device, &st); err != nil {
		return Place{}, &fs.PathError{Op: "stat", Path: device, Err: err}
	}
	if st.Mode&unix.S_IFMT != unix.S_IFCHR {
		return Place{}, fmt.Errorf("%s is no terminal", device)
	}
	p := Place{Path: path, Device: device, Emulated: isPTY(device, uint64(st.Rdev))}
	p.Identity = Identity{Device: device, Number: uint64(st.Rdev), Inode: uint64(st.Ino)}
	if p.Emulated {
		// A PTY gets the number, name and inode of one that was closed.
		p.Identity.Created = st.Ctim.Nano()
	}
	return p, nil
}

// isPTY says whether a device is the slave of a pseudo-terminal: on Linux the
// character devices of major number 136 to 143 (Documentation/admin-guide/
// devices.txt), elsewhere known by name.
func isPTY(device string, number uint64) bool {
	major := unix.Major(number)
	return major >= 136 && major <= 143 || strings.HasPrefix(device, "/dev/pts/") || strings.HasPrefix(device, "/dev/ttys")
}

// A tty is a port of tarm/serial with a second descriptor on the same device,
// which holds the lock and can be asked whether the line was hung up without
// waiting behind a call on the first.
type tty struct {
	*serial.Port
	guard int
}

func openPort(at Place, baud int) (Port, error) {
	guard, err := unix.Open(at.Device, unix.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, opening(at, err)
	}
	if err := unix.Flock(guard, unix.LOCK_EX|unix.LOCK_NB); err != nil {
		unix.Close(guard)
		return nil, opening(at, err)
	}
	p, err := serial.OpenPort(&serial.Config{Name: at.Device, Baud: baud, ReadTimeout: readTimeout})
	if err != nil {
		unix.Close(guard)
		return nil, opening(at, err)
	}
	if err := p.Flush(); err != nil { // what came before this hour is nobody's answer
		p.Close()
		unix.Close(guard)
		return nil, opening(at, err)
	}
	return &tty{Port: p, guard: guard}, nil
}

// opening gives an error from opening a port its meaning.
func opening(at Place, err error) error {
	kind := devices.ErrUnsupported
	switch {
	case errors.Is(err, unix.EWOULDBLOCK), errors.Is(err, unix.EBUSY):
		kind = devices.ErrBusy
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ENXIO), errors.Is(err, unix.EIO), errors.Is(err, unix.ENODEV):
		kind = devices.ErrRemoved
	}
	return fmt.Errorf("%w: %s: %w", kind, at.Device, err)
}

// Gone asks the kernel for the line's state.
func (t *tty) Gone() bool {
	fds := []unix.PollFd{{Fd: int32(t.guard)}}
	if _, err := unix.Poll(fds, 0); err != nil {
		return false // interrupted: it is asked again
	}
	return fds[0].Revents&(unix.POLLHUP|unix.POLLERR|unix.POLLNVAL) != 0
}

// Close closes both descriptors, which releases the lock.
func (t *tty) Close() error {
	return errors.Join(t.Port.Close(), unix.Close(t.guard))
}
