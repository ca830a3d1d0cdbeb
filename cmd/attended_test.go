//go:build unix

package cmd_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/creack/pty"
	"github.com/pquerna/otp/totp"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/fob-auth/fob/sts/resync"
)

// cmdAttended runs a command with a person at its terminal:
//
//	[!] attended FILE SEED ANSWERS COMMAND...
//
// FILE gets all that the terminal shows. The person gives the ANSWERS, words
// with commas between them, one to each question: "code" is what a display with
// the SEED shows, which is - where none is needed, each "next" what it shows a
// step later, any other word is typed as it stands. The command's stdout isn't the terminal; it is kept in FILE.out.
func cmdAttended(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 4 {
		ts.Fatalf("usage: [!] attended FILE SEED ANSWERS COMMAND...")
	}
	var out, stderr bytes.Buffer
	cmd := exec.Command(lookPath(ts, args[3]), args[4:]...)
	cmd.Dir, cmd.Env = ts.MkAbs("."), ts.Value(serversKey{}).(*servers).environ(ts)
	cmd.Stdout, cmd.Stderr = &out, &stderr
	master, slave, err := pty.Open()
	ts.Check(err)
	defer master.Close()
	cmd.Stdin = slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	ts.Check(cmd.Start())
	ts.Check(slave.Close())
	late := time.AfterFunc(patience, func() { cmd.Process.Kill() })
	defer late.Stop()
	shown := sit(ts, master, args[1], strings.Split(args[2], ","))
	err = cmd.Wait()
	text := shown()
	ts.Check(writeFile(ts, args[0], text))
	ts.Check(writeFile(ts, args[0]+".out", out.String()))
	var ended *exec.ExitError
	switch {
	case err != nil && !errors.As(err, &ended):
		ts.Fatalf("%s: %v", args[3], err)
	case (err != nil) != neg:
		ts.Fatalf("%s ended with %v; its terminal showed:\n%s\nand on stderr stood:\n%s", args[3], err, text, stderr.String())
	}
}

// sit reads a terminal and answers its questions, which end with a colon or a
// bracket and a blank. It returns a function that waits for the end and returns
// all that was shown.
func sit(ts *testscript.TestScript, terminal io.ReadWriter, seed string, answers []string) (shown func() string) {
	var text strings.Builder
	var over sync.WaitGroup
	var now time.Time
	if seed != "-" {
		now = awsTime(ts)
	}
	over.Go(func() {
		b := make([]byte, 4096)
		heard := 0
		for {
			n, err := terminal.Read(b)
			text.Write(b[:n])
			rest := text.String()[heard:]
			if asked := strings.HasSuffix(rest, ": ") || strings.HasSuffix(rest, "] "); asked && len(answers) > 0 {
				heard = text.Len()
				if answers[0] == "next" {
					now = now.Add(resync.Step)
				}
				io.WriteString(terminal, keys(answers[0], seed, now))
				answers = answers[1:]
			}
			if err != nil {
				return
			}
		}
	})
	return func() string {
		over.Wait()
		return strings.ReplaceAll(text.String(), "\r\n", "\n")
	}
}

// keys are what a person types for a word: "ctrl-d" ends the input.
func keys(word, seed string, now time.Time) string {
	switch word {
	case "code", "next":
	case "ctrl-d":
		return "\x04"
	default:
		return word + "\n"
	}
	code, err := totp.GenerateCode(seed, now)
	if err != nil {
		return err.Error()
	}
	return code + "\n"
}

func writeFile(ts *testscript.TestScript, name, text string) error {
	return os.WriteFile(ts.MkAbs(name), []byte(text), 0o600)
}
