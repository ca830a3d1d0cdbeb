package broker

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fob-auth/fob/devices"
)

// A fakeDriver is a driver whose slots the test fills and empties.
type fakeDriver struct {
	mu      sync.Mutex
	slots   map[string]devices.Slot
	tokens  map[string]*fakeToken
	changed chan struct{}
	// fail, when sent an error, ends the running Watch with it.
	fail  chan error
	opens atomic.Int64
	// open, where set, stands in for Open.
	open func(context.Context, devices.Slot) (devices.Token, error)
}

func newFakeDriver() *fakeDriver {
	return &fakeDriver{slots: map[string]devices.Slot{}, tokens: map[string]*fakeToken{}, changed: make(chan struct{}, 1), fail: make(chan error)}
}

func (d *fakeDriver) set(change func()) {
	d.mu.Lock()
	change()
	d.mu.Unlock()
	select {
	case d.changed <- struct{}{}:
	default:
	}
}

// plug puts a token into a slot. Each time the slot has another generation.
func (d *fakeDriver) plug(path string, t *fakeToken) {
	d.set(func() {
		s := d.slots[path]
		d.slots[path] = devices.Slot{Path: path, Generation: s.Generation + 1, Emulated: true}
		d.tokens[path] = t
	})
}

func (d *fakeDriver) unplug(path string) { d.set(func() { delete(d.tokens, path) }) }

func (d *fakeDriver) whole() []devices.Slot {
	d.mu.Lock()
	defer d.mu.Unlock()
	var list []devices.Slot
	for path := range d.tokens {
		list = append(list, d.slots[path])
	}
	return list
}

func (d *fakeDriver) Watch(ctx context.Context, out chan<- []devices.Slot) error {
	for {
		select {
		case out <- d.whole():
		case <-ctx.Done():
			return ctx.Err()
		}
		select {
		case <-d.changed:
		case err := <-d.fail:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (d *fakeDriver) Open(ctx context.Context, s devices.Slot) (devices.Token, error) {
	d.opens.Add(1)
	if d.open != nil {
		return d.open(ctx, s)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	t, ok := d.tokens[s.Path]
	if !ok {
		return nil, devices.ErrRemoved
	}
	t.opened.Add(1)
	return t, nil
}

// A fakeToken counts what is done to it at the same time.
type fakeToken struct {
	serial  string
	list    func(context.Context) ([]devices.Credential, error)
	info    func() devices.Info
	close   func() error
	news    chan struct{}
	opened  atomic.Int64
	closed  atomic.Int64
	running atomic.Int64
	overlap atomic.Int64
}

func newFakeToken(serial string, ids ...string) *fakeToken {
	t := &fakeToken{serial: serial}
	t.list = func(context.Context) ([]devices.Credential, error) {
		var list []devices.Credential
		for _, id := range ids {
			list = append(list, devices.Credential{ID: id, Type: devices.TOTP, Digits: 6, Period: Step})
		}
		return list, nil
	}
	return t
}

func (t *fakeToken) Info() devices.Info {
	if t.info != nil {
		return t.info()
	}
	return devices.Info{Serial: t.serial, Model: "fake"}
}

func (t *fakeToken) News() <-chan struct{} { return t.news }

func (t *fakeToken) Close() error {
	t.closed.Add(1)
	if t.close != nil {
		return t.close()
	}
	return nil
}

func (t *fakeToken) Credentials(ctx context.Context) ([]devices.Credential, error) {
	return t.list(ctx)
}

func (t *fakeToken) Code(ctx context.Context, _ string, at time.Time) (devices.Code, error) {
	if t.running.Add(1) > 1 {
		t.overlap.Add(1)
	}
	defer t.running.Add(-1)
	select {
	case <-time.After(time.Millisecond):
		return devices.Code{Digits: "123456", Counter: stepOf(at, Step), Period: Step}, nil
	case <-ctx.Done():
		return devices.Code{}, ctx.Err()
	}
}

func discard() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

// inBubble runs a test against a broker in virtual time, and stops the broker
// at its end: a goroutine that is left over then fails the test.
func inBubble(t *testing.T, f func(t *testing.T, b *Broker, d *fakeDriver)) {
	t.Helper()
	bubble(t, nil, f)
}

func bubble(t *testing.T, onChange func(Change), f func(t *testing.T, b *Broker, d *fakeDriver)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		d := newFakeDriver()
		b := New(Options{Drivers: []NamedDriver{{"fake", d}}, Log: discard(), OnChange: onChange})
		ctx, cancel := context.WithCancel(t.Context())
		ran := make(chan error)
		go func() { ran <- b.Run(ctx) }()
		f(t, b, d)
		cancel()
		if err := <-ran; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}

// code asks a token for a code through the broker.
func code(ctx context.Context, b *Broker, serial string) error {
	return b.Do(ctx, serial, "compute a code", func(ctx context.Context, t devices.Token) error {
		_, err := t.(devices.Coder).Code(ctx, "AWS:carol", time.Now())
		return err
	})
}
