package serialfob

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/fob-auth/fob/devices"
	"github.com/fob-auth/fob/firmware/fob/line"
)

// usualRates are tried in this order where the rate isn't known: the fob's own
// first, then by how common they are.
var usualRates = slices.DeleteFunc([]int{115200, 9600, 57600, 38400, 19200, 4800, 2400, 1200, 230400, 460800, 921600},
	func(baud int) bool { return !slices.Contains(lineRates, baud) })

// CheckBaud says why a line can't have a rate in bits per second on this system.
func CheckBaud(baud int) error {
	i, known := slices.BinarySearch(lineRates, baud)
	switch {
	case known:
		return nil
	case i == 0:
		return fmt.Errorf("no serial line has %d bits per second; %d is the least", baud, lineRates[0])
	case i == len(lineRates):
		return fmt.Errorf("no serial line has %d bits per second; %d is the most", baud, lineRates[i-1])
	}
	return fmt.Errorf("no serial line has %d bits per second; the next are %d and %d", baud, lineRates[i-1], lineRates[i])
}

// firstWord is how long a fob has for the beginning of its first answer while
// its rate is sought; what the bytes themselves take comes on top.
const firstWord = 300 * time.Millisecond

// maxRates bounds how many devices' rates are remembered.
const maxRates = 256

// onTheLine is how long a request and its answer take on the line at a rate, at
// ten bits a byte.
func onTheLine(baud int) time.Duration {
	if baud <= 0 {
		return 0
	}
	return 2 * line.MaxLine * 10 * time.Second / time.Duration(baud)
}

// An unnamed token is opened and not yet asked who it is.
type unnamed interface {
	devices.Token
	// identify asks for serial, model and firmware, with so many tries, each of
	// which has so long for its answer.
	identify(ctx context.Context, tries int, within time.Duration) error
}

// openAt opens the port at a place, and asks the fob there who it is.
func (d *Driver) openAt(ctx context.Context, at Place, s devices.Slot) (devices.Token, error) {
	if d.config.Baud != 0 {
		return d.openRate(ctx, at, s, d.config.Baud, tries, answerWithin)
	}
	err := error(devices.ErrSilent)
	for _, baud := range d.ratesFor(at) {
		var t devices.Token
		if t, err = d.openRate(ctx, at, s, baud, 1, firstWord); err == nil {
			d.remember(at, baud)
			return t, nil
		}
		if !errors.As(err, new(*unheardError)) || !errors.Is(err, devices.ErrSilent) && !errors.Is(err, devices.ErrAnswer) {
			return nil, err
		}
	}
	return nil, fmt.Errorf("no rate is right: %w", err)
}

// An unheardError is of a fob that was asked who it is; other errors are of its
// port.
type unheardError struct{ err error }

func (e *unheardError) Error() string { return e.err.Error() }
func (e *unheardError) Unwrap() error { return e.err }

// ratesFor are the rates to try, the one that was right before first and with a
// second try.
func (d *Driver) ratesFor(at Place) []int {
	d.mu.Lock()
	defer d.mu.Unlock()
	if baud, ok := d.rates[at.Identity]; ok {
		return append([]int{baud, baud}, usualRates...)
	}
	return usualRates
}

// remember keeps the rate that was right.
func (d *Driver) remember(at Place, baud int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.rates) >= maxRates {
		clear(d.rates) // of devices that came and went
	}
	d.rates[at.Identity] = baud
}

func (d *Driver) openRate(ctx context.Context, at Place, s devices.Slot, baud, tries int, within time.Duration) (devices.Token, error) {
	p, err := d.openWithin(ctx, at, baud)
	if err != nil {
		return nil, err
	}
	t := d.newToken(newWire(p), s, baud)
	if err := t.identify(ctx, tries, within+onTheLine(baud)); err != nil {
		t.Close()
		return nil, &unheardError{err}
	}
	f, ok := t.(*fob)
	if !ok {
		return t, nil
	}
	f.sought = d.config.Baud == 0
	if f.serial == "" {
		return newBlank(f, d.now), nil
	}
	return f, nil
}

func (d *Driver) newToken(w *wire, s devices.Slot, baud int) unnamed {
	if d.dialect == nil {
		f := newFob(w, s, d.number())
		f.within += onTheLine(baud)
		return f
	}
	g := newGadget(w, s, d.dialect, d.now)
	g.within += onTheLine(baud)
	g.info.Serial = d.config.Serial
	if d.dialect.showsClock() {
		return &clockedGadget{g}
	}
	return g
}
