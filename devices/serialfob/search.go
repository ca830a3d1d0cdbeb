package serialfob

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/fob-auth/fob/devices"
)

// Bounds of a search for a serial: how many ports are asked at a time, and how
// long one that gave no answer is left alone, at first and at most.
const (
	askAtOnce  = 4
	firstPause = time.Second
	longest    = time.Minute
)

// A search finds out which of the ports has the fob that is meant. A port is
// asked once: what is known of it is void when another device stands there.
type search struct {
	ctx    context.Context
	cancel context.CancelFunc
	driver *Driver        // nil where all ports are meant
	news   chan struct{}  // holds a value while an answer has come
	asking sync.WaitGroup // the goroutines that ask
	turn   chan struct{}  // holds a value for each

	mu    sync.Mutex
	found map[Identity]*finding
}

// A finding is what is known of a port.
type finding struct {
	asking, settled, meant bool
	again                  time.Time // when it is worth asking again
	pause                  time.Duration
}

func newSearch(ctx context.Context, d *Driver) *search {
	s := &search{news: make(chan struct{}, 1), turn: make(chan struct{}, askAtOnce), found: make(map[Identity]*finding)}
	s.ctx, s.cancel = context.WithCancel(ctx)
	if d.config.Serial != "" && d.tells() {
		s.driver = d
	}
	return s
}

func (s *search) end() {
	s.cancel()
	s.asking.Wait()
}

// filter leaves the places whose fob is the one that is meant, and asks those
// that are new. It waits for nothing.
func (s *search) filter(places []Place) []Place {
	if s.driver == nil {
		return places
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var meant []Place
	present := make(map[Identity]bool, len(places))
	now := time.Now()
	for _, p := range places {
		present[p.Identity] = true
		f := s.found[p.Identity]
		if f == nil {
			f = &finding{pause: firstPause}
			s.found[p.Identity] = f
		}
		switch {
		case f.meant:
			meant = append(meant, p)
		case !f.settled && !f.asking && !now.Before(f.again):
			f.asking = true
			s.asking.Go(func() { s.ask(p) })
		}
	}
	for id, f := range s.found {
		if !present[id] && !f.asking {
			delete(s.found, id)
		}
	}
	return meant
}

// ask asks the fob at a place for its serial.
func (s *search) ask(p Place) {
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-s.ctx.Done():
		return
	}
	t, err := s.driver.openAt(s.ctx, p, devices.Slot{Driver: Name, Path: p.Path, Emulated: p.Emulated})
	serial := ""
	if err == nil {
		serial = t.Info().Serial
		t.Close()
	}
	s.mu.Lock()
	f := s.found[p.Identity]
	f.asking = false
	switch {
	case err == nil:
		f.settled, f.meant = true, serial == s.driver.config.Serial
	case errors.Is(err, devices.ErrBusy): // somebody else's now, and perhaps free soon
		f.again = time.Now().Add(firstPause)
	default:
		f.again, f.pause = time.Now().Add(f.pause), min(2*f.pause, longest)
	}
	s.mu.Unlock()
	select {
	case s.news <- struct{}{}:
	default:
	}
}
