package notify

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/fob-auth/fob/agent/api"
	"github.com/fob-auth/fob/agent/ask"
	"github.com/fob-auth/fob/agent/bustest"
)

// A shown is one call of Notify, or of CloseNotification.
type shown struct {
	id, replaces uint32
	title, body  string
	actions      []string
	closed       bool
}

// A desk is a notification service that tells the test what it shows.
type desk struct {
	conn  *dbus.Conn
	caps  []string
	last  uint32
	shown chan shown
}

func (d *desk) GetCapabilities() ([]string, *dbus.Error) { return d.caps, nil }

func (d *desk) Notify(_ string, replaces uint32, _, title, body string, actions []string, _ map[string]dbus.Variant, _ int32) (uint32, *dbus.Error) {
	id := replaces
	if id == 0 {
		d.last++
		id = d.last
	}
	d.shown <- shown{id: id, replaces: replaces, title: title, body: body, actions: actions}
	return id, nil
}

func (d *desk) CloseNotification(id uint32) *dbus.Error {
	d.shown <- shown{id: id, closed: true}
	return nil
}

// next returns the next call that isn't a mere countdown.
func (d *desk) next(t *testing.T) shown {
	t.Helper()
	for {
		s := <-d.shown
		if s.closed || s.replaces == 0 {
			return s
		}
	}
}

