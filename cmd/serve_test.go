package cmd_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// patience bounds every wait of a script. It is generous: a race-built program
// on a busy machine is slow, and nothing is proven by haste.
const patience = 60 * time.Second

// servers are the servers that a script has started.
type servers struct {
	env    *testscript.Env
	order  []*serverProcess
	byName map[string]*serverProcess
	// scdaemon is GnuPG's, where a script has started it.
	scdaemon *scdaemon
}

// A serverProcess is fobaws, fobemu or fobd on behalf of a script.
type serverProcess struct {
	name string
	cmd  *exec.Cmd
	done chan struct{}

	mu     sync.Mutex
	stderr bytes.Buffer
	rows   []map[string]any // stderr's lines that are JSON objects
	grown  chan struct{}    // closed and replaced with each line
}

// cmdServe starts a server and waits for its ready line:
//
//	serve NAME ARG...
//
// What follows "ready" on the line becomes $NAME_READY; what the lines before it
// export is set.
func cmdServe(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: serve NAME ARG...")
	}
	all := ts.Value(serversKey{}).(*servers)
	p, stdout, err := launch(ts, args)
	ts.Check(err)
	all.order = append(all.order, p)
	all.byName[p.name] = p

	ready, exported := make(chan string, 1), make(map[string]string)
	go func() {
		for sc := bufio.NewScanner(stdout); sc.Scan(); {
			if where, ok := strings.CutPrefix(sc.Text(), p.name+": ready "); ok {
				ready <- where
				break
			}
			if key, value, ok := strings.Cut(strings.TrimPrefix(sc.Text(), "export "), "="); ok {
				exported[key] = strings.Trim(value, "'")
			}
		}
		io.Copy(io.Discard, stdout)
	}()
	select {
	case where := <-ready:
		ts.Setenv(p.name+"_READY", where)
		for key, value := range exported {
			ts.Setenv(key, value)
		}
	case <-p.done:
		ts.Fatalf("%s ended before it was ready:\n%s", p.name, p.log())
	case <-time.After(patience):
		ts.Fatalf("%s isn't ready after %v:\n%s", p.name, patience, p.log())
	}
}

func launch(ts *testscript.TestScript, args []string) (*serverProcess, io.Reader, error) {
	p := &serverProcess{name: args[0], cmd: exec.Command(lookPath(ts, args[0]), args[1:]...), done: make(chan struct{}), grown: make(chan struct{})}
	p.cmd.Dir = ts.MkAbs(".")
	p.cmd.Env = ts.Value(serversKey{}).(*servers).environ(ts)
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		return nil, nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, nil, err
	}
	logged := make(chan struct{})
	go func() {
		defer close(logged)
		for sc := bufio.NewScanner(stderr); sc.Scan(); {
			p.addLine(sc.Text())
		}
	}()
	go func() {
		<-logged
		p.cmd.Wait()
		close(p.done)
	}()
	return p, stdout, nil
}

// environ is the script's environment as it is now.
func (s *servers) environ(ts *testscript.TestScript) []string {
	var env []string
	for _, row := range s.env.Vars {
		key, _, _ := strings.Cut(row, "=")
		env = append(env, key+"="+ts.Getenv(key))
	}
	for _, key := range []string{"FOB_KILL_AT", "DBUS_SESSION_BUS_ADDRESS", "PCSCLITE_CSOCK_NAME"} {
		if v := ts.Getenv(key); v != "" {
			env = append(env, key+"="+v)
		}
	}
	return env
}

func (p *serverProcess) addLine(line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stderr.WriteString(line + "\n")
	var row map[string]any
	if json.Unmarshal([]byte(line), &row) == nil {
		p.rows = append(p.rows, row)
	}
	close(p.grown)
	p.grown = make(chan struct{})
}

func (p *serverProcess) log() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stderr.String()
}

// end sends a signal and waits for the process's end. A server that is asked
// politely has two seconds, as the contract says; the test allows a slow
// machine more and then fails.
func (p *serverProcess) end(sig os.Signal) error {
	select {
	case <-p.done:
		return nil
	default:
	}
	if err := p.cmd.Process.Signal(sig); err != nil {
		return err
	}
	select {
	case <-p.done:
	case <-time.After(patience):
		p.cmd.Process.Kill()
		<-p.done
		return fmt.Errorf("%s didn't end on %v", p.name, sig)
	}
	if code := p.cmd.ProcessState.ExitCode(); code != 0 && sig != syscall.SIGKILL {
		return fmt.Errorf("%s ended with status %d:\n%s", p.name, code, p.log())
	}
	return nil
}

func (s *servers) stopAll() error {
	var errs []error
	for i := len(s.order) - 1; i >= 0; i-- {
		errs = append(errs, s.order[i].end(syscall.SIGTERM))
	}
	return errors.Join(errs...)
}

func running(ts *testscript.TestScript, name string) *serverProcess {
	p := ts.Value(serversKey{}).(*servers).byName[name]
	if p == nil {
		ts.Fatalf("%s: %v", name, errNotRunning)
	}
	return p
}

// cmdHalt ends a server: halt NAME [KILL].
func cmdHalt(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: halt NAME [KILL]")
	}
	sig := os.Signal(syscall.SIGTERM)
	if len(args) > 1 && args[1] == "KILL" {
		sig = syscall.SIGKILL
	}
	ts.Check(running(ts, args[0]).end(sig))
}

// cmdHangup has a server read its config again: hangup NAME
func cmdHangup(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: hangup NAME")
	}
	ts.Check(running(ts, args[0]).cmd.Process.Signal(syscall.SIGHUP))
}

