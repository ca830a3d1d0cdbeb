package pcsc

import (
	"errors"
	"slices"
	"testing"
	"time"
)

// TestCrowd: whoever came lately is told from whoever stays, whichever of them
// PC/SC's one flag stands for.
func TestCrowd(t *testing.T) {
	here := []connection{{1, 101}}
	c := &crowd{list: func() ([]connection, error) { return here, nil }, ours: func() map[uint32]bool { return map[uint32]bool{101: true} }}
	at := time.Unix(0, 0).Add(time.Hour)
	expect := func(after time.Duration, came bool) {
		t.Helper()
		at = at.Add(after)
		if got, known := c.visited(at, 4*time.Second); got != came || !known {
			t.Errorf("at %v with %v: visited %v, known %v", at, here, got, known)
		}
	}
	expect(0, false) // ourselves
	here = append(here, connection{2, 202})
	expect(0, true)
	expect(3*time.Second, true)
	expect(time.Second, false) // it stays
	here = append(here, connection{3, 303})
	expect(0, true) // another, behind the one that stays
	here = slices.Delete(here, 2, 3)
	expect(0, false)
	here = []connection{{1, 101}, {4, 404}}
	expect(0, true) // as many as before, and not the same

	here = []connection{{5, 505}}
	if came, known := c.visited(at, 4*time.Second); came || known {
		t.Errorf("without ourselves in the list: visited %v, known %v", came, known)
	}
	c.list = func() ([]connection, error) { return nil, errors.New("not here") }
	if came, known := c.visited(at, 4*time.Second); came || known {
		t.Errorf("without a list: visited %v, known %v", came, known)
	}
}
