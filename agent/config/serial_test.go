package config

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/fob-auth/fob/devices/serialfob"
)

// gadgets is a file with a dialect, described below the port that speaks it.
func gadgets(port, dialect string) string {
	return "devices:\n  serial: [" + port + "]\n  dialects:\n    - " + dialect + "\n"
}

const plain = `{name: plain, ask_serial: "ID?\r", serial: 'SN=(\w+)', ask_code: "OTP?\r", code: '(\d{3}) (\d{3})', ask_clock: "T?\r", clock: 'T=(\d+)', digits: 6, period: 30s}`

func TestSerialPorts(t *testing.T) {
	c, err := Parse("f", []byte(gadgets(`{port: /dev/ttyACM*, serial: GAHT12345678, baud: auto}, {port: /dev/x, baud: 0}, {port: /dev/y, dialect: plain}, {port: /dev/z, dialect: presser, serial: A1}`,
		plain+"\n    - {name: presser, code: 'OTP (\\d+)', press: true, patience: 1m, digits: 8, period: 60s}")))
	if err != nil {
		t.Fatal(err)
	}
	want := []Serial{
		{Port: "/dev/ttyACM*", Serial: "GAHT12345678"},
		{Port: "/dev/x"},
		{Port: "/dev/y", Baud: 115200, Dialect: &serialfob.Dialect{
			Name: "plain", AskSerial: "ID?\r", Serial: `SN=(\w+)`, AskCode: "OTP?\r", Code: `(\d{3}) (\d{3})`,
			AskClock: "T?\r", Clock: `T=(\d+)`, Digits: 6, Period: 30 * time.Second, Patience: serialfob.DefaultPatience,
		}},
		{Port: "/dev/z", Baud: 115200, Serial: "A1", Dialect: &serialfob.Dialect{
			Name: "presser", Code: `OTP (\d+)`, Press: true, Digits: 8, Period: time.Minute, Patience: time.Minute,
		}},
	}
	if !reflect.DeepEqual(c.Devices.Serial, want) {
		t.Errorf("got  %+v\nwant %+v", c.Devices.Serial, want)
	}
}

func TestSerialFaults(t *testing.T) {
	const y = "{port: /dev/y, dialect: plain}"
	for name, test := range map[string]struct{ text, want string }{
		"unknown dialect":      {gadgets("{port: /dev/y, dialect: morse}", plain), "f:2:36: devices.serial[0].dialect: has to be one of: fob, plain"},
		"the fob's own":        {gadgets(y, plain+"\n    - {name: fob, ask_code: c, code: '(c)'}"), `f:5:7: devices.dialects[1]: dialect "fob" is the serial fob's own, and known`},
		"twice":                {gadgets(y, plain+"\n    - "+plain), `f:5:7: devices.dialects[1]: dialect "plain" is in line 4 already`},
		"no name":              {gadgets("{port: /dev/y}", "{code: '(c)', press: true}"), "f:4:7: devices.dialects[0]: name is missing"},
		"no code":              {gadgets(y, "{name: plain, ask_code: c}"), "f:4:7: devices.dialects[0]: code is missing: it finds the digits"},
		"nothing makes it":     {gadgets("{port: /dev/y, dialect: plain, serial: A}", "{name: plain, code: '(c)'}"), "f:4:7: devices.dialects[0]: ask_code is missing, and press isn't set: nothing makes a code come"},
		"no group":             {gadgets("{port: /dev/y, dialect: plain, serial: A}", "{name: plain, ask_code: c, code: 'c'}"), "f:4:7: devices.dialects[0]: code: has no group: put parentheses around what it finds"},
		"no pattern":           {gadgets("{port: /dev/y, dialect: plain, serial: A}", "{name: plain, ask_code: c, code: '(c'}"), "devices.dialects[0]: code: no regular expression"},
		"unknown words":        {gadgets("{port: /dev/y, dialect: plain, serial: A}", "{name: plain, ask_code: 'c {step}', code: '(c)'}"), "ask_code: words in braces may be {unix}, {unix_ms} and {time}"},
		"clock of a told one":  {gadgets("{port: /dev/y, dialect: plain, serial: A}", "{name: plain, ask_code: 'c {unix}', code: '(c)', clock: '(t)'}"), "this one is sent the time"},
		"no serial":            {gadgets(y, "{name: plain, ask_code: c, code: '(c)'}"), `f:2:12: devices.serial[0]: serial is missing: gadgets of dialect "plain" don't tell theirs`},
		"no rate":              {gadgets("{port: /dev/y, dialect: plain, serial: A, baud: auto}", "{name: plain, ask_code: c, code: '(c)'}"), "baud can't be found out"},
		"odd period":           {gadgets(y, strings.Replace(plain, "period: 30s", "period: 1500ms", 1)), "period has to be whole seconds"},
		"unknown key":          {gadgets(y, strings.Replace(plain, "digits:", "digit:", 1)), `unknown key; is "digits" meant?`},
		"question too long":    {gadgets(y, strings.Replace(plain, "OTP?", strings.Repeat("x", 128), 1)), "devices.dialects[0].ask_code: has 129 bytes, and 128 are the most"},
		"serial with a blank":  {gadgets("{port: /dev/y, serial: 'A 1'}", plain), "f:2:35: devices.serial[0].serial: has to be printable ASCII without blanks"},
		"a pattern of nothing": {gadgets(y, strings.Replace(plain, `'SN=(\w+)'`, "", 1)), "ask_serial has no serial to find"},
	} {
		if _, err := Parse("f", []byte(test.text)); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v\nwant %s", name, err, test.want)
		}
	}
}
