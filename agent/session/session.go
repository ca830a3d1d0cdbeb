// Package session keeps AWS sessions for profiles: it answers from its cache
// while a session is fresh, and otherwise lets one caller's request make a new
// one while all others wait for the same ([Engine]).
//
// It doesn't know where a code comes from, nor how a plan is found; both are
// handed in. Sessions live in memory, and
// with a [Vault] in the state file as well, sealed.
package session

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fob-auth/fob/sts"
)

// A Want is what a caller's profile asks for.
type Want struct {
	// Profile is the profile's name, for messages and lists.
	Profile string
	// Plan is the last call of the profile's chain.
	Plan sts.Plan
	// AllowEmulated lets an emulated token give the code.
	AllowEmulated bool
	// Attested wants the code of a token that proves its serial.
	Attested bool
	// AutoResync lets the token's clock be resynced unasked.
	AutoResync bool
	// Confirm has the person asked before a session is made.
	Confirm bool
	// Solo has a session made for this caller alone: it is neither cached nor
	// shared, and nor is the one that signs its call.
	Solo bool
	// Typed says that a person types the codes.
	Typed bool
	// Caller names the program that asked first, for the person who is asked.
	Caller string
	// Credential names the credential on a token, where the profile does.
	Credential string
	// MinTTL is the life that a cached session must have left. It is capped at
	// half the plan's duration, so that a short session can be fresh at all.
	MinTTL time.Duration
	// MaxAge is how old a session may be, for policies that ask for a fresh
	// MFA; 0 is no bound.
	MaxAge time.Duration
}

// key tells sessions apart that may not serve each other's callers: by plan,
// by whether an emulated token was good enough, and by whether the person was
// asked.
func (w Want) key() string {
	key := w.Plan.Key() + "/" + strconv.FormatBool(w.AllowEmulated) + "/" + strconv.FormatBool(w.Attested)
	if w.Confirm {
		key += "/confirmed"
	}
	return key
}

func (w Want) minTTL() time.Duration { return min(w.MinTTL, w.Plan.Duration/2) }

// parent is the want for the session that signs this one's call. The person is
// asked once for both.
func (w Want) parent() Want {
	w.Plan, w.Confirm = *w.Plan.Parent, false
	return w
}

// A Maker makes the session of a want's plan, whose Keys are filled in. It may
// wait for a person, until ctx ends.
type Maker interface {
	Make(ctx context.Context, w Want) (sts.Session, error)
}

// An Entry is a session with what the engine knows about it.
type Entry struct {
	// ID names the session in lists.
	ID      string
	Profile string
	Plan    sts.Plan
	Session sts.Session
	// Issued is when AWS answered, in AWS's time.
	Issued time.Time
	// Device is the MFA serial whose code it came from, itself or by the session
	// that signed its call; "" for none.
	Device string
}

// Expiration is when a caller with the given bound on age should come back: the
// end of the session, or of its being fresh enough.
func (e Entry) Expiration(maxAge time.Duration) time.Time {
	if fresh := e.Issued.Add(maxAge); maxAge > 0 && fresh.Before(e.Session.Expiration) {
		return fresh
	}
	return e.Session.Expiration
}

// ErrUnknown says that no session of that ID is cached.
var ErrUnknown = errors.New("no such session")

// An Engine serves sessions. All methods may be called at once from many
// goroutines; no lock is held while a session is made.
type Engine struct {
	base  context.Context
	maker Maker
	now   func(endpoint string) time.Time
	log   *slog.Logger

	// Leave asks the person whether a session of a want may be made; nil where
	// nobody can be asked. It is set before the engine's first use.
	Leave func(ctx context.Context, w Want) error

	waiting atomic.Int64

	mu      sync.Mutex
	cache   map[string]Entry
	flights map[string]*flight
	uses    map[string]use
	making  sync.WaitGroup
	// cleared counts how often the cache was cleared: a session that was on
	// its way then isn't cached.
	cleared int

	// vault keeps the cache; nil where it is in memory alone. vaultMu orders
	// its changes as those of the cache; mu may be taken under it.
	vaultMu sync.Mutex
	vault   *Vault
}

