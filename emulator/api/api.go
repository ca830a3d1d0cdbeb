// Package api is the wire of the bench's socket: what fobemu's commands and
// the agent's emulated driver say to a running bench. It holds types and the
// framing of the card channel and imports nothing of ours, so that both sides
// may import it without knowing each other.
//
// The socket speaks HTTP/1.1 with JSON bodies. A card channel starts as
// GET /v1/tokens/NAME/card with "Connection: Upgrade" and
// "Upgrade: fob-apdu"; after the 101 answer both sides exchange frames
// ([WriteFrame], [ReadFrame]): one command APDU there, one response APDU back.
// The bench closes the channel when the token is unplugged, as a reader loses
// its card; closing it from the other side powers the card down.
package api

import "time"

// The routes of the bench's socket. NAME is a token's name in the bench file.
const (
	PathTokens = "/v1/tokens"        // GET: []Token
	PathWatch  = "/v1/watch"         // GET: one []Token in JSON per line, at once and after each change
	PathToken  = "/v1/tokens/{name}" // GET: Token

	PathCard   = "/v1/tokens/{name}/card"   // GET with Upgrade: the card channel
	PathPress  = "/v1/tokens/{name}/press"  // POST Press: Token
	PathPlug   = "/v1/tokens/{name}/plug"   // POST: Token
	PathUnplug = "/v1/tokens/{name}/unplug" // POST: Token
	PathClock  = "/v1/tokens/{name}/clock"  // POST ClockChange: Token
	PathFault  = "/v1/tokens/{name}/fault"  // POST Fault: Token
	PathPower  = "/v1/tokens/{name}/power"  // POST Power: Token
	PathReset  = "/v1/tokens/{name}/reset"  // POST: Token, as the bench file made it
)

// Upgrade is the protocol named in the Upgrade header of a card channel.
const Upgrade = "fob-apdu"

// A Kind is what a token is.
type Kind string

// The kinds of token a bench can hold.
const (
	YubiKey Kind = "yubikey"
	Fob     Kind = "fob"
)

// A Token is the state of one token of the bench.
type Token struct {
	Name     string `json:"name"`
	Kind     Kind   `json:"kind"`
	Serial   string `json:"serial"`
	Firmware string `json:"firmware,omitempty"`
	// Attach is where the token is plugged in: "socket" or "pty:PATH", the path
	// of the present line.
	Attach  string `json:"attach"`
	Plugged bool   `json:"plugged"`
	// Plugs counts how often it was plugged in, so that a watcher notices a
	// replug that fell between two looks.
	Plugs uint64 `json:"plugs"`
	// Waiting says that the token waits for its button now.
	Waiting bool `json:"waiting"`
	// Presses counts presses of the button that a waiting token took, automatic
	// ones included. A fob whose button is automatic doesn't wait for any.
	Presses uint64 `json:"presses"`
	// Commands counts command APDUs, or lines, that the token answered.
	Commands uint64 `json:"commands"`
	// Codes counts codes the token computed for somebody.
	Codes uint64 `json:"codes"`
	// Clock is the state of the token's own clock; nil for a token without one.
	Clock *Clock `json:"clock,omitempty"`
	// Faults are the faults still to come.
	Faults []Fault `json:"faults,omitempty"`
	// Line is how bad a fob's line is; nil for a good one.
	Line *Line `json:"line,omitempty"`
	// BatteryMV is a fob's battery in millivolts; 0 where it can't tell.
	BatteryMV int `json:"battery_mv,omitempty"`
}

// A Clock is the state of a token's clock.
type Clock struct {
	// Now is what the token's clock shows.
	Now time.Time `json:"now"`
	// OffsetMS is Now less the host's time, in milliseconds.
	OffsetMS int64 `json:"offset_ms"`
	// PPM is the constant part of the rate error in parts per million, positive
	// for a fast clock.
	PPM float64 `json:"ppm"`
	// RatePPM is the whole rate error now, with what the crystal's temperature
	// and a recorded series add.
	RatePPM float64 `json:"rate_ppm"`
	Frozen  bool    `json:"frozen"`
	// Lost says that the clock lost its time, as by a new battery.
	Lost bool `json:"lost,omitempty"`
}

// A Press presses a token's button. An empty body is one of these too.
type Press struct {
	// WaitMS is how long to wait for the token to wait for its button, in
	// milliseconds. At 0 a token that isn't waiting is an error at once.
	WaitMS int64 `json:"wait_ms,omitempty"`
	// HoldMS is how long a fob's button is held, in milliseconds, whether or
	// not anything waits for it. At 0 it is pressed and let go, for what waits.
	HoldMS int64 `json:"hold_ms,omitempty"`
}

// A Power is something that happens to a fob's power supply.
type Power struct {
	// BrownOutMS is how long the supply fails, in milliseconds: the clock stands
	// meanwhile, and the fob starts anew with what its storage holds.
	BrownOutMS int64 `json:"brown_out_ms,omitempty"`
	// NewBattery changes the battery: the fob starts anew, and has lost its
	// time.
	NewBattery bool `json:"new_battery,omitempty"`
	// BatteryMV is the battery's voltage from now on, in millivolts; 0 makes it
	// one that the fob can't tell.
	BatteryMV *int `json:"battery_mv,omitempty"`
}

