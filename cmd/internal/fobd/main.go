package fobd

import (
	"context"
	"log/slog"
	"os"

	"github.com/fob-auth/fob/agent"
	"github.com/fob-auth/fob/agent/harden"
	"github.com/fob-auth/fob/cmd/internal/cli"
)

// Main is the program. It returns its exit status: 0, 1 where the agent failed,
// 2 where it was called wrongly.
func Main() int {
	if err := harden.Begin(); err != nil {
		cli.Report{Message: err.Error()}.Write(os.Stderr, "fobd", "text")
		return cli.ExitFailed
	}
	ctx, stop := cli.Context()
	defer stop()
	p := &program{stdout: os.Stdout, stderr: os.Stderr, serve: serve, confine: confine}
	return p.execute(ctx, os.Args[1:])
}

// serve runs the agent. The second witness of its state is kept with the data,
// away from the state itself.
func serve(ctx context.Context, s start) error {
	return agent.Run(ctx, agent.Options{
		Config:             s.config,
		Log:                slog.New(killing(s.log.Handler())),
		Version:            cli.Version(),
		ConfigFile:         s.settings.File,
		StateDir:           s.settings.StateDir,
		WitnessDir:         s.settings.DataDir,
		DataDir:            s.settings.DataDir,
		AWSConfigFile:      s.settings.AWSConfig,
		AWSCredentialsFile: s.settings.AWSCredentials,
		Bus:                s.settings.Bus,
		Listener:           s.listener,
		Find:               s.find,
		Ready:              s.ready,
		Reload:             s.reload,
	})
}
