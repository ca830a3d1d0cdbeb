//go:build !linux

package reader

import (
	"context"

	"github.com/fob-auth/fob/emulator"
)

// A Daemon is a private pcscd, which this platform has none of.
type Daemon struct{}

// Start says that this platform has no private pcscd.
func Start(context.Context, *emulator.Bench, Options) (*Daemon, error) { return nil, ErrPlatform }

// Socket is empty.
func (*Daemon) Socket() string { return "" }

// Done is nil.
func (*Daemon) Done() <-chan struct{} { return nil }

// Close does nothing.
func (*Daemon) Close() error { return nil }
