package server

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/fob-auth/fob/agent/api"
)

const (
	// watcherBuffer is how many events a watcher may be behind before it
	// misses some.
	watcherBuffer = 64
	// pulse is how often a quiet stream says that it is alive, so that a
	// watcher that has gone is found.
	pulse = 15 * time.Second
)

// A Hub spreads events to any number of watchers and never waits for one. The
// zero value works.
type Hub struct {
	mu       sync.Mutex
	watchers map[*watcher]struct{}
}

type watcher struct {
	events chan api.Event
	// lost counts what the watcher missed since it was last told.
	lost int
}

// Publish hands e to every watcher that has room for it. It never blocks.
func (h *Hub) Publish(e api.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for w := range h.watchers {
		w.offer(e)
	}
}

// offer puts e into the watcher's buffer, before it what tells of a gap.
func (w *watcher) offer(e api.Event) {
	room := cap(w.events) - len(w.events)
	if w.lost == 0 && room > 0 {
		w.events <- e
		return
	}
	if w.lost > 0 && room > 1 {
		w.events <- api.Event{
			Type:    api.EventLost,
			At:      e.At,
			Message: fmt.Sprintf("the watcher was too slow and missed events: %d", w.lost),
		}
		w.lost = 0
		w.events <- e
		return
	}
	w.lost++
}

// Subscribe returns a channel of the events from now on. It is closed when ctx
// ends.
func (h *Hub) Subscribe(ctx context.Context) <-chan api.Event {
	w := &watcher{events: make(chan api.Event, watcherBuffer)}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.watchers == nil {
		h.watchers = make(map[*watcher]struct{})
	}
	h.watchers[w] = struct{}{}
	context.AfterFunc(ctx, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.watchers, w)
		close(w.events)
	})
	return w.events
}

// stream writes events until the caller goes or the agent ends.
func (s *Server) stream(c huma.Context) {
	ctx, cancel := context.WithCancel(c.Context())
	defer cancel()
	r, w := humago.Unwrap(c)
	control := http.NewResponseController(w)
	events := s.backend.Events.Subscribe(ctx, r.URL.Query().Get(api.AnswersQuery))
	w.Header().Set("Content-Type", "text/event-stream")
	beat := time.NewTicker(pulse)
	defer beat.Stop()
	// The first line tells the caller that nothing from now on escapes it.
	line := []byte(": following\n\n")
	for {
		if a, ok := w.(*answer); ok {
			a.extend()
		}
		if _, err := w.Write(line); err != nil {
			return
		}
		if err := control.Flush(); err != nil {
			return
		}
		select {
		case e, ok := <-events:
			if !ok {
				return
			}
			text, err := json.Marshal(e)
			if err != nil {
				s.log.Error("event left out", "type", e.Type, "error", err)
				line = []byte(": one event left out\n\n")
				continue
			}
			line = fmt.Appendf(nil, "event: %s\ndata: %s\n\n", e.Type, text)
		case <-beat.C:
			line = []byte(": still here\n\n")
		case <-r.Context().Done():
			return
		case <-s.stopping:
			return
		}
	}
}
