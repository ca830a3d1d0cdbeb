package server_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fob-auth/fob/agent/api"
	"github.com/fob-auth/fob/agent/client"
	"github.com/fob-auth/fob/agent/server"
)

// A bubble is a server in virtual time, reached by pipes.
type bubble struct {
	t     *testing.T
	fake  *fake
	ln    *memoryListener
	stop  context.CancelFunc
	ended chan error
}

// inBubble runs a test against a server in virtual time, and ends the server.
func inBubble(t *testing.T, f *fake, test func(b *bubble)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(context.Background())
		b := &bubble{t: t, fake: f, ln: newMemoryListener(), stop: stop, ended: make(chan error, 1)}
		s := newServer(t, f, server.Options{Peer: us})
		go func() { b.ended <- s.Serve(ctx, b.ln) }()
		test(b)
		stop()
		if err := <-b.ended; err != nil && !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("serve: %v", err)
		}
	})
}

// dial connects by a pipe, which like a full socket takes only what is read.
func (b *bubble) dial(context.Context) (net.Conn, error) {
	ours, theirs := net.Pipe()
	b.ln.conns <- theirs
	return ours, nil
}

func (b *bubble) conn() net.Conn {
	c, _ := b.dial(context.Background())
	return c
}

// took fails the test unless as much virtual time has gone by since start.
func (b *bubble) took(start time.Time, want time.Duration) {
	b.t.Helper()
	if got := time.Since(start); got != want {
		b.t.Errorf("took %v, want %v", got, want)
	}
}

// TestSlowHeadersAreCut opens 64 connections that never finish their headers:
// each is cut after two seconds, and another caller doesn't notice.
func TestSlowHeadersAreCut(t *testing.T) {
	inBubble(t, &fake{}, func(b *bubble) {
		start := time.Now()
		cut := make(chan time.Duration, 64)
		for i := range cap(cut) {
			c := b.conn()
			go func() {
				if i%2 == 0 { // half of them don't even begin
					_, _ = io.WriteString(c, "GET /v1/status HTTP/1.1\r\nHost: ")
				}
				_, _ = io.Copy(io.Discard, c)
				cut <- time.Since(start)
			}()
		}
		synctest.Wait()
		c := client.Client{Dial: b.dial}
		if _, err := c.Status(b.t.Context()); err != nil {
			b.t.Error(err)
		}
		b.took(start, 0)
		for range cap(cut) {
			if d := <-cut; d != 2*time.Second {
				b.t.Errorf("cut after %v", d)
			}
		}
	})
}

func TestSlowBodyIsCut(t *testing.T) {
	inBubble(t, &fake{}, func(b *bubble) {
		start := time.Now()
		c := b.conn()
		defer c.Close()
		if _, err := io.WriteString(c, "POST /v1/codes HTTP/1.1\r\nHost: fob\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"); err != nil {
			b.t.Fatal(err)
		}
		resp, text := answerOf(b.t, bufio.NewReader(c))
		if e := errorOf(b.t, resp, text); e.Code != api.BadRequest {
			b.t.Errorf("code %q", e.Code)
		}
		b.took(start, 2*time.Second)
	})
}

// TestWaitIsNotCut: no deadline of the socket strikes while a human is awaited.
func TestWaitIsNotCut(t *testing.T) {
	f := &fake{hold: func(ctx context.Context) error {
		select {
		case <-time.After(10 * time.Minute):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}}
	inBubble(t, f, func(b *bubble) {
		start := time.Now()
		c := client.Client{Dial: b.dial}
		if _, err := c.Session(b.t.Context(), api.SessionRequest{Profile: "dev"}); err != nil {
			b.t.Error(err)
		}
		b.took(start, 10*time.Minute)
	})
}

// TestCallerWhoGoesEndsItsRequest: the backend's context ends with the caller.
func TestCallerWhoGoesEndsItsRequest(t *testing.T) {
	gone := make(chan struct{})
	f := &fake{hold: func(ctx context.Context) error {
		<-ctx.Done()
		close(gone)
		return ctx.Err()
	}}
	inBubble(t, f, func(b *bubble) {
		ctx, cancel := context.WithTimeout(b.t.Context(), time.Second)
		defer cancel()
		c := client.Client{Dial: b.dial}
		if _, err := c.Session(ctx, api.SessionRequest{Profile: "dev"}); !errors.Is(err, context.DeadlineExceeded) {
			b.t.Errorf("error %v", err)
		}
		<-gone
	})
}

// TestReaderWhoDoesNotRead is cut once the answer has waited for it.
func TestReaderWhoDoesNotRead(t *testing.T) {
	inBubble(t, &fake{}, func(b *bubble) {
		start := time.Now()
		c := b.conn()
		defer c.Close()
		if _, err := io.WriteString(c, get(api.PathStatus)); err != nil {
			b.t.Fatal(err)
		}
		synctest.Wait() // the server is at its answer
		time.Sleep(6 * time.Second)
		if _, err := http.ReadResponse(bufio.NewReader(c), nil); err == nil {
			b.t.Error("the answer still waited")
		}
		b.took(start, 6*time.Second)
	})
}

// TestEnd ends the server with one request of each kind on its way.
func TestEnd(t *testing.T) {
	var release chan struct{}
	var stuck bool
	f := &fake{}
	f.hold = func(ctx context.Context) error {
		if stuck {
			<-release // doesn't care for its context
			return nil
		}
		<-ctx.Done()
		return ctx.Err()
	}
	for _, stuck = range []bool{false, true} {
		inBubble(t, f, func(b *bubble) {
			release = make(chan struct{})
			c := client.Client{Dial: b.dial}
			streamEnded, answered := make(chan time.Time, 1), make(chan error, 1)
			following := make(chan struct{})
			go func() {
				for _, err := range c.Events(context.Background(), func() { close(following) }) {
					if err != nil {
						b.t.Errorf("stream: %v", err)
					}
				}
				streamEnded <- time.Now()
			}()
			<-following
			go func() {
				_, err := c.Session(context.Background(), api.SessionRequest{Profile: "dev"})
				answered <- err
			}()
			idle := b.conn() // says nothing
			defer idle.Close()
			synctest.Wait()

			start := time.Now()
			b.stop()
			b.ended <- <-b.ended // looked at, and left for inBubble
			if d := time.Since(start); d >= 2*time.Second {
				b.t.Errorf("ended after %v", d)
			}
			if at := <-streamEnded; !at.Equal(start) {
				b.t.Errorf("the stream ended %v late", at.Sub(start))
			}
			var e *api.Error
			if err := <-answered; !errors.As(err, &e) || e.Code != api.NoAgent {
				b.t.Errorf("the request on its way got %v", err)
			}
			close(release)
		})
	}
}
