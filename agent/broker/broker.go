package broker

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/fob-auth/fob/devices"
)

// CallBound is how long one operation of a token may take: a YubiKey waits 15 s
// for its touch.
const CallBound = 30 * time.Second

// Bounds of what a driver may do to the broker.
const (
	// openBound is how long a token may take to be opened.
	openBound = 10 * time.Second
	// grace is how long a call may take to notice that its time is over.
	grace = 2 * time.Second
	// stopBound is how long the broker waits for its keepers when it stops.
	stopBound = time.Second
	// Failed drivers and tokens are tried again after firstRetry, then after
	// ever twice as long, up to lastRetry.
	firstRetry = 250 * time.Millisecond
	lastRetry  = 8 * time.Second
	// queued is how many requests a token holds that it hasn't begun.
	queued = 16
	// maxChanges is how many changes wait for OnChange.
	maxChanges = 1024
	// Limits of what a driver may tell of, and a token of itself.
	maxSlots       = 256
	maxSerial      = 256
	maxCredentials = 1024
)

// A NamedDriver is a driver and what it is called: two of one kind have two
// names.
type NamedDriver struct {
	Name string
	devices.Driver
}

// Options say what the broker works with.
type Options struct {
	Drivers []NamedDriver
	Log     *slog.Logger
	// OnChange is told of each change, in order, by one goroutine; nil where
	// nobody wants to know.
	OnChange func(Change)
	// OnOpen is told of each token that was opened, once its serial is claimed
	// and before its first request, on the goroutine that owns it. It must not
	// call Do. Nil where nobody wants to know.
	OnOpen func(ctx context.Context, t devices.Token)
}

// A ChangeKind is what happened to a token.
type ChangeKind string

// The kinds of change.
const (
	// Plugged: a token was plugged in and opened.
	Plugged ChangeKind = "plugged"
	// Unplugged: a token that was plugged in is gone.
	Unplugged ChangeKind = "unplugged"
	// Changed: its state or its credentials are other than before.
	Changed ChangeKind = "changed"
	// Troubled: its Info tells of other troubles than before, or of none.
	Troubled ChangeKind = "troubled"
)

// A Change tells of a token what happened, and how it is since.
type Change struct {
	Kind  ChangeKind
	Token TokenState
}

// A State is how a token does.
type State string

// The states of a token.
const (
	StateReady State = "ready"
	// StateWaiting: it waits for a person's touch.
	StateWaiting State = "waiting"
	// StateBusy: an operation runs, or it is being opened.
	StateBusy State = "busy"
	// StateLocked: it wants its password before it tells its credentials.
	StateLocked State = "locked"
	// StateFailed: Err says why it can't be used.
	StateFailed State = "failed"
)

// A TokenState is a token as the broker last saw it.
type TokenState struct {
	// Info is what the token says of itself; before it was opened, only its
	// Slot is known.
	Info devices.Info
	// Credentials are as last listed.
	Credentials []devices.Credential
	State       State
	Err         error
}

// A DriverState is how a driver does.
type DriverState struct {
	Name string
	// Err is why it can't say what is plugged in; nil where it can.
	Err error
}

// A Broker keeps the tokens. Its methods may be called from any goroutine.
type Broker struct {
	drivers  []NamedDriver
	log      *slog.Logger
	onChange func(Change)
	onOpen   func(context.Context, devices.Token)

	mu      sync.Mutex
	watches map[string]*watch
	keepers map[place]*keeper
	serials map[string]*keeper
	lines   map[place]*line
	// changed is closed, and replaced, whenever something changes.
	changed chan struct{}
	changes []Change
	stopped bool
	// turned is closed, and replaced, when Use gives other drivers.
	turned chan struct{}

	// work counts keepers and watchers.
	work sync.WaitGroup
}

// A place is where a token can be: a driver's name and a path within it.
type place struct{ driver, path string }

// A watch is what is known of a driver.
type watch struct {
	name string
	// heard says that the driver has told at least once what is plugged in.
	heard bool
	err   error
}

// New returns a broker that does nothing until [Broker.Run].
func New(o Options) *Broker {
	b := &Broker{
		drivers: o.Drivers, log: o.Log, onChange: o.OnChange, onOpen: o.OnOpen,
		watches: map[string]*watch{}, keepers: map[place]*keeper{}, serials: map[string]*keeper{}, lines: map[place]*line{},
		changed: make(chan struct{}), turned: make(chan struct{}),
	}
	for _, d := range o.Drivers {
		b.watches[d.Name] = &watch{name: d.Name}
	}
	return b
}

