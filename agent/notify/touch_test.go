package notify

import (
	"context"
	"io"
	"net"
	"testing"
	"testing/synctest"

	"github.com/fob-auth/fob/agent/api"
)

// pipes is a listener of connections within the process.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	c, ok := <-p
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}

func (p pipes) Close() error { close(p); return nil }
func (pipes) Addr() net.Addr { return &net.UnixAddr{Net: "unix"} }

func (p pipes) dial() net.Conn {
	ours, theirs := net.Pipe()
	p <- theirs
	return ours
}

func read(t *testing.T, c net.Conn) string {
	t.Helper()
	b := make([]byte, len(touchWanted))
	if _, err := io.ReadFull(c, b); err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestTouchSocket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		ln, events, over := make(pipes), make(chan api.Event), make(chan struct{})
		go func() {
			defer close(over)
			ServeTouch(ctx, ln, events)
		}()
		say := func(kind api.EventType, token string) { events <- api.Event{Type: kind, Token: token} }
		reader, slow := ln.dial(), ln.dial()
		synctest.Wait()
		say(api.EventTouch, "1")
		if m := read(t, reader); m != "MAC_1" {
			t.Errorf("at the first touch: %q", m)
		}
		say(api.EventTouch, "2")
		say(api.EventTouchDone, "1")
		say(api.EventSession, "1")
		late := ln.dial()
		synctest.Wait()
		if m := read(t, late); m != "MAC_1" {
			t.Errorf("who comes late hears %q", m)
		}
		say(api.EventTouchDone, "2")
		if m := read(t, reader); m != "MAC_0" {
			t.Errorf("after the last touch: %q", m)
		}
		// One who doesn't read is cut, and the others go on.
		for range 2 * maxBehind {
			say(api.EventTouch, "1")
			read(t, reader)
			say(api.EventTouchDone, "1")
			read(t, reader)
		}
		synctest.Wait()
		if n, err := slow.Write([]byte("x")); err == nil {
			t.Errorf("the slow reader still is connected: %d", n)
		}
		cancel()
		<-over
		if _, err := reader.Read(make([]byte, 1)); err == nil {
			t.Error("the reader still is connected at the end")
		}
	})
}

// TestTouchSocketEnds ends it often: whichever of its goroutines hears of that
// first, the listener is closed and all of them end.
func TestTouchSocketEnds(t *testing.T) {
	for range 2000 {
		ctx, cancel := context.WithCancel(t.Context())
		ln, over := make(pipes), make(chan struct{})
		go func() {
			defer close(over)
			ServeTouch(ctx, ln, nil)
		}()
		reader := ln.dial()
		cancel()
		<-over
		reader.Close()
	}
}
