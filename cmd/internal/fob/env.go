package fob

import (
	"fmt"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fob-auth/fob/agent/api"
	"github.com/fob-auth/fob/cmd/internal/cli"
)

// A variable is one of the environment's.
type variable struct{ name, value string }

// variables are what the AWS tools read from the environment (AWS SDKs and
// Tools Reference Guide, "Environment variables").
func variables(s api.Session) []variable {
	all := []variable{
		{"AWS_ACCESS_KEY_ID", s.AccessKeyID},
		{"AWS_SECRET_ACCESS_KEY", s.SecretAccessKey},
		{"AWS_SESSION_TOKEN", s.SessionToken},
		{"AWS_CREDENTIAL_EXPIRATION", expiration(s)},
	}
	if s.Region != "" {
		all = append(all, variable{"AWS_REGION", s.Region}, variable{"AWS_DEFAULT_REGION", s.Region})
	}
	return all
}

// misleading are the variables under which an AWS tool would take other
// credentials than those beside them.
func misleading() []string {
	return []string{"AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SECURITY_TOKEN"}
}

func (p *program) envCommand() *cobra.Command {
	var w wanted
	var shell string
	cmd := p.jsonFlag(&cobra.Command{
		Use:   "env --profile NAME",
		Short: "Print a session as commands for a shell to evaluate",
		Long: `Prints commands that put a session into a shell's environment:

    eval "$(fob env --profile NAME)"
    fob env --profile NAME --shell fish | source
    fob env --profile NAME --shell powershell | Out-String | Invoke-Expression`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			d, ok := dialects()[shell]
			if !ok {
				return cli.Usagef("--shell has to be sh, fish or powershell, not %q", shell)
			}
			s, err := p.session(cmd.Context(), w)
			if err != nil {
				return err
			}
			all := variables(s)
			for _, v := range all {
				if strings.ContainsAny(v.value, "\x00\r\n") {
					return incomplete(v.name)
				}
			}
			if p.json {
				object := map[string]string{}
				for _, v := range all {
					object[v.name] = v.value
				}
				return p.printJSON(object)
			}
			var b strings.Builder
			for _, name := range misleading() {
				fmt.Fprintf(&b, d.unset+"\n", name)
			}
			for _, v := range all {
				fmt.Fprintf(&b, d.set+"\n", v.name, d.quote(v.value))
			}
			_, err = p.stdout.Write([]byte(b.String()))
			return err
		},
	})
	w.flags(cmd)
	byDefault := "sh"
	if runtime.GOOS == "windows" {
		byDefault = "powershell"
	}
	cmd.Flags().StringVar(&shell, "shell", byDefault, "sh, fish or powershell")
	return cmd
}

// A dialect is how a shell sets a variable.
type dialect struct {
	set, unset string
	quote      func(string) string
}

func dialects() map[string]dialect {
	return map[string]dialect{
		"sh":         {"export %s=%s", "unset %s", quoteSh},
		"fish":       {"set -gx %s %s", "set -e %s", quoteFish},
		"powershell": {"$Env:%s = %s", "Remove-Item Env:%s -ErrorAction SilentlyContinue", quotePowerShell},
	}
}

// quoteSh quotes for a POSIX shell (XCU section 2.2.2): nothing is special
// between single quotes but the quote itself.
func quoteSh(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// quoteFish quotes for fish, which also takes \ before ' and \ within single
// quotes (fish, "Quotes").
func quoteFish(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(s) + "'"
}

// quotePowerShell quotes for PowerShell, which takes each of Unicode's single
// quotation marks for the quote (PowerShell Language Specification, section
// 2.3.5.2): doubled, they stand for themselves.
func quotePowerShell(s string) string {
	var b strings.Builder
	b.WriteByte('\'')
	for _, r := range s {
		switch r {
		case '\'', '\u2018', '\u2019', '\u201a', '\u201b':
			b.WriteRune(r)
		}
		b.WriteRune(r)
	}
	b.WriteByte('\'')
	return b.String()
}
