package fobd

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/fob-auth/fob/agent/store"
	"github.com/fob-auth/fob/cmd/internal/cli"
)

// TestMain lets the test binary be a fobd that only says how it was started.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"fobd-started": func() {
			ctx, stop := cli.Context()
			defer stop()
			p := &program{stdout: os.Stdout, stderr: os.Stderr, serve: tellStart}
			os.Exit(p.execute(ctx, os.Args[1:]))
		},
	})
}

// tellStart is ready at once, says what the environment still holds, and ends
// when it is told to.
func tellStart(ctx context.Context, s start) error {
	socket := "none"
	if s.listener != nil {
		socket = s.listener.Addr().String()
	}
	for _, row := range os.Environ() {
		name, _, _ := strings.Cut(row, "=")
		if leads(name) || strings.HasPrefix(name, "LISTEN_") {
			s.log.Error("left in the environment", "name", name)
		}
	}
	s.log.Info("started", "aws", s.settings.AWSConfig, "state", s.settings.StateDir)
	s.ready(socket)
	<-ctx.Done()
	return nil
}

// run executes one command line in this process with a fake agent.
func run(t *testing.T, serve func(context.Context, start) error, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	var out, errs bytes.Buffer
	p := &program{stdout: &out, stderr: &errs, serve: serve}
	status = p.execute(t.Context(), args)
	return out.String(), errs.String(), status
}

// home gives the test a home with a configuration file in its default place.
func home(t *testing.T, config string) string {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("HOME", dir)
	for _, name := range []string{"XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_DATA_HOME"} {
		t.Setenv(name, "")
	}
	path := filepath.Join(dir, ".config", "fob", "fob.yaml")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestRun(t *testing.T) {
	home(t, "profiles: [{name: dev}]\n")
	var got start
	stdout, stderr, status := run(t, func(_ context.Context, s start) error {
		got = s
		s.ready("/run/fob/agent.sock")
		return nil
	})
	if stdout != "fobd: ready /run/fob/agent.sock\n" || stderr != "" || status != 0 {
		t.Errorf("stdout %q, stderr %q, status %d", stdout, stderr, status)
	}
	if len(got.config.Profiles) != 1 || got.listener != nil || !strings.HasSuffix(got.settings.StateDir, "/.local/state/fob") {
		t.Errorf("started with %+v", got)
	}
}

func TestRunFails(t *testing.T) {
	path := home(t, "profiles:\n  - name: dev\n    duraton: 1h\n    min_ttl: soon\n")
	never := func(context.Context, start) error {
		t.Error("the agent was started")
		return nil
	}
	for _, tt := range []struct {
		name   string
		args   []string
		stderr string
		status int
	}{
		{"config", nil, "fobd: " + path + `:3:5: profiles[0].duraton: unknown key; is "duration" meant?` + "\n" +
			"fobd: " + path + `:4:14: profiles[0].min_ttl: has to be a duration with its unit, such as "12h" or "20m"` + "\n" +
			"fobd: hint: 'fobd check --config " + path + "' reads it again\n", 1},
		{"missing config", []string{"--config", "/nonexistent/fob.yaml"}, "fobd: no configuration file at /nonexistent/fob.yaml: file does not exist\nfobd: hint: 'fob setup' writes one\n", 1},
		{"argument", []string{"x"}, "fobd: unknown command \"x\" for \"fobd\"\nfobd: hint: fobd --help\n", 2},
		{"empty config", []string{"--config", ""}, "fobd: --config is empty\nfobd: hint: fobd --help\n", 2},
		{"flag", []string{"--x"}, "fobd: unknown flag: --x\nfobd: hint: fobd --help\n", 2},
		{"log format", []string{"--log-format", "xml"}, "fobd: --log-format has to be text or json, not \"xml\"\nfobd: hint: fobd --help\n", 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			stdout, stderr, status := run(t, never, tt.args...)
			if stdout != "" || stderr != tt.stderr || status != tt.status {
				t.Errorf("stdout %q, stderr %q, status %d", stdout, stderr, status)
			}
		})
	}
	home(t, "")
	_, stderr, status := run(t, func(context.Context, start) error { return errors.New("another agent, pid 7, listens") })
	if stderr != "fobd: another agent, pid 7, listens\n" || status != 1 {
		t.Errorf("stderr %q, status %d", stderr, status)
	}
	_, stderr, status = run(t, func(context.Context, start) error { return &store.HeldError{Dir: "/state", PID: 7} }, "--log-format", "json")
	var record struct{ Level, Msg, Hint string }
	if err := json.Unmarshal([]byte(stderr), &record); err != nil || status != 1 || record.Level != "ERROR" ||
		record.Msg != "state folder /state is held by another agent, process 7" || record.Hint != "'fob status' tells of the agent that runs" {
		t.Errorf("stderr %q, status %d", stderr, status)
	}
}

