package harden

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// role makes the test binary another program.
const role = "FOB_TEST_ROLE"

// TestMain lets the test binary be a process that holds a secret, hardened or
// not, and one of the same user that tries to read it.
func TestMain(m *testing.M) {
	switch name, argument, _ := strings.Cut(os.Getenv(role), " "); name {
	case "":
		os.Exit(m.Run())
	case "plain":
		hold()
	case "hardened":
		if err := Begin(); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		hold()
	case "read":
		read(argument)
	case "unmap":
		unmap()
	case "confined":
		confined(strings.Fields(argument))
	}
}

// hold says what it is and stays until its stdin ends.
func hold() {
	var core unix.Rlimit
	_ = unix.Getrlimit(unix.RLIMIT_CORE, &core)
	old := unix.Umask(0)
	fmt.Printf("core %d umask %o\n", core.Max, old)
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// read tries to open what tells of another process's memory.
func read(pid string) {
	for _, name := range []string{"mem", "environ", "maps"} {
		f, err := os.Open("/proc/" + pid + "/" + name)
		if err == nil {
			_ = f.Close()
		}
		switch {
		case errors.Is(err, fs.ErrPermission):
			fmt.Println(name, "refused")
		case err == nil:
			fmt.Println(name, "open")
		default:
			fmt.Println(name, err)
		}
	}
}

// nobody is a user who isn't root: root may read everything.
const nobody = 65534

// as runs the test binary in a role, as somebody who isn't root.
func as(t *testing.T, dir, what string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(filepath.Join(dir, "program"))
	cmd.Dir = dir
	cmd.Env = []string{role + "=" + what}
	if os.Getuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
	return cmd
}

// place returns a folder that anybody may use, with the test binary in it.
func place(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "fob")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(self)
	if err == nil {
		err = errors.Join(os.WriteFile(filepath.Join(dir, "program"), b, 0o755), os.Chmod(dir, 0o777))
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// started starts a role and returns its first line.
func started(t *testing.T, cmd *exec.Cmd) (line string, end func()) {
	t.Helper()
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	end = func() {
		_ = in.Close()
		_ = cmd.Wait()
	}
	line, err = bufio.NewReader(out).ReadString('\n')
	if err != nil {
		end()
		t.Fatalf("%v: %q", err, line)
	}
	return strings.TrimSpace(line), end
}

// TestMemoryIsRefused: before, the same user's programs can read a process's
// memory, environment and maps; hardened, none of the three.
func TestMemoryIsRefused(t *testing.T) {
	dir := place(t)
	for what, want := range map[string]string{"plain": "open", "hardened": "refused"} {
		cmd := as(t, dir, what)
		_, end := started(t, cmd)
		out, err := as(t, dir, fmt.Sprintf("read %d", cmd.Process.Pid)).Output()
		end()
		if err != nil {
			t.Fatal(err)
		}
		if expect := fmt.Sprintf("mem %[1]s\nenviron %[1]s\nmaps %[1]s\n", want); string(out) != expect {
			t.Errorf("%s: %q, want %q", what, out, expect)
		}
	}
}

// TestNoCore: killed so that a core file would be left, a hardened process
// leaves none, also where its limit allowed one.
func TestNoCore(t *testing.T) {
	dir := place(t)
	for i := range 10 {
		cmd := as(t, dir, "hardened")
		line, end := started(t, cmd)
		if line != "core 0 umask 77" {
			t.Errorf("hardened: %q", line)
		}
		if err := cmd.Process.Signal(syscall.SIGABRT); err != nil {
			t.Fatal(err)
		}
		end()
		status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
		if !ok || status.CoreDump() {
			t.Errorf("run %d: %v", i, cmd.ProcessState)
		}
	}
	files, err := filepath.Glob(filepath.Join(dir, "*core*"))
	if err != nil || len(files) != 0 {
		t.Errorf("core files %q, %v", files, err)
	}
}
