package fob

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/fob-auth/fob/agent/api"
	"github.com/fob-auth/fob/cmd/internal/cli"
)

// A wanted session is what the flags of credentials, env and exec say.
type wanted struct {
	profile string
	minTTL  time.Duration
	renew   bool
	// wait is how long the answer may take; 0 for as long as it takes.
	wait time.Duration
}

func (w *wanted) flags(cmd *cobra.Command) {
	profileFlag(cmd, &w.profile)
	cmd.Flags().DurationVar(&w.minTTL, "min-ttl", 0, "life that a cached session must have left (default the profile's min_ttl)")
	cmd.Flags().DurationVar(&w.wait, "wait", 0, "answer within this time; a touch goes on and serves the next call (default: wait)")
	cmd.Flags().BoolVar(&w.renew, "renew", false, "make a new session even if a fresh one is cached")
}

// session gets the session, whole or not at all.
func (p *program) session(ctx context.Context, w wanted) (api.Session, error) {
	if err := needed("profile", w.profile); err != nil {
		return api.Session{}, err
	}
	if w.minTTL < 0 || w.minTTL > 12*time.Hour {
		return api.Session{}, cli.Usagef("--min-ttl has to be from 0 to 12h")
	}
	if w.wait < 0 || w.wait > time.Hour {
		return api.Session{}, cli.Usagef("--wait has to be from 0 to 1h")
	}
	stop := p.tell(ctx, w.profile)
	s, err := p.client.Session(ctx, api.SessionRequest{
		Profile:       w.profile,
		MinTTLSeconds: int(w.minTTL / time.Second),
		Renew:         w.renew,
		WaitMS:        w.wait.Milliseconds(),
	})
	stop()
	if err != nil {
		return api.Session{}, err
	}
	if s.AccessKeyID == "" || s.SecretAccessKey == "" || s.SessionToken == "" || s.Expiration.IsZero() {
		return api.Session{}, incomplete("session")
	}
	if s.Note != "" && p.attended() {
		fmt.Fprintf(p.stderr, "fob: note: %s\n", cli.Clean(s.Note))
	}
	return s, nil
}

// A document is what the AWS tools read from a credential_process (AWS SDKs and
// Tools Reference Guide, "Process credential provider").
type document struct {
	Version         int
	AccessKeyID     string `json:"AccessKeyId"`
	SecretAccessKey string
	SessionToken    string
	Expiration      string
}

func (p *program) credentialsCommand() *cobra.Command {
	var w wanted
	cmd := &cobra.Command{
		Use:   "credentials --profile NAME",
		Short: "Print a session as credential_process wants it",
		Long: `Prints one document of credential_process and nothing else, and waits for a
touch or the next code where one is needed. A caller that gives up sooner than
people touch says so: with --wait 4s the command ends in time with status 25
(the touch is still awaited) or 26 (the next code is), the touch goes on, and
the next call gets the session.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := p.session(cmd.Context(), w)
			if err != nil {
				return err
			}
			b, err := json.Marshal(document{1, s.AccessKeyID, s.SecretAccessKey, s.SessionToken, expiration(s)})
			if err != nil {
				return fmt.Errorf("output: %w", err)
			}
			_, err = p.stdout.Write(append(b, '\n'))
			return err
		},
	}
	w.flags(cmd)
	cmd.Flags().BoolVar(&p.json, "json", false, "changes nothing: the document is JSON as it is")
	return cmd
}

func expiration(s api.Session) string { return s.Expiration.UTC().Format(time.RFC3339) }

func (p *program) sessionsCommand() *cobra.Command {
	var forget string
	cmd := p.jsonFlag(&cobra.Command{
		Use:   "sessions",
		Short: "List the cached sessions, or forget one",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cmd.Flags().Changed("forget") {
				return p.forget(cmd.Context(), forget)
			}
			all, err := p.client.Sessions(cmd.Context())
			if err != nil {
				return err
			}
			return printList(cmd.Context(), p, all, func(b *page) {
				b.row("ID", "PROFILE", "CALL", "EXPIRES", "RENEWED FROM", "MFA DEVICE", "ROLE")
				for _, s := range all {
					b.row(s.ID, s.Profile, s.Call, stamp(s.Expiration), stamp(s.RenewAt), s.MFASerial, s.AssumedRole)
				}
			})
		},
	})
	cmd.Flags().StringVar(&forget, "forget", "", "drop the session of this ID from the cache")
	return cmd
}

// forget drops a session, and says what that doesn't do.
func (p *program) forget(ctx context.Context, id string) error {
	if err := needed("forget", id); err != nil {
		return err
	}
	all, err := p.client.Sessions(ctx)
	if err != nil {
		return err
	}
	if err := p.client.Forget(ctx, id); err != nil {
		return err
	}
	forgotten := api.SessionInfo{ID: id}
	for _, s := range all {
		if s.ID == id {
			forgotten = s
		}
	}
	return p.print(forgotten, func(b *page) {
		b.line("session %s is forgotten here", id)
		if forgotten.Expiration.IsZero() {
			b.line("AWS can't revoke it: whoever has its keys can use them until it expires")
			return
		}
		b.line("AWS can't revoke it: whoever has its keys can use them until %s", stamp(forgotten.Expiration))
	})
}