func serve(t *testing.T, address string, caps ...string) *desk {
	t.Helper()
	conn, err := dbus.Connect(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	d := &desk{conn: conn, caps: caps, shown: make(chan shown, 256)}
	if err := conn.Export(d, object, service); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.RequestName(service, dbus.NameFlagDoNotQueue); err != nil {
		t.Fatal(err)
	}
	return d
}

func running(t *testing.T, address string) (events chan<- api.Event, end func()) {
	t.Helper()
	in, over := make(chan api.Event), make(chan struct{})
	d := &Desktop{Address: address, Log: slog.New(slog.DiscardHandler)}
	go func() {
		defer close(over)
		d.Run(context.Background(), in)
	}()
	return in, func() { close(in); <-over }
}

func touch(kind api.EventType) api.Event {
	return api.Event{Type: kind, Token: "12345678", Profile: "dev", Caller: "/usr/bin/terraform, started by <zsh>", Message: "touch token 12345678 for profile dev",
		Until: time.Now().Add(30 * time.Second)}
}

// left is the time that a notification says is left, in its last line.
func left(t *testing.T, body string) time.Duration {
	t.Helper()
	lines := strings.Split(body, "\n")
	text, counted := strings.CutSuffix(lines[len(lines)-1], " s left")
	d, err := time.ParseDuration(text + "s")
	if err != nil || !counted {
		t.Fatalf("%q doesn't say what time is left", body)
	}
	return d
}

func TestTouchIsShownCountedAndWithdrawn(t *testing.T) {
	address := bustest.Start(t)
	d := serve(t, address, capMarkup)
	events, end := running(t, address)
	wanted := touch(api.EventTouch)
	events <- wanted
	first := <-d.shown
	for _, word := range []string{"12345678", "profile dev", "terraform", "&lt;zsh&gt;"} {
		if !strings.Contains(first.title+first.body, word) {
			t.Errorf("%q, %q: neither says %q", first.title, first.body, word)
		}
	}
	before := left(t, first.body)
	if least := time.Until(wanted.Until).Round(time.Second); before < least || before > 30*time.Second {
		t.Errorf("%q, with %s to 30 s left", first.body, least)
	}
	// On a busy machine the first may be late, and the next within its second.
	again := <-d.shown
	for again.replaces == first.id && again.body == first.body {
		again = <-d.shown
	}
	if again.replaces != first.id || left(t, again.body) >= before {
		t.Errorf("the countdown: %+v after %+v", again, first)
	}
	// A second caller waits for the same token: one notification for both.
	events <- touch(api.EventTouch)
	events <- touch(api.EventTouchDone)
	events <- touch(api.EventTouchDone)
	if s := d.next(t); !s.closed || s.id != first.id {
		t.Errorf("after the touch: %+v", s)
	}
	events <- api.Event{Type: api.EventPrompt, Message: "Type the code", Prompt: &api.Prompt{ID: "p", Kind: api.PromptCode}}
	if s := d.next(t); s.closed || !strings.Contains(s.body, "Type the code") {
		t.Errorf("a code is wanted: %+v", s)
	}
	end()
	if s := d.next(t); !s.closed {
		t.Errorf("at the end: %+v", s)
	}
}

// TestNobodyShowsNotifications: without a service, or a bus, events are taken
// all the same; and one that comes later is found.
func TestNobodyShowsNotifications(t *testing.T) {
	nowhere, endNowhere := running(t, "unix:path=/nowhere/bus")
	nowhere <- touch(api.EventTouch)
	nowhere <- touch(api.EventTouchDone)
	endNowhere()
	address := bustest.Start(t)
	events, end := running(t, address)
	events <- touch(api.EventTouch)
	events <- touch(api.EventTouchDone)
	d := serve(t, address)
	events <- touch(api.EventTouch)
	if s := d.next(t); s.title != "Touch token 12345678" || !strings.Contains(s.body, "<zsh>") {
		t.Errorf("shown %+v", s)
	}
	end()
}

func TestLeaveByButtons(t *testing.T) {
	address := bustest.Start(t)
	q := ask.Question{Kind: api.PromptConfirm, Message: "Let profile prod have a session", Caller: "/usr/bin/aws", Within: time.Minute}
	way := &Desktop{Address: address, Log: slog.New(slog.DiscardHandler)}
	if _, err := way.Ask(t.Context(), q, ""); !errors.Is(err, ask.ErrCannot) {
		t.Errorf("without a service: %v", err)
	}
	if _, err := (&Desktop{Address: address}).Ask(t.Context(), ask.Question{Kind: api.PromptCode}, ""); !errors.Is(err, ask.ErrCannot) {
		t.Errorf("digits: %v", err)
	}
	d := serve(t, address, capActions)
	stranger, err := dbus.Connect(address)
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close()
	for _, test := range []struct {
		name   string
		signal string
		value  any
		want   error
	}{
		{"allowed", signalAction, "allow", nil},
		{"refused", signalAction, "refuse", ask.ErrRefused},
		{"another button", signalAction, "default", ask.ErrRefused},
		{"closed by the user", signalClosed, reasonUser, ask.ErrRefused},
		{"expired", signalClosed, reasonExpired, ask.ErrUnanswered},
		{"taken away", signalClosed, uint32(3), ask.ErrCannot},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := make(chan error, 1)
			go func() {
				_, err := way.Ask(t.Context(), q, "")
				got <- err
			}()
			s := d.next(t)
			for s.closed {
				s = d.next(t)
			}
			if !strings.Contains(s.body, "prod") || !strings.Contains(s.body, "/usr/bin/aws") || len(s.actions) != 4 {
				t.Errorf("asked %+v", s)
			}
			// Another program's word, and one on another notification, don't count.
			if err := stranger.Emit(object, signalAction, s.id, "allow"); err != nil {
				t.Fatal(err)
			}
			if err := d.conn.Emit(object, signalAction, s.id+1, "allow"); err != nil {
				t.Fatal(err)
			}
			if err := d.conn.Emit(object, test.signal, s.id, test.value); err != nil {
				t.Fatal(err)
			}
			if err := <-got; !errors.Is(err, test.want) || test.want == nil && err != nil {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	got := make(chan error, 1)
	go func() {
		_, err := way.Ask(ctx, q, "")
		got <- err
	}()
	s := d.next(t)
	for s.closed {
		s = d.next(t)
	}
	gone := errors.New("the caller has gone")
	cancel(gone)
	if err := <-got; !errors.Is(err, gone) {
		t.Errorf("got %v", err)
	}
	if over := d.next(t); !over.closed || over.id != s.id {
		t.Errorf("the question stays: %+v", over)
	}
}
