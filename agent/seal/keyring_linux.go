package seal

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"
)

// Permissions of the key (keyctl_setperm(3)): all to who possesses it, and to
// every process of the user, as the agent's next run must find it; none to
// anybody else.
const keyPermissions = 0x3f3f0000

// keyringKey keeps the key in the user's keyring, which all processes of the
// user share and the kernel drops when the computer restarts. A system that
// filters keyctl(2), as container engines do, has none.
func keyringKey(_ context.Context, o Options) ([]byte, error) {
	// Links to the thread's own keyring, which give possession of the user's
	// (keyrings(7)), belong to one thread.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	ring, err := unix.KeyctlGetKeyringID(unix.KEY_SPEC_USER_KEYRING, true)
	if err != nil {
		return nil, fmt.Errorf("user's keyring: %w", err)
	}
	if _, err := unix.KeyctlInt(unix.KEYCTL_LINK, ring, unix.KEY_SPEC_THREAD_KEYRING, 0, 0); err != nil {
		return nil, fmt.Errorf("user's keyring: %w", err)
	}
	id, err := searchKey(ring, o.Name)
	if errors.Is(err, unix.ENOKEY) {
		id, err = addKey(ring, o.Name)
	}
	if err != nil {
		return nil, err
	}
	return readKey(id)
}

func searchKey(ring int, name string) (int, error) {
	id, err := unix.KeyctlSearch(ring, "user", name, 0)
	switch {
	case errors.Is(err, unix.EKEYEXPIRED), errors.Is(err, unix.EKEYREVOKED):
		return 0, unix.ENOKEY
	case err != nil:
		return 0, fmt.Errorf("search in the user's keyring: %w", err)
	}
	return id, nil
}

// addKey makes a key, unless another agent was faster: then that one's is
// taken.
func addKey(ring int, name string) (int, error) {
	id, err := unix.AddKey("user", name, newKey(), unix.KEY_SPEC_THREAD_KEYRING)
	if err != nil {
		return 0, fmt.Errorf("make a key: %w", err)
	}
	if err := unix.KeyctlSetperm(id, keyPermissions); err != nil {
		return 0, fmt.Errorf("permissions of a key: %w", err)
	}
	err = move(id, ring)
	if errors.Is(err, unix.EEXIST) {
		return searchKey(ring, name)
	}
	if err != nil {
		return 0, fmt.Errorf("add to the user's keyring: %w", err)
	}
	return id, nil
}

// move puts a key of the thread's keyring into another that has none of its
// name (keyctl_move(3)). Before Linux 5.3 it is linked there, whatever there is.
func move(id, ring int) error {
	_, _, errno := unix.Syscall6(unix.SYS_KEYCTL, unix.KEYCTL_MOVE, uintptr(id), threadKeyring, uintptr(ring), unix.KEYCTL_MOVE_EXCL, 0)
	switch errno {
	case 0:
		return nil
	case unix.EOPNOTSUPP:
		_, err := unix.KeyctlInt(unix.KEYCTL_LINK, id, ring, 0, 0)
		return err
	}
	return errno
}

// threadKeyring is KEY_SPEC_THREAD_KEYRING (-1) as a system call's argument.
const threadKeyring = ^uintptr(0)

func readKey(id int) ([]byte, error) {
	key := make([]byte, keySize+1)
	n, err := unix.KeyctlBuffer(unix.KEYCTL_READ, id, key, 0)
	if err != nil {
		return nil, fmt.Errorf("read from the user's keyring: %w", err)
	}
	return checked(key[:min(n, len(key))])
}
