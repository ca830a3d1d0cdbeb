package emulated

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fob-auth/fob/devices"
	"github.com/fob-auth/fob/emulator/api"
)

const upgradeAnswer = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: fob-apdu\r\n\r\n"

// piped is a driver whose bench is a function at the other end of a pipe.
func piped(bench func(conn net.Conn)) *Driver {
	return &Driver{socket: "bench", dial: func(context.Context) (net.Conn, error) {
		here, there := net.Pipe()
		go func() {
			defer there.Close()
			bench(there)
		}()
		return here, nil
	}}
}

// pending is a bench that doesn't answer, and may not even read, for longer
// than anybody waits.
func pending(read bool) func(net.Conn) {
	return func(conn net.Conn) {
		if read {
			io.Copy(io.Discard, conn)
			return
		}
		time.Sleep(2 * patience)
	}
}

// asked reads the request that a connection begins with.
func asked(conn net.Conn) (*http.Request, *bufio.Reader, error) {
	r := bufio.NewReader(conn)
	req, err := http.ReadRequest(r)
	return req, r, err
}

// answering is a bench that sends some text to every request.
func answering(text string) func(net.Conn) {
	return func(conn net.Conn) {
		if _, _, err := asked(conn); err == nil {
			io.WriteString(conn, text)
		}
	}
}

// failing is an error answer with a body whose end isn't told.
func failing(status int, body string) string {
	return fmt.Sprintf("HTTP/1.1 %d Error\r\nContent-Type: application/json\r\n\r\n%s", status, body)
}

var slot = devices.Slot{Driver: Name, Path: "bench#yk1"}

// TestHandshake: how a bench's answer to the request for a card is taken.
func TestHandshake(t *testing.T) {
	for name, test := range map[string]struct {
		bench func(net.Conn)
		want  error
	}{
		"no token":  {answering(failing(404, `{"code":"unknown_token","error":"no token yk1"}`)), devices.ErrRemoved},
		"unplugged": {answering(failing(409, `{"code":"unplugged","error":"not plugged in"}`)), devices.ErrRemoved},
		"in use":    {answering(failing(409, `{"code":"busy","error":"in use"}`)), devices.ErrBusy},
		"long in use": {func(conn net.Conn) {
			time.Sleep(api.SeatTime)
			answering(failing(409, `{"code":"busy","error":"in use"}`))(conn)
		}, devices.ErrBusy},
		"no card":        {answering(failing(400, `{"code":"wrong_kind","error":"a fob is no card"}`)), devices.ErrAnswer},
		"broken":         {answering(failing(500, `{"code":"failed","error":"oh"}`)), devices.ErrAnswer},
		"other server":   {answering(failing(404, "page not found")), devices.ErrAnswer},
		"error for ever": {answering(failing(404, `{"code":"`+strings.Repeat("x", 1<<20))), devices.ErrAnswer},
		"not upgraded":   {answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), devices.ErrAnswer},
		"other protocol": {answering(strings.Replace(upgradeAnswer, "fob-apdu", "h2c", 1)), devices.ErrAnswer},
		"no HTTP":        {answering("SSH-2.0-OpenSSH_9.2\r\n\r\n"), devices.ErrAnswer},
		"hangs up":       {func(net.Conn) {}, devices.ErrRemoved},
		"header flood":   {answering("HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 1<<20)), devices.ErrRemoved},
		"never answers":  {pending(true), devices.ErrSilent},
		"never reads":    {pending(false), devices.ErrSilent},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				token, err := piped(test.bench).Open(t.Context(), slot)
				if !errors.Is(err, test.want) || token != nil || time.Since(began) > patience {
					t.Errorf("open: %v after %v, want %v", err, time.Since(began), test.want)
				}
				var tried *devices.Error
				if !errors.As(err, &tried) || tried.Token != slot.Path {
					t.Errorf("error %q doesn't name the slot", err)
				}
				time.Sleep(2 * patience)
			})
		})
	}
}

// opened is a card channel to a bench that answers each frame by a function
// from the frame to the bytes that go back.
func opened(t *testing.T, answer func(n int, cmd []byte) []byte) *card {
	t.Helper()
	d := piped(func(conn net.Conn) {
		_, r, err := asked(conn)
		if err != nil {
			return
		}
		io.WriteString(conn, upgradeAnswer)
		for n := 0; ; n++ {
			cmd, err := api.ReadFrame(r)
			if err != nil {
				return
			}
			b := answer(n, cmd)
			if b == nil {
				return
			}
			if _, err := conn.Write(b); err != nil {
				return
			}
		}
	})
	c, err := d.channel(t.Context(), slot)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func frame(b ...byte) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(b))), b...)
}

