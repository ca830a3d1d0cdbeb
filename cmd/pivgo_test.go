//go:build pcsc && linux

package cmd_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/fob-auth/fob/emulator/benchtest"
	"github.com/fob-auth/fob/emulator/reader"
)

const (
	pivGo = "github.com/go-piv/piv-go/v2"
	// pivGoRoot is where the module has the root that attestations chain to.
	pivGoRoot = "piv/certs/yubico-ca-1.pem"
)

// x25519 is the one test of the suite that asks for a key of firmware 5.7 and
// doesn't look at the version first, as its neighbours do. What an older key
// answers to it is that it doesn't know the algorithm.
const (
	x25519        = "TestYubiKeyX25519ECDH"
	x25519Refused = "generating key: command failed: smart card error 6a80: incorrect parameter in command data field"
)

// TestPIVGoSuite runs piv-go's own tests, which are written for a YubiKey that
// may be wiped, on a key of each firmware in a reader of a real pcscd. The one
// thing changed is the root that the suite trusts: the bench's.
func TestPIVGoSuite(t *testing.T) {
	if !installed("/usr/sbin/pcscd") {
		t.Skip("needs pcscd to be installed")
	}
	dir := shortDir(t)
	root := filepath.Join(dir, "root.pem")
	handler, err := handlerLibrary()
	if err != nil {
		t.Fatal(err)
	}
	var suite pivGoSuite
	for _, key := range []struct {
		firmware string
		passed   int  // with subtests, at least
		x25519   bool // there is such a key
	}{
		{"5.7.1", 142, true},
		{"5.4.3", 117, false},
		{"5.2.7", 100, false},
		{"4.3.7", 100, false},
	} {
		t.Run(key.firmware, func(t *testing.T) {
			bench := benchtest.StartFile(t, fmt.Sprintf(`
tokens:
  - {kind: yubikey, name: yk1, serial: 12345678, firmware: %s, attach: reader}
attestation_root: %s
`, key.firmware, root)).Emulator
			if suite.binary == "" { // the first bench has made the root
				suite = buildPIVGoSuite(t, dir, root)
			}
			d, err := reader.Start(t.Context(), bench, reader.Options{Handler: handler, Log: slog.New(slog.DiscardHandler)})
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			r := suite.run(t, d.Socket())
			if !key.x25519 {
				r.expectUnsupported(t)
			}
			t.Logf("figure: piv-go's suite (%s) on firmware %s: %s", suite.version, key.firmware, r)
			for name, why := range r.failed {
				t.Errorf("%s failed:\n%s", name, why)
			}
			if len(r.passed) < key.passed {
				t.Errorf("%d passed, want %d", len(r.passed), key.passed)
			}
			if !slices.Contains(r.passed, "TestYubiKeyAttestation") {
				t.Error("the attestation didn't pass")
			}
		})
	}
}

// A pivGoSuite is the suite as a program.
type pivGoSuite struct{ binary, version string }

// buildPIVGoSuite builds the suite from a copy of the module that trusts root.
func buildPIVGoSuite(t *testing.T, dir, root string) pivGoSuite {
	t.Helper()
	source := strings.TrimSpace(output(t, "go", "list", "-m", "-f", "{{.Dir}}", pivGo)) // …/v2@v2.6.0
	copied, mod, suite := filepath.Join(dir, "piv-go"), filepath.Join(dir, "go.mod"), filepath.Join(dir, "piv-go", "piv", "piv.test")
	if err := os.CopyFS(copied, os.DirFS(source)); err != nil {
		t.Fatal(err)
	}
	replaceFile(t, filepath.Join(copied, pivGoRoot), root)
	ours := filepath.Dir(strings.TrimSpace(output(t, "go", "env", "GOMOD")))
	for _, name := range []string{"go.mod", "go.sum"} {
		replaceFile(t, filepath.Join(dir, name), filepath.Join(ours, name))
	}
	output(t, "go", "mod", "edit", "-replace", pivGo+"="+copied, mod)
	output(t, "go", "test", "-c", "-modfile", mod, "-o", suite, pivGo+"/piv")
	return pivGoSuite{suite, filepath.Base(source)}
}

// replaceFile puts a copy of a file in the place of another one, which may be
// read-only.
func replaceFile(t *testing.T, path, from string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// output is what a command prints that must end well.
func output(t *testing.T, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, stderr.String())
	}
	return string(out)
}

// A suiteResult is what a run of a test binary came to.
type suiteResult struct {
	passed          []string
	failed, skipped map[string]string // why, by name
	unsupported     string            // what a failed test asked for that the version hasn't
}

// run runs the suite on the key that the pcscd at a socket has.
func (s pivGoSuite) run(t *testing.T, socket string) *suiteResult {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "tool", "test2json", s.binary, "-test.v=test2json", "-test.timeout=5m", "-wipe-yubikey")
	cmd.Dir = filepath.Dir(s.binary)
	// RSA keys of 512 bits, to be refused by the card, not by Go.
	cmd.Env = append(os.Environ(), reader.SocketVariable+"="+socket, "GODEBUG=rsa1024min=0")
	out, _ := cmd.Output() // its status is that of its tests
	return readEvents(t, out)
}

// said is a line that a test logs.
var said = regexp.MustCompile(`^\s+\w+_test\.go:\d+: (.*)\n$`)

// readEvents reads the events of test2json.
func readEvents(t *testing.T, stream []byte) *suiteResult {
	t.Helper()
	r := &suiteResult{failed: map[string]string{}, skipped: map[string]string{}}
	lines := map[string]string{}
	ended := false
	for sc := bufio.NewScanner(bytes.NewReader(stream)); sc.Scan(); {
		var e struct{ Action, Test, Output string }
		if err := json.Unmarshal(sc.Bytes(), &e); err != nil {
			t.Fatalf("%v: %s", err, sc.Text())
		}
		switch e.Action {
		case "output":
			if m := said.FindStringSubmatch(e.Output); m != nil {
				lines[e.Test] += m[1]
			}
		case "pass", "fail", "skip":
			switch {
			case e.Test == "":
				ended = true
			case e.Action == "pass":
				r.passed = append(r.passed, e.Test)
			case e.Action == "fail":
				r.failed[e.Test] = lines[e.Test]
			default:
				r.skipped[e.Test] = lines[e.Test]
			}
		}
	}
	if !ended {
		t.Fatalf("the suite didn't come to its end:\n%s", stream)
	}
	return r
}

// expectUnsupported takes the test that asks for X25519 for what it is on a
// version without: not a failure, as long as the key says so.
func (r *suiteResult) expectUnsupported(t *testing.T) {
	t.Helper()
	why, failed := r.failed[x25519]
	if !failed || why != x25519Refused {
		t.Errorf("%s on a key without X25519: failed %v, %q", x25519, failed, why)
		return
	}
	delete(r.failed, x25519)
	r.unsupported = "1 not supported by this version and not asked before: " + x25519 + " (X25519 came with 5.7.0)"
}

// String tells how many passed, failed and were skipped, and why.
func (r *suiteResult) String() string {
	text := fmt.Sprintf("%d passed, %d failed, %d skipped", len(r.passed), len(r.failed), len(r.skipped))
	why := map[string]int{}
	for _, reason := range r.skipped {
		why[reason]++
	}
	var reasons []string
	for reason, n := range why {
		reasons = append(reasons, fmt.Sprintf("%d: %s", n, reason))
	}
	slices.Sort(reasons)
	if r.unsupported != "" {
		reasons = append(reasons, r.unsupported)
	}
	if len(reasons) > 0 {
		text += " (" + strings.Join(reasons, "; ") + ")"
	}
	return text
}
