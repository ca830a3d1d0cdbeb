package fobaws

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"time"

	"github.com/fob-auth/fob/cmd/internal/cli"
	"github.com/fob-auth/fob/sts/local"
	"github.com/fob-auth/fob/sts/local/clock"
	"github.com/fob-auth/fob/sts/local/journal"
	"github.com/fob-auth/fob/sts/local/world"
)

// Limits of the HTTP server. A client that is slower than these is cut off; a
// stop waits for requests under way no longer than stopTimeout.
const (
	headerTimeout = 10 * time.Second
	readTimeout   = 60 * time.Second
	writeTimeout  = 60 * time.Second
	idleTimeout   = 120 * time.Second
	maxHeaders    = 64 << 10
	stopTimeout   = time.Second
)

// serveOptions are the flags of serve.
type serveOptions struct {
	world, listen, state, clock string
	propagation, skew           time.Duration
	inheritMFA, allowRemote     bool
}

// check turns the flags into a server's options. Its errors are of usage, but
// for a world that can't be read.
func (o serveOptions) check(ctx context.Context, log *slog.Logger) (local.Options, error) {
	options := local.Options{
		Propagation: o.propagation, SignatureSkew: o.skew, InheritMFA: o.inheritMFA, Log: log,
	}
	if o.world == "" && o.state == "" {
		return options, cli.Usagef("want --world, --state or both")
	}
	if o.propagation < 0 || o.skew <= 0 {
		return options, cli.Usagef("--propagation can't be negative, --signature-skew has to be positive")
	}
	if err := checkListen(o.listen, o.allowRemote); err != nil {
		return options, err
	}
	var err error
	if options.Clock, err = clock.Parse(o.clock); err != nil {
		return options, cli.Usagef("--clock: %v", err)
	}
	if o.world != "" {
		if options.World, err = loadWorld(ctx, o.world, log); err != nil {
			return options, cli.Hint(err, "'fobaws serve --help' shows what a world looks like")
		}
	}
	return options, nil
}

// loadWorld reads the world file, which may be a pipe.
func loadWorld(ctx context.Context, path string, log *slog.Logger) (*world.World, error) {
	return cli.Await(ctx, func() (*world.World, error) {
		w, shared, err := world.Load(path)
		warnShared(log, err == nil && shared, path)
		return w, err
	})
}

func warnShared(log *slog.Logger, shared bool, path string) {
	if shared {
		log.Warn("others can read this file, which holds keys and seeds", "file", path, "hint", "chmod 600 "+path)
	}
}

// checkListen refuses addresses that others can reach, unless they are asked
// for: the server trusts whoever reaches its clock.
func checkListen(address string, allowRemote bool) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return cli.Usagef("--listen: %v", err)
	}
	if allowRemote || host == "localhost" {
		return nil
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return cli.Usagef("--listen %s is not a loopback address: others could reach it (--allow-remote)", address)
	}
	return nil
}

// explain gives its hint to an error that keeps the server from its state.
func (o serveOptions) explain(err error) error {
	var world *local.WorldError
	switch {
	case errors.As(err, &world):
		return cli.Hint(fmt.Errorf("%s: %w", o.world, world), "'fobaws serve --help' shows what a world looks like")
	case errors.Is(err, local.ErrLostState):
		return cli.Hint(err, "put fobaws.db back into %[1]s, take another folder with --state, or give the objects up with 'rm -r %[1]s/objects'", o.state)
	case o.state != "":
		return cli.Hint(err, "'ls -l %[1]s' shows what is there, 'df %[1]s' whether the disk is full; --state takes another folder too", o.state)
	}
	return err
}

// serve listens until ctx ends, and then lets requests under way finish.
func (o serveOptions) serve(ctx context.Context, options local.Options, stdout io.Writer) (err error) {
	if o.state != "" {
		j, err := journal.Open(ctx, o.state)
		if err != nil {
			return o.explain(err)
		}
		warnShared(options.Log, j.Shared(), j.Path())
		options.Journal = j
		options.Objects = filepath.Join(o.state, "objects")
	}
	aws, err := local.New(options)
	if err != nil {
		return o.explain(err)
	}
	options.World = nil // it is in the state now, and large ones are large
	defer func() { err = errors.Join(err, aws.Close()) }()
	var listen net.ListenConfig
	listener, err := listen.Listen(ctx, "tcp", o.listen)
	if err != nil {
		return cli.Hint(err, "'fobaws serve --listen 127.0.0.1:0' takes a port that is free")
	}
	h := &http.Server{
		Handler: aws, ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout,
		WriteTimeout: writeTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaders,
		ErrorLog: slog.NewLogLogger(options.Log.Handler(), slog.LevelWarn),
	}
	ended := make(chan error, 1)
	go func() { ended <- h.Serve(listener) }()
	if _, err := fmt.Fprintf(stdout, "fobaws: ready http://%s\n", listener.Addr()); err != nil {
		return errors.Join(err, h.Close(), <-ended)
	}
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	if err := h.Shutdown(stopping); err != nil {
		options.Log.Warn("requests were cut off", "error", err)
		_ = h.Close() // what Shutdown left open
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
