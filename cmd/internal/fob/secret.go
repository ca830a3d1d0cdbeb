package fob

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"golang.org/x/term"

	"github.com/fob-auth/fob/cmd/internal/cli"
)

// ttyPath is where people are asked, wherever stdin and stdout go.
const ttyPath = "/dev/tty"

// maxSecret bounds what is read from stdin or typed, in bytes.
const maxSecret = 1024

// secretFromStdin reads one line of stdin.
func secretFromStdin() (string, error) {
	line, err := bufio.NewReader(io.LimitReader(os.Stdin, maxSecret+2)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("stdin: %w", err)
	}
	return checkedSecret(strings.TrimRight(line, "\r\n"))
}

// secretFromTerminal asks for a line that isn't shown.
func (p *program) secretFromTerminal(prompt string) (string, error) {
	tty, err := os.OpenFile(ttyPath, os.O_RDWR, 0)
	if err != nil {
		return "", cli.Usagef("there is no terminal to ask on; use --passphrase-stdin")
	}
	defer tty.Close()
	fmt.Fprint(tty, prompt)
	line, err := hidden(int(tty.Fd()))
	fmt.Fprintln(tty)
	if err != nil {
		return "", fmt.Errorf("terminal: %w", err)
	}
	return checkedSecret(string(line))
}

// hidden reads a line that the terminal doesn't show. A signal ends the wait,
// with the terminal as it was before.
func hidden(fd int) ([]byte, error) {
	before, err := term.GetState(fd)
	if err != nil {
		return nil, err
	}
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(ended)
	type result struct {
		line []byte
		err  error
	}
	read := make(chan result, 1)
	go func() {
		line, err := term.ReadPassword(fd)
		read <- result{line, err}
	}()
	select {
	case r := <-read:
		return r.line, r.err
	case s := <-ended:
		// Who reads ends with the process.
		return nil, errors.Join(fmt.Errorf("ended by %v", s), term.Restore(fd, before))
	}
}

// password reads a password: from the terminal, or from stdin where that is
// none. An empty one is errNoPassword.
func (p *program) password(question string) (string, error) {
	if term.IsTerminal(int(os.Stdin.Fd())) {
		return p.secretFromTerminal(question + " ")
	}
	return secretFromStdin()
}

// errNoPassword says that nothing was given.
var errNoPassword = cli.Usagef("nothing was given")

func checkedSecret(s string) (string, error) {
	switch {
	case s == "":
		return "", errNoPassword
	case len(s) > maxSecret:
		return "", cli.Usagef("what was given is longer than %d bytes", maxSecret)
	}
	return s, nil
}

// confirm asks a question on the terminal; without one, or in the background,
// the answer is no.
func confirm(question string) bool {
	tty := openTerminal()
	if tty == nil {
		return false
	}
	defer tty.file.Close()
	fmt.Fprintf(tty.file, "%s [y/N] ", cli.Clean(question))
	line, err := bufio.NewReader(io.LimitReader(tty.file, maxSecret)).ReadString('\n')
	answer := strings.ToLower(strings.TrimSpace(line))
	return err == nil && (answer == "y" || answer == "yes")
}
