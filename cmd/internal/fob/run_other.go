//go:build !unix

package fob

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
)

// exitNotFound is the exit status of a command that can't be run.
const exitNotFound = 127

// run runs the command and ends as it does: where there is no execve, fob
// stays until the command is over.
func run(args, env []string) error {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = env
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	err := cmd.Run()
	var ended *exec.ExitError
	if errors.As(err, &ended) {
		return &exitError{ended.ExitCode(), nil}
	}
	if err != nil {
		return &exitError{exitNotFound, fmt.Errorf("command %s: %w", args[0], err)}
	}
	return nil
}