func TestCheck(t *testing.T) {
	path := home(t, "profiles: [{name: dev}, {name: prod.Eu}]\n")
	stdout, stderr, status := run(t, nil, "check")
	if stdout != path+" is good; profiles: 2\n" || stderr != "" || status != 0 {
		t.Errorf("stdout %q, stderr %q, status %d", stdout, stderr, status)
	}
	stdout, _, status = run(t, nil, "check", "--json", "--config", path)
	var v verdict
	if err := json.Unmarshal([]byte(stdout), &v); err != nil || status != 0 || !v.OK || v.File != path || len(v.Profiles) != 2 || v.Profiles[1] != "prod.Eu" {
		t.Errorf("verdict %+v, status %d, %v", v, status, err)
	}

	path = home(t, "socket: relative\n")
	stdout, stderr, status = run(t, nil, "check")
	if stdout != path+":1:9: socket: has to be an absolute path\n" || stderr != "" || status != 1 {
		t.Errorf("stdout %q, stderr %q, status %d", stdout, stderr, status)
	}
	stdout, _, status = run(t, nil, "check", "--json")
	v = verdict{}
	if err := json.Unmarshal([]byte(stdout), &v); err != nil || status != 1 || v.OK || len(v.Faults) != 1 || v.Faults[0].Line != 1 || v.Faults[0].Key != "socket" {
		t.Errorf("verdict %+v, status %d, %v", v, status, err)
	}
	_, _, status = run(t, nil, "check", "--config", "/nonexistent")
	if status != 1 {
		t.Errorf("status %d for a missing file", status)
	}
}

func TestVersion(t *testing.T) {
	stdout, _, status := run(t, nil, "--version")
	if !strings.HasPrefix(stdout, "fobd ") || status != 0 {
		t.Errorf("stdout %q, status %d", stdout, status)
	}
}

// TestActivation starts fobd as a service manager does: the socket is file 3,
// and LISTEN_PID says for whom.
func TestActivation(t *testing.T) {
	path := home(t, "")
	for _, tt := range []struct {
		name string
		pid  string // what LISTEN_PID is set to
		want string
	}{
		{"ours", "$$", "fobd: ready SOCKET\n"},
		{"another process's", "1", "fobd: ready none\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir, err := os.MkdirTemp("", "fob")
			if err != nil {
				t.Fatal(err)
			}
			defer os.RemoveAll(dir)
			ln, err := net.Listen("unix", filepath.Join(dir, "s"))
			if err != nil {
				t.Fatal(err)
			}
			defer ln.Close()
			file, err := ln.(*net.UnixListener).File()
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			// sh sets its own pid, then becomes fobd.
			cmd := exec.Command("sh", "-c", "LISTEN_PID="+tt.pid+" LISTEN_FDS=1 exec fobd-started --config "+path)
			cmd.ExtraFiles = []*os.File{file}
			cmd.Env = append(os.Environ(), "AWS_ENDPOINT_URL=http://evil", "HTTPS_PROXY=http://evil", "https_proxy=http://evil", "AWS_CONFIG_FILE=/c")
			stderr := &bytes.Buffer{}
			cmd.Stderr = stderr
			stdout, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			line := make([]byte, 200)
			n, err := stdout.Read(line)
			if err != nil {
				t.Errorf("no ready line: %v: %s", err, stderr)
			}
			if got, want := string(line[:n]), strings.Replace(tt.want, "SOCKET", ln.Addr().String(), 1); got != want {
				t.Errorf("ready line %q, want %q", got, want)
			}
			if err := cmd.Process.Signal(os.Interrupt); err != nil {
				t.Error(err)
			}
			if err := cmd.Wait(); err != nil {
				t.Errorf("ended with %v: %s", err, stderr)
			}
			if text := stderr.String(); strings.Contains(text, "left in the environment") || !strings.Contains(text, "aws=/c") {
				t.Errorf("log: %s", text)
			}
		})
	}
}
