// Package fobemu is the program fobemu: it runs a bench of emulated tokens, and
// its other commands do to the tokens of a running bench what a hand would.
package fobemu

import (
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/fob-auth/fob/cmd/internal/cli"
)

// Main is the program. It returns its exit status: 0, 1 where the command
// failed, 2 where it was called wrongly.
func Main() int {
	ctx, stop := cli.Context()
	defer stop()
	return execute(ctx, os.Args[1:], os.Stdout, os.Stderr)
}

// A program is one run of fobemu: what the flags of every command say.
type program struct {
	log       *slog.Logger // on stderr
	logFormat string
	socket    string
	json      bool
	// begun says that a command line was understood: what fails after that is
	// no usage error, unless it says so.
	begun bool
}

// Command is the tree of fobemu's commands, for its manual.
func Command() *cobra.Command { return (&program{}).root() }

// execute runs one command line.
func execute(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	p := &program{}
	root := p.root()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return cli.ExitOK
	}
	return cli.Fail(stderr, cmd, p.begun, err)
}

func (p *program) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "fobemu",
		Short: "A bench of emulated tokens: YubiKeys and serial fobs, their clocks, buttons and faults",
		Long: `fobemu runs a bench of emulated tokens. "fobemu run" serves the tokens of a
bench file until it is interrupted; the other commands do to the tokens of a
running bench what a hand would: press, unplug, plug, move a clock.`,
		Version:           cli.Version(),
		Args:              cobra.NoArgs,
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) (err error) {
			if err := cli.Worded(cmd.Flags()); err != nil {
				return err
			}
			p.log, err = cli.Logger(cmd.ErrOrStderr(), p.logFormat)
			p.begun = err == nil
			return err
		},
		RunE: func(*cobra.Command, []string) error { return cli.Usagef("which command?") },
	}
	root.SetVersionTemplate("fobemu {{.Version}}\n")
	root.Flags().Bool("version", false, "print the version")
	flags := root.PersistentFlags()
	flags.StringVar(&p.socket, "socket", "", "the bench's socket (default $FOBEMU_SOCKET, else $XDG_RUNTIME_DIR/fob/fobemu.sock)")
	flags.StringVar(&p.logFormat, "log-format", "text", "form of the log on stderr: text or json")
	root.AddCommand(p.runCommand(), p.pcscdCommand(), p.statusCommand(), p.pressCommand(), p.plugCommand(), p.unplugCommand(),
		p.clockCommand(), p.powerCommand(), p.faultCommand(), p.resetCommand())
	cli.KnownHelp(root)
	return root
}

// socketPath is where the bench's socket is.
func (p *program) socketPath() (string, error) {
	if p.socket != "" {
		return p.socket, nil
	}
	if path := os.Getenv("FOBEMU_SOCKET"); path != "" {
		return path, nil
	}
	// A relative path there counts as none (XDG Base Directory Specification).
	if dir := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "fob", "fobemu.sock"), nil
	}
	return "", cli.Usagef("no socket: give --socket, or set FOBEMU_SOCKET or XDG_RUNTIME_DIR")
}
