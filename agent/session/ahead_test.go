package session

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fob-auth/fob/sts"
)

// An office is an Ahead at work, with profiles to resolve.
type office struct {
	*Engine
	aws   *fakeAWS
	wants map[string]Want
	touch atomic.Bool

	mu     sync.Mutex
	offers int
}

func (o *office) offered() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.offers
}

func newOffice(t *testing.T, wants ...Want) *office {
	o := &office{wants: map[string]Want{}}
	for _, w := range wants {
		o.wants[w.Profile] = w
	}
	o.Engine, o.aws = engine(t.Context())
	ahead := &Ahead{Engine: o.Engine, Log: slog.New(slog.DiscardHandler),
		Resolve: func(_ context.Context, profile string) (Want, error) {
			o.mu.Lock()
			defer o.mu.Unlock()
			if w, ok := o.wants[profile]; ok {
				return w, nil
			}
			return Want{}, errors.New("no such profile")
		},
		Unattended: func(context.Context, Want) (bool, error) { return !o.touch.Load(), nil },
		Offer: func(Want, Entry) {
			o.mu.Lock()
			defer o.mu.Unlock()
			o.offers++
		},
	}
	go ahead.Run(t.Context())
	return o
}

// use asks for a session now and every so often until the time is over.
func (o *office) use(t *testing.T, profile string, every, during time.Duration) {
	t.Helper()
	for end := time.Now().Add(during); ; time.Sleep(every) {
		if _, cached, err := o.Get(t.Context(), o.wants[profile], false); err != nil {
			t.Fatal(err)
		} else if start := end.Add(-during); !cached && !time.Now().Before(start.Add(time.Minute)) {
			t.Errorf("%v after the start a caller had to wait", time.Since(start))
		}
		if !time.Now().Before(end) {
			return
		}
	}
}

// TestRenewedAhead: no caller ever waits for a session, be it one of the token
// itself or a role's; nobody at work, and nothing is renewed.
func TestRenewedAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, mfaWant("dev"), roleWant("deploy", "arn:aws:iam::1:role/a"))
		o.use(t, "dev", 10*time.Minute, 36*time.Hour)
		if got := o.aws.count(sts.GetSessionToken); got != 4 {
			t.Errorf("%d sessions in 36 hours, want 4: each is renewed 25 minutes before its end", got)
		}
		o.use(t, "deploy", 10*time.Minute, 5*time.Hour)
		if got := o.aws.count(sts.AssumeRole); got < 7 || got > 10 {
			t.Errorf("%d role sessions in 5 hours, want one in about 35 minutes", got)
		}
		made := o.aws.count(sts.GetSessionToken) + o.aws.count(sts.AssumeRole)
		time.Sleep(48 * time.Hour)
		if now := o.aws.count(sts.GetSessionToken) + o.aws.count(sts.AssumeRole); now > made+2 {
			t.Errorf("%d sessions were made for nobody", now-made)
		}
		if o.offered() > 0 {
			t.Errorf("%d offers though no touch is needed", o.offered())
		}
	})
}

// TestTouchIsOffered: a session that wants a touch is offered once, and not
// made; a role of it is renewed for as long as it lives.
func TestTouchIsOffered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, mfaWant("dev"))
		o.touch.Store(true)
		o.use(t, "dev", 10*time.Minute, 11*time.Hour+30*time.Minute)
		if o.offered() > 0 {
			t.Fatal("offered half an hour before the end")
		}
		time.Sleep(20 * time.Minute)
		if o.offered() != 1 || o.aws.count(sts.GetSessionToken) != 1 {
			t.Errorf("%d offers, %d sessions; want one of each", o.offered(), o.aws.count(sts.GetSessionToken))
		}
		// It is renewed by a person, and the next one is offered in its time.
		if _, _, err := o.Get(t.Context(), o.wants["dev"], true); err != nil {
			t.Fatal(err)
		}
		o.use(t, "dev", 10*time.Minute, 11*time.Hour+30*time.Minute)
		time.Sleep(9 * time.Minute)
		if o.offered() != 2 {
			t.Errorf("%d offers, want two", o.offered())
		}
	})
}

// TestAskedForFirst: what a person has to agree to isn't made unasked, be there
// a touch or not.
func TestAskedForFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := mfaWant("dev")
		w.Confirm = true
		o := newOffice(t, w)
		o.Leave = func(context.Context, Want) error { return nil }
		o.use(t, "dev", 10*time.Minute, 11*time.Hour+30*time.Minute)
		time.Sleep(20 * time.Minute)
		if o.offered() != 1 || o.aws.count(sts.GetSessionToken) != 1 {
			t.Errorf("%d offers, %d sessions; want one of each", o.offered(), o.aws.count(sts.GetSessionToken))
		}
	})
}

// TestFailedRenewalsRest: AWS isn't asked at every look, and the old session is
// kept.
func TestFailedRenewalsRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, mfaWant("dev"))
		o.use(t, "dev", 10*time.Minute, 11*time.Hour+30*time.Minute)
		o.aws.mu.Lock()
		o.aws.fail = errors.New("AWS is down")
		o.aws.mu.Unlock()
		time.Sleep(9 * time.Minute)
		if got := o.aws.count(sts.GetSessionToken); got != 2 {
			t.Errorf("%d calls in 9 minutes, of which 4 were in its time; want one more than the first", got)
		}
		if got := o.List(); len(got) != 1 {
			t.Errorf("the old session is gone: %v", got)
		}
		// A profile that is no more is left alone.
		o.mu.Lock()
		delete(o.wants, "dev")
		o.mu.Unlock()
		time.Sleep(10 * time.Minute)
		if got := o.aws.count(sts.GetSessionToken); got != 2 {
			t.Errorf("%d calls, want no more", got)
		}
	})
}
