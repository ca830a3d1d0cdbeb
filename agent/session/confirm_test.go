package session

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fob-auth/fob/sts"
)

var errNo = errors.New("the user said no")

func TestLeaveIsAskedForOncePerSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, aws := engine(t.Context())
		w := roleWant("prod", "arn:aws:iam::1:role/a")
		w.Confirm = true
		if _, _, err := e.Get(t.Context(), w, false); !errors.Is(err, errLeave) {
			t.Errorf("with nobody to ask: %v", err)
		}
		var asked atomic.Int64
		answer := errNo
		e.Leave = func(_ context.Context, w Want) error {
			asked.Add(1)
			if w.Profile != "prod" {
				t.Errorf("asked for %s", w.Profile)
			}
			return answer
		}
		// What another profile has may not serve this one unasked.
		if _, _, err := e.Get(t.Context(), roleWant("dev", "arn:aws:iam::1:role/a"), false); err != nil {
			t.Fatal(err)
		}
		if _, _, err := e.Get(t.Context(), w, false); !errors.Is(err, errNo) {
			t.Errorf("after a no: %v", err)
		}
		answer = nil
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() {
				if _, _, err := e.Get(t.Context(), w, false); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if _, cached, err := e.Get(t.Context(), w, false); err != nil || !cached {
			t.Errorf("once more: cached %t, %v", cached, err)
		}
		if n, made := asked.Load(), aws.count(sts.AssumeRole); n != 2 || made != 2 {
			t.Errorf("asked %d times for %d sessions, want 2 and 2", n, made)
		}
	})
}

func TestSoloSessionsAreNeverShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, aws := engine(t.Context())
		e.Leave = func(context.Context, Want) error { return nil }
		w := roleWant("prod", "arn:aws:iam::1:role/a")
		w.Confirm, w.Solo = true, true
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() {
				if _, cached, err := e.Get(t.Context(), w, false); err != nil || cached {
					t.Errorf("cached %t, %v", cached, err)
				}
			})
		}
		all.Wait()
		if roles, bases := aws.count(sts.AssumeRole), aws.count(sts.GetSessionToken); roles != 3 || bases != 3 || len(e.List()) != 0 {
			t.Errorf("%d roles by %d sessions, %d cached; want 3, 3 and none", roles, bases, len(e.List()))
		}
		// It ends with its caller, and with the engine.
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, _, err := e.Get(ctx, w, false); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("without a caller: %v", err)
		}
		e.Wait()
	})
}
