// Package fob is the program fob: a thin client of the agent. What it prints on
// stdout is for programs and people, everything else goes to stderr, and its
// exit status is 0, 2 where it was called wrongly, or the one that package api
// gives to the agent's error code.
//
// It links neither the AWS SDK nor the agent: the AWS tools start it as
// credential_process each time they need credentials, and it has to be over
// before anybody notices.
package fob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/fob-auth/fob/agent/api"
	"github.com/fob-auth/fob/agent/client"
	"github.com/fob-auth/fob/cmd/internal/cli"
)

// Main is the program. It returns its exit status. Signals end it as they end
// any program: there is nothing to clean up, the agent notices that its caller
// has gone, and to catch them would make each start a tenth slower.
func Main() int {
	return execute(context.Background(), os.Args[1:], os.Stdout, os.Stderr)
}

// A program is one run of fob: where it writes, and what the flags of every
// command say.
type program struct {
	client    client.Client
	stdout    io.Writer
	stderr    io.Writer
	logFormat string
	json      bool
	verbose   bool
	version   bool
	// tty is the terminal where a person sits; nil where there is none.
	tty *terminal
	// begun says that a command line was understood: what fails after that is
	// no usage error, unless it says so.
	begun bool
}

// Command is the tree of fob's commands, for its manual.
func Command() *cobra.Command { return (&program{logFormat: "text"}).root() }

// execute runs one command line.
func execute(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	p := &program{stdout: stdout, stderr: stderr, logFormat: "text"}
	root := p.root()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return cli.ExitOK
	}
	var told *api.Error
	if errors.As(err, &told) {
		// The message is of others' making: it stays one line.
		cli.Report{Message: cli.Clean(told.Message), Code: string(told.Code), Hint: told.Hint}.Write(stderr, "fob", p.logFormat)
		return told.Code.Info().Exit
	}
	var ended *exitError
	if errors.As(err, &ended) && ended.err == nil {
		return ended.status
	}
	status := cli.Fail(stderr, cmd, p.begun, err)
	if ended != nil {
		return ended.status
	}
	return status
}

// An exitError is an exit status that isn't of the agent's making: that of a
// command which fob ran, or could not.
type exitError struct {
	status int
	err    error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit status %d", e.status)
	}
	return e.err.Error()
}

// say writes one line on stderr for the person who waits.
func (p *program) say(message string) {
	if p.logFormat == "json" {
		if log, err := cli.Logger(p.stderr, p.logFormat); err == nil {
			log.Info(message)
		}
		return
	}
	fmt.Fprintf(p.stderr, "fob: %s\n", cli.Clean(message))
}

// root is the tree of commands.
func (p *program) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "fob",
		Short: "AWS sessions and codes from the tokens behind the agent",
		Long: `fob asks the agent, fobd, which owns the tokens: one touch buys a session, and
any number of callers share it. In the AWS config a profile gets its
credentials by

    credential_process = fob credentials --profile NAME`,
		Args:          cobra.NoArgs,
		SilenceErrors: true,
		SilenceUsage:  true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			if err := cli.Worded(cmd.Flags()); err != nil {
				return err
			}
			p.begun = true
			if _, err := cli.Logger(p.stderr, p.logFormat); err != nil {
				return err
			}
			if p.client.Socket == "" {
				p.client.Socket = os.Getenv("FOB_SOCKET")
			}
			var err error
			p.client.Ticket, err = ticket()
			if err != nil {
				return err
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			if p.version {
				_, err := fmt.Fprintf(p.stdout, "fob %s\n", cli.Version())
				return err
			}
			return cmd.Help()
		},
	}
	root.CompletionOptions.DisableDefaultCmd = true
	root.Flags().BoolVar(&p.version, "version", false, "print the version")
	flags := root.PersistentFlags()
	flags.StringVar(&p.client.Socket, "socket", "", "the agent's socket (default FOB_SOCKET, else fob/agent.sock in XDG_RUNTIME_DIR)")
	flags.StringVar(&p.logFormat, "log-format", "text", "format of what is told on stderr: text or json")
	flags.BoolVarP(&p.verbose, "verbose", "v", false, "tell what is waited for even where stderr is no terminal")
	root.AddCommand(
		p.statusCommand(), p.tokensCommand(), p.listCommand(), p.watchCommand(), p.codeCommand(),
		p.credentialsCommand(), p.envCommand(), p.execCommand(), p.sessionsCommand(),
		p.enrollCommand(), p.unenrollCommand(), p.bindCommand(), p.bindingsCommand(), p.unbindCommand(),
		p.driftCommand(), p.resyncCommand(), p.tokenCommand(), p.keysCommand(), p.serviceCommand(),
		p.setupCommand(), p.doctorCommand(), p.completionCommand(),
		p.lockCommand(), p.unlockCommand(), p.auditCommand(), p.ticketCommand(),
	)
	cli.KnownHelp(root)
	return root
}

// jsonFlag gives a command --json.
func (p *program) jsonFlag(cmd *cobra.Command) *cobra.Command {
	cmd.Flags().BoolVar(&p.json, "json", false, "print JSON")
	return cmd
}

// profileFlag gives a command --profile, which needed then asks for.
func profileFlag(cmd *cobra.Command, into *string) {
	cmd.Flags().StringVarP(into, "profile", "p", "", "the profile")
	// It fails for a flag that isn't there or has a completion, and this one is
	// new.
	_ = cmd.RegisterFlagCompletionFunc("profile", completeProfile)
}

// needed returns a usage error where a flag is empty.
func needed(flag, value string) error {
	if value == "" {
		return cli.Usagef("--%s is needed", flag)
	}
	return nil
}
