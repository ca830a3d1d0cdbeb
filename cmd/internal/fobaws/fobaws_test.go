package fobaws

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/fob-auth/fob/cmd/internal/cli"
	"github.com/fob-auth/fob/sts/local/world"
)

const worldText = `accounts:
- id: "111122223333"
  users:
  - name: carol
    access_keys: [{id: AKIACAROLEXAMPLE0001, secret: carol-secret}]
    mfa_devices: [{serial: GAHT12345678, kind: hardware, seed: JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP}]
`

// strangerText is a world whose bucket policy names a user who isn't there.
const strangerText = worldText + `  buckets:
  - name: bucket
    policy: {Version: "2012-10-17", Statement: [{Effect: Allow, Principal: {AWS: "arn:aws:iam::111122223333:user/nobody"}, Action: "s3:GetObject", Resource: "arn:aws:s3:::bucket/*"}]}
`

func writeWorld(t *testing.T, text string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "world.yaml")
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	return path
}

// A program is a run of fobaws serve.
type program struct {
	url    string
	end    context.CancelFunc
	status chan int
	stderr bytes.Buffer // to be read after the end
}

func serve(t *testing.T, args ...string) *program {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	p := &program{end: cancel, status: make(chan int, 1)}
	r, w := io.Pipe()
	go func() {
		status := run(ctx, append([]string{"serve"}, args...), w, &p.stderr)
		w.Close()
		p.status <- status
	}()
	line, err := bufio.NewReader(r).ReadString('\n')
	if err != nil {
		t.Fatalf("no ready line, status %d: %s", <-p.status, &p.stderr)
	}
	m := regexp.MustCompile(`^fobaws: ready (http://127\.0\.0\.1:\d+)\n$`).FindStringSubmatch(line)
	if m == nil {
		t.Fatalf("ready line is %q", line)
	}
	p.url = m[1]
	return p
}

func (p *program) stop(t *testing.T) {
	t.Helper()
	p.end()
	if status := <-p.status; status != cli.ExitOK {
		t.Errorf("status %d: %s", status, &p.stderr)
	}
}

func (p *program) sts() *sts.Client {
	return sts.New(sts.Options{Region: "us-east-1", BaseEndpoint: &p.url, Retryer: aws.NopRetryer{},
		Credentials: credentials.NewStaticCredentialsProvider("AKIACAROLEXAMPLE0001", "carol-secret", "")})
}

func TestServe(t *testing.T) {
	p := serve(t, "--world", writeWorld(t, worldText, 0o600), "--log-format", "json",
		// Of another day the digits below may be a good code.
		"--clock", "manual=2026-09-01T12:00:00Z", "--signature-skew", "876000h")
	out, err := p.sts().GetCallerIdentity(t.Context(), nil)
	if err != nil || *out.Arn != "arn:aws:iam::111122223333:user/carol" {
		t.Errorf("got %+v, %v", out, err)
	}
	if _, err = p.sts().GetSessionToken(t.Context(), &sts.GetSessionTokenInput{SerialNumber: aws.String("GAHT12345678"), TokenCode: aws.String("987601")}); err == nil {
		t.Error("a wrong code is accepted")
	}
	resp, err := http.Get(p.url + "/_fobaws/health")
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Errorf("health: %v, %v", resp, err)
	}
	resp.Body.Close()
	p.stop(t)

	var rows []map[string]any
	for line := range strings.Lines(p.stderr.String()) {
		var row map[string]any
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		rows = append(rows, row)
	}
	if len(rows) != 2 {
		t.Fatalf("logged %v", rows)
	}
	for i, want := range []map[string]any{
		{"msg": "request", "service": "sts", "action": "GetCallerIdentity", "caller": "arn:aws:iam::111122223333:user/carol",
			"account": "111122223333", "key": "AKIACAROLEXAMPLE0001", "status": 200.0},
		{"action": "GetSessionToken", "mfa_serial": "GAHT12345678", "mfa_outcome": "refused", "status": 403.0, "code": "AccessDenied"},
	} {
		for key, value := range want {
			if rows[i][key] != value {
				t.Errorf("row %d: %s is %v, want %v", i, key, rows[i][key], value)
			}
		}
	}
	// The host's time and the number of a request have digits of their own.
	for _, row := range rows {
		delete(row, "time")
		delete(row, "request_id")
	}
	for _, secret := range []string{"carol-secret", "987601", "JBSWY"} {
		if text := fmt.Sprint(rows); strings.Contains(text, secret) {
			t.Errorf("%q is in the log: %s", secret, text)
		}
	}
}

