// Package notify tells the person before the machine that a token waits: by the
// desktop's notifications ([Desktop]), and in the form of
// yubikey-touch-detector's socket, which status bars read ([ServeTouch]).
//
// Both follow the agent's events and hold nobody up: who can't be told isn't
// waited for. What to ask a person, and where, is the business of package ask,
// which [Desktop] serves with buttons.
package notify

import (
	"context"
	"errors"
	"fmt"
	"html"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/fob-auth/fob/agent/api"
	"github.com/fob-auth/fob/agent/ask"
)

// The desktop's notifications (Desktop Notifications Specification 1.2,
// section 9, "D-BUS Protocol").
const (
	service       = "org.freedesktop.Notifications"
	object        = "/org/freedesktop/Notifications"
	methodNotify  = service + ".Notify"
	methodClose   = service + ".CloseNotification"
	methodCaps    = service + ".GetCapabilities"
	signalAction  = service + ".ActionInvoked"
	signalClosed  = service + ".NotificationClosed"
	capMarkup     = "body-markup"
	capActions    = "actions"
	urgent        = byte(2)
	neverExpires  = int32(0)
	reasonExpired = uint32(1)
	reasonUser    = uint32(2)
)

// callTime bounds one call on the bus.
const callTime = 2 * time.Second

// countEvery is how often a countdown is written anew.
const countEvery = time.Second

// A Desktop shows notifications on the bus of an address.
type Desktop struct {
	// Address is the session bus's (D-Bus Specification, "Server Addresses").
	Address string
	Log     *slog.Logger
}

var _ ask.Way = (*Desktop)(nil)

// A bus is a connection to the notification service.
type bus struct {
	conn *dbus.Conn
	caps []string
}

// dial connects. Nothing is started for it: neither a bus, as libraries like to
// do where there is none, nor anything of ours.
func (d *Desktop) dial(ctx context.Context) (*bus, error) {
	// Without ctx, whose end would cut the connection before what is shown is
	// withdrawn.
	conn, err := dbus.Connect(d.Address)
	if err != nil {
		return nil, fmt.Errorf("session bus: %w", err)
	}
	b := &bus{conn: conn}
	if err := b.call(ctx, methodCaps).Store(&b.caps); err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("notification service: %w", err)
	}
	return b, nil
}

// call makes one call, in callTime at most. The end of ctx doesn't cut it: what
// is shown at that moment would never be withdrawn.
func (b *bus) call(ctx context.Context, method string, args ...any) *dbus.Call {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTime)
	defer cancel()
	return b.conn.Object(service, object).CallWithContext(ctx, method, 0, args...)
}

// show shows a notification, in place of the one of a number unless that is 0,
// and returns its number.
func (b *bus) show(ctx context.Context, id uint32, title, body string, actions []string) (uint32, error) {
	if slices.Contains(b.caps, capMarkup) {
		body = html.EscapeString(body)
	}
	hints := map[string]dbus.Variant{"urgency": dbus.MakeVariant(urgent), "transient": dbus.MakeVariant(true), "category": dbus.MakeVariant("device")}
	err := b.call(ctx, methodNotify, "fob", id, "dialog-password", title, body, actions, hints, neverExpires).Store(&id)
	return id, err
}

func (b *bus) withdraw(ctx context.Context, id uint32) error {
	return b.call(ctx, methodClose, id).Err
}

// A notice is what is shown for one token or prompt.
type notice struct {
	event api.Event
	// waits is how many callers it stands for.
	waits int
	id    uint32
}

// Run shows what events tell of touches and codes that are wanted, counts down
// and withdraws it, until the channel is closed. It connects when there is
// something to show, and again after a failure.
func (d *Desktop) Run(ctx context.Context, events <-chan api.Event) {
	notices := map[string]*notice{}
	var b *bus
	drop := func() {
		if b != nil {
			_ = b.conn.Close()
			b = nil
		}
	}
	defer drop()
	beat := time.NewTicker(countEvery)
	defer beat.Stop()
	for {
		var changed []*notice
		select {
		case e, ok := <-events:
			if !ok {
				d.withdrawAll(ctx, b, notices)
				return
			}
			if n := note(notices, e); n != nil {
				changed = append(changed, n)
			}
		case <-beat.C:
			for _, n := range notices {
				changed = append(changed, n)
			}
		}
		for _, n := range changed {
			if err := d.update(ctx, &b, n); err != nil {
				d.Log.Debug("no notification", "error", err)
				drop()
				n.id = 0
			}
		}
	}
}

// note takes an event into the notices, and returns the one that it changes.
func note(notices map[string]*notice, e api.Event) *notice {
	key := "token " + e.Token
	switch e.Type {
	case api.EventTouch, api.EventTouchDone:
	case api.EventPrompt, api.EventPromptOver:
		// A question for a yes is put with buttons, where it is put.
		if e.Prompt == nil || e.Prompt.Kind != api.PromptCode {
			return nil
		}
		key = "prompt " + e.Prompt.ID
	default:
		return nil
	}
	n := notices[key]
	if e.Type == api.EventTouch || e.Type == api.EventPrompt {
		if n == nil {
			n = &notice{}
			notices[key] = n
		}
		n.event, n.waits = e, n.waits+1
		return n
	}
	if n == nil {
		return nil
	}
	if n.waits--; n.waits <= 0 {
		delete(notices, key)
	}
	return n
}

