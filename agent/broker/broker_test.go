package broker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fob-auth/fob/devices"
)

func TestTokensComeAndGo(t *testing.T) {
	inBubble(t, func(t *testing.T, b *Broker, d *fakeDriver) {
		d.plug("usb1", newFakeToken("111", "AWS:carol", "AWS:bob"))
		d.plug("usb2", newFakeToken("222", "AWS:carol"))
		synctest.Wait()
		if list := b.Tokens(); len(list) != 2 || list[0].Info.Serial != "111" || list[0].State != StateReady || !list[0].Info.Slot.Emulated || list[0].Info.Slot.Driver != "fake" {
			t.Errorf("tokens: %+v", list)
		}
		for _, c := range []struct {
			name, serial string
			want         int
		}{{"AWS:carol", "", 2}, {"AWS:carol", "222", 1}, {"", "111", 2}, {"", "", 3}, {"AWS:bob", "", 1}} {
			if found, err := b.Find(c.name, c.serial); err != nil || len(found) != c.want {
				t.Errorf("find %q on %q: %d, %v", c.name, c.serial, len(found), err)
			}
		}
		// A part of a name is another name.
		_, err := b.Find("carol", "")
		var unknown *NotFoundError
		if !errors.As(err, &unknown) {
			t.Errorf("find a part of a name: %v", err)
		}
		d.unplug("usb1")
		synctest.Wait()
		var missing *NoTokenError
		if _, err := b.Find("AWS:carol", "111"); !errors.As(err, &missing) || missing.Serial != "111" {
			t.Errorf("find on a token that is gone: %v", err)
		}
		if err := code(t.Context(), b, "111"); !errors.As(err, &missing) {
			t.Errorf("ask a token that is gone: %v", err)
		}
		if err := code(t.Context(), b, "222"); err != nil {
			t.Errorf("ask the other: %v", err)
		}
	})
}

// TestOnOpen: who greets tokens does so once for each opening, before anybody
// asks for anything, and what goes wrong there is the token's failure.
func TestOnOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newFakeDriver()
		var greeted []string
		fails := false
		b := New(Options{Drivers: []NamedDriver{{"fake", d}}, Log: discard(), OnOpen: func(_ context.Context, token devices.Token) {
			greeted = append(greeted, token.Info().Serial) // the keeper's goroutine alone is here
			if fails {
				panic("greeting")
			}
		}})
		ctx, cancel := context.WithCancel(t.Context())
		ran := make(chan error)
		go func() { ran <- b.Run(ctx) }()
		listed := 0
		token := newFakeToken("111", "AWS:carol")
		list := token.list
		token.list = func(ctx context.Context) ([]devices.Credential, error) {
			if listed++; len(greeted) != listed {
				t.Errorf("listed %d times, greeted %d times before", listed, len(greeted))
			}
			return list(ctx)
		}
		d.plug("usb1", token)
		synctest.Wait()
		gone := b.Do(t.Context(), "111", "pull", func(context.Context, devices.Token) error { return devices.ErrRemoved })
		if err := code(t.Context(), b, "111"); err != nil || !errors.Is(gone, devices.ErrRemoved) {
			t.Errorf("opened anew: %v, %v", gone, err)
		}
		if len(greeted) != 2 {
			t.Errorf("greeted %q, want twice", greeted)
		}
		fails = true
		d.plug("usb1", token)
		synctest.Wait()
		var panicked *PanicError
		if err := code(t.Context(), b, "111"); !errors.As(err, &panicked) {
			t.Errorf("a greeting that panicked: %v", err)
		}
		cancel()
		if err := <-ran; err != nil {
			t.Error(err)
		}
	})
}

func TestOneAtATime(t *testing.T) {
	inBubble(t, func(t *testing.T, b *Broker, d *fakeDriver) {
		token := newFakeToken("111", "AWS:carol")
		d.plug("usb1", token)
		synctest.Wait()
		var callers sync.WaitGroup
		for range 200 {
			callers.Go(func() {
				for range 500 {
					if err := code(t.Context(), b, "111"); err != nil {
						t.Error(err)
					}
				}
			})
		}
		callers.Wait()
		if n := token.overlap.Load(); n != 0 {
			t.Errorf("%d calls ran at once", n)
		}
	})
}

