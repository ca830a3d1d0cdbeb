package oath

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/fob-auth/fob/devices"
)

// defaultPeriod is the time step of a credential whose name has no prefix
// (RFC 6238, 4.1).
const defaultPeriod = 30 * time.Second

// maxPeriod bounds the period in a name, in seconds: a day.
const maxPeriod = 86400

// maxName is what the applet stores of a name, period prefix included, in
// bytes (YKOATH, PUT).
const maxName = 64

// splitName takes the period off a time-based credential's name, as the
// maker's tools write it: "60/AWS:carol". Anything else before the first slash
// belongs to the name.
func splitName(name string) (period time.Duration, id string) {
	digits, rest, ok := strings.Cut(name, "/")
	if !ok || rest == "" || strings.Trim(digits, "0123456789") != "" {
		return defaultPeriod, name
	}
	n, err := strconv.Atoi(digits)
	if err != nil || n < 1 || n > maxPeriod {
		return defaultPeriod, name
	}
	return time.Duration(n) * time.Second, rest
}

// joinName is the name under which the applet stores a credential, or why it
// can't.
func joinName(c devices.Credential) (string, error) {
	name := c.ID
	if c.Type == devices.TOTP && c.Period != defaultPeriod {
		name = fmt.Sprintf("%d/%s", c.Period/time.Second, c.ID)
	}
	switch {
	case c.ID == "" || !printable(c.ID):
		return "", fmt.Errorf("%w: a credential needs a name of printable characters", devices.ErrUnsupported)
	case len(name) > maxName:
		return "", fmt.Errorf("%w: name of %d bytes, the token stores %d", devices.ErrUnsupported, len(name), maxName)
	}
	if c.Type == devices.TOTP {
		if period, id := splitName(name); period != c.Period || id != c.ID {
			return "", fmt.Errorf("%w: the name would be read as another period", devices.ErrUnsupported)
		}
	}
	return name, nil
}

// printable says whether a name can be shown to people as it is.
func printable(s string) bool {
	return utf8.ValidString(s) && strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) < 0
}

// identify gives each entry the ID people use: the name without its period,
// escaped where it holds what can't be shown, and the whole name where two
// entries would otherwise share an ID.
func identify(entries []entry) {
	count := make(map[string]int, len(entries))
	for i := range entries {
		e := &entries[i]
		e.id = e.name
		if e.kind == devices.TOTP {
			e.period, e.id = splitName(e.name)
		}
		count[e.id]++
	}
	for i := range entries {
		e := &entries[i]
		if count[e.id] > 1 {
			e.id = e.name
		}
		if !printable(e.id) {
			e.id = strconv.QuoteToASCII(e.id)
		}
	}
}
