//go:build linux

package server_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/fob-auth/fob/agent/api"
	"github.com/fob-auth/fob/agent/audit"
	"github.com/fob-auth/fob/agent/server"
)

// askAs is the variable that makes the test binary a caller: it names the
// socket to ask.
const askAs = "FOB_TEST_ASK"

// TestMain lets the test binary be a caller of another user.
func TestMain(m *testing.M) {
	path := os.Getenv(askAs)
	if path == "" {
		os.Exit(m.Run())
	}
	c, err := net.Dial("unix", path)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	_, _ = io.WriteString(c, get(api.PathStatus, "Connection: close"))
	_, _ = io.Copy(os.Stdout, c)
}

// TestOtherUsers asks as three users on a socket that all of them can reach:
// the guard serves its own alone. It takes root to be somebody else.
func TestOtherUsers(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root, to call as other users")
	}
	dir := shortDir(t)
	caller := filepath.Join(dir, "caller")
	copyFile(t, caller)
	path := filepath.Join(dir, "open.sock")
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	for name, mode := range map[string]os.FileMode{dir: 0o755, path: 0o666} {
		if err := os.Chmod(name, mode); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	f := &fake{}
	j := &journal{}
	go func() { ended <- newServer(t, f, server.Options{Gate: &server.Gate{Audit: j}}).Serve(ctx, ln) }()
	for uid, want := range map[uint32]string{0: "HTTP/1.1 200 OK", 1: "HTTP/1.1 403 Forbidden", 65534: "HTTP/1.1 403 Forbidden"} {
		cmd := exec.Command(caller)
		cmd.Dir = "/"
		cmd.Env = []string{askAs + "=" + path}
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
		out, err := cmd.CombinedOutput()
		if line, _, _ := strings.Cut(string(out), "\r\n"); err != nil || line != want {
			t.Errorf("uid %d: %v, %q, want %q", uid, err, out, want)
		}
	}
	if n := f.asked(); n != 1 {
		t.Errorf("the backend was asked %d times", n)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	for _, line := range j.written() {
		if line.Event != audit.Refused || line.Code != api.Forbidden || line.Peer.UID == 0 || line.Peer.PID == 0 {
			t.Errorf("written: %+v", line)
		}
	}
	if len(j.written()) != 2 {
		t.Errorf("%d of 2 refusals were written down", len(j.written()))
	}
}

// copyFile puts this program where every user can run it.
func copyFile(t *testing.T, to string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, b, 0o755); err != nil {
		t.Fatal(err)
	}
}