// A ClockChange moves a token's clock. Fields left out leave things as they
// are; Advance is applied after Offset.
type ClockChange struct {
	// OffsetMS sets the clock to the host's time plus so many milliseconds.
	OffsetMS *int64 `json:"offset_ms,omitempty"`
	// AdvanceMS moves the clock forward, or back where negative.
	AdvanceMS *int64   `json:"advance_ms,omitempty"`
	PPM       *float64 `json:"ppm,omitempty"`
	Freeze    *bool    `json:"freeze,omitempty"`
}

// A Fault is something that goes wrong at a given command of a token.
type Fault struct {
	// After is how many commands (or lines) still go well first.
	After int `json:"after"`
	// Kind is what goes wrong.
	Kind FaultKind `json:"kind"`
	// SW is the status word that FaultStatus answers.
	SW uint16 `json:"sw,omitempty"`
	// Bytes is how many bytes of the answer FaultTruncate and FaultHang leave,
	// or how many FaultGarbage makes up.
	Bytes int `json:"bytes,omitempty"`
	// DelayMS is how long FaultDelay waits before it answers, FaultHang hangs (0
	// for as long as the power lasts), FaultMove stays away and FaultBrownOut
	// lasts.
	DelayMS int64 `json:"delay_ms,omitempty"`
	// Line is what FaultLine makes of the line; nil makes it a good one.
	Line *Line `json:"line,omitempty"`
}

// A Line says how bad a serial line is, in both directions. Shares are from 0
// to 1; the zero value is a line that does nothing to what goes over it.
type Line struct {
	// Seed begins the random sequence: the same seed, the same faults.
	Seed uint64 `json:"seed,omitempty"`
	// Flip is the share of bytes that arrive with one bit turned, Drop of those
	// that don't arrive, Double of those that arrive twice, and Stray of those
	// behind which another arrives that nobody sent.
	Flip   float64 `json:"flip,omitempty"`
	Drop   float64 `json:"drop,omitempty"`
	Double float64 `json:"double,omitempty"`
	Stray  float64 `json:"stray,omitempty"`
	// Split is the share of places between bytes where a read ends.
	Split float64 `json:"split,omitempty"`
	// MergeMS is how long what the token sends is held back, in milliseconds,
	// so that several messages arrive in one piece.
	MergeMS int64 `json:"merge_ms,omitempty"`
	// Baud is the rate at which bytes go over the line, in bits per second; 0
	// is at once. A far end that has set another rate reads and sends noise.
	Baud int `json:"baud,omitempty"`
}

// A FaultKind names a fault.
type FaultKind string

// The faults of a bench's tokens.
const (
	FaultDrop     FaultKind = "drop"     // no answer at all
	FaultTruncate FaultKind = "truncate" // only the first Bytes of the answer
	FaultStatus   FaultKind = "status"   // the status word SW and no data; cards only
	FaultDelay    FaultKind = "delay"    // the answer, late
	FaultGarbage  FaultKind = "garbage"  // Bytes random bytes in the answer's place
	FaultRemove   FaultKind = "remove"   // the token is unplugged instead
	// Of fobs alone:
	FaultHang     FaultKind = "hang"     // the first Bytes of the answer, then nothing for DelayMS
	FaultMove     FaultKind = "move"     // unplugged instead, and back after DelayMS under another name
	FaultBrownOut FaultKind = "brownout" // the power fails for DelayMS instead
	FaultLine     FaultKind = "line"     // at once, whatever After says: the line is as Line says
)

// SeatTime is how long a card channel waits for the one before it, until the
// client is told CodeBusy.
const SeatTime = 5 * time.Second

// An ErrorCode tells errors apart for programs.
type ErrorCode string

// The error codes, with the HTTP status each comes with.
const (
	CodeBadRequest ErrorCode = "bad_request"   // 400: the request itself is wrong
	CodeWrongKind  ErrorCode = "wrong_kind"    // 400: this kind of token can't do that
	CodeUnknown    ErrorCode = "unknown_token" // 404: the bench has no token of that name
	CodeNoRoute    ErrorCode = "no_route"      // 404: no such method and path
	CodeUnplugged  ErrorCode = "unplugged"     // 409: the token isn't plugged in
	CodeBusy       ErrorCode = "busy"          // 409: another client has the card
	CodeNotWaiting ErrorCode = "not_waiting"   // 409: the token doesn't wait for its button
	CodeNever      ErrorCode = "never"         // 409: the bench file lets nobody press the button
	CodeUpgrade    ErrorCode = "upgrade"       // 426: the card channel wants an Upgrade
	CodeFailed     ErrorCode = "failed"        // 500: the bench itself failed
	CodeClosed     ErrorCode = "closed"        // 503: the bench is ending
)

// An Error is the body of every answer that isn't 2xx, but for the 101 of the
// card channel.
type Error struct {
	Code    ErrorCode `json:"code"`
	Message string    `json:"error"`
}

func (e *Error) Error() string { return e.Message }
