package line

import (
	"errors"
	"strconv"
	"time"
)

// The verbs of requests (PROTOCOL.md, "Requests").
const (
	VerbHello    = "hello"    // protocol version, bounds, capabilities
	VerbIdentity = "identity" // who the fob is
	VerbCode     = "code"     // the present code
	VerbClock    = "clock"    // the fob's clock
	VerbStatus   = "status"   // counters and settings
	VerbSelfTest = "selftest" // the published test vectors
	VerbCancel   = "cancel"   // forget the code request that waits; needs a CRC
)

// The verbs of the factory, which a sealed fob refuses; they need a CRC
// (PROTOCOL.md, "Provisioning").
const (
	VerbTime   = "time"   // set the clock
	VerbSerial = "serial" // set serial number and model
	VerbSeed   = "seed"   // set the seed
	VerbSeal   = "seal"   // keep all of it, for good
)

// VerbLine stands in failures for a request that couldn't be read, or whose
// verb is unknown.
const VerbLine = "line"

// The verbs of events (PROTOCOL.md, "Events"). VerbClock is one too: the fob
// lost its time.
const (
	VerbPress   = "press"   // the button was pressed, and nothing waited for it
	VerbBattery = "battery" // the battery is low
	VerbWiped   = "wiped"   // the button was held until the fob forgot its seed
)

// A battery below LowBattery millivolts is low until it is at GoodBattery again
// (PROTOCOL.md, "Events"): a lithium cell's voltage moves with load and
// temperature.
const (
	LowBattery  = 2500
	GoodBattery = 2700
)

// A FailureCode says why a request has no answer (PROTOCOL.md, "Failures").
// Hosts must take codes that they don't know for a failure all the same.
type FailureCode string

// The failure codes.
const (
	FailSyntax        FailureCode = "syntax"        // not a frame
	FailTooLong       FailureCode = "toolong"       // longer than MaxLine
	FailCRC           FailureCode = "crc"           // damaged on the way
	FailNoCRC         FailureCode = "nocrc"         // this verb needs a CRC
	FailVersion       FailureCode = "version"       // unknown protocol version
	FailUnknown       FailureCode = "unknown"       // no such verb
	FailFields        FailureCode = "fields"        // fields that the verb doesn't take, or lacks
	FailValue         FailureCode = "value"         // a field whose value can't be
	FailSealed        FailureCode = "sealed"        // the fob has its seed, for good
	FailUnprovisioned FailureCode = "unprovisioned" // the fob has no seed yet
	FailIncomplete    FailureCode = "incomplete"    // sealing needs time, serial and seed first
	FailRate          FailureCode = "rate"          // too many codes
	FailTimeout       FailureCode = "timeout"       // nobody pressed the button in time
	FailSuperseded    FailureCode = "superseded"    // a newer code request took its place
	FailCancelled     FailureCode = "cancelled"     // the host took it back
	FailIdle          FailureCode = "idle"          // nothing to cancel
	FailClock         FailureCode = "clock"         // the fob's clock shows no usable time
	FailFault         FailureCode = "fault"         // the fob is broken
)

// A FailureError is a failure frame as an error.
type FailureError struct {
	// Verb is what was asked, or VerbLine.
	Verb string
	Code FailureCode
	// After is when it is worth asking again; 0 where the fob doesn't say.
	After time.Duration
}

func (e *FailureError) Error() string {
	return "fob refused " + e.Verb + ": " + string(e.Code)
}

// ErrAnswer says that a frame is not the answer it was read as: another kind
// or verb, or a field that is missing or out of range.
var ErrAnswer = errors.New("line: not the expected answer")

// NewRequest makes a request without fields.
func NewRequest(seq uint16, verb string) Frame {
	return Frame{Kind: Request, Seq: seq, Verb: verb}
}

// A Hello is what a fob says of the protocol it speaks.
type Hello struct {
	// Protocol is the highest protocol version the fob speaks.
	Protocol int
	// MaxLine is the longest line it takes, in bytes without line end.
	MaxLine int
	// Capabilities are the verbs and features it has, by name.
	Capabilities []string
}

// An Identity is who a fob is.
type Identity struct {
	// Model, Serial and Firmware are printable ASCII without spaces, '*' and
	// '='; Serial is what AWS calls the MFA device's serial number. It is empty
	// on a fob that isn't provisioned.
	Model, Serial, Firmware string
	// Capabilities are the verbs and features it has, by name.
	Capabilities []string
}

// A Code is the code of a fob's present time step.
type Code struct {
	// Digits is the secret part, 6 to 8 decimal digits. It never appears in
	// what String and GoString make of the code.
	Digits string
	// Step is the number of whole periods since the Unix epoch, by the fob's
	// clock (RFC 6238, 4.2).
	Step uint64
	// Period is the length of a step, in whole seconds.
	Period time.Duration
	// Into is how far the step had gone when the code was made: less than
	// Period.
	Into time.Duration
}

// Time is the fob's clock at the moment the code was made.
func (c Code) Time() time.Time {
	return time.Unix(int64(c.Step)*int64(c.Period/time.Second), 0).Add(c.Into).UTC()
}

// String is the code without its digits.
func (c Code) String() string { return "code of step " + strconv.FormatUint(c.Step, 10) }

// GoString is String, for the %#v verb.
func (c Code) GoString() string { return c.String() }

// A Wait is the notice that a code waits for the button.
type Wait struct {
	// For is how long the fob will wait, by its count of its uptime.
	For time.Duration
}

// A Status is how a fob does.
type Status struct {
	// Uptime is the time since the fob started, in whole seconds.
	Uptime time.Duration
	// Presses, Codes and Commands count since the fob started.
	Presses, Codes, Commands uint64
	// Manual says that a code needs a press of the button.
	Manual bool
	// Waiting says that a code request waits for the button now.
	Waiting bool
	// Battery is the battery's voltage in millivolts; 0 on a fob that can't
	// tell.
	Battery int
	// ClockLost says that the fob doesn't know the time, and gives no codes.
	ClockLost bool
}

// A SelfTest is what a fob's self-test came to.
type SelfTest struct {
	// Vectors is how many test vectors were computed, Failed how many of them
	// came out wrong.
	Vectors, Failed int
}
