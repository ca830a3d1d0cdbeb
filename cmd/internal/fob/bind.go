package fob

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/fob-auth/fob/agent/api"
)

func (p *program) bindCommand() *cobra.Command {
	var req api.BindRequest
	cmd := p.jsonFlag(&cobra.Command{
		Use:   "bind --profile NAME",
		Short: "Bind a profile's MFA device to a credential on a token",
		Long: `Binds the profile's MFA device to a credential on a token that is plugged in.

With --attest the token proves its serial, now and whenever it is connected: by
a key that was made in one of its PIV slots, with PIN policy and touch policy
never. Where there is none yet,

    ykman piv keys generate -a ECCP256 --pin-policy NEVER --touch-policy NEVER 9a -

makes it, in place of any key that is in the slot. With another --slot, 82 to
95, the slots of other programs stay as they are.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := needed("profile", req.Profile); err != nil {
				return err
			}
			return patient(p, cmd.Context(), req.Profile, func(ctx context.Context) (api.Binding, error) {
				return p.client.Bind(ctx, req)
			}, func(b *page, bound api.Binding) {
				b.line("MFA device %s is bound to %s", bound.MFASerial, place(bound))
			})
		},
	})
	profileFlag(cmd, &req.Profile)
	cmd.Flags().StringVar(&req.Token, "token", "", "serial of the token, where more than one fits")
	cmd.Flags().StringVar(&req.Credential, "credential", "", "name of the credential, where more than one fits")
	cmd.Flags().BoolVar(&req.Attest, "attest", false, "have the token prove its serial, now and at each connect")
	cmd.Flags().StringVar(&req.Slot, "slot", "", "PIV slot of the key that proves it (default 9a)")
	return cmd
}

// place says where a binding leads.
func place(b api.Binding) string {
	s := "token " + b.Token
	if b.Credential != "" {
		s = fmt.Sprintf("credential %s on %s", b.Credential, s)
	}
	if b.Emulated {
		s += " (emulated)"
	}
	if b.AttestedBy != "" {
		s += ", which proves its serial by PIV slot " + b.AttestedBy
	}
	return s
}

// patient makes a call that may wait for a person or for a time step, tells
// what it waits for, and prints what it brought.
func patient[T any](p *program, ctx context.Context, profile string, call func(context.Context) (T, error), text func(*page, T)) error {
	stop := p.tell(ctx, profile)
	out, err := call(ctx)
	stop()
	if err != nil {
		return err
	}
	return p.print(out, func(b *page) { text(b, out) })
}

func (p *program) bindingsCommand() *cobra.Command {
	return p.jsonFlag(&cobra.Command{
		Use:   "bindings",
		Short: "List which MFA device is bound to which credential",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			all, err := p.client.Bindings(cmd.Context())
			if err != nil {
				return err
			}
			return printList(cmd.Context(), p, all, func(b *page) {
				b.row("ID", "ACCOUNT", "MFA DEVICE", "TOKEN", "CREDENTIAL", "EMULATED", "PROVED BY", "SINCE")
				for _, v := range all {
					b.row(v.ID, v.Account, v.MFASerial, v.Token, v.Credential, yes(v.Emulated), v.AttestedBy, stamp(v.Bound))
				}
			})
		},
	})
}

func (p *program) unbindCommand() *cobra.Command {
	return p.jsonFlag(&cobra.Command{
		Use:   "unbind ID",
		Short: "Take a binding away",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := p.client.Unbind(cmd.Context(), args[0]); err != nil {
				return err
			}
			return p.print(struct {
				ID string `json:"id"`
			}{args[0]}, func(b *page) {
				b.line("binding %s is gone; AWS still knows the MFA device", args[0])
			})
		},
	})
}

func (p *program) resyncCommand() *cobra.Command {
	var req api.ResyncRequest
	cmd := p.jsonFlag(&cobra.Command{
		Use:   "resync --profile NAME",
		Short: "Hand AWS two consecutive codes, so that it knows the token's clock",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := needed("profile", req.Profile); err != nil {
				return err
			}
			return patient(p, cmd.Context(), req.Profile, func(ctx context.Context) (api.Resync, error) {
				return p.client.Resync(ctx, req)
			}, func(b *page, r api.Resync) {
				b.line("MFA device %s is in step with token %s again: AWS now adds %d steps", r.MFASerial, r.Token, r.Adjustment)
			})
		},
	})
	profileFlag(cmd, &req.Profile)
	return cmd
}
