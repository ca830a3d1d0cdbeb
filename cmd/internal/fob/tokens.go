package fob

import (
	"cmp"
	"context"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/fob-auth/fob/agent/api"
)

func (p *program) statusCommand() *cobra.Command {
	return p.jsonFlag(&cobra.Command{
		Use:   "status",
		Short: "Tell what the agent is and how it does",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := p.client.Status(cmd.Context())
			if err != nil {
				return err
			}
			return p.print(s, func(b *page) {
				b.row("agent", fmt.Sprintf("%s, pid %d, since %s", s.Version, s.PID, stamp(s.Started)))
				b.row("socket", s.Socket)
				if s.Locked {
					b.row("locked", "nothing is handed out, and nothing else told; 'fob unlock' unlocks it")
					return
				}
				b.row("tokens", strconv.Itoa(s.Tokens))
				b.row("sessions", strconv.Itoa(s.Sessions))
				if s.Waiting > 0 {
					b.row("waiting", fmt.Sprintf("%d callers", s.Waiting))
				}
				for _, l := range s.LeftOut {
					b.row("left out", l)
				}
				for _, w := range s.Warnings {
					b.row("warning", w)
				}
			})
		},
	})
}

func (p *program) tokensCommand() *cobra.Command {
	return p.jsonFlag(&cobra.Command{
		Use:   "tokens",
		Short: "List the tokens that are plugged in",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			tokens, err := p.client.Tokens(cmd.Context())
			if err != nil {
				return err
			}
			missing, err := p.leftOut(cmd.Context())
			if err != nil {
				return err
			}
			return printList(cmd.Context(), p, tokens, func(b *page) {
				b.row("SERIAL", "MODEL", "FIRMWARE", "DRIVER", "STATE", "CREDENTIALS", "EMULATED", "PATH")
				for _, t := range tokens {
					b.row(t.Serial, t.Model, t.Firmware, t.Driver, string(t.State),
						strconv.Itoa(t.Credentials), yes(t.Emulated), t.Path)
				}
				for _, t := range tokens {
					name := cmp.Or(t.Serial, t.Path)
					if t.State == api.TokenLocked {
						b.line("%s: locked; 'fob token unlock %s' opens it", name, t.Serial)
					}
					if t.Proved {
						b.line("%s: proved its serial when it was connected", name)
					}
					for _, note := range append(nonEmpty(t.Error), t.Notes...) {
						b.line("%s: %s", name, note)
					}
				}
				for _, l := range missing {
					b.line("left out: %s", l)
				}
			})
		},
	})
}

// leftOut lists the drivers that the agent was built without; a list of tokens
// that can't be complete has to say so. JSON has them in the status.
func (p *program) leftOut(ctx context.Context) ([]string, error) {
	if p.json {
		return nil, nil
	}
	s, err := p.client.Status(ctx)
	return s.LeftOut, err
}

func nonEmpty(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

func (p *program) listCommand() *cobra.Command {
	return p.jsonFlag(&cobra.Command{
		Use:   "list",
		Short: "List the credentials on the tokens",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			all, err := p.client.Credentials(cmd.Context())
			if err != nil {
				return err
			}
			return printList(cmd.Context(), p, all, func(b *page) {
				b.row("TOKEN", "CREDENTIAL", "CODE", "TOUCH", "MFA DEVICE")
				for _, c := range all {
					b.row(c.Token, c.ID, codeKind(c), yes(c.Touch), c.MFASerial)
				}
				for _, c := range all {
					if c.Unusable != "" {
						b.line("%s on %s: AWS can't take its codes: %s", c.ID, c.Token, c.Unusable)
					}
				}
			})
		},
	})
}

// codeKind says what codes a credential makes: TOTP SHA1 6 digits 30s.
func codeKind(c api.Credential) string {
	s := fmt.Sprintf("%s %s %d digits", c.Type, c.Algorithm, c.Digits)
	if c.PeriodSeconds > 0 {
		s += fmt.Sprintf(" %ds", c.PeriodSeconds)
	}
	return s
}
