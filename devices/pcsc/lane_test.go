package pcsc

import (
	"context"
	"testing"
	"testing/synctest"
)

// TestDuesGoFirst: a card that one channel holds is let go before another waits
// for it, whoever gets the turn first.
func TestDuesGoFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &lane{turn: make(chan struct{}, 1)}
		free := make(chan struct{})
		l.owe(func() { close(free) })
		for range 2 {
			err := l.run(context.Background(), nil, func() error { <-free; return nil }, func() {})
			if err != nil {
				t.Error(err)
			}
		}
	})
}
