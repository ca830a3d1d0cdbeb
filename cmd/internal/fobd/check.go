package fobd

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/fob-auth/fob/agent/config"
)

// A verdict is what check says of a configuration file.
type verdict struct {
	File     string         `json:"file"`
	OK       bool           `json:"ok"`
	Profiles []string       `json:"profiles"`
	Faults   []config.Fault `json:"faults"`
}

func (p *program) checkCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Read the configuration file and say what is wrong with it",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			settings, _, err := p.settle(cmd)
			if err != nil {
				return err
			}
			return p.check(settings.File)
		},
	}
	cmd.Flags().BoolVar(&p.json, "json", false, "print JSON")
	return cmd
}

func (p *program) check(file string) error {
	v := verdict{File: file, Profiles: []string{}, Faults: []config.Fault{}}
	c, err := config.Load(file)
	var bad *config.Error
	switch {
	case errors.As(err, &bad):
		v.Faults = bad.Faults
	case err != nil:
		v.Faults = []config.Fault{{File: file, Message: err.Error()}}
	default:
		v.OK = true
		for _, profile := range c.Profiles {
			v.Profiles = append(v.Profiles, profile.Name)
		}
	}
	if err := p.tell(v); err != nil {
		return err
	}
	if !v.OK {
		return errTold
	}
	return nil
}

// tell writes the verdict on stdout.
func (p *program) tell(v verdict) error {
	if p.json {
		e := json.NewEncoder(p.stdout)
		e.SetIndent("", "  ")
		return e.Encode(v)
	}
	for _, f := range v.Faults {
		if _, err := fmt.Fprintln(p.stdout, f); err != nil {
			return err
		}
	}
	if !v.OK {
		return nil
	}
	_, err := fmt.Fprintf(p.stdout, "%s is good; profiles: %d\n", v.File, len(v.Profiles))
	return err
}
