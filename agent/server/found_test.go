package server

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fob-auth/fob/agent/caller"
)

// TestNamelessAreLookedForAgain: a name that was found is kept, and a process
// without one, whose scout didn't answer, is looked for again after a while.
func TestNamelessAreLookedForAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		looked, now := 0, []caller.Process{{PID: 7}}
		find := remembered(func() []caller.Process { looked++; return now })
		want := func(times int, chain ...caller.Process) {
			t.Helper()
			if found := find(); looked != times || !slices.Equal(found, chain) {
				t.Errorf("found %+v, looked %d times; want %+v, %d", found, looked, chain, times)
			}
		}
		want(1, caller.Process{PID: 7})
		now = []caller.Process{{PID: 7, Exe: "/usr/bin/fob"}}
		want(1, caller.Process{PID: 7})
		time.Sleep(againAfter)
		want(2, now...)
		time.Sleep(time.Hour)
		want(2, now...)
	})
}
