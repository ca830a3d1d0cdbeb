package fobemu

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fob-auth/fob/emulator"
	"github.com/fob-auth/fob/emulator/api"
)

const benchText = `tokens:
  - kind: yubikey
    name: yk1
    serial: 12345678
    touch: manual
    credentials: [{name: "AWS:carol", secret: GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ, touch: true}]
  - kind: fob
    name: fob1
    serial: GAHT12345678
    seed: GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ
    attach: pty:fob1
    clock: {offset: -40s, ppm: 20}
`

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// writeBench lays a bench file out in a folder of its own, whose path is short
// enough for a socket.
func writeBench(t *testing.T) (dir, bench string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "fob")
	check(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	bench = filepath.Join(dir, "bench.yaml")
	check(t, os.WriteFile(bench, []byte(benchText), 0o600))
	return dir, bench
}

// run runs fobemu to its end.
func run(args ...string) (status int, stdout, stderr string) {
	var out, errs bytes.Buffer
	status = execute(context.Background(), args, &out, &errs)
	return status, out.String(), errs.String()
}

// serve starts "fobemu run" and waits for its ready line. stop ends it as a
// signal would and returns its exit status.
func serve(t *testing.T, args ...string) (ready string, stop func() int) {
	t.Helper()
	r, w := io.Pipe()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan int, 1)
	var stderr bytes.Buffer
	go func() {
		status := execute(ctx, append([]string{"run"}, args...), w, &stderr)
		w.Close()
		ended <- status
	}()
	line, err := bufio.NewReader(r).ReadString('\n')
	if err != nil {
		t.Fatalf("no ready line: %v, %s", err, stderr.String())
	}
	ready, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "fobemu: ready ")
	if !ok {
		t.Fatalf("ready line is %q", line)
	}
	return ready, func() int {
		cancel()
		return <-ended
	}
}

func TestRunAndHands(t *testing.T) {
	dir, bench := writeBench(t)
	socket := filepath.Join(dir, "run", "s")
	ready, stop := serve(t, "--bench", bench, "--socket", socket)
	if ready != socket {
		t.Errorf("ready at %s, want %s", ready, socket)
	}
	t.Setenv("FOBEMU_SOCKET", socket)

	must := func(args ...string) api.Token {
		t.Helper()
		status, out, stderr := run(append(args, "--json")...)
		var token api.Token
		if err := json.Unmarshal([]byte(out), &token); status != 0 || err != nil {
			t.Fatalf("%v: status %d, %v: %s%s", args, status, err, out, stderr)
		}
		return token
	}
	offset := func(token api.Token) int64 { return token.Clock.OffsetMS / 1000 }
	if fob := must("clock", "fob1"); fob.Clock.PPM != 20 || offset(fob) > -39 || offset(fob) < -60 {
		t.Errorf("the clock began as %+v", fob.Clock)
	}
	if fob := must("clock", "fob1", "--offset", "-1000s", "--ppm", "-3.5"); fob.Clock.PPM != -3.5 || offset(fob) > -999 {
		t.Errorf("the clock was set to %+v", fob.Clock)
	}
	if fob := must("clock", "fob1", "--advance", "1h", "--freeze"); !fob.Clock.Frozen || offset(fob) < 2500 {
		t.Errorf("the clock was moved to %+v", fob.Clock)
	}
	if fob := must("clock", "fob1", "--freeze=false"); fob.Clock.Frozen || fob.Clock.PPM != -3.5 {
		t.Errorf("the clock was let go as %+v", fob.Clock)
	}
	want := api.Fault{After: 2, Kind: api.FaultStatus, SW: 0x6985}
	if yk := must("fault", "yk1", "status", "--after", "2", "--sw", "0x6985"); len(yk.Faults) != 1 || yk.Faults[0] != want {
		t.Errorf("the faults are %+v", yk.Faults)
	}
	if fob := must("fault", "fob1", "line", "--drop", "0.5", "--merge", "20ms", "--seed", "7"); fob.Line == nil ||
		*fob.Line != (api.Line{Drop: 0.5, MergeMS: 20, Seed: 7}) || len(fob.Faults) != 0 {
		t.Errorf("the bad line is %+v", fob.Line)
	}
	if fob := must("fault", "fob1", "line"); fob.Line != nil {
		t.Errorf("the good line is %+v", fob.Line)
	}
	if fob := must("power", "fob1", "--battery", "2400", "--brown-out", "1ms"); fob.BatteryMV != 2400 || fob.Clock.Lost {
		t.Errorf("with a low battery it is %+v", fob)
	}
	if fob := must("power", "fob1", "--new-battery"); fob.BatteryMV != 3000 || !fob.Clock.Lost {
		t.Errorf("with a new battery it is %+v", fob)
	}
	if fob := must("press", "fob1", "--hold", "1ms"); fob.Presses != 1 {
		t.Errorf("pressed it is %+v", fob)
	}
	if fob := must("reset", "fob1"); fob.Presses != 0 || fob.Clock.Lost || fob.BatteryMV != 0 {
		t.Errorf("reset it is %+v", fob)
	}
	if yk := must("unplug", "yk1"); yk.Plugged {
		t.Errorf("unplugged it is %+v", yk)
	}
	if yk := must("plug", "yk1"); !yk.Plugged || yk.Plugs != 2 {
		t.Errorf("plugged in it is %+v", yk)
	}
	if yk := must("reset", "yk1"); len(yk.Faults) != 0 || yk.Plugs != 3 {
		t.Errorf("reset it is %+v", yk)
	}

	status, out, _ := run("status", "--json")
	var tokens []api.Token
	if err := json.Unmarshal([]byte(out), &tokens); status != 0 || err != nil || len(tokens) != 2 || tokens[1].Name != "fob1" {
		t.Errorf("status --json: %d, %v: %s", status, err, out)
	}
	if status, out, _ := run("status"); status != 0 || !strings.Contains(out, "GAHT12345678") || strings.Count(out, "\n") != 3 {
		t.Errorf("status: %d:\n%s", status, out)
	}
	if status, out, _ := run("plug", "fob1"); status != 0 || !strings.HasPrefix(out, "fob1: plugged in, clock 2") {
		t.Errorf("plug: %d: %s", status, out)
	}

	link := filepath.Join(dir, "fob1")
	if _, err := os.Stat(link); err != nil {
		t.Errorf("the fob's line: %v", err)
	}
	if status := stop(); status != 0 {
		t.Errorf("the end's status is %d", status)
	}
	for _, path := range []string{socket, link} {
		if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is left: %v", path, err)
		}
	}
}

