package session

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fob-auth/fob/sts"
)

// boughtID is the access key id of what is bought: long enough not to stand in
// sealed bytes by chance.
const boughtID = "ASIABOUGHTEXAMPLE001"

// A fakeAWS makes sessions after a delay and counts them by call.
type fakeAWS struct {
	mu    sync.Mutex
	made  map[sts.Call]int
	fail  error
	delay time.Duration
}

func (f *fakeAWS) Make(ctx context.Context, w Want) (sts.Session, error) {
	f.mu.Lock()
	f.made[w.Plan.Call]++
	fail := f.fail
	f.mu.Unlock()
	if w.Plan.Parent != nil && w.Plan.Keys.SessionToken == "" {
		return sts.Session{}, errors.New("parent's keys are missing")
	}
	select {
	case <-time.After(f.delay):
	case <-ctx.Done():
		return sts.Session{}, ctx.Err()
	}
	now := time.Now()
	keys := sts.Keys{AccessKeyID: boughtID, SecretAccessKey: "secret", SessionToken: "token"}
	return sts.Session{Keys: keys, Expiration: now.Add(w.Plan.Duration), Date: now}, fail
}

func (f *fakeAWS) count(c sts.Call) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.made[c]
}

func engine(ctx context.Context) (*Engine, *fakeAWS) {
	aws := &fakeAWS{made: map[sts.Call]int{}, delay: time.Second}
	return New(ctx, aws, func(string) time.Time { return time.Now() }, slog.New(slog.DiscardHandler)), aws
}

func mfaWant(profile string) Want {
	return Want{Profile: profile, MinTTL: 20 * time.Minute, Plan: sts.Plan{
		Call: sts.GetSessionToken, Keys: sts.Keys{AccessKeyID: "AKIA"}, MFASerial: "GAHT12345678", Duration: 12 * time.Hour,
	}}
}

func roleWant(profile, role string) Want {
	w := mfaWant(profile)
	parent := w.Plan
	w.Plan = sts.Plan{Call: sts.AssumeRole, Parent: &parent, Role: sts.Role{ARN: role, SessionName: "fob"}, Duration: time.Hour}
	return w
}

func TestOneFlightServesEverybody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, aws := engine(t.Context())
		var all sync.WaitGroup
		for i := range 50 {
			all.Go(func() {
				w := mfaWant("base")
				if i%2 == 1 {
					w = roleWant("role", []string{"arn:aws:iam::1:role/a", "arn:aws:iam::1:role/b"}[i/2%2])
				}
				if _, _, err := e.Get(t.Context(), w, false); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if got := aws.count(sts.GetSessionToken); got != 1 {
			t.Errorf("%d GetSessionToken calls, want 1", got)
		}
		if got := aws.count(sts.AssumeRole); got != 2 {
			t.Errorf("%d AssumeRole calls, want 2", got)
		}
		e.Wait()
	})
}

func TestFreshness(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, aws := engine(t.Context())
		ask := func(w Want, renew, wantCached bool) Entry {
			t.Helper()
			entry, cached, err := e.Get(t.Context(), w, renew)
			if err != nil || cached != wantCached {
				t.Fatalf("cached %t, error %v; want cached %t", cached, err, wantCached)
			}
			return entry
		}
		w := mfaWant("dev")
		ask(w, false, false)
		ask(w, false, true)
		time.Sleep(12*time.Hour - 21*time.Minute)
		ask(w, false, true)
		time.Sleep(2 * time.Minute)
		ask(w, false, false)
		ask(w, true, false)

		w.MaxAge = 300 * time.Second
		entry := ask(w, false, true)
		if left := time.Until(entry.Expiration(w.MaxAge)); left != w.MaxAge {
			t.Errorf("handed out for %v, want the age bound of %v", left, w.MaxAge)
		}
		time.Sleep(301 * time.Second)
		ask(w, false, false)
		if got := aws.count(sts.GetSessionToken); got != 4 {
			t.Errorf("%d GetSessionToken calls, want 4", got)
		}
	})
}

func TestEmulatedSessionsServeOnlyWhoAllowsThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, aws := engine(t.Context())
		w := mfaWant("ci")
		w.AllowEmulated = true
		if _, _, err := e.Get(t.Context(), w, false); err != nil {
			t.Fatal(err)
		}
		w.AllowEmulated = false
		if _, cached, err := e.Get(t.Context(), w, false); err != nil || cached {
			t.Fatalf("cached %t, error %v: a session that an emulated token may have bought", cached, err)
		}
		if got := aws.count(sts.GetSessionToken); got != 2 {
			t.Errorf("%d calls, want 2", got)
		}
	})
}

func TestCallerLeavesAndWorkGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, aws := engine(t.Context())
		aws.delay = 15 * time.Second
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if _, _, err := e.Get(ctx, mfaWant("dev"), false); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("got %v, want the caller's deadline", err)
		}
		time.Sleep(11 * time.Second)
		if _, cached, err := e.Get(t.Context(), mfaWant("dev"), false); err != nil || !cached {
			t.Fatalf("cached %t, error %v; want the session that the first caller asked for", cached, err)
		}
		if got := aws.count(sts.GetSessionToken); got != 1 {
			t.Errorf("%d calls, want 1", got)
		}
	})
}

func TestLastGoodSessionIsKeptWhileItLives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, aws := engine(t.Context())
		if _, _, err := e.Get(t.Context(), mfaWant("dev"), false); err != nil {
			t.Fatal(err)
		}
		aws.fail = errors.New("AWS is down")
		time.Sleep(12*time.Hour - 10*time.Minute)
		if _, cached, err := e.Get(t.Context(), mfaWant("dev"), false); err != nil || !cached {
			t.Fatalf("cached %t, error %v; want the old session", cached, err)
		}
		if _, _, err := e.Get(t.Context(), mfaWant("dev"), true); !errors.Is(err, aws.fail) {
			t.Fatalf("renewal asked for: got %v, want the failure", err)
		}
		time.Sleep(10 * time.Minute)
		if _, _, err := e.Get(t.Context(), mfaWant("dev"), false); !errors.Is(err, aws.fail) {
			t.Fatalf("after the end: got %v, want the failure", err)
		}
		if got := e.List(); len(got) != 0 {
			t.Errorf("an expired session is listed: %v", got)
		}
	})
}

func TestForget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, aws := engine(t.Context())
		entry, _, err := e.Get(t.Context(), mfaWant("dev"), false)
		if err != nil {
			t.Fatal(err)
		}
		if err := e.Forget(entry.ID); err != nil {
			t.Fatal(err)
		}
		if err := e.Forget(entry.ID); !errors.Is(err, ErrUnknown) {
			t.Fatalf("forgotten twice: %v", err)
		}
		if _, _, err := e.Get(t.Context(), mfaWant("dev"), false); err != nil || aws.count(sts.GetSessionToken) != 2 {
			t.Fatalf("error %v after %d calls, want 2", err, aws.count(sts.GetSessionToken))
		}
	})
}
