// Package cli is what the programs have in common: exit statuses, logs, the
// version, how they tell of what went wrong and which errors are the caller's own;
// and the signals that end a server.
package cli

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// The exit statuses of every program; fob has those of package api beside them.
const (
	ExitOK     = 0
	ExitFailed = 1
	ExitUsage  = 2
)

// Context returns a context that ends with SIGINT or SIGTERM; a second signal
// ends the program the hard way.
func Context() (ctx context.Context, stop context.CancelFunc) {
	ctx, stop = signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}

// Await returns what f does, or ctx's end where that comes first: a file that is
// a pipe may be waited for until its writer comes. f is then left to itself.
func Await[T any](ctx context.Context, f func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		v, err := f()
		done <- result{v, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		var none T
		return none, context.Cause(ctx)
	}
}

// Logger returns a log on w in one of the formats of --log-format, text or
// json.
func Logger(w io.Writer, format string) (*slog.Logger, error) {
	switch format {
	case "text":
		return slog.New(slog.NewTextHandler(w, nil)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, nil)), nil
	}
	return nil, Usagef("--log-format has to be text or json, not %q", format)
}

// version is set by the linker where make builds the programs.
var version string

// Version is what make built in, else the module's version as the Go tool knows
// it.
func Version() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}

// A UsageError says that a program was called wrongly.
type UsageError struct{ message string }

func (e *UsageError) Error() string { return e.message }

// Usagef returns a *UsageError.
func Usagef(format string, args ...any) error {
	return &UsageError{fmt.Sprintf(format, args...)}
}

// Worded returns a usage error where a flag was given no word: what a script's
// variable that isn't set leaves would have another user, profile, token or file
// chosen than was meant.
func Worded(flags *pflag.FlagSet) (err error) {
	flags.Visit(func(f *pflag.Flag) {
		if f.Value.Type() == "string" && f.Value.String() == "" {
			err = Usagef("--%s is empty", f.Name)
		}
	})
	return err
}

// KnownHelp has a program's help, which gets its commands before, refuse to help
// about a command that isn't there.
func KnownHelp(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	help, _, _ := root.Find([]string{"help"}) // it was just made
	help.Args = func(_ *cobra.Command, args []string) error {
		if _, rest, err := root.Find(args); err != nil || len(rest) > 0 {
			return Usagef("there is no command %q", strings.Join(args, " "))
		}
		return nil
	}
}
