//go:build unix

package fob

import (
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"syscall"
)

// Exit statuses of a command that can't be run (XCU section 2.8.2).
const (
	exitCantRun  = 126
	exitNotFound = 127
)

// run becomes the command: signals, terminal and exit status are its own. It
// returns only where that fails.
func run(args, env []string) error {
	path, err := exec.LookPath(args[0])
	if err != nil {
		return &exitError{cantRun(err), fmt.Errorf("command %s: %w", args[0], err)}
	}
	err = syscall.Exec(path, args, env)
	return &exitError{cantRun(err), fmt.Errorf("command %s: %w", args[0], err)}
}

func cantRun(err error) int {
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
		return exitNotFound
	}
	return exitCantRun
}
