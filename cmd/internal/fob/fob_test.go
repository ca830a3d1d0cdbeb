package fob

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/fob-auth/fob/agent/api"
	"github.com/fob-auth/fob/cmd/internal/cli"
)

// TestMain lets the test binary be fob, so that scripts run it as a process.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"fob": func() { os.Exit(Main()) },
	})
}

// TestScript runs the scripts of testdata/script with an agent behind
// FOB_SOCKET.
func TestScript(t *testing.T) {
	path := startAgent(t)
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			env.Setenv("FOB_SOCKET", path)
			env.Setenv("TZ", "UTC")
			return nil
		},
		RequireUniqueNames: true,
	})
}

// ran is what one command line did.
type ran struct {
	stdout, stderr string
	status         int
}

// fob runs a command line in this process.
func fob(t *testing.T, socket string, args ...string) ran {
	t.Helper()
	var stdout, stderr bytes.Buffer
	status := execute(t.Context(), append([]string{"--socket", socket}, args...), &stdout, &stderr)
	return ran{stdout.String(), stderr.String(), status}
}

// TestExitStatuses holds each error of the agent to its row of the table, and
// stdout to be empty.
func TestExitStatuses(t *testing.T) {
	socket := startAgent(t)
	for _, row := range api.Codes() {
		t.Run(string(row.Code), func(t *testing.T) {
			got := fob(t, socket, "credentials", "--profile", string(row.Code))
			want := ran{"", fmt.Sprintf("fob: token 12345678: %s\nfob: hint: fob status\n", row.Meaning), row.Exit}
			if got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
}

func TestDocument(t *testing.T) {
	got := fob(t, startAgent(t), "credentials", "--profile", "dev")
	var doc map[string]any
	if err := json.Unmarshal([]byte(got.stdout), &doc); err != nil || got.status != 0 || got.stderr != "" {
		t.Fatalf("%+v: %v", got, err)
	}
	want := map[string]any{
		"Version": 1.0, "AccessKeyId": "ASIAEXAMPLE", "SecretAccessKey": "wJalr/XUt'nFEMI",
		"SessionToken": "IQoJb3JpZ2luX2VjE$`\\Pv//////////", "Expiration": "2026-11-22T12:00:00Z",
	}
	if fmt.Sprint(doc) != fmt.Sprint(want) {
		t.Errorf("document %v, want %v", doc, want)
	}
}

// TestUsage holds wrong calls to status 2 and one hint, with nothing sent.
func TestUsage(t *testing.T) {
	for _, args := range [][]string{
		{"nonsense"},
		{"credentials"},
		{"credentials", "--profile", ""},
		{"credentials", "dev"},
		{"credentials", "--profile", "dev", "--min-ttl", "13h"},
		{"credentials", "--profile", "dev", "--min-ttl", "-1s"},
		{"env", "--profile", "dev", "--shell", "tcsh"},
		{"exec", "--profile", "dev"},
		{"exec", "--", "true"},
		{"code", "a", "b"},
		{"drift", "--plot", "--json"},
		{"unbind"},
		{"bind"},
		{"enroll"},
		{"resync"},
		{"sessions", "--forget", ""},
		{"status", "--nonsense"},
		{"status", "--log-format", "xml"},
		{"lok"},
		{"keys"},
		{"keys", "import"},
		{"keys", "import", "--profile", "dev", "--yes", "--keep"},
		{"keys", "rotate"},
		{"exec", "--profile", "dev", "--endpoint", "file", "--", "true"},
	} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			got := fob(t, "/nonexistent/agent.sock", args...)
			if got.status != 2 || got.stdout != "" {
				t.Errorf("%+v", got)
			}
			lines := strings.Split(strings.TrimSuffix(got.stderr, "\n"), "\n")
			if len(lines) != 2 || !strings.HasPrefix(lines[0], "fob: ") || !strings.HasPrefix(lines[1], "fob: hint: fob") {
				t.Errorf("stderr %q", got.stderr)
			}
		})
	}
}

// TestPictureThatIsMissing: what fails before the agent is asked has a hint too.
func TestPictureThatIsMissing(t *testing.T) {
	got := fob(t, startAgent(t), "enroll", "--profile", "dev", "--qr", "/nonexistent/qr.png")
	if got.status != 1 || !strings.HasPrefix(got.stderr, "fob: QR code: open /nonexistent/qr.png: ") || !strings.Contains(got.stderr, "\nfob: hint: 'fob enroll --seed-stdin'") {
		t.Errorf("%+v", got)
	}
}