// A flight is one session on its way, and everybody who waits for it.
type flight struct {
	done     chan struct{}
	progress progress
	entry    Entry
	err      error
}

// New returns an engine whose work ends with base. now tells AWS's time at an
// endpoint.
func New(base context.Context, maker Maker, now func(endpoint string) time.Time, log *slog.Logger) *Engine {
	return &Engine{base: base, maker: maker, now: now, log: log, cache: map[string]Entry{}, flights: map[string]*flight{}, uses: map[string]use{}}
}

// Get returns a session for w, and whether it was cached. With renew a cached
// one isn't good enough. The end of ctx answers the caller at once, with a
// *[PendingError] and the cause of the end; the session is made all the same
// and serves the next one.
func (e *Engine) Get(ctx context.Context, w Want, renew bool) (Entry, bool, error) {
	if w.Solo {
		entry, err := e.solo(ctx, w)
		return entry, false, err
	}
	key := w.key()
	e.noteUse(key, w)
	return e.get(ctx, key, w, renew)
}

// get is Get for a want that is shared, whose key is known.
func (e *Engine) get(ctx context.Context, key string, w Want, renew bool) (Entry, bool, error) {
	e.mu.Lock()
	cached, ok := e.cache[key]
	if ok && !renew && e.fresh(cached, w, w.minTTL()) {
		e.mu.Unlock()
		return cached, true, nil
	}
	f, flying := e.flights[key]
	if !flying {
		f = e.launch(key, w)
	}
	e.mu.Unlock()

	if above, ok := ctx.Value(progressKey{}).(*progress); ok {
		above.follow(&f.progress)
	} else {
		e.waiting.Add(1)
		defer e.waiting.Add(-1)
	}
	select {
	case <-f.done:
	case <-ctx.Done():
		return e.late(ctx, f, w, cached, ok && !renew)
	}
	if f.err != nil && ok && !renew && e.fresh(cached, w, 0) {
		e.log.Warn("session could not be renewed; the old one still lives", "profile", w.Profile, "error", f.err)
		return cached, true, nil
	}
	return f.entry, false, f.err
}

// launch has a session made that isn't on its way. mu is held. It is apart from
// get so that a want that the cache answers doesn't go to the heap.
func (e *Engine) launch(key string, w Want) *flight {
	f := &flight{done: make(chan struct{})}
	e.flights[key] = f
	e.making.Go(func() { e.fly(key, f, w) })
	return f
}

// solo makes a session that nobody else gets. It ends with its caller: what it
// would bring after that serves nobody.
func (e *Engine) solo(ctx context.Context, w Want) (Entry, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(e.base, func() { cancel(context.Cause(e.base)) })()
	e.making.Add(1)
	defer e.making.Done()
	return e.make(ctx, w)
}

// errLeave says that nobody was set up to be asked.
var errLeave = errors.New("the session wants the user's leave, and nobody asks for it")

// late answers a caller whose time is over: with the old session, if it may be
// had and still lives.
func (e *Engine) late(ctx context.Context, f *flight, w Want, cached Entry, old bool) (Entry, bool, error) {
	if old && e.fresh(cached, w, 0) {
		return cached, true, nil
	}
	return Entry{}, false, &PendingError{Profile: w.Profile, Wait: f.progress.now(), cause: context.Cause(ctx)}
}

// leastLeft is how long a session must be good for to be handed out at all: the
// documents that callers read have its end to the second, cut off, and one that
// is over when it is used serves nobody.
const leastLeft = 2 * time.Second

// fresh reports whether an entry has at least left to live, and isn't too old.
func (e *Engine) fresh(entry Entry, w Want, left time.Duration) bool {
	now := e.now(w.Plan.Endpoint.Name())
	return now.Add(left).Before(entry.Session.Expiration) && now.Add(leastLeft).Before(entry.Expiration(w.MaxAge))
}

