package emulated

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fob-auth/fob/devices"
)

const watchHeader = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"

func token(name string, plugs string) string {
	return `{"name":"` + name + `","kind":"yubikey","attach":"socket","plugged":true,"plugs":` + plugs + `}`
}

// TestRetries: a bench that isn't there is tried again at growing intervals,
// and at the first one again after it was there.
func TestRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var tries []time.Duration
		there := piped(answering(watchHeader + "[]\n"))
		d := &Driver{socket: "bench", dial: func(ctx context.Context) (net.Conn, error) {
			tries = append(tries, time.Since(began))
			if len(tries) == 8 {
				return there.dial(ctx)
			}
			return nil, errors.New("no such file")
		}}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		sets := make(chan []devices.Slot, 100)
		if err := d.Watch(ctx, sets); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("watch: %v", err)
		}
		ms := time.Millisecond
		want := []time.Duration{0, 50 * ms, 150 * ms, 350 * ms, 750 * ms, 1550 * ms, 2550 * ms, 3550 * ms, 3600 * ms, 3700 * ms, 3900 * ms, 4300 * ms}
		if !slices.Equal(tries, want) {
			t.Errorf("tried at %v, want %v", tries, want)
		}
		if len(sets) != 1 || len(<-sets) != 0 {
			t.Error("more was said than that nothing is there")
		}
	})
}

// TestWatchSaysEachChangeOnce: a set that says nothing new is not sent, and
// what isn't JSON ends the stream as the bench's end does.
func TestWatchSaysEachChangeOnce(t *testing.T) {
	first := "[" + token("a", "1") + "]\n"
	for name, end := range map[string]string{
		"end": "", "no JSON": "no tokens today\n", "other JSON": `{"error":"x"}` + "\n",
		"endless set": "[" + strings.Repeat(token("a", "1")+",", maxSet/40),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				streams := 0
				d := piped(func(conn net.Conn) {
					if streams++; streams > 1 {
						return
					}
					answering(watchHeader + first + first + "[" + token("a", "2") + "," + token("b", "1") + "]\n" + end)(conn)
				})
				ctx, cancel := context.WithCancel(t.Context())
				sets, ended := make(chan []devices.Slot), make(chan error)
				go func() { ended <- d.Watch(ctx, sets) }()
				slot := func(name string, plugs uint64) devices.Slot {
					return devices.Slot{Driver: Name, Path: "bench#" + name, Generation: plugs, Emulated: true}
				}
				for _, want := range [][]devices.Slot{{slot("a", 1)}, {slot("a", 2), slot("b", 1)}, nil} {
					if got := <-sets; !slices.Equal(got, want) {
						t.Errorf("got %v, want %v", got, want)
					}
				}
				cancel()
				if err := <-ended; !errors.Is(err, context.Canceled) {
					t.Errorf("watch: %v", err)
				}
			})
		})
	}
}

// TestWatchEndsWithItsContext wherever it stands: dialling, waiting for the
// bench's answer or its next line, or for somebody to take a set.
func TestWatchEndsWithItsContext(t *testing.T) {
	for name, bench := range map[string]func(net.Conn){
		"no answer": pending(true),
		"no more lines": func(conn net.Conn) {
			answering(watchHeader + "[]\n")(conn)
			io.Copy(io.Discard, conn)
		},
		"nobody takes the set": func(conn net.Conn) { answering(watchHeader + "[" + token("a", "1") + "]\n")(conn) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				ended := make(chan error, 1)
				sets := make(chan []devices.Slot)
				if name == "no more lines" {
					sets = make(chan []devices.Slot, 9)
				}
				go func() { ended <- piped(bench).Watch(ctx, sets) }()
				synctest.Wait()
				cancel()
				synctest.Wait()
				select {
				case err := <-ended:
					if !errors.Is(err, context.Canceled) {
						t.Errorf("watch: %v", err)
					}
				default:
					t.Error("it goes on")
				}
			})
		})
	}
}
