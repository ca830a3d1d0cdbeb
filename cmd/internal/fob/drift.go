package fob

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/fob-auth/fob/agent/api"
	"github.com/fob-auth/fob/cmd/internal/cli"
)

func (p *program) driftCommand() *cobra.Command {
	var plotted bool
	cmd := p.jsonFlag(&cobra.Command{
		Use:   "drift [TOKEN]",
		Short: "Tell how the clocks of bound tokens drift, and when they leave AWS's window",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if plotted && p.json {
				return cli.Usagef("a plot isn't JSON: either --plot or --json")
			}
			all, err := p.client.Drift(cmd.Context())
			if err != nil {
				return err
			}
			if err := p.sayLocked(cmd.Context(), len(all)); err != nil {
				return err
			}
			if len(args) == 1 {
				if all, err = driftOf(all, args[0]); err != nil {
					return err
				}
			}
			return p.print(all, func(b *page) {
				b.row("TOKEN", "MFA DEVICE", "STATE", "OFFSET", "ADJUSTMENT", "RATE", "LEAVES", "IN WORDS")
				for _, d := range all {
					b.row(d.Token, d.MFASerial, string(d.State),
						offset(d), adjustment(d), rate(d), leaves(d), d.Message)
				}
				for _, d := range all {
					if plotted {
						plot(b, d)
					}
					warn(b, d)
				}
			})
		},
	})
	cmd.Flags().BoolVar(&plotted, "plot", false, "draw each clock's way through AWS's window")
	return cmd
}

// warn adds what has to be done about a clock, or is done by the agent.
func warn(b *page, d api.Drift) {
	switch {
	case d.ResyncDue && d.AutoResync:
		b.line("token %s: the agent resyncs it with its next session, as its profile allows; or now: %s", d.Token, d.Hint)
	case d.State == api.DriftOutside && d.ResyncDue:
		b.line("token %s: a resync brings it back: %s", d.Token, d.Hint)
	case d.ResyncDue:
		b.line("token %s: it is time for a resync, while that is cheap: %s", d.Token, d.Hint)
	case d.Hint != "":
		b.line("token %s: %s", d.Token, d.Hint)
	}
}

// offset writes how far off a clock is, where it could be read.
func offset(d api.Drift) string {
	if d.State == api.DriftLost || d.State == api.DriftUnread {
		return ""
	}
	return fmt.Sprintf("%+.1fs", d.OffsetSeconds)
}

// rate writes how fast a clock runs wrong, where more than one reading tells.
func rate(d api.Drift) string {
	if d.Readings < 2 {
		return ""
	}
	return fmt.Sprintf("%+.1f±%.1f ppm", d.RatePPM, d.RateErrorPPM)
}

// leaves writes when a clock leaves the window: the likeliest day, or the
// earliest where there is no likely one.
func leaves(d api.Drift) string {
	switch {
	case d.State == api.DriftOutside:
		return "outside"
	case !d.Leaves.IsZero():
		return d.Leaves.Local().Format(time.DateOnly)
	case !d.LeavesEarliest.IsZero():
		return "after " + d.LeavesEarliest.Local().Format(time.DateOnly)
	}
	return ""
}

// driftOf picks the rows of one token, named by its serial or by that of its
// MFA device.
func driftOf(all []api.Drift, name string) ([]api.Drift, error) {
	var some []api.Drift
	for _, d := range all {
		if d.Token == name || d.MFASerial == name {
			some = append(some, d)
		}
	}
	if some == nil {
		return nil, &api.Error{
			Code:    api.NoToken,
			Message: fmt.Sprintf("no bound token %q is plugged in", name),
			Hint:    "fob bindings",
		}
	}
	return some, nil
}

// adjustment says what AWS adds for a device, where that is known.
func adjustment(d api.Drift) string {
	switch {
	case !d.AdjustmentKnown:
		return "unknown"
	case d.AdjustmentLow != d.AdjustmentHigh:
		return fmt.Sprintf("%+d to %+d steps", d.AdjustmentLow, d.AdjustmentHigh)
	}
	return fmt.Sprintf("%+d steps", d.Adjustment)
}
