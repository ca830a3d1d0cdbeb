//go:build linux || darwin

package fob

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"github.com/fob-auth/fob/agent/api"
)

const (
	// redrawEvery is how often countdowns are written anew, and readEvery how
	// often the agent is asked what no event tells.
	redrawEvery = time.Second
	readEvery   = 5 * time.Second
	// driftEvery is how often clocks are asked for: that asks AWS for its time.
	driftEvery = 5 * time.Minute
)

// What a terminal is told: to put a page of its own up and hide the cursor, and
// to take both back (xterm control sequences, "DEC Private Mode Set": 1049, 25).
const (
	enterPage = "\x1b[?1049h\x1b[?25l\x1b[2J"
	leavePage = "\x1b[?25h\x1b[?1049l"
)

// A reading is what the agent says of itself.
type reading struct {
	screen  screen
	drifted bool
	err     error
}

// A view is the full-screen view while it is up.
type view struct {
	p      *program
	ctx    context.Context
	screen screen
	keys   chan byte
	// readings, codes and events come from goroutines that end with ctx.
	readings chan reading
	codes    chan given
	events   chan api.Event
	ended    chan error
	drifted  time.Time
	// reading says that an answer is on its way, and again that another is
	// wanted after it.
	reading, again bool
}

// A given is what came of asking for a code.
type given struct {
	code api.Code
	err  error
}

// fullscreen shows the view until a key or a signal ends it, or the agent does.
// The terminal is as before in every case.
func (p *program) fullscreen(ctx context.Context, tty *terminal) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	restore, err := tty.raw()
	if err != nil {
		return err
	}
	defer restore()
	if _, err := tty.file.WriteString(enterPage); err != nil {
		return err
	}
	defer func() { _, _ = tty.file.WriteString(leavePage) }()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	v := &view{p: p, ctx: ctx, keys: make(chan byte), readings: make(chan reading), codes: make(chan given),
		events: make(chan api.Event), ended: make(chan error, 1)}
	go tty.keys(ctx, v.keys)
	go v.follow()
	return v.run(tty)
}

// run draws, and reacts to keys, events and time.
func (v *view) run(tty *terminal) error {
	resized := make(chan os.Signal, 1)
	signal.Notify(resized, syscall.SIGWINCH)
	defer signal.Stop(resized)
	redraw, reread := time.NewTicker(redrawEvery), time.NewTicker(readEvery)
	defer redraw.Stop()
	defer reread.Stop()
	v.read()
	for {
		if err := tty.draw(v.screen.lines(time.Now())); err != nil {
			return err
		}
		select {
		case <-v.ctx.Done():
			return nil
		case err := <-v.ended:
			return err
		case <-resized:
		case <-redraw.C:
		case <-reread.C:
			v.read()
		case e := <-v.events:
			v.screen.hear(e)
			v.read()
		case r := <-v.readings:
			v.take(r)
		case a := <-v.codes:
			v.screen.code, v.screen.note = a.code, ""
			if a.err != nil {
				v.screen.note = a.err.Error()
			}
		case key := <-v.keys:
			if v.press(key) {
				return nil
			}
		}
	}
}

// follow hands on events; the end of the stream is the view's.
func (v *view) follow() {
	for e, err := range v.p.client.Events(v.ctx, nil) {
		if err != nil {
			v.ended <- err
			return
		}
		select {
		case v.events <- e:
		case <-v.ctx.Done():
			return
		}
	}
	v.ended <- &api.Error{Code: api.NoAgent, Message: "the agent has ended", Hint: "start it: fobd --config fob.yaml"}
}

// read asks the agent how things are, beside the view.
func (v *view) read() {
	if v.again = v.reading; v.again {
		return
	}
	v.reading = true
	drift := time.Since(v.drifted) > driftEvery
	if drift {
		v.drifted = time.Now()
	}
	go func() {
		r := reading{drifted: drift}
		c := &v.p.client
		var errs [5]error
		r.screen.status, errs[0] = c.Status(v.ctx)
		r.screen.tokens, errs[1] = c.Tokens(v.ctx)
		r.screen.credentials, errs[2] = c.Credentials(v.ctx)
		r.screen.sessions, errs[3] = c.Sessions(v.ctx)
		if drift {
			r.screen.drift, errs[4] = c.Drift(v.ctx)
		}
		r.err = errors.Join(errs[:]...)
		select {
		case v.readings <- r:
		case <-v.ctx.Done():
		}
	}()
}

