package server

import (
	"errors"
	"testing"

	"github.com/fob-auth/fob/agent/api"
)

// TestCrowd: a process may have so many connections, others aren't
// held up by it, and one that has left isn't remembered.
func TestCrowd(t *testing.T) {
	var c crowd
	var leave []func()
	for i := range maxAtOnce {
		l, err := c.enter(7)
		if err != nil {
			t.Fatalf("request %d: %v", i, err)
		}
		leave = append(leave, l)
	}
	var told *api.Error
	if _, err := c.enter(7); !errors.As(err, &told) || told.Code != api.RateLimited || told.RetryAfterMS == 0 {
		t.Errorf("one more: %v", err)
	}
	other, err := c.enter(8)
	if err != nil {
		t.Errorf("another process: %v", err)
	}
	leave[0]()
	again, err := c.enter(7)
	if err != nil {
		t.Errorf("after one has left: %v", err)
	}
	for _, l := range append(leave[1:], other, again) {
		l()
	}
	if len(c.here) != 0 {
		t.Errorf("remembered: %v", c.here)
	}
}
