package policy

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestLock(t *testing.T) {
	var l Lock
	ctx, now := t.Context(), time.Now
	for name, step := range map[string]struct{ got, want error }{
		"no password":     {l.Lock(nil), ErrPassword},
		"a long password": {l.Lock(make([]byte, maxPassword+1)), ErrPassword},
		"unlock open":     {l.Unlock(ctx, "a", []byte("x"), now), ErrNotLocked},
	} {
		if !errors.Is(step.got, step.want) {
			t.Errorf("%s: %v", name, step.got)
		}
	}
	if l.Locked() {
		t.Fatal("it begins locked")
	}
	if err := l.Lock([]byte("open sesame")); err != nil || !l.Locked() {
		t.Fatal(err)
	}
	if err := l.Lock([]byte("another")); !errors.Is(err, ErrLocked) {
		t.Errorf("locked again: %v", err)
	}
	if err := l.Arm([]byte("another")); !errors.Is(err, ErrLocked) {
		t.Errorf("armed while locked: %v", err)
	}
	if err := l.Unlock(ctx, "a", []byte("another"), now); !errors.Is(err, ErrWrongPassword) || !l.Locked() {
		t.Errorf("wrong password: %v", err)
	}
	if err := l.Unlock(ctx, "b", []byte("open sesame"), now); err != nil || l.Locked() {
		t.Errorf("right password: %v", err)
	}
}

// TestBackOff guesses wrong in virtual time: the client waits longer each time,
// up to ten seconds, and nobody else waits for it.
func TestBackOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := Lock{cost: 16}
		if err := l.Lock([]byte("right")); err != nil {
			t.Fatal(err)
		}
		for _, want := range []time.Duration{500 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 10 * time.Second, 10 * time.Second} {
			if err := l.Unlock(t.Context(), "guesser", []byte("wrong"), time.Now); !errors.Is(err, ErrWrongPassword) {
				t.Fatalf("guess: %v", err)
			}
			var wait *WaitError
			if err := l.Unlock(t.Context(), "guesser", []byte("right"), time.Now); !errors.As(err, &wait) || wait.After != want {
				t.Errorf("at once: %v, want a wait of %v", err, want)
			}
			if !l.Locked() {
				t.Fatal("it is open")
			}
			time.Sleep(want)
		}
		if err := l.Unlock(t.Context(), "guesser", []byte("wrong"), time.Now); !errors.Is(err, ErrWrongPassword) {
			t.Fatal(err)
		}
		if err := l.Unlock(t.Context(), "owner", []byte("right"), time.Now); err != nil {
			t.Errorf("somebody else: %v", err)
		}
	})
}

// TestManyGuessers bounds what is remembered of them.
func TestManyGuessers(t *testing.T) {
	l := Lock{cost: 16}
	if err := l.Lock([]byte("right")); err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for i := range 2 * maxClients {
		l.missed(fmt.Sprint(i), now.Add(time.Duration(i)*time.Second))
	}
	if len(l.misses) > maxClients {
		t.Errorf("%d clients are remembered", len(l.misses))
	}
}

// TestParallelGuesses: a client's guesses at one moment count as one.
func TestParallelGuesses(t *testing.T) {
	l := Lock{cost: 16}
	if err := l.Lock([]byte("right")); err != nil {
		t.Fatal(err)
	}
	at := time.Now()
	now := func() time.Time { return at }
	wrong := make(chan error, 8)
	var all sync.WaitGroup
	for range cap(wrong) {
		all.Go(func() { wrong <- l.Unlock(t.Context(), "guesser", []byte("wrong"), now) })
	}
	all.Wait()
	hashed := 0
	for range cap(wrong) {
		if errors.Is(<-wrong, ErrWrongPassword) {
			hashed++
		}
	}
	if hashed != 1 {
		t.Errorf("%d guesses were hashed", hashed)
	}
}

// TestCloseWithoutAPassword: idleness locks with the password that was last
// set; where none was, any opens.
func TestCloseWithoutAPassword(t *testing.T) {
	var l Lock
	if !l.Close() || l.Close() || !l.Locked() {
		t.Error("close")
	}
	if err := l.Unlock(t.Context(), "a", nil, time.Now); err != nil {
		t.Error(err)
	}
	if err := l.Arm([]byte("right")); err != nil || l.Locked() {
		t.Fatal(err)
	}
	l.Close()
	if err := l.Unlock(t.Context(), "a", nil, time.Now); !errors.Is(err, ErrWrongPassword) {
		t.Errorf("no password: %v", err)
	}
	if err := l.Unlock(t.Context(), "b", []byte("right"), time.Now); err != nil {
		t.Error(err)
	}
}
