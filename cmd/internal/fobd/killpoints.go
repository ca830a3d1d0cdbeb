//go:build killpoints

package fobd

import (
	"context"
	"log/slog"
	"os"
	"syscall"
)

// killAt names, in builds made for it, the log line at which fobd kills itself,
// so that a test can have it die at each step of a session's way.
const killAt = "FOB_KILL_AT"

// killing returns a handler that dies at the line that the environment names.
func killing(h slog.Handler) slog.Handler { return killer{h, os.Getenv(killAt)} }

type killer struct {
	slog.Handler
	at string
}

func (k killer) Enabled(context.Context, slog.Level) bool { return true }

func (k killer) Handle(ctx context.Context, r slog.Record) error {
	if k.at != "" && r.Message == k.at {
		return syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
	if !k.Handler.Enabled(ctx, r.Level) {
		return nil
	}
	return k.Handler.Handle(ctx, r)
}

func (k killer) WithAttrs(attrs []slog.Attr) slog.Handler {
	return killer{k.Handler.WithAttrs(attrs), k.at}
}
func (k killer) WithGroup(name string) slog.Handler { return killer{k.Handler.WithGroup(name), k.at} }
