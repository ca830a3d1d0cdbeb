package config

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/fob-auth/fob/devices/serialfob"
)

// DialectFob is the line protocol of the serial fob, the dialect that needs no
// description.
const DialectFob = "fob"

// A Serial is one or more ports with fobs on them.
type Serial struct {
	// Port is the path of the device, or a pattern of path/filepath's Match.
	Port string
	// Serial is the serial of the one fob that is meant, on whichever of the
	// ports it is; empty for whatever is there.
	Serial string
	// Baud is the line's speed, one that [serialfob.CheckBaud] takes, default
	// 115200; 0 is found out.
	Baud int
	// Dialect is what is spoken there; nil for the serial fob's own protocol.
	Dialect *serialfob.Dialect
}

// defaultBaud is the rate of a fob whose board doesn't say otherwise.
const defaultBaud = 115200

// A named is a serial port whose dialect is still a name: the dialects may
// stand below the ports.
type named struct {
	Serial
	at      string
	node    *yaml.Node
	dialect string
	word    *yaml.Node // where the dialect's name stands
}

// serial reads one entry of devices.serial.
func (d *decoder) serial(at string, n *yaml.Node) named {
	s := named{Serial: Serial{Baud: defaultBaud}, at: at, node: n, dialect: DialectFob}
	d.mapping(at, n, map[string]setter{
		"port":   d.text(&s.Port, absolute),
		"serial": d.text(&s.Serial.Serial, fobSerial),
		"baud":   d.baud(&s.Baud),
		"dialect": func(at string, n *yaml.Node) {
			s.word = n
			d.text(&s.dialect, name)(at, n)
		},
	})
	d.needed(at, n, "port", s.Port)
	return s
}

// baud reads the rate of a line; 0 for one that is found out.
func (d *decoder) baud(into *int) setter {
	return func(at string, n *yaml.Node) {
		if n.Kind == yaml.ScalarNode && n.Value == "auto" {
			*into = 0
			return
		}
		d.number(into, 0, math.MaxInt32)(at, n)
		if *into == 0 {
			return
		}
		if err := serialfob.CheckBaud(*into); err != nil {
			d.fault(at, n, "%v", err)
		}
	}
}

// dialect reads one entry of devices.dialects, each name once.
func (d *decoder) dialect(at string, n *yaml.Node, lines map[string]int) serialfob.Dialect {
	var v serialfob.Dialect
	patience, period := serialfob.DefaultPatience, fobPeriod
	v.Digits = 6
	d.mapping(at, n, map[string]setter{
		"name":       d.text(&v.Name, name),
		"ask_serial": d.question(&v.AskSerial),
		"serial":     d.text(&v.Serial, nil),
		"ask_code":   d.question(&v.AskCode),
		"code":       d.text(&v.Code, nil),
		"ask_clock":  d.question(&v.AskClock),
		"clock":      d.text(&v.Clock, nil),
		"press":      d.flag(&v.Press),
		"patience":   d.duration(&patience, minPatience, maxPatience, false),
		"digits":     d.number(&v.Digits, 6, 8),
		"period":     d.duration(&period, minPeriod, maxPeriod, false),
	})
	v.Patience, v.Period = patience, period
	d.needed(at, n, "name", v.Name)
	line, twice := lines[v.Name]
	switch {
	case v.Name == "":
		return v
	case v.Name == DialectFob:
		d.fault(at, n, "dialect %q is the serial fob's own, and known", DialectFob)
	case twice:
		d.fault(at, n, "dialect %q is in line %d already", clip(v.Name), line)
	default:
		if err := v.Check(); err != nil {
			d.fault(at, n, "%v", err)
		}
	}
	lines[v.Name] = n.Line
	return v
}

// question reads what is sent to a gadget: unlike other texts it may have
// control characters, as line ends are.
func (d *decoder) question(into *string) setter {
	return func(at string, n *yaml.Node) {
		s, ok := d.scalar(at, n, "text (put quotes around it)", "!!str")
		if !ok {
			return
		}
		if len(s) > serialfob.MaxAsk {
			d.fault(at, n, "has %d bytes, and %d are the most", len(s), serialfob.MaxAsk)
			return
		}
		*into = s
	}
}

// resolve gives each port its dialect.
func (d *decoder) resolve(ports []named, dialects []serialfob.Dialect) []Serial {
	var list []Serial
	for _, p := range ports {
		if p.dialect != DialectFob {
			p.Dialect = d.find(p, dialects)
		}
		list = append(list, p.Serial)
	}
	return list
}

// find is the dialect that a port names, where the two can work together.
func (d *decoder) find(p named, dialects []serialfob.Dialect) *serialfob.Dialect {
	known := []string{DialectFob}
	for i, v := range dialects {
		known = append(known, v.Name)
		if v.Name != p.dialect {
			continue
		}
		switch {
		case v.Serial == "" && p.Serial.Serial == "":
			d.fault(p.at, p.node, "serial is missing: gadgets of dialect %q don't tell theirs", clip(v.Name))
		case v.Serial == "" && p.Baud == 0:
			d.fault(p.at, p.node, "baud can't be found out, as dialect %q has no serial to ask for", clip(v.Name))
		}
		return &dialects[i]
	}
	d.fault(p.at+".dialect", p.word, "has to be one of: %s", clip(strings.Join(known, ", ")))
	return nil
}

// fobSerial takes the serial of a fob.
func fobSerial(s string) error {
	if len(s) > 64 {
		return fmt.Errorf("has %d bytes, and 64 are the most", len(s))
	}
	for _, c := range []byte(s) {
		if c <= ' ' || c > '~' {
			return errors.New("has to be printable ASCII without blanks")
		}
	}
	return nil
}