// fly makes one session and lands its flight.
func (e *Engine) fly(key string, f *flight, w Want) {
	e.mu.Lock()
	cleared := e.cleared
	e.mu.Unlock()
	entry, err := e.make(context.WithValue(e.base, progressKey{}, &f.progress), w)
	e.mu.Lock()
	if err == nil && cleared == e.cleared {
		e.cache[key] = entry
	}
	f.entry, f.err = entry, err
	if e.flights[key] == f {
		delete(e.flights, key)
	}
	e.mu.Unlock()
	if err == nil {
		e.log.Debug("session cached", "profile", w.Profile)
	}
	close(f.done)
	if err == nil {
		e.keep(key)
	}
}

func (e *Engine) make(ctx context.Context, w Want) (Entry, error) {
	if w.Confirm {
		if e.Leave == nil {
			return Entry{}, errLeave
		}
		if err := e.Leave(ctx, w); err != nil {
			return Entry{}, err
		}
	}
	var parent Entry
	var signer sts.Session
	if w.Plan.Parent != nil {
		var err error
		if parent, _, err = e.Get(ctx, w.parent(), false); err != nil {
			return Entry{}, err
		}
		signer = parent.Session
		w.Plan.Keys = signer.Keys
	}
	s, err := e.maker.Make(ctx, w)
	if err != nil {
		return Entry{}, err
	}
	if w.Plan.Parent != nil && s.Token == "" {
		s.Token, s.Counter = signer.Token, signer.Counter
	}
	w.Plan.Keys = sts.Keys{AccessKeyID: w.Plan.Keys.AccessKeyID}
	return Entry{ID: w.Plan.Key()[:16], Profile: w.Profile, Plan: w.Plan, Session: s, Issued: s.Date, Device: cmp.Or(s.MFASerial, parent.Device)}, nil
}

// List returns the cached sessions that still live, the longest-lived first.
func (e *Engine) List() []Entry {
	e.mu.Lock()
	defer e.mu.Unlock()
	var live []Entry
	for key, entry := range e.cache {
		if e.now(entry.Plan.Endpoint.Name()).Before(entry.Session.Expiration) {
			live = append(live, entry)
		} else {
			delete(e.cache, key)
			delete(e.uses, key)
		}
	}
	slices.SortFunc(live, func(a, b Entry) int {
		return cmp.Or(b.Session.Expiration.Compare(a.Session.Expiration), cmp.Compare(a.ID, b.ID))
	})
	return live
}

// Forget drops a session from the cache; AWS goes on accepting it until it
// expires. An unknown id is [ErrUnknown].
func (e *Engine) Forget(id string) error {
	return e.forget(func(entry Entry) bool { return entry.ID == id })
}

// ForgetDevice drops the sessions that came from an MFA device's codes at an
// endpoint, and returns those that AWS goes on accepting.
func (e *Engine) ForgetDevice(endpoint, serial string) ([]Entry, error) {
	of := func(entry Entry) bool { return entry.Device == serial && entry.Plan.Endpoint.Name() == endpoint }
	live := slices.DeleteFunc(e.List(), func(entry Entry) bool { return !of(entry) })
	if err := e.forget(of); err != nil && !errors.Is(err, ErrUnknown) {
		return live, err
	}
	return live, nil
}

// forget drops the sessions that are meant; ErrUnknown where there is none.
func (e *Engine) forget(meant func(Entry) bool) error {
	var keys []string
	e.mu.Lock()
	for key, entry := range e.cache {
		if meant(entry) {
			delete(e.cache, key)
			keys = append(keys, key)
		}
	}
	e.mu.Unlock()
	if len(keys) == 0 {
		return ErrUnknown
	}
	return e.discard(keys)
}

// Clear drops all sessions, also those on their way: who waits for one gets it,
// and nobody else does.
func (e *Engine) Clear() error {
	e.mu.Lock()
	keys := slices.Collect(maps.Keys(e.cache))
	clear(e.cache)
	clear(e.flights)
	e.cleared++
	e.mu.Unlock()
	return e.discard(keys)
}

// Waiting returns how many callers wait for a session that is on its way.
func (e *Engine) Waiting() int { return int(e.waiting.Load()) }

// Wait returns when no session is on its way any more, which is soon after
// base ended.
func (e *Engine) Wait() { e.making.Wait() }
