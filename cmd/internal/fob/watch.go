package fob

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/fob-auth/fob/agent/api"
	"github.com/fob-auth/fob/cmd/internal/cli"
)

func (p *program) watchCommand() *cobra.Command {
	var lines bool
	cmd := p.jsonFlag(&cobra.Command{
		Use:   "watch",
		Short: "Follow what happens: tokens, touches, sessions, drift",
		Long: `Shows tokens, codes, sessions, clocks and who waits for what, where stdout is a
terminal; a code's digits on a key press, which reserves the code. Elsewhere, where
TERM is dumb, and with --lines, it prints a line for each event from now on, until
it is interrupted or the agent ends; with --json each line is one event.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return p.watch(cmd.Context(), lines) },
	})
	cmd.Flags().BoolVar(&lines, "lines", false, "print lines though stdout is a terminal")
	return cmd
}

func (p *program) watch(ctx context.Context, lines bool) error {
	if !lines && !p.json && terminalAt(p.stdout) && os.Getenv("TERM") != "dumb" {
		if tty := openTerminal(); tty != nil {
			return p.fullscreen(ctx, tty)
		}
	}
	return p.lines(ctx)
}

// lines prints a line for each event.
func (p *program) lines(ctx context.Context) error {
	following := func() { p.say("following") }
	for e, err := range p.client.Events(ctx, following) {
		if err != nil {
			return err
		}
		if err := p.event(e); err != nil {
			return err
		}
	}
	return &api.Error{Code: api.NoAgent, Message: "the agent has ended", Hint: "start it with 'fobd', or have 'fob service install' start it for you"}
}

// event prints one event on a line.
func (p *program) event(e api.Event) error {
	if p.json {
		b, err := json.Marshal(e)
		if err != nil {
			return fmt.Errorf("output: %w", err)
		}
		_, err = p.stdout.Write(append(b, '\n'))
		return err
	}
	cells := []string{e.At.Local().Format(time.TimeOnly), string(e.Type)}
	for _, c := range []string{e.Token, e.Profile, e.Message} {
		if c != "" {
			cells = append(cells, c)
		}
	}
	_, err := fmt.Fprintln(p.stdout, cli.Clean(strings.Join(cells, "  ")))
	return err
}

// tell says to the person what a call waits for, from now until stop is called:
// a touch, the next time step; and asks for what only the person knows. It does so where somebody is there to read it, and
// for the rest costs nothing, not even a connection.
func (p *program) tell(ctx context.Context, profile string) (stop func()) {
	if p.tty == nil {
		p.tty = openTerminal()
	}
	if p.tty == nil && !p.attended() {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	following, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		d := p.dialogue(ctx)
		defer d.end()
		for e, err := range p.client.Attend(ctx, p.answers(profile), func() { close(following) }) {
			if err != nil {
				return // the call itself will say what is wrong
			}
			d.hear(e)
			if e.Profile == "" || profile == "" || e.Profile == profile {
				p.waiting(e)
			}
		}
	}()
	// What the call waits for may come at once, so the events come first.
	select {
	case <-following:
	case <-ended:
	}
	return func() {
		cancel()
		<-ended
	}
}

// waiting tells an event that says what is waited for, and passes over others.
func (p *program) waiting(e api.Event) {
	switch e.Type {
	case api.EventTouch:
		p.person(e.Message + within(e))
	case api.EventTouchDone, api.EventWaiting:
		p.person(e.Message)
	}
}

// attended reports whether somebody reads what is told beside the answer.
func (p *program) attended() bool { return p.verbose || terminalAt(p.stderr) }

// terminalAt reports whether somebody sits before w.
func terminalAt(w io.Writer) bool {
	f, ok := w.(interface{ Fd() uintptr })
	return ok && term.IsTerminal(int(f.Fd()))
}
