package serialfob

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fob-auth/fob/devices"
	"github.com/fob-auth/fob/firmware/fob/line"
)

// heard reports whether the fob has news, and takes it.
func heard(f *fob) bool {
	select {
	case <-f.News():
		return true
	default:
		return false
	}
}

// TestNews: what a fob says unasked while nobody asks it counts, and what isn't
// about itself, or is damaged, doesn't.
func TestNews(t *testing.T) {
	for name, test := range map[string]struct {
		said []byte
		news bool
		gone bool
	}{
		"battery":         {encode(line.BatteryFrame(1, 2400)), true, false},
		"clock":           {encode(line.ClockLostFrame(1)), true, false},
		"wiped":           {encode(line.WipedFrame(1)), true, true},
		"press":           {encode(line.PressFrame(1, 7)), false, false},
		"damaged":         {damage(encode(line.WipedFrame(1))), false, false},
		"of tomorrow":     {encode(line.Frame{Kind: line.Event, Seq: 1, Verb: "tomorrow"}), false, false},
		"an answer":       {fine(line.NewRequest(9, line.VerbClock)), false, false},
		"much, and wiped": {append(slices.Repeat(encode(line.PressFrame(1, 7)), 500), encode(line.WipedFrame(2))...), true, true},
	} {
		t.Run(name, func(t *testing.T) {
			on(t, func(_ int, f line.Frame) []byte { return fine(f) }, func(t *testing.T, f *fob, _ *desk, p *fake) {
				p.in <- test.said
				synctest.Wait()
				if got := heard(f); got != test.news {
					t.Errorf("news: %v", got)
				}
				_, err := f.Time(t.Context())
				if gone := errors.Is(err, devices.ErrRemoved); gone != test.gone || !gone && err != nil {
					t.Errorf("the clock: %v", err)
				}
			})
		})
	}
}

// TestWipedMeanwhile: a fob whose word of it was lost on the line isn't taken
// for the one that was opened.
func TestWipedMeanwhile(t *testing.T) {
	nameless := func(_ int, f line.Frame) []byte {
		if f.Verb == line.VerbIdentity {
			return encode(line.Identity{Model: "fob-1", Firmware: "1.0.0", Capabilities: []string{"code"}}.Frame(f.Seq))
		}
		return fine(f)
	}
	on(t, nameless, func(t *testing.T, f *fob, _ *desk, _ *fake) {
		if _, err := f.Credentials(t.Context()); !errors.Is(err, devices.ErrRemoved) {
			t.Errorf("credentials: %v", err)
		}
	})
}

// TestTroubles: what a status tells of battery and clock is in the fob's Info.
func TestTroubles(t *testing.T) {
	status := line.Status{}
	on(t, func(_ int, f line.Frame) []byte {
		if f.Verb == line.VerbStatus {
			return encode(status.Frame(f.Seq))
		}
		return fine(f)
	}, func(t *testing.T, f *fob, _ *desk, _ *fake) {
		for _, test := range []struct {
			status    line.Status
			low, lost bool
		}{
			{line.Status{}, false, false},
			{line.Status{Battery: line.LowBattery}, false, false},
			{line.Status{Battery: line.LowBattery - 1}, true, false},
			{line.Status{Battery: 3000, ClockLost: true}, false, true},
		} {
			status = test.status
			if _, err := f.Credentials(t.Context()); err != nil {
				t.Fatal(err)
			}
			all := errors.Join(f.Info().Troubles...)
			var battery *devices.BatteryError
			if low, lost := errors.As(all, &battery), errors.Is(all, devices.ErrClockLost); low != test.low || lost != test.lost {
				t.Errorf("%+v: %v", test.status, all)
			}
		}
	})
}

// TestRateLimit: a fob that gives no more codes says when it does again.
func TestRateLimit(t *testing.T) {
	on(t, func(_ int, f line.Frame) []byte {
		return encode((&line.FailureError{Verb: f.Verb, Code: line.FailRate, After: 5 * time.Second}).Frame(f.Seq))
	}, func(t *testing.T, f *fob, d *desk, _ *fake) {
		_, err := f.Code(t.Context(), "GAHT1", time.Time{})
		var limited *devices.RateError
		if !errors.As(err, &limited) || limited.After != 5*time.Second || len(d.requests) != 1 {
			t.Errorf("%v after %d requests", err, len(d.requests))
		}
	})
}

// TestRateChange: a fob that falls silent on a line whose rate was found out is
// to be opened anew; where the config says the rate, it is only silent.
func TestRateChange(t *testing.T) {
	for _, baud := range []int{0, 115200} {
		synctest.Test(t, func(t *testing.T) {
			r := &rack{slots: map[string]*racked{"a": {serial: "GAHT1", baud: 115200}}}
			d, err := NewOn(r, Config{Port: "*", Baud: baud})
			if err != nil {
				t.Fatal(err)
			}
			token, err := d.Open(t.Context(), devices.Slot{Path: "a"})
			if err != nil {
				t.Fatal(err)
			}
			r.slots["a"].baud = 9600
			_, err = token.(devices.Clock).Time(context.Background())
			if !errors.Is(err, devices.ErrSilent) || errors.Is(err, devices.ErrRemoved) != (baud == 0) {
				t.Errorf("at %d baud: %v", baud, err)
			}
			if err := token.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}
