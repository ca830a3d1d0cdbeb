package cmd_test

import (
	"bytes"
	"context"
	"encoding/base32"
	"encoding/hex"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/fob-auth/fob/agent/api"
	"github.com/fob-auth/fob/agent/client"
)

// known are the secrets of a script, each under what it is.
type known map[string]string

type knownKey struct{}

// TestSecretsStayInside has the agent handle more than a thousand secrets, and
// looks for each of them in everything that it and the others wrote: logs,
// audit, state, figures, errors.
func TestSecretsStayInside(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "secrets"),
		Setup: func(env *testscript.Env) error {
			env.Values[knownKey{}] = known{}
			return setupScript(env)
		},
		Cmds: scriptCommands(map[string]func(*testscript.TestScript, bool, []string){
			"seed": cmdSeed, "secret": cmdSecret, "sessions": cmdSessions, "digits": cmdDigits, "nowhere": cmdNowhere,
		}),
	})
}

// cmdSeed makes a seed known, in each form in which it could be written down.
func cmdSeed(ts *testscript.TestScript, _ bool, args []string) {
	all := ts.Value(knownKey{}).(known)
	raw, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(args[0])
	ts.Check(err)
	all["seed "+args[0]] = args[0]
	all["seed, raw "+args[0]] = string(raw)
	all["seed, hex "+args[0]] = hex.EncodeToString(raw)
}

// cmdSecret makes words known.
func cmdSecret(ts *testscript.TestScript, _ bool, args []string) {
	for _, s := range args {
		ts.Value(knownKey{}).(known)["secret "+s] = s
	}
}

// cmdSessions makes a profile's session anew, often: sessions N PROFILE
func cmdSessions(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	all := ts.Value(knownKey{}).(known)
	c := client.Client{Socket: ts.Getenv("fobd_READY")}
	for i := range n {
		s, err := c.Session(context.Background(), api.SessionRequest{Profile: args[1], Renew: true})
		ts.Check(err)
		all["secret key "+args[1]+strconv.Itoa(i)], all["session token "+args[1]+strconv.Itoa(i)] = s.SecretAccessKey, s.SessionToken
	}
}

// cmdDigits takes a code by fob code, and makes it known.
func cmdDigits(ts *testscript.TestScript, _ bool, args []string) {
	c := client.Client{Socket: ts.Getenv("fobd_READY")}
	code, err := c.Code(context.Background(), api.CodeRequest{Name: args[0]})
	ts.Check(err)
	ts.Value(knownKey{}).(known)["digits of step "+strconv.FormatUint(code.Step, 10)] = code.Code
}

// cmdNowhere looks for all that is known in files, folders and the servers'
// logs: nowhere PATH...
func cmdNowhere(ts *testscript.TestScript, _ bool, args []string) {
	all := ts.Value(knownKey{}).(known)
	if len(all) < 1000 {
		ts.Fatalf("%d secrets are known, which proves little", len(all))
	}
	looked := 0
	look := func(where string, text []byte) {
		looked += len(text)
		others := ownNumbers.ReplaceAll(text, nil)
		for what, secret := range all {
			if found(text, secret) && (!short(secret) || found(others, secret)) {
				ts.Fatalf("%s has the %s", where, strings.Split(what, " ")[0])
			}
		}
	}
	for name, p := range ts.Value(serversKey{}).(*servers).byName {
		look("the log of "+name, []byte(p.log()))
	}
	for _, arg := range args {
		ts.Check(filepath.WalkDir(ts.MkAbs(arg), func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			b, err := os.ReadFile(path)
			look(path, b)
			return err
		}))
	}
	ts.Logf("%d secrets looked for in %d bytes: 0 found", len(all), looked)
}

// ownNumbers are a process's number and the Go runtime's figures: any of them is
// a code by chance, and none has to do with one.
var ownNumbers = regexp.MustCompile(`(?m)"pid": ?[0-9]+|^(go|process)_.*$`)

// short says that a secret is no more than some digits.
func short(secret string) bool { return len(secret) < 10 }

// found reports whether a text has a secret. Six digits count only where they
// stand alone: within longer numbers they stand by chance.
func found(text []byte, secret string) bool {
	for from := 0; ; {
		i := bytes.Index(text[from:], []byte(secret))
		if i < 0 {
			return false
		}
		at := from + i
		end := at + len(secret)
		if !short(secret) || (at == 0 || !alphanumeric(text[at-1])) && (end == len(text) || !alphanumeric(text[end])) {
			return true
		}
		from = at + 1
	}
}

func alphanumeric(b byte) bool {
	return b == '.' || b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z'
}