func TestFailures(t *testing.T) {
	dir, bench := writeBench(t)
	socket := filepath.Join(dir, "s")
	_, stop := serve(t, "--bench", bench, "--socket", socket)
	defer stop()
	broken := filepath.Join(dir, "broken.yaml")
	check(t, os.WriteFile(broken, []byte("tokens:\n- {kind: fob, nam: fob1}\n"), 0o600))
	at := "--socket=" + socket
	for _, c := range []struct {
		args   []string
		status int
		stderr string
	}{
		{[]string{"status", "--socket", filepath.Join(dir, "nothing")}, 1, "no bench at"},
		{[]string{"press", "yk1", at}, 1, "press yk1: token isn't waiting for its button\nfobemu: hint: 'fobemu press yk1 --wait 10s' waits for it to wait\n"},
		{[]string{"press", "yk1", at, "--wait", "1ms"}, 1, "token isn't waiting for its button\n"},
		{[]string{"plug", "yk9", at}, 1, "fobemu: plug: no such token on the bench: \"yk9\"\nfobemu: hint: 'fobemu status' lists the tokens\n"},
		{[]string{"reset", "yk9", at}, 1, "fobemu: reset: no such token on the bench: \"yk9\"\nfobemu: hint: 'fobemu status' lists the tokens\n"},
		{[]string{"clock", "yk1", "--ppm", "1", at}, 1, "a yubikey has no clock"},
		{[]string{"clock", "fob1", "--ppm", "1e9", at}, 1, "over the bound"},
		{[]string{"fault", "fob1", "status", "--sw", "6985", at}, 1, "only a card"},
		{[]string{"run", "--bench", bench, at}, 1, "another program serves it"},
		{[]string{"run", "--bench", filepath.Join(dir, "none.yaml"), at}, 1, "no such file"},
		{[]string{"run", "--bench", broken, at}, 1, broken + `:2: unknown key "nam" of a fob`},
		{nil, 2, "which command?"},
		{[]string{"dance"}, 2, "unknown command"},
		{[]string{"press"}, 2, "accepts 1 arg"},
		{[]string{"press", "yk1", "--wait", "long"}, 2, "invalid"},
		{[]string{"status", "yk1"}, 2, "unknown command"},
		{[]string{"status", "--socket", ""}, 2, "--socket is empty"},
		{[]string{"status", "--colour"}, 2, "unknown flag"},
		{[]string{"status", "--log-format", "xml", at}, 2, "--log-format"},
		{[]string{"run"}, 2, "--bench is missing"},
		{[]string{"fault", "yk1", "delay", at}, 2, "fault delay needs --delay"},
		{[]string{"fault", "yk1", "status", "--sw", "wrong", at}, 2, "--sw"},
		{[]string{"clock", "fob1", "--offset", "1us", at}, 2, "milliseconds are the finest"},
		{[]string{"clock", "fob1", "--ppm", "nan", at}, 2, "--ppm NaN: must be a number"},
		{[]string{"fault", "fob1", "line", "--flip", "inf", at}, 2, "--flip +Inf: must be a number"},
		{[]string{"fault", "fob1", "drop", "--flip", "0.1", at}, 2, "--flip is for the kind line"},
		{[]string{"fault", "fob1", "line", "--flip", "2", at}, 1, "flip of 2 is no share"},
		{[]string{"fault", "yk1", "hang", at}, 1, "only a fob has a line"},
		{[]string{"power", "fob1", at}, 2, "power needs"},
		{[]string{"power", "fob1", "--brown-out", "1h", at}, 1, "brown-out of 1h0m0s is out of 0 to 10m0s"},
		{[]string{"power", "yk1", "--new-battery", at}, 1, "a yubikey has no battery"},
		{[]string{"press", "yk1", "--hold", "1s", at}, 1, "nothing comes of holding"},
		{[]string{"press", "fob1", "--hold", "1h", at}, 1, "hold_ms is out of 0 to 60000"},
	} {
		status, out, stderr := run(c.args...)
		if strings.Count(stderr, "\nfobemu: hint: ") != 1 {
			t.Errorf("%v: no hint, or several: %s", c.args, stderr)
		}
		if status != c.status || !strings.Contains(stderr, c.stderr) || out != "" {
			t.Errorf("%v: status %d, want %d with %q:\n%s%s", c.args, status, c.status, c.stderr, out, stderr)
		}
	}
	if status, _, stderr := run("unplug", "yk1", at); status != 0 {
		t.Fatal(stderr)
	}
	if _, _, stderr := run("press", "yk1", at); stderr != "fobemu: press yk1: token is unplugged\nfobemu: hint: fobemu plug yk1\n" {
		t.Errorf("press of a key that is out: %q", stderr)
	}
}

