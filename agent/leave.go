package agent

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/fob-auth/fob/agent/ask"
	"github.com/fob-auth/fob/agent/config"
	"github.com/fob-auth/fob/agent/mfa"
	"github.com/fob-auth/fob/agent/notify"
	"github.com/fob-auth/fob/agent/server"
	"github.com/fob-auth/fob/agent/session"
)

// leaveWithin is how long a person has to say yes or no.
const leaveWithin = 60 * time.Second

// leave asks the person whether a session may be made.
func (a *agent) leave(ctx context.Context, w session.Want) error {
	return a.confirm(ctx, w.Profile, w.Caller, "a session of profile "+w.Profile)
}

// confirm asks the person whether a caller may have something.
func (a *agent) confirm(ctx context.Context, profile, caller, what string) error {
	who := caller
	if who == "" {
		who = "a program"
	}
	err := a.desk.Confirm(ctx, ask.Question{Profile: profile, Caller: caller, Within: leaveWithin, Message: fmt.Sprintf("May %s have %s?", who, what)})
	if errors.Is(err, context.DeadlineExceeded) {
		// The caller's time is over, and with it the question.
		err = ask.ErrUnanswered
	}
	if err != nil {
		return fmt.Errorf("%s wants the user's leave, as fob.yaml says: %w", what, err)
	}
	return nil
}

// leaveForCode asks the person whether a caller may have a code, where one of
// the profiles that the code is good for says so: whoever has the code can have
// the session.
func (a *agent) leaveForCode(ctx context.Context, asker mfa.Asker, credential string) error {
	conf, _ := a.profiles.present()
	for _, other := range append([]mfa.Asker{asker}, a.profiles.askers(ctx)...) {
		c, _ := conf.Profile(other.Profile)
		same := other.MFASerial == asker.MFASerial && other.Endpoint.Name() == asker.Endpoint.Name()
		if c.Confirm == config.ConfirmNever || !same && other.Credential != credential {
			continue
		}
		return a.confirm(ctx, other.Profile, callerOf(ctx), fmt.Sprintf("a code of %s, for profile %s", credential, other.Profile))
	}
	return nil
}

// callerOf names the program that asks, and those that started it.
func callerOf(ctx context.Context) string {
	p, _ := server.PeerFrom(ctx)
	return p.Name()
}

// tellPeople begins to tell the person of touches, as the config says, until ctx
// ends.
func (a *agent) tellPeople(ctx context.Context, running *sync.WaitGroup) {
	if d := a.desktop(); d != nil {
		events := a.hub.Subscribe(ctx)
		running.Go(func() { d.Run(ctx, events) })
	}
	if !a.opts.Config.Notify.TouchSocket {
		return
	}
	path := filepath.Join(os.Getenv("XDG_RUNTIME_DIR"), "yubikey-touch-detector.socket")
	ln, err := server.Listen(ctx, path)
	if err != nil {
		a.opts.Log.Warn("touches aren't told on the socket of yubikey-touch-detector", "error", err)
		return
	}
	events := a.hub.Subscribe(ctx)
	running.Go(func() { notify.ServeTouch(ctx, ln, events) })
}

// desktop is the user's session bus; nil where there is none, or fob.yaml
// doesn't want it.
func (a *agent) desktop() *notify.Desktop {
	if !a.opts.Config.Notify.Desktop {
		return nil
	}
	address := os.Getenv("DBUS_SESSION_BUS_ADDRESS")
	if address == "" {
		path := filepath.Join(os.Getenv("XDG_RUNTIME_DIR"), "bus")
		if !filepath.IsAbs(path) {
			return nil
		}
		if _, err := os.Stat(path); err != nil {
			return nil
		}
		address = "unix:path=" + path
	}
	return &notify.Desktop{Address: address, Log: a.opts.Log}
}
