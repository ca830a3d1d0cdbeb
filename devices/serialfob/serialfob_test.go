//go:build linux

package serialfob

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/fob-auth/fob/devices"
	"github.com/fob-auth/fob/devices/devicetest"
)

func TestConformance(t *testing.T) {
	for name, manual := range map[string]bool{"auto": false, "manual": true} {
		t.Run(name, func(t *testing.T) {
			devicetest.Run(t, func(t *testing.T) devicetest.Fixture {
				s := newScripted(t, manual)
				return devicetest.Fixture{
					Driver: s.driver(t), Serial: fobSerial, Model: "fob-1", Firmware: "1.0.0", Emulated: true,
					Accounts: []devices.NewCredential{s.account()},
					Waiting:  s.wait, Press: s.press, GiveUp: s.giveUp,
					Unplug: s.unplug, Plug: func() { s.plug(t) },
				}
			})
		})
	}
}

func TestConfig(t *testing.T) {
	for name, c := range map[string]Config{
		"no port": {}, "dialect without a code": {Port: "/dev/ttyACM0", Dialect: &Dialect{Name: "morse"}}, "negative rate": {Port: "/dev/ttyACM0", Baud: -1},
	} {
		if d, err := New(c); err == nil || d != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestOnePortOnce: a port that is open is held, and free again after Close.
func TestOnePortOnce(t *testing.T) {
	s := newScripted(t, false)
	d := s.driver(t)
	slot := devices.Slot{Driver: Name, Path: s.path}
	for range 3 {
		token, err := d.Open(t.Context(), slot)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.Open(t.Context(), slot); !errors.Is(err, devices.ErrBusy) {
			t.Errorf("a second open: %v", err)
		}
		if err := token.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
}

// TestOpenSaysWhy: what isn't a fob on a terminal is refused by its reason.
func TestOpenSaysWhy(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("f1=1 identity\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	dangling := filepath.Join(dir, "dangling")
	if err := os.Symlink(filepath.Join(dir, "nothing"), dangling); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]error{
		file: devices.ErrRemoved, dangling: devices.ErrRemoved, dir: devices.ErrRemoved,
		filepath.Join(dir, "nothing"): devices.ErrRemoved, "/dev/null": devices.ErrUnsupported, "[": devices.ErrRemoved,
	} {
		d, err := New(Config{Port: path})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.Open(t.Context(), devices.Slot{Path: path}); !errors.Is(err, want) {
			t.Errorf("open of %s: %v, want %v", path, err, want)
		}
		if _, err := d.Open(t.Context(), devices.Slot{Path: "/dev/other"}); !errors.Is(err, devices.ErrRemoved) {
			t.Errorf("open of a port that isn't the driver's: %v", err)
		}
	}
	s := newScripted(t, false)
	d, err := New(Config{Port: s.path, Baud: 12345})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Open(t.Context(), devices.Slot{Path: s.path}); !errors.Is(err, devices.ErrUnsupported) {
		t.Errorf("open at 12345 baud: %v", err)
	}
}

// TestPatternFindsEachDeviceOnce: a pattern finds links and devices, and one
// device under two names once.
func TestPatternFindsEachDeviceOnce(t *testing.T) {
	one, two := newScripted(t, false), newScripted(t, false)
	dir := t.TempDir()
	link := func(name, target string) {
		t.Helper()
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	link("fob-a", one.path)
	link("fob-b", two.path)
	link("fob-c", one.path)
	link("other", two.path)
	link("fob-null", "/dev/null")
	var paths []string
	for _, p := range findPorts(filepath.Join(dir, "fob-*")) {
		paths = append(paths, filepath.Base(p.Path))
		if p.Emulated != (filepath.Base(p.Path) != "fob-null") {
			t.Errorf("%s is emulated: %v", p.Path, p.Emulated)
		}
	}
	if want := []string{"fob-a", "fob-b", "fob-null"}; !slices.Equal(paths, want) {
		t.Errorf("found %v, want %v", paths, want)
	}
}

// TestGenerations: slots, look by look.
func TestGenerations(t *testing.T) {
	a := func(created int64) Place {
		return Place{Path: "a", Identity: Identity{Device: "/dev/pts/1", Created: created}, Emulated: true}
	}
	b := Place{Path: "b", Identity: Identity{Device: "/dev/ttyACM0"}}
	slot := func(path string, generation uint64) devices.Slot {
		return devices.Slot{Driver: Name, Path: path, Generation: generation, Emulated: path == "a"}
	}
	known := make(map[string]seen)
	for i, look := range []struct {
		places []Place
		want   []devices.Slot
	}{
		{nil, nil},
		{[]Place{a(1)}, []devices.Slot{slot("a", 1)}},
		{[]Place{a(1), b}, []devices.Slot{slot("a", 1), slot("b", 1)}},
		{[]Place{a(2), b}, []devices.Slot{slot("a", 2), slot("b", 1)}},
		{[]Place{b}, []devices.Slot{slot("b", 1)}},
		{[]Place{a(2), b}, []devices.Slot{slot("a", 1), slot("b", 1)}}, // missing in a set: known to be new
		{nil, nil},
	} {
		if got := slots(look.places, known); !slices.Equal(got, look.want) {
			t.Errorf("look %d: %+v, want %+v", i, got, look.want)
		}
	}
	if len(known) != 0 {
		t.Errorf("%d paths are remembered that are gone", len(known))
	}
}

// TestStuckTerminal: a terminal whose other end reads nothing takes bytes for a
// while and then none; calls end all the same, and so does Close. Its lock
// says so to whoever tries next, until the line is hung up.
func TestStuckTerminal(t *testing.T) {
	master, slave, err := openPTY()
	if err != nil {
		t.Fatal(err)
	}
	defer slave.Close()
	defer master.Close()
	at, err := lookAt(slave.Name())
	if err != nil {
		t.Fatal(err)
	}
	p, err := openPort(at, usualRates[0])
	if err != nil {
		t.Fatal(err)
	}
	w := newWire(p)
	w.out <- make([]byte, 64<<10) // more than a PTY holds
	if err := w.Close(nil); !errors.Is(err, devices.ErrSilent) {
		t.Errorf("close of a stuck port: %v", err)
	}
	if _, err := openPort(at, usualRates[0]); !errors.Is(err, devices.ErrBusy) {
		t.Errorf("open of a stuck port: %v", err)
	}
	master.Close()
	<-w.done
}
