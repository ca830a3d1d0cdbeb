package fob

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/fob-auth/fob/agent/api"
	"github.com/fob-auth/fob/cmd/internal/cli"
)

func (p *program) tokenCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "token",
		Short: "Do something to one token",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(p.tokenUnlockCommand())
	return cmd
}

func (p *program) tokenUnlockCommand() *cobra.Command {
	req := api.TokenUnlockRequest{}
	cmd := p.jsonFlag(&cobra.Command{
		Use:   "unlock TOKEN",
		Short: "Open a token's accounts with their password",
		Long: `Opens the OATH accounts of a token, until the agent ends. The password is asked
for on the terminal, or is the first line of stdin where that is none. What the
agent keeps isn't the password, but the key that it stands for on that token.

With --remember the key outlives the agent, sealed with a key of the Secret
Service or of the kernel's keyring. Without, what was remembered is forgotten.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			req.Token = args[0]
			var err error
			if req.Password, err = p.password(fmt.Sprintf("password of token %s:", cli.Clean(req.Token))); err != nil {
				return err
			}
			t, err := p.client.UnlockToken(cmd.Context(), req)
			if err != nil {
				return err
			}
			return p.print(t, func(b *page) {
				b.line("token %s is unlocked; credentials: %d", t.Serial, t.Credentials)
			})
		},
	})
	cmd.Flags().BoolVar(&req.Remember, "remember", false, "keep the key beyond the agent's end, sealed")
	return cmd
}
