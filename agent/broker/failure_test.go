package broker

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fob-auth/fob/devices"
)

func TestPanicsAreContained(t *testing.T) {
	for _, where := range []string{"open", "info", "list", "request", "close"} {
		t.Run(where, func(t *testing.T) {
			inBubble(t, func(t *testing.T, b *Broker, d *fakeDriver) {
				bad := true
				token := newFakeToken("111", "AWS:carol")
				list := token.list
				trip := func(at string) {
					if bad && at == where {
						bad = false
						panic("digits 123456")
					}
				}
				d.open = func(context.Context, devices.Slot) (devices.Token, error) { trip("open"); return token, nil }
				token.info = func() devices.Info { trip("info"); return devices.Info{Serial: "111"} }
				token.list = func(ctx context.Context) ([]devices.Credential, error) { trip("list"); return list(ctx) }
				token.close = func() error { trip("close"); return nil }
				d.plug("usb1", token)
				synctest.Wait()
				var panicked *PanicError
				err := b.Do(t.Context(), "111", "compute a code", func(context.Context, devices.Token) error { trip("request"); return nil })
				switch {
				case where == "close" && err != nil:
					t.Errorf("%v", err)
				case where == "request" && !errors.As(err, &panicked):
					t.Errorf("%v", err)
				case where == "list" && !errors.As(err, &panicked):
					t.Errorf("%v", err)
				}
				synctest.Wait()
				if shown := b.Tokens()[0].Err; where != "close" && (!errors.As(shown, &panicked) || strings.Contains(shown.Error(), "123456")) {
					t.Errorf("shown: %v", shown)
				}
				// The token is opened again, and serves.
				time.Sleep(firstRetry)
				synctest.Wait()
				if err := code(t.Context(), b, "111"); err != nil {
					t.Errorf("afterwards: %v", err)
				}
			})
		})
	}
}

func TestStuckCallCostsItsTokenAlone(t *testing.T) {
	inBubble(t, func(t *testing.T, b *Broker, d *fakeDriver) {
		d.plug("usb1", newFakeToken("111", "AWS:carol"))
		d.plug("usb2", newFakeToken("222", "AWS:carol"))
		synctest.Wait()
		release := make(chan struct{})
		begin := time.Now()
		answers := make(chan error)
		go func() {
			answers <- b.Do(t.Context(), "111", "compute a code", func(context.Context, devices.Token) error { <-release; return nil })
		}()
		synctest.Wait()
		go func() { answers <- code(t.Context(), b, "111") }()
		synctest.Wait()
		if err := code(t.Context(), b, "222"); err != nil {
			t.Errorf("the other token: %v", err)
		}
		for range 2 {
			var stuck *StuckError
			if err := <-answers; !errors.As(err, &stuck) || stuck.Op != "compute a code" {
				t.Errorf("%v", err)
			}
		}
		if d := time.Since(begin); d != CallBound+grace {
			t.Errorf("answered after %s", d)
		}
		if s := b.Tokens()[0]; s.State != StateFailed || s.Info.Serial != "111" {
			t.Errorf("state: %+v", s)
		}
		// However often it is put back, nothing is opened there meanwhile.
		before := d.opens.Load()
		for range 100 {
			d.plug("usb1", newFakeToken("111", "AWS:carol"))
			time.Sleep(time.Second)
			d.unplug("usb1")
			time.Sleep(time.Second)
		}
		d.plug("usb1", newFakeToken("111", "AWS:carol"))
		time.Sleep(2 * grace)
		var stuck *StuckError
		if s := b.Tokens()[0]; s.State != StateFailed || !errors.As(s.Err, &stuck) {
			t.Errorf("state after it was put back: %+v", s)
		}
		if n := d.opens.Load(); n != before {
			t.Errorf("%d opened beside the stuck call", n-before)
		}
		close(release)
		synctest.Wait()
		if err := code(t.Context(), b, "111"); err != nil {
			t.Errorf("once it returned: %v", err)
		}
	})
}

func TestStuckTokenRecoversInPlace(t *testing.T) {
	inBubble(t, func(t *testing.T, b *Broker, d *fakeDriver) {
		token := newFakeToken("111", "AWS:carol")
		d.plug("usb1", token)
		synctest.Wait()
		err := b.Do(t.Context(), "111", "compute a code", func(context.Context, devices.Token) error { time.Sleep(2 * CallBound); return nil })
		var stuck *StuckError
		if !errors.As(err, &stuck) {
			t.Fatalf("%v", err)
		}
		if err := code(t.Context(), b, "111"); !errors.As(err, &stuck) {
			t.Errorf("meanwhile: %v", err)
		}
		time.Sleep(2 * CallBound)
		if err := code(t.Context(), b, "111"); err != nil || token.opened.Load() != 2 {
			t.Errorf("afterwards: %v, opened %d times", err, token.opened.Load())
		}
	})
}

func TestDriverFails(t *testing.T) {
	inBubble(t, func(t *testing.T, b *Broker, d *fakeDriver) {
		d.plug("usb1", newFakeToken("111", "AWS:carol"))
		synctest.Wait()
		for _, err := range []error{errors.New("bench is gone"), nil} {
			d.fail <- err
			synctest.Wait()
			if s := b.Drivers()[0]; s.Err == nil || len(b.Tokens()) != 0 {
				t.Errorf("driver %v, tokens %v", s, b.Tokens())
			}
			time.Sleep(firstRetry)
			synctest.Wait()
			if s := b.Drivers()[0]; s.Err != nil || len(b.Tokens()) != 1 {
				t.Errorf("driver %v, tokens %v", s, b.Tokens())
			}
		}
	})
}

