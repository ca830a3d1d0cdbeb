package cmd_test

import (
	"bufio"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// BenchmarkFobawsMemory is what an idle fobaws holds of the machine's memory,
// as it is installed: with the scripts' world, and with 10,000 users who have
// a device each, in memory alone and over a state. Goal: an idle server under
// 25 MiB.
func BenchmarkFobawsMemory(b *testing.B) {
	bin := filepath.Join(b.TempDir(), "fobaws")
	build := exec.Command("go", "build", "-ldflags", "-s -w", "-o", bin, "./fobaws")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("go build: %v\n%s", err, out)
	}
	small, err := filepath.Abs(filepath.Join("testdata", "fixture", "world.yaml"))
	if err != nil {
		b.Fatal(err)
	}
	large := filepath.Join(b.TempDir(), "world.yaml")
	if err := os.WriteFile(large, []byte(largeWorld(10000)), 0o600); err != nil {
		b.Fatal(err)
	}
	state := filepath.Join(b.TempDir(), "state")
	for _, c := range []struct {
		name string
		args []string
	}{
		{"idle", []string{"--world", small}},
		{"10000users", []string{"--world", large}},
		{"10000users,state/first", []string{"--world", large, "--state", state}},
		{"10000users,state/again", []string{"--state", state}},
	} {
		b.Run(c.name, func(b *testing.B) {
			resident := 0.0
			for b.Loop() {
				resident = memoryOf(b, bin, c.args)
			}
			b.ReportMetric(resident, "MiB-RSS")
		})
	}
}

func largeWorld(users int) string {
	var y strings.Builder
	y.WriteString("accounts:\n- id: \"111122223333\"\n  users:\n")
	for i := range users {
		fmt.Fprintf(&y, "  - {name: u%d, access_keys: [{id: AKIAU%015d, secret: secret-of-u%d}], "+
			"mfa_devices: [{serial: \"arn:aws:iam::111122223333:mfa/u%d\", kind: virtual, seed: JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP}]}\n", i, i, i, i)
	}
	return y.String()
}

// memoryOf starts fobaws until it serves and has answered, and gives the memory
// that it holds then, in MiB (proc(5), VmRSS).
func memoryOf(b *testing.B, bin string, args []string) float64 {
	cmd := exec.Command(bin, append([]string{"serve", "--listen", "127.0.0.1:0"}, args...)...)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	defer func() {
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			b.Error(err)
		}
		if err := cmd.Wait(); err != nil {
			b.Error(err)
		}
	}()
	line, err := bufio.NewReader(stdout).ReadString('\n')
	url, ok := strings.CutPrefix(strings.TrimSpace(line), "fobaws: ready ")
	if err != nil || !ok {
		b.Fatalf("fobaws said %q: %v", line, err)
	}
	resp, err := http.Get(url + "/_fobaws/health")
	if err != nil {
		b.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil {
		b.Fatal(err)
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", cmd.Process.Pid))
	if err != nil {
		b.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	var kib float64
	if _, err := fmt.Sscan(rest, &kib); err != nil {
		b.Fatal(err)
	}
	return kib / 1024
}
