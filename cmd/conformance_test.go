package cmd_test

import (
	"context"
	"encoding/base32"
	"errors"
	"io"
	"os"
	"testing"
	"time"

	"github.com/fob-auth/fob/devices"
	"github.com/fob-auth/fob/devices/devicetest"
	"github.com/fob-auth/fob/devices/emulated"
	"github.com/fob-auth/fob/devices/serialfob"
	"github.com/fob-auth/fob/emulator"
	"github.com/fob-auth/fob/emulator/api"
	"github.com/fob-auth/fob/emulator/benchtest"
)

// rfcSecret is the secret of RFC 6238's SHA-1 vectors.
const rfcSecret = "12345678901234567890"

// levers gives the conformance suite hold of a token.
func levers(t *testing.T, b *emulator.Bench, name string, f *devicetest.Fixture) {
	token, err := b.Token(name)
	if err != nil {
		t.Fatal(err)
	}
	f.Waiting = func(ctx context.Context) error {
		_, err := b.Await(ctx, token, func(s api.Token) bool { return s.Waiting })
		return err
	}
	f.Press = func() {
		if err := token.Press(context.Background()); err != nil && !errors.Is(err, emulator.ErrNotWaiting) {
			t.Errorf("press: %v", err)
		}
	}
	f.Unplug = func() {
		if err := token.Unplug(); err != nil {
			t.Errorf("unplug: %v", err)
		}
	}
	f.Plug = func() {
		if err := token.Plug(); err != nil {
			t.Errorf("plug: %v", err)
		}
	}
}

// awaitToken returns the slot of the one token that a driver sees.
func awaitToken(t testing.TB, d devices.Driver) devices.Slot {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	sets := make(chan []devices.Slot)
	ended := make(chan error, 1)
	go func() { ended <- d.Watch(ctx, sets) }()
	defer func() { cancel(); <-ended }()
	for {
		select {
		case set := <-sets:
			if len(set) == 1 {
				return set[0]
			}
		case <-ctx.Done():
			t.Fatal("no token came")
		}
	}
}

// shortDir is a folder for sockets, whose paths have 107 bytes.
func shortDir(t *testing.T) string {
	d, err := os.MkdirTemp("", "fob")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(d) })
	return d
}

// TestEmulatedConforms and TestSerialFobConforms run the suite that every driver
// passes over the bench's own tokens.
func TestEmulatedConforms(t *testing.T) {
	b32 := base32.StdEncoding.EncodeToString([]byte(rfcSecret))
	devicetest.Run(t, func(t *testing.T) devicetest.Fixture {
		b := benchtest.StartFile(t, `
tokens:
  - {kind: yubikey, name: yk1, serial: 12345678, firmware: 5.4.3, attach: socket, touch: manual, credentials: [
     {name: "AWS:carol", secret: `+b32+`}, {name: "eight", secret: `+b32+`, digits: 8, period: 60, algorithm: SHA256}, {name: "touch", secret: `+b32+`, touch: true, algorithm: SHA512, digits: 7}]}
`)
		f := devicetest.Fixture{Driver: emulated.New(b.Socket), Serial: "12345678", Model: "YubiKey", Firmware: "5.4.3", Emulated: true, Writer: true,
			Accounts: []devicetest.Account{
				{Secret: devices.Secret(rfcSecret), Credential: devices.Credential{ID: "AWS:carol", Type: devices.TOTP, Algorithm: devices.SHA1, Digits: 6, Period: 30 * time.Second}},
				{Secret: devices.Secret(rfcSecret), Credential: devices.Credential{ID: "eight", Type: devices.TOTP, Algorithm: devices.SHA256, Digits: 8, Period: 60 * time.Second}},
				{Secret: devices.Secret(rfcSecret), Credential: devices.Credential{ID: "touch", Type: devices.TOTP, Algorithm: devices.SHA512, Digits: 7, Period: 30 * time.Second, Touch: true}},
			}}
		levers(t, b.Emulator, "yk1", &f)
		return f
	})
}