func (v *view) take(r reading) {
	v.reading = false
	if v.again {
		v.read()
	}
	if r.err != nil {
		v.screen.note = r.err.Error()
		return
	}
	v.screen.status, v.screen.tokens, v.screen.credentials, v.screen.sessions = r.screen.status, r.screen.tokens, r.screen.credentials, r.screen.sessions
	if r.drifted {
		v.screen.drift = r.screen.drift
	}
	v.screen.move(0)
}

// press does what a key is for, and reports whether that is to end.
func (v *view) press(key byte) bool {
	switch key {
	case 'q', 0x03: // Ctrl-C
		return true
	case keyUp, 'k':
		v.screen.move(-1)
	case keyDown, 'j':
		v.screen.move(1)
	case 'r':
		v.drifted = time.Time{}
		v.read()
	case '\r', '\n', ' ':
		v.ask()
	}
	return false
}

// ask takes the code of the chosen credential, beside the view.
func (v *view) ask() {
	c, ok := v.screen.target()
	if !ok {
		return
	}
	v.screen.note = "asked for a code of " + c.ID
	go func() {
		code, err := v.p.client.Code(v.ctx, api.CodeRequest{Name: c.ID, Token: c.Token})
		select {
		case v.codes <- given{code, err}:
		case <-v.ctx.Done():
		}
	}()
}

// Keys that a terminal sends as several bytes (ECMA-48: CUU, CUD).
const (
	keyUp   = 0x80
	keyDown = 0x81
)

// keys reads keys until ctx ends.
func (t *terminal) keys(ctx context.Context, out chan<- byte) {
	defer context.AfterFunc(ctx, func() { _ = t.file.SetReadDeadline(time.Unix(1, 0)) })()
	b := make([]byte, 64)
	for {
		n, err := t.file.Read(b)
		for _, key := range decodeKeys(b[:n]) {
			select {
			case out <- key:
			case <-ctx.Done():
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// decodeKeys takes what was read at once apart. Sequences of keys that mean
// nothing here are passed over.
func decodeKeys(b []byte) []byte {
	var keys []byte
	for len(b) > 0 {
		if b[0] != 0x1b {
			keys, b = append(keys, b[0]), b[1:]
			continue
		}
		if len(b) < 3 || b[1] != '[' && b[1] != 'O' {
			return keys
		}
		switch b[2] {
		case 'A':
			keys = append(keys, keyUp)
		case 'B':
			keys = append(keys, keyDown)
		}
		b = b[3:]
	}
	return keys
}

// raw has keys come as they are pressed, and returns how to undo that.
func (t *terminal) raw() (restore func(), err error) {
	raw, err := t.file.SyscallConn()
	if err != nil {
		return nil, err
	}
	var before *term.State
	controlErr := raw.Control(func(fd uintptr) { before, err = term.MakeRaw(int(fd)) })
	if err = errors.Join(controlErr, err); err != nil {
		return nil, err
	}
	return func() {
		// A terminal that is gone needs nothing.
		_ = raw.Control(func(fd uintptr) { _ = term.Restore(int(fd), before) })
	}, nil
}

// draw puts lines up in the size that the terminal has now.
func (t *terminal) draw(lines []string) error {
	raw, err := t.file.SyscallConn()
	if err != nil {
		return err
	}
	var size *unix.Winsize
	controlErr := raw.Control(func(fd uintptr) { size, err = unix.IoctlGetWinsize(int(fd), unix.TIOCGWINSZ) })
	if err = errors.Join(controlErr, err); err != nil {
		return err
	}
	_, err = t.file.WriteString(frame(lines, int(size.Col), int(size.Row)))
	return err
}
