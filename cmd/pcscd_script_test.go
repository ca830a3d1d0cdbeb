package cmd_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// pcscCommands are what PC/SC's scripts do beside the others.
var pcscCommands = map[string]func(*testscript.TestScript, bool, []string){
	"readers":  cmdReaders,
	"beside":   cmdBeside,
	"sshd":     cmdSSHD,
	"scdaemon": cmdScdaemon,
}

// pkcs11Module is where a PKCS #11 module of the system's is; "" if nowhere.
func pkcs11Module(name string) string {
	for _, pattern := range []string{"/usr/lib/*/", "/usr/lib64/", "/usr/lib/"} {
		if found, err := filepath.Glob(pattern + name); err == nil && len(found) > 0 {
			return found[0]
		}
	}
	return ""
}

// handlerLibrary is the readers' handler, built once for all scripts into the
// folder of this run.
var handlerLibrary = sync.OnceValues(func() (string, error) {
	path := filepath.Join(runDir, "libifdfob.so")
	return path, compileHandler(path)
})

// compileHandler builds the readers' handler.
func compileHandler(path string) error {
	build := exec.Command("go", "build", "-tags", "pcsc", "-buildmode=c-shared", "-o", path, "../emulator/reader/handler")
	build.Env = append(os.Environ(), "CGO_ENABLED=1")
	if out, err := build.CombinedOutput(); err != nil {
		return &exec.Error{Name: "go build: " + string(out), Err: err}
	}
	return nil
}

// cmdReaders starts a bench with its readers in a private pcscd: readers BENCH.
// $YKCS11 and $OPENSC become the system's PKCS #11 modules.
func cmdReaders(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: readers BENCH")
	}
	handler, err := handlerLibrary()
	ts.Check(err)
	ts.Setenv("YKCS11", pkcs11Module("libykcs11.so"))
	ts.Setenv("OPENSC", pkcs11Module("opensc-pkcs11.so"))
	cmdServe(ts, false, []string{"fobemu", "pcscd", "--bench", args[0], "--handler", handler})
}

// cmdBeside runs one command again and again, while another one is run as often
// as that takes, and checks that all runs of both end well:
//
//	beside N COMMAND ARG... -- COMMAND ARG...
func cmdBeside(ts *testscript.TestScript, neg bool, args []string) {
	at := slices.Index(args, "--")
	if neg || at < 2 || at == len(args)-1 {
		ts.Fatalf("usage: beside N COMMAND ARG... -- COMMAND ARG...")
	}
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	first, second := args[1:at], args[at+1:]
	all := ts.Value(serversKey{}).(*servers)
	run := func(args []string) error {
		cmd := exec.Command(lookPath(ts, args[0]), args[1:]...)
		cmd.Dir, cmd.Env = ts.MkAbs("."), all.environ(ts)
		if out, err := cmd.CombinedOutput(); err != nil {
			return &exec.Error{Name: args[0] + ": " + string(out), Err: err}
		}
		return nil
	}
	done := make(chan error)
	go func() {
		for range n {
			if err := run(first); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	var longest time.Duration
	for times := 0; ; times++ {
		select {
		case err := <-done:
			ts.Check(err)
			ts.Logf("%d runs of %s, %d of %s, the longest of %v", n, first[0], times, second[0], longest)
			if times == 0 {
				ts.Fatalf("%s never ran beside %s", second[0], first[0])
			}
			return
		default:
		}
		begun := time.Now()
		if err := run(second); err != nil {
			<-done
			ts.Fatalf("run %d: %v", times, err)
		}
		longest = max(longest, time.Since(begun))
	}
}
