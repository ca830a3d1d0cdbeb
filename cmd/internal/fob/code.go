package fob

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/fob-auth/fob/agent/api"
	"github.com/fob-auth/fob/cmd/internal/cli"
)

func (p *program) codeCommand() *cobra.Command {
	var req api.CodeRequest
	var typed bool
	cmd := p.jsonFlag(&cobra.Command{
		Use:   "code [NAME]",
		Short: "Print a code",
		Long: `Prints the digits of one code and nothing else. NAME is a credential, a token's
serial or a profile; it may be left out where there is one credential. The
agent's ledger gives the code to this caller alone, unless it is peeked at.

With --type nothing is printed: the command waits until another program needs a
code that a display shows, asks for it on this terminal, and hands it over. NAME
is then a profile, or left out for all.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				if req.Name = args[0]; req.Name == "" {
					return cli.Usagef("the credential's name is empty; left out, the only credential is meant")
				}
			}
			if typed {
				if req.MFA || p.json || req.Peek || req.Token != "" {
					return cli.Usagef("--type goes with no other flag")
				}
				return p.typeCode(cmd.Context(), req.Name)
			}
			return p.code(cmd.Context(), req)
		},
	})
	cmd.Flags().StringVar(&req.Token, "token", "", "serial of the token, where two hold a credential of that name")
	cmd.Flags().BoolVar(&req.Peek, "peek", false, "don't reserve the code")
	cmd.Flags().BoolVar(&typed, "type", false, "type the code that another program waits for")
	cmd.Flags().BoolVar(&req.MFA, "mfa", false, "print MFA serial and code, as the header x-amz-mfa has them")
	return cmd
}

func (p *program) code(ctx context.Context, req api.CodeRequest) error {
	stop := p.tell(ctx, "")
	c, err := p.client.Code(ctx, req)
	stop()
	if err != nil {
		return err
	}
	if c.Code == "" || req.MFA && c.MFASerial == "" {
		return incomplete("code")
	}
	if c.Warning != "" {
		p.say("warning: " + c.Warning)
	}
	return p.print(c, func(b *page) {
		if req.MFA {
			b.line("%s %s", c.MFASerial, c.Code)
			return
		}
		b.line("%s", c.Code)
	})
}

// incomplete says that an answer lacks what it is for.
func incomplete(what string) error {
	return &api.Error{
		Code:    api.NoAgent,
		Message: "what answers on the socket gave an empty " + what,
		Hint:    "fob status",
	}
}
