package fob

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/fob-auth/fob/agent/api"
	"github.com/fob-auth/fob/cmd/internal/cli"
)

func (p *program) keysCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "keys COMMAND",
		Short: "Long-term access keys: where they are, into the agent's store, and new ones",
		Args:  cobra.NoArgs,
		RunE:  func(*cobra.Command, []string) error { return cli.Usagef("a command is needed") },
	}
	cmd.AddCommand(p.keysListCommand(), p.keysImportCommand(), p.keysRotateCommand(), p.keysUnlockCommand())
	return cmd
}

func (p *program) keysListCommand() *cobra.Command {
	return p.jsonFlag(&cobra.Command{
		Use:   "list",
		Short: "Say where the long-term access keys of fob's profiles are",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			out, err := p.client.Keys(cmd.Context())
			if err != nil {
				return err
			}
			return p.print(out, func(b *page) {
				if out.Locked {
					b.line("fob's store of keys is locked; 'fob keys unlock' opens it")
				}
				b.row("PROFILE", "ACCESS KEY", "KEPT IN", "SINCE")
				for _, k := range out.Keys {
					place, since := k.File, ""
					if place == "" {
						place, since = "fob's store ("+out.Sealed+")", stamp(k.Imported)
					}
					b.row(k.Profile, k.AccessKeyID, place, since)
				}
			})
		},
	})
}

func (p *program) keysImportCommand() *cobra.Command {
	var req api.KeysImportRequest
	var yes, keep, stdin bool
	cmd := p.jsonFlag(&cobra.Command{
		Use:   "import --profile NAME",
		Short: "Move a profile's long-term keys from the AWS file into the agent's store",
		Long: `Takes the long-term keys that the profile, or its source profile, has in the AWS
files, asks AWS whose they are, and seals them in the agent's own store: by the
desktop's Secret Service, or where there is none, by a passphrase. Once the
store has given them back and AWS has taken them again, they are taken out of
the AWS file. fob leaves no copy of that file, which would hold them still;
copies and backups of yours do.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := needed("profile", req.Profile); err != nil {
				return err
			}
			if yes && keep {
				return cli.Usagef("--yes and --keep don't go together")
			}
			passphrase, err := p.storePassphrase(cmd.Context(), stdin)
			if err != nil {
				return err
			}
			req.Passphrase = passphrase
			out, err := p.client.ImportKeys(cmd.Context(), req)
			if err != nil {
				return err
			}
			if !keep && (yes || confirm(fmt.Sprintf("access key %s of %s is in fob's store. Take it out of %s, with no copy left?", out.AccessKeyID, out.ARN, out.File))) {
				req.Remove = true
				if out, err = p.client.ImportKeys(cmd.Context(), req); err != nil {
					return err
				}
			}
			return p.print(out, func(b *page) {
				b.line("access key %s of %s is in fob's store, under profile %s", out.AccessKeyID, out.ARN, out.Profile)
				if out.Removed {
					b.line("%s doesn't hold it any more", out.File)
				} else {
					b.line("%s holds it still: 'fob keys import --profile %s --yes' takes it out", out.File, req.Profile)
				}
			})
		},
	})
	profileFlag(cmd, &req.Profile)
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "take the keys out of the AWS file without asking")
	cmd.Flags().BoolVar(&keep, "keep", false, "leave the keys in the AWS file")
	cmd.Flags().BoolVar(&stdin, "passphrase-stdin", false, "read the store's passphrase from stdin")
	return cmd
}

// storePassphrase asks for the passphrase of the store where the agent needs
// one: twice for a new store. It is "" where none is needed.
func (p *program) storePassphrase(ctx context.Context, stdin bool) (string, error) {
	if stdin {
		return secretFromStdin()
	}
	keys, err := p.client.Keys(ctx)
	if err != nil || !keys.NeedsPassphrase {
		return "", err
	}
	if keys.Sealed != api.KeyStoreNone {
		return p.secretFromTerminal("passphrase of fob's key store: ")
	}
	first, err := p.secretFromTerminal("passphrase for a new key store: ")
	if err != nil {
		return "", err
	}
	second, err := p.secretFromTerminal("the same once more: ")
	if err == nil && first != second {
		err = errors.New("the two passphrases differ; no key was moved")
	}
	return first, err
}

func (p *program) keysRotateCommand() *cobra.Command {
	var req api.KeysRotateRequest
	cmd := p.jsonFlag(&cobra.Command{
		Use:   "rotate --profile NAME",
		Short: "Replace a profile's access key by a new one",
		Long: `Has AWS make a new access key for the profile's user, proves it, puts it where
the old one is, in the agent's store or in the AWS file, and switches the old
one off and deletes it. Where the profile has an MFA device, its session signs
the calls: one code, or none while a session lives. If it breaks off, the
profile has a key that works, and the same command goes on from there.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := needed("profile", req.Profile); err != nil {
				return err
			}
			return patient(p, cmd.Context(), req.Profile, func(ctx context.Context) (api.RotatedKeys, error) {
				return p.client.RotateKeys(ctx, req)
			}, func(b *page, out api.RotatedKeys) {
				place := out.File
				if place == "" {
					place = "fob's store"
				}
				b.line("access key %s of profile %s is in %s; %s is deleted", out.New, out.Profile, place, out.Old)
			})
		},
	})
	profileFlag(cmd, &req.Profile)
	return cmd
}

func (p *program) keysUnlockCommand() *cobra.Command {
	var stdin bool
	cmd := p.jsonFlag(&cobra.Command{
		Use:   "unlock",
		Short: "Unlock the agent's store of long-term keys, until the agent ends",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			read := func() (string, error) { return p.secretFromTerminal("passphrase of fob's key store: ") }
			if stdin {
				read = secretFromStdin
			}
			passphrase, err := read()
			if err != nil {
				return err
			}
			out, err := p.client.UnlockKeys(cmd.Context(), api.KeysUnlockRequest{Passphrase: passphrase})
			if err != nil {
				return err
			}
			return p.print(out, func(b *page) {
				switch {
				case out.Locked:
					b.line("the key store is locked still: the Secret Service has its key")
				case out.Sealed == api.KeyStoreNone:
					b.line("there is no key store yet: 'fob keys import' makes one")
				default:
					b.line("the key store is open")
				}
			})
		},
	})
	cmd.Flags().BoolVar(&stdin, "passphrase-stdin", false, "read the passphrase from stdin")
	return cmd
}
