package fobemu

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/fob-auth/fob/cmd/internal/cli"
	"github.com/fob-auth/fob/emulator"
	"github.com/fob-auth/fob/emulator/control"
	"github.com/fob-auth/fob/emulator/pty"
	"github.com/fob-auth/fob/emulator/vpcd"
)

func (p *program) runCommand() *cobra.Command {
	var path string
	var remote bool
	cmd := &cobra.Command{
		Use:   "run --bench FILE",
		Short: "Serve the tokens of a bench file until interrupted",
		Long: `Serve the tokens of a bench file until interrupted. Once everything is plugged
in and the socket serves, "fobemu: ready SOCKET" is printed on stdout.

A YubiKey of the bench file, of which all but kind, name and serial may be left
out:

  - kind: yubikey
    name: yk1                     # how commands call it
    serial: 12345678
    firmware: 5.4.3
    form_factor: usb-a            # nano, usb-c, c-nano, ci
    nfc: true                     # it has an antenna
    attach: socket                # reader: for fobemu pcscd; vpcd:127.0.0.1:35963
    # interface: nfc              # with attach: reader, it lies on a contactless one
    touch: auto                   # manual: fobemu press; never
    touch_timeout: 15s            # how long it waits for a touch
    state: yk1.state              # survives restarts
    credentials:                  # what it starts with
      - {name: "AWS:carol", secret: GEZDGNBVGY3TQOJQ, digits: 6, period: 30, algorithm: SHA1, touch: true}

A fob, of which all but kind, name and attach may be left out (without seed and
serial it is still to be provisioned):

  - kind: fob
    name: fob1
    serial: GAHT12345678
    seed: GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ
    attach: pty:/run/user/1000/fob1
    button: auto                  # manual, never
    battery: 3000                 # in millivolts
    codes_per_minute: 60          # that it gives at most; 0, no limit
    clock:
      offset: -40s
      ppm: 20
      temperature: {mean: 21, swing: 6, warmest: 15h}   # of the crystal, °C over the day in UTC
      series: drift.txt           # lines like "36h 2.5": time since the start, ppm from then on
    line:                         # bytes that arrive changed, not, twice, or that nobody sent
      {flip: 0.001, drop: 0.001, double: 0.001, stray: 0.001, split: 0.1, merge: 20ms, baud: 9600, seed: 7}`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return p.run(cmd, path, remote) },
	}
	cmd.Flags().StringVar(&path, "bench", "", "the bench file (YAML)")
	remoteFlag(cmd, &remote)
	return cmd
}

// remoteFlag adds the flag that lets tokens leave this machine.
func remoteFlag(cmd *cobra.Command, remote *bool) {
	cmd.Flags().BoolVar(remote, "allow-remote", false, "let tokens be attached to a vpcd on another machine")
}

func (p *program) run(cmd *cobra.Command, path string, remote bool) (err error) {
	b, err := p.open(cmd.Context(), path, remote)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	for _, t := range b.Tokens() {
		if t.Attach == emulator.AttachReader {
			return cli.Usagef("%s is attached to a reader: use fobemu pcscd --bench %s", t.Name, path)
		}
	}
	if _, err := fmt.Fprintf(cmd.OutOrStdout(), "fobemu: ready %s\n", b.socket); err != nil {
		return err
	}
	return p.serve(cmd.Context(), b)
}

// A bench is a bench with its socket and its places in vpcds, which aren't
// served yet.
type bench struct {
	*emulator.Bench
	socket string
	l      net.Listener
	slots  []*vpcd.Slot
}

// open plugs in the tokens of the bench file at path, which may be a pipe.
func (p *program) open(ctx context.Context, path string, remote bool) (*bench, error) {
	if path == "" {
		return nil, cli.Usagef("--bench is missing")
	}
	socket, err := p.socketPath()
	if err != nil {
		return nil, err
	}
	file, err := cli.Await(ctx, func() (*emulator.File, error) { return emulator.Load(path) })
	if err != nil {
		return nil, cli.Hint(fmt.Errorf("bench file: %w", err), "'fobemu run --help' shows what one looks like")
	}
	for _, w := range file.Warnings {
		p.log.Warn(w)
	}
	// The socket comes first: it is what keeps a second bench from taking over
	// this one's lines.
	l, err := control.Listen(socket)
	if err != nil {
		return nil, cli.Hint(err, "'fobemu status --socket %s' tells who serves it; --socket names another place", socket)
	}
	b, err := emulator.New(file, emulator.Options{
		Now:    time.Now,
		Random: rand.Reader,
		Line:   func(path string) (io.ReadWriteCloser, error) { return pty.Open(path) },
	})
	if err != nil {
		return nil, cli.Hint(errors.Join(err, l.Close()), "'fobemu run --help' shows what a bench file looks like")
	}
	slots, err := p.slots(b, remote)
	if err != nil {
		return nil, errors.Join(err, l.Close(), b.Close())
	}
	return &bench{b, socket, l, slots}, nil
}

// slots are the places of tokens that are attached to a vpcd.
func (p *program) slots(b *emulator.Bench, remote bool) ([]*vpcd.Slot, error) {
	var list []*vpcd.Slot
	for _, state := range b.Tokens() {
		token, err := b.Token(state.Name)
		if err != nil {
			return nil, err
		}
		addr, _, ok := token.VPCD()
		if !ok {
			continue
		}
		if err := vpcd.CheckLocal(addr); err != nil && !remote {
			return nil, cli.Usagef("%s: %v; --allow-remote lets it", state.Name, err)
		}
		list = append(list, &vpcd.Slot{Bench: b, Token: token, Addr: addr, Log: p.log})
	}
	return list, nil
}

// serve serves the bench's socket, and its places in vpcds, until ctx ends.
func (p *program) serve(ctx context.Context, b *bench) error {
	ctx, cancel := context.WithCancel(ctx)
	var work sync.WaitGroup
	defer work.Wait()
	defer cancel()
	for _, s := range b.slots {
		work.Go(func() { s.Run(ctx) })
	}
	return control.Serve(ctx, b.l, b.Bench, p.log)
}

// close unplugs the tokens. The listener is closed already where it was served.
func (b *bench) close() error {
	_ = b.l.Close()
	return b.Close()
}
