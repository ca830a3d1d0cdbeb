package cmd_test

import (
	"bufio"
	"io"
	"os"
	"os/exec"

	"github.com/rogpeppe/go-internal/testscript"
)

// scdaemonPath is where GnuPG's card daemon is: not on anybody's PATH.
func scdaemonPath() string {
	for _, path := range []string{"/usr/lib/gnupg/scdaemon", "/usr/libexec/scdaemon", "/usr/lib/gnupg2/scdaemon"} {
		if installed(path) {
			return path
		}
	}
	return ""
}

// A scdaemon holds a card for itself while it runs.
type scdaemon struct {
	cmd *exec.Cmd
	in  io.WriteCloser
}

// cmdScdaemon starts GnuPG's card daemon and has it take the card; with stop it
// ends it: scdaemon [stop]
func cmdScdaemon(ts *testscript.TestScript, neg bool, args []string) {
	all := ts.Value(serversKey{}).(*servers)
	switch {
	case neg || len(args) > 1 || len(args) == 1 && args[0] != "stop":
		ts.Fatalf("usage: scdaemon [stop]")
	case len(args) == 1:
		ts.Check(all.scdaemon.stop())
		return
	}
	home := ts.MkAbs("gnupg")
	ts.Check(os.Mkdir(home, 0o700))
	d := &scdaemon{cmd: exec.Command(scdaemonPath(), "--server", "--homedir", home)}
	d.cmd.Env = all.environ(ts)
	var err error
	d.in, err = d.cmd.StdinPipe()
	ts.Check(err)
	out, err := d.cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(d.cmd.Start())
	all.scdaemon = d
	ts.Defer(func() { _ = d.stop() }) // the script may have
	// A card of no application that it knows is held all the same (GnuPG's
	// manual, "Scdaemon Commands", SERIALNO).
	_, err = io.WriteString(d.in, "SERIALNO undefined\n")
	ts.Check(err)
	lines := bufio.NewScanner(out)
	for n := 0; n < 2; {
		if !lines.Scan() {
			ts.Fatalf("scdaemon ended")
		}
		if text := lines.Text(); len(text) >= 2 && text[:2] == "OK" {
			n++ // its greeting, then the answer
		}
	}
	go io.Copy(io.Discard, out)
}

func (d *scdaemon) stop() error {
	d.in.Close()
	return d.cmd.Wait()
}
