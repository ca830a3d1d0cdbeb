package agent

import (
	"context"
	"os"
	"os/exec"

	"github.com/fob-auth/fob/agent/api"
	"github.com/fob-auth/fob/agent/ask"
	"github.com/fob-auth/fob/devices/prompt"
)

// people sets up where the person before the machine is asked.
func (a *agent) people() {
	a.desk = &ask.Desk{Notify: a.notify}
	if d := a.desktop(); d != nil {
		a.desk.Ways = append(a.desk.Ways, d)
	}
	if p := pinentry(a.opts.Config.Devices.Pinentry); p != "" {
		a.desk.Ways = append(a.desk.Ways, ask.Pinentry{Program: p})
	}
	a.typed = prompt.New(func(ctx context.Context, token string, q prompt.Question, check func(string) error) (string, error) {
		return a.desk.Code(ctx, ask.Question{Profile: q.Profile, Token: token, Caller: q.Caller, Message: q.Message, Within: prompt.Within,
			Check: func(digits string) error {
				if err := check(digits); err != nil {
					return &ask.DigitsError{Reason: err.Error()}
				}
				return nil
			}})
	})
}

// pinentry finds the program that asks the user: the one that fob.yaml names,
// else the desktop's, where there is a display to ask on.
func pinentry(named string) string {
	if named != "" {
		return named
	}
	if os.Getenv("WAYLAND_DISPLAY") == "" && os.Getenv("DISPLAY") == "" {
		return ""
	}
	found, err := exec.LookPath("pinentry")
	if err != nil {
		return ""
	}
	return found
}

// prompts returns the tokens whose codes are typed; nil where fob.yaml doesn't
// want any.
func (a *agent) prompts() *prompt.Driver {
	if !a.config.Load().Devices.Prompt {
		return nil
	}
	return a.typed
}

// plugTyped has the tokens be there that were bound before.
func (a *agent) plugTyped(ctx context.Context) error {
	bound, err := a.bindings.All(ctx)
	for _, b := range bound {
		if device, ok := prompt.Typed(b.Token); ok {
			a.typed.Plug(device)
		}
	}
	return err
}

// unplugTyped takes the token of a binding away that is no more.
func (a *agent) unplugTyped(token string) {
	if device, ok := prompt.Typed(token); ok {
		a.typed.Unplug(device)
	}
}

// Prompts lists the questions that stand.
func (a *agent) Prompts(context.Context) ([]api.Prompt, error) { return a.desk.List(), nil }

// Answer answers a question.
func (a *agent) Answer(_ context.Context, id string, answer api.PromptAnswer) (api.Prompt, error) {
	p, err := a.desk.Answer(id, answer)
	return p, a.told(err, "")
}

// Subscribe begins with the tokens that are there, so that a watcher knows when
// it is heard. A watcher that puts questions to a person is offered those of
// its profile.
func (a *agent) Subscribe(ctx context.Context, answers string) <-chan api.Event {
	events := a.hub.Subscribe(ctx)
	var offers <-chan api.Event
	if answers != "" {
		offers = a.desk.Attend(ctx, answers)
	}
	out := make(chan api.Event)
	go func() {
		defer close(out)
		send := func(e api.Event) bool {
			select {
			case out <- e:
				return true
			case <-ctx.Done():
				return false
			}
		}
		for _, t := range a.broker.Tokens() {
			if t.Info.Serial != "" && !send(pluggedEvent(t)) {
				return
			}
		}
		for {
			var e api.Event
			ok := true
			select {
			case e, ok = <-events:
			case e = <-offers:
			}
			if !ok || !send(e) {
				return
			}
		}
	}()
	return out
}
