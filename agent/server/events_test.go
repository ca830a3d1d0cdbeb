package server_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fob-auth/fob/agent/api"
	"github.com/fob-auth/fob/agent/client"
	"github.com/fob-auth/fob/agent/server"
)

func event(i int) api.Event {
	return api.Event{Type: api.EventTouch, At: someTime.Add(time.Duration(i) * time.Second), Message: fmt.Sprintf("touch %d", i)}
}

func TestEventsReachWatchers(t *testing.T) {
	f := &fake{}
	path := start(t, f, server.Options{})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	const watchers, events = 3, 10
	following := make(chan struct{}, watchers)
	got := make(chan string, watchers)
	for range watchers {
		go func() {
			c := client.Client{Socket: path}
			var all strings.Builder
			for e, err := range c.Events(ctx, func() { following <- struct{}{} }) {
				if err != nil {
					t.Errorf("stream: %v", err)
					break
				}
				fmt.Fprintf(&all, "%s %s %s\n", e.Type, e.At.Format(time.TimeOnly), e.Message)
				if e.Message == event(events-1).Message {
					break
				}
			}
			got <- all.String()
		}()
	}
	for range watchers {
		<-following
	}
	var want strings.Builder
	for i := range events {
		e := event(i)
		f.hub.Publish(e)
		fmt.Fprintf(&want, "%s %s %s\n", e.Type, e.At.Format(time.TimeOnly), e.Message)
	}
	for range watchers {
		if all := <-got; all != want.String() {
			t.Errorf("a watcher got:\n%s", all)
		}
	}
}

// TestSlowWatcherLoses: a watcher that doesn't read misses events and is told
// so; it holds up neither the hub nor another watcher.
func TestSlowWatcherLoses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var hub server.Hub
		ctx, cancel := context.WithCancel(t.Context())
		slow, quick := hub.Subscribe(ctx), hub.Subscribe(ctx)
		seen := 0
		const events = 1000
		for i := range events {
			hub.Publish(event(i))
			if e := <-quick; e.Type == api.EventTouch {
				seen++
			}
		}
		if seen != events {
			t.Errorf("the quick watcher saw %d", seen)
		}
		kept := len(slow)
		if kept == 0 || kept > 100 {
			t.Errorf("%d events are kept for the slow one", kept)
		}
		for range kept {
			<-slow
		}
		hub.Publish(event(events))
		if e := <-slow; e.Type != api.EventLost || !strings.HasSuffix(e.Message, fmt.Sprint(events-kept)) {
			t.Errorf("told of the gap with %+v", e)
		}
		if e := <-slow; e != event(events) {
			t.Errorf("after the gap came %+v", e)
		}
		<-quick
		cancel()
		synctest.Wait()
		for range slow {
			t.Error("an event after the end")
		}
		for range quick {
			t.Error("an event after the end")
		}
		hub.Publish(event(0)) // to nobody
	})
}

// TestWatcherWhoDoesNotReadIsCut: a full connection ends the stream, and what
// happens goes on meanwhile.
func TestWatcherWhoDoesNotReadIsCut(t *testing.T) {
	f := &fake{}
	inBubble(t, f, func(b *bubble) {
		c := b.conn()
		defer c.Close()
		if _, err := c.Write([]byte(get(api.PathEvents))); err != nil {
			b.t.Fatal(err)
		}
		for i := range 200 {
			f.hub.Publish(event(i))
		}
		time.Sleep(6 * time.Second)
		if _, err := c.Read(make([]byte, 1)); err == nil {
			b.t.Error("the stream still waited")
		}
	})
}

// TestQuietStreamIsAlive: a stream says something now and then.
func TestQuietStreamIsAlive(t *testing.T) {
	inBubble(t, &fake{}, func(b *bubble) {
		c := b.conn()
		defer c.Close()
		if _, err := c.Write([]byte(get(api.PathEvents))); err != nil {
			b.t.Fatal(err)
		}
		buf := make([]byte, 64<<10)
		var all strings.Builder
		start := time.Now()
		for time.Since(start) < 31*time.Second {
			n, err := c.Read(buf)
			if err != nil {
				b.t.Fatal(err)
			}
			all.Write(buf[:n])
		}
		if n := strings.Count(all.String(), ": still here\n\n"); n < 2 {
			b.t.Errorf("%d signs of life in 31 s: %q", n, all.String())
		}
	})
}

func TestEventsBreakOff(t *testing.T) {
	inBubble(t, &fake{}, func(b *bubble) {
		c := client.Client{Dial: b.dial}
		ctx, cancel := context.WithCancel(b.t.Context())
		n := 0
		for _, err := range c.Events(ctx, cancel) {
			n++
			if err == nil || ctx.Err() == nil {
				b.t.Errorf("pair %d: %v", n, err)
			}
		}
		if n != 1 {
			b.t.Errorf("%d pairs", n)
		}
	})
}
