package ask

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"time"

	"github.com/fob-auth/fob/agent/api"
)

// A Pinentry asks by the user's pinentry, a program for each question.
type Pinentry struct {
	// Program is its path.
	Program string
}

var _ Way = Pinentry{}

// endTime is how long a pinentry may take to end once it was told to.
const endTime = time.Second

// maxText bounds a text that is sent, in bytes before escaping.
const maxText = 300

// Ask starts the program and puts the question. A program that can't be
// started, or doesn't speak the protocol, is ErrCannot.
func (p Pinentry) Ask(ctx context.Context, q Question, again string) (string, error) {
	running, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd := exec.CommandContext(running, p.Program)
	cmd.WaitDelay = endTime
	in, err := cmd.StdinPipe()
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrCannot, err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrCannot, err)
	}
	if err := cmd.Start(); err != nil {
		return "", fmt.Errorf("%w: %w", ErrCannot, err)
	}
	digits, err := put(talk(out, in), q, again)
	_, _ = io.WriteString(in, "BYE\n")
	_ = in.Close()
	late := time.AfterFunc(endTime, cancel)
	_ = cmd.Wait() // its answer counts, not how it ended
	late.Stop()
	switch {
	case err == nil, errors.Is(err, ErrRefused), errors.Is(err, ErrUnanswered):
		return digits, err
	case ctx.Err() != nil:
		return "", context.Cause(ctx)
	}
	return "", fmt.Errorf("%w: %w", ErrCannot, err)
}

// put holds the conversation.
func put(c *conversation, q Question, again string) (string, error) {
	if _, err := c.hear(); err != nil {
		return "", err
	}
	type line struct{ command, argument string }
	lines := []line{
		{"SETTITLE", "fob"}, {"SETDESC", escaped(cut(q.Message))},
		{"SETTIMEOUT", strconv.Itoa(max(1, int(q.Within/time.Second)))},
	}
	if again != "" {
		lines = append(lines, line{"SETERROR", escaped(cut(again))})
	}
	ask := "CONFIRM"
	if q.Kind == api.PromptCode {
		ask = "GETPIN"
		lines = append(lines, line{"SETPROMPT", "Code:"})
	} else {
		lines = append(lines, line{"SETOK", "Allow"}, line{"SETCANCEL", "Refuse"})
	}
	for _, l := range lines {
		// A pinentry that doesn't know a setting goes without it.
		if _, err := c.say(l.command, l.argument); isBroken(err) {
			return "", err
		}
	}
	return c.say(ask, "")
}

// isBroken tells the end of a conversation from a refused setting.
func isBroken(err error) bool {
	return errors.Is(err, errAssuan) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrClosedPipe) || errors.Is(err, io.ErrUnexpectedEOF)
}

func cut(s string) string {
	if len(s) > maxText {
		return s[:maxText]
	}
	return s
}