// What the help shows is a bench file.
func TestHelpShowsABench(t *testing.T) {
	_, out, _ := run("run", "--help")
	text := "tokens:\n"
	for _, kind := range []string{"yubikey", "fob"} {
		_, rest, found := strings.Cut(out, "\n  - kind: "+kind+"\n")
		sample, _, _ := strings.Cut(rest, "\n\n")
		if !found {
			t.Fatalf("no %s in\n%s", kind, out)
		}
		text += "  - kind: " + kind + "\n" + sample + "\n"
	}
	if f, err := emulator.Parse("bench.yaml", []byte(text)); err != nil || len(f.Tokens) != 2 {
		t.Errorf("%v in\n%s", err, text)
	}
}

func TestSocketByEnvironment(t *testing.T) {
	dir, bench := writeBench(t)
	t.Setenv("FOBEMU_SOCKET", "")
	for _, none := range []string{"", "here/run"} {
		t.Setenv("XDG_RUNTIME_DIR", none)
		if status, _, stderr := run("status"); status != 2 || !strings.Contains(stderr, "give --socket") {
			t.Errorf("with %q: %d %s", none, status, stderr)
		}
	}
	t.Setenv("XDG_RUNTIME_DIR", dir)
	ready, stop := serve(t, "--bench", bench)
	if want := filepath.Join(dir, "fob", "fobemu.sock"); ready != want {
		t.Errorf("ready at %s, want %s", ready, want)
	}
	if status, _, stderr := run("status"); status != 0 {
		t.Errorf("status: %d %s", status, stderr)
	}
	stop()
}

func TestHelpAndVersion(t *testing.T) {
	for _, arg := range []string{"--help", "--version"} {
		if status, out, stderr := run(arg); status != 0 || !strings.Contains(out, "fobemu") || stderr != "" {
			t.Errorf("%s: %d %s%s", arg, status, out, stderr)
		}
	}
}

// A writer is told of what is written: a bench that is ready ends at once.
type writer func()

func (w writer) Write(b []byte) (int, error) {
	w()
	return len(b), nil
}

func TestLogIsJSONWhereAsked(t *testing.T) {
	dir, bench := writeBench(t)
	status, _, stderr := run("status", "--log-format", "json", "--socket", filepath.Join(dir, "nothing"))
	var row map[string]any
	if err := json.Unmarshal([]byte(stderr), &row); status != 1 || err != nil || row["level"] != "ERROR" || row["hint"] == "" {
		t.Errorf("%d %v: %s", status, err, stderr)
	}
	check(t, os.Chmod(bench, 0o644))
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var errs bytes.Buffer
	if status := execute(ctx, []string{"run", "--bench", bench, "--socket", filepath.Join(dir, "s"), "--log-format", "json"}, writer(cancel), &errs); status != 0 {
		t.Errorf("run: %d %s", status, errs.String())
	}
	if err := json.Unmarshal(errs.Bytes(), &row); err != nil || row["level"] != "WARN" || !strings.Contains(row["msg"].(string), "others can read it") {
		t.Errorf("the warning is %v: %s", err, errs.String())
	}
}
