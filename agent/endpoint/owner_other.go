//go:build !unix

package endpoint

import (
	"errors"
	"syscall"
)

// watch knows no process: the agent runs on Unix.
func watch(int) (owner, error) { return nil, errors.ErrUnsupported }

func oneHop(string, string, syscall.RawConn) error { return errors.ErrUnsupported }