// Use puts down every token and goes on with other drivers, which may be the
// same again. A request that a token has begun ends with [ErrReleased].
func (b *Broker) Use(drivers []NamedDriver) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.stopped {
		return
	}
	for _, k := range b.keepers {
		b.remove(k, ErrReleased)
	}
	b.drivers, b.watches = drivers, map[string]*watch{}
	for _, d := range drivers {
		b.watches[d.Name] = &watch{name: d.Name}
	}
	close(b.turned)
	b.turned = make(chan struct{})
	b.announce()
}

// watchAll keeps the drivers that there are watching, until ctx ends.
func (b *Broker) watchAll(ctx context.Context) {
	for ctx.Err() == nil {
		b.mu.Lock()
		drivers, watches, turned := b.drivers, b.watches, b.turned
		b.mu.Unlock()
		turn, over := context.WithCancel(ctx)
		for _, d := range drivers {
			b.work.Go(func() { b.watch(turn, d, watches[d.Name]) })
		}
		select {
		case <-turned:
		case <-ctx.Done():
		}
		over()
	}
}

// Run watches the drivers and keeps the tokens until ctx ends. It may be
// called once.
func (b *Broker) Run(ctx context.Context) error {
	stop := make(chan struct{})
	told := make(chan struct{})
	go func() {
		defer close(told)
		b.tell(stop)
	}()
	b.watchAll(ctx)
	b.stop()
	idle := make(chan struct{})
	go func() {
		b.work.Wait()
		close(idle)
	}()
	bound := time.NewTimer(stopBound)
	defer bound.Stop()
	select {
	case <-idle:
	case <-bound.C:
		b.log.Warn("stopped while a token's driver still works", "tokens", b.stragglers())
	}
	close(stop)
	<-told
	return nil
}

// stop ends all keepers.
func (b *Broker) stop() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stopped = true
	for _, k := range b.keepers {
		b.remove(k, ErrStopped)
	}
}

// stragglers names the places in which a call hasn't returned.
func (b *Broker) stragglers() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var names []string
	for at := range b.lines {
		names = append(names, at.driver+" "+at.path)
	}
	slices.Sort(names)
	return names
}

// Tokens returns all tokens that are plugged in, in the order of their slots. One
// that its driver sees in two slots, as a key is that has two interfaces in two
// readers, is one token, with a note on the slot that isn't used.
func (b *Broker) Tokens() []TokenState {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := make([]TokenState, 0, len(b.keepers))
	for _, k := range b.keepers {
		list = append(list, k.snapshot())
	}
	slices.SortFunc(list, func(x, y TokenState) int {
		if c := strings.Compare(x.Info.Slot.Driver, y.Info.Slot.Driver); c != 0 {
			return c
		}
		return strings.Compare(x.Info.Slot.Path, y.Info.Slot.Path)
	})
	return joined(list)
}

// joined takes a token's second slot off a list and tells of it on the first. A
// serial that two drivers tell of stays two tokens: a copy must show.
func joined(list []TokenState) []TokenState {
	there := make(map[devices.Slot]bool, len(list))
	for _, t := range list {
		there[t.Info.Slot] = true
	}
	also := make(map[devices.Slot][]string)
	list = slices.DeleteFunc(list, func(t TokenState) bool {
		var double *DuplicateError
		if !errors.As(t.Err, &double) || double.First.Driver != t.Info.Slot.Driver || !there[double.First] {
			return false
		}
		also[double.First] = append(also[double.First], "also in "+t.Info.Slot.Path+", and not used there: it is the same token, or a copy")
		return true
	})
	for i := range list {
		list[i].Info.Notes = append(slices.Clip(list[i].Info.Notes), also[list[i].Info.Slot]...)
	}
	return list
}

// Drivers returns how the drivers do, in the order in which they were given.
func (b *Broker) Drivers() []DriverState {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := make([]DriverState, 0, len(b.drivers))
	for _, d := range b.drivers {
		list = append(list, DriverState{Name: d.Name, Err: b.watches[d.Name].err})
	}
	return list
}

