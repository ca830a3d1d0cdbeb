package serialfob

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fob-auth/fob/devices"
	"github.com/fob-auth/fob/firmware/fob/line"
)

// A rack is ports with fobs in them, by path.
type rack struct {
	mu    sync.Mutex
	slots map[string]*racked
}

// A racked is what is in a port.
type racked struct {
	number uint64
	serial string // "" for what doesn't answer
	baud   int    // at which it answers; 0 at any
	err    error  // of opening it
	opened []int  // the rates it was opened at
}

func (r *rack) Find(string) []Place {
	r.mu.Lock()
	defer r.mu.Unlock()
	var places []Place
	for path, in := range r.slots {
		places = append(places, Place{Path: path, Device: path, Identity: Identity{Device: path, Number: in.number}})
	}
	slices.SortFunc(places, func(a, b Place) int { return int(a.Identity.Number) - int(b.Identity.Number) })
	return places
}

func (r *rack) Open(p Place, baud int) (Port, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	in := r.slots[p.Path]
	in.opened = append(in.opened, baud)
	if in.err != nil {
		return nil, in.err
	}
	d := &desk{answer: func(_ int, f line.Frame) []byte {
		switch {
		case in.serial == "":
			return nil
		case in.baud != 0 && in.baud != baud:
			return []byte("\x9a\x00\xff\r\x81\n")
		}
		return encode(line.Identity{Model: "fob-1", Serial: in.serial, Firmware: "1.0.0", Capabilities: []string{"code"}}.Frame(f.Seq))
	}}
	return newFake(d.handle), nil
}

func (r *rack) set(path string, in *racked) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.slots[path] = in
}

func (r *rack) opened(path string) []int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.slots[path].opened)
}

// TestSearchForASerial: among ports that are silent, busy and other fobs', the
// one that is meant is found, wherever it goes, and the others are asked no
// more often than they must be.
func TestSearchForASerial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &rack{slots: map[string]*racked{
			"a": {number: 1, serial: "OTHER"}, "b": {number: 2}, "c": {number: 3, serial: "GAHT1"},
			"d": {number: 4, err: fmt.Errorf("%w: held", devices.ErrBusy)},
		}}
		d, err := NewOn(r, Config{Port: "*", Serial: "GAHT1", Baud: 115200})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		sets, ended := make(chan []devices.Slot, 100), make(chan error, 1)
		go func() { ended <- d.Watch(ctx, sets) }()
		paths := func() (all []string) {
			time.Sleep(5 * time.Second)
			var last []devices.Slot
			for len(sets) > 0 {
				last = <-sets
			}
			for _, s := range last {
				all = append(all, s.Path)
			}
			return all
		}
		if got := paths(); !slices.Equal(got, []string{"c"}) {
			t.Fatalf("found on %v", got)
		}
		token, err := d.Open(t.Context(), devices.Slot{Path: "c"})
		if err != nil {
			t.Fatal(err)
		}
		if err := token.Close(); err != nil {
			t.Error(err)
		}
		if _, err := d.Open(t.Context(), devices.Slot{Path: "a"}); !errors.Is(err, devices.ErrRemoved) {
			t.Errorf("open of another fob: %v", err)
		}
		// It moves to the port that the other one leaves.
		r.set("c", &racked{number: 5, serial: "OTHER"})
		r.set("a", &racked{number: 6, serial: "GAHT1"})
		if got := paths(); !slices.Equal(got, []string{"a"}) {
			t.Fatalf("found on %v after it moved", got)
		}
		time.Sleep(10 * time.Minute)
		if n := len(r.opened("c")); n != 1 {
			t.Errorf("another fob was asked %d times", n)
		}
		if n := len(r.opened("b")); n < 5 || n > 20 {
			t.Errorf("a silent port was asked %d times in ten minutes", n)
		}
		r.set("d", &racked{number: 4, serial: "GAHT1"}) // what held it lets it go
		time.Sleep(5 * time.Second)
		if n := len(r.opened("d")); n != 1 {
			t.Errorf("a port that was busy was asked %d times", n)
		}
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("the watch ended with %v", err)
		}
	})
}

// TestRateDetection: the rate is found out once, and remembered; a silent port
// is given up after all of them, in bounded time.
func TestRateDetection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &rack{slots: map[string]*racked{"a": {serial: "GAHT1", baud: 2400}, "b": {}, "c": {err: fmt.Errorf("%w: odd", devices.ErrUnsupported)}}}
		d, err := NewOn(r, Config{Port: "*"})
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			token, err := d.Open(t.Context(), devices.Slot{Path: "a"})
			if err != nil {
				t.Fatal(err)
			}
			if err := token.Close(); err != nil {
				t.Error(err)
			}
		}
		if got, want := r.opened("a"), []int{115200, 9600, 57600, 38400, 19200, 4800, 2400, 2400}; !slices.Equal(got, want) {
			t.Errorf("opened at %v, want %v", got, want)
		}
		began := time.Now()
		if _, err := d.Open(t.Context(), devices.Slot{Path: "b"}); !errors.Is(err, devices.ErrSilent) {
			t.Errorf("silent port: %v", err)
		}
		if took := time.Since(began); took > 15*time.Second {
			t.Errorf("a silent port took %v", took)
		}
		if _, err := d.Open(t.Context(), devices.Slot{Path: "c"}); !errors.Is(err, devices.ErrUnsupported) || len(r.opened("c")) != 1 {
			t.Errorf("a port that can't be opened: %v, at %v", err, r.opened("c"))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := d.Open(ctx, devices.Slot{Path: "b"}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("given up: %v", err)
		}
	})
}
