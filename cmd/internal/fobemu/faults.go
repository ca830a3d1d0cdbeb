package fobemu

import (
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/fob-auth/fob/cmd/internal/cli"
	"github.com/fob-auth/fob/emulator/api"
)

// A faultFlags is what the flags of the fault command say.
type faultFlags struct {
	fault       api.Fault
	line        api.Line
	sw          string
	late, merge time.Duration
}

func (p *program) faultCommand() *cobra.Command {
	var f faultFlags
	cmd := &cobra.Command{
		Use:   "fault TOKEN KIND",
		Short: "Let one of a token's next commands go wrong, or its line be bad",
		Long: `Let one of a token's next commands go wrong. The kinds:
  drop       no answer at all
  truncate   only the first --bytes of the answer
  status     the status word --sw and no data (cards only)
  delay      the answer, --delay late
  garbage    --bytes random bytes in the answer's place
  remove     the token is unplugged instead
Fobs alone have these:
  hang       the first --bytes of the answer, then nothing for --delay (0: for
             as long as the power lasts)
  move       unplugged instead, and back after --delay under another name: the
             line's path with -1, -2 and so on behind it
  brownout   the power fails for --delay instead: the fob starts anew
  line       at once, and until the next of this kind: the line is as bad as its
             flags say, and good without any`,
		Example: `  fobemu fault fob1 drop --after 3              # the fourth answer doesn't come
  fobemu fault fob1 hang --bytes 7              # dead in the middle of a line
  fobemu fault fob1 line --flip 0.001 --drop 0.001 --seed 7
  fobemu fault fob1 line --baud 9600            # slow, and noise at another rate
  fobemu fault fob1 line                        # a good line again`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			fault, err := f.read(cmd, api.FaultKind(args[1]))
			if err != nil {
				return err
			}
			return p.act(cmd, api.PathFault, args[0], fault, 0)
		},
	}
	f.declare(cmd)
	p.jsonFlag(cmd)
	return cmd
}

func (f *faultFlags) declare(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.IntVar(&f.fault.After, "after", 0, "how many commands still go well first")
	flags.StringVar(&f.sw, "sw", "0000", "status word, in hex")
	flags.IntVar(&f.fault.Bytes, "bytes", 0, "how many bytes are left, or made up")
	flags.DurationVar(&f.late, "delay", 0, "how late the answer comes, or how long it lasts")
	flags.Float64Var(&f.line.Flip, "flip", 0, "line: share of bytes with a bit turned, 0 to 1")
	flags.Float64Var(&f.line.Drop, "drop", 0, "line: share of bytes that don't arrive")
	flags.Float64Var(&f.line.Double, "double", 0, "line: share of bytes that arrive twice")
	flags.Float64Var(&f.line.Stray, "stray", 0, "line: share of bytes behind which a stray one arrives")
	flags.Float64Var(&f.line.Split, "split", 0, "line: share of places between bytes where a read ends")
	flags.DurationVar(&f.merge, "merge", 0, "line: how long answers are held back to arrive in one piece")
	flags.IntVar(&f.line.Baud, "baud", 0, "line: bits per second")
	flags.Uint64Var(&f.line.Seed, "seed", 0, "line: the same seed, the same faults")
}

// lineFlags are the flags of the kind line alone.
var lineFlags = []string{"flip", "drop", "double", "stray", "split", "merge", "baud", "seed"}

// read makes a fault of the flags, those that its kind has.
func (f *faultFlags) read(cmd *cobra.Command, kind api.FaultKind) (api.Fault, error) {
	fault := f.fault
	fault.Kind = kind
	for kind, flag := range map[api.FaultKind]string{
		api.FaultStatus: "sw", api.FaultDelay: "delay", api.FaultTruncate: "bytes", api.FaultGarbage: "bytes",
	} {
		if fault.Kind == kind && !cmd.Flags().Changed(flag) {
			return fault, cli.Usagef("fault %s needs --%s", kind, flag)
		}
	}
	word, err := strconv.ParseUint(strings.TrimPrefix(strings.ToLower(f.sw), "0x"), 16, 16)
	if err != nil {
		return fault, cli.Usagef("--sw %q: must be a status word of four hex digits, like 6985", f.sw)
	}
	fault.SW = uint16(word)
	if fault.DelayMS, err = milliseconds("delay", f.late); err != nil {
		return fault, err
	}
	for _, flag := range lineFlags {
		if kind != api.FaultLine && cmd.Flags().Changed(flag) {
			return fault, cli.Usagef("--%s is for the kind line", flag)
		}
	}
	if kind == api.FaultLine {
		line := f.line
		for flag, share := range map[string]float64{
			"flip": line.Flip, "drop": line.Drop, "double": line.Double, "stray": line.Stray, "split": line.Split,
		} {
			if err := finite(flag, share); err != nil {
				return fault, err
			}
		}
		if line.MergeMS, err = milliseconds("merge", f.merge); err != nil {
			return fault, err
		}
		fault.Line = &line
	}
	return fault, nil
}

func (p *program) powerCommand() *cobra.Command {
	var brownOut time.Duration
	var power api.Power
	var battery int
	cmd := &cobra.Command{
		Use:   "power TOKEN",
		Short: "Let a fob's power supply fail, or change its battery",
		Example: `  fobemu power fob1 --brown-out 200ms     # the clock stands meanwhile, and the fob starts anew
  fobemu power fob1 --new-battery         # it starts anew, and has lost its time
  fobemu power fob1 --battery 2400        # low, in millivolts; 0 for a fob that can't tell`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if power.BrownOutMS, err = milliseconds("brown-out", brownOut); err != nil {
				return err
			}
			if cmd.Flags().Changed("battery") {
				power.BatteryMV = &battery
			}
			if power == (api.Power{}) {
				return cli.Usagef("power needs --brown-out, --new-battery or --battery")
			}
			return p.act(cmd, api.PathPower, args[0], power, brownOut)
		},
	}
	flags := cmd.Flags()
	flags.DurationVar(&brownOut, "brown-out", 0, "how long the supply fails")
	flags.BoolVar(&power.NewBattery, "new-battery", false, "change the battery")
	flags.IntVar(&battery, "battery", 0, "the battery's voltage in millivolts")
	p.jsonFlag(cmd)
	return cmd
}
