package cmd_test

import (
	"bufio"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// cmdLost waits until a server has ended by itself, with an error and with a
// text in its log: lost NAME TEXT
func cmdLost(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: lost NAME TEXT")
	}
	cmdGone(ts, false, args[:1])
	p := running(ts, args[0])
	if code := p.cmd.ProcessState.ExitCode(); code == 0 || !strings.Contains(p.log(), args[1]) {
		ts.Fatalf("%s ended with status %d and didn't say %q:\n%s", p.name, code, args[1], p.log())
	}
}

// cmdAgents starts a program N times at once: one run gets ready, and all
// others end with an error: agents N PROGRAM ARG... The one is ended then.
func cmdAgents(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: agents N PROGRAM ARG...")
	}
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	type run struct {
		cmd   *exec.Cmd
		ready bool
	}
	heard, ended := make(chan run, n), make(chan run, n)
	for range n {
		cmd := exec.Command(lookPath(ts, args[1]), args[2:]...)
		cmd.Dir, cmd.Env = ts.MkAbs("."), ts.Value(serversKey{}).(*servers).environ(ts)
		out, err := cmd.StdoutPipe()
		ts.Check(err)
		ts.Check(cmd.Start())
		go func() {
			r := run{cmd: cmd}
			lines := bufio.NewScanner(out)
			if r.ready = lines.Scan() && strings.Contains(lines.Text(), ": ready "); r.ready {
				heard <- r
			}
			_ = cmd.Wait()
			ended <- r
		}()
	}
	// A run that ends or gets ready shows that the others only wait their turn.
	limit := time.NewTimer(2 * patience)
	defer limit.Stop()
	var serving []run
	for left := n; left > len(serving) || len(serving) == 0; {
		select {
		case r := <-heard:
			serving = append(serving, r)
		case r := <-ended:
			left--
			if r.ready || r.cmd.ProcessState.Success() {
				ts.Fatalf("a run ended with status %v, ready: %t", r.cmd.ProcessState, r.ready)
			}
		case <-limit.C:
			ts.Fatalf("%d of %d still run, and %d are ready", left, n, len(serving))
		}
		limit.Reset(2 * patience)
	}
	for _, r := range serving {
		ts.Check(r.cmd.Process.Signal(syscall.SIGTERM))
		<-ended
	}
	if len(serving) != 1 {
		ts.Fatalf("%d of %d serve", len(serving), n)
	}
}
