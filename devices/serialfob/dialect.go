package serialfob

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/fob-auth/fob/devices"
)

// A Dialect is how a serial gadget that isn't a fob of ours is talked to: what
// to send, and which part of the lines that come back is what. An answer is one
// or more lines; the groups of a pattern, joined, are what it finds. Where a
// pattern has no question of its own, the answer to the question for a code has
// it. Nothing here has a checksum: a pattern that begins with ^ and ends with $
// takes no line that lost a part.
//
// In what is sent, {unix}, {unix_ms} and {time} stand for the time that a code
// is wanted for: in seconds and in milliseconds since the Unix epoch, and as RFC
// 3339 has it, in UTC. A gadget that is sent the time with the question for a
// code is taken for one without a clock of its own.
type Dialect struct {
	// Name is what the config calls it, and the model of such gadgets.
	Name string
	// AskSerial is sent to be told the serial, and Serial finds it; both empty
	// for a gadget that doesn't tell.
	AskSerial, Serial string
	// AskCode is sent to be told a code; empty where codes come unasked, after a
	// press. Code finds the digits; blanks and dashes in them don't count.
	AskCode, Code string
	// AskClock is sent to be told the time, and Clock finds it: seconds since
	// the Unix epoch, decimals allowed, or a time of RFC 3339. Both empty for a
	// gadget that shows no clock; AskClock alone where the clock comes with the
	// code.
	AskClock, Clock string
	// Press says that a code comes after a press of the gadget's button.
	Press bool
	// Patience is how long a press is awaited; 0 is DefaultPatience.
	Patience time.Duration
	// Digits is how many a code has, 6 to 8; 0 is 6.
	Digits int
	// Period is the length of a time step; 0 is 30 s.
	Period time.Duration
}

// DefaultPatience is how long a gadget's press is awaited.
const DefaultPatience = 30 * time.Second

// Bounds of a dialect.
const (
	MaxAsk      = 128 // bytes of what is sent
	maxPattern  = 256
	maxPatience = 10 * time.Minute
	maxPeriod   = time.Hour
	maxSerial   = 64
)

// A dialect is a checked Dialect.
type dialect struct {
	Dialect
	serial, code, clock *regexp.Regexp // nil for none
}

// Check says what is wrong with the dialect.
func (d Dialect) Check() error {
	_, err := d.compile()
	return err
}

func (d Dialect) compile() (*dialect, error) {
	if d.Digits == 0 {
		d.Digits = 6
	}
	if d.Period == 0 {
		d.Period = fobPeriod
	}
	if d.Patience == 0 {
		d.Patience = DefaultPatience
	}
	c := &dialect{Dialect: d}
	for _, p := range []struct {
		key, ask, pattern string
		into              **regexp.Regexp
	}{
		{"serial", d.AskSerial, d.Serial, &c.serial}, {"code", d.AskCode, d.Code, &c.code}, {"clock", d.AskClock, d.Clock, &c.clock},
	} {
		if err := checkAsk(p.ask); err != nil {
			return nil, fmt.Errorf("ask_%s: %w", p.key, err)
		}
		var err error
		if *p.into, err = compilePattern(p.pattern); err != nil {
			return nil, fmt.Errorf("%s: %w", p.key, err)
		}
	}
	return c, c.check()
}

func (d *dialect) check() error {
	switch {
	case d.code == nil:
		return errors.New("code is missing: it finds the digits")
	case d.AskCode == "" && !d.Press:
		return errors.New("ask_code is missing, and press isn't set: nothing makes a code come")
	case d.AskSerial != "" && d.serial == nil:
		return errors.New("ask_serial has no serial to find")
	case d.AskSerial == "" && d.serial != nil:
		return errors.New("serial has no ask_serial that makes it come")
	case d.AskClock != "" && d.clock == nil:
		return errors.New("ask_clock has no clock to find")
	case d.sendsTime() && d.clock != nil:
		return errors.New("clock is for a gadget with a clock of its own, and this one is sent the time")
	case d.Digits < 6 || d.Digits > 8:
		return errors.New("digits has to be 6 to 8")
	case d.Period < time.Second || d.Period > maxPeriod || d.Period%time.Second != 0:
		return fmt.Errorf("period has to be whole seconds, up to %v", maxPeriod)
	case d.Patience < time.Second || d.Patience > maxPatience:
		return fmt.Errorf("patience has to be from 1s to %v", maxPatience)
	}
	return nil
}