func TestCallerLeaves(t *testing.T) {
	inBubble(t, func(t *testing.T, b *Broker, d *fakeDriver) {
		d.plug("usb1", newFakeToken("111", "AWS:carol"))
		synctest.Wait()
		touched := make(chan struct{}, 1)
		begin := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		err := b.Do(ctx, "111", "compute a code", func(ctx context.Context, _ devices.Token) error {
			defer Waiting(ctx)()
			select {
			case <-time.After(15 * time.Second):
				touched <- struct{}{}
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != 5*time.Second {
			t.Errorf("after %s: %v", time.Since(begin), err)
		}
		if s := b.Tokens()[0].State; s != StateWaiting {
			t.Errorf("state is %s while the touch is awaited", s)
		}
		// One that gives up before its turn is never begun.
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begun := false
		err = b.Do(short, "111", "compute a code", func(context.Context, devices.Token) error { begun = true; return nil })
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("queued caller: %v", err)
		}
		<-touched
		if time.Since(begin) != 15*time.Second {
			t.Errorf("touch over after %s", time.Since(begin))
		}
		if err := code(t.Context(), b, "111"); err != nil {
			t.Errorf("next caller: %v", err)
		}
		if begun {
			t.Error("a request was begun whose caller had left")
		}
	})
}

func TestRemovalAnswersAll(t *testing.T) {
	inBubble(t, func(t *testing.T, b *Broker, d *fakeDriver) {
		token := newFakeToken("111", "AWS:carol")
		d.plug("usb1", token)
		synctest.Wait()
		answers := make(chan error)
		for range queued + 5 {
			go func() {
				answers <- b.Do(t.Context(), "111", "compute a code", func(ctx context.Context, _ devices.Token) error {
					<-ctx.Done()
					return context.Cause(ctx)
				})
			}()
		}
		synctest.Wait()
		d.unplug("usb1")
		for range queued + 5 {
			var named *devices.Error
			if err := <-answers; !errors.Is(err, devices.ErrRemoved) {
				t.Errorf("%v", err)
			} else if errors.As(err, &named) && named.Token != "111" {
				t.Errorf("token in the error: %q", named.Token)
			}
		}
		synctest.Wait()
		if token.closed.Load() != 1 {
			t.Errorf("token was closed %d times", token.closed.Load())
		}
	})
}

func TestSameSerialTwice(t *testing.T) {
	inBubble(t, func(t *testing.T, b *Broker, d *fakeDriver) {
		first, second := newFakeToken("111", "AWS:carol"), newFakeToken("111", "AWS:carol", "AWS:bob")
		d.plug("a", first)
		synctest.Wait()
		d.plug("b", second)
		synctest.Wait()
		list := b.Tokens()
		if len(list) != 1 || list[0].State != StateReady || list[0].Info.Slot.Path != "a" ||
			!slices.ContainsFunc(list[0].Info.Notes, func(n string) bool { return strings.Contains(n, "also in b") }) {
			t.Fatalf("%+v", list)
		}
		if second.closed.Load() != 1 {
			t.Error("the second one is held open")
		}
		if found, err := b.Find("AWS:carol", "111"); err != nil || len(found) != 1 {
			t.Errorf("found %d, %v", len(found), err)
		}
		d.unplug("a")
		synctest.Wait()
		if found, err := b.Find("AWS:bob", "111"); err != nil || len(found) != 1 {
			t.Errorf("after the first one went: %v, %v", found, err)
		}
		if list := b.Tokens(); len(list) != 1 || list[0].Info.Slot.Path != "b" || len(list[0].Info.Notes) != 0 {
			t.Errorf("after the first one went: %+v", list)
		}
	})
}

// TestSameSerialByTwoDrivers: what no one device can be is not joined.
func TestSameSerialByTwoDrivers(t *testing.T) {
	first := devices.Slot{Driver: "pcsc", Path: "a"}
	list := []TokenState{
		{Info: devices.Info{Serial: "111", Slot: first}, State: StateReady},
		{Info: devices.Info{Serial: "111", Slot: devices.Slot{Driver: "emulated", Path: "b"}}, State: StateFailed, Err: &DuplicateError{"111", first}},
		{Info: devices.Info{Serial: "111", Slot: devices.Slot{Driver: "pcsc", Path: "c"}}, State: StateFailed, Err: &DuplicateError{"111", devices.Slot{Driver: "pcsc", Path: "gone"}}},
	}
	if got := joined(slices.Clone(list)); len(got) != 3 || len(got[0].Info.Notes) != 0 {
		t.Errorf("%+v", got)
	}
}

func TestLockedTokenAndRefresh(t *testing.T) {
	inBubble(t, func(t *testing.T, b *Broker, d *fakeDriver) {
		token := newFakeToken("111", "AWS:carol")
		list := token.list
		token.list = func(context.Context) ([]devices.Credential, error) { return nil, devices.ErrPassword }
		d.plug("usb1", token)
		synctest.Wait()
		if s := b.Tokens()[0]; s.State != StateLocked || !errors.Is(s.Err, devices.ErrPassword) {
			t.Errorf("%+v", s)
		}
		if err := b.Refresh(t.Context(), "111"); !errors.Is(err, devices.ErrPassword) {
			t.Errorf("refresh: %v", err)
		}
		token.list = list
		if err := b.Refresh(t.Context(), "111"); err != nil {
			t.Errorf("refresh: %v", err)
		}
		if s := b.Tokens()[0]; s.State != StateReady || s.Err != nil || len(s.Credentials) != 1 {
			t.Errorf("%+v", s)
		}
	})
}

func TestChangesAreToldInOrder(t *testing.T) {
	var told []string
	var mu sync.Mutex
	bubble(t, func(c Change) {
		mu.Lock()
		defer mu.Unlock()
		told = append(told, string(c.Kind)+" "+string(c.Token.State))
	}, func(t *testing.T, b *Broker, d *fakeDriver) {
		d.plug("usb1", newFakeToken("111", "AWS:carol"))
		synctest.Wait()
		err := b.Do(t.Context(), "111", "compute a code", func(ctx context.Context, _ devices.Token) error {
			defer Waiting(ctx)()
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		d.unplug("usb1")
		synctest.Wait()
		d.plug("usb1", newFakeToken("111", "AWS:carol"))
		synctest.Wait()
	})
	want := []string{"plugged ready", "changed busy", "changed waiting", "changed busy", "changed ready", "unplugged ready",
		"plugged ready", "unplugged ready"}
	if !slices.Equal(told, want) {
		t.Errorf("told %q", told)
	}
}

// TestNews: a token that says it has news is looked at; what troubles it is told
// of, and one that isn't itself any more is opened anew, under its new serial.
func TestNews(t *testing.T) {
	var told []string
	bubble(t, func(c Change) {
		if c.Kind != Changed {
			told = append(told, fmt.Sprint(c.Kind, " ", c.Token.Info.Serial, " ", c.Token.Info.Troubles))
		}
	}, func(t *testing.T, b *Broker, d *fakeDriver) {
		token := newFakeToken("1", "AWS:carol")
		token.news = make(chan struct{}, 1)
		var troubles []error
		token.info = func() devices.Info { return devices.Info{Serial: token.serial, Troubles: troubles} }
		d.plug("a", token)
		for _, happens := range []func(){
			func() {},
			func() { troubles = []error{devices.ErrClockLost} },
			func() {}, // the same again is no news
			func() { troubles = nil },
			func() {
				list := token.list
				token.list = func(context.Context) ([]devices.Credential, error) {
					token.list = list
					return nil, devices.ErrRemoved
				}
				token.serial = "2"
			},
		} {
			synctest.Wait()
			happens()
			token.news <- struct{}{}
		}
		synctest.Wait()
		if n := token.opened.Load(); n != 2 {
			t.Errorf("opened %d times", n)
		}
		if err := code(t.Context(), b, "2"); err != nil {
			t.Errorf("code of the new serial: %v", err)
		}
	})
	want := []string{"plugged 1 []", "troubled 1 [token lost its time, as after a change of its battery, and gives no codes]", "troubled 1 []",
		"unplugged 1 []", "plugged 2 []", "unplugged 2 []"}
	if !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
}

func TestSettledWaitsForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		b := New(Options{Drivers: []NamedDriver{{"fake", newFakeDriver()}}})
		if err := b.Settled(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a broker that doesn't run: %v", err)
		}
	})
}

// TestThousandPlugs takes a token out and puts it back with requests in flight.
func TestThousandPlugs(t *testing.T) {
	inBubble(t, func(t *testing.T, b *Broker, d *fakeDriver) {
		token := newFakeToken("111", "AWS:carol")
		over := make(chan struct{})
		var callers sync.WaitGroup
		var codes, refused int
		var mu sync.Mutex
		for range 8 {
			callers.Go(func() {
				for {
					select {
					case <-over:
						return
					case <-time.After(time.Millisecond):
					}
					err := code(t.Context(), b, "111")
					var missing *NoTokenError
					mu.Lock()
					switch {
					case err == nil:
						codes++
					case errors.Is(err, devices.ErrRemoved), errors.As(err, &missing):
						refused++
					default:
						t.Errorf("%v", err)
					}
					mu.Unlock()
				}
			})
		}
		for range 1000 {
			d.plug("usb1", token)
			time.Sleep(5 * time.Millisecond)
			d.unplug("usb1")
			time.Sleep(2 * time.Millisecond)
		}
		close(over)
		callers.Wait()
		synctest.Wait()
		if codes < 1000 || refused < 1000 {
			t.Errorf("%d codes, %d refused: that tests nothing", codes, refused)
		}
		if token.overlap.Load() != 0 || token.opened.Load() != token.closed.Load() {
			t.Errorf("overlap %d, opened %d, closed %d", token.overlap.Load(), token.opened.Load(), token.closed.Load())
		}
		if len(b.keepers) != 0 || len(b.lines) != 0 || len(b.serials) != 0 {
			t.Errorf("left: %d keepers, %d lines, %d serials", len(b.keepers), len(b.lines), len(b.serials))
		}
	})
}

func BenchmarkDo(b *testing.B) {
	d := newFakeDriver()
	broker := New(Options{Drivers: []NamedDriver{{"fake", d}}, Log: discard()})
	ctx, cancel := context.WithCancel(b.Context())
	ran := make(chan error)
	go func() { ran <- broker.Run(ctx) }()
	d.plug("usb1", newFakeToken("111", "AWS:carol"))
	for len(broker.Tokens()) == 0 {
		if err := broker.Settled(ctx); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		if err := broker.Do(ctx, "111", "nothing", func(context.Context, devices.Token) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
	cancel()
	if err := <-ran; err != nil {
		b.Error(err)
	}
}

// TestUse: other drivers take the place of the first, whose tokens are put down
// and whose callers are answered.
func TestUse(t *testing.T) {
	inBubble(t, func(t *testing.T, b *Broker, d *fakeDriver) {
		first, second := newFakeToken("111", "AWS:carol"), newFakeToken("222", "AWS:bob")
		d.plug("usb1", first)
		synctest.Wait()
		answer := make(chan error)
		go func() {
			answer <- b.Do(t.Context(), "111", "compute a code", func(ctx context.Context, _ devices.Token) error {
				<-ctx.Done()
				return context.Cause(ctx)
			})
		}()
		synctest.Wait()
		other := newFakeDriver()
		other.plug("usb1", second)
		b.Use([]NamedDriver{{Name: "other", Driver: other}})
		if err := <-answer; !errors.Is(err, ErrReleased) {
			t.Errorf("the caller was told %v", err)
		}
		d.plug("usb2", newFakeToken("333"))
		synctest.Wait()
		if list := b.Tokens(); len(list) != 1 || list[0].Info.Serial != "222" || first.closed.Load() != 1 {
			t.Errorf("tokens: %+v, the first was closed %d times", list, first.closed.Load())
		}
		if states := b.Drivers(); len(states) != 1 || states[0].Name != "other" {
			t.Errorf("drivers: %+v", states)
		}
		b.Use([]NamedDriver{{Name: "fake", Driver: d}})
		synctest.Wait()
		if list := b.Tokens(); len(list) != 2 || first.opened.Load() != 2 || second.closed.Load() != 1 {
			t.Errorf("the same again: %+v", list)
		}
	})
}
