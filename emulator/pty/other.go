//go:build !unix

// Package pty is the serial line of an emulated fob, where the system has
// pseudo terminals.
package pty

import (
	"errors"
	"fmt"
	"io"
)

// Open refuses: this system has no pseudo terminals.
func Open(path string) (io.ReadWriteCloser, error) {
	return nil, fmt.Errorf("serial line %s: this system has no pseudo terminals: %w", path, errors.ErrUnsupported)
}