// sendsTime says that the gadget is told the time with the question for a code.
func (d *dialect) sendsTime() bool { return strings.Contains(d.AskCode, "{") }

// showsClock says that the gadget's time can be asked for, without a press.
func (d *dialect) showsClock() bool { return d.clock != nil && (d.AskClock != "" || !d.Press) }

// checkAsk takes what may be sent: a bounded text whose words in braces are
// known.
func checkAsk(ask string) error {
	if len(ask) > MaxAsk {
		return fmt.Errorf("has %d bytes, and %d are the most", len(ask), MaxAsk)
	}
	if strings.ContainsAny(fill(ask, time.Time{}), "{}") {
		return errors.New("words in braces may be {unix}, {unix_ms} and {time}")
	}
	return nil
}

func compilePattern(pattern string) (*regexp.Regexp, error) {
	if pattern == "" {
		return nil, nil
	}
	if len(pattern) > maxPattern {
		return nil, fmt.Errorf("has %d bytes, and %d are the most", len(pattern), maxPattern)
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		return nil, fmt.Errorf("no regular expression: %w", err)
	}
	if re.NumSubexp() == 0 {
		return nil, errors.New("has no group: put parentheses around what it finds")
	}
	return re, nil
}

// fill puts a time into what is sent.
func fill(ask string, at time.Time) string {
	return strings.NewReplacer(
		"{unix}", strconv.FormatInt(at.Unix(), 10),
		"{unix_ms}", strconv.FormatInt(at.UnixMilli(), 10),
		"{time}", at.UTC().Format(time.RFC3339),
	).Replace(ask)
}

// find is what a pattern finds in a line: its groups, joined.
func find(re *regexp.Regexp, text string) (string, bool) {
	groups := re.FindStringSubmatch(text)
	if groups == nil {
		return "", false
	}
	return strings.Join(groups[1:], ""), true
}

// digits takes a code from what was found.
func (d *dialect) digits(found string) (devices.Digits, error) {
	plain := strings.NewReplacer(" ", "", "-", "").Replace(found)
	if len(plain) != d.Digits || strings.Trim(plain, "0123456789") != "" {
		return "", fmt.Errorf("%w: what should be a code isn't %d digits", devices.ErrAnswer, d.Digits)
	}
	return devices.Digits(plain), nil
}

// maxUnix bounds what a gadget may say of the time, in seconds: the year 2200.
const maxUnix = 7_258_118_400

// readClock takes a time from what was found.
func readClock(found string) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, found); err == nil && t.Unix() >= 0 && t.Unix() < maxUnix {
		return t.UTC(), nil
	}
	whole, part, _ := strings.Cut(found, ".")
	seconds, err := strconv.ParseUint(whole, 10, 63)
	if err != nil || seconds >= maxUnix || len(part) > 9 || strings.Trim(part, "0123456789") != "" {
		return time.Time{}, fmt.Errorf("%w: what should be its clock is no time", devices.ErrAnswer)
	}
	nanos, err := strconv.ParseInt((part + "000000000")[:9], 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("%w: what should be its clock is no time", devices.ErrAnswer)
	}
	return time.Unix(int64(seconds), nanos).UTC(), nil
}

// readSerial takes a serial from what was found.
func readSerial(found string) (string, error) {
	if found == "" || len(found) > maxSerial {
		return "", fmt.Errorf("%w: its serial has %d characters", devices.ErrAnswer, len(found))
	}
	for _, c := range []byte(found) {
		if c <= ' ' || c > '~' {
			return "", fmt.Errorf("%w: its serial has characters that no serial has", devices.ErrAnswer)
		}
	}
	return found, nil
}
