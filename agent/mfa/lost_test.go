package mfa

import (
	"errors"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fob-auth/fob/agent/broker"
	"github.com/fob-auth/fob/agent/store"
)

// loseLedger deletes the state file between two runs of the agent.
func (r *rig) loseLedger() {
	r.t.Helper()
	if err := r.state.Close(); err != nil {
		r.t.Fatal(err)
	}
	if err := os.Remove(r.state.Opening().File); err != nil {
		r.t.Fatal(err)
	}
	r.file.Now = time.Now()
	var err error
	if r.state, err = store.Open(r.t.Context(), r.file); err != nil {
		r.t.Fatal(err)
	}
	r.Ledger, r.Bindings, r.Opening = broker.NewLedger(r.state), broker.NewBindings(r.state), r.state.Opening()
}

// TestComeBackAfterALostLedger holds of tokens with clocks of every kind that
// who comes back when the refusal says gets a session, and that AWS isn't asked
// before.
func TestComeBackAfterALostLedger(t *testing.T) {
	for name, ahead := range map[string]time.Duration{
		"right": 0, "slow": -40 * time.Second, "fast": 13 * time.Second, "slow by a fraction": -20700 * time.Millisecond,
	} {
		for _, into := range []time.Duration{0, 100 * time.Second, 170 * time.Second} {
			t.Run(name+" "+into.String(), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					r := newRig(t, softDriver{"a": serialFob(fobSerial, daveSeed, ahead)})
					dave := asker("dave", fobSerial, "")
					r.bindOK(dave, "", "")
					time.Sleep(time.Until(time.Now().Truncate(broker.Window).Add(broker.Window + into)))
					if _, err := r.make(dave); err != nil {
						t.Fatal(err)
					}
					r.loseLedger()
					r.bindOK(dave, "", "")
					var closed *broker.ClosedError
					if _, err := r.make(dave); !errors.As(err, &closed) {
						t.Fatalf("got %v, want the ledger closed", err)
					}
					if n := len(r.aws.Requests("GetSessionToken")); n != 1 {
						t.Errorf("%d verifications before the loss and after, want the one before", n)
					}
					time.Sleep(time.Until(closed.Until))
					if _, err := r.make(dave); err != nil {
						t.Errorf("came back when told, at %s: %v", closed.Until, err)
					}
				})
			})
		}
	}
}