// TestSerialFobConforms runs it over the firmware in process, on a PTY, and on a
// PTY behind a line that splits, holds back and loses.
func TestSerialFobConforms(t *testing.T) {
	for name, incarnation := range map[string]func(t *testing.T, button string) (*emulator.Bench, devices.Driver){
		"memory": memoryFob,
		"pty":    ptyFob,
		"faulty": faultyFob,
	} {
		for _, button := range []string{"auto", "manual"} {
			t.Run(name+"/"+button, func(t *testing.T) {
				t.Parallel()
				devicetest.Run(t, func(t *testing.T) devicetest.Fixture {
					b, driver := incarnation(t, button)
					f := devicetest.Fixture{Driver: driver, Serial: wiredSerial, Model: "fob-1", Firmware: "1.0.0", Emulated: true,
						Accounts: []devicetest.Account{{Secret: devices.Secret(rfcSecret), Credential: devices.Credential{
							ID: wiredSerial, Type: devices.TOTP, Algorithm: devices.SHA1, Digits: 6, Period: 30 * time.Second, Touch: button == "manual"}}}}
					levers(t, b, "fob1", &f)
					return f
				})
			})
		}
	}
}

// fobSpec is the fob of the conformance tests.
func fobSpec(attach, button string, line api.Line) *emulator.File {
	return &emulator.File{Tokens: []emulator.Spec{{Kind: api.Fob, Name: "fob1", Serial: wiredSerial, Seed: emulator.Secret(rfcSecret),
		Attach: "pty:" + attach, Button: emulator.ButtonMode(button), Offset: -40 * time.Second, PPM: 20, Line: line}}}
}

func startFob(t *testing.T, file *emulator.File, line func(string) (io.ReadWriteCloser, error)) *emulator.Bench {
	t.Helper()
	return benchtest.Options{Line: line, NoSocket: true}.Start(t, file.Tokens...).Emulator
}

// memoryFob is the firmware in this process, on a line in memory.
func memoryFob(t *testing.T, button string) (*emulator.Bench, devices.Driver) {
	w := newWiring()
	b := startFob(t, fobSpec("/fob1", button, api.Line{}), w.Line)
	driver, err := serialfob.NewOn(w, serialfob.Config{Port: "/fob1"})
	if err != nil {
		t.Fatal(err)
	}
	return b, driver
}

// ptyFob is a fob on a PTY.
func ptyFob(t *testing.T, button string) (*emulator.Bench, devices.Driver) {
	d := shortDir(t)
	b := startFob(t, fobSpec(d+"/fob1", button, api.Line{}), nil)
	driver, err := serialfob.New(serialfob.Config{Port: d + "/fob*", Serial: wiredSerial})
	if err != nil {
		t.Fatal(err)
	}
	return b, driver
}

// faultyFob is a fob on a PTY whose line is at another rate than the usual one,
// splits what goes over it and holds it back, and loses the first answer. A
// code that came with a press is not spoiled: no driver could ask for it again.
func faultyFob(t *testing.T, button string) (*emulator.Bench, devices.Driver) {
	const baud = 57600
	d := shortDir(t)
	b := startFob(t, fobSpec(d+"/fob1", button, api.Line{Seed: 1, Split: 0.03, MergeMS: 3, Baud: baud}), nil)
	fob, err := b.Token("fob1")
	if err != nil {
		t.Fatal(err)
	}
	if err := fob.AddFault(api.Fault{Kind: api.FaultDrop}); err != nil {
		t.Fatal(err)
	}
	driver, err := serialfob.New(serialfob.Config{Port: d + "/fob*", Baud: baud})
	if err != nil {
		t.Fatal(err)
	}
	return b, driver
}

// TestRateIsFoundOut: a fob whose line runs at another rate than the driver
// tries first is opened all the same, and found by its serial among others.
func TestRateIsFoundOut(t *testing.T) {
	d := shortDir(t)
	file := fobSpec(d+"/fob1", "auto", api.Line{Baud: 9600})
	other := file.Tokens[0]
	other.Name, other.Serial, other.Attach = "fob2", "GAHT00000002", "pty:"+d+"/fob2"
	file.Tokens = append(file.Tokens, other)
	startFob(t, file, nil)
	driver, err := serialfob.New(serialfob.Config{Port: d + "/fob*", Serial: "GAHT00000002"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	sets, ended := make(chan []devices.Slot), make(chan error, 1)
	go func() { ended <- driver.Watch(ctx, sets) }()
	slot := awaitSet(sets, 1)
	token, err := driver.Open(t.Context(), slot)
	if err != nil {
		t.Fatal(err)
	}
	code, err := token.(devices.Coder).Code(t.Context(), "GAHT00000002", time.Time{})
	if err != nil || !rightCode(t, code) || slot.Path != d+"/fob2" {
		t.Errorf("code of step %d on %s, %v", code.Counter, slot.Path, err)
	}
	if err := token.Close(); err != nil {
		t.Error(err)
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the watch ended with %v", err)
	}
}