// cmdTouched checks how often the bench's first token was touched: touched N
func cmdTouched(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: touched N")
	}
	ts.Check(ts.Exec("fobemu", "status", "--json"))
	var tokens []struct{ Presses int }
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &tokens))
	if len(tokens) == 0 || fmt.Sprint(tokens[0].Presses) != args[0] {
		ts.Fatalf("touched %+v, want %s", tokens, args[0])
	}
}

// cmdCount counts rows of fobaws's log: count N KEY=VALUE...
func cmdCount(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: count N KEY=VALUE...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	p := running(ts, "fobaws")
	rows := p.logged(func(rows []logRow) bool { return len(matching(rows, args[1:])) >= want })
	if got := len(matching(rows, args[1:])); got != want {
		ts.Fatalf("fobaws logged %d requests with %v, want %d:\n%s", got, args[1:], want, p.log())
	}
}

// cmdDistinct counts the different values of a key in rows of fobaws's log:
// distinct N KEY KEY=VALUE...
func cmdDistinct(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: distinct N KEY KEY=VALUE...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	distinct := func(rows []logRow) map[string]bool {
		values := map[string]bool{}
		for _, row := range matching(rows, args[2:]) {
			if v, ok := row[args[1]]; ok {
				values[fmt.Sprint(v)] = true
			}
		}
		return values
	}
	rows := running(ts, "fobaws").logged(func(rows []logRow) bool { return len(distinct(rows)) >= want })
	if values := distinct(rows); len(values) != want {
		ts.Fatalf("fobaws logged %d different %s, want %d: %v", len(values), args[1], want, values)
	}
}

// cmdInTurn checks that rows of fobaws's log come in pairs, as of processes that
// call twice, and that a key's value differs within each: inturn KEY
// KEY=VALUE...
func cmdInTurn(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: inturn KEY KEY=VALUE...")
	}
	rows := running(ts, "fobaws").logged(func(rows []logRow) bool {
		n := len(matching(rows, args[1:]))
		return n > 0 && n%2 == 0
	})
	var values []any
	for _, row := range matching(rows, args[1:]) {
		values = append(values, row[args[0]])
	}
	for i := 0; i < len(values); i += 2 {
		if i+1 == len(values) || values[i] == nil || values[i] == values[i+1] {
			ts.Fatalf("fobaws logged for %s in turn: %v", args[0], values)
		}
	}
}

// A logRow is a line of a server's log.
type logRow = map[string]any

// logged returns the rows of the log once they are enough, or whatever they are
// when patience ends: a call's answer may be here before its row.
func (p *serverProcess) logged(enough func([]logRow) bool) []logRow {
	deadline := time.After(patience)
	for {
		p.mu.Lock()
		rows, grown := slices.Clone(p.rows), p.grown
		p.mu.Unlock()
		if enough(rows) {
			return rows
		}
		select {
		case <-grown:
		case <-p.done:
			return rows
		case <-deadline:
			return rows
		}
	}
}

// matching are the rows in which each KEY has its VALUE.
func matching(rows []logRow, conditions []string) []logRow {
	var found []logRow
	for _, row := range rows {
		if matches(row, conditions) {
			found = append(found, row)
		}
	}
	return found
}

func matches(row logRow, conditions []string) bool {
	for _, c := range conditions {
		key, value, _ := strings.Cut(c, "=")
		if got, ok := row[key]; !ok || fmt.Sprint(got) != value {
			return false
		}
	}
	return true
}

// cmdAwait waits for a line in a server's log: await NAME TEXT
func cmdAwait(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: await NAME TEXT")
	}
	p := running(ts, args[0])
	deadline := time.After(patience)
	for {
		p.mu.Lock()
		found, grown := strings.Contains(p.stderr.String(), args[1]), p.grown
		p.mu.Unlock()
		if found {
			return
		}
		select {
		case <-grown:
		case <-deadline:
			ts.Fatalf("%s never logged %q:\n%s", args[0], args[1], p.log())
		}
	}
}

// cmdAWSClock moves the local AWS's clock: awsclock advance 301s, or
// awsclock set RFC3339.
func cmdAWSClock(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: awsclock advance|set VALUE")
	}
	body, err := json.Marshal(map[string]string{args[0]: args[1]})
	ts.Check(err)
	resp, err := http.Post(ts.Getenv("fobaws_READY")+"/_fobaws/clock", "application/json", bytes.NewReader(body))
	ts.Check(err)
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		ts.Fatalf("the clock answers %s", resp.Status)
	}
}

// cmdJSONGet checks a value in a JSON file: jsonget FILE PATH [VALUE]; PATH is
// keys and indices with dots between. Without VALUE it sets $VALUE.
func cmdJSONGet(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 || len(args) > 3 {
		ts.Fatalf("usage: [!] jsonget FILE PATH [VALUE]")
	}
	var v any
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &v))
	for _, step := range strings.Split(args[1], ".") {
		switch at := v.(type) {
		case map[string]any:
			v = at[step]
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i < 0 || i >= len(at) {
				ts.Fatalf("%s: no element %s in %s", args[0], step, args[1])
			}
			v = at[i]
		default:
			v = nil
		}
	}
	got := fmt.Sprint(v)
	if len(args) == 2 {
		ts.Setenv("VALUE", got)
	} else if (got == args[2]) == neg {
		ts.Fatalf("%s: %s is %q", args[0], args[1], got)
	}
}
