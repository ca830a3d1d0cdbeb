package reader

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/fob-auth/fob/emulator"
	"github.com/fob-auth/fob/emulator/api"
	"github.com/fob-auth/fob/emulator/benchtest"
	"github.com/fob-auth/fob/emulator/reader/ifd"
)

func newBench(t *testing.T, text string) *emulator.Bench {
	t.Helper()
	return benchtest.Options{NoSocket: true}.StartFile(t, text).Emulator
}

const (
	oneKey  = `tokens: [{kind: yubikey, name: yk1, serial: 12345678, attach: reader, touch: manual, credentials: [{name: t, secret: JBSWY3DP, touch: true}]}]`
	oneCard = `tokens: [{kind: yubikey, name: yk1, serial: 12345678, attach: reader, interface: nfc, touch: manual, credentials: [{name: t, secret: JBSWY3DP, touch: true}]}]`
)

// handle serves the bench's one reader to a handler that the test is.
func handle(t *testing.T, b *emulator.Bench) (net.Conn, seat) {
	t.Helper()
	list, err := seats(b)
	if err != nil || len(list) != 1 {
		t.Fatalf("%d seats, %v", len(list), err)
	}
	return handleSeat(t, b, list[0])
}

func handleSeat(t *testing.T, b *emulator.Bench, of seat) (net.Conn, seat) {
	t.Helper()
	here, there := net.Pipe()
	s := &slot{bench: b, seat: of, conn: there}
	ended := make(chan error, 1)
	go func() { ended <- s.serve(context.Background()) }()
	t.Cleanup(func() {
		here.Close()
		<-ended
	})
	if err := here.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	return here, of
}

// expect reads the bench's next word.
func expect(t *testing.T, conn net.Conn, kind ifd.Kind) []byte {
	t.Helper()
	f, err := ifd.ReadFrame(conn)
	if err != nil || f.Kind != kind {
		t.Fatalf("a frame of kind %#x, %v, want %#x", f.Kind, err, kind)
	}
	return f.Payload
}

func ask(t *testing.T, conn net.Conn, kind ifd.Kind, payload ...byte) {
	t.Helper()
	if err := ifd.WriteFrame(conn, ifd.Frame{Kind: kind, Payload: payload}); err != nil {
		t.Fatal(err)
	}
}

var selectOATH = []byte{0x00, 0xA4, 0x04, 0x00, 0x07, 0xA0, 0x00, 0x00, 0x05, 0x27, 0x21, 0x01}

func TestSlotServesOneHandler(t *testing.T) {
	b := newBench(t, oneCard)
	conn, seat := handle(t, b)
	if got := expect(t, conn, ifd.Inserted); !bytes.Equal(got, seat.ATR) {
		t.Errorf("ATR %x, want %x", got, seat.ATR)
	}
	ask(t, conn, ifd.Command, selectOATH...)
	expect(t, conn, ifd.Absent) // no power yet
	ask(t, conn, ifd.PowerUp)
	expect(t, conn, ifd.Powered)
	ask(t, conn, ifd.Command, selectOATH...)
	if got := expect(t, conn, ifd.Answer); !bytes.HasSuffix(got, []byte{0x90, 0x00}) {
		t.Errorf("answer %x", got)
	}

	// One that a client switched off is still in.
	ask(t, conn, ifd.PowerDown)
	expect(t, conn, ifd.Powered)
	ask(t, conn, ifd.Command, selectOATH...)
	expect(t, conn, ifd.Silent)
	ask(t, conn, ifd.PowerUp)
	expect(t, conn, ifd.Powered)
	ask(t, conn, ifd.Command, selectOATH...)
	expect(t, conn, ifd.Answer)

	// A card that is taken out while it waits for its touch.
	ask(t, conn, ifd.Command, 0x00, 0xA2, 0x00, 0x01, 0x0D, 0x71, 0x01, 't', 0x74, 0x08, 0, 0, 0, 0, 0, 0, 0, 0)
	awaitTouch(t, b)
	if err := seat.token.Unplug(); err != nil {
		t.Fatal(err)
	}
	heard := map[ifd.Kind]bool{}
	for range 2 {
		f, err := ifd.ReadFrame(conn)
		if err != nil {
			t.Fatal(err)
		}
		heard[f.Kind] = true
	}
	if !heard[ifd.Removed] || !heard[ifd.Absent] {
		t.Errorf("heard %v, want the removal and the request's end", heard)
	}
	if err := seat.token.Plug(); err != nil {
		t.Fatal(err)
	}
	expect(t, conn, ifd.Inserted)
}

