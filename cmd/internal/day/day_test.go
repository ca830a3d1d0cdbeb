// Package day lets the agent live through a day in virtual time: twenty callers,
// two tokens that come and go, a clock that drifts and jumps, an AWS that isn't
// always there. Which of it happens when is thrown by a seed, which is printed
// and can be given again: go test ./cmd/internal/day -args -seed N.
package day

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fob-auth/fob/agent/api"
	"github.com/fob-auth/fob/agent/broker"
	"github.com/fob-auth/fob/agent/explain"
	"github.com/fob-auth/fob/agent/mfa"
	"github.com/fob-auth/fob/agent/session"
	"github.com/fob-auth/fob/agent/store"
	"github.com/fob-auth/fob/emulator/clock"
	"github.com/fob-auth/fob/sts"
	"github.com/fob-auth/fob/sts/awsissuer"
	"github.com/fob-auth/fob/sts/local"
	localclock "github.com/fob-auth/fob/sts/local/clock"

	"github.com/fob-auth/fob/sts/local/awstest"
)

var seedFlag = flag.Uint64("seed", 0, "the day's seed; 0 for two that differ each time")

const (
	day     = 24 * time.Hour
	callers = 20
	plugs   = 50
	// Seeds of the MFA devices.
	carolSeed = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
	daveSeed  = "KRSXG5CTMVRXEZLUKRSXG5CTMVRXEZLU"
	carolMFA  = "arn:aws:iam::111122223333:mfa/carol"
	daveMFA   = "GAHT12345678"
)

const theWorld = `accounts:
  - id: "111122223333"
    partition: aws
    users:
      - name: carol
        access_keys: [{id: AKIACAROLEXAMPLE0001, secret: carolsecret}]
        mfa_devices: [{serial: "arn:aws:iam::111122223333:mfa/carol", kind: virtual, seed: ` + carolSeed + `}]
        attached: ["arn:aws:iam::aws:policy/AdministratorAccess"]
      - name: dave
        access_keys: [{id: AKIADAVEEXAMPLE00001, secret: davesecret}]
        mfa_devices: [{serial: GAHT12345678, kind: hardware, seed: ` + daveSeed + `}]
        attached: ["arn:aws:iam::aws:policy/AdministratorAccess"]
    roles:
      - name: Deploy
        trust: {Version: "2012-10-17", Statement: [{Effect: Allow, Principal: {AWS: "111122223333"}, Action: "sts:AssumeRole", Condition: {Bool: {"aws:MultiFactorAuthPresent": "true"}}}]}
`

// TestDay lives through days. What has to hold whatever happens: each session
// is its profile's and lives, AWS never sees a code twice, every failure is one
// that the agent has words for, and nothing is left behind.
func TestDay(t *testing.T) {
	seeds := []uint64{*seedFlag}
	if *seedFlag == 0 {
		now := uint64(time.Now().UnixNano())
		seeds = []uint64{now, now + 1}
	}
	for _, seed := range seeds {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			before := leftovers()
			synctest.Test(t, func(t *testing.T) { live(t, seed) })
			after := atRest(before)
			t.Logf("goroutines %d → %d, descriptors %d → %d, heap %d → %d KiB", before.goroutines, after.goroutines,
				before.descriptors, after.descriptors, before.heap>>10, after.heap>>10)
			if after.exceeds(before) {
				t.Errorf("something was left behind")
			}
		})
	}
}

// A leftover is what a day may leave behind.
type leftover struct {
	goroutines, descriptors int
	heap                    uint64
}

func leftovers() leftover {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	open, _ := os.ReadDir("/proc/self/fd") // none where the system has no such folder
	return leftover{runtime.NumGoroutine(), len(open), m.HeapAlloc}
}

func (l leftover) exceeds(was leftover) bool {
	return l.goroutines > was.goroutines || l.descriptors > was.descriptors || l.heap > was.heap+(16<<20)
}

// atRest returns what is left once that is no more than it was, or whatever it
// is after a minute: the runtime's finalizers run at a moment of their own.
func atRest(was leftover) leftover {
	late := time.After(time.Minute)
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for {
		now := leftovers()
		if !now.exceeds(was) {
			return now
		}
		select {
		case <-look.C:
		case <-late:
			return now
		}
	}
}

// A world is the agent with everything around it.
type world struct {
	t      *testing.T
	aws    *awstest.Server
	net    *network
	port   *port
	key    *token
	fob    *token
	mfa    *mfa.Service
	engine *session.Engine
	beside sync.WaitGroup

	mu       sync.Mutex
	outcomes map[string]int
}

