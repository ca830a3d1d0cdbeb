package cmd_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/fob-auth/fob/agent/harden"
	"github.com/fob-auth/fob/agent/seal"
	"github.com/fob-auth/fob/cmd/internal/fob"
	"github.com/fob-auth/fob/cmd/internal/fobaws"
	"github.com/fob-auth/fob/cmd/internal/fobd"
	"github.com/fob-auth/fob/cmd/internal/fobemu"
	"github.com/fob-auth/fob/devices/pcsc"
)

// TestMain lets the test binary be each of the four programs, so that scripts
// run them as processes of their own.
func TestMain(m *testing.M) {
	program := func(main func() int) func() { return func() { os.Exit(main()) } }
	testscript.Main(tests{m}, map[string]func(){
		"fob":     program(fob.Main),
		"fobd":    program(fobd.Main),
		"fobaws":  program(fobaws.Main),
		"fobemu":  program(fobemu.Main),
		"gosdk":   program(goSDK),
		"later":   program(later),
		"gadgets": program(gadgets),
	})
}

// runDir is a folder for what the tests of one run share; nobody else can have
// put anything there.
var runDir string

// tests runs the tests with a folder that goes with them.
type tests struct{ m *testing.M }

func (t tests) Run() int {
	dir, err := os.MkdirTemp("", "fobt")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	runDir = dir
	return t.m.Run()
}

// TestScript runs the whole-system scripts of testdata/script. A script has a
// home of its own, with short socket paths; scripts named interop_* drive
// clients that no one here wrote.
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                filepath.Join("testdata", "script"),
		Setup:              setupScript,
		Cmds:               scriptCommands(pcscCommands),
		Condition:          scriptCondition,
		RequireUniqueNames: true,
	})
}

// scriptCondition says whether what a script asks for is there.
func scriptCondition(cond string) (bool, error) {
	if holds, ok := scriptConditions[cond]; ok {
		return holds(), nil
	}
	return false, fmt.Errorf("unknown condition %q", cond)
}

// scriptConditions are what scripts ask for.
var scriptConditions = map[string]func() bool{
	"awscli": func() bool { return exec.Command(awsCLI, "--version").Run() == nil },
	"boto3":  func() bool { return exec.Command(systemPython, "-c", "import boto3").Run() == nil },
	"nodejs": func() bool {
		return lacks("node", exec.Command("node", "--version"), exec.Command("npm", "--version")) == ""
	},
	"keyring": func() bool {
		_, err := seal.Find(context.Background(), seal.Options{Place: seal.Keyring})
		return err == nil
	},
	"landlock":        func() bool { return harden.Landlock() > 0 },
	"pcsc":            func() bool { return pcsc.Built() && installed("/usr/sbin/pcscd") },
	"ykman":           func() bool { return installed("/usr/bin/ykman") },
	"yubico-piv-tool": func() bool { return installed("yubico-piv-tool") },
	"oathtool":        func() bool { return installed("oathtool") },
	"openssl":         func() bool { return installed("openssl") },
	"pkcs11-tool":     func() bool { return installed("pkcs11-tool") && pkcs11Module("opensc-pkcs11.so") != "" },
	"ykcs11":          func() bool { return pkcs11Module("libykcs11.so") != "" },
	"sshd":            func() bool { return installed("ssh") && installed(sshDaemon) },
	"scdaemon":        func() bool { return scdaemonPath() != "" },
	"PyKCS11":         func() bool { return exec.Command(systemPython, "-c", "import PyKCS11").Run() == nil },
}

func installed(program string) bool {
	_, err := exec.LookPath(program)
	return err == nil
}

// scriptCommands are the commands that every script has, and more.
func scriptCommands(more map[string]func(*testscript.TestScript, bool, []string)) map[string]func(*testscript.TestScript, bool, []string) {
	all := map[string]func(*testscript.TestScript, bool, []string){
		"serve":       cmdServe,
		"halt":        cmdHalt,
		"hangup":      cmdHangup,
		"touched":     cmdTouched,
		"count":       cmdCount,
		"distinct":    cmdDistinct,
		"inturn":      cmdInTurn,
		"awsclock":    cmdAWSClock,
		"parallel":    cmdParallel,
		"await":       cmdAwait,
		"jsonget":     cmdJSONGet,
		"expand":      cmdExpand,
		"python":      cmdPython,
		"awaitoken":   cmdAwaitToken,
		"post":        cmdPost,
		"totp":        cmdTOTP,
		"profile":     cmdProfile,
		"readme":      cmdReadme,
		"lost":        cmdLost,
		"agents":      cmdAgents,
		"nodemodules": cmdNodeModules,
		"attended":    cmdAttended,
		"desktop":     cmdDesktop,
	}
	maps.Copy(all, more)
	return all
}

// Debian's clients; another aws or python may come first on PATH.
const (
	awsCLI       = "/usr/bin/aws"
	systemPython = "/usr/bin/python3"
)

// setupScript gives a script a world of its own: XDG folders, AWS files, and
// none of the machine's AWS or proxy settings.
func setupScript(env *testscript.Env) error {
	run, err := os.MkdirTemp("", "fobt") // short: a socket's path has 107 bytes
	if err != nil {
		return err
	}
	env.Defer(func() { os.RemoveAll(run) })
	for _, dir := range []string{"state", "data", "config"} {
		if err := os.MkdirAll(filepath.Join(env.WorkDir, dir), 0o700); err != nil {
			return err
		}
	}
	if err := copyFixture(env.WorkDir, run); err != nil {
		return err
	}
	env.Setenv("HOME", env.WorkDir)
	env.Setenv("RUN", run)
	examples, err := filepath.Abs(filepath.Join("..", "agent", "api", "examples"))
	if err != nil {
		return err
	}
	env.Setenv("EXAMPLES", examples)
	env.Setenv("AWSCLI", awsCLI)
	env.Setenv("XDG_RUNTIME_DIR", run)
	env.Setenv("XDG_STATE_HOME", filepath.Join(env.WorkDir, "state"))
	env.Setenv("XDG_DATA_HOME", filepath.Join(env.WorkDir, "data"))
	env.Setenv("XDG_CONFIG_HOME", filepath.Join(env.WorkDir, "config"))
	env.Setenv("AWS_CONFIG_FILE", filepath.Join(env.WorkDir, "aws-config"))
	env.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(env.WorkDir, "aws-credentials"))
	env.Setenv("AWS_PAGER", "")
	env.Setenv("FOBEMU_SOCKET", filepath.Join(run, "bench.sock"))
	env.Values[serversKey{}] = &servers{byName: map[string]*serverProcess{}, env: env}
	env.Defer(func() {
		if err := env.Values[serversKey{}].(*servers).stopAll(); err != nil {
			env.T().Log(err)
			env.T().FailNow()
		}
	})
	return nil
}

// copyFixture lays out the world, the bench and the configurations that most
// scripts share. $RUN is filled in; expand does the rest.
func copyFixture(dir, run string) error {
	files, err := filepath.Glob(filepath.Join("testdata", "fixture", "*"))
	if err != nil {
		return err
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		to := filepath.Join(dir, filepath.Base(file))
		if _, err := os.Stat(to); err == nil {
			continue // the script has its own
		}
		b = bytes.ReplaceAll(b, []byte("$RUN"), []byte(run))
		if err := os.WriteFile(to, b, 0o600); err != nil {
			return err
		}
	}
	return nil
}

type serversKey struct{}

var errNotRunning = errors.New("no server of that name runs")
