package fob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/fob-auth/fob/agent/api"
	"github.com/fob-auth/fob/cmd/internal/cli"
)

// person tells the person something: on the terminal where there is one, else
// on stderr.
func (p *program) person(message string) {
	if p.tty == nil || p.logFormat == "json" || terminalAt(p.stderr) {
		p.say(message)
		return
	}
	p.tty.say(message)
}

// within says how long is left for what an event waits for.
func within(e api.Event) string {
	if left := e.Until.Sub(e.At).Round(time.Second); left > 0 {
		return fmt.Sprintf(" (%d s)", int(left/time.Second))
	}
	return ""
}

// answers is whose questions may be put to the person here; "" where there is
// no terminal.
func (p *program) answers(profile string) string {
	switch {
	case p.tty == nil:
		return ""
	case profile == "":
		return api.AnswersAll
	}
	return profile
}

// say writes one line.
func (t *terminal) say(message string) {
	// A terminal that is gone reads nothing; the answer goes elsewhere.
	_, _ = io.WriteString(t.file, "fob: "+cli.Clean(message)+"\n")
}

// maxLine bounds a line that is typed, in bytes.
const maxLine = 256

// line reads one line, until ctx ends. What was typed before the question, and
// what is left of an answer that nobody wants any more, is thrown away: the
// shell would take it for a command.
func (t *terminal) line(ctx context.Context, question string) (string, error) {
	t.flush()
	if _, err := io.WriteString(t.file, "fob: "+cli.Clean(question)+" "); err != nil {
		return "", err
	}
	stop := context.AfterFunc(ctx, func() { _ = t.file.SetReadDeadline(time.Unix(1, 0)) })
	defer func() {
		if !stop() {
			t.flush()
			_, _ = io.WriteString(t.file, "\n")
		}
	}()
	var line []byte
	var b [maxLine]byte
	for {
		n, err := t.file.Read(b[:])
		line = append(line, b[:n]...)
		switch {
		case len(line) > 0 && line[len(line)-1] == '\n':
			return strings.TrimSpace(string(line)), nil
		case ctx.Err() != nil:
			return "", ctx.Err()
		case err != nil:
			return "", err
		case len(line) > maxLine:
			return "", errors.New("the line is too long")
		}
	}
}

// A dialogue puts the questions to the person that the agent offers.
type dialogue struct {
	p     *program
	ctx   context.Context
	stop  func()
	asked string
	// answered, unless nil, is called once an answer was taken.
	answered func()
}

func (p *program) dialogue(ctx context.Context) *dialogue {
	return &dialogue{p: p, ctx: ctx, stop: func() {}}
}

// hear begins and ends questions.
func (d *dialogue) hear(e api.Event) {
	switch {
	case e.Prompt == nil || d.p.tty == nil:
	case e.Type == api.EventPrompt && e.Prompt.Offered:
		d.end()
		d.asked = e.Prompt.ID
		ctx, cancel := context.WithCancel(d.ctx)
		over := make(chan struct{})
		d.stop = func() { cancel(); <-over }
		go func() {
			defer close(over)
			if d.ask(ctx, *e.Prompt) && d.answered != nil {
				d.answered()
			}
		}()
	case e.Type == api.EventPromptOver && e.Prompt.ID == d.asked:
		d.end()
	}
}

// end takes the question back that is being asked.
func (d *dialogue) end() {
	d.stop()
	d.stop, d.asked = func() {}, ""
}

// ask puts a question until the agent takes the answer, and reports whether it
// did.
func (d *dialogue) ask(ctx context.Context, q api.Prompt) bool {
	tty := d.p.tty
	if q.Caller != "" {
		tty.say(q.Caller + " asks")
	}
	for ctx.Err() == nil {
		typed, err := tty.line(ctx, words(q))
		switch {
		case ctx.Err() != nil:
			return false
		case err == nil && typed == "" && q.Kind == api.PromptCode:
			continue
		}
		_, err = d.p.client.Answer(context.WithoutCancel(ctx), q.ID, reply(q.Kind, typed, err))
		var told *api.Error
		switch {
		case err == nil:
			return true
		case errors.As(err, &told) && told.Code == api.BadRequest:
			tty.say(told.Message)
		default:
			tty.say(err.Error())
			return false
		}
	}
	return false
}

// words are a question with what may be typed.
func words(q api.Prompt) string {
	if q.Kind == api.PromptConfirm {
		return q.Message + " [y/N]"
	}
	return q.Message + ":"
}

// reply is what was typed in the agent's terms. The end of input, Ctrl-D, is a
// no.
func reply(kind api.PromptKind, typed string, err error) api.PromptAnswer {
	allow := strings.EqualFold(typed, "y") || strings.EqualFold(typed, "yes")
	if err == nil && kind == api.PromptCode {
		return api.PromptAnswer{Digits: typed}
	}
	allow = allow && err == nil
	return api.PromptAnswer{Allow: &allow}
}

// typeCode waits until a program needs a code that a display shows, and has it
// typed.
func (p *program) typeCode(ctx context.Context, profile string) error {
	if p.tty = openTerminal(); p.tty == nil {
		return &api.Error{Code: api.NobodyToAsk, Message: "there is no terminal to type a code on", Hint: "run 'fob code --type' in a terminal"}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	d := p.dialogue(ctx)
	done := make(chan struct{}, 1)
	d.answered = func() { done <- struct{}{}; cancel() }
	defer d.end()
	for e, err := range p.client.Attend(ctx, p.answers(profile), func() { p.person("waiting until a code is needed") }) {
		if len(done) > 0 {
			return nil
		}
		if err != nil {
			return err
		}
		d.hear(e)
	}
	if len(done) > 0 {
		return nil
	}
	return &api.Error{Code: api.NoAgent, Message: "the agent has ended", Hint: "start it: fobd --config fob.yaml"}
}
