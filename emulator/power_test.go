package emulator

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fob-auth/fob/emulator/api"
	"github.com/fob-auth/fob/emulator/clock"
	"github.com/fob-auth/fob/firmware/fob/line"
)

// TestBrownOut: the clock stands while the supply fails, what comes meanwhile
// isn't heard, and what was in the fob's memory is gone.
func TestBrownOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, ls := newBench(t, fobBench("button: manual"))
		defer closeBench(t, b)
		l, fob := ls.at("/tmp/fob1"), mustToken(t, b, "fob1")
		exchange(t, l, "code", "~")
		time.Sleep(5 * time.Second)
		failed := make(chan error)
		go func() { failed <- fob.ChangePower(context.Background(), Power{BrownOut: 10 * time.Second}) }()
		synctest.Wait()
		l.ask("clock")
		if !fob.State().Clock.Frozen {
			t.Error("the clock runs on without power")
		}
		check(t, <-failed)
		exchange(t, l, "clock", "unix=946684805.000")
		exchange(t, l, "status", "up=0", "presses=0", "commands=2", "waiting=0")
		if err := fob.Press(context.Background()); !errors.Is(err, ErrNotWaiting) {
			t.Errorf("press gave %v", err)
		}
		// The bench's counts go on: code, and the two that were heard since.
		if s := fob.State(); s.Commands != 3 || s.Waiting || s.Clock.OffsetMS != -10_000 || s.Clock.Frozen {
			t.Errorf("state is %+v, clock %+v", s, s.Clock)
		}
		// What the fob is stays.
		exchange(t, l, "identity", "serial=GAHT12345678")

		stood := true
		check(t, fob.ChangeClock(clock.Change{Freeze: &stood}))
		check(t, fob.ChangePower(context.Background(), Power{BrownOut: time.Second}))
		if !fob.State().Clock.Frozen {
			t.Error("a clock that stood runs after a brown-out")
		}
		go func() { failed <- fob.ChangePower(context.Background(), Power{BrownOut: time.Minute}) }()
		synctest.Wait()
		check(t, fob.Unplug())
		check(t, <-failed)
		if err := fob.ChangePower(context.Background(), Power{BrownOut: time.Second}); !errors.Is(err, ErrUnplugged) {
			t.Errorf("without power: %v", err)
		}
	})
}

// TestNewBattery: the fob has lost its time and says so, until it is reset.
func TestNewBattery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, ls := newBench(t, fobBench("battery: 2600"))
		defer closeBench(t, b)
		l, fob := ls.at("/tmp/fob1"), mustToken(t, b, "fob1")
		exchange(t, l, "status", "battery=2600")
		low := 2400
		check(t, fob.ChangePower(context.Background(), Power{Battery: &low}))
		expect(t, l, "#1 battery", "battery=2400")

		check(t, fob.ChangePower(context.Background(), Power{NewBattery: true}))
		expect(t, l, "#1 clock", "lost=1")
		exchange(t, l, "status", "battery=3000", "lost=1")
		exchange(t, l, "code", "!", "clock")
		if s := fob.State(); !s.Clock.Lost || s.BatteryMV != 3000 {
			t.Errorf("state is %+v", s)
		}
		check(t, fob.Reset())
		l = ls.at("/tmp/fob1")
		exchange(t, l, "code", "digits=")
		if s := fob.State(); s.Clock.Lost || s.BatteryMV != 2600 {
			t.Errorf("state after reset is %+v", s)
		}
		// A battery is changed without the line, too.
		check(t, fob.Unplug())
		check(t, fob.ChangePower(context.Background(), Power{NewBattery: true}))
		check(t, fob.Plug())
		exchange(t, ls.at("/tmp/fob1"), "code", "clock")

		for _, p := range []Power{{BrownOut: -1}, {BrownOut: time.Hour}, {Battery: new(int)}} {
			if p.Battery != nil {
				*p.Battery = 10_000
			}
			if err := fob.ChangePower(context.Background(), p); !errors.Is(err, ErrBounds) {
				t.Errorf("%+v: %v", p, err)
			}
		}
	})
}

