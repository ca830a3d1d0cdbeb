package emulated

import (
	"bufio"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/fob-auth/fob/devices"
	"github.com/fob-auth/fob/devices/oath/oathtest"
	"github.com/fob-auth/fob/emulator/api"
)

// A bench is a scripted bench with one YubiKey.
type bench struct {
	key    *oathtest.Key
	socket string
	server *http.Server
	served chan struct{}

	mu      sync.Mutex
	tokens  []api.Token
	changed chan struct{} // closed at each change
	cards   map[net.Conn]bool
}

// newBench starts a bench that ends with the test.
func newBench(t testing.TB, key *oathtest.Key) *bench {
	t.Helper()
	dir, err := os.MkdirTemp("", "fob") // t.TempDir's paths are too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	b := &bench{
		key: key, socket: filepath.Join(dir, "s"), changed: make(chan struct{}), cards: make(map[net.Conn]bool),
		tokens: []api.Token{
			{Name: "yk 1#/", Kind: api.YubiKey, Serial: "12345678", Attach: "socket", Plugged: true, Plugs: 1},
			{Name: "out", Kind: api.YubiKey, Serial: "87654321", Attach: "socket"},
			{Name: "fob1", Kind: api.Fob, Serial: "GAHT12345678", Attach: "pty:/run/fob1", Plugged: true, Plugs: 1},
		},
	}
	b.start(t)
	t.Cleanup(b.stop)
	return b
}

func (b *bench) start(t testing.TB) {
	t.Helper()
	listener, err := net.Listen("unix", b.socket)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+api.PathWatch, b.watch)
	mux.HandleFunc("GET "+api.PathCard, b.card)
	b.server, b.served = &http.Server{Handler: mux}, make(chan struct{})
	go func() {
		defer close(b.served)
		b.server.Serve(listener)
	}()
}

// stop returns when the listener is closed, too: it takes its socket's path
// away, which may be the next one's by then.
func (b *bench) stop() {
	b.server.Close()
	<-b.served
	b.set(func(*api.Token) {}) // let the card channels go
}

// set changes the first token and closes its card channels, as unplugging
// does.
func (b *bench) set(change func(*api.Token)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change(&b.tokens[0])
	for conn := range b.cards {
		conn.Close()
	}
	close(b.changed)
	b.changed = make(chan struct{})
}

func (b *bench) unplug() { b.set(func(t *api.Token) { t.Plugged = false }) }
func (b *bench) plug()   { b.set(func(t *api.Token) { t.Plugged = true; t.Plugs++ }) }

func (b *bench) watch(w http.ResponseWriter, r *http.Request) {
	for {
		b.mu.Lock()
		body, _ := json.Marshal(b.tokens)
		changed := b.changed
		b.mu.Unlock()
		w.Write(append(body, '\n'))
		w.(http.Flusher).Flush()
		select {
		case <-changed:
		case <-r.Context().Done():
			return
		}
	}
}

func (b *bench) card(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	token := b.tokens[0]
	b.mu.Unlock()
	if r.PathValue("name") != token.Name || !token.Plugged {
		http.Error(w, `{"code":"unplugged","error":"not there"}`, http.StatusNotFound)
		return
	}
	conn, rw, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	b.mu.Lock()
	b.cards[conn] = true
	b.mu.Unlock()
	defer func() {
		b.mu.Lock()
		delete(b.cards, conn)
		b.mu.Unlock()
	}()
	rw.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: " + api.Upgrade + "\r\n\r\n")
	rw.Flush()
	serve(conn, rw.Reader, b.key)
}

// serve answers frames until the connection ends, which also ends a wait for
// the button.
func serve(conn net.Conn, r *bufio.Reader, key devices.Transport) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	commands := make(chan []byte)
	go func() {
		defer cancel()
		for {
			cmd, err := api.ReadFrame(r)
			if err != nil {
				return
			}
			select {
			case commands <- cmd:
			case <-ctx.Done():
				return
			}
		}
	}()
	for {
		select {
		case cmd := <-commands:
			answer, err := key.Transmit(ctx, cmd)
			if err != nil {
				return
			}
			if api.WriteFrame(conn, answer) != nil {
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

// newKey is a key with a credential of each kind.
func newKey() *oathtest.Key {
	return &oathtest.Key{
		Serial: 12345678, Version: [3]byte{5, 4, 3},
		Accounts: []oathtest.Account{
			{Name: "AWS:carol", Type: 0x21, Digits: 6, Secret: []byte("12345678901234567890")},
			{Name: "60/eight: digits", Type: 0x22, Digits: 8, Secret: []byte("12345678901234567890123456789012")},
			{Name: "AWS:touch", Type: 0x23, Digits: 7, Secret: []byte("a secret of some length"), Touch: true},
			{Name: "hot", Type: 0x11, Digits: 6, Secret: []byte("12345678901234567890")},
		},
	}
}

// accounts are the key's credentials as a driver must report them.
func accounts() []devices.NewCredential {
	half := 30 * time.Second
	return []devices.NewCredential{
		{Secret: devices.Secret("12345678901234567890"), Credential: devices.Credential{
			ID: "AWS:carol", Type: devices.TOTP, Algorithm: devices.SHA1, Digits: 6, Period: half}},
		{Secret: devices.Secret("12345678901234567890123456789012"), Credential: devices.Credential{
			ID: "eight: digits", Type: devices.TOTP, Algorithm: devices.SHA256, Digits: 8, Period: 2 * half}},
		{Secret: devices.Secret("a secret of some length"), Credential: devices.Credential{
			ID: "AWS:touch", Type: devices.TOTP, Algorithm: devices.SHA512, Digits: 7, Period: half, Touch: true}},
		{Secret: devices.Secret("12345678901234567890"), Credential: devices.Credential{
			ID: "hot", Type: devices.HOTP, Algorithm: devices.SHA1, Digits: 6}},
	}
}
