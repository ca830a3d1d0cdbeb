package session

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fob-auth/fob/sts"
)

// A waitingMaker notes what it waits for while it does.
type waitingMaker struct {
	*fakeAWS
	waits Wait
}

func (m waitingMaker) Make(ctx context.Context, w Want) (sts.Session, error) {
	if w.Plan.Parent == nil {
		defer Await(ctx, m.waits)()
	}
	return m.fakeAWS.Make(ctx, w)
}

func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func pendingOf(t *testing.T, err error) *PendingError {
	t.Helper()
	var p *PendingError
	if !errors.As(err, &p) || !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %v, want a PendingError by the caller's deadline", err)
	}
	return p
}

// TestLateCallersLearnWhatIsAwaited asks with a deadline while a touch is
// awaited, for the session itself and for a role that is chained from it.
func TestLateCallersLearnWhatIsAwaited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, aws := engine(t.Context())
		aws.delay = 10 * time.Second
		touch := Wait{Token: "12345678", Touch: true}
		e.maker = waitingMaker{aws, touch}
		start := time.Now()
		_, _, err := e.Get(within(t, 4*time.Second), roleWant("deploy", "arn:aws:iam::1:role/a"), false)
		if p := pendingOf(t, err); p.Wait != touch || p.Profile != "deploy" {
			t.Errorf("%+v, want the parent's wait for a touch", p)
		}
		_, _, err = e.Get(within(t, time.Second), mfaWant("dev"), false)
		if p := pendingOf(t, err); p.Wait != touch || p.Profile != "dev" {
			t.Errorf("%+v, want a touch", p)
		}
		if took := time.Since(start); took != 5*time.Second {
			t.Errorf("answered after %v, want the two deadlines", took)
		}
		// Ten seconds after the start the parent is there; the role's own call
		// waits for nobody.
		time.Sleep(6 * time.Second)
		_, _, err = e.Get(within(t, time.Second), roleWant("deploy", "arn:aws:iam::1:role/a"), false)
		if p := pendingOf(t, err); p.Wait != (Wait{}) {
			t.Errorf("%+v, want no one to wait for", p)
		}
		if _, cached, err := e.Get(within(t, 0), mfaWant("dev"), false); err != nil || !cached {
			t.Errorf("cached %t, error %v; want the session that the first caller asked for", cached, err)
		}
		e.Wait()
		if got := aws.count(sts.GetSessionToken); got != 1 {
			t.Errorf("%d calls, want 1", got)
		}
	})
}

// TestLateCallersGetTheOldSession: while it lives, the last good session is
// better than none.
func TestLateCallersGetTheOldSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, aws := engine(t.Context())
		old, _, err := e.Get(t.Context(), mfaWant("dev"), false)
		if err != nil {
			t.Fatal(err)
		}
		aws.delay = 15 * time.Second
		time.Sleep(12*time.Hour - 10*time.Minute)
		got, cached, err := e.Get(within(t, time.Second), mfaWant("dev"), false)
		if err != nil || !cached || got.Issued != old.Issued {
			t.Fatalf("cached %t, error %v; want the old session", cached, err)
		}
		_, _, err = e.Get(within(t, time.Second), mfaWant("dev"), true)
		pendingOf(t, err)
		e.Wait()
		got, cached, err = e.Get(within(t, time.Second), mfaWant("dev"), false)
		if err != nil || !cached || got.Issued == old.Issued {
			t.Errorf("cached %t, error %v; want the new session", cached, err)
		}
	})
}
