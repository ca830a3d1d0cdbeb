//go:build pcsc && linux

package cmd_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ebfe/scard"

	"github.com/fob-auth/fob/emulator/reader"
)

// BenchmarkPCSC is the way of a command through pcscd, and a code for a person
// by fob and by ykman from the same key. The goals: a command under
// 0.3 ms in the median, a code twenty times faster than ykman's.
func BenchmarkPCSC(b *testing.B) {
	if !installed("/usr/sbin/pcscd") {
		b.Skip("needs pcscd to be installed")
	}
	s := newReaders(b)
	b.Run("command", benchCommand)
	b.Run("code", func(b *testing.B) {
		if !installed("/usr/bin/ykman") {
			b.Skip("needs yubikey-manager to be installed")
		}
		s.benchCode(b)
	})
}

// benchCode has ykman and fob print codes as processes: fob twice, since ykman
// has switched the card off before the first.
func (s *system) benchCode(b *testing.B) {
	var ykman, first, next []time.Duration
	fob := func() time.Duration { return s.timed(b, filepath.Join(s.bin, "fob"), "code", "AWS:carol", "--peek") }
	for b.Loop() {
		ykman = append(ykman, s.timed(b, "/usr/bin/ykman", "oath", "accounts", "code", "-s", "AWS:carol"))
		first, next = append(first, fob()), append(next, fob())
	}
	ours, theirs := median(next), median(ykman)
	b.ReportMetric(float64(ours)/1e6, "ms-fob")
	b.ReportMetric(float64(median(first))/1e6, "ms-fob-after-ykman")
	b.ReportMetric(float64(theirs)/1e6, "ms-ykman")
	b.ReportMetric(float64(theirs)/float64(ours), "times-faster")
}

// timed runs a program that prints a code, and tells how long it took.
func (s *system) timed(b *testing.B, program string, args ...string) time.Duration {
	b.Helper()
	cmd := exec.Command(program, args...)
	cmd.Env = s.env
	begun := time.Now()
	out, err := cmd.Output()
	if err != nil || len(out) != len("123456\n") {
		b.Fatalf("%s %v: %q, %v", program, args, out, err)
	}
	return time.Since(begun)
}

func median(took []time.Duration) time.Duration {
	slices.Sort(took)
	return took[len(took)/2]
}

// newReaders builds the programs and starts a bench with a key in a reader, and
// the agent.
func newReaders(b *testing.B) *system {
	b.Helper()
	dir, err := os.MkdirTemp("", "fobb") // short: a socket's path has 107 bytes
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { os.RemoveAll(dir) })
	s := &system{bin: filepath.Join(dir, "bin"), dir: dir}
	build := exec.Command("go", "build", "-tags", "pcsc", "-ldflags", "-s -w", "-o", s.bin+"/", "./fob", "./fobd", "./fobemu")
	build.Env = append(os.Environ(), "CGO_ENABLED=1")
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("go build: %v\n%s", err, out)
	}
	if err := compileHandler(filepath.Join(s.bin, "libifdfob.so")); err != nil {
		b.Fatal(err)
	}
	for name, text := range map[string]string{
		"keys.yaml": `tokens:
  - {kind: yubikey, name: yk1, serial: 12345678, firmware: 5.4.3, attach: reader, credentials: [{name: "AWS:carol", secret: JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP}]}
`,
		"agent.yaml": "profiles: []\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	s.env = []string{"PATH=" + s.bin + ":/usr/sbin:/usr/bin:/bin", "HOME=" + dir, "XDG_RUNTIME_DIR=" + dir, "XDG_STATE_HOME=" + dir + "/state"}
	s.start(b, "fobemu", "pcscd", "--bench", "keys.yaml", "--socket", dir+"/bench.sock")
	for _, row := range s.env {
		if path, ok := strings.CutPrefix(row, reader.SocketVariable+"="); ok {
			b.Setenv(reader.SocketVariable, path)
		}
	}
	s.start(b, "fobd", "--config", "agent.yaml")
	return s
}

// benchCommand sends SELECT by the PC/SC library.
func benchCommand(b *testing.B) {
	service, err := scard.EstablishContext()
	if err != nil {
		b.Fatal(err)
	}
	defer service.Release()
	readers, err := service.ListReaders()
	if err != nil || len(readers) != 1 {
		b.Fatalf("readers %q, %v", readers, err)
	}
	card, err := service.Connect(readers[0], scard.ShareShared, scard.ProtocolT1)
	if err != nil {
		b.Fatal(err)
	}
	defer card.Disconnect(scard.LeaveCard)
	selectOATH := []byte{0x00, 0xA4, 0x04, 0x00, 0x07, 0xA0, 0x00, 0x00, 0x05, 0x27, 0x21, 0x01}
	var took []time.Duration
	for b.Loop() {
		begun := time.Now()
		if answer, err := card.Transmit(selectOATH); err != nil || len(answer) < 2 || answer[len(answer)-2] != 0x90 {
			b.Fatalf("answer %x, %v", answer, err)
		}
		took = append(took, time.Since(begun))
	}
	b.ReportMetric(float64(median(took))/1e6, "ms-median")
}
