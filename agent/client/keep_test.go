package client

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// A house answers calls on a Unix socket, and counts who came.
type house struct {
	t      *testing.T
	ln     net.Listener
	guests chan net.Conn
	answer string
}

func newHouse(t *testing.T, answer string) (*house, *Client) {
	dir, err := os.MkdirTemp("", "fob") // short: a socket's path has 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "h.sock")
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	h := &house{t: t, ln: ln, guests: make(chan net.Conn, 16), answer: answer}
	c := &Client{Socket: path}
	served := make(chan struct{})
	go func() { defer close(served); h.serve() }()
	t.Cleanup(func() {
		c.Close()
		ln.Close()
		<-served
	})
	return h, c
}

func (h *house) serve() {
	for {
		conn, err := h.ln.Accept()
		if err != nil {
			return
		}
		h.guests <- conn
		go func() {
			defer conn.Close()
			for r := bufio.NewReader(conn); ; {
				if _, err := http.ReadRequest(r); err != nil {
					return
				}
				if _, err := conn.Write([]byte(h.answer)); err != nil {
					return
				}
			}
		}()
	}
}

// came returns how many connections were made so far, and the last of them.
func (h *house) came() (n int, last net.Conn) {
	for {
		select {
		case last = <-h.guests:
			n++
		default:
			return n, last
		}
	}
}

const empty = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n[]"

func call(t *testing.T, c *Client) {
	t.Helper()
	if _, err := c.Bindings(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestConnectionsAreKept(t *testing.T) {
	h, c := newHouse(t, empty)
	for range 5 {
		call(t, c)
	}
	n, conn := h.came()
	if n != 1 {
		t.Fatalf("%d connections for five calls, want 1", n)
	}
	// One that the agent has closed is left, whether or not it said why.
	conn.Close()
	call(t, c)
	if n, _ := h.came(); n != 1 {
		t.Errorf("%d new connections after the agent closed its own, want 1", n)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	call(t, c)
	if n, _ := h.came(); n != 1 {
		t.Errorf("%d new connections after Close, want 1", n)
	}
}

func TestConnectionsThatEnd(t *testing.T) {
	for name, answer := range map[string]string{
		"it says so":         "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: 2\r\n\r\n[]",
		"an old version":     "HTTP/1.0 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n[]",
		"more than was said": empty + "x",
	} {
		t.Run(name, func(t *testing.T) {
			h, c := newHouse(t, answer)
			call(t, c)
			call(t, c)
			if n, _ := h.came(); n != 2 {
				t.Errorf("%d connections for two calls, want 2", n)
			}
		})
	}
}

// TestCallsThatAreLeft: a call that its caller left doesn't pass on its
// connection, on which the answer is still to come.
func TestCallsThatAreLeft(t *testing.T) {
	h, c := newHouse(t, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n[")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := c.Bindings(ctx); err == nil {
		t.Fatal("half an answer is taken for one")
	}
	if l := c.kept.take(time.Now()); l != nil {
		t.Error("the connection is kept")
	}
	h.came()
}

func TestKeptForAWhile(t *testing.T) {
	_, c := newHouse(t, empty)
	for range 3 {
		l, err := c.link(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		c.kept.put(l, time.Now().Add(-keptFor))
	}
	if n := len(c.kept.links); n != 1 {
		t.Errorf("%d are kept, of which two are too old", n)
	}
	if l := c.kept.take(time.Now()); l != nil {
		t.Error("one that is too old is used")
	}
}
