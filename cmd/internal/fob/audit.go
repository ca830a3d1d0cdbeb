package fob

import (
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/fob-auth/fob/agent/api"
	"github.com/fob-auth/fob/cmd/internal/cli"
)

// An auditFilter says which acts are shown.
type auditFilter struct {
	profile, token, outcome string
	since                   time.Duration
	last                    int
}

func (f auditFilter) shows(e api.AuditEntry, now time.Time) bool {
	return (f.profile == "" || e.Profile == f.profile) && (f.token == "" || e.Token == f.token) &&
		(f.outcome == "" || e.Outcome == f.outcome) && (f.since == 0 || !e.At.Before(now.Add(-f.since)))
}

func (p *program) auditCommand() *cobra.Command {
	var f auditFilter
	cmd := p.jsonFlag(&cobra.Command{
		Use:   "audit",
		Short: "Show who asked the agent for what, and what came of it",
		Long: `Shows the newest acts of the agent's audit log, up to a thousand; the files hold
more. 'fob audit verify' finds out whether the log is what the agent wrote.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.last < 0 || f.since < 0 {
				return cli.Usagef("--last and --since take no less than 0")
			}
			all, err := p.client.Audit(cmd.Context())
			if err != nil {
				return err
			}
			shown := []api.AuditEntry{}
			for _, e := range all {
				if f.shows(e, time.Now()) {
					shown = append(shown, e)
				}
			}
			if f.last > 0 {
				shown = shown[max(0, len(shown)-f.last):]
			}
			return p.print(shown, func(b *page) {
				b.row("TIME", "LINE", "ACT", "OUTCOME", "PROFILE", "TOKEN", "COUNTER", "CALLER")
				for _, e := range shown {
					b.row(stamp(e.At), strconv.FormatInt(e.N, 10), e.Act, outcomeOf(e), e.Profile, e.Token, number(e.Counter), callerOf(e.Peer))
				}
			})
		},
	})
	cmd.Flags().StringVarP(&f.profile, "profile", "p", "", "acts for this profile alone")
	cmd.Flags().StringVar(&f.token, "token", "", "acts with this token alone")
	cmd.Flags().StringVar(&f.outcome, "outcome", "", "acts that ended so alone: done, refused, asked")
	cmd.Flags().DurationVar(&f.since, "since", 0, "acts of so long alone: 24h")
	cmd.Flags().IntVarP(&f.last, "last", "n", 0, "the last so many")
	cmd.AddCommand(p.auditVerifyCommand())
	return cmd
}

func outcomeOf(e api.AuditEntry) string {
	switch {
	case e.Code != "":
		return e.Outcome + ": " + string(e.Code)
	case e.Cached:
		return e.Outcome + ", cached"
	}
	return e.Outcome
}

func number(n uint64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatUint(n, 10)
}

// callerOf names who asked, and what started that.
func callerOf(c api.AuditCaller) string {
	if c.Ticket != "" {
		return "ticket " + c.Ticket
	}
	var names []string
	if c.Exe != "" {
		names = append(names, c.Exe)
	} else if c.PID != 0 {
		names = append(names, "pid "+strconv.Itoa(c.PID))
	}
	return strings.Join(append(names, c.Chain...), " < ")
}

func (p *program) auditVerifyCommand() *cobra.Command {
	return p.jsonFlag(&cobra.Command{
		Use:   "verify",
		Short: "Find out whether the audit log is what the agent wrote",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			v, err := p.client.VerifyAudit(cmd.Context())
			if err != nil {
				return err
			}
			err = p.print(v, func(b *page) {
				for _, f := range v.Faults {
					b.line("%s: %s", v.File, f.Message)
				}
				if v.OK {
					b.line("%s is whole: lines %d to %d", v.File, v.First, v.First+v.Lines-1)
				}
			})
			if err == nil && !v.OK {
				return &exitError{status: cli.ExitFailed}
			}
			return err
		},
	})
}
