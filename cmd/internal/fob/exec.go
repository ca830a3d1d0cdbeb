package fob

import (
	"context"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fob-auth/fob/agent/api"
	"github.com/fob-auth/fob/cmd/internal/cli"
)

func (p *program) execCommand() *cobra.Command {
	var w wanted
	var kind string
	cmd := &cobra.Command{
		Use:   "exec --profile NAME -- COMMAND [ARGUMENT...]",
		Short: "Run a command with a session in its environment, or at an endpoint",
		Long: `Runs a command with a session in its environment. What runs for longer than a
session lives asks an endpoint of the agent's on loopback instead, which renews
it: --endpoint container is for every AWS SDK, --endpoint imds for programs that
know EC2's instance metadata service alone. The endpoint is the command's own,
and is closed when the command ends.`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case len(args) == 0:
				return cli.Usagef("a command is needed after --")
			case kind != "" && kind != string(api.EndpointContainer) && kind != string(api.EndpointIMDS):
				return cli.Usagef("--endpoint has to be container or imds, not %q", kind)
			}
			s, err := p.session(cmd.Context(), w)
			if err != nil {
				return err
			}
			if kind == "" {
				return run(args, withSession(os.Environ(), s))
			}
			env, err := p.atEndpoint(cmd.Context(), os.Environ(), s, api.EndpointRequest{Profile: w.profile, Kind: api.EndpointKind(kind)})
			if err != nil {
				return err
			}
			return run(args, env)
		},
	}
	// What follows the command is the command's own.
	cmd.Flags().SetInterspersed(false)
	w.flags(cmd)
	cmd.Flags().StringVar(&kind, "endpoint", "", "serve the session at an endpoint of this kind: container or imds")
	return cmd
}

// withSession is env with the session in it and nothing beside it that would
// win over it.
func withSession(env []string, s api.Session) []string {
	return replaced(env, misleading(), variables(s))
}

// atEndpoint opens an endpoint and returns env with the way to it, and nothing
// beside it that would win over it: the session in s was asked for first, so
// that whoever starts the command is there for the touch.
func (p *program) atEndpoint(ctx context.Context, env []string, s api.Session, req api.EndpointRequest) ([]string, error) {
	e, err := p.client.Endpoint(ctx, req)
	if err != nil {
		return nil, err
	}
	// The shared file's default keys would win over any endpoint.
	set := []variable{{"AWS_SHARED_CREDENTIALS_FILE", os.DevNull}}
	switch req.Kind {
	case api.EndpointIMDS:
		set = append(set, variable{"AWS_EC2_METADATA_SERVICE_ENDPOINT", e.URL}, variable{"AWS_EC2_METADATA_V1_DISABLED", "true"})
	default:
		set = append(set, variable{"AWS_CONTAINER_CREDENTIALS_FULL_URI", e.URL}, variable{"AWS_CONTAINER_AUTHORIZATION_TOKEN", e.Token})
	}
	for _, v := range set {
		if v.value == "" {
			return nil, incomplete("endpoint")
		}
	}
	if s.Region != "" {
		set = append(set, variable{"AWS_REGION", s.Region}, variable{"AWS_DEFAULT_REGION", s.Region})
	}
	return replaced(env, elsewhere(), append(set, direct(env)...)), nil
}

// elsewhere are the variables that lead an AWS tool to other credentials than
// those of an endpoint (AWS SDKs and Tools Reference Guide, "Standardized
// credential providers").
func elsewhere() []string {
	return append(misleading(),
		"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_CREDENTIAL_EXPIRATION",
		"AWS_ROLE_ARN", "AWS_ROLE_SESSION_NAME", "AWS_WEB_IDENTITY_TOKEN_FILE",
		"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI",
		"AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
		"AWS_EC2_METADATA_DISABLED", "AWS_EC2_METADATA_SERVICE_ENDPOINT", "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE")
}

// direct keeps requests to loopback from a proxy that the environment names:
// not every client leaves it out by itself.
func direct(env []string) []variable {
	proxied := false
	values := map[string]string{}
	for _, row := range env {
		name, value, _ := strings.Cut(row, "=")
		values[name] = value
		switch strings.ToLower(name) {
		case "http_proxy", "all_proxy":
			proxied = true
		}
	}
	if !proxied {
		return nil
	}
	var set []variable
	for _, names := range [][2]string{{"NO_PROXY", "no_proxy"}, {"no_proxy", "NO_PROXY"}} {
		// Who reads both takes the one before the other, whichever was set.
		hosts, there := values[names[0]]
		if !there {
			hosts = values[names[1]]
		}
		// An asterisk counts only where it stands alone (curl(1), --noproxy).
		if hosts != "*" {
			hosts = strings.TrimPrefix(hosts+",127.0.0.1", ",")
		}
		set = append(set, variable{names[0], hosts})
	}
	return set
}

// replaced is env without what is dropped, and with what is set.
func replaced(env, dropped []string, set []variable) []string {
	drop := map[string]bool{}
	for _, name := range dropped {
		drop[name] = true
	}
	for _, v := range set {
		drop[v.name] = true
	}
	var out []string
	for _, row := range env {
		if name, _, _ := strings.Cut(row, "="); !drop[name] {
			out = append(out, row)
		}
	}
	for _, v := range set {
		out = append(out, v.name+"="+v.value)
	}
	return out
}
