package line

import (
	"strings"
	"time"
)

// Field keys of answers, notices and failures (PROTOCOL.md).
const (
	keyError    = "e"
	keyProtocol = "proto"
	keyLine     = "line"
	keyCaps     = "caps"
	keyModel    = "model"
	keySerial   = "serial"
	keyFirmware = "fw"
	keyDigits   = "digits"
	keyStep     = "step"
	keyMillis   = "ms"
	keyPeriod   = "period"
	keyWait     = "wait"
	keyUnix     = "unix"
	keyUp       = "up"
	keyPresses  = "presses"
	keyCodes    = "codes"
	keyCommands = "commands"
	keyButton   = "button"
	keyWaiting  = "waiting"
	keyVectors  = "vectors"
	keyFailed   = "failed"
	keyBattery  = "battery"
	keyLost     = "lost"
	keyBase32   = "b32"
	keyBytes    = "bytes"
	keyCheck    = "check"
	waitPress   = "press"
	buttonMan   = "manual"
	buttonAuto  = "auto"
)

// Bounds on numbers from the line, against overflow in time arithmetic.
const (
	maxPeriod     = 24 * 3600        // seconds
	maxSeconds    = 1 << 40          // of a clock: past the year 36000
	maxUptime     = 1 << 33          // seconds: what a time.Duration holds
	maxMillis     = maxPeriod * 1000 // into a step, or of a wait
	maxSteps      = maxSeconds       // of one second and more
	maxVectors    = 1000             // of a self-test
	maxCount      = 99_999_999       // of presses and the like: eight digits fit the line
	maxMillivolts = 9999
)

// Err is the failure that the frame carries, as a *FailureError; nil for every
// other kind of frame.
func (f Frame) Err() error {
	if f.Kind != Failure {
		return nil
	}
	code, _ := f.Get(keyError)
	e := &FailureError{Verb: f.Verb, Code: FailureCode(code)}
	if v, ok := f.Get(keyMillis); ok {
		if n, ok := parseUint(v, 64); ok && n <= maxMillis {
			e.After = time.Duration(n) * time.Millisecond
		}
	}
	return e
}

// fields reads typed values from a frame and remembers the first that is
// missing or wrong.
type fields struct {
	frame Frame
	err   error
}

// expect begins to read a frame of that kind and verb.
func expect(f Frame, kind Kind, verb string) *fields {
	r := &fields{frame: f, err: f.Err()}
	if r.err == nil && (f.Kind != kind || f.Verb != verb || !f.Checked) {
		r.err = ErrAnswer
	}
	return r
}

func (r *fields) fail() {
	if r.err == nil {
		r.err = ErrAnswer
	}
}

func (r *fields) text(key string) string {
	v, ok := r.frame.Get(key)
	if !ok {
		r.fail()
	}
	return v
}

func (r *fields) number(key string, limit uint64) uint64 {
	n, ok := parseUint(r.text(key), 64)
	if !ok || n > limit {
		r.fail()
		return 0
	}
	return n
}

// choice is true for the one word and false for the other.
func (r *fields) choice(key, yes, no string) bool {
	switch r.text(key) {
	case yes:
		return true
	case no:
		return false
	}
	r.fail()
	return false
}

// has tells whether there is such a field; some answers leave fields out.
func (r *fields) has(key string) bool {
	_, ok := r.frame.Get(key)
	return ok
}

func (r *fields) list(key string) []string { return strings.Split(r.text(key), ",") }

// result is v, or its zero value with the error.
func result[T any](v T, err error) (T, error) {
	if err != nil {
		var zero T
		return zero, err
	}
	return v, nil
}

// ParseHello reads the answer to VerbHello. Like all of these functions it
// returns a *FailureError for a failure frame, and ErrAnswer for a frame that
// is something else or lacks what the answer must hold. Fields it doesn't know
// are left alone.
func ParseHello(f Frame) (Hello, error) {
	r := expect(f, Answer, VerbHello)
	h := Hello{
		Protocol:     int(r.number(keyProtocol, 9)),
		MaxLine:      int(r.number(keyLine, 1<<16)),
		Capabilities: r.list(keyCaps),
	}
	return result(h, r.err)
}

