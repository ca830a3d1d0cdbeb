// Package sim lets fobs drift for years in virtual time. The agent's own code
// (agent/mfa, with its ledger on disk and the driver of serial fobs) takes a
// session a day from each, from the local AWS with its real verifier; each fob is
// the firmware's, with an emulated clock.
// What became of it is a table; 'make sim' prints the long one.
package sim

import (
	"context"
	"log/slog"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/fob-auth/fob/agent/api"
	"github.com/fob-auth/fob/agent/broker"
	"github.com/fob-auth/fob/agent/mfa"
	"github.com/fob-auth/fob/agent/session"
	"github.com/fob-auth/fob/agent/store"
	"github.com/fob-auth/fob/sts"
	"github.com/fob-auth/fob/sts/awsissuer"
	"github.com/fob-auth/fob/sts/local"
	"github.com/fob-auth/fob/sts/local/awstest"
	localclock "github.com/fob-auth/fob/sts/local/clock"
)

const (
	serial = "GAHT12345678"
	seed   = "KRSXG5CTMVRXEZLUKRSXG5CTMVRXEZLU"
	// propagation is how long STS doesn't know of a resync: AWS's longest.
	propagation = 14 * time.Second
	// hostOff is AWS's time less the host's, for hosts whose clock is wrong.
	hostOff = 7300 * time.Millisecond
)

const theWorld = `accounts:
  - id: "111122223333"
    partition: aws
    users:
      - name: dave
        access_keys: [{id: AKIADAVEEXAMPLE00001, secret: davesecret}]
        mfa_devices: [{serial: GAHT12345678, kind: hardware, seed: KRSXG5CTMVRXEZLUKRSXG5CTMVRXEZLU}]
        attached: ["arn:aws:iam::aws:policy/IAMFullAccess"]
`

// A rig is the agent's service with a fob, and the local AWS at the other end
// of pipes.
type rig struct {
	*mfa.Service
	t     *testing.T
	fob   *fob
	asker mfa.Asker
	// awsOff is AWS's time less the host's.
	awsOff time.Duration
	calls  callLog
	beside sync.WaitGroup
}

// newRig must be called within a synctest bubble.
func newRig(t *testing.T, p plan) *rig {
	t.Helper()
	r := &rig{t: t, fob: newFob(t, p)}
	if p.hostOff {
		r.awsOff = hostOff
	}
	aws := awstest.StartInMemory(t, theWorld, func(o *local.Options) {
		*o = local.Options{World: o.World, Clock: localclock.Offset(r.awsOff), Propagation: propagation, Log: slog.New(&r.calls)}
	})
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	dir := stateDir(t)
	state, err := store.Open(ctx, store.Options{Dir: dir + "/state", WitnessDir: dir + "/data", Now: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	b := broker.New(broker.Options{Drivers: []broker.NamedDriver{{Name: "sim", Driver: newPort(t, r.fob)}}, Log: log})
	running.Go(func() { _ = b.Run(ctx) })
	if err := b.Settled(ctx); err != nil {
		t.Fatal(err)
	}
	r.Service = &mfa.Service{AWS: awsissuer.New(awsissuer.Options{Dial: aws.Dial}), Broker: b, Ledger: broker.NewLedger(state),
		Bindings: broker.NewBindings(state), Clock: &mfa.Clock{}, Opening: state.Opening(), Notify: func(api.Event) {}, Log: log,
		Beside: func(f func(context.Context)) { r.beside.Go(func() { f(ctx) }) }}
	r.asker = mfa.Asker{Profile: "dave", MFASerial: serial, AutoResync: p.auto,
		Endpoint: sts.Endpoint{URL: "http://127.0.0.1:4566", Region: "us-east-1"},
		Keys:     sts.Keys{AccessKeyID: "AKIADAVEEXAMPLE00001", SecretAccessKey: "davesecret"}}
	t.Cleanup(func() {
		stop()
		close(r.fob.end)
		running.Wait()
		if err := state.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// stateDir is in memory where the system has such a place: each of the ledger's
// transactions is synced.
func stateDir(t *testing.T) string {
	dir, err := os.MkdirTemp("/dev/shm", "fobsim")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// session asks for a session of a fresh code.
func (r *rig) session() error {
	_, err := r.Make(r.t.Context(), session.Want{Profile: r.asker.Profile, AutoResync: r.asker.AutoResync,
		Plan: sts.Plan{Call: sts.GetSessionToken, Endpoint: r.asker.Endpoint, Keys: r.asker.Keys, MFASerial: serial, Duration: time.Hour}})
	return err
}

// A callLog counts what the local AWS says of codes and pairs.
type callLog struct {
	mu sync.Mutex
	verifications
}

// verifications are what AWS looked at.
type verifications struct {
	codes, refused, exhausted int
	pairs, pairsRefused       int
}

func (l *callLog) Enabled(context.Context, slog.Level) bool { return true }
func (l *callLog) WithAttrs([]slog.Attr) slog.Handler       { return l }
func (l *callLog) WithGroup(string) slog.Handler            { return l }

func (l *callLog) Handle(_ context.Context, rec slog.Record) error {
	var action, outcome string
	rec.Attrs(func(a slog.Attr) bool {
		switch a.Key {
		case "action":
			action = a.Value.String()
		case "mfa_outcome":
			outcome = a.Value.String()
		}
		return true
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	switch action {
	case "GetSessionToken":
		l.codes++
		switch outcome {
		case "accepted":
		case "exhausted":
			l.exhausted++
		default:
			l.refused++
		}
	case "ResyncMFADevice":
		l.pairs++
		if outcome != "paired" {
			l.pairsRefused++
		}
	}
	return nil
}

// seen returns the counts so far.
func (l *callLog) seen() verifications {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.verifications
}
