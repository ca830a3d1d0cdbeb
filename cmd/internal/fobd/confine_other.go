//go:build !linux

package fobd

import (
	"context"
	"errors"

	"github.com/fob-auth/fob/agent/caller"
	"github.com/fob-auth/fob/agent/config"
)

// confine does nothing on this system.
func confine(context.Context, config.Settings, *config.Config, []string) (*caller.Scout, error) {
	return nil, nil
}

// serveScout isn't needed on this system.
func serveScout() error { return errors.New("this system needs no scout") }
