// Package fobd is the program fobd: it reads the configuration, takes over a
// socket that the service manager may have opened, and runs the agent until it
// is told to end.
package fobd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"runtime/debug"
	"strings"

	"github.com/coreos/go-systemd/v22/activation"
	"github.com/spf13/cobra"

	"github.com/fob-auth/fob/agent/caller"
	"github.com/fob-auth/fob/agent/config"
	"github.com/fob-auth/fob/agent/harden"
	"github.com/fob-auth/fob/agent/server"
	"github.com/fob-auth/fob/agent/store"
	"github.com/fob-auth/fob/cmd/internal/cli"
)

// A start is everything that the agent is started with.
type start struct {
	config   *config.Config
	settings config.Settings
	log      *slog.Logger
	// listener is the socket that the service manager opened; nil where the
	// agent is to open its own.
	listener net.Listener
	// find finds the program behind a process; nil to read /proc.
	find caller.Finder
	// ready is called once the agent serves.
	ready func(socket string)
	// reload gives the config each time it is to be read again.
	reload <-chan *config.Config
}

// A program is one run of fobd.
type program struct {
	stdout io.Writer
	stderr io.Writer
	// serve runs the agent until ctx ends.
	serve func(ctx context.Context, s start) error
	// confine takes from the agent what it doesn't need; nil takes nothing.
	confine func(ctx context.Context, s config.Settings, c *config.Config, environ []string) (*caller.Scout, error)
	version bool
	json    bool
	// begun says that a command line was understood: what fails after that is
	// no usage error, unless it says so.
	begun bool
}

// Command is the tree of fobd's commands, for its manual.
func Command() *cobra.Command { return (&program{}).root() }

// execute runs one command line.
func (p *program) execute(ctx context.Context, args []string) int {
	root := p.root()
	root.SetArgs(args)
	root.SetOut(p.stdout)
	root.SetErr(p.stderr)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return cli.ExitOK
	}
	if errors.Is(err, errTold) {
		return cli.ExitFailed
	}
	return cli.Fail(p.stderr, cmd, p.begun, hinted(err))
}

// hinted gives what keeps the agent from serving its hint.
func hinted(err error) error {
	var bad *config.Error
	var live *server.LiveError
	var held *store.HeldError
	switch {
	case errors.As(err, &bad) && len(bad.Faults) > 0:
		return cli.Hint(err, "'fobd check --config %s' reads it again", bad.Faults[0].File)
	case errors.As(err, &live), errors.As(err, &held):
		return cli.Hint(err, "'fob status' tells of the agent that runs")
	}
	return err
}

// scoutName is the command by which the agent starts its scout.
const scoutName = "scout"

// errTold says that what is wrong stands in the output already.
var errTold = errors.New("told")

func (p *program) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "fobd",
		Short: "The agent: it owns the tokens and buys the sessions",
		Long: `fobd owns the tokens that are plugged in, answers on a Unix socket, and turns
codes into AWS sessions, until it is interrupted. It prints one line once it
serves.`,
		Args:          cobra.NoArgs,
		SilenceErrors: true,
		SilenceUsage:  true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			err := cli.Worded(cmd.Flags())
			p.begun = err == nil
			return err
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			if p.version {
				_, err := fmt.Fprintf(p.stdout, "fobd %s\n", cli.Version())
				return err
			}
			return p.run(cmd)
		},
	}
	root.CompletionOptions.DisableDefaultCmd = true
	root.Flags().BoolVar(&p.version, "version", false, "print the version")
	config.Flags(root.PersistentFlags())
	root.AddCommand(&cobra.Command{
		Use: scoutName, Hidden: true, Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return serveScout() },
	})
	root.AddCommand(p.checkCommand())
	cli.KnownHelp(root)
	return root
}

// settle reads what flags and environment say.
func (p *program) settle(cmd *cobra.Command) (config.Settings, *slog.Logger, error) {
	settings, err := config.Settle(cmd.Flags())
	if err != nil {
		return config.Settings{}, nil, err
	}
	log, err := cli.Logger(p.stderr, settings.LogFormat)
	return settings, log, err
}

// run serves until the command's context ends.
func (p *program) run(cmd *cobra.Command) error {
	settings, log, err := p.settle(cmd)
	if err != nil {
		return err
	}
	environ := os.Environ()
	if err := shed(); err != nil {
		return err
	}
	c, err := load(settings.File, cmd.Flags().Changed("config"), log)
	if err != nil {
		return err
	}
	var scout *caller.Scout
	if p.confine != nil {
		if scout, err = p.confine(cmd.Context(), settings, c, environ); err != nil {
			return err
		}
	}
	listener, err := inherited()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(cmd.Context())
	defer cancel(nil)
	var find caller.Finder
	if scout != nil {
		find = scout.Find
		go func() {
			<-scout.Gone()
			cancel(errNoScout)
		}()
	}
	err = p.serve(ctx, start{
		config:   c,
		settings: settings,
		log:      log,
		listener: listener,
		find:     find,
		reload:   reloads(ctx, settings.File, log),
		ready: func(socket string) {
			fmt.Fprintf(p.stdout, "fobd: ready %s\n", socket)
			spare(log)
		},
	})
	if errors.Is(context.Cause(ctx), errNoScout) {
		err = errors.Join(err, errNoScout)
	}
	return err
}

// errNoScout ends the agent: a confined process can't start another scout, and
// without one nobody who asks has a name. A service manager starts both anew.
var errNoScout = errors.New("the scout, by which the confined agent knows who asks, has ended; without it the agent ends too: start fobd again")

// heapGrowth is by how many percent the heap may grow before it is collected:
// twice Go's own. The agent's is of a few MiB, so that many callers at once would
// wait for one collection after another.
const heapGrowth = 200

// spare gives back what the start alone needed: a quarter of the heap, and most
// of the program's pages.
func spare(log *slog.Logger) {
	debug.SetGCPercent(heapGrowth)
	debug.FreeOSMemory()
	if err := harden.Unmap(); err != nil {
		log.Debug("the program's pages stay in memory", "error", err)
	}
}

// inherited is the socket that the service manager opened for this very
// process, which LISTEN_PID names (sd_listen_fds(3)); nil where there is none.
func inherited() (net.Listener, error) {
	files := activation.Files(true)
	if len(files) == 0 {
		return nil, nil
	}
	return server.Inherited(files)
}

// shed takes out of the environment what could lead the agent, or a library
// below it, to another AWS than the one its own config names: the agent gets
// its endpoints, keys and proxies from nowhere else.
func shed() error {
	for _, row := range os.Environ() {
		name, _, _ := strings.Cut(row, "=")
		if !leads(name) {
			continue
		}
		if err := os.Unsetenv(name); err != nil {
			return fmt.Errorf("environment: %w", err)
		}
	}
	return nil
}

// leads reports whether a variable names an endpoint, keys or a proxy.
func leads(name string) bool {
	name = strings.ToUpper(name)
	return strings.HasPrefix(name, "AWS_") || strings.HasSuffix(name, "_PROXY")
}
