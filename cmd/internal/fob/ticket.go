package fob

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/fob-auth/fob/agent/api"
	"github.com/fob-auth/fob/cmd/internal/cli"
)

// maxTicket bounds what is read of a ticket's file, in bytes.
const maxTicket = 4096

// ticket returns the ticket that the environment names, FOB_TICKET or the first
// line of the file FOB_TICKET_FILE; "" where it names none.
func ticket() (string, error) {
	if t := os.Getenv("FOB_TICKET"); t != "" {
		return t, nil
	}
	path := os.Getenv("FOB_TICKET_FILE")
	if path == "" {
		return "", nil
	}
	f, err := os.Open(path)
	if err != nil {
		return "", cli.Hint(fmt.Errorf("ticket: %w", err), "FOB_TICKET_FILE names it; 'fob ticket issue' makes one")
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxTicket))
	if err != nil {
		return "", fmt.Errorf("ticket: %w", err)
	}
	line, _, _ := strings.Cut(string(b), "\n")
	return strings.TrimSpace(line), nil
}

func (p *program) ticketCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "ticket",
		Short: "Tickets for the restricted socket: for a container, or over SSH",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(p.ticketIssueCommand(), p.ticketListCommand(), p.ticketRevokeCommand())
	return cmd
}

func (p *program) ticketIssueCommand() *cobra.Command {
	var req api.TicketRequest
	var life time.Duration
	cmd := p.jsonFlag(&cobra.Command{
		Use:   "issue --name NAME --profile NAME",
		Short: "Print a ticket that gets sessions of the named profiles, and nothing else",
		Long: `Prints a ticket, which can't be had again. Where FOB_SOCKET names the restricted
socket (remote in fob.yaml) and FOB_TICKET is the ticket, 'fob credentials' gets
sessions of roles, for at most an hour each.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := needed("name", req.Name); err != nil {
				return err
			}
			if len(req.Profiles) == 0 {
				return cli.Usagef("--profile is needed")
			}
			if life < time.Second || life > 30*24*time.Hour {
				return cli.Usagef("--ttl has to be from 1s to 720h")
			}
			req.TTLSeconds = int(life / time.Second)
			made, err := p.client.IssueTicket(cmd.Context(), req)
			if err != nil {
				return err
			}
			return p.print(made, func(b *page) { b.line("%s", made.Secret) })
		},
	})
	cmd.Flags().StringVar(&req.Name, "name", "", "how the audit log calls whoever uses it")
	cmd.Flags().StringArrayVarP(&req.Profiles, "profile", "p", nil, "a profile that it is for; may be given more than once")
	cmd.Flags().DurationVar(&life, "ttl", 8*time.Hour, "how long it is good for")
	return cmd
}

func (p *program) ticketListCommand() *cobra.Command {
	return p.jsonFlag(&cobra.Command{
		Use:   "list",
		Short: "List the tickets that are good",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			all, err := p.client.Tickets(cmd.Context())
			if err != nil {
				return err
			}
			return printList(cmd.Context(), p, all, func(b *page) {
				b.row("ID", "NAME", "PROFILES", "ISSUED", "EXPIRES")
				for _, t := range all {
					b.row(t.ID, t.Name, strings.Join(t.Profiles, ", "), stamp(t.Issued), stamp(t.Expires))
				}
			})
		},
	})
}

func (p *program) ticketRevokeCommand() *cobra.Command {
	return p.jsonFlag(&cobra.Command{
		Use:   "revoke NAME",
		Short: "Take a ticket back, by its name or its ID",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := p.client.RevokeTicket(cmd.Context(), args[0]); err != nil {
				return err
			}
			return p.print(struct {
				ID string `json:"id"`
			}{args[0]}, func(b *page) {
				b.line("ticket %s is good no more; sessions that it got live until they expire", args[0])
			})
		},
	})
}
