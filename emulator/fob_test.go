package emulator

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fob-auth/fob/emulator/api"
	"github.com/fob-auth/fob/emulator/clock"
)

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func clockChange(offset *time.Duration) clock.Change { return clock.Change{Offset: offset} }

// exchange asks a fob for something and wants an answer that contains each of
// the words.
func exchange(t *testing.T, l *testLine, ask string, want ...string) string {
	t.Helper()
	if !l.ask(ask) {
		t.Fatalf("the line closed on %q", ask)
	}
	return expect(t, l, want...)
}

func expect(t *testing.T, l *testLine, want ...string) string {
	t.Helper()
	got, ok := l.answer()
	if !ok {
		t.Fatalf("the line closed, want %q", want)
	}
	for _, w := range want {
		if !strings.Contains(got, w) {
			t.Fatalf("answer %q, want it to contain %q", got, w)
		}
	}
	return got
}

func TestFobAnswersByItsOwnClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, ls := newBench(t, fobBench("clock: {offset: -40s, ppm: 20000}"))
		defer closeBench(t, b)
		l := ls.at("/tmp/fob1")
		exchange(t, l, "identity", "GAHT12345678")
		exchange(t, l, "clock", "unix=946684760.000")
		time.Sleep(1000 * time.Second)
		exchange(t, l, "clock", "unix=946685780.000")
		fob := mustToken(t, b, "fob1")
		s := fob.State()
		if s.Clock == nil || s.Clock.OffsetMS != -20_000 || s.Clock.PPM != 20_000 || s.Clock.Frozen {
			t.Errorf("clock is %+v", s.Clock)
		}
		if s.Commands != 3 || s.Codes != 0 || s.Presses != 0 || s.Waiting || !s.Plugged || s.Plugs != 1 {
			t.Errorf("state is %+v", s)
		}
	})
}

func TestFobButtonAuto(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, ls := newBench(t, fobBench())
		defer closeBench(t, b)
		exchange(t, ls.at("/tmp/fob1"), "code", "step=31556160", "digits=")
		fob := mustToken(t, b, "fob1")
		if s := fob.State(); s.Codes != 1 {
			t.Errorf("%d codes are counted when the answer is there, want 1", s.Codes)
		}
		if err := fob.Press(context.Background()); !errors.Is(err, ErrNotWaiting) {
			t.Errorf("press gave %v", err)
		}
	})
}

// TestFobRateLimit: the limit of the bench file is the firmware's.
func TestFobRateLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, ls := newBench(t, fobBench("codes_per_minute: 2"))
		defer closeBench(t, b)
		l := ls.at("/tmp/fob1")
		exchange(t, l, "code", "digits=")
		exchange(t, l, "code", "digits=")
		exchange(t, l, "code", "e=rate", "ms=30000")
		time.Sleep(30 * time.Second)
		exchange(t, l, "code", "digits=")
	})
}

func TestFobButtonManual(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, ls := newBench(t, fobBench("button: manual"))
		defer closeBench(t, b)
		l, fob := ls.at("/tmp/fob1"), mustToken(t, b, "fob1")
		exchange(t, l, "code", "~", "code")
		if s := fob.State(); !s.Waiting || s.Codes != 0 {
			t.Errorf("state while it waits is %+v", s)
		}
		check(t, b.Press(context.Background(), fob, 0))
		expect(t, l, "digits=")
		if s := fob.State(); s.Waiting || s.Codes != 1 || s.Presses != 1 {
			t.Errorf("state after the press is %+v", s)
		}
	})
}

func TestFobButtonNeverRunsOutOfPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, ls := newBench(t, fobBench("button: never"))
		defer closeBench(t, b)
		l, fob := ls.at("/tmp/fob1"), mustToken(t, b, "fob1")
		asked := time.Now()
		exchange(t, l, "code", "~")
		if err := fob.Press(context.Background()); !errors.Is(err, ErrNever) {
			t.Errorf("press gave %v", err)
		}
		expect(t, l, "!", "timeout")
		if waited := time.Since(asked); waited < 15*time.Second || waited > 15*time.Second+100*time.Millisecond {
			t.Errorf("it waited %v, want 15s", waited)
		}
		if s := fob.State(); s.Waiting || s.Presses != 0 {
			t.Errorf("state is %+v", s)
		}
	})
}

func TestPressWaitsForTheToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, ls := newBench(t, fobBench("button: manual"))
		defer closeBench(t, b)
		l, fob := ls.at("/tmp/fob1"), mustToken(t, b, "fob1")

		began := time.Now()
		if err := b.Press(context.Background(), fob, 10*time.Second); !errors.Is(err, ErrNotWaiting) {
			t.Errorf("a press that nobody asked for gave %v", err)
		}
		if waited := time.Since(began); waited != 10*time.Second {
			t.Errorf("it waited %v", waited)
		}

		pressed := make(chan error)
		go func() { pressed <- b.Press(context.Background(), fob, time.Minute) }()
		time.Sleep(30 * time.Second)
		exchange(t, l, "code", "~")
		expect(t, l, "digits=")
		check(t, <-pressed)

		ctx, cancel := context.WithCancel(context.Background())
		go func() { pressed <- b.Press(ctx, fob, time.Minute) }()
		synctest.Wait()
		cancel()
		if err := <-pressed; !errors.Is(err, context.Canceled) {
			t.Errorf("a press that was given up gave %v", err)
		}
	})
}

func TestFobUnplugged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, ls := newBench(t, fobBench("button: manual"))
		defer closeBench(t, b)
		l, fob := ls.at("/tmp/fob1"), mustToken(t, b, "fob1")
		exchange(t, l, "code", "~")
		check(t, fob.Unplug())
		if _, ok := l.answer(); ok {
			t.Error("the unplugged fob still answered")
		}
		if s := fob.State(); s.Plugged || s.Waiting || s.Commands != 1 {
			t.Errorf("state is %+v", s)
		}
		if err := fob.Press(context.Background()); !errors.Is(err, ErrUnplugged) {
			t.Errorf("press gave %v", err)
		}
		check(t, fob.Unplug())

		// Its clock runs on without the line, and its counts go on.
		time.Sleep(time.Hour)
		check(t, fob.Plug())
		l = ls.at("/tmp/fob1")
		exchange(t, l, "clock", "unix=946688400")
		if s := fob.State(); !s.Plugged || s.Plugs != 2 || s.Commands != 2 {
			t.Errorf("state is %+v", s)
		}
	})
}

func TestFobWhoseLineBreaksIsUnplugged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, ls := newBench(t, fobBench())
		defer closeBench(t, b)
		ls.at("/tmp/fob1").Close()
		synctest.Wait()
		fob := mustToken(t, b, "fob1")
		if s := fob.State(); s.Plugged {
			t.Errorf("state is %+v", s)
		}
		check(t, fob.Plug())
		exchange(t, ls.at("/tmp/fob1"), "clock", "unix=")
	})
}

func TestFobFaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, ls := newBench(t, fobBench())
		defer closeBench(t, b)
		l, fob := ls.at("/tmp/fob1"), mustToken(t, b, "fob1")

		// The second of two commands in one piece is the one that is dropped.
		check(t, fob.AddFault(api.Fault{Kind: api.FaultDrop, After: 1}))
		exchange(t, l, "identity\r\nclock\r\nhello", "identity")
		expect(t, l, "hello")

		check(t, fob.AddFault(api.Fault{Kind: api.FaultTruncate, Bytes: 4}))
		if got := exchange(t, l, "identity\r\nclock"); !strings.HasPrefix(got, "f1=0f1=0 clock") {
			t.Errorf("the cut answer and the next are %q", got)
		}

		check(t, fob.AddFault(api.Fault{Kind: api.FaultDelay, DelayMS: 2500}))
		asked := time.Now()
		exchange(t, l, "clock", "unix=")
		if waited := time.Since(asked); waited != 2500*time.Millisecond {
			t.Errorf("it answered after %v", waited)
		}

		check(t, fob.AddFault(api.Fault{Kind: api.FaultRemove}))
		if !l.ask("clock") {
			t.Fatal("the line closed too early")
		}
		if got, ok := l.answer(); ok {
			t.Errorf("the removed fob answered %q", got)
		}
		synctest.Wait()
		if s := fob.State(); s.Plugged || len(s.Faults) != 0 {
			t.Errorf("state is %+v", s)
		}
		if err := fob.AddFault(api.Fault{Kind: api.FaultStatus, SW: 0x6985}); err == nil {
			t.Error("a fob took a status word")
		}
	})
}

func TestFobUnpluggedWhileItIsLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, ls := newBench(t, fobBench("button: manual"))
		defer closeBench(t, b)
		l, fob := ls.at("/tmp/fob1"), mustToken(t, b, "fob1")
		check(t, fob.AddFault(api.Fault{Kind: api.FaultDelay, DelayMS: 600_000}))
		l.ask("clock")
		synctest.Wait() // the fob has it, and dawdles
		pressed := make(chan error)
		go func() { pressed <- fob.Press(context.Background()) }()
		synctest.Wait()
		began := time.Now()
		check(t, fob.Unplug())
		if err := <-pressed; !errors.Is(err, ErrUnplugged) {
			t.Errorf("press gave %v", err)
		}
		if waited := time.Since(began); waited != 0 {
			t.Errorf("unplugging took %v", waited)
		}
	})
}

func TestFobReset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "fob1.state")
		b, ls := newBench(t, fobBench("state: "+path, "clock: {offset: -40s, ppm: 20}"))
		defer closeBench(t, b)
		fob := mustToken(t, b, "fob1")
		before := exchange(t, ls.at("/tmp/fob1"), "code", "digits=")
		advance, freeze := time.Hour, true
		check(t, fob.ChangeClock(clock.Change{Advance: &advance, Freeze: &freeze}))
		check(t, fob.AddFault(api.Fault{Kind: api.FaultDrop}))

		check(t, fob.Reset())
		s := fob.State()
		if s.Clock.OffsetMS != -40_000 || s.Clock.PPM != 20 || s.Clock.Frozen || len(s.Faults) != 0 ||
			s.Codes != 0 || s.Commands != 0 || !s.Plugged || s.Plugs != 2 {
			t.Errorf("state after reset is %+v", s)
		}
		if after := exchange(t, ls.at("/tmp/fob1"), "code", "digits="); after != before {
			t.Errorf("the code was %q and is %q", before, after)
		}

		check(t, fob.Unplug())
		check(t, fob.Reset())
		if s := fob.State(); s.Plugged {
			t.Error("reset plugged an unplugged fob in")
		}
	})
}

func TestFobStateGoesBeforeTheBenchFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		state := "state: " + filepath.Join(t.TempDir(), "fob1.state")
		codes := map[string]string{}
		for _, run := range []struct{ name, seed string }{
			{"first", "seed: " + rfcBase32},
			{"again", "seed: " + strings.Repeat("A", 32)},
		} {
			b, ls := newBench(t, fobBench(state, run.seed))
			codes[run.name] = exchange(t, ls.at("/tmp/fob1"), "code", "digits=")
			if run.name == "again" { // the file's seed comes with a reset
				check(t, mustToken(t, b, "fob1").Reset())
				codes["reset"] = exchange(t, ls.at("/tmp/fob1"), "code", "digits=")
			}
			closeBench(t, b)
		}
		if codes["again"] != codes["first"] {
			t.Errorf("a fob with state gave %q, then %q", codes["first"], codes["again"])
		}
		if codes["reset"] == codes["first"] {
			t.Error("after a reset the old seed is still there")
		}
	})
}
