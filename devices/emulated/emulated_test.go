package emulated

import (
	"context"
	"errors"
	"os"
	"testing"

	"github.com/fob-auth/fob/devices"
	"github.com/fob-auth/fob/devices/devicetest"
)

func TestConformance(t *testing.T) {
	devicetest.Run(t, func(t *testing.T) devicetest.Fixture {
		b := newBench(t, newKey())
		return devicetest.Fixture{
			Driver: New(b.socket), Serial: "12345678", Model: "YubiKey", Firmware: "5.4.3", Emulated: true,
			Accounts: accounts(), Writer: true,
			Waiting: b.key.Waiting, Press: b.key.Press, GiveUp: b.key.GiveUp,
			Unplug: b.unplug, Plug: b.plug,
		}
	})
}

// watching starts a driver's watch and returns its sets.
func watching(t *testing.T, d *Driver) <-chan []devices.Slot {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	sets, ended := make(chan []devices.Slot), make(chan error, 1)
	go func() { ended <- d.Watch(ctx, sets) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("the watch ended with %v", err)
		}
	})
	return sets
}

func TestWatchFollowsTheBenchsLife(t *testing.T) {
	b := newBench(t, newKey())
	b.stop()
	os.Remove(b.socket)
	sets := watching(t, New(b.socket))
	if set := <-sets; len(set) != 0 {
		t.Fatalf("with no bench there is %v", set)
	}
	for range 3 {
		b.start(t)
		set := <-sets
		if len(set) != 1 || set[0].Path != b.socket+"#yk 1#/" || !set[0].Emulated || set[0].Driver != Name {
			t.Fatalf("with the bench there is %v", set)
		}
		b.stop()
		if set := <-sets; len(set) != 0 {
			t.Fatalf("with the bench gone there is %v", set)
		}
		os.Remove(b.socket)
	}
}

func TestOpenRefusesAForeignSlot(t *testing.T) {
	b := newBench(t, newKey())
	d := New(b.socket)
	for _, path := range []string{"", b.socket, b.socket + "#", "/other#yk", b.socket + "#fob2"} {
		_, err := d.Open(context.Background(), devices.Slot{Driver: Name, Path: path})
		if !errors.Is(err, devices.ErrRemoved) {
			t.Errorf("open of %q: %v", path, err)
		}
	}
}