// TestFrames: how a bench's answer to a command is taken. Whatever isn't an
// answer ends the channel.
func TestFrames(t *testing.T) {
	for name, test := range map[string]struct {
		answer []byte
		want   error
	}{
		"answer":    {frame(0x90, 0x00), nil},
		"empty":     {frame(), nil}, // for the applet's client to refuse
		"unplugged": {nil, devices.ErrRemoved},
		"oversize":  {[]byte{0xFF, 0xFF, 0xFF, 0xFF}, devices.ErrAnswer},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := opened(t, func(int, []byte) []byte { return test.answer })
				got, err := c.Transmit(t.Context(), []byte{0, 0xA4, 4, 0})
				if !errors.Is(err, test.want) || err == nil && len(got) != len(test.answer)-4 {
					t.Errorf("answer % X, %v; want %v", got, err, test.want)
				}
				_, again := c.Transmit(t.Context(), []byte{0, 0xA4, 4, 0})
				if (again == nil) != (test.want == nil) || again != nil && !errors.Is(again, devices.ErrRemoved) {
					t.Errorf("the next command: %v", again)
				}
				if err := c.Close(); err != nil {
					t.Errorf("close: %v", err)
				}
			})
		})
	}
}

// TestCutFrame: a channel that ends within an answer is a token that is gone.
func TestCutFrame(t *testing.T) {
	d := piped(func(conn net.Conn) {
		_, r, err := asked(conn)
		if err != nil {
			return
		}
		io.WriteString(conn, upgradeAnswer)
		if _, err := api.ReadFrame(r); err == nil {
			conn.Write([]byte{0, 0, 0, 9, 0x90})
		}
	})
	c, err := d.channel(t.Context(), slot)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Transmit(t.Context(), []byte{0, 0, 0, 0}); !errors.Is(err, devices.ErrRemoved) {
		t.Errorf("answer cut short: %v", err)
	}
}

// TestLateAnswerIsNobodys: after a command that was given up the channel is
// closed, so that its answer can't be taken for the next one's.
func TestLateAnswerIsNobodys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := opened(t, func(n int, _ []byte) []byte {
			time.Sleep(10 * time.Second)
			return frame(byte(n), 0x90, 0x00)
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		if _, err := c.Transmit(ctx, []byte{0, 0xA2, 0, 1}); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Second {
			t.Errorf("given up: %v after %v", err, time.Since(began))
		}
		time.Sleep(20 * time.Second)
		if got, err := c.Transmit(t.Context(), []byte{0, 0xA1, 0, 0}); !errors.Is(err, devices.ErrRemoved) {
			t.Errorf("the next command got % X, %v", got, err)
		}
	})
}

// TestEndedContextHarmsNothing: a command that isn't sent leaves the channel
// as it was.
func TestEndedContextHarmsNothing(t *testing.T) {
	c := opened(t, func(int, []byte) []byte { return frame(0x90, 0x00) })
	defer c.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Transmit(ctx, []byte{0, 0, 0, 0}); !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that ended: %v", err)
	}
	if _, err := c.Transmit(t.Context(), make([]byte, api.MaxFrame+1)); err == nil || errors.Is(err, devices.ErrRemoved) {
		t.Errorf("a command over the bound: %v", err)
	}
	if _, err := c.Transmit(t.Context(), []byte{0, 0, 0, 0}); err != nil {
		t.Errorf("the next command: %v", err)
	}
}

// TestEveryExchangeIsBounded: without a deadline of the caller's there is one.
func TestEveryExchangeIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := opened(t, func(int, []byte) []byte { time.Sleep(2 * maxExchange); return nil })
		began := time.Now()
		_, err := c.Transmit(t.Context(), []byte{0, 0xA4, 4, 0})
		if took := time.Since(began); !errors.Is(err, devices.ErrSilent) || took != maxExchange {
			t.Errorf("an answer that never comes: %v after %v", err, took)
		}
		time.Sleep(2 * maxExchange)
	})
}