// Settled returns once each driver has said what is plugged in, or why it
// can't, and each token there was opened, or could not be: so that the first
// caller after a start isn't told that there is no token. The end of ctx is
// its only error.
func (b *Broker) Settled(ctx context.Context) error {
	for {
		b.mu.Lock()
		settled, changed := b.settled(), b.changed
		b.mu.Unlock()
		if settled {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// Await returns once the token of a serial is open. The end of ctx is its only
// error.
func (b *Broker) Await(ctx context.Context, serial string) error {
	for {
		b.mu.Lock()
		k, claimed := b.serials[serial]
		open, changed := claimed && k.tenure != nil, b.changed
		b.mu.Unlock()
		if open {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (b *Broker) settled() bool {
	for _, w := range b.watches {
		if !w.heard && w.err == nil {
			return false
		}
	}
	for _, k := range b.keepers {
		if !k.tried {
			return false
		}
	}
	return true
}

// Found is a credential on a token that is plugged in.
type Found struct {
	Token      devices.Info
	Credential devices.Credential
}

// Find returns the credentials of an ID, on the token of a serial; either may
// be left empty and then means all. Finding none is a *NotFoundError, a
// missing token a *NoTokenError, and where one that is there hasn't told what it
// has, devices.ErrPassword.
func (b *Broker) Find(name, serial string) ([]Found, error) {
	var found []Found
	there, locked := serial == "", ""
	for _, t := range b.Tokens() {
		if t.Info.Serial == "" || serial != "" && t.Info.Serial != serial {
			continue
		}
		if serial != "" && t.State == StateFailed && !isDuplicate(t.Err) {
			return nil, onToken("find the credential", serial, t.Err)
		}
		there = true
		if errors.Is(t.Err, devices.ErrPassword) {
			locked = t.Info.Serial
		}
		for _, c := range t.Credentials {
			if name == "" || c.ID == name {
				found = append(found, Found{Token: t.Info, Credential: c})
			}
		}
	}
	switch {
	case !there:
		return nil, &NoTokenError{Serial: serial}
	case len(found) == 0 && locked != "":
		return nil, onToken("find the credential", locked, devices.ErrPassword)
	case len(found) == 0:
		return nil, &NotFoundError{Name: name, Serial: serial}
	}
	return found, nil
}

// Do runs f on the goroutine that owns the token of a serial; op says in a
// person's words what f does. Requests to one token run one after the other.
//
// The end of ctx answers the caller at once. A request that hasn't begun is
// then dropped; one that has goes on, with a context of its own that ends with
// the token's removal, with the broker, or after half a minute. So f must hand
// over what it finds by itself, to somebody who may still be there: it may run
// after Do has returned. It must not call Do.
//
// Errors are f's own, or a *devices.Error around devices.ErrRemoved, around
// ErrLate, *StuckError or *PanicError, around ctx's error, or around why the
// token can't be used; or a *NoTokenError.
func (b *Broker) Do(ctx context.Context, serial, op string, f func(ctx context.Context, t devices.Token) error) error {
	t, err := b.tenure(ctx, serial)
	if err != nil {
		return onToken(op, serial, err)
	}
	r := &request{ctx: ctx, op: op, f: f, done: make(chan error, 1)}
	select {
	case t.requests <- r:
	case <-t.ctx.Done():
		return onToken(op, serial, context.Cause(t.ctx))
	case <-ctx.Done():
		return onToken(op, serial, ctx.Err())
	}
	var over error
	select {
	case err := <-r.done:
		return err
	case <-t.ctx.Done():
		over = context.Cause(t.ctx)
	case <-ctx.Done():
		over = ctx.Err()
	}
	select {
	case err := <-r.done:
		return err
	default:
		return onToken(op, serial, over)
	}
}

// tenure returns the open token of a serial, or why there is none. A token that
// is being opened is waited for.
func (b *Broker) tenure(ctx context.Context, serial string) (*tenure, error) {
	for {
		t, changed, err := b.present(serial)
		if t != nil || err != nil {
			return t, err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// present returns the open token of a serial, why there is none, or, where it
// is being opened, neither but a channel that ends with the next change.
func (b *Broker) present(serial string) (*tenure, <-chan struct{}, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	k, ok := b.serials[serial]
	switch {
	case b.stopped:
		return nil, nil, ErrStopped
	case !ok:
		return nil, nil, &NoTokenError{Serial: serial}
	case k.tenure == nil && k.err != nil:
		return nil, nil, k.err
	}
	return k.tenure, b.changed, nil
}

// Refresh lists the credentials of a token again, after one was put or
// deleted, or where it may be another token by now.
func (b *Broker) Refresh(ctx context.Context, serial string) error {
	return b.Do(ctx, serial, "list the credentials", func(ctx context.Context, t devices.Token) error {
		seen, err := viewOf(ctx, t)
		if err != nil {
			return onToken("list the credentials", serial, err)
		}
		if k, ok := ctx.Value(callKey{}).(*keeper); ok {
			b.update(k, func() {
				k.take(seen)
				k.err = nil
			})
		}
		return nil
	})
}