// ParseIdentity reads the answer to VerbIdentity.
func ParseIdentity(f Frame) (Identity, error) {
	r := expect(f, Answer, VerbIdentity)
	id := Identity{
		Model:        r.text(keyModel),
		Firmware:     r.text(keyFirmware),
		Capabilities: r.list(keyCaps),
	}
	if r.has(keySerial) {
		id.Serial = r.text(keySerial)
	}
	return result(id, r.err)
}

// ParseCode reads the answer to VerbCode.
func ParseCode(f Frame) (Code, error) {
	r := expect(f, Answer, VerbCode)
	c := Code{
		Digits: r.text(keyDigits),
		Step:   r.number(keyStep, maxSteps),
		Period: time.Duration(r.number(keyPeriod, maxPeriod)) * time.Second,
		Into:   time.Duration(r.number(keyMillis, maxMillis)) * time.Millisecond,
	}
	r.text(keyCheck)
	if !isCode(c.Digits) || c.Into >= c.Period ||
		c.Step > maxSeconds/uint64(max(1, c.Period/time.Second)) {
		r.fail()
	}
	return result(c, r.err)
}

// isCode tells whether s is 6 to 8 decimal digits (RFC 4226, 5.3).
func isCode(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return len(s) >= 6 && len(s) <= 8
}

// ParseWait reads the notice that a request for VerbCode waits for the button.
func ParseWait(f Frame) (Wait, error) {
	r := expect(f, Notice, VerbCode)
	if r.text(keyWait) != waitPress {
		r.fail()
	}
	w := Wait{For: time.Duration(r.number(keyMillis, maxMillis)) * time.Millisecond}
	return result(w, r.err)
}

// ParseClock reads the answer to VerbClock: the fob's time at the moment it
// answered, to the millisecond, in UTC.
func ParseClock(f Frame) (time.Time, error) {
	r := expect(f, Answer, VerbClock)
	t := r.time(keyUnix)
	r.text(keyCheck)
	return result(t, r.err)
}

// time reads seconds since the Unix epoch with three decimals.
func (r *fields) time(key string) time.Time {
	whole, part, ok := cut(r.text(key), '.')
	seconds, okWhole := parseUint(whole, 64)
	millis, okPart := parseMillis(part)
	if !ok || !okWhole || !okPart || seconds > maxSeconds {
		r.fail()
		return time.Time{}
	}
	return time.Unix(int64(seconds), int64(millis)*int64(time.Millisecond)).UTC()
}

// parseMillis reads exactly three digits.
func parseMillis(s string) (int, bool) {
	n := 0
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		n = n*10 + int(s[i]-'0')
	}
	return n, len(s) == 3
}

// ParseStatus reads the answer to VerbStatus.
func ParseStatus(f Frame) (Status, error) {
	r := expect(f, Answer, VerbStatus)
	s := Status{
		Uptime:   time.Duration(r.number(keyUp, maxUptime)) * time.Second,
		Presses:  r.number(keyPresses, maxCount),
		Codes:    r.number(keyCodes, maxCount),
		Commands: r.number(keyCommands, maxCount),
		Manual:   r.choice(keyButton, buttonMan, buttonAuto),
		Waiting:  r.choice(keyWaiting, "1", "0"),
	}
	if r.has(keyBattery) {
		s.Battery = int(r.number(keyBattery, maxMillivolts))
	}
	if r.has(keyLost) {
		s.ClockLost = r.choice(keyLost, "1", "0")
	}
	return result(s, r.err)
}

// ParseSelfTest reads the answer to VerbSelfTest.
func ParseSelfTest(f Frame) (SelfTest, error) {
	r := expect(f, Answer, VerbSelfTest)
	t := SelfTest{
		Vectors: int(r.number(keyVectors, maxVectors)),
		Failed:  int(r.number(keyFailed, maxVectors)),
	}
	if t.Failed > t.Vectors {
		r.fail()
	}
	return result(t, r.err)
}
