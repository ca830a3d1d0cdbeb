package cmd_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fob-auth/fob/devices"
	"github.com/fob-auth/fob/devices/serialfob"
	"github.com/fob-auth/fob/emulator/api"
	"github.com/fob-auth/fob/emulator/benchtest"
)

// TestFobIsProvisioned gives a new fob its seed through the driver, over a good
// line and over bad ones: it has the seed then, and takes no other.
func TestFobIsProvisioned(t *testing.T) {
	seed := devices.NewCredential{Secret: devices.Secret(rfcSecret), Credential: devices.Credential{
		ID: wiredSerial, Type: devices.TOTP, Algorithm: devices.SHA1, Digits: 6, Period: 30 * time.Second}}
	for i := range uint64(200) {
		line := api.Line{Seed: i, Flip: 0.001 * float64(i%4), Drop: 0.001 * float64(i%3)}
		synctest.Test(t, func(t *testing.T) {
			w := newWiring()
			fob := benchtest.Fob("", "")
			fob.Name, fob.Attach, fob.Line = "new", "pty:/fob1", line
			b := benchtest.Options{Line: w.Line, NoSocket: true}.Start(t, fob)
			driver, err := serialfob.NewOn(w, serialfob.Config{Port: "/fob1", Baud: 115200})
			if err != nil {
				t.Fatal(err)
			}
			provision(t, driver, seed, i == 0)
			for _, hand := range []func() error{b.Token("new").Unplug, b.Token("new").Plug} {
				if got := b.Token("new").State().Serial; got != wiredSerial {
					t.Errorf("the bench shows serial %q", got)
				}
				if err := hand(); err != nil {
					t.Error(err)
				}
			}
			if err := b.Token("new").Reset(); err != nil || b.Token("new").State().Serial != "" {
				t.Errorf("after the reset the bench shows serial %q, %v", b.Token("new").State().Serial, err)
			}
		})
	}
}

// provision stores the seed, as often as the line needs.
func provision(t *testing.T, driver *serialfob.Driver, seed devices.NewCredential, clean bool) {
	t.Helper()
	for range 10 {
		token, err := driver.Open(t.Context(), devices.Slot{Path: "/fob1"})
		if err != nil {
			continue
		}
		writer, blank := token.(devices.Writer)
		if clean {
			unprovisioned(t, token)
		}
		if blank {
			err = writer.Put(t.Context(), seed)
			if err != nil && !typed(err) {
				t.Errorf("an error of no kind: %v", err)
			}
			if err == nil && !errors.Is(writer.Put(t.Context(), seed), devices.ErrFull) {
				t.Error("a sealed fob took a seed")
			}
		}
		code, codeErr := token.(devices.Coder).Code(t.Context(), seed.ID, time.Time{})
		if codeErr == nil && !rightCode(t, code) {
			t.Errorf("a wrong code of step %d", code.Counter)
		}
		serial := token.Info().Serial
		if err := token.Close(); err != nil {
			t.Error(err)
		}
		if err == nil && codeErr == nil && serial == seed.ID {
			return
		}
	}
	t.Error("ten times weren't enough")
}

// unprovisioned checks what a new fob says of itself.
func unprovisioned(t *testing.T, token devices.Token) {
	t.Helper()
	coder := token.(devices.Coder)
	if list, err := coder.Credentials(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("a new fob has %v, %v", list, err)
	}
	if _, err := coder.Code(t.Context(), wiredSerial, time.Time{}); !errors.Is(err, devices.ErrNoCredential) {
		t.Errorf("a new fob's code: %v", err)
	}
	if i := token.Info(); !strings.HasPrefix(i.Serial, serialfob.BlankPrefix) || len(i.Notes) != 1 {
		t.Errorf("a new fob is %+v", i)
	}
	wrong := devices.NewCredential{Secret: devices.Secret("too short"), Credential: devices.Credential{
		ID: wiredSerial, Type: devices.TOTP, Algorithm: devices.SHA1, Digits: 6, Period: 30 * time.Second}}
	if err := token.(devices.Writer).Put(t.Context(), wrong); !errors.Is(err, devices.ErrUnsupported) {
		t.Errorf("a short seed: %v", err)
	}
	wrong.Digits = 8
	if err := token.(devices.Writer).Put(t.Context(), wrong); !errors.Is(err, devices.ErrUnsupported) {
		t.Errorf("eight digits: %v", err)
	}
}
