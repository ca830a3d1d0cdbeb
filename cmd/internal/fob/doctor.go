package fob

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/fob-auth/fob/agent/api"
	"github.com/fob-auth/fob/agent/awsfile"
	"github.com/fob-auth/fob/cmd/internal/cli"
	"github.com/fob-auth/fob/cmd/internal/setup"
)

func (p *program) doctorCommand() *cobra.Command {
	return p.jsonFlag(&cobra.Command{
		Use:   "doctor",
		Short: "Look for what keeps codes and sessions from coming",
		Long: `Looks at the agent, its state, its tokens and its clock, asks AWS whose the keys
of each profile are, and finds the settings under which the AWS tools pass fob by
in silence. It spends no code. The exit status is 1 where something has failed.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			checks, err := p.client.Doctor(cmd.Context())
			var told *api.Error
			if errors.As(err, &told) {
				checks = []api.Check{{Name: "agent", State: api.CheckFail, Message: told.Message, Hint: told.Hint}}
			} else if err != nil {
				return err
			}
			found, err := traps()
			switch {
			case err != nil:
				found = []api.Check{{Name: "AWS files", State: api.CheckFail, Message: err.Error()}}
			case len(found) == 0:
				found = []api.Check{{Name: "AWS config", State: api.CheckWarn, Message: "no profile has fob as its credential_process", Hint: "fob setup"}}
			}
			checks = append(checks, found...)
			if err := p.print(checks, func(b *page) {
				for _, c := range checks {
					b.row(string(c.State), c.Name, c.Message)
					if c.Hint != "" && c.State != api.CheckOK {
						b.row("", "", "→ "+c.Hint)
					}
				}
			}); err != nil {
				return err
			}
			for _, c := range checks {
				if c.State == api.CheckFail {
					return &exitError{status: cli.ExitFailed}
				}
			}
			return nil
		},
	})
}

// awsFiles are the AWS tools' own files: what the environment names, else those
// in ~/.aws.
func awsFiles() (config, credentials string, err error) {
	home, err := os.UserHomeDir()
	if err != nil {
		return "", "", err
	}
	config, credentials = os.Getenv("AWS_CONFIG_FILE"), os.Getenv("AWS_SHARED_CREDENTIALS_FILE")
	if config == "" {
		config = filepath.Join(home, ".aws", "config")
	}
	if credentials == "" {
		credentials = filepath.Join(home, ".aws", "credentials")
	}
	return config, credentials, nil
}

func traps() ([]api.Check, error) {
	configFile, credentialsFile, err := awsFiles()
	if err != nil {
		return nil, err
	}
	config, err := awsfile.Load(configFile)
	if err != nil {
		return nil, err
	}
	credentials, err := awsfile.Load(credentialsFile)
	if err != nil {
		return nil, err
	}
	return setup.Traps(config, credentials, os.Environ()), nil
}
