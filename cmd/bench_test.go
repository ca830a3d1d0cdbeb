package cmd_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/fob-auth/fob/agent/api"
	"github.com/fob-auth/fob/agent/client"
)

// A system is the programs at work for a benchmark, as they are installed.
type system struct {
	bin, dir string
	env      []string
	socket   string
	// aws is the local AWS's URL; its clock can be moved.
	aws string
}

// newSystem builds the programs as make does, starts the three servers with the
// scripts' fixture, to which more may add, and makes carol's session warm.
func newSystem(b *testing.B, more func(b *testing.B, dir string)) *system {
	b.Helper()
	dir, err := os.MkdirTemp("", "fobb") // short: a socket's path has 107 bytes
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { os.RemoveAll(dir) })
	s := &system{bin: filepath.Join(dir, "bin"), dir: dir}
	if out, err := exec.Command("make", "-C", "..", "build", "BIN="+s.bin).CombinedOutput(); err != nil {
		b.Fatalf("make build: %v\n%s", err, out)
	}
	if err := copyFixture(dir, dir); err != nil {
		b.Fatal(err)
	}
	if more != nil {
		more(b, dir)
	}
	s.env = []string{"PATH=" + s.bin, "HOME=" + dir, "XDG_RUNTIME_DIR=" + dir, "XDG_STATE_HOME=" + dir + "/state",
		"XDG_DATA_HOME=" + dir + "/data", "XDG_CONFIG_HOME=" + dir + "/config",
		"AWS_CONFIG_FILE=" + dir + "/aws-config", "AWS_SHARED_CREDENTIALS_FILE=" + dir + "/aws-credentials"}
	url := s.start(b, "fobaws", "serve", "--world", "world.yaml", "--listen", "127.0.0.1:0", "--clock", "offset=0s", "--signature-skew", "100000h")
	s.aws = url
	s.start(b, "fobemu", "run", "--bench", "bench.yaml", "--socket", dir+"/bench.sock")
	config, err := os.ReadFile(filepath.Join(dir, "fob.yaml"))
	if err != nil {
		b.Fatal(err)
	}
	// Nobody acts as often as a benchmark.
	config = []byte("limits: {per_second: 0}\n" + strings.ReplaceAll(string(config), "$fobaws_READY", url))
	if err := os.WriteFile(filepath.Join(dir, "fob.yaml"), config, 0o600); err != nil {
		b.Fatal(err)
	}
	s.socket = s.start(b, "fobd", "--config", "fob.yaml")
	c := client.Client{Socket: s.socket}
	if _, err := c.Session(b.Context(), api.SessionRequest{Profile: "carol"}); err != nil {
		b.Fatal(err)
	}
	return s
}

// start runs a server until the benchmark's end, and returns what its ready
// line says. What the lines before it export goes into the environment.
func (s *system) start(b *testing.B, name string, args ...string) string {
	b.Helper()
	cmd := exec.Command(filepath.Join(s.bin, name), args...)
	cmd.Dir, cmd.Env = s.dir, s.env
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		cmd.Wait()
	})
	lines := bufio.NewReader(stdout)
	line, err := lines.ReadString('\n')
	for ; strings.HasPrefix(line, "export "); line, err = lines.ReadString('\n') {
		s.env = append(s.env, strings.ReplaceAll(strings.TrimSpace(strings.TrimPrefix(line, "export ")), "'", ""))
	}
	where, ok := strings.CutPrefix(strings.TrimSpace(line), name+": ready ")
	if err != nil || !ok {
		b.Fatalf("%s said %q: %v", name, line, err)
	}
	return where
}

// BenchmarkCaller is what a caller waits for, beside the floor below it. The
// goals: a warm "fob credentials" under 3 ms as a whole process, a socket call
// under 0.25 ms.
func BenchmarkCaller(b *testing.B) {
	s := newSystem(b, nil)
	c := client.Client{Socket: s.socket}

	b.Run("process/credentials", func(b *testing.B) { s.benchProcess(b, "credentials", "--profile", "carol") })
	b.Run("process/version", func(b *testing.B) { s.benchProcess(b, "--version") })
	b.Run("socket/session", func(b *testing.B) {
		for b.Loop() {
			if _, err := c.Session(b.Context(), api.SessionRequest{Profile: "carol"}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("socket/connect+session", func(b *testing.B) {
		for b.Loop() {
			_, err := c.Session(b.Context(), api.SessionRequest{Profile: "carol"})
			if err := errors.Join(err, c.Close()); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("socket/code", func(b *testing.B) {
		for b.Loop() {
			if _, err := c.Code(b.Context(), api.CodeRequest{Name: "AWS:carol", Peek: true}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("socket/echo", func(b *testing.B) { benchEcho(b, s.dir) })
}

func (s *system) benchProcess(b *testing.B, args ...string) {
	for b.Loop() {
		cmd := exec.Command(filepath.Join(s.bin, "fob"), args...)
		cmd.Env = s.env
		out, err := cmd.Output()
		if err != nil || len(out) == 0 {
			b.Fatalf("fob %v: %v", args, err)
		}
	}
}

// benchEcho is the floor: as many bytes as a session's request and answer have,
// over a bare Unix socket.
func benchEcho(b *testing.B, dir string) {
	ln, err := net.Listen("unix", filepath.Join(dir, "echo.sock"))
	if err != nil {
		b.Fatal(err)
	}
	defer ln.Close()
	go func() {
		if conn, err := ln.Accept(); err == nil {
			io.Copy(conn, conn)
		}
	}()
	conn, err := new(net.Dialer).DialContext(context.Background(), "unix", ln.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	buf := make([]byte, 1024)
	for b.Loop() {
		if _, err := conn.Write(buf); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(conn, buf); err != nil {
			b.Fatal(err)
		}
	}
}
