package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/fob-auth/fob/agent/broker"
	"github.com/fob-auth/fob/agent/config"
	"github.com/fob-auth/fob/devices"
	"github.com/fob-auth/fob/devices/emulated"
	"github.com/fob-auth/fob/devices/fido2"
	"github.com/fob-auth/fob/devices/pcsc"
	"github.com/fob-auth/fob/devices/prompt"
	"github.com/fob-auth/fob/devices/serialfob"
	"github.com/fob-auth/fob/devices/transcript"
)

// drivers returns the ways in that the config asks for and this build has.
//
// The tokens whose codes are typed outlive a config.
func drivers(c *config.Config, typed *prompt.Driver, log *slog.Logger) ([]broker.NamedDriver, error) {
	var list []broker.NamedDriver
	tap := recording(c, log)
	if c.Devices.Prompt {
		list = append(list, broker.NamedDriver{Name: prompt.Name, Driver: typed})
	}
	for _, e := range c.Devices.Emulated {
		d := emulated.New(e.Socket)
		d.Tap = tap
		list = append(list, broker.NamedDriver{Name: "emulated " + e.Socket, Driver: d})
	}
	if c.Devices.PCSC && pcsc.Built() {
		d := pcsc.New()
		d.Tap = tap
		list = append(list, broker.NamedDriver{Name: pcsc.Name, Driver: d})
	}
	if !serialfob.Built() {
		return list, nil
	}
	for _, s := range c.Devices.Serial {
		d, err := serialfob.New(serialfob.Config{Port: s.Port, Serial: s.Serial, Baud: s.Baud, Dialect: s.Dialect})
		if err != nil {
			return nil, err
		}
		name := strings.TrimSpace("serialfob " + s.Port + " " + s.Serial)
		list = append(list, broker.NamedDriver{Name: name, Driver: d})
	}
	return list, nil
}

// recording is what the config has put between the drivers and their cards; nil
// for nothing.
func recording(c *config.Config, log *slog.Logger) func(devices.Transport, devices.Slot) devices.Transport {
	if c.Devices.Record == "" {
		return nil
	}
	recorder := transcript.InFolder(c.Devices.Record, time.Now, func(err error) {
		log.Warn("a session with a card isn't recorded", "error", err)
	})
	return recorder.Wrap
}

// A scanner lists devices that the agent tells of and takes no codes from.
type scanner struct {
	name string
	scan func(context.Context) ([]devices.Info, error)
}

// scanners returns the ways to list what the drivers find no token in, and what
// has no driver.
func scanners(drivers []broker.NamedDriver) []scanner {
	var list []scanner
	for _, d := range drivers {
		if s, ok := d.Driver.(interface {
			Scan(context.Context) ([]devices.Info, error)
		}); ok {
			list = append(list, scanner{d.Name, s.Scan})
		}
	}
	if fido2.Built() {
		list = append(list, scanner{fido2.Name, new(fido2.Scanner).Scan})
	}
	return list
}

// leftOut says what this build doesn't have.
func leftOut() []string {
	list := []string{}
	if !pcsc.Built() {
		list = append(list, "pcsc: built without the tag pcsc; keys in PC/SC readers aren't found")
	}
	if !fido2.Built() {
		list = append(list, "fido2: built without the tag fido2; FIDO2 keys aren't listed")
	}
	if !serialfob.Built() {
		list = append(list, "serialfob: not on this system without cgo; serial fobs aren't found")
	}
	return list
}

// driverWarnings says which ways in don't work now, and what is between.
func (a *agent) driverWarnings() []string {
	var list []string
	for _, d := range a.broker.Drivers() {
		if d.Err != nil && !errors.Is(d.Err, context.Canceled) {
			list = append(list, fmt.Sprintf("%s: %v", d.Name, d.Err))
		}
	}
	if dir := a.config.Load().Devices.Record; dir != "" {
		list = append(list, "what goes to and from cards is recorded in "+dir+" (devices: record)")
	}
	return list
}
