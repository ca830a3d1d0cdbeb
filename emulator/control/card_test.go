package control

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fob-auth/fob/emulator/api"
)

func TestCardChannel(t *testing.T) {
	h := start(t)
	c := h.card(t, "yk1")
	defer c.Close()
	c.transmit(t, selectOATH, "7903050403")
	c.send(t, calculateX)
	if yk := h.act(t, api.PathPress, "yk1", `{"wait_ms":60000}`); yk.Presses != 1 {
		t.Errorf("after the press it is %+v", yk)
	}
	c.expect(t, codeX)
	if yk := h.act(t, api.PathToken, "yk1", ""); yk.Commands != 2 || yk.Codes != 1 || yk.Waiting {
		t.Errorf("after the code it is %+v", yk)
	}

	// Commands sent ahead are answered in order.
	c.send(t, selectOATH)
	c.send(t, "00")
	c.send(t, "00ff0000")
	c.expect(t, "7903")
	c.expect(t, "6700")
	c.expect(t, "6d00")
}

func TestDroppedAnswerLeavesTheChannel(t *testing.T) {
	h := start(t)
	c := h.card(t, "yk1")
	defer c.Close()
	h.act(t, api.PathFault, "yk1", `{"kind":"drop"}`)
	c.send(t, selectOATH)
	c.transmit(t, "00ff0000", "6d00")
}

func TestUnpluggedCardClosesItsChannel(t *testing.T) {
	h := start(t)
	c := h.card(t, "yk1")
	h.act(t, api.PathUnplug, "yk1", "")
	c.ended(t)
	if status, code := upgradeRefused(t, h, "yk1"); status != 409 || code != api.CodeUnplugged {
		t.Errorf("an unplugged card gave %d %s", status, code)
	}
	h.act(t, api.PathPlug, "yk1", "")
	c = h.card(t, "yk1")
	defer c.Close()
	c.transmit(t, selectOATH, "79")
}

// upgradeRefused asks for a card channel that must be refused.
func upgradeRefused(t *testing.T, h *harness, name string) (int, api.ErrorCode) {
	t.Helper()
	c, resp := h.upgrade(t, name)
	defer c.Close()
	var refused api.Error
	body, err := io.ReadAll(resp.Body)
	check(t, err)
	check(t, json.Unmarshal(body, &refused))
	return resp.StatusCode, refused.Code
}

func TestWhileATouchIsAwaited(t *testing.T) {
	for name, cut := range map[string]func(*harness, *channel){
		"unplugged":       func(h *harness, _ *channel) { h.act(t, api.PathUnplug, "yk1", "") },
		"reset":           func(h *harness, _ *channel) { h.act(t, api.PathReset, "yk1", "") },
		"the client goes": func(_ *harness, c *channel) { c.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			h := start(t)
			w := h.watch(t)
			defer w.body.Close()
			c := h.card(t, "yk1")
			c.transmit(t, selectOATH, "79")
			c.send(t, calculateX)
			w.until("yk1", waiting)
			cut(h, c)
			c.ended(t)
			w.until("yk1", notWaiting)

			h.act(t, api.PathPlug, "yk1", "")
			next := h.card(t, "yk1")
			defer next.Close()
			next.transmit(t, calculateX, "6d00") // nothing is selected any more
		})
	}
}

func TestFobIsNoCard(t *testing.T) {
	h := start(t)
	if status, code := upgradeRefused(t, h, "fob1"); status != 400 || code != api.CodeWrongKind {
		t.Errorf("a fob's card gave %d %s", status, code)
	}
	if status, code := upgradeRefused(t, h, "yk9"); status != 404 || code != api.CodeUnknown {
		t.Errorf("an unknown card gave %d %s", status, code)
	}
}

func TestOversizedFrameEndsTheChannel(t *testing.T) {
	h := start(t)
	c := h.card(t, "yk1")
	_, err := c.Write([]byte{0, 1, 0, 16})
	check(t, err)
	c.ended(t)
	next := h.card(t, "yk1")
	defer next.Close()
	next.transmit(t, selectOATH, "79")
}

// A pipeListener accepts connections that live in memory, of which a bubble's
// clock knows.
type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipeListener() *pipeListener {
	return &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "unix"} }

func (l *pipeListener) dial(ctx context.Context) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case l.conns <- there:
		return here, nil
	case <-l.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// A deadLine is a fob's line that nobody uses.
