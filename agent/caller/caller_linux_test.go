package caller

import (
	"bufio"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

// dialAs makes the test binary a caller: it names the socket to connect to.
const dialAs = "FOB_TEST_DIAL"

// scoutAs makes it a scout on its file 3.
const scoutAs = "FOB_TEST_SCOUT"

// TestMain lets the test binary be a scout, or connect to a socket and stay
// until its stdin ends.
func TestMain(m *testing.M) {
	if os.Getenv(scoutAs) != "" {
		c, err := net.FileConn(os.NewFile(3, "scout"))
		if err != nil || Serve(c) != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	path := os.Getenv(dialAs)
	if path == "" {
		os.Exit(m.Run())
	}
	c, err := net.Dial("unix", path)
	if err != nil {
		os.Exit(1)
	}
	_, _ = io.WriteString(c, "\n")
	_, _ = io.Copy(io.Discard, os.Stdin)
	_ = c.Close()
}

// TestChainNamesTheProgramAndItsParents: a program that a shell started is found
// with the shell, and with us, who started that.
func TestChainNamesTheProgramAndItsParents(t *testing.T) {
	conn, pid, end := caller(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	sh, err := filepath.EvalSymlinks("/bin/sh")
	if err != nil {
		t.Fatal(err)
	}
	chain := Of(conn, pid, Chain)
	if len(chain) < 3 || chain[0].Exe != self || chain[1].Exe != sh || chain[2].PID != os.Getpid() {
		t.Errorf("chain %+v", chain)
	}
	end()
	if chain := Of(conn, pid, Chain); !slices.Equal(chain, []Process{{PID: pid}}) {
		t.Errorf("of one that has ended: %+v", chain)
	}
}

// TestNumberGivenToAnother: what is found under the number of a process that
// ends meanwhile is nobody's.
func TestNumberGivenToAnother(t *testing.T) {
	conn, pid, end := caller(t)
	chain := Of(conn, pid, func(int) []Process {
		end()
		return []Process{{PID: pid, Exe: "/usr/bin/another"}}
	})
	if !slices.Equal(chain, []Process{{PID: pid}}) {
		t.Errorf("chain %+v", chain)
	}
}

// TestStoppedScout stops a scout for as long as a question takes, and lets it go
// on: who asks then is named again. One that is killed is gone.
func TestStoppedScout(t *testing.T) {
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	theirs := os.NewFile(uintptr(ends[1]), "scout")
	cmd := exec.Command(self)
	cmd.Env, cmd.ExtraFiles = []string{scoutAs + "=1"}, []*os.File{theirs}
	err = cmd.Start()
	if err = errors.Join(err, theirs.Close()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	s, err := Employ(os.NewFile(uintptr(ends[0]), "scout"))
	if err != nil {
		t.Fatal(err)
	}
	named := func() bool {
		chain := s.Find(os.Getpid())
		return chain[0].Exe == self && len(chain) > 1
	}
	soon := func(when string) {
		t.Helper()
		for range 60 { // on a machine that is slow to start it, or to let it go on
			if named() {
				return
			}
		}
		t.Fatalf("%s: the scout doesn't name us", when)
	}
	soon("at first")
	if err := cmd.Process.Signal(unix.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	var status unix.WaitStatus
	if _, err := unix.Wait4(cmd.Process.Pid, &status, unix.WUNTRACED, nil); err != nil || !status.Stopped() {
		t.Fatalf("it isn't stopped: %v, %v", status, err)
	}
	if named() {
		t.Error("a scout that is stopped named us")
	}
	if err := cmd.Process.Signal(unix.SIGCONT); err != nil {
		t.Fatal(err)
	}
	soon("after it was stopped")
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-s.Gone()
	if named() {
		t.Error("a scout that is gone named us")
	}
}

// caller starts this program by a shell as one that connects, and returns its
// connection and number; end ends it and waits for that.
func caller(t *testing.T) (*net.UnixConn, int, func()) {
	t.Helper()
	dir, err := os.MkdirTemp("", "fob")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	ln, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// Two commands, so that the shell stays.
	cmd := exec.Command("/bin/sh", "-c", `"$0"; :`, self)
	cmd.Env = []string{dialAs + "=" + ln.Addr().String()}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	end := func() {
		_ = in.Close()
		_ = cmd.Wait()
	}
	t.Cleanup(end)
	c, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if _, err := bufio.NewReader(c).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	conn := c.(*net.UnixConn)
	raw, err := conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var cred *unix.Ucred
	var credErr error
	err = raw.Control(func(fd uintptr) { cred, credErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) })
	if err = errors.Join(err, credErr); err != nil {
		t.Fatal(err)
	}
	return conn, int(cred.Pid), end
}

func FuzzStat(f *testing.F) {
	f.Add([]byte("12 (a) b (c)) S 1 12 12 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 777 0 0\n"))
	f.Add([]byte("1 () S"))
	f.Add([]byte(")("))
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := parseStat(b); err == nil && s.parent < 0 {
			t.Errorf("%+v", s)
		}
	})
}

func BenchmarkChain(b *testing.B) {
	for b.Loop() {
		Chain(os.Getpid())
	}
}
