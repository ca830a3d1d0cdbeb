package harden

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Places are folders and files, by their paths. One that isn't there is passed
// over.
type Places struct {
	// Read may be read, and run.
	Read []string
	// Write may be read and changed.
	Write []string
	// Devices may be read, written and asked by ioctl, but not made.
	Devices []string
}

// What Landlock may forbid (landlock(7)), by what a place is for.
const (
	reading = unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_READ_DIR
	ofFiles = unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_WRITE_FILE |
		unix.LANDLOCK_ACCESS_FS_TRUNCATE | unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	devices = unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_READ_DIR | unix.LANDLOCK_ACCESS_FS_WRITE_FILE |
		unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	writing = unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_READ_DIR | unix.LANDLOCK_ACCESS_FS_WRITE_FILE |
		unix.LANDLOCK_ACCESS_FS_REMOVE_DIR | unix.LANDLOCK_ACCESS_FS_REMOVE_FILE | unix.LANDLOCK_ACCESS_FS_MAKE_DIR |
		unix.LANDLOCK_ACCESS_FS_MAKE_REG | unix.LANDLOCK_ACCESS_FS_MAKE_SOCK | unix.LANDLOCK_ACCESS_FS_TRUNCATE
	making = unix.LANDLOCK_ACCESS_FS_MAKE_CHAR | unix.LANDLOCK_ACCESS_FS_MAKE_FIFO | unix.LANDLOCK_ACCESS_FS_MAKE_BLOCK |
		unix.LANDLOCK_ACCESS_FS_MAKE_SYM
)

// handled returns what a kernel's Landlock can forbid: each version knew more.
func handled(version int) uint64 {
	all := uint64(reading | writing | making | devices | unix.LANDLOCK_ACCESS_FS_REFER)
	if version < 5 {
		all &^= unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	}
	if version < 3 {
		all &^= unix.LANDLOCK_ACCESS_FS_TRUNCATE
	}
	if version < 2 {
		all &^= unix.LANDLOCK_ACCESS_FS_REFER
	}
	return all
}

// Landlock returns the version of the kernel's Landlock; 0 where it has none.
func Landlock() int {
	version, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return 0
	}
	return int(version)
}

// Exec confines this program to the places and starts it anew in its own place,
// with the same arguments and the given environment: Landlock holds for a
// thread and what it starts, and a program in Go has more than one. It returns
// only where it fails.
func Exec(p Places, environ []string) error {
	runtime.LockOSThread() // and never unlocked: the thread is confined for good
	if err := confine(p); err != nil {
		return fmt.Errorf("confine the agent: %w", err)
	}
	return fmt.Errorf("start the confined agent: %w", unix.Exec("/proc/self/exe", os.Args, environ))
}

// confine lets this thread, and what it executes, reach the places alone.
func confine(p Places) error {
	mask := handled(Landlock())
	attr := unix.LandlockRulesetAttr{Handled_access_fs: mask}
	// The first field is all that the oldest version knows.
	fd, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr.Handled_access_fs), 0)
	if errno != 0 {
		return fmt.Errorf("landlock: %w", errno)
	}
	defer unix.Close(int(fd))
	for _, group := range []struct {
		paths  []string
		access uint64
	}{{p.Read, reading}, {p.Write, writing}, {p.Devices, devices}} {
		for _, path := range group.paths {
			if err := allow(int(fd), path, group.access&mask); err != nil {
				return fmt.Errorf("landlock: %s: %w", path, err)
			}
		}
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("landlock: %w", err)
	}
	if _, _, errno := unix.Syscall(unix.SYS_LANDLOCK_RESTRICT_SELF, fd, 0, 0); errno != 0 {
		return fmt.Errorf("landlock: %w", errno)
	}
	return nil
}

// allow adds a rule for what is at and below a path.
func allow(ruleset int, path string, access uint64) error {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return nil
	}
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		access &= ofFiles
	}
	rule := unix.LandlockPathBeneathAttr{Allowed_access: access, Parent_fd: int32(fd)}
	_, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(ruleset), unix.LANDLOCK_RULE_PATH_BENEATH, uintptr(unsafe.Pointer(&rule)), 0, 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}
