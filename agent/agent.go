// Package agent is fobd's inside: it opens the state file, starts the keepers
// of the tokens, the session engine and the socket, in that order, and stops
// them in the other ([Run]).
//
// It only joins the rooms below it: tokens are kept by broker, counters by its
// ledger, codes taken by mfa, sessions cached by session, and callers answered
// by server.
package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fob-auth/fob/agent/api"
	"github.com/fob-auth/fob/agent/ask"
	"github.com/fob-auth/fob/agent/broker"
	"github.com/fob-auth/fob/agent/caller"
	"github.com/fob-auth/fob/agent/config"
	"github.com/fob-auth/fob/agent/endpoint"
	"github.com/fob-auth/fob/agent/keys"
	"github.com/fob-auth/fob/agent/metrics"
	"github.com/fob-auth/fob/agent/mfa"
	"github.com/fob-auth/fob/agent/policy"
	"github.com/fob-auth/fob/agent/server"
	"github.com/fob-auth/fob/agent/session"
	"github.com/fob-auth/fob/agent/store"
	"github.com/fob-auth/fob/agent/unlock"
	"github.com/fob-auth/fob/devices"
	"github.com/fob-auth/fob/devices/piv"
	"github.com/fob-auth/fob/devices/prompt"
	"github.com/fob-auth/fob/sts"
	"github.com/fob-auth/fob/sts/awsissuer"
)

// settleTime is how long the socket stays closed after the start, and a new config
// isn't told of, so that tokens that are plugged in are found by the first caller.
const settleTime = time.Second

// Options say what the agent runs with.
type Options struct {
	Config  *config.Config
	Log     *slog.Logger
	Version string
	// ConfigFile is where Config came from.
	ConfigFile string
	// StateDir holds the state file; WitnessDir, another folder, its second
	// witness.
	StateDir, WitnessDir string
	// DataDir holds the store of long-term keys.
	DataDir string
	// AWSConfigFile and AWSCredentialsFile are the AWS files.
	AWSConfigFile, AWSCredentialsFile string
	// Bus is the address of the session's D-Bus; "" for none.
	Bus string
	// Listener is the socket where somebody else has opened it; nil to open
	// the config's, or the default.
	Listener net.Listener
	// Find finds the program behind a process number; nil reads /proc.
	Find caller.Finder
	// Ready is called once the agent serves, with the socket's path.
	Ready func(socket string)
	// Reload gives a config that takes the place of the one before: cards are
	// put down and found again, sessions stay. The socket and the state stay
	// where they are. Nil where that isn't wanted.
	Reload <-chan *config.Config
}

// Run serves until ctx ends, and then ends within two seconds. An agent that
// already runs with the same state is a *store.HeldError, one on the same
// socket a *server.LiveError; a socket that is deleted or replaced ends it with
// a *server.LostError.
func Run(ctx context.Context, o Options) (err error) {
	state, err := store.Open(ctx, store.Options{Dir: o.StateDir, WitnessDir: o.WitnessDir, Now: time.Now()})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, state.Close()) }()
	if kind := state.Opening().Kind; kind != store.Fresh && kind != store.Clean {
		o.Log.Warn("the ledger is closed", "why", state.Opening().String())
	}

	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	ln := o.Listener
	var socket *server.Socket // nil where the service manager looks after its own
	if ln == nil {
		path := o.Config.Socket
		if path == "" {
			path = api.DefaultSocket()
		}
		if socket, err = server.Listen(ctx, path); err != nil {
			return err
		}
		ln = socket
	}
	kept, err := openDiary(ctx, o, state)
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	defer func() { err = errors.Join(err, kept.Close()) }()
	a, err := assemble(ctx, o, state, kept)
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	a.socket = ln.Addr().String()
	options := a.serverOptions()
	srv, err := server.New(a.backend(), options)
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	stopRemote, err := a.openRemote(ctx, options)
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	if socket != nil {
		a.beside.Go(func() { cancel(socket.Watch(a.work)) })
	}
	err = a.serve(ctx, func() error { return errors.Join(srv.Serve(ctx, ln), stopRemote()) }, o.Ready)
	if lost := new(server.LostError); errors.As(context.Cause(ctx), &lost) {
		err = errors.Join(err, lost)
	}
	return err
}

// An agent is the joined rooms.
type agent struct {
	opts     Options
	config   atomic.Pointer[config.Config]
	read     atomic.Pointer[time.Time] // when config was
	state    *store.Store
	broker   *broker.Broker
	bindings *broker.Bindings
	mfa      *mfa.Service
	unlocker *unlock.Service
	engine   *session.Engine
	doors    *endpoint.Set
	profiles *profiles
	scanners atomic.Pointer[[]scanner]
	hub      server.Hub
	sealing  sealing
	keys     *keys.Store
	changing chan struct{} // holds who imports or rotates long-term keys
	metrics  *metrics.Metrics
	desk     *ask.Desk
	typed    *prompt.Driver
	diary    *diary
	gate     *server.Gate
	lock     policy.Lock
	idleLock idleLock
	tickets  *policy.Tickets
	started  time.Time
	socket   string

	// work ends after the callers are gone and before the tokens are.
	work     context.Context
	stopWork context.CancelFunc
	// beside is what runs beside the callers, until work ends.
	beside sync.WaitGroup
}

