package emulator

import (
	"sync"
	"time"
)

// fobTick is how often a fob's firmware looks at its clock; it asks for at
// least every 100 ms.
const fobTick = 50 * time.Millisecond

// A heart is the timer that all fobs of a bench share: ten thousand timers and
// goroutines would cost more than the fobs. It beats while there are fobs.
type heart struct {
	mu   sync.Mutex
	runs map[*fobRun]struct{}
	stop chan struct{} // nil while it doesn't beat
	done chan struct{}
}

// add lets the heart beat for r.
func (h *heart) add(r *fobRun) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.runs == nil {
		h.runs = make(map[*fobRun]struct{})
	}
	h.runs[r] = struct{}{}
	if h.stop == nil {
		h.stop, h.done = make(chan struct{}), make(chan struct{})
		go h.beat(h.stop, h.done)
	}
}

// remove returns once the heart doesn't beat for r any more.
func (h *heart) remove(r *fobRun) {
	h.mu.Lock()
	delete(h.runs, r)
	var done chan struct{}
	if len(h.runs) == 0 && h.stop != nil {
		close(h.stop)
		done, h.stop = h.done, nil
	}
	h.mu.Unlock()
	if done != nil {
		<-done
	}
}

func (h *heart) beat(stop <-chan struct{}, done chan<- struct{}) {
	defer close(done)
	tick := time.NewTicker(fobTick)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
		}
		h.mu.Lock()
		for r := range h.runs {
			r.tick() // waits for nothing
		}
		h.mu.Unlock()
	}
}