type deadLine struct{ closed chan struct{} }

func (l deadLine) Read([]byte) (int, error)    { <-l.closed; return 0, io.EOF }
func (l deadLine) Write(p []byte) (int, error) { return len(p), nil }
func (l deadLine) Close() error                { close(l.closed); return nil }

// inMemory serves a bench by the bubble's clock. The bubble fails the test if a
// goroutine is left when it ends.
func inMemory(t *testing.T) *harness {
	l := newPipeListener()
	return serve(t, "/bench", l, l.dial, func(string) (io.ReadWriteCloser, error) {
		return deadLine{make(chan struct{})}, nil
	})
}

func TestSecondClientWaitsThenIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := inMemory(t)
		defer h.end(t)
		c := h.card(t, "yk1")
		defer c.Close()
		asked := time.Now()
		if status, code := upgradeRefused(t, h, "yk1"); status != 409 || code != api.CodeBusy {
			t.Errorf("a card in use gave %d %s", status, code)
		}
		if waited := time.Since(asked); waited != api.SeatTime {
			t.Errorf("the second client was told after %v", waited)
		}

		// One who asks while the first hangs up gets the card.
		got := make(chan *channel)
		go func() { got <- h.card(t, "yk1") }()
		synctest.Wait()
		c.Close()
		second := <-got
		second.transmit(t, selectOATH, "79")
		second.Close()
	})
}

func TestEndOfTheBenchEndsEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := inMemory(t)
		c := h.card(t, "yk1")
		c.transmit(t, selectOATH, "79")
		c.send(t, calculateX)
		w := h.watch(t)
		w.next()
		pressed := make(chan int)
		go func() {
			status, _ := h.do(t, "POST", route(api.PathPress, "fob1"), `{"wait_ms":3600000}`)
			pressed <- status
		}()
		silent, err := h.dial(context.Background()) // a client that never asks anything
		check(t, err)
		synctest.Wait()

		began := time.Now()
		h.end(t)
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("the end took %v", took)
		}
		c.ended(t)
		w.body.Close()
		silent.Close()
		if status := <-pressed; status != http.StatusServiceUnavailable {
			t.Errorf("the press that waited was answered %d", status)
		}
	})
}

func TestReplugWithRequestsInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := inMemory(t)
		done, stop := context.WithCancel(context.Background())
		var cards, hands, watchers sync.WaitGroup
		for range 3 {
			cards.Go(func() {
				for done.Err() == nil {
					useCard(t, h, done)
					time.Sleep(time.Millisecond)
				}
			})
		}
		hands.Go(func() {
			for done.Err() == nil {
				h.do(t, "POST", route(api.PathPress, "yk1"), `{"wait_ms":20}`)
				h.do(t, "GET", api.PathTokens, "")
				time.Sleep(time.Millisecond)
			}
		})
		w := h.watch(t)
		watchers.Go(func() {
			var set []api.Token
			for w.dec.Decode(&set) == nil {
			}
			w.body.Close()
		})
		for range 100 {
			time.Sleep(4 * time.Millisecond)
			h.act(t, api.PathUnplug, "yk1", "")
			time.Sleep(time.Millisecond)
			h.act(t, api.PathPlug, "yk1", "")
		}
		if yk := h.act(t, api.PathToken, "yk1", ""); yk.Plugs != 101 || yk.Codes == 0 {
			t.Errorf("in the end it is %+v", yk)
		}
		stop()
		hands.Wait()
		h.end(t)
		cards.Wait()
		watchers.Wait()
	})
}

// useCard has codes computed until the card goes: by then every command was
// answered rightly.
func useCard(t *testing.T, h *harness, done context.Context) {
	c, resp, err := h.tryUpgrade("yk1")
	if err != nil {
		if done.Err() == nil {
			t.Error(err)
		}
		return
	}
	defer c.Close()
	switch resp.StatusCode {
	case http.StatusSwitchingProtocols:
	case http.StatusConflict:
		return
	default:
		t.Errorf("the upgrade was answered %s", resp.Status)
		return
	}
	for {
		for _, step := range []struct{ cmd, want string }{{selectOATH, "79"}, {calculateX, codeX}} {
			err := c.exchange(step.cmd, step.want)
			if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.ErrClosedPipe) {
				t.Error(err)
			}
			if err != nil {
				return
			}
		}
	}
}
