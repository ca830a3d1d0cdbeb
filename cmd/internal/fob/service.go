package fob

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/spf13/cobra"
)

// units are what a service manager needs to run fobd for a user: systemd's
// socket and service, and launchd's agent.
//
//go:embed units
var units embed.FS

// A unit is one of those files, filled in, with the place where it belongs.
type unit struct {
	Path string `json:"path"`
	Text string `json:"text"`
}

// A manager is a service manager of users.
type manager struct {
	files  []string
	folder string
	// start are the commands that make it take the files up.
	start [][]string
}

// userManager is the manager of a system, linux or darwin; home and config are
// the user's folders.
func userManager(system, home, config string) (manager, error) {
	switch system {
	case "linux":
		return manager{files: []string{"fobd.socket", "fobd.service"}, folder: filepath.Join(config, "systemd", "user"), start: [][]string{
			{"systemctl", "--user", "daemon-reload"},
			{"systemctl", "--user", "enable", "--now", "fobd.socket"},
		}}, nil
	case "darwin":
		const name = "io.github.fob-auth.fobd.plist"
		folder := filepath.Join(home, "Library", "LaunchAgents")
		return manager{files: []string{name}, folder: folder, start: [][]string{
			{"launchctl", "load", "-w", filepath.Join(folder, name)},
		}}, nil
	}
	return manager{}, fmt.Errorf("no service manager of %s is known; start 'fobd' when you log in", system)
}

// A layout is where a user's files are, and the agent's program.
type layout struct{ home, config, state, data, fobd string }

// ours finds the layout by the environment, as fobd does.
func ours() (layout, error) {
	home, err := os.UserHomeDir()
	if err != nil {
		return layout{}, err
	}
	xdg := func(name string, standard ...string) string {
		// XDG Base Directory Specification: a path that isn't absolute is
		// ignored.
		if dir := os.Getenv(name); filepath.IsAbs(dir) {
			return dir
		}
		return filepath.Join(append([]string{home}, standard...)...)
	}
	p := layout{home: home, config: xdg("XDG_CONFIG_HOME", ".config"),
		state: filepath.Join(xdg("XDG_STATE_HOME", ".local", "state"), "fob"),
		data:  filepath.Join(xdg("XDG_DATA_HOME", ".local", "share"), "fob")}
	p.fobd, err = agentProgram()
	return p, err
}

// agentProgram finds fobd beside this program, else on the PATH.
func agentProgram() (string, error) {
	if self, err := os.Executable(); err == nil {
		beside := filepath.Join(filepath.Dir(self), "fobd")
		if info, err := os.Stat(beside); err == nil && info.Mode().IsRegular() {
			return beside, nil
		}
	}
	found, err := exec.LookPath("fobd")
	if err != nil {
		return "", errors.New("fobd is neither beside fob nor on the PATH; 'make build' puts both into bin")
	}
	return filepath.Abs(found)
}

// fill returns the manager's files for a layout.
func (m manager) fill(p layout) ([]unit, error) {
	for _, path := range []string{p.fobd, p.state, p.data} {
		// A unit file has no way to say such a path that both managers take.
		if strings.ContainsAny(path, " \t\n\"'\\%$<>&") {
			return nil, fmt.Errorf("%q can't stand in a service file; move it to a path without blanks and quotes", path)
		}
	}
	values := strings.NewReplacer("@FOBD@", p.fobd, "@STATE@", p.state, "@DATA@", p.data)
	var all []unit
	for _, name := range m.files {
		b, err := fs.ReadFile(units, "units/"+name)
		if err != nil {
			return nil, err
		}
		all = append(all, unit{Path: filepath.Join(m.folder, name), Text: values.Replace(string(b))})
	}
	return all, nil
}

func (p *program) serviceCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "service",
		Short: "Have the user's service manager run the agent",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	var system string
	printed := p.jsonFlag(&cobra.Command{
		Use:   "print",
		Short: "Print the files that install would write",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, _, all, err := service(system)
			if err != nil {
				return err
			}
			return p.print(all, func(b *page) {
				for _, u := range all {
					b.line("# %s", u.Path)
					for line := range strings.Lines(u.Text) {
						b.line("%s", strings.TrimSuffix(line, "\n"))
					}
				}
			})
		},
	})
	printed.Flags().StringVar(&system, "system", runtime.GOOS, "linux (systemd) or darwin (launchd)")
	cmd.AddCommand(printed, &cobra.Command{
		Use:   "install",
		Short: "Write the files and have the service manager take them up",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return p.installService(cmd) },
	})
	return cmd
}

// service fills the files in for this user.
func service(system string) (layout, manager, []unit, error) {
	at, err := ours()
	if err != nil {
		return layout{}, manager{}, nil, err
	}
	m, err := userManager(system, at.home, at.config)
	if err != nil {
		return layout{}, manager{}, nil, err
	}
	all, err := m.fill(at)
	return at, m, all, err
}

// installService writes the files, makes the folders that the sandbox lets the
// agent write to, and starts the socket. Where the manager can't be reached,
// it says what to run.
func (p *program) installService(cmd *cobra.Command) error {
	at, m, all, err := service(runtime.GOOS)
	if err != nil {
		return err
	}
	for _, dir := range []string{at.state, at.data} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	for _, u := range all {
		if err := os.MkdirAll(filepath.Dir(u.Path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(u.Path, []byte(u.Text), 0o644); err != nil {
			return err
		}
		fmt.Fprintf(p.stdout, "wrote %s\n", u.Path)
	}
	for _, args := range m.start {
		run := exec.CommandContext(cmd.Context(), args[0], args[1:]...)
		run.Stdout, run.Stderr = p.stderr, p.stderr
		if err := run.Run(); err != nil {
			return fmt.Errorf("the files are there, but '%s' failed: %w; run it by hand", strings.Join(args, " "), err)
		}
	}
	fmt.Fprintln(p.stdout, "the agent starts with the first request")
	return nil
}
