package agent

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fob-auth/fob/agent/policy"
)

// TestIdleLock lets nobody act in virtual time: the agent locks itself when the
// config says so, each act puts that off, and a config that says nothing ends
// it.
func TestIdleLock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var idle idleLock
		var lock policy.Lock
		var after atomic.Int64
		after.Store(int64(15 * time.Minute))
		begun := time.Now()
		var closed atomic.Int64
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			idle.watch(ctx, func() time.Duration { return time.Duration(after.Load()) }, lock.Locked, func(time.Duration) {
				lock.Close()
				closed.Store(int64(time.Since(begun)))
			})
		}()
		synctest.Wait()
		for range 20 { // an act each ten minutes
			time.Sleep(10 * time.Minute)
			idle.active()
		}
		synctest.Wait()
		if lock.Locked() {
			t.Fatal("it locked though somebody acted")
		}
		time.Sleep(15 * time.Minute)
		synctest.Wait()
		if !lock.Locked() || time.Duration(closed.Load()) != 215*time.Minute {
			t.Errorf("locked %t, after %v", lock.Locked(), time.Duration(closed.Load()))
		}
		if err := lock.Unlock(ctx, "owner", nil, time.Now); err != nil {
			t.Fatal(err)
		}
		after.Store(0)
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		if lock.Locked() {
			t.Error("it locked though the config doesn't say so any more")
		}
		cancel()
		<-ended
	})
}