// TestHoldWipes: ten seconds on the button make a fob forget its seed, less
// don't; one without a seed can be provisioned.
func TestHoldWipes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, ls := newBench(t, fobBench())
		defer closeBench(t, b)
		l, fob := ls.at("/tmp/fob1"), mustToken(t, b, "fob1")
		check(t, fob.Hold(context.Background(), 9*time.Second))
		expect(t, l, "press presses=1")
		exchange(t, l, "code", "digits=")

		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := fob.Hold(ctx, time.Minute); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a hold that was given up: %v", err)
		}
		expect(t, l, "press presses=2")

		check(t, fob.Hold(context.Background(), 11*time.Second))
		expect(t, l, "wiped")
		exchange(t, l, "code", "unprovisioned")
		check(t, fob.Unplug())
		if err := fob.Hold(context.Background(), time.Second); !errors.Is(err, ErrUnplugged) {
			t.Errorf("hold gave %v", err)
		}
		check(t, fob.Plug())
		exchange(t, ls.at("/tmp/fob1"), "code", "unprovisioned")
		check(t, fob.Reset())
		exchange(t, ls.at("/tmp/fob1"), "code", "digits=")
	})
}

func TestUnprovisionedFob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, ls := newBench(t, fobBench("seed:", "serial:"))
		defer closeBench(t, b)
		l := ls.at("/tmp/fob1")
		if got := exchange(t, l, "identity", "model="); strings.Contains(got, "serial=") {
			t.Errorf("a fob without a serial says %q", got)
		}
		exchange(t, l, "code", "unprovisioned")
		// The clock shows the years to 2199, and the line carries later ones.
		far, err := line.TimeRequest(1, time.Unix(1<<40, 0)).Append(nil)
		check(t, err)
		exchange(t, l, strings.TrimSpace(string(far)), "time", "e=value")
	})
}

// TestHang: a fob that hangs in the middle of a line, for a while and for good.
func TestHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, ls := newBench(t, fobBench("button: manual"))
		defer closeBench(t, b)
		l, fob := ls.at("/tmp/fob1"), mustToken(t, b, "fob1")
		check(t, fob.AddFault(api.Fault{Kind: api.FaultHang, Bytes: 5, DelayMS: 3000}))
		l.ask("clock\r\nhello")
		time.Sleep(2 * time.Second)
		l.ask("hello")
		if err := fob.Press(context.Background()); !errors.Is(err, ErrNotWaiting) {
			t.Errorf("press gave %v", err)
		}
		time.Sleep(2 * time.Second)
		if got := exchange(t, l, "\r\nidentity", "identity"); !strings.HasPrefix(got, "f1=0 f1=0 identity") {
			t.Errorf("after it hung it said %q", got)
		}
		check(t, fob.AddFault(api.Fault{Kind: api.FaultHang}))
		l.ask("clock")
		time.Sleep(time.Minute)
		l.ask("clock")
		check(t, fob.ChangePower(context.Background(), Power{BrownOut: time.Second}))
		exchange(t, l, "identity", "identity")
	})
}

// TestMove: the port vanishes, and comes back under another name by itself,
// unless a hand was quicker.
func TestMove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, ls := newBench(t, fobBench())
		defer closeBench(t, b)
		fob := mustToken(t, b, "fob1")
		check(t, fob.AddFault(api.Fault{Kind: api.FaultMove, DelayMS: 5000}))
		ls.at("/tmp/fob1").ask("clock")
		time.Sleep(4 * time.Second)
		if fob.State().Plugged {
			t.Error("it didn't vanish")
		}
		time.Sleep(2 * time.Second)
		if s := fob.State(); !s.Plugged || s.Attach != "pty:/tmp/fob1-1" || s.Plugs != 2 {
			t.Errorf("state is %+v", s)
		}
		exchange(t, ls.at("/tmp/fob1-1"), "clock", "unix=")

		check(t, fob.AddFault(api.Fault{Kind: api.FaultMove, DelayMS: 5000}))
		ls.at("/tmp/fob1-1").ask("clock")
		time.Sleep(time.Second)
		check(t, fob.Unplug())
		time.Sleep(time.Minute)
		if fob.State().Plugged {
			t.Error("a fob that a hand has taken out came back")
		}
		check(t, fob.Reset())
		check(t, fob.Plug())
		exchange(t, ls.at("/tmp/fob1"), "clock", "unix=")
	})
}

