package serialfob

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fob-auth/fob/devices"
	"github.com/fob-auth/fob/firmware/fob/line"
)

// TestOpeningThatHangs: a port that the kernel doesn't open costs its callers
// a bounded time, and all of them one goroutine. One that opens too late is
// closed again.
func TestOpeningThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, err := New(Config{Port: "port"})
		if err != nil {
			t.Fatal(err)
		}
		answers := &desk{answer: func(_ int, f line.Frame) []byte { return fine(f) }}
		late := newFake(answers.handle)
		release, opens := make(chan struct{}), 0
		d.find = func(string) []Place { return []Place{{Path: "port", Device: "/dev/port"}} }
		d.open = func(Place, int) (Port, error) {
			opens++
			<-release
			return late, nil
		}
		slot := devices.Slot{Path: "port"}
		began := time.Now()
		if _, err := d.Open(t.Context(), slot); !errors.Is(err, devices.ErrSilent) || time.Since(began) != openTimeout {
			t.Errorf("open: %v after %v", err, time.Since(began))
		}
		for range 10 {
			if _, err := d.Open(t.Context(), slot); !errors.Is(err, devices.ErrBusy) {
				t.Errorf("open while one hangs: %v", err)
			}
		}
		close(release)
		<-late.closed
		if opens != 1 {
			t.Errorf("opened %d times", opens)
		}

		ctx, cancel := context.WithCancel(t.Context())
		release, late = make(chan struct{}), newFake(answers.handle)
		time.AfterFunc(time.Second, cancel)
		if _, err := d.Open(ctx, slot); !errors.Is(err, context.Canceled) {
			t.Errorf("open given up: %v", err)
		}
		close(release)
		<-late.closed

		late = newFake(answers.handle)
		token, err := d.Open(t.Context(), slot)
		if err != nil {
			t.Fatal(err)
		}
		if got := token.Info().Serial; got != "GAHT1" {
			t.Errorf("serial %q", got)
		}
		if err := token.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
}