func TestNoAgent(t *testing.T) {
	got := fob(t, "/nonexistent/agent.sock", "credentials", "--profile", "dev")
	want := ran{"", "fob: no agent answers on /nonexistent/agent.sock: there is no such socket\nfob: hint: start it with 'fobd', or have 'fob service install' start it for you\n", api.NoAgent.Info().Exit}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// TestQuotes holds each shell's quoting to the shell's rules.
func TestQuotes(t *testing.T) {
	for _, tt := range []struct{ in, sh, fish, powershell string }{
		{"plain", `'plain'`, `'plain'`, `'plain'`},
		{"", `''`, `''`, `''`},
		{"it's", `'it'\''s'`, `'it\'s'`, `'it''s'`},
		{`a\b`, `'a\b'`, `'a\\b'`, `'a\b'`},
		{`\'`, `'\'\'''`, `'\\\''`, `'\'''`},
		{"$x `y` \"z\" %a%", "'$x `y` \"z\" %a%'", "'$x `y` \"z\" %a%'", "'$x `y` \"z\" %a%'"},
		{"a\u2019b\u2018c\u201ad\u201be", "'a\u2019b\u2018c\u201ad\u201be'", "'a\u2019b\u2018c\u201ad\u201be'", "'a\u2019\u2019b\u2018\u2018c\u201a\u201ad\u201b\u201be'"},
	} {
		for name, want := range map[string]string{"sh": tt.sh, "fish": tt.fish, "powershell": tt.powershell} {
			if got := dialects()[name].quote(tt.in); got != want {
				t.Errorf("%s quotes %q as %s, want %s", name, tt.in, got, want)
			}
		}
	}
}

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"AWS:carol": "AWS:carol", "Größe": "Größe", "\x1b]0;evil\x07": "?]0;evil?", "a\tb\r\n": "a?b??",
		"\xff": "?", "\u202egnp": "?gnp", "\u0085": "?",
	} {
		if got := cli.Clean(in); got != want {
			t.Errorf("cli.Clean(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestEnvironment(t *testing.T) {
	s := api.Session{AccessKeyID: "A", SecretAccessKey: "B", SessionToken: "C", Expiration: noon}
	got := withSession([]string{"PATH=/bin", "AWS_PROFILE=x", "AWS_ACCESS_KEY_ID=old", "AWS_SECURITY_TOKEN=old", "AWS_REGION=eu-west-1", "odd"}, s)
	want := "[PATH=/bin AWS_REGION=eu-west-1 odd AWS_ACCESS_KEY_ID=A AWS_SECRET_ACCESS_KEY=B AWS_SESSION_TOKEN=C AWS_CREDENTIAL_EXPIRATION=2026-11-22T12:00:00Z]"
	if fmt.Sprint(got) != want {
		t.Errorf("got %v", got)
	}
}

// An earWriter keeps what it is told, and closes heard at a line with word.
type earWriter struct {
	bytes.Buffer
	word  string
	heard chan struct{}
}

func (w *earWriter) Write(b []byte) (int, error) {
	if bytes.Contains(b, []byte(w.word)) {
		close(w.heard)
	}
	return w.Buffer.Write(b)
}

// TestTellsWhatItWaitsFor: while a call waits, stderr says for what, and only
// what concerns it; the agent here goes on once that has been read.
func TestTellsWhatItWaitsFor(t *testing.T) {
	a := &agent{told: make(chan struct{})}
	stderr := &earWriter{word: "waiting for the next code", heard: a.told}
	socket, _ := serve(t, a)
	var stdout bytes.Buffer
	status := execute(t.Context(), []string{"--socket", socket, "resync", "--profile", "dev", "--verbose"}, &stdout, stderr)
	if status != 0 || !strings.HasPrefix(stdout.String(), "MFA device GAHT12345678 is in step") {
		t.Errorf("status %d, stdout %q", status, &stdout)
	}
	if got, want := stderr.String(), "fob: touch token GAHT12345678\nfob: waiting for the next code, 12:00:30\n"; got != want {
		t.Errorf("stderr %q, want %q", got, want)
	}
}

// TestWatch follows events in both forms until the agent ends.
func TestWatch(t *testing.T) {
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"watch"}, noon.Local().Format(time.TimeOnly) + "  token-plugged  12345678  YubiKey is in\n" +
			noon.Add(time.Second).Local().Format(time.TimeOnly) + "  waiting  dev  until then\n"},
		{[]string{"watch", "--json"}, `{"type":"token-plugged","at":"2026-11-22T12:00:00Z","token":"12345678","message":"YubiKey is in"}
{"type":"waiting","at":"2026-11-22T12:00:01Z","profile":"dev","message":"until then","until":"2026-11-22T12:00:30Z"}
`},
	} {
		t.Run(strings.Join(tt.args, " "), func(t *testing.T) {
			a := &agent{}
			socket, end := serve(t, a)
			stderr := &earWriter{word: "following", heard: make(chan struct{})}
			stdout := &earWriter{word: "until then", heard: make(chan struct{})}
			status := make(chan int, 1)
			go func() { status <- execute(t.Context(), append(tt.args, "--socket", socket), stdout, stderr) }()
			<-stderr.heard
			a.hub.Publish(api.Event{Type: api.EventPlugged, At: noon, Token: "12345678", Message: "YubiKey is in"})
			a.hub.Publish(api.Event{Type: api.EventWaiting, At: noon.Add(time.Second), Profile: "dev", Message: "until then", Until: noon.Add(30 * time.Second)})
			<-stdout.heard
			end()
			want := "fob: following\nfob: the agent has ended\nfob: hint: start it with 'fobd', or have 'fob service install' start it for you\n"
			if got := <-status; got != api.NoAgent.Info().Exit || stderr.String() != want {
				t.Errorf("status %d, stderr %q", got, stderr)
			}
			if stdout.String() != tt.want {
				t.Errorf("stdout %q, want %q", stdout, tt.want)
			}
		})
	}
}
