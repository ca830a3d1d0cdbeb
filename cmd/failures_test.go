package cmd_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/fob-auth/fob/agent/api"
	"github.com/fob-auth/fob/agent/client"
	"github.com/fob-auth/fob/sts"
	"github.com/fob-auth/fob/sts/awsissuer"
)

// TestFailures shows the words of the ways in which a code fails, each with its
// cause and a next command, and that none of them wastes a verification. The
// words stand in testdata/failures/words.golden; UPDATE=1 writes them anew.
func TestFailures(t *testing.T) {
	golden := filepath.Join("testdata", "failures", "words.golden")
	var words bytes.Buffer
	t.Run("scripts", func(t *testing.T) {
		testscript.Run(t, testscript.Params{
			Dir:   filepath.Join("testdata", "failures"),
			Setup: setupScript,
			Cmds: scriptCommands(map[string]func(*testscript.TestScript, bool, []string){
				"through": cmdThrough, "shut": cmdShut, "still": cmdStill, "elsewhere": cmdElsewhere, "verified": cmdVerified,
				"fails": func(ts *testscript.TestScript, neg bool, args []string) { cmdFails(ts, &words, args) },
			}),
		})
	})
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(golden, words.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(words.Bytes(), want) {
		t.Errorf("got\n%s\nwant\n%s", &words, want)
	}
	for _, part := range strings.Split(strings.TrimPrefix(words.String(), "== "), "\n== ") {
		if !strings.Contains(part, "fob: hint: ") || !strings.Contains(part, "exit status ") {
			t.Errorf("no next step is named:\n%s", part)
		}
	}
}

// cmdFails runs fob, which has to fail, and notes what it says under a title:
// fails [-cut|-unplug=TOKEN] TITLE ARG...; with -cut AWS's answer to the code is
// lost on its way, with -unplug the token is taken out while its touch is
// awaited.
func cmdFails(ts *testscript.TestScript, words *bytes.Buffer, args []string) {
	meanwhile := func() {}
	if len(args) > 0 && args[0] == "-cut" {
		args, meanwhile = args[1:], cutting(ts)
	} else if token, ok := strings.CutPrefix(args[0], "-unplug="); ok {
		args, meanwhile = args[1:], unplugging(ts, token)
	}
	if len(args) < 2 {
		ts.Fatalf("usage: fails TITLE ARG...")
	}
	cmd := exec.Command(lookPath(ts, "fob"), args[1:]...)
	cmd.Dir, cmd.Env = ts.MkAbs("."), ts.Value(serversKey{}).(*servers).environ(ts)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	ts.Check(cmd.Start())
	meanwhile()
	err := cmd.Wait()
	if err == nil || stdout.Len() > 0 {
		ts.Fatalf("%s: fob didn't fail: %s%s", args[0], &stdout, &stderr)
	}
	text := strings.NewReplacer(ts.Getenv("fobaws_READY"), "AWS", strings.TrimPrefix(ts.Getenv("fobaws_READY"), "http://"), "AWS").Replace(stderr.String())
	// Of a removal, either the broker hears first or the driver, who adds how.
	text = strings.Replace(text, ": token removed: bench closed the connection", ": token removed", 1)
	text = awhile.ReplaceAllString(text, "a while")
	fmt.Fprintf(words, "== %s\n%sexit status %d\n", args[0], text, cmd.ProcessState.ExitCode())
}

// cutting has the next session's answer lost, once what it returns is called.
func cutting(ts *testscript.TestScript) func() {
	cmdHold(ts, false, []string{"answer"})
	return func() {
		cmdHeld(ts, false, nil)
		theHolder(ts).server.CloseClientConnections()
		cmdRelease(ts, false, nil)
	}
}

// unplugging follows the agent's events, and takes a token out at the next
// touch that is awaited, once what it returns is called.
func unplugging(ts *testscript.TestScript, token string) func() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	c := client.Client{Socket: ts.Getenv("fobd_READY")}
	following, touch := make(chan struct{}), make(chan error, 1)
	go func() {
		defer cancel()
		for e, err := range c.Events(ctx, func() { close(following) }) {
			if err != nil || e.Type == api.EventTouch {
				touch <- err
				return
			}
		}
	}()
	<-following
	return func() {
		ts.Check(<-touch)
		ts.Check(ts.Exec("fobemu", "unplug", token))
	}
}

// awhile is how long something takes or is off, which differs from run to run.
var awhile = regexp.MustCompile(`\b(\d+h)?(\d+m)?\d+ ?s\b`)

// cmdVerified counts the verifications that AWS made for an MFA device:
// verified N SERIAL
func cmdVerified(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: verified N SERIAL")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	verified := func(rows []logRow) int {
		n := 0
		for _, row := range rows {
			// A device that isn't the user's is refused before its code is looked at.
			if o := row["mfa_outcome"]; row["mfa_serial"] == args[1] && o != nil && o != "" && o != "unknown-device" {
				n++
			}
		}
		return n
	}
	p := running(ts, "fobaws")
	rows := p.logged(func(rows []logRow) bool { return verified(rows) >= want })
	if n := verified(rows); n != want {
		ts.Fatalf("AWS verified %d codes of %s, want %d:\n%s", n, args[1], want, p.log())
	}
}

// cmdStill has a fob's clock stand at a time: still TOKEN RFC3339
func cmdStill(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: still TOKEN RFC3339")
	}
	at, err := time.Parse(time.RFC3339, args[1])
	ts.Check(err)
	ts.Check(ts.Exec("fobemu", "clock", args[0], "--offset", time.Until(at).Round(time.Millisecond).String(), "--freeze"))
}

// cmdElsewhere spends a code in another tool's way, past fob: elsewhere USER
// SERIAL CODE. The user's keys are those of the fixture's form.
func cmdElsewhere(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: elsewhere USER SERIAL CODE")
	}
	code, err := os.ReadFile(ts.MkAbs(args[2]))
	ts.Check(err)
	id := "AKIA" + strings.ToUpper(args[0]) + "EXAMPLE0000000"
	plan := sts.Plan{Call: sts.GetSessionToken, Endpoint: sts.Endpoint{URL: ts.Getenv("fobaws_READY"), Region: "us-east-1"},
		Keys:      sts.Keys{AccessKeyID: id[:20], SecretAccessKey: sts.Secret("secret-of-" + args[0])},
		MFASerial: args[1], Duration: time.Hour}
	_, err = awsissuer.New(awsissuer.Options{}).Issue(context.Background(), plan, strings.TrimSpace(string(code)))
	ts.Check(err)
}

// cmdShut closes the way to AWS.
func cmdShut(ts *testscript.TestScript, _ bool, _ []string) { theHolder(ts).server.Close() }
