package cmd_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"
)

// suiteStart is where AWS's clock stands: it is moved by the suite alone.
var suiteStart = time.Date(2026, 9, 1, 12, 0, 10, 0, time.UTC)

// A suiteCall is one call of the suite and what every client has to make of
// it.
type suiteCall struct {
	name               string
	as                 string // a key of suiteKeys, or what an earlier call kept
	service, operation string
	// params are those of the API; "{code N}" stands for carol's code, N
	// steps from now.
	params map[string]any
	// want is status, code and message; a message is compared without the
	// spaces around it.
	want answered
	// modelled is the error's name where the service's model has one: the
	// type that clients raise.
	modelled string
	// fields are parts of the result, by path.
	fields map[string]string
	keep   string        // name under which the result's credentials are kept
	later  time.Duration // how far AWS's clock goes on before
	cli    []string      // the AWS CLI's options, where it wants others than the parameters
}

// An answered is what a client made of an answer.
type answered struct {
	Status  int    `json:"status"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

// A suiteAnswer is a line of a client's program.
type suiteAnswer struct {
	answered
	Type   string         `json:"type"`
	Result map[string]any `json:"result"`
}

type suiteCredentials struct{ id, secret, token string }

var suiteKeys = map[string]suiteCredentials{
	"admin":   {id: "AKIAADMINEXAMPLE0001", secret: "secret-of-admin"},
	"carol":   {id: "AKIACAROLEXAMPLE0001", secret: "secret-of-carol"},
	"unknown": {id: "AKIANOBODYEXAMPLE001", secret: "secret-of-nobody"},
	"wrong":   {id: "AKIACAROLEXAMPLE0001", secret: "wrong-secret"},
}

// A suiteClient makes calls with one SDK or program.
type suiteClient struct {
	// missing says what has to be installed, "" where all is.
	missing string
	// start gets ready for a server.
	start func(t *testing.T, url string) func(suiteCall, suiteCredentials) suiteAnswer
	// modelled is how the client calls the type of a modelled error; nil
	// where it has no types.
	modelled func(name string) string
	// status tells whether the client tells the HTTP status.
	status bool
}

// TestClients makes the same calls with clients that others wrote: the same
// answers, each in the client's own error types.
func TestClients(t *testing.T) {
	for name, c := range map[string]suiteClient{
		"aws-cli":       {missing: lacks("awscli", exec.Command(awsCLI, "--version")), start: startCLI},
		"boto3":         {missing: lacks("python3-boto3", exec.Command(systemPython, "-c", "import boto3")), start: startPython, modelled: same, status: true},
		"aws-sdk-go-v2": {start: startGo, modelled: func(n string) string { return "*types." + n }, status: true},
		"aws-sdk-js-v3": {missing: lacks("node and npm", exec.Command("node", "--version"), exec.Command("npm", "--version")), start: startNode, modelled: same, status: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if c.missing != "" {
				t.Skipf("needs %s to be installed", c.missing)
			}
			runSuite(t, c)
		})
	}
}

func same(name string) string { return name }

func lacks(what string, probes ...*exec.Cmd) string {
	for _, probe := range probes {
		if probe.Run() != nil {
			return what
		}
	}
	return ""
}

func runSuite(t *testing.T, c suiteClient) {
	url := serveSuite(t)
	ask := c.start(t, url)
	kept := map[string]suiteCredentials{}
	now := suiteStart
	for _, call := range suiteCalls() {
		if call.later > 0 {
			now = now.Add(call.later)
			advance(t, url, call.later)
		}
		who, ok := suiteKeys[call.as]
		if !ok {
			who, ok = kept[call.as]
		}
		if !ok {
			t.Fatalf("%s: nobody is %s", call.name, call.as)
		}
		call.params = withCodes(t, call.params, now)
		got := ask(call, who)
		checkAnswer(t, c, call, got)
		if call.keep != "" {
			kept[call.keep] = credentialsIn(got.Result)
		}
	}
}

func checkAnswer(t *testing.T, c suiteClient, call suiteCall, got suiteAnswer) {
	t.Helper()
	want := call.want
	if want.Status == 0 {
		want.Status = http.StatusOK
	}
	if !c.status {
		want.Status = got.Status
	}
	got.Message = strings.TrimSpace(got.Message)
	if got.answered != want {
		t.Errorf("%s:\ngot  %+v\nwant %+v", call.name, got.answered, want)
	}
	if call.modelled != "" && c.modelled != nil && got.Type != c.modelled(call.modelled) {
		t.Errorf("%s: the error is a %s, want %s", call.name, got.Type, c.modelled(call.modelled))
	}
	for path, value := range call.fields {
		if at := fieldAt(got.Result, path); at != value {
			t.Errorf("%s: %s is %q, want %q", call.name, path, at, value)
		}
	}
}

// fieldAt finds a part of a result: "Users.0.UserName".
func fieldAt(in any, path string) string {
	for part := range strings.SplitSeq(path, ".") {
		switch v := in.(type) {
		case map[string]any:
			in = v[part]
		case []any:
			var i int
			if _, err := fmt.Sscan(part, &i); err != nil || i >= len(v) {
				return ""
			}
			in = v[i]
		default:
			return ""
		}
	}
	return fmt.Sprint(in)
}

func credentialsIn(result map[string]any) suiteCredentials {
	return suiteCredentials{
		id: fieldAt(result, "Credentials.AccessKeyId"), secret: fieldAt(result, "Credentials.SecretAccessKey"),
		token: fieldAt(result, "Credentials.SessionToken"),
	}
}

// withCodes puts carol's codes where the parameters ask for them.
func withCodes(t *testing.T, params map[string]any, now time.Time) map[string]any {
	t.Helper()
	filled := map[string]any{}
	for name, value := range params {
		var steps int
		if text, ok := value.(string); ok && strings.HasPrefix(text, "{code ") {
			if _, err := fmt.Sscanf(text, "{code %d}", &steps); err != nil {
				t.Fatal(err)
			}
			code, err := totp.GenerateCode("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", now.Add(time.Duration(steps)*30*time.Second))
			if err != nil {
				t.Fatal(err)
			}
			value = code
		}
		filled[name] = value
	}
	return filled
}

// serveSuite runs fobaws for one client.
func serveSuite(t *testing.T) string {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, "fobaws", "serve", "--world", filepath.Join("testdata", "clients", "world.yaml"), "--listen", "127.0.0.1:0",
		"--clock", "manual="+suiteStart.Format(time.RFC3339), "--signature-skew", "876000h")
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cancel(); _ = cmd.Wait() }) // it says that it was killed
	line, err := bufio.NewReader(stdout).ReadString('\n')
	url, ok := strings.CutPrefix(strings.TrimSpace(line), "fobaws: ready ")
	if err != nil || !ok {
		t.Fatalf("fobaws said %q: %v", line, err)
	}
	return url
}

func advance(t *testing.T, url string, by time.Duration) {
	t.Helper()
	body, err := json.Marshal(map[string]string{"advance": by.String()})
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.Post(url+"/_fobaws/clock", "application/json", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("the clock says %s", resp.Status)
	}
}

// cleanEnv is an environment without the machine's AWS settings.
func cleanEnv(t *testing.T, more ...string) []string {
	return append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "AWS_EC2_METADATA_DISABLED=true", "AWS_PAGER=", "AWS_MAX_ATTEMPTS=1"}, more...)
}

func startPython(t *testing.T, url string) func(suiteCall, suiteCredentials) suiteAnswer {
	script, err := filepath.Abs(filepath.Join("testdata", "clients", "calls.py"))
	if err != nil {
		t.Fatal(err)
	}
	return lines(t, exec.Command(systemPython, script, url))
}

func startNode(t *testing.T, url string) func(suiteCall, suiteCredentials) suiteAnswer {
	dir, err := nodeModules()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("node", "calls.mjs", url)
	cmd.Dir = dir
	return lines(t, cmd)
}

// nodeModules installs the JS SDK, as the lock file has it, into the user's
// cache once.
func nodeModules() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "fob", "test-clients")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	stale := false
	for _, name := range []string{"package.json", "package-lock.json", "calls.mjs"} {
		text, err := os.ReadFile(filepath.Join("testdata", "clients", name))
		if err != nil {
			return "", err
		}
		file := filepath.Join(dir, name)
		if was, err := os.ReadFile(file); err == nil && bytes.Equal(was, text) {
			continue
		}
		stale = stale || name != "calls.mjs"
		if err := os.WriteFile(file, text, 0o600); err != nil {
			return "", err
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "node_modules", ".package-lock.json")); err == nil && !stale {
		return dir, nil
	}
	install := exec.Command("npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts")
	install.Dir = dir
	if out, err := install.CombinedOutput(); err != nil {
		return "", fmt.Errorf("npm ci: %w\n%s", err, out)
	}
	return dir, nil
}

// lines asks a program that takes calls as lines of JSON.
func lines(t *testing.T, cmd *exec.Cmd) func(suiteCall, suiteCredentials) suiteAnswer {
	cmd.Env = cleanEnv(t)
	cmd.Stderr = t.Output()
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(stdin.Close(), cmd.Wait()); err != nil {
			t.Error(err)
		}
	})
	answers := json.NewDecoder(stdout)
	return func(c suiteCall, who suiteCredentials) (got suiteAnswer) {
		err := json.NewEncoder(stdin).Encode(map[string]any{
			"service": c.service, "operation": c.operation, "params": c.params,
			"id": who.id, "secret": who.secret, "token": who.token,
		})
		if err == nil {
			err = answers.Decode(&got)
		}
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		return got
	}
}