// TestReadersComeAndGo: a key on USB is a reader of its own, that it takes with
// it; a card leaves its reader behind.
func TestReadersComeAndGo(t *testing.T) {
	b := newBench(t, `tokens:
  - {kind: yubikey, name: card, serial: 1000001, attach: reader, interface: nfc}
  - {kind: yubikey, name: key, serial: 1000002, attach: reader}
  - {kind: yubikey, name: out, serial: 1000003, attach: reader}
`)
	list, err := seats(b)
	if err != nil || len(list) != 3 {
		t.Fatalf("%d seats, %v", len(list), err)
	}
	told := make(chan int, 3)
	for i := range list {
		list[i].told = sync.OnceFunc(func() { told <- i })
	}
	card, key, out := list[0].token, list[1].token, list[2].token
	if err := out.Unplug(); err != nil {
		t.Fatal(err)
	}
	here, there := net.Pipe()
	ended := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { ended <- announce(ctx, b, list, there) }()
	change := func(reader int, attached bool) {
		t.Helper()
		if f, err := ifd.ReadFrame(here); err != nil || f.Kind != (ifd.Change{Attached: attached}).Frame().Kind || int(f.Payload[0]) != reader {
			t.Fatalf("%+v, %v; want reader %d, attached %v", f, err, reader, attached)
		}
	}
	change(0, true)
	change(1, true)
	if n := <-told; n != 2 {
		t.Errorf("reader %d is told to be out", n)
	}
	conn, _ := handleSeat(t, b, list[1])
	expect(t, conn, ifd.Inserted)
	if err := errors.Join(card.Unplug(), card.Plug(), key.Unplug()); err != nil {
		t.Fatal(err)
	}
	expect(t, conn, ifd.Removed)
	change(1, false)
	if err := key.Plug(); err != nil {
		t.Fatal(err)
	}
	change(1, true)
	if err := out.Plug(); err != nil {
		t.Fatal(err)
	}
	change(2, true)
	// What is in now is in another reader.
	ask(t, conn, ifd.PowerDown)
	expect(t, conn, ifd.Powered)
	cancel()
	<-ended
}

// awaitTouch returns once the bench's token waits for its touch.
func awaitTouch(t *testing.T, b *emulator.Bench) {
	t.Helper()
	token, err := b.Token(b.Tokens()[0].Name)
	if err == nil {
		_, err = b.Await(t.Context(), token, func(s api.Token) bool { return s.Waiting })
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestStartSaysWhatIsMissing(t *testing.T) {
	if runtime.GOOS != "linux" {
		if _, err := Start(t.Context(), newBench(t, oneKey), Options{}); !errors.Is(err, ErrPlatform) {
			t.Errorf("start: %v", err)
		}
		return
	}
	o := Options{Handler: "/nowhere/libifdfob.so", Log: slog.New(slog.DiscardHandler)}
	onSocket := newBench(t, `tokens: [{kind: yubikey, name: yk1, serial: 12345678}]`)
	if _, err := Start(t.Context(), onSocket, o); !errors.Is(err, ErrNoReaders) {
		t.Errorf("a bench without readers: %v", err)
	}
	t.Setenv("PATH", "")
	if _, err := Start(t.Context(), newBench(t, oneKey), o); err == nil {
		t.Error("a pcscd without a handler started")
	}
}
