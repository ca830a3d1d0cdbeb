package cmd_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/fob-auth/fob/agent/api"
	"github.com/fob-auth/fob/agent/broker"
	"github.com/fob-auth/fob/agent/client"
)

// cmdParallel starts a command N times at once and checks that every run ends
// well: parallel N FILE COMMAND ARG... What run i printed goes to FILE.i, and
// "{i}" in an argument is i. With "-press TOKEN" before N, the token is touched
// as soon as all N wait for a session.
func cmdParallel(ts *testscript.TestScript, neg bool, args []string) {
	press := ""
	if len(args) > 2 && args[0] == "-press" {
		press, args = args[1], args[2:]
	}
	if neg || len(args) < 3 {
		ts.Fatalf("usage: parallel [-press TOKEN] N FILE COMMAND ARG...")
	}
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	all := ts.Value(serversKey{}).(*servers)
	outs, errs, fails := make([]bytes.Buffer, n), make([]bytes.Buffer, n), make([]error, n)
	var group sync.WaitGroup
	for i := range n {
		own := slices.Clone(args[3:])
		for j := range own {
			own[j] = strings.ReplaceAll(own[j], "{i}", strconv.Itoa(i))
		}
		cmd := exec.Command(lookPath(ts, args[2]), own...)
		cmd.Dir, cmd.Env = ts.MkAbs("."), all.environ(ts)
		cmd.Stdout, cmd.Stderr = &outs[i], &errs[i]
		if fails[i] = cmd.Start(); fails[i] == nil {
			group.Go(func() { fails[i] = cmd.Wait() })
		}
	}
	ended := make(chan struct{})
	go func() { group.Wait(); close(ended) }()
	if press != "" {
		ts.Check(pressOnceAllWait(ts, n, press, ended))
	}
	<-ended
	for i := range n {
		if fails[i] != nil {
			ts.Fatalf("run %d of %d: %v: %s", i, n, fails[i], errs[i].String())
		}
		ts.Check(os.WriteFile(ts.MkAbs(args[1]+"."+strconv.Itoa(i)), outs[i].Bytes(), 0o600))
	}
}

// pressOnceAllWait touches a token of the bench once n callers wait, unless they
// end before. The agent awaits a touch for as long as a call may take: where the
// machine is so slow that not all have come by half of that, those who come later
// find the session made.
func pressOnceAllWait(ts *testscript.TestScript, n int, token string, ended <-chan struct{}) error {
	c := client.Client{Socket: ts.Getenv("fobd_READY")}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	var half <-chan time.Time
	for waiting, over := 0, false; waiting < n && !over; {
		select {
		case <-look.C:
		case <-half:
			over = true
		case <-ended:
			return nil // what they say tells more
		}
		status, err := c.Status(ctx)
		if err != nil {
			return fmt.Errorf("%d of %d callers wait: %w", waiting, n, err)
		}
		if waiting = status.Waiting; waiting > 0 && half == nil {
			half = time.After(broker.CallBound / 2)
		}
	}
	press := exec.CommandContext(ctx, lookPath(ts, "fobemu"), "press", token, "--wait", patience.String())
	press.Env = ts.Value(serversKey{}).(*servers).environ(ts)
	if out, err := press.CombinedOutput(); err != nil {
		return fmt.Errorf("fobemu press %s: %w: %s", token, err, out)
	}
	return nil
}

// cmdPython runs a script with Debian's Python, which has boto3: python FILE
func cmdPython(ts *testscript.TestScript, neg bool, args []string) {
	err := ts.Exec(systemPython, args...)
	if (err != nil) != neg {
		ts.Fatalf("python %v: %v", args, err)
	}
}

// cmdNodeModules puts the JS SDK where a script's modules find it.
func cmdNodeModules(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: nodemodules")
	}
	dir, err := nodeModules()
	ts.Check(err)
	ts.Check(os.Symlink(filepath.Join(dir, "node_modules"), ts.MkAbs("node_modules")))
}

// lookPath finds a program on the script's own PATH, where the four programs
// come first.
func lookPath(ts *testscript.TestScript, name string) string {
	for _, dir := range filepath.SplitList(ts.Getenv("PATH")) {
		if path := filepath.Join(dir, name); isProgram(path) {
			return path
		}
	}
	return name
}

func isProgram(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

// cmdExpand replaces $NAME in files by the script's variables: expand FILE...
func cmdExpand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: expand FILE...")
	}
	for _, file := range args {
		text := os.Expand(ts.ReadFile(file), ts.Getenv)
		ts.Check(os.WriteFile(ts.MkAbs(file), []byte(text), 0o600))
	}
}

// cmdAwaitToken waits until the agent has a token in a state, ready where none is
// named, or hasn't any more: [!] awaitoken SERIAL [STATE]
func cmdAwaitToken(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 1 || len(args) > 2 {
		ts.Fatalf("usage: [!] awaitoken SERIAL [STATE]")
	}
	state := api.TokenReady
	if len(args) == 2 {
		state = api.TokenState(args[1])
	}
	c := client.Client{Socket: ts.Getenv("fobd_READY")}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	there := func() bool {
		tokens, err := c.Tokens(ctx)
		ts.Check(err)
		return slices.ContainsFunc(tokens, func(t api.Token) bool { return t.Serial == args[0] && t.State == state })
	}
	reached := false
	look := func() {
		if reached = there() != neg; reached {
			cancel() // no event may ever come
		}
	}
	for _, err := range c.Events(ctx, look) {
		if reached {
			return
		}
		ts.Check(err)
		look()
	}
	if reached {
		return
	}
	ts.Fatalf("token %s never came, or went", args[0])
}

// cmdPost posts a file to the agent as a request for a session and checks
// status and error code: post FILE STATUS CODE. Of big.json and nested.json it
// makes up the content.
func cmdPost(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: post FILE STATUS CODE")
	}
	var body string
	switch args[0] {
	case "big.json":
		body = `{"profile":"` + strings.Repeat("x", 64<<10) + `"}`
	case "nested.json":
		body = strings.Repeat(`{"profile":`, 1000) + "1" + strings.Repeat("}", 1000)
	default:
		body = ts.ReadFile(args[0])
	}
	socket := ts.Getenv("fobd_READY")
	hc := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}}
	defer hc.CloseIdleConnections()
	resp, err := hc.Post("http://"+api.Host+api.PathSessions, "application/json", strings.NewReader(body))
	ts.Check(err)
	defer resp.Body.Close()
	var told api.ErrorBody
	ts.Check(json.NewDecoder(resp.Body).Decode(&told))
	if strconv.Itoa(resp.StatusCode) != args[1] || string(told.Error.Code) != args[2] {
		ts.Fatalf("%s: status %d, code %s: %s", args[0], resp.StatusCode, told.Error.Code, told.Error.Message)
	}
}
