package fob

import (
	"crypto/subtle"
	"errors"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/fob-auth/fob/agent/api"
	"github.com/fob-auth/fob/cmd/internal/cli"
)

func (p *program) lockCommand() *cobra.Command {
	var whenIdle bool
	cmd := p.jsonFlag(&cobra.Command{
		Use:   "lock",
		Short: "Lock the agent: nothing is handed out until it is unlocked",
		Long: `Asks for a password twice, or reads it from the first line of stdin where that is
no terminal. Cached sessions are dropped; AWS goes on accepting what was handed
out already. The agent keeps a hash of the password, in memory alone.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			password, err := p.newPassword()
			if err != nil {
				return err
			}
			state, err := p.client.Lock(cmd.Context(), api.LockRequest{Password: password, WhenIdle: whenIdle})
			if err != nil {
				return err
			}
			return p.print(state, func(b *page) {
				if whenIdle {
					b.line("the password is kept for when the agent locks itself (lock_after in fob.yaml)")
					return
				}
				b.line("the agent is locked; 'fob unlock' unlocks it")
			})
		},
	})
	cmd.Flags().BoolVar(&whenIdle, "when-idle", false, "don't lock now: set the password of the idle lock")
	return cmd
}

func (p *program) unlockCommand() *cobra.Command {
	return p.jsonFlag(&cobra.Command{
		Use:   "unlock",
		Short: "Unlock the agent",
		Long: `Asks for the password, or reads it from the first line of stdin where that is no
terminal. An agent that locked itself and was never given a password takes an
empty one.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			password, err := p.password("password:")
			if err != nil && !errors.Is(err, errNoPassword) {
				return err
			}
			state, err := p.client.Unlock(cmd.Context(), api.UnlockRequest{Password: password})
			if err != nil {
				return err
			}
			return p.print(state, func(b *page) { b.line("the agent is unlocked") })
		},
	})
}

// newPassword reads a password, twice from a terminal.
func (p *program) newPassword() (string, error) {
	first, err := p.password("password to unlock with:")
	if err != nil || !term.IsTerminal(int(os.Stdin.Fd())) {
		return first, err
	}
	second, err := p.password("again:")
	if err != nil {
		return "", err
	}
	if subtle.ConstantTimeCompare([]byte(first), []byte(second)) != 1 {
		return "", cli.Usagef("the two passwords differ; nothing was locked")
	}
	return first, nil
}
