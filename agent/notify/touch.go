package notify

import (
	"context"
	"io"
	"net"
	"sync"
	"time"

	"github.com/fob-auth/fob/agent/api"
)

// The messages of yubikey-touch-detector's socket (yubikey-touch-detector(1),
// "EVENTS"), five bytes each. It has none for OATH. An OATH code is an HMAC
// that the token computes, and MAC is what readers of the socket know for that.
const (
	touchWanted = "MAC_1"
	touchOver   = "MAC_0"
)

const (
	// maxReaders bounds the readers of the socket.
	maxReaders = 64
	// maxBehind is how many messages a reader may be behind before it is cut.
	maxBehind = 8
	// writeTime is how long a reader may take for a message.
	writeTime = 5 * time.Second
)

// ServeTouch tells whoever connects to a socket when some token begins to wait
// for a touch, and when none waits any more, until ctx ends. A reader that is
// slow is cut, and holds nobody up. It closes ln.
func ServeTouch(ctx context.Context, ln net.Listener, events <-chan api.Event) {
	t := &touches{readers: map[net.Conn]chan string{}}
	defer t.work.Wait()
	defer func() { _ = ln.Close() }()
	t.work.Go(func() { t.accept(ctx, ln) })
	defer t.end()
	waiting := map[string]int{}
	for {
		var e api.Event
		select {
		case e = <-events:
		case <-ctx.Done():
			return
		}
		before := len(waiting)
		switch e.Type {
		case api.EventTouch:
			waiting[e.Token]++
		case api.EventTouchDone:
			if waiting[e.Token]--; waiting[e.Token] <= 0 {
				delete(waiting, e.Token)
			}
		}
		switch after := len(waiting); {
		case before == 0 && after > 0:
			t.tell(touchWanted)
		case before > 0 && after == 0:
			t.tell(touchOver)
		}
	}
}

// touches are the readers of the socket, and what they were last told.
type touches struct {
	mu      sync.Mutex
	readers map[net.Conn]chan string
	wanted  bool
	ended   bool
	work    sync.WaitGroup
}

func (t *touches) accept(ctx context.Context, ln net.Listener) {
	for {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		messages := t.join(c)
		if messages == nil {
			_ = c.Close()
			continue
		}
		t.work.Go(func() { t.write(ctx, c, messages) })
		t.work.Go(func() { t.await(c) })
	}
}

// join takes a reader in; one that comes while a touch is wanted is told so. It
// returns nil where there are too many.
func (t *touches) join(c net.Conn) chan string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended || len(t.readers) >= maxReaders {
		return nil
	}
	messages := make(chan string, maxBehind)
	if t.wanted {
		messages <- touchWanted
	}
	t.readers[c] = messages
	return messages
}

// tell hands a message to each reader, and cuts those who are too far behind.
func (t *touches) tell(message string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.wanted = message == touchWanted
	for c, messages := range t.readers {
		select {
		case messages <- message:
		default:
			t.cut(c)
		}
	}
}

// cut ends a reader. t.mu is held.
func (t *touches) cut(c net.Conn) {
	if messages, ok := t.readers[c]; ok {
		delete(t.readers, c)
		close(messages)
		_ = c.Close()
	}
}

// write sends messages to a reader until it is cut or gone.
func (t *touches) write(ctx context.Context, c net.Conn, messages <-chan string) {
	defer func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.cut(c)
	}()
	for {
		select {
		case m, ok := <-messages:
			if !ok {
				return
			}
			if c.SetWriteDeadline(time.Now().Add(writeTime)) != nil {
				return
			}
			if _, err := c.Write([]byte(m)); err != nil {
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

// await cuts a reader once it has gone; what it says is passed over.
func (t *touches) await(c net.Conn) {
	_, _ = io.Copy(io.Discard, c)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.cut(c)
}

// end cuts everybody.
func (t *touches) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended = true
	for c := range t.readers {
		t.cut(c)
	}
}
