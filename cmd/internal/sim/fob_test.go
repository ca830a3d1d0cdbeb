package sim

import (
	"context"
	"encoding/base32"
	"io"
	"testing"
	"time"

	"github.com/fob-auth/fob/devices"
	"github.com/fob-auth/fob/devices/serialfob"
	"github.com/fob-auth/fob/emulator/clock"
	firmware "github.com/fob-auth/fob/firmware/fob"
)

// A fob is the fob's firmware on a board of an emulated clock, and the line that
// it is on: one that takes no time, and on which nothing is heard unless the
// fob is asked. Years would be long with a driver that looks for bytes ten times
// a second.
type fob struct {
	clock    *clock.Clock
	firmware *firmware.Fob
	record   []byte
	began    time.Time
	said     chan []byte
	rest     []byte
	end      chan struct{} // closed when it is taken out
}

var (
	_ firmware.Hardware    = (*fob)(nil)
	_ firmware.Uptimer     = (*fob)(nil)
	_ firmware.ClockSetter = (*fob)(nil)
	_ serialfob.Port       = (*fob)(nil)
)

func newFob(t *testing.T, p plan) *fob {
	t.Helper()
	f := &fob{began: time.Now(), said: make(chan []byte, 1), end: make(chan struct{})}
	var err error
	if f.clock, err = clock.New(time.Now, p.offset, p.ppm); err != nil {
		t.Fatal(err)
	}
	change(t, f.clock, clock.Change{Temperature: &p.temperature})
	key, err := base32.StdEncoding.DecodeString(seed)
	if err != nil {
		t.Fatal(err)
	}
	if err := firmware.Provision(f, firmware.Identity{Serial: serial}, key); err != nil {
		t.Fatal(err)
	}
	if f.firmware, err = firmware.New(f, firmware.Options{}); err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *fob) Now() time.Time              { return f.clock.Now() }
func (f *fob) Uptime() time.Duration       { return time.Since(f.began) }
func (f *fob) ClockLost() bool             { return f.clock.Lost() }
func (f *fob) SetClock(to time.Time) error { return f.clock.Set(to) }
func (f *fob) Load() ([]byte, error)       { return f.record, nil }
func (f *fob) Store(record []byte) error   { f.record = record; return nil }

// Write has the firmware answer.
func (f *fob) Write(asked []byte) (int, error) {
	if said := append(f.firmware.Tick(), f.firmware.Input(asked)...); len(said) > 0 {
		select {
		case f.said <- said:
		case <-f.end:
		}
	}
	return len(asked), nil
}

// Read waits for what the firmware says.
func (f *fob) Read(p []byte) (int, error) {
	if len(f.rest) == 0 {
		select {
		case f.rest = <-f.said:
		case <-f.end:
			return 0, io.EOF
		}
	}
	n := copy(p, f.rest)
	f.rest = f.rest[n:]
	return n, nil
}

// Gone says that the fob was taken out.
func (f *fob) Gone() bool {
	select {
	case <-f.end:
		return true
	default:
		return false
	}
}

// Close is of the line; the fob stays.
func (f *fob) Close() error { return nil }

// A port is the one that the fob is on, with the driver of serial fobs.
type port struct{ *serialfob.Driver }

// ports is that port.
type ports struct{ fob *fob }

func (p ports) Find(string) []serialfob.Place                     { return []serialfob.Place{{Path: "fob", Device: "fob"}} }
func (p ports) Open(serialfob.Place, int) (serialfob.Port, error) { return p.fob, nil }

func newPort(t *testing.T, f *fob) port {
	t.Helper()
	driver, err := serialfob.NewOn(ports{f}, serialfob.Config{Port: "fob", Baud: 115200})
	if err != nil {
		t.Fatal(err)
	}
	return port{driver}
}

// Watch tells of the fob once: nobody takes it out.
func (p port) Watch(ctx context.Context, out chan<- []devices.Slot) error {
	select {
	case out <- []devices.Slot{{Path: "fob"}}:
	case <-ctx.Done():
	}
	<-ctx.Done()
	return ctx.Err()
}
