package fob

import (
	"errors"
	"testing"
	"time"

	"github.com/fob-auth/fob/firmware/fob/line"
)

func TestTenSecondPressWipes(t *testing.T) {
	f, b := newSealed(t, Options{Button: ButtonManual})
	if _, err := line.ParseWait(ask(t, f, 1, line.VerbCode)); err != nil {
		t.Fatal(err)
	}
	f.Down()
	b.pass(WipeHold - time.Millisecond)
	if sent := f.Tick(); len(sent) > 0 || !f.Sealed() {
		t.Fatalf("too early: %q", sent)
	}
	b.pass(time.Millisecond)
	got := frames(t, f.Tick())
	if len(got) != 2 || got[1].Verb != line.VerbWiped || got[1].Kind != line.Event {
		t.Fatalf("%+v", got)
	}
	wantFailure(t, got[0], 1, line.VerbCode, line.FailCancelled)
	b.pass(time.Minute)
	if sent := f.Tick(); len(sent) > 0 {
		t.Errorf("held on: %q", sent)
	}
	if sent := f.Up(); len(sent) > 0 || f.Presses() != 0 {
		t.Errorf("let go: %q, %d presses", sent, f.Presses())
	}
	wantFailure(t, ask(t, f, 2, line.VerbCode), 2, line.VerbCode, line.FailUnprovisioned)
	if len(b.stored) != 0 {
		t.Error("the record is still there")
	}
	provision(t, f, "AGAIN", secretSeed())
	f, err := New(b, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if id, err := line.ParseIdentity(ask(t, f, 1, line.VerbIdentity)); err != nil || id.Serial != "AGAIN" {
		t.Errorf("%+v, %v", id, err)
	}
}

// What a factory has set so far goes too.
func TestWipeForgetsWhatIsNotSealed(t *testing.T) {
	f, b := newEquipped(t, Options{})
	for _, req := range provisioning("S", secretSeed())[:3] {
		give(t, f, req)
	}
	f.Down()
	b.pass(WipeHold)
	only(t, f.Up())
	wantFailure(t, give(t, f, line.SealRequest(4)), 4, line.VerbSeal, line.FailIncomplete)
}

// A wipe whose erasing fails leaves a fob that gives no codes.
func TestWipeOnFailingStorage(t *testing.T) {
	f, b := newSealed(t, Options{})
	b.err = errors.New("flash")
	f.Down()
	b.pass(WipeHold)
	wantFailure(t, only(t, f.Tick()), 0, line.VerbLine, line.FailFault)
	wantFailure(t, ask(t, f, 1, line.VerbCode), 1, line.VerbCode, line.FailFault)
	if sent := f.Up(); len(sent) > 0 {
		t.Errorf("let go: %q", sent)
	}
}

// The clock moves nothing but codes where the board counts its uptime.
func TestClockJumpDoesNotWipe(t *testing.T) {
	f, b := newSealed(t, Options{})
	f.Down()
	b.now = b.now.Add(time.Hour)
	if press := only(t, f.Up()); press.Verb != line.VerbPress || !f.Sealed() {
		t.Errorf("%+v, sealed %v", press, f.Sealed())
	}
}

func TestShortPressCountsWhenLetGo(t *testing.T) {
	f, b := newSealed(t, Options{Button: ButtonManual})
	ask(t, f, 1, line.VerbCode)
	if sent := append(f.Down(), f.Down()...); len(sent) > 0 {
		t.Fatalf("down: %q", sent)
	}
	b.pass(time.Second)
	if code, err := line.ParseCode(only(t, f.Up())); err != nil || !code.Time().Equal(b.now.Truncate(time.Millisecond)) {
		t.Errorf("%v, %v", code, err)
	}
	if sent := f.Up(); len(sent) > 0 || f.Presses() != 1 {
		t.Errorf("let go twice: %q, %d presses", sent, f.Presses())
	}
}

func TestRateLimit(t *testing.T) {
	f, b := newSealed(t, Options{CodesPerMinute: 6})
	for i := range 6 {
		if got := ask(t, f, uint16(i+1), line.VerbCode); got.Kind != line.Answer {
			t.Fatalf("code %d: %+v", i, got)
		}
	}
	var refused *line.FailureError
	if !errors.As(ask(t, f, 7, line.VerbCode).Err(), &refused) || refused.Code != line.FailRate || refused.After != 10*time.Second {
		t.Fatalf("%+v", refused)
	}
	b.pass(refused.After - time.Millisecond)
	if got := ask(t, f, 8, line.VerbCode); got.Kind != line.Failure {
		t.Errorf("too early: %+v", got)
	}
	b.pass(time.Millisecond)
	if got := ask(t, f, 9, line.VerbCode); got.Kind != line.Answer {
		t.Errorf("in time: %+v", got)
	}
	given := 0
	for range 3600 {
		b.pass(time.Second)
		if ask(t, f, 10, line.VerbCode).Kind == line.Answer {
			given++
		}
	}
	if given != 360 {
		t.Errorf("%d codes in an hour, want 360", given)
	}
	if got := ask(t, f, 11, line.VerbStatus); got.Kind != line.Answer {
		t.Errorf("other requests are limited: %+v", got)
	}
}

// A clock that jumps, on a board without uptime, can't shut the fob for long.
func TestRateLimitOnJumpingClock(t *testing.T) {
	b := &board{now: factoryTime}
	if err := Provision(b, Identity{Serial: "S"}, secretSeed()); err != nil {
		t.Fatal(err)
	}
	f, err := New(b, Options{CodesPerMinute: 1})
	if err != nil {
		t.Fatal(err)
	}
	ask(t, f, 1, line.VerbCode)
	b.pass(-24 * time.Hour)
	ask(t, f, 2, line.VerbCode)
	b.pass(time.Minute)
	if got := ask(t, f, 3, line.VerbCode); got.Kind != line.Answer {
		t.Errorf("%+v", got)
	}
}
