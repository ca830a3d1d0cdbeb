package fob

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// BenchmarkCredentials is a warm `fob credentials` as a whole process, as an
// AWS tool starts it: the session is cached, no token and no AWS is asked.
func BenchmarkCredentials(b *testing.B) {
	bin := filepath.Join(b.TempDir(), "fob")
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", bin, "github.com/fob-auth/fob/cmd/fob")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	env := append(os.Environ(), "FOB_SOCKET="+startAgent(b))
	for b.Loop() {
		cmd := exec.Command(bin, "credentials", "--profile", "dev")
		cmd.Env = env
		if out, err := cmd.Output(); err != nil || len(out) == 0 {
			b.Fatalf("%v: %s", err, out)
		}
	}
}

// BenchmarkTrue is the floor: a process that does nothing.
func BenchmarkTrue(b *testing.B) {
	for b.Loop() {
		if err := exec.Command("true").Run(); err != nil {
			b.Fatal(err)
		}
	}
}
