package fobemu

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/spf13/cobra"

	"github.com/fob-auth/fob/cmd/internal/cli"
	"github.com/fob-auth/fob/emulator/api"
)

func (p *program) statusCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show the tokens of the bench",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := p.dial()
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), answerTimeout)
			defer cancel()
			var tokens []api.Token
			if err := c.do(ctx, api.PathTokens, nil, &tokens); err != nil {
				return err
			}
			return p.print(cmd.OutOrStdout(), tokens, func() string { return table(tokens) })
		},
	}
	p.jsonFlag(cmd)
	return cmd
}

func (p *program) pressCommand() *cobra.Command {
	var wait, hold time.Duration
	cmd := &cobra.Command{
		Use:   "press TOKEN",
		Short: "Press the button of a token that waits for it",
		Long: `Press the button of a token that waits for it. With --hold a fob's button is
pressed whether or not it waits, and let go so long after: ten seconds make it
forget its seed.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ms, err := milliseconds("wait", wait)
			if err != nil {
				return err
			}
			held, err := milliseconds("hold", hold)
			if err != nil {
				return err
			}
			return p.act(cmd, api.PathPress, args[0], api.Press{WaitMS: ms, HoldMS: held}, wait+hold)
		},
	}
	cmd.Flags().DurationVar(&wait, "wait", 0, "wait so long for the token to wait for its button")
	cmd.Flags().DurationVar(&hold, "hold", 0, "hold a fob's button for so long, up to a minute")
	p.jsonFlag(cmd)
	return cmd
}

func (p *program) plugCommand() *cobra.Command {
	return p.simpleCommand("plug", "Plug a token in", api.PathPlug)
}

func (p *program) unplugCommand() *cobra.Command {
	return p.simpleCommand("unplug", "Take a token out", api.PathUnplug)
}

func (p *program) resetCommand() *cobra.Command {
	return p.simpleCommand("reset", "Make a token as the bench file has it: credentials, clock, no faults", api.PathReset)
}

// simpleCommand does something to a token that needs no more than its name.
func (p *program) simpleCommand(verb, short, path string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   verb + " TOKEN",
		Short: short,
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.act(cmd, path, args[0], struct{}{}, 0)
		},
	}
	p.jsonFlag(cmd)
	return cmd
}

func (p *program) clockCommand() *cobra.Command {
	var offset, advance time.Duration
	var ppm float64
	var freeze bool
	cmd := &cobra.Command{
		Use:   "clock TOKEN",
		Short: "Show or move a token's clock",
		Example: `  fobemu clock fob1 --offset -40s       # 40 s behind the host
  fobemu clock fob1 --advance 5m        # five minutes forward
  fobemu clock fob1 --ppm 20            # from now on 20 microseconds a second fast
  fobemu clock fob1 --freeze            # stand still; --freeze=false goes on from there`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var ch api.ClockChange
			given := cmd.Flags().Changed
			for name, d := range map[string]struct {
				from time.Duration
				to   **int64
			}{"offset": {offset, &ch.OffsetMS}, "advance": {advance, &ch.AdvanceMS}} {
				if !given(name) {
					continue
				}
				ms, err := milliseconds(name, d.from)
				if err != nil {
					return err
				}
				*d.to = &ms
			}
			if given("ppm") {
				if err := finite("ppm", ppm); err != nil {
					return err
				}
				ch.PPM = &ppm
			}
			if given("freeze") {
				ch.Freeze = &freeze
			}
			if ch == (api.ClockChange{}) {
				return p.act(cmd, api.PathToken, args[0], nil, 0)
			}
			return p.act(cmd, api.PathClock, args[0], ch, 0)
		},
	}
	f := cmd.Flags()
	f.DurationVar(&offset, "offset", 0, "set the clock to the host's time plus so much, like -40s")
	f.DurationVar(&advance, "advance", 0, "move the clock forward by so much, or back where negative")
	f.Float64Var(&ppm, "ppm", 0, "rate error in parts per million, positive for a fast clock")
	f.BoolVar(&freeze, "freeze", false, "stop the clock")
	p.jsonFlag(cmd)
	return cmd
}

func (p *program) jsonFlag(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&p.json, "json", false, "print JSON")
}

// milliseconds is the value of a flag for the wire, which knows nothing finer.
func milliseconds(flag string, d time.Duration) (int64, error) {
	if d%time.Millisecond != 0 {
		return 0, cli.Usagef("--%s %v: milliseconds are the finest there is", flag, d)
	}
	return d.Milliseconds(), nil
}

// finite refuses the values of a flag that the wire, which is JSON, has no word
// for.
func finite(flag string, v float64) error {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return cli.Usagef("--%s %v: must be a number", flag, v)
	}
	return nil
}

func (p *program) dial() (*client, error) {
	socket, err := p.socketPath()
	if err != nil {
		return nil, err
	}
	return newClient(socket), nil
}

// act does something to a token and prints what became of it. The bench may
// take wait longer than usual.
func (p *program) act(cmd *cobra.Command, path, name string, body any, wait time.Duration) error {
	c, err := p.dial()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), answerTimeout+max(wait, 0))
	defer cancel()
	t, err := c.token(ctx, path, name, body)
	if err != nil {
		return refusal(cmd, name, err)
	}
	return p.print(cmd.OutOrStdout(), t, func() string { return sentence(t) })
}

// refusal names the command and the token where the bench refused something, and
// what helps.
func refusal(cmd *cobra.Command, name string, err error) error {
	var refused *api.Error
	if !errors.As(err, &refused) {
		return err
	}
	told := fmt.Errorf("%s %s: %w", cmd.Name(), name, err)
	switch refused.Code {
	case api.CodeUnknown:
		return cli.Hint(fmt.Errorf("%s: %w", cmd.Name(), err), "'fobemu status' lists the tokens") // err names it
	case api.CodeUnplugged:
		return cli.Hint(told, "fobemu plug %s", name)
	case api.CodeNotWaiting:
		return cli.Hint(told, "'fobemu press %s --wait 10s' waits for it to wait", name)
	case api.CodeNever:
		return cli.Hint(told, "'fobemu run --help' shows what a bench file says of buttons")
	case api.CodeFailed, api.CodeClosed:
		return cli.Hint(told, "'fobemu status' shows how the bench does")
	}
	return cli.Hint(told, "%s --help", cmd.CommandPath())
}