// update shows a notice as it is now, or withdraws it.
func (d *Desktop) update(ctx context.Context, b **bus, n *notice) (err error) {
	if n.waits <= 0 {
		if *b == nil || n.id == 0 {
			return nil
		}
		return (*b).withdraw(ctx, n.id)
	}
	if *b == nil {
		if *b, err = d.dial(ctx); err != nil {
			*b = nil
			return err
		}
	}
	n.id, err = (*b).show(ctx, n.id, title(n.event), body(n.event, time.Now()), []string{})
	return err
}

func (d *Desktop) withdrawAll(ctx context.Context, b *bus, notices map[string]*notice) {
	for _, n := range notices {
		if b == nil || n.id == 0 {
			continue
		}
		if err := b.withdraw(ctx, n.id); err != nil {
			d.Log.Debug("a notification stays", "error", err)
		}
	}
}

func title(e api.Event) string {
	if e.Type == api.EventPrompt {
		return "A code is wanted"
	}
	return "Touch token " + printable(e.Token)
}

// body names caller, profile and token, with what time is left.
func body(e api.Event, now time.Time) string {
	lines := []string{printable(e.Message)}
	if e.Caller != "" {
		lines = append(lines, "for "+printable(e.Caller))
	}
	if left := e.Until.Sub(now).Round(time.Second); left > 0 {
		lines = append(lines, fmt.Sprintf("%d s left", int(left/time.Second)))
	}
	return strings.Join(lines, "\n")
}

// maxText bounds a text of a notification, in bytes.
const maxText = 500

// printable takes out what isn't text: names come from tokens, AWS and programs.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	if len(s) > maxText {
		s = strings.ToValidUTF8(s[:maxText], "") + "…"
	}
	return s
}

// Ask puts a question for a yes as a notification with two buttons. A service
// without buttons, and a question for digits, are ask.ErrCannot. To close the
// notification is a no.
func (d *Desktop) Ask(ctx context.Context, q ask.Question, _ string) (string, error) {
	if q.Kind != api.PromptConfirm {
		return "", fmt.Errorf("%w: a notification takes no digits", ask.ErrCannot)
	}
	b, err := d.dial(ctx)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ask.ErrCannot, err)
	}
	defer b.conn.Close()
	if !slices.Contains(b.caps, capActions) {
		return "", fmt.Errorf("%w: the notifications have no buttons", ask.ErrCannot)
	}
	var owner string
	if err := b.conn.BusObject().CallWithContext(ctx, "org.freedesktop.DBus.GetNameOwner", 0, service).Store(&owner); err != nil {
		return "", fmt.Errorf("%w: %w", ask.ErrCannot, err)
	}
	signals := make(chan *dbus.Signal, 64)
	b.conn.Signal(signals)
	if err := b.conn.AddMatchSignalContext(ctx, dbus.WithMatchInterface(service), dbus.WithMatchSender(service)); err != nil {
		return "", fmt.Errorf("%w: %w", ask.ErrCannot, err)
	}
	e := api.Event{Message: q.Message, Caller: q.Caller, Until: time.Now().Add(q.Within)}
	id, err := b.show(ctx, 0, "May this program have it?", body(e, time.Now()), []string{allow, "Allow", "refuse", "Refuse"})
	if err != nil {
		return "", fmt.Errorf("%w: %w", ask.ErrCannot, err)
	}
	pressed, err := await(ctx, signals, owner, id)
	if !pressed {
		_ = b.withdraw(ctx, id) // it is of no use any more, wherever it is
	}
	return "", err
}

// allow is the key of the button that gives leave.
const allow = "allow"

// await waits for a button of a notification, and reports whether there was
// one, or its end.
func await(ctx context.Context, signals <-chan *dbus.Signal, owner string, id uint32) (bool, error) {
	for {
		var s *dbus.Signal
		select {
		case s = <-signals:
		case <-ctx.Done():
			return false, context.Cause(ctx)
		}
		if s == nil {
			return false, fmt.Errorf("%w: %w", ask.ErrCannot, errBusGone)
		}
		if s.Sender != owner || len(s.Body) < 2 || s.Body[0] != id {
			continue
		}
		switch s.Name {
		case signalAction:
			if s.Body[1] == allow {
				return true, nil
			}
			return true, ask.ErrRefused
		case signalClosed:
			switch s.Body[1] {
			case reasonUser:
				return false, ask.ErrRefused
			case reasonExpired:
				return false, ask.ErrUnanswered
			}
			return false, fmt.Errorf("%w: the notification was taken away", ask.ErrCannot)
		}
	}
}

var errBusGone = errors.New("the session bus is gone")
