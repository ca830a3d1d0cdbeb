package harden

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Begin is called first in every way that the program can be started.
func Begin() error {
	unix.Umask(0o077)
	// PR_SET_DUMPABLE(2const): /proc/PID/mem, maps and environ belong to root
	// from here on, and ptrace(2) is refused to the same user.
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("keep others from reading the memory: %w", err)
	}
	return noCore()
}

// noCore forbids core files. A service manager's filter may refuse the call
// after it has done the same.
func noCore() error {
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		var is unix.Rlimit
		if unix.Getrlimit(unix.RLIMIT_CORE, &is) != nil || is.Cur != 0 {
			return fmt.Errorf("forbid core files: %w", err)
		}
	}
	return nil
}
