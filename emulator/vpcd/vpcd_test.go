package vpcd

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/fob-auth/fob/emulator"
)

// reader is a vpcd that the test is.
type reader struct {
	t testing.TB
	net.Conn
}

func (r reader) say(m ...byte) {
	r.t.Helper()
	// As vpcd does: the length by itself.
	for _, b := range [][]byte{binary.BigEndian.AppendUint16(nil, uint16(len(m))), m} {
		if _, err := r.Write(b); err != nil {
			r.t.Fatal(err)
		}
	}
}

func (r reader) hear() []byte {
	r.t.Helper()
	m, err := readMessage(r)
	if err != nil {
		r.t.Fatal(err)
	}
	return m
}

// over checks that the card went.
func (r reader) over() {
	r.t.Helper()
	if m, err := readMessage(r); err == nil {
		r.t.Fatalf("the card says %x in place of going", m)
	}
}

// start puts a key into a reader that listens on l; end takes it away for good.
func start(t testing.TB) (b *emulator.Bench, token *emulator.Token, l net.Listener, end func()) {
	t.Helper()
	file, err := emulator.Parse("bench.yaml", []byte(`tokens: [{kind: yubikey, name: yk1, serial: 12345678, attach: 'vpcd:127.0.0.1:1',
  touch: manual, credentials: [{name: t, secret: JBSWY3DP, touch: true}]}]`))
	if err != nil {
		t.Fatal(err)
	}
	b, err = emulator.New(file, emulator.Options{Now: time.Now, Random: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	if token, err = b.Token("yk1"); err != nil {
		t.Fatal(err)
	}
	if l, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		(&Slot{Bench: b, Token: token, Addr: l.Addr().String(), Log: slog.New(slog.DiscardHandler)}).Run(ctx)
	}()
	end = func() { cancel(); <-ended }
	t.Cleanup(end)
	return b, token, l, end
}

// accept is the reader's slot with the key in it.
func accept(t testing.TB, l net.Listener) reader {
	t.Helper()
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	// As vpcd's is.
	if err := errors.Join(conn.(*net.TCPConn).SetNoDelay(false), conn.SetDeadline(time.Now().Add(time.Minute))); err != nil {
		t.Fatal(err)
	}
	return reader{t, conn}
}

var selectOATH = []byte{0x00, 0xA4, 0x04, 0x00, 0x07, 0xA0, 0x00, 0x00, 0x05, 0x27, 0x21, 0x01}

// TestCard is a card's life in a reader: power, commands, a reset, a touch that
// is cut off, out and in again.
func TestCard(t *testing.T) {
	b, token, l, end := start(t)
	addr, atr, ok := token.VPCD()
	if !ok || addr != "127.0.0.1:1" || len(atr) == 0 {
		t.Fatalf("in a vpcd at %q with %x: %v", addr, atr, ok)
	}
	accept := func() reader { return accept(t, l) }

	r := accept()
	r.say(0x04)
	if got := r.hear(); !bytes.Equal(got, atr) {
		t.Errorf("ATR %x, want %x", got, atr)
	}
	r.say()
	r.say(0x01)
	r.say(selectOATH...)
	if got := r.hear(); !bytes.HasSuffix(got, []byte{0x90, 0x00}) {
		t.Errorf("answer %x", got)
	}
	r.say(0x02)
	r.say(0x00, 0xA1, 0x00, 0x00)
	if got := r.hear(); bytes.HasSuffix(got, []byte{0x90, 0x00}) {
		t.Errorf("after a reset an applet is selected: %x", got)
	}
	r.say(0x00)
	r.say(selectOATH...)
	r.over() // a card without power answers nothing

	r = accept()
	r.say(0x01)
	r.say(selectOATH...)
	r.hear()
	r.say(0x00, 0xA2, 0x00, 0x01, 0x0D, 0x71, 0x01, 't', 0x74, 0x08, 0, 0, 0, 0, 0, 0, 0, 0)
	for changed := b.Changed(); !token.State().Waiting; changed = b.Changed() {
		<-changed
	}
	if err := token.Unplug(); err != nil {
		t.Fatal(err)
	}
	r.over()
	if err := token.Plug(); err != nil {
		t.Fatal(err)
	}
	r = accept()
	r.say(0x04)
	r.hear()
	r.Close() // the reader goes
	r = accept()
	end()
	r.over()
}

// BenchmarkCommand is a command's way over loopback. Without the prompt
// acknowledgement it would be some 40 ms.
func BenchmarkCommand(b *testing.B) {
	_, _, l, _ := start(b)
	r := accept(b, l)
	r.say(powerOn)
	for b.Loop() {
		r.say(selectOATH...)
		r.hear()
	}
}

func TestCheckLocal(t *testing.T) {
	for addr, local := range map[string]bool{
		"127.0.0.1:35963": true, "[::1]:35963": true, "localhost:1": true, "127.9.9.9:1": true,
		"0.0.0.0:35963": false, "192.0.2.1:35963": false, "example.org:35963": false, "[::]:1": false,
	} {
		if err := CheckLocal(addr); (err == nil) != local || err != nil && !errors.Is(err, ErrRemote) {
			t.Errorf("%s: %v", addr, err)
		}
	}
	if err := CheckLocal("127.0.0.1"); err == nil {
		t.Error("an address without a port was taken")
	}
}

// FuzzMessages: whatever a vpcd sends is read within its bounds.
func FuzzMessages(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{0})
	f.Add([]byte{0, 0})
	f.Add([]byte{0, 1, 4})
	f.Add([]byte{0, 5, 0, 0xA4})
	f.Add([]byte{0xFF, 0xFF, 1, 2, 3})
	f.Add([]byte{0, 1, 1, 0, 1, 4, 0, 4, 0, 0xA1, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		r := bytes.NewReader(b)
		read := 0
		for {
			m, err := readMessage(r)
			if err != nil {
				if err == io.EOF && read != len(b) {
					t.Errorf("end of file after %d of %d bytes", read, len(b))
				}
				return
			}
			read += 2 + len(m)
		}
	})
}