func live(t *testing.T, seed uint64) {
	ctx, stop := context.WithCancel(t.Context())
	w := &world{t: t, outcomes: map[string]int{}}
	end := w.start(ctx, seed)
	var running sync.WaitGroup
	for i := range callers {
		running.Go(func() { w.caller(newDice(seed, 100+uint64(i)), i) })
	}
	for i, serial := range []string{"12345678", daveMFA} {
		running.Go(func() { w.replug(newDice(seed, 10+uint64(i)), serial) })
	}
	running.Go(func() { w.shakeClock(newDice(seed, 20)) })
	running.Wait()
	stop()
	end()
	w.judge()
}

// start builds the agent's rooms and returns what ends them.
func (w *world) start(ctx context.Context, seed uint64) (end func()) {
	t := w.t
	w.aws = awstest.StartInMemory(t, theWorld, func(o *local.Options) {
		o.Clock, o.Propagation = localclock.Offset(7*time.Second), 8*time.Second
	})
	w.net = &network{dial: w.aws.Dial, dice: newDice(seed, 1)}
	fobClock, err := clock.New(time.Now, 20*time.Second, 80)
	if err != nil {
		t.Fatal(err)
	}
	w.key = &token{serial: "12345678", credential: "AWS:carol", seed: carolSeed, dice: newDice(seed, 2)}
	w.fob = &token{serial: daveMFA, credential: daveMFA, seed: daveSeed, clock: fobClock}
	w.port = newPort(w.key, w.fob)

	dir, err := os.MkdirTemp("/dev/shm", "fobday")
	if err != nil {
		dir = t.TempDir()
	}
	state, err := store.Open(ctx, store.Options{Dir: dir + "/state", WitnessDir: dir + "/data", Now: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	b := broker.New(broker.Options{Drivers: []broker.NamedDriver{{Name: "day", Driver: w.port}}, Log: log})
	var keeping sync.WaitGroup
	keeping.Go(func() { _ = b.Run(ctx) })
	if err := b.Settled(ctx); err != nil {
		t.Fatal(err)
	}
	w.mfa = &mfa.Service{AWS: awsissuer.New(awsissuer.Options{Dial: w.net.connect}), Broker: b, Ledger: broker.NewLedger(state),
		Bindings: broker.NewBindings(state), Clock: &mfa.Clock{}, Opening: state.Opening(), Notify: func(api.Event) {}, Log: log,
		Beside: func(f func(context.Context)) { w.beside.Go(func() { f(ctx) }) }}
	w.engine = session.New(ctx, w.mfa, w.mfa.Clock.Now, log)
	return func() {
		keeping.Wait()
		w.engine.Wait()
		w.beside.Wait()
		if err := errors.Join(state.Close(), os.RemoveAll(dir)); err != nil {
			t.Error(err)
		}
	}
}

// wants are what callers ask for: a session of each device, two lengths of the
// first so that they can't be shared, and a role over it.
func wants() []session.Want {
	endpoint := sts.Endpoint{URL: "http://127.0.0.1:4566", Region: "us-east-1"}
	carol := sts.Keys{AccessKeyID: "AKIACAROLEXAMPLE0001", SecretAccessKey: "carolsecret"}
	dave := sts.Keys{AccessKeyID: "AKIADAVEEXAMPLE00001", SecretAccessKey: "davesecret"}
	of := func(profile string, keys sts.Keys, serial string, d time.Duration) session.Want {
		return session.Want{Profile: profile, MinTTL: 10 * time.Minute, AutoResync: true, AllowEmulated: true,
			Plan: sts.Plan{Call: sts.GetSessionToken, Endpoint: endpoint, Keys: keys, MFASerial: serial, Duration: d}}
	}
	first := of("carol", carol, carolMFA, time.Hour)
	first.Credential = "AWS:carol"
	second := first
	second.Profile, second.Plan.Duration = "carol-long", 4*time.Hour
	role := first
	role.Profile = "deploy"
	parent := first.Plan
	role.Plan = sts.Plan{Call: sts.AssumeRole, Endpoint: endpoint, Parent: &parent, Duration: time.Hour,
		Role: sts.Role{ARN: "arn:aws:iam::111122223333:role/Deploy", SessionName: "day"}}
	return []session.Want{first, second, role, of("dave", dave, daveMFA, time.Hour)}
}

// caller asks for sessions all day, now and then in a hurry, now and then for a
// new one though there is an old, and sometimes for a dozen of those at once.
func (w *world) caller(d *dice, i int) {
	all := wants()
	for until := time.Now().Add(day); time.Now().Before(until); {
		time.Sleep(d.duration(time.Second, 25*time.Minute))
		want, times := all[(i+d.pick(2))%len(all)], 1
		renew := d.once(4)
		if renew && d.once(10) {
			times = 12
		}
		for range times {
			ctx, cancel := context.WithTimeout(w.t.Context(), d.duration(time.Second, 5*time.Minute))
			entry, _, err := w.engine.Get(ctx, want, renew)
			w.note(want, entry, err)
			cancel()
		}
	}
}

// note checks what a caller got.
func (w *world) note(want session.Want, entry session.Entry, err error) {
	outcome := "session"
	if err != nil {
		var told *api.Error
		outcome = "without words"
		var pending *session.PendingError
		switch {
		case errors.As(err, &pending), errors.Is(err, context.DeadlineExceeded):
			outcome = "in a hurry"
		case errors.As(explain.Error(err, time.Now()), &told):
			outcome = string(told.Code)
		}
		if outcome == "without words" || outcome == string(api.Internal) {
			w.t.Errorf("%s: %v", want.Profile, err)
		}
	} else {
		w.check(want, entry)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.outcomes[outcome]++
}

// check holds a session against what AWS itself says of its keys.
func (w *world) check(want session.Want, entry session.Entry) {
	now := w.aws.Clock.Now()
	s := entry.Session
	if s.Keys.AccessKeyID == "" || !now.Before(s.Expiration) {
		w.t.Errorf("%s: a session that ended at %v, at %v", want.Profile, s.Expiration, now)
		return
	}
	id, err := awsissuer.New(awsissuer.Options{Dial: w.aws.Dial}).Identity(w.t.Context(),
		awsissuer.Caller{Endpoint: want.Plan.Endpoint, Keys: s.Keys, Skew: time.Until(now)})
	wanted := map[string]string{"carol": ":user/carol", "carol-long": ":user/carol", "dave": ":user/dave", "deploy": ":assumed-role/Deploy/day"}[want.Profile]
	if err != nil || !strings.HasSuffix(id.ARN, wanted) {
		w.t.Errorf("%s: AWS says that the session is %s's: %v", want.Profile, id.ARN, err)
	}
}

// replug takes a token out and puts it back in, all over the day.
func (w *world) replug(d *dice, serial string) {
	for range plugs {
		time.Sleep(d.duration(0, 2*(day/plugs-time.Minute)))
		w.port.plug(serial, false)
		time.Sleep(d.duration(0, 2*time.Minute))
		w.port.plug(serial, true)
	}
}

// shakeClock makes the fob's clock jump.
func (w *world) shakeClock(d *dice) {
	for range 4 {
		time.Sleep(d.duration(0, day/2))
		by := d.duration(-70*time.Second, 70*time.Second)
		if err := w.fob.clock.Change(clock.Change{Advance: &by}); err != nil {
			w.t.Error(err)
		}
	}
}

// judge looks at AWS's side of the day.
func (w *world) judge() {
	used, verified, replayed := map[string]bool{}, 0, 0
	for _, r := range w.aws.Requests("") {
		switch r["mfa_outcome"] {
		case "":
			continue
		case "replayed":
			by := map[string]*token{carolMFA: w.key, daveMFA: w.fob}[r["mfa_serial"]]
			if !by.meantAnother(r["mfa_counters"]) {
				replayed++
			}
		case "accepted":
			key := r["mfa_serial"] + " " + r["mfa_counters"]
			if used[key] {
				w.t.Errorf("counter taken twice: %s", key)
			}
			used[key] = true
		}
		verified++
	}
	if replayed > 0 {
		w.t.Errorf("AWS saw %d codes that it had taken before", replayed)
	}
	if w.outcomes["session"] < callers*20 || verified < 50 {
		w.t.Errorf("%d sessions and %d verifications are no day's work", w.outcomes["session"], verified)
	}
	w.t.Logf("callers: %v", w.outcomes)
	w.t.Logf("AWS: %d codes looked at, %d taken; the network: %d unreachable, %d cut before, %d cut after, %d unavailable", verified, len(used),
		w.net.unreachable.Load(), w.net.cutBefore.Load(), w.net.cutAfter.Load(), w.net.unavailable.Load())
}
