package fob

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fob-auth/fob/agent/awsfile"
	"github.com/fob-auth/fob/cmd/internal/cli"
	"github.com/fob-auth/fob/cmd/internal/setup"
)

func (p *program) completionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "completion bash|zsh|fish|powershell",
		Short: "Print what has a shell complete fob's command lines",
		Long: `Prints a script that has a shell complete fob's commands, flags and profiles:

    source <(fob completion bash)
    fob completion zsh > "${fpath[1]}/_fob"
    fob completion fish > ~/.config/fish/completions/fob.fish
    fob completion powershell | Out-String | Invoke-Expression`,
		Args:      cobra.ExactArgs(1),
		ValidArgs: []string{"bash", "zsh", "fish", "powershell"},
		RunE: func(cmd *cobra.Command, args []string) error {
			root := cmd.Root()
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(p.stdout, true)
			case "zsh":
				return root.GenZshCompletion(p.stdout)
			case "fish":
				return root.GenFishCompletion(p.stdout, true)
			case "powershell":
				return root.GenPowerShellCompletionWithDesc(p.stdout)
			}
			return cli.Usagef("the shell has to be bash, zsh, fish or powershell, not %q", args[0])
		},
	}
}

// completeProfile offers the profiles of fob.yaml and the AWS config. The agent
// isn't asked: a key of the keyboard starts nothing and waits for nobody.
func completeProfile(_ *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
	var names []string
	for _, name := range append(fobProfiles(), awsProfiles()...) {
		if strings.HasPrefix(name, begun) && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// fobProfiles are the profiles of the fob.yaml that an agent reads unless it is
// told of another; none where there is no such file.
func fobProfiles() []string {
	dir := os.Getenv("XDG_CONFIG_HOME")
	if home, err := os.UserHomeDir(); !filepath.IsAbs(dir) && err == nil {
		dir = filepath.Join(home, ".config")
	}
	file := filepath.Join(dir, "fob", "fob.yaml")
	if info, err := os.Stat(file); err != nil || !info.Mode().IsRegular() {
		return nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil
	}
	return setup.ProfileNames(string(text))
}

// awsProfiles are those of the AWS config; none where it can't be read.
func awsProfiles() []string {
	file, _, err := awsFiles()
	if err != nil {
		return nil
	}
	config, err := awsfile.Load(file)
	if err != nil {
		return nil
	}
	var names []string
	for _, section := range config.Sections() {
		if name, ok := awsfile.Profile(section); ok {
			names = append(names, name)
		}
	}
	return names
}
