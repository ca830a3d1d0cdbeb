package server_test

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fob-auth/fob/agent/api"
	"github.com/fob-auth/fob/agent/client"
	"github.com/fob-auth/fob/agent/server"
)

// TestIdle: a server that nobody asks ends after its time; requests put that
// off, one that isn't answered yet for as long as it takes.
func TestIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := make(chan struct{})
		f := &fake{}
		f.hold = func(context.Context) error {
			<-asked
			return nil
		}
		var busy atomic.Bool
		ln, ended := newMemoryListener(), make(chan error, 1)
		b := &bubble{t: t, fake: f, ln: ln}
		s := newServer(t, f, server.Options{Peer: us, Idle: 10 * time.Minute, Busy: busy.Load})
		start := time.Now()
		go func() { ended <- s.Serve(t.Context(), ln) }()

		time.Sleep(9 * time.Minute)
		c := client.Client{Dial: b.dial}
		answered := make(chan error, 1)
		go func() {
			_, err := c.Session(t.Context(), api.SessionRequest{Profile: "dev"})
			answered <- err
		}()
		time.Sleep(30 * time.Minute)
		synctest.Wait()
		select {
		case err := <-ended:
			t.Fatalf("ended with a request on its way: %v", err)
		default:
		}
		busy.Store(true)
		close(asked)
		if err := <-answered; err != nil {
			t.Fatal(err)
		}
		time.Sleep(30 * time.Minute)
		select {
		case err := <-ended:
			t.Fatalf("ended while it was busy: %v", err)
		default:
		}
		busy.Store(false)
		if err := <-ended; err != nil {
			t.Errorf("serve: %v", err)
		}
		if d := time.Since(start); d < 69*time.Minute || d > 80*time.Minute {
			t.Errorf("ended after %v", d)
		}
	})
}

// TestActivation: a server that ends again and again because nobody asks, and
// is started again for its socket as a service manager would, loses no request.
func TestActivation(t *testing.T) {
	dir, err := os.MkdirTemp("", "fob")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	socket := filepath.Join(dir, "agent.sock")
	held, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()

	ctx, stop := context.WithCancel(t.Context())
	starts := 0
	manager := make(chan error, 1)
	go func() {
		manager <- func() error {
			for ctx.Err() == nil {
				file, err := held.File()
				if err != nil {
					return err
				}
				ln, err := server.Inherited([]*os.File{file})
				if err != nil {
					return err
				}
				starts++
				s := newServer(t, &fake{}, server.Options{Idle: time.Microsecond})
				if err := s.Serve(ctx, ln); err != nil {
					return err
				}
			}
			return nil
		}()
	}()
	answered := 0
	for range 100 {
		c := client.Client{Socket: socket}
		if _, err := c.Status(t.Context()); err != nil {
			t.Errorf("request %d: %v", answered+1, err)
			continue
		}
		answered++
	}
	stop()
	if err := <-manager; err != nil {
		t.Fatal(err)
	}
	t.Logf("%d of 100 requests answered by %d servers, one after the other", answered, starts)
	if starts < 2 {
		t.Errorf("the server never ended by itself")
	}
}
