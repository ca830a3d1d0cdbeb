package fobemu

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fob-auth/fob/cmd/internal/cli"
	"github.com/fob-auth/fob/emulator/reader"
)

// handlerName is what make calls the readers' handler, beside this program.
const handlerName = "libifdfob.so"

func (p *program) pcscdCommand() *cobra.Command {
	var path, handler string
	var remote bool
	cmd := &cobra.Command{
		Use:   "pcscd --bench FILE",
		Short: "Serve a bench file with a private pcscd until interrupted",
		Long: `Serve the tokens of a bench file until interrupted, as "fobemu run" does, with a
pcscd of its own: each token with "attach: reader" is in a PC/SC reader there.
It needs root, or user namespaces. Once everything is ready, stdout has the
lines that a shell needs for PC/SC clients, then "fobemu: ready SOCKET".`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return p.pcscd(cmd, path, handler, remote) },
	}
	cmd.Flags().StringVar(&path, "bench", "", "the bench file (YAML)")
	cmd.Flags().StringVar(&handler, "handler", "", "the readers' handler (default "+handlerName+" beside this program)")
	remoteFlag(cmd, &remote)
	return cmd
}

var errPcscdEnded = errors.New("pcscd ended")

func (p *program) pcscd(cmd *cobra.Command, path, handler string, remote bool) (err error) {
	if handler, err = handlerPath(handler); err != nil {
		return err
	}
	b, err := p.open(cmd.Context(), path, remote)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	d, err := reader.Start(cmd.Context(), b.Bench, reader.Options{Handler: handler, Log: p.log})
	if errors.Is(err, reader.ErrNotInstalled) {
		err = cli.Hint(err, "apt-get install pcscd")
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	if _, err := fmt.Fprintf(cmd.OutOrStdout(), "export %s=%s\nexport FOBEMU_SOCKET=%s\nfobemu: ready %s\n",
		reader.SocketVariable, quote(d.Socket()), quote(b.socket), b.socket); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(cmd.Context())
	defer cancel(nil)
	go func() {
		select {
		case <-d.Done():
			cancel(errPcscdEnded)
		case <-ctx.Done():
		}
	}()
	if err := p.serve(ctx, b); err != nil {
		return err
	}
	if context.Cause(ctx) == errPcscdEnded {
		return errPcscdEnded
	}
	return nil
}

// handlerPath is where the readers' handler is.
func handlerPath(given string) (string, error) {
	if given != "" {
		return given, nil
	}
	self, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("look for %s beside this program: %w", handlerName, err)
	}
	path := filepath.Join(filepath.Dir(self), handlerName)
	if _, err := os.Stat(path); err != nil {
		return "", cli.Hint(fmt.Errorf("%s is not beside this program: %w", handlerName, err), "'make build' builds it where libpcsclite is installed; --handler names another")
	}
	return path, nil
}

// quote writes a path as one word of a shell.
func quote(path string) string { return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'" }