// TestALostState: objects whose state is gone stay, and the refusal says what
// to do.
func TestALostState(t *testing.T) {
	state := t.TempDir()
	object := filepath.Join(state, "objects", "000102030405060708090a0b0c0d0e0f")
	if err := os.Mkdir(filepath.Dir(object), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.WriteFile(object, []byte("content"), 0o600), os.WriteFile(filepath.Join(state, "fobaws.db"), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	status := run(t.Context(), []string{"serve", "--state", state}, io.Discard, &stderr)
	if _, err := os.Stat(object); err != nil || status != cli.ExitFailed ||
		!strings.Contains(stderr.String(), "the state is empty, though there are objects: 1 in "+filepath.Dir(object)) ||
		!strings.Contains(stderr.String(), "hint: put fobaws.db back into "+state) {
		t.Errorf("status %d, %v: %s", status, err, &stderr)
	}
}

// TestAStateThatCannotBeOpened: the hint says how to look at the folder and at
// the disk, whose being full SQLite calls by several names.
func TestAStateThatCannotBeOpened(t *testing.T) {
	for _, name := range []string{"fobaws.db", "objects"} {
		state := t.TempDir()
		if err := os.WriteFile(filepath.Join(state, name), []byte(strings.Repeat("neither database nor folder ", 100)), 0o600); err != nil {
			t.Fatal(err)
		}
		var stderr bytes.Buffer
		status := run(t.Context(), []string{"serve", "--state", state}, io.Discard, &stderr)
		if status != cli.ExitFailed || !strings.Contains(stderr.String(), "hint: 'ls -l "+state+"' shows what is there, 'df "+state+"' whether the disk is full") {
			t.Errorf("%s: status %d: %s", name, status, &stderr)
		}
	}
}

func TestState(t *testing.T) {
	world, state := writeWorld(t, worldText, 0o600), filepath.Join(t.TempDir(), "state")
	first := serve(t, "--world", world, "--state", state)
	if status := run(t.Context(), []string{"serve", "--state", state}, io.Discard, io.Discard); status != cli.ExitFailed {
		t.Errorf("a second one on the same state: status %d", status)
	}
	out, err := first.sts().GetSessionToken(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	first.stop(t)

	second := serve(t, "--state", state)
	c := out.Credentials
	session := sts.New(sts.Options{Region: "us-east-1", BaseEndpoint: &second.url,
		Credentials: credentials.NewStaticCredentialsProvider(*c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken)})
	if _, err := session.GetCallerIdentity(t.Context(), nil); err != nil {
		t.Errorf("the session after a restart: %v", err)
	}
	second.stop(t)
}

func TestASharedWorldDrawsAWarning(t *testing.T) {
	path := writeWorld(t, worldText, 0o644)
	p := serve(t, "--world", path)
	p.stop(t)
	if !strings.Contains(p.stderr.String(), "others can read this file") || !strings.Contains(p.stderr.String(), path) {
		t.Errorf("logged %s", &p.stderr)
	}
}

// What the help shows is a world.
func TestHelpShowsAWorld(t *testing.T) {
	var help bytes.Buffer
	run(t.Context(), []string{"serve", "--help"}, &help, io.Discard)
	_, rest, found := strings.Cut(help.String(), "\n\n  accounts:\n")
	sample, _, _ := strings.Cut(rest, "\n\n")
	w, err := world.Decode("help", []byte("  accounts:\n"+sample))
	if !found || err != nil || len(w.Accounts) != 1 || len(w.Accounts[0].Users) != 1 {
		t.Errorf("%v in %s", err, &help)
	}
}

// TestReport: what ends the program is told as its log is, with what helps.
func TestReport(t *testing.T) {
	bad := writeWorld(t, "acounts: []\nhardwares: []\n", 0o600)
	var stderr bytes.Buffer
	run(t.Context(), []string{"serve", "--world", bad}, io.Discard, &stderr)
	want := fmt.Sprintf("fobaws: %[1]s:1: unknown key %[2]q in world\nfobaws: %[1]s:2: unknown key %[3]q in world\nfobaws: hint: 'fobaws serve --help' shows what a world looks like\n", bad, "acounts", "hardwares")
	if stderr.String() != want {
		t.Errorf("got %s", &stderr)
	}
	stderr.Reset()
	run(t.Context(), []string{"serve", "--world", bad, "--log-format", "json"}, io.Discard, &stderr)
	var record struct{ Level, Msg, Hint string }
	if err := json.Unmarshal(stderr.Bytes(), &record); err != nil || record.Level != "ERROR" || !strings.Contains(record.Msg, "hardwares") || record.Hint == "" {
		t.Errorf("got %s", &stderr)
	}
}

func TestStatuses(t *testing.T) {
	world := writeWorld(t, worldText, 0o600)
	for name, c := range map[string]struct {
		args   []string
		status int
		stdout string
		stderr string
	}{
		"no command":       {nil, cli.ExitUsage, "", "want a command: serve"},
		"other command":    {[]string{"start"}, cli.ExitUsage, "", `unknown command "start"`},
		"help":             {[]string{"--help"}, cli.ExitOK, "serve", ""},
		"help of serve":    {[]string{"serve", "--help"}, cli.ExitOK, "--signature-skew", ""},
		"version":          {[]string{"--version"}, cli.ExitOK, "fobaws ", ""},
		"no short version": {[]string{"-v"}, cli.ExitUsage, "", "unknown shorthand flag"},
		"nothing to do":    {[]string{"serve"}, cli.ExitUsage, "", "want --world, --state or both"},
		"unknown flag":     {[]string{"serve", "--worlds", "x"}, cli.ExitUsage, "", "unknown flag: --worlds"},
		"empty state":      {[]string{"serve", "--world", world, "--state", ""}, cli.ExitUsage, "", "--state is empty"},
		"argument":         {[]string{"serve", "x"}, cli.ExitUsage, "", "unknown command"},
		"log format":       {[]string{"serve", "--world", world, "--log-format", "xml"}, cli.ExitUsage, "", "--log-format"},
		"clock":            {[]string{"serve", "--world", world, "--clock", "fast"}, cli.ExitUsage, "", "--clock"},
		"skew":             {[]string{"serve", "--world", world, "--signature-skew", "0s"}, cli.ExitUsage, "", "--signature-skew"},
		"propagation":      {[]string{"serve", "--world", world, "--propagation", "-1s"}, cli.ExitUsage, "", "--propagation"},
		"all addresses":    {[]string{"serve", "--world", world, "--listen", "0.0.0.0:0"}, cli.ExitUsage, "", "--allow-remote"},
		"no host":          {[]string{"serve", "--world", world, "--listen", ":0"}, cli.ExitUsage, "", "--allow-remote"},
		"a name":           {[]string{"serve", "--world", world, "--listen", "example.com:0"}, cli.ExitUsage, "", "--allow-remote"},
		"no port":          {[]string{"serve", "--world", world, "--listen", "127.0.0.1"}, cli.ExitUsage, "", "--listen"},
		"no world":         {[]string{"serve", "--world", filepath.Join(t.TempDir(), "none")}, cli.ExitFailed, "", "no such file"},
		"a bad world":      {[]string{"serve", "--world", writeWorld(t, "acounts: []\n", 0o600)}, cli.ExitFailed, "", `world.yaml:1: unknown key "acounts"`},
		"a stranger":       {[]string{"serve", "--world", writeWorld(t, strangerText, 0o600)}, cli.ExitFailed, "", `world.yaml: policy of bucket bucket: Invalid principal in policy`},
		"a bad state":      {[]string{"serve", "--state", filepath.Join(world, "x")}, cli.ExitFailed, "", "not a directory"},
		"a taken address":  {[]string{"serve", "--world", world, "--listen", "127.0.0.1:1"}, cli.ExitFailed, "", "127.0.0.1:1"},
	} {
		if name == "a taken address" {
			p := serve(t, "--world", world)
			defer p.stop(t)
			c.args[4] = strings.TrimPrefix(p.url, "http://")
			c.stderr = c.args[4]
		}
		var stdout, stderr bytes.Buffer
		status := run(t.Context(), c.args, &stdout, &stderr)
		if hints := strings.Count(stderr.String(), "\nfobaws: hint: "); (hints != 1) != (status == cli.ExitOK) {
			t.Errorf("%s: %d hints in %s", name, hints, &stderr)
		}
		if status != c.status || !strings.Contains(stdout.String(), c.stdout) || !strings.Contains(stderr.String(), c.stderr) {
			t.Errorf("%s: status %d, stdout %s, stderr %s", name, status, &stdout, &stderr)
		}
	}
}
