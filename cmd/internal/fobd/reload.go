package fobd

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"os/signal"

	"github.com/fob-auth/fob/agent/config"
	"github.com/fob-auth/fob/cmd/internal/cli"
)

// reloads gives the config anew at each SIGHUP, until ctx ends. A file that
// can't be used is told of, and the config stays what it was.
func reloads(ctx context.Context, file string, log *slog.Logger) <-chan *config.Config {
	if len(hangup) == 0 {
		return nil // Notify would take none for all
	}
	told := make(chan os.Signal, 1)
	signal.Notify(told, hangup...)
	out := make(chan *config.Config)
	go func() {
		defer signal.Stop(told)
		for {
			select {
			case <-told:
			case <-ctx.Done():
				return
			}
			c, err := config.Load(file)
			if err != nil {
				log.Error("the config is left as it was", "error", err)
				continue
			}
			select {
			case out <- c:
			case <-ctx.Done():
				return
			}
		}
	}()
	return out
}

// load reads the config. One that nobody named and that isn't there says
// nothing: hardware tokens and the AWS files' profiles need none.
func load(file string, named bool, log *slog.Logger) (*config.Config, error) {
	c, err := config.Load(file)
	switch {
	case !errors.Is(err, fs.ErrNotExist):
		return c, err
	case named:
		return nil, cli.Hint(err, "'fob setup' writes one")
	}
	log.Info("there is no configuration file; the AWS files' profiles are served", "file", file)
	return config.Parse(file, nil)
}
