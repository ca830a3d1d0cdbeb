package emulator

import (
	"math"
	"net"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/fob-auth/fob/firmware"
	"github.com/fob-auth/fob/firmware/oath"
	"github.com/fob-auth/fob/firmware/otp"
)

// yubikey reads what a YubiKey has beside what is common.
func (r *reader) yubikey(s *Spec, m *mapping) {
	if n := m.need("serial"); n != nil {
		s.Serial = r.text(n, "serial")
		if v, err := strconv.ParseUint(s.Serial, 10, 32); err != nil || v == 0 || strconv.FormatUint(v, 10) != s.Serial {
			r.fail(n.Line, "serial of a yubikey must be a number from 1 to %d", uint32(math.MaxUint32))
		}
	}
	if n := m.take("firmware"); n != nil {
		s.Firmware = r.version(n)
	} else {
		s.Firmware = [3]byte{5, 4, 3}
	}
	s.Attach = r.cardPlace(m.take("attach"))
	r.build(s, m)
	if n := m.take("touch_timeout"); n != nil {
		if s.Patience = r.duration(n, "touch_timeout", maxPatience); s.Patience <= 0 {
			r.fail(n.Line, "touch_timeout must be more than 0s")
		}
	}
	s.Button = ButtonMode(r.oneOf(m.take("touch"), "touch", string(ButtonAuto), string(ButtonManual), string(ButtonNever)))
	for i, n := range r.list(m.take("credentials"), "credentials") {
		if i == maxCredentials {
			r.fail(n.Line, "over the bound of %d credentials", maxCredentials)
			break
		}
		r.credential(s, n)
	}
}

// formFactors are forms and plugs by the names a bench file has for them, the
// first one numbered 1 (mgmt.Options).
var formFactors = []string{"usb-a", "nano", "usb-c", "c-nano", "ci"}

// build reads what a YubiKey is made as: nobody makes a nano or one with two
// plugs, or made one before 5, that has an antenna.
func (r *reader) build(s *Spec, m *mapping) {
	form := r.oneOf(m.take("form_factor"), "form_factor", formFactors...)
	s.FormFactor = byte(slices.Index(formFactors, form) + 1)
	n := m.take("nfc")
	s.NFC = r.flag(n, "nfc")
	if over := m.take("interface"); over != nil {
		s.Contactless = r.oneOf(over, "interface", "usb", "nfc") == "nfc"
		switch {
		case s.Attach == "socket":
			r.fail(over.Line, "interface is for a yubikey with attach: %s", AttachReader)
		case n == nil:
			n, s.NFC = over, s.Contactless
		case s.Contactless && !s.NFC:
			r.fail(over.Line, "interface is nfc, and nfc is false")
		}
	}
	if s.NFC && form != "usb-a" && form != "usb-c" {
		r.fail(n.Line, "a yubikey of form_factor %s has no NFC", form)
	}
	if s.NFC && s.Firmware[0] < 5 {
		r.fail(n.Line, "a yubikey of firmware %s has no NFC", firmware.Version(s.Firmware))
	}
}

// cardPlace reads where a YubiKey is attached.
func (r *reader) cardPlace(node *yaml.Node) string {
	if node != nil && strings.HasPrefix(node.Value, vpcdPrefix) {
		place := r.text(node, "attach")
		host, port, err := net.SplitHostPort(strings.TrimPrefix(place, vpcdPrefix))
		if n, portErr := strconv.ParseUint(port, 10, 16); err != nil || portErr != nil || host == "" || n == 0 {
			r.fail(node.Line, "attach must be vpcd:HOST:PORT, as vpcd:127.0.0.1:35963")
		}
		return place
	}
	return r.oneOf(node, "attach", "socket", AttachReader)
}

// algorithms are the hashes by the names a bench file has for them.
var algorithms = map[string]otp.Algorithm{"SHA1": otp.SHA1, "SHA256": otp.SHA256, "SHA512": otp.SHA512}

// credential reads one OATH account of a YubiKey.
func (r *reader) credential(s *Spec, node *yaml.Node) {
	m := r.mapping(node, "a credential")
	c := Credential{
		Name:      r.text(m.need("name"), "name"),
		Digits:    r.number(m.take("digits"), "digits", 6, 8, 6),
		Period:    r.number(m.take("period"), "period", 1, 3600, 30),
		Algorithm: algorithms[r.oneOf(m.take("algorithm"), "algorithm", "SHA1", "SHA256", "SHA512")],
		Touch:     r.flag(m.take("touch"), "touch"),
	}
	longest := oath.MaxSecret
	if c.Algorithm == otp.SHA512 {
		longest *= 2
	}
	c.Secret = r.secret(m.need("secret"), "secret", 1, longest)
	m.end()
	if slices.ContainsFunc(s.Credentials, func(o Credential) bool { return o.Name == c.Name && o.Period == c.Period }) {
		r.fail(m.line, "a second credential called %q", c.Name)
	}
	s.Credentials = append(s.Credentials, c)
}

// version reads a firmware version like 5.4.3.
func (r *reader) version(node *yaml.Node) (v [3]byte) {
	parts := strings.Split(r.text(node, "firmware"), ".")
	ok := len(parts) == len(v)
	for i := 0; ok && i < len(v); i++ {
		n, err := strconv.ParseUint(parts[i], 10, 8)
		v[i], ok = byte(n), err == nil
	}
	if !ok {
		r.fail(node.Line, "firmware must be a version like 5.4.3")
	}
	return v
}