// TestLineFaultIsAtOnce: the line is bad from the moment it is told, after the
// next plug too, and good again when told.
func TestLineFaultIsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, ls := newBench(t, fobBench())
		defer closeBench(t, b)
		fob := mustToken(t, b, "fob1")
		check(t, fob.AddFault(api.Fault{Kind: api.FaultLine, Line: &api.Line{Drop: 1}}))
		for range 2 {
			l := ls.at("/tmp/fob1")
			l.ask("clock")
			time.Sleep(time.Second)
			if s := fob.State(); s.Commands != 0 || s.Line == nil || s.Line.Drop != 1 || len(s.Faults) != 0 {
				t.Errorf("state is %+v", s)
			}
			check(t, fob.Unplug())
			check(t, fob.Plug())
		}
		check(t, fob.AddFault(api.Fault{Kind: api.FaultLine}))
		exchange(t, ls.at("/tmp/fob1"), "clock", "unix=")
		if s := fob.State(); s.Line != nil {
			t.Errorf("the good line is %+v", s.Line)
		}
	})
}

// TestClockOfTheBenchFile: temperature and series are read, and there again
// after a reset.
func TestClockOfTheBenchFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "bench.yaml")
	bench := fobBench("clock: {ppm: 2, temperature: {mean: 35, swing: 0, warmest: 15h}, series: drift.txt}", "line: {split: 0.5, seed: 3}")
	check(t, os.WriteFile(path, []byte(bench), 0o600))
	if _, err := Load(path); err == nil || !strings.Contains(err.Error(), "drift.txt") {
		t.Errorf("without the series: %v", err)
	}
	check(t, os.WriteFile(filepath.Join(dir, "drift.txt"), []byte("0s 10\n1h nonsense\n"), 0o600))
	if _, err := Load(path); err == nil || !strings.Contains(err.Error(), "drift.txt: line 2") {
		t.Errorf("with a bad series: %v", err)
	}
	// Nothing of a file is left out unsaid.
	long := strings.Repeat("#"+strings.Repeat(" ", 198)+"\n", maxSeriesBytes/200+1) + "1h -10\n"
	check(t, os.WriteFile(filepath.Join(dir, "drift.txt"), []byte("0s 1\n"+long), 0o600))
	if _, err := Load(path); err == nil || !strings.Contains(err.Error(), "drift.txt: is over the bound") {
		t.Errorf("with a series too long to be read: %v", err)
	}
	check(t, os.WriteFile(filepath.Join(dir, "drift.txt"), []byte("0s 10\n1h -10\n"), 0o600))
	file, err := Load(path)
	check(t, err)
	synctest.Test(t, func(t *testing.T) {
		ls := &lines{byPath: map[string]*testLine{}}
		b, err := New(file, Options{Now: time.Now, Line: ls.open})
		check(t, err)
		defer closeBench(t, b)
		fob := mustToken(t, b, "fob1")
		for range 2 {
			// 2 of itself, -3.5 for ten degrees, 10 recorded.
			if s := fob.State(); s.Clock.RatePPM != 8.5 || s.Clock.PPM != 2 || s.Line == nil || s.Line.Split != 0.5 {
				t.Errorf("state is %+v, clock %+v", s, s.Clock)
			}
			time.Sleep(time.Hour)
			if s := fob.State(); s.Clock.RatePPM != -11.5 || s.Clock.OffsetMS != 30 {
				t.Errorf("after an hour: %+v", s.Clock)
			}
			check(t, fob.Reset())
		}
	})
}
