package fob

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/fob-auth/fob/agent/api"
	"github.com/fob-auth/fob/agent/awsfile"
	"github.com/fob-auth/fob/cmd/internal/cli"
	"github.com/fob-auth/fob/cmd/internal/setup"
)

// A setupRun is one run of fob setup.
type setupRun struct {
	*program
	yes, emulated       bool
	config, credentials string
	status              api.Status
	home                setup.Home
}

func (p *program) setupCommand() *cobra.Command {
	r := &setupRun{program: p}
	cmd := &cobra.Command{
		Use:   "setup",
		Short: "Make the AWS config's MFA profiles fob's, and prove a session",
		Long: `Reads the AWS config, matches each mfa_serial to a credential on a token that is
plugged in, and, after a yes, writes fob.yaml and the AWS files: a profile gets
fob as its credential_process, and long-term keys that stood under it move to a
profile of their own. What was there is kept beside each file, and comments stay.
Then it gets a session for the first profile.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return r.run(cmd.Context()) },
	}
	cmd.Flags().BoolVarP(&r.yes, "yes", "y", false, "write without asking")
	cmd.Flags().BoolVar(&r.emulated, "allow-emulated", false, "take emulated tokens too")
	return cmd
}

func (r *setupRun) run(ctx context.Context) error {
	if err := r.look(ctx); err != nil {
		return err
	}
	ready, left := r.home.Profiles()
	for _, l := range left {
		fmt.Fprintf(r.stdout, "profile %s stays as it is: %s\n  → %s\n", cli.Clean(l.Name), cli.Clean(l.Why), cli.Clean(l.Hint))
	}
	if len(ready) == 0 {
		r.warn()
		return errors.New("no profile of the AWS config can be made fob's; 'fob doctor' looks at those that are")
	}
	for _, p := range ready {
		fmt.Fprintf(r.stdout, "profile %s: codes of %s from %q on token %s\n", cli.Clean(p.Name), cli.Clean(p.MFASerial), p.Account, cli.Clean(p.Token))
		if p.Moved {
			fmt.Fprintf(r.stdout, "  its long-term keys move to profile %s\n", cli.Clean(p.Keys))
		}
	}
	if err := r.agree(); err != nil {
		return err
	}
	if err := r.write(ctx, ready); err != nil {
		return err
	}
	if err := r.reload(ctx); err != nil {
		return err
	}
	s, err := r.session(ctx, wanted{profile: ready[0].Name})
	if err != nil {
		return err
	}
	fmt.Fprintf(r.stdout, "proved: profile %s has a session until %s\n", cli.Clean(ready[0].Name), stamp(s.Expiration))
	r.warn()
	return nil
}

// warn tells by what the AWS tools pass fob by in silence: what 'fob doctor' finds
// in the files as they are now.
func (r *setupRun) warn() {
	for _, c := range setup.Traps(r.home.Config, r.home.Credentials, os.Environ()) {
		if c.State != api.CheckOK {
			fmt.Fprintf(r.stdout, "%s: %s\n  → %s\n", cli.Clean(c.Name), cli.Clean(c.Message), cli.Clean(c.Hint))
		}
	}
}

// look reads the files and asks the agent what is plugged in.
func (r *setupRun) look(ctx context.Context) (err error) {
	if r.status, err = r.client.Status(ctx); err != nil {
		return err
	}
	if r.config, r.credentials, err = awsFiles(); err != nil {
		return err
	}
	r.home.Emulated = r.emulated
	if r.home.Config, err = awsfile.Load(r.config); err != nil {
		return err
	}
	if r.home.Credentials, err = awsfile.Load(r.credentials); err != nil {
		return err
	}
	if r.home.Accounts, err = r.client.Credentials(ctx); err != nil {
		return err
	}
	if r.home.Bindings, err = r.client.Bindings(ctx); err != nil {
		return err
	}
	kept, err := r.client.Keys(ctx)
	for _, k := range kept.Keys {
		if k.File == "" {
			r.home.Stored = append(r.home.Stored, k.Profile)
		}
	}
	return err
}

// agree asks, unless that was done before.
func (r *setupRun) agree() error {
	if r.yes {
		return nil
	}
	if !term.IsTerminal(int(os.Stdin.Fd())) {
		return cli.Usagef("nobody is there to ask; --yes writes without asking")
	}
	fmt.Fprintf(r.stdout, "Write %s, %s and %s? [y/N] ", r.status.Config, r.config, r.credentials)
	answer, err := bufio.NewReader(os.Stdin).ReadString('\n')
	if err != nil || !strings.EqualFold(strings.TrimSpace(answer), "y") {
		return errors.New("nothing was written")
	}
	return nil
}

// write puts the three files down: fob.yaml first, which does no harm by
// itself, and each whole or not at all.
func (r *setupRun) write(ctx context.Context, ready []setup.Profile) error {
	text, err := os.ReadFile(r.status.Config)
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	added, err := setup.AddProfiles(string(text), ready)
	if err != nil {
		return fmt.Errorf("%s: %w", r.status.Config, err)
	}
	if err := r.check(ctx, added); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if found, err := exec.LookPath("fob"); err == nil && sameFile(found, self) {
		self = "fob"
	}
	r.home.Apply(ready, self)
	now := time.Now()
	for _, f := range []struct {
		path string
		text []byte
	}{{r.status.Config, []byte(added)}, {r.credentials, r.home.Credentials.Bytes()}, {r.config, r.home.Config.Bytes()}} {
		if old, err := os.ReadFile(f.path); err == nil && string(old) == string(f.text) || os.IsNotExist(err) && len(f.text) == 0 {
			continue
		}
		kept, err := awsfile.Backup(f.path, now)
		if err != nil {
			return err
		}
		if err := awsfile.Save(f.path, f.text); err != nil {
			return err
		}
		if kept != "" {
			kept = "; as it was: " + kept
		}
		fmt.Fprintf(r.stdout, "wrote %s%s\n", f.path, kept)
	}
	return nil
}

// check has fobd read what is to be written, before anything is.
func (r *setupRun) check(ctx context.Context, text string) error {
	fobd, err := agentProgram()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "fob-setup")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "fob.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return err
	}
	if out, err := exec.CommandContext(ctx, fobd, "check", "--config", file).CombinedOutput(); err != nil {
		return fmt.Errorf("fob.yaml with the new profiles would be refused, so nothing was written:\n%s", strings.ReplaceAll(string(out), file, r.status.Config))
	}
	return nil
}

// reload has the agent read its config, and returns when it has.
func (r *setupRun) reload(ctx context.Context) error {
	if err := hangUp(r.status.PID); err != nil {
		return fmt.Errorf("the files are written, but the agent, pid %d, couldn't be told: %w; start it again", r.status.PID, err)
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		s, err := r.client.Status(ctx)
		if err == nil && s.ConfigRead.After(r.status.ConfigRead) {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return errors.New("the files are written, but the agent did not take them; its log says why")
		}
	}
}

func sameFile(a, b string) bool {
	x, errX := os.Stat(a)
	y, errY := os.Stat(b)
	return errX == nil && errY == nil && os.SameFile(x, y)
}
