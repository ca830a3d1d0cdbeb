// Package serialfob is the way in to TOTP fobs on serial ports: those that speak
// the line protocol of firmware/fob (PROTOCOL.md there), and gadgets whose
// [Dialect] the config describes. It finds ports by path, by pattern or by the
// fob's serial number, finds out their rate where that isn't known, and reads a
// fob's identity, its present code and its clock.
//
// The port is driven through tarm/serial, whose read timeout looks like the end
// of a file and whose writes can block for ever: package-internal goroutines
// take both, so that a port that hangs costs one of them and never the caller.
// A port is held by an advisory lock while it is open.
//
// A fob that hangs on a PTY, as the bench's do, is marked as emulated.
package serialfob

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/fob-auth/fob/devices"
)

// Name is the driver's name in the slots it reports.
const Name = "serialfob"

// openTimeout bounds the opening of a port, whatever the caller's context says.
const openTimeout = 5 * time.Second

// lookEvery is how often Watch looks for ports.
const lookEvery = 250 * time.Millisecond

// A Config says where fobs may be found.
type Config struct {
	// Port is a path, or a pattern of path/filepath's Match: "/dev/ttyACM*".
	Port string
	// Serial is the serial number of the one fob that is meant, on whichever of
	// the ports it is; "" takes all of them. A gadget whose dialect doesn't tell
	// its serial gets this one.
	Serial string
	// Baud is the line's rate in bits per second; 0 finds it out.
	Baud int
	// Dialect is what the gadget speaks; nil is the protocol of firmware/fob.
	Dialect *Dialect
}

// A Driver finds and opens the fobs of one Config.
type Driver struct {
	config  Config
	dialect *dialect // nil for the protocol of firmware/fob
	find    func(pattern string) []Place
	open    func(p Place, baud int) (Port, error)
	now     func() time.Time // the host's clock, for gadgets that show none

	mu      sync.Mutex
	numbers func() uint32   // where the requests of the next fob begin
	opening map[string]bool // devices whose opening is under way, or hangs
	rates   map[Identity]int
}

var _ devices.Driver = (*Driver)(nil)

// New returns a driver for the ports of this machine, or why the config can't
// be used. No port is touched before Watch or Open.
func New(c Config) (*Driver, error) {
	d, err := NewOn(system{}, c)
	if err == nil {
		d.numbers = rand.Uint32
	}
	return d, err
}

// NewOn is New for other ports, with request numbers that each run has alike.
func NewOn(ports Ports, c Config) (*Driver, error) {
	if c.Port == "" {
		return nil, errors.New("serial port has no path")
	}
	if c.Baud < 0 {
		return nil, fmt.Errorf("serial port %s: baud rate %d", c.Port, c.Baud)
	}
	d := &Driver{
		config: c, find: ports.Find, open: ports.Open, now: time.Now, numbers: rand.New(rand.NewPCG(1, 1)).Uint32,
		opening: make(map[string]bool), rates: make(map[Identity]int),
	}
	if c.Dialect == nil {
		return d, nil
	}
	var err error
	if d.dialect, err = c.Dialect.compile(); err != nil {
		return nil, fmt.Errorf("serial port %s: dialect %s: %w", c.Port, c.Dialect.Name, err)
	}
	switch {
	case d.dialect.serial != nil:
	case c.Serial == "":
		return nil, fmt.Errorf("serial port %s: dialect %s doesn't tell a serial, and the port names none", c.Port, c.Dialect.Name)
	case c.Baud == 0:
		return nil, fmt.Errorf("serial port %s: the rate can't be found out, as dialect %s has nothing to ask for", c.Port, c.Dialect.Name)
	}
	return d, nil
}

// tells says that what is on a port can be asked for its serial.
func (d *Driver) tells() bool { return d.dialect == nil || d.dialect.serial != nil }

// Watch reports the ports that are there, whether or not a fob answers on them;
// where the config names a serial, those that its fob answers on. It returns
// ctx's error once ctx ends, and nothing else ends it.
func (d *Driver) Watch(ctx context.Context, out chan<- []devices.Slot) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	var sent []devices.Slot
	known := make(map[string]seen)
	search := newSearch(ctx, d)
	defer search.end()
	for first := true; ; first = false {
		set := slots(search.filter(d.find(d.config.Port)), known)
		if first || !slices.Equal(set, sent) {
			select {
			case out <- slices.Clone(set):
				sent = set
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		select {
		case <-tick.C:
		case <-search.news:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// seen is which device had a path at the last look, and how many had before.
type seen struct {
	identity   Identity
	generation uint64
}

// slots turns places into slots, counting a new generation wherever another
// device stands at a known path. It forgets the paths that are gone.
func slots(places []Place, known map[string]seen) []devices.Slot {
	var set []devices.Slot
	present := make(map[string]bool, len(places))
	for _, p := range places {
		present[p.Path] = true
		s := known[p.Path]
		if s.identity != p.Identity {
			s = seen{identity: p.Identity, generation: s.generation + 1}
			known[p.Path] = s
		}
		set = append(set, devices.Slot{
			Driver: Name, Path: p.Path, Generation: s.generation, Emulated: p.Emulated,
		})
	}
	maps.DeleteFunc(known, func(path string, _ seen) bool { return !present[path] })
	return set
}

// Open opens the port in slot s and asks the fob who it is.
func (d *Driver) Open(ctx context.Context, s devices.Slot) (devices.Token, error) {
	t, err := d.openSlot(ctx, s)
	if err != nil {
		return nil, &devices.Error{Op: "open", Token: s.Path, Err: err}
	}
	return t, nil
}

func (d *Driver) openSlot(ctx context.Context, s devices.Slot) (devices.Token, error) {
	places := d.find(d.config.Port)
	i := slices.IndexFunc(places, func(p Place) bool { return p.Path == s.Path })
	if i < 0 {
		return nil, devices.ErrRemoved
	}
	s.Emulated = places[i].Emulated
	t, err := d.openAt(ctx, places[i], s)
	if err != nil {
		return nil, err
	}
	if serial := t.Info().Serial; d.config.Serial != "" && serial != d.config.Serial {
		t.Close()
		return nil, fmt.Errorf("%w: token %s is there, and %s is meant", devices.ErrRemoved, serial, d.config.Serial)
	}
	return t, nil
}

// openWithin opens a port, which the kernel may hold up, until ctx or its
// bound ends. However often that is tried, one goroutine hangs at most.
func (d *Driver) openWithin(ctx context.Context, at Place, baud int) (Port, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if !d.begin(at) {
		return nil, fmt.Errorf("%w: it is being opened", devices.ErrBusy)
	}
	type opened struct {
		port Port
		err  error
	}
	done, left := make(chan opened), make(chan struct{})
	defer close(left)
	go func() {
		p, err := d.open(at, baud)
		d.end(at)
		select {
		case done <- opened{p, err}:
		case <-left:
			if err == nil {
				p.Close()
			}
		}
	}()
	late := time.NewTimer(openTimeout)
	defer late.Stop()
	select {
	case o := <-done:
		return o.port, o.err
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-late.C:
		return nil, devices.ErrSilent
	}
}

func (d *Driver) begin(at Place) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.opening[at.Device] {
		return false
	}
	d.opening[at.Device] = true
	return true
}

// number is where the requests of a fob that is being opened begin: at random,
// so that an answer to whoever had the port before matches none of them.
func (d *Driver) number() uint16 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return uint16(d.numbers())
}

func (d *Driver) end(at Place) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.opening, at.Device)
}