func TestOpenIsTriedAgain(t *testing.T) {
	inBubble(t, func(t *testing.T, b *Broker, d *fakeDriver) {
		token := newFakeToken("111", "AWS:carol")
		var free atomic.Bool
		d.open = func(context.Context, devices.Slot) (devices.Token, error) {
			if !free.Load() {
				return nil, devices.ErrBusy
			}
			return token, nil
		}
		d.plug("usb1", token)
		synctest.Wait() // until the broker has heard of it
		if err := b.Settled(t.Context()); err != nil {
			t.Fatal(err)
		}
		if s := b.Tokens()[0]; s.State != StateFailed || !errors.Is(s.Err, devices.ErrBusy) {
			t.Errorf("%+v", s)
		}
		time.Sleep(time.Minute)
		if n := d.opens.Load(); n < 8 || n > 14 {
			t.Errorf("tried %d times in a minute", n)
		}
		free.Store(true)
		time.Sleep(lastRetry)
		synctest.Wait()
		if err := code(t.Context(), b, "111"); err != nil {
			t.Error(err)
		}
	})
}

// TestSlowOpening asks a token that has told its serial, but not yet its
// credentials.
func TestSlowOpening(t *testing.T) {
	inBubble(t, func(t *testing.T, b *Broker, d *fakeDriver) {
		token := newFakeToken("111", "AWS:carol")
		list := token.list
		token.list = func(ctx context.Context) ([]devices.Credential, error) { time.Sleep(3 * time.Second); return list(ctx) }
		d.plug("usb1", token)
		synctest.Wait()
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := code(short, b, "111"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		if err := code(t.Context(), b, "111"); err != nil {
			t.Errorf("%v", err)
		}
	})
}

// TestLateToken gives up in time, but only when its time is over.
func TestLateToken(t *testing.T) {
	inBubble(t, func(t *testing.T, b *Broker, d *fakeDriver) {
		d.plug("usb1", newFakeToken("111", "AWS:carol"))
		synctest.Wait()
		err := b.Do(t.Context(), "111", "compute a code", func(ctx context.Context, _ devices.Token) error {
			<-ctx.Done()
			return ctx.Err()
		})
		var named *devices.Error
		if !errors.Is(err, ErrLate) || !errors.As(err, &named) || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		if err := code(t.Context(), b, "111"); err != nil {
			t.Errorf("afterwards: %v", err)
		}
	})
}

// TestManySlots is told of more places than there can be.
func TestManySlots(t *testing.T) {
	inBubble(t, func(t *testing.T, b *Broker, d *fakeDriver) {
		d.set(func() {
			for i := range 2 * maxSlots {
				path := fmt.Sprint("usb", i)
				d.slots[path], d.tokens[path] = devices.Slot{Path: path}, newFakeToken(path)
			}
		})
		synctest.Wait()
		if n := len(b.Tokens()); n != maxSlots {
			t.Errorf("%d tokens", n)
		}
	})
}

func TestBadTokensAreErrors(t *testing.T) {
	for name, bend := range map[string]func(*fakeToken){
		"no serial":   func(f *fakeToken) { f.serial = "" },
		"long serial": func(f *fakeToken) { f.serial = strings.Repeat("1", maxSerial+1) },
		"long list": func(f *fakeToken) {
			f.list = func(context.Context) ([]devices.Credential, error) {
				return make([]devices.Credential, maxCredentials+1), nil
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, b *Broker, d *fakeDriver) {
				token := newFakeToken("111")
				bend(token)
				d.plug("usb1", token)
				synctest.Wait()
				if s := b.Tokens()[0]; s.State != StateFailed || !errors.Is(s.Err, devices.ErrAnswer) || token.opened.Load() != token.closed.Load() {
					t.Errorf("%+v", s)
				}
			})
		})
	}
	t.Run("no token", func(t *testing.T) {
		inBubble(t, func(t *testing.T, b *Broker, d *fakeDriver) {
			d.open = func(context.Context, devices.Slot) (devices.Token, error) { return nil, nil }
			d.plug("usb1", newFakeToken("111"))
			synctest.Wait()
			if s := b.Tokens()[0]; !errors.Is(s.Err, devices.ErrAnswer) {
				t.Errorf("%+v", s)
			}
		})
	})
}

func TestStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		bubbleStop(t, release)
		close(release)
	})
}

// bubbleStop stops a broker one of whose calls doesn't return.
func bubbleStop(t *testing.T, release chan struct{}) {
	d := newFakeDriver()
	b := New(Options{Drivers: []NamedDriver{{"fake", d}}, Log: discard()})
	ctx, cancel := context.WithCancel(t.Context())
	ran := make(chan error)
	go func() { ran <- b.Run(ctx) }()
	d.plug("usb1", newFakeToken("111", "AWS:carol"))
	synctest.Wait()
	answer := make(chan error)
	go func() {
		answer <- b.Do(t.Context(), "111", "compute a code", func(context.Context, devices.Token) error { <-release; return nil })
	}()
	synctest.Wait()
	begin := time.Now()
	cancel()
	if err := <-answer; !errors.Is(err, ErrStopped) {
		t.Errorf("caller: %v", err)
	}
	if err := <-ran; err != nil || time.Since(begin) != stopBound {
		t.Errorf("Run: %v after %s", err, time.Since(begin))
	}
	if err := code(t.Context(), b, "111"); !errors.Is(err, ErrStopped) {
		t.Errorf("afterwards: %v", err)
	}
}
