package fob

import (
	"testing"
	"time"

	"github.com/fob-auth/fob/firmware/fob/line"
)

func TestLostClock(t *testing.T) {
	f, b := newSealed(t, Options{Button: ButtonManual})
	ask(t, f, 1, line.VerbCode)
	b.lost = true
	got := frames(t, f.Tick())
	if len(got) != 2 || got[1].Kind != line.Event || got[1].Verb != line.VerbClock {
		t.Fatalf("%+v", got)
	}
	wantFailure(t, got[0], 1, line.VerbCode, line.FailClock)
	if sent := f.Tick(); len(sent) > 0 {
		t.Errorf("told again: %q", sent)
	}
	wantFailure(t, ask(t, f, 2, line.VerbCode), 2, line.VerbCode, line.FailClock)
	wantFailure(t, ask(t, f, 3, line.VerbClock), 3, line.VerbClock, line.FailClock)
	wantFailure(t, give(t, f, line.TimeRequest(4, factoryTime)), 4, line.VerbTime, line.FailSealed)
	if s, err := line.ParseStatus(ask(t, f, 5, line.VerbStatus)); err != nil || !s.ClockLost {
		t.Errorf("%+v, %v", s, err)
	}
	// The way out: wipe, provision.
	f.Down()
	b.pass(WipeHold)
	only(t, f.Up())
	provision(t, f, "S", secretSeed())
	ask(t, f, 6, line.VerbCode)
	if code, err := line.ParseCode(only(t, f.Press())); err != nil || !code.Time().Equal(factoryTime.UTC()) {
		t.Errorf("%v, %v", code, err)
	}
	b.lost = true
	if got := only(t, f.Tick()); got.Verb != line.VerbClock {
		t.Errorf("lost again: %+v", got)
	}
}

func TestLowBattery(t *testing.T) {
	f, b := newSealed(t, Options{})
	for _, step := range []struct {
		volts int
		told  bool
	}{
		{line.LowBattery, false}, {line.LowBattery - 1, true}, {line.LowBattery - 50, false}, {line.LowBattery + 50, false},
		{line.LowBattery - 1, false}, {line.GoodBattery, false}, {line.LowBattery - 1, true}, {0, false},
	} {
		b.volts = step.volts
		sent := f.Tick()
		if !step.told {
			if len(sent) > 0 {
				t.Errorf("at %d mV: %q", step.volts, sent)
			}
			continue
		}
		got := only(t, sent)
		if mv, _ := got.Get("battery"); got.Kind != line.Event || got.Verb != line.VerbBattery || mv != "2499" {
			t.Errorf("at %d mV: %+v", step.volts, got)
		}
	}
}

func TestEventsAreCounted(t *testing.T) {
	f, b := newSealed(t, Options{})
	first := only(t, f.Press()).Seq
	b.volts = 1
	second := only(t, f.Tick()).Seq
	b.lost = true
	third := only(t, f.Tick()).Seq
	if second != first+1 || third != first+2 {
		t.Errorf("%d, %d, %d", first, second, third)
	}
}

func TestWatchdogIsKickedByTicks(t *testing.T) {
	f, b := newSealed(t, Options{})
	before := b.kicks
	for range 10 {
		f.Tick()
	}
	if b.kicks != before+10 {
		t.Errorf("%d kicks in ten ticks", b.kicks-before)
	}
}

func TestUptimeOverASetClock(t *testing.T) {
	f, b := newEquipped(t, Options{})
	b.pass(90 * time.Second)
	provision(t, f, "S", secretSeed())
	if s, err := line.ParseStatus(ask(t, f, 9, line.VerbStatus)); err != nil || s.Uptime != 90*time.Second {
		t.Errorf("%+v, %v", s, err)
	}
	// The same on a board that counts no uptime.
	simple := &settable{board: board{now: time.Unix(1000, 0)}}
	f, err := New(simple, Options{})
	if err != nil {
		t.Fatal(err)
	}
	simple.pass(time.Hour)
	give(t, f, line.TimeRequest(1, factoryTime))
	if s, err := line.ParseStatus(ask(t, f, 2, line.VerbStatus)); err != nil || s.Uptime != time.Hour {
		t.Errorf("%+v, %v", s, err)
	}
}

// settable is a board with a clock that can be set, and nothing else.
type settable struct{ board }

func (b *settable) SetClock(t time.Time) error { b.now = t; return nil }
func (b *settable) ClockLost() bool            { return false }