func assemble(ctx context.Context, o Options, state *store.Store, kept *diary) (*agent, error) {
	a := &agent{opts: o, state: state, diary: kept, bindings: broker.NewBindings(state), changing: make(chan struct{}, 1), started: time.Now()}
	a.profiles = newProfiles(o, a.storedKeys)
	a.metrics = metrics.New(o.Version, a.figures)
	a.work, a.stopWork = context.WithCancel(context.WithoutCancel(ctx))
	a.config.Store(o.Config)
	a.people()
	drivers, err := drivers(o.Config, a.typed, o.Log)
	if err != nil {
		return nil, err
	}
	a.read.Store(&a.started)
	found := scanners(drivers)
	a.scanners.Store(&found)
	a.broker = broker.New(broker.Options{Drivers: drivers, Log: o.Log, OnChange: a.tokenChanged, OnOpen: a.tokenOpened})
	clock := &mfa.Clock{Default: func() string {
		aws := a.config.Load().AWS
		return sts.Endpoint{URL: aws.EndpointURL, Region: aws.Region}.Name()
	}}
	a.mfa = &mfa.Service{
		AWS: awsissuer.New(awsissuer.Options{}), Broker: a.broker, Ledger: broker.NewLedger(state), Bindings: a.bindings,
		Clock: clock, Verifier: piv.Verifier{EmulatedRoot: a.emulatedRoot}, Opening: state.Opening(), Notify: a.notify, Log: o.Log, Prompts: a.prompts,
		Beside: func(f func(context.Context)) { a.beside.Go(func() { f(a.work) }) },
	}
	a.engine = session.New(a.work, a.mfa, clock.Now, o.Log)
	a.engine.Leave = a.leave
	a.gate = a.newGate()
	a.doors = endpoint.NewSet(a.work, endpoint.Options{Sessions: server.Through(a.gate, "endpoint", a.Session), Log: o.Log})
	if a.tickets, err = policy.OpenTickets(ctx, state); err != nil {
		return nil, err
	}
	if err := a.keepSessions(ctx); err != nil {
		return nil, err
	}
	a.unlocker = &unlock.Service{Broker: a.broker, Memory: &unlock.Vault{Store: state, Sealer: a.sealing.sealer}, Log: o.Log}
	return a, a.openKeys()
}

// serve runs broker and servers, and stops them in the other order: first
// callers, then sessions on their way, then tokens. answer serves callers until
// ctx ends, and the last one is gone.
func (a *agent) serve(ctx context.Context, answer func() error, ready func(string)) error {
	tokens, stopTokens := context.WithCancel(context.WithoutCancel(ctx))
	defer stopTokens()
	var keeping sync.WaitGroup
	var brokerErr, diaryErr error
	keeping.Go(func() { brokerErr = a.broker.Run(tokens) })
	if err := a.plugTyped(tokens); err != nil {
		a.opts.Log.Warn("the tokens whose codes are typed aren't known", "error", err)
	}

	a.settle(ctx)
	if ready != nil {
		ready(a.socket)
	}
	keeping.Go(func() { a.reload(tokens) })
	a.renewAhead()
	a.beside.Go(func() {
		a.idleLock.watch(a.work, func() time.Duration { return a.config.Load().LockAfter }, a.lock.Locked, a.lockNow)
	})
	a.beside.Go(func() { diaryErr = a.diary.keepEvery(a.work) })
	a.tellPeople(tokens, &keeping)
	err := answer()
	a.stopWork()
	stopTokens()
	keeping.Wait()
	a.engine.Wait()
	a.doors.Wait()
	a.beside.Wait()
	return errors.Join(err, brokerErr, diaryErr)
}

// settle waits for the tokens that are plugged in; one that is slow is found later.
func (a *agent) settle(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	_ = a.broker.Settled(ctx)
}

// notify tells watchers of an event, unless the agent is locked.
func (a *agent) notify(e api.Event) {
	if !a.lock.Locked() {
		a.publish(e)
	}
}

func (a *agent) publish(e api.Event) {
	e.At = time.Now().UTC()
	a.metrics.Event(e.Type)
	a.hub.Publish(e)
}

// tokenOpened unlocks a token and has it prove itself, on its keeper's
// goroutine.
func (a *agent) tokenOpened(ctx context.Context, t devices.Token) {
	a.unlocker.Greet(ctx, t)
	a.mfa.Greet(ctx, t)
}

// emulatedRoot reads the certificate of the bench that the config trusts.
func (a *agent) emulatedRoot() ([]byte, error) {
	path := a.config.Load().Devices.EmulatedRoot
	if path == "" {
		return nil, errors.New("devices.emulated_attestation_root names none")
	}
	return config.ReadTrusted(path)
}

// tokenChanged turns the broker's changes into events.
func (a *agent) tokenChanged(c broker.Change) {
	switch c.Kind {
	case broker.Plugged:
		a.opts.Log.Info("token plugged in", "token", c.Token.Info.Serial, "driver", c.Token.Info.Slot.Driver)
		a.notify(pluggedEvent(c.Token))
	case broker.Troubled:
		for _, err := range c.Token.Info.Troubles {
			a.opts.Log.Warn("token has a trouble", "token", c.Token.Info.Serial, "error", err)
			a.notify(api.Event{Type: api.EventTrouble, Token: c.Token.Info.Serial, Message: fmt.Sprintf("token %s: %v", c.Token.Info.Serial, err)})
		}
	case broker.Unplugged:
		a.opts.Log.Info("token unplugged", "token", c.Token.Info.Serial, "driver", c.Token.Info.Slot.Driver)
		a.notify(api.Event{Type: api.EventUnplugged, Token: c.Token.Info.Serial, Message: fmt.Sprintf("token %s was unplugged", c.Token.Info.Serial)})
	}
}

func pluggedEvent(t broker.TokenState) api.Event {
	says := fmt.Sprintf("token %s (%s) is plugged in", t.Info.Serial, t.Info.Model)
	for _, err := range t.Info.Troubles {
		says += "; " + err.Error()
	}
	return api.Event{Type: api.EventPlugged, At: time.Now().UTC(), Token: t.Info.Serial, Message: says}
}
