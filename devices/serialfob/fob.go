package serialfob

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/fob-auth/fob/devices"
	"github.com/fob-auth/fob/firmware/fob/line"
)

// What a fob's code is made of, as far as its protocol doesn't say: AWS takes
// no other from a hardware token.
const (
	fobDigits = 6
	fobPeriod = 30 * time.Second
)

// A fob is an opened fob. Its one credential has the fob's serial number as
// its ID. One owner calls it; Close may come from anywhere.
type fob struct {
	wire   *wire
	info   devices.Info
	serial string // that it tells; "" of one without a seed
	ears   chan chan received
	news   chan struct{} // holds a value while it has said something of itself
	seq    uint16        // of the last request
	// within is how long an answer may take, the line included.
	within time.Duration
	begin  bool // the next request is the first
	// sought says that its line's rate was found out, and isn't the config's.
	sought bool
	// asking says that a code is asked for, so that the fob may wait for its
	// button.
	asking atomic.Bool
}

var (
	_ devices.Coder    = (*fob)(nil)
	_ devices.Clock    = (*fob)(nil)
	_ devices.Reporter = (*fob)(nil)
)

func newFob(w *wire, s devices.Slot, seq uint16) *fob {
	f := &fob{
		wire: w, info: devices.Info{Slot: s, OwnClock: true}, seq: seq, within: answerWithin,
		ears: make(chan chan received), news: make(chan struct{}, 1),
	}
	go f.listen()
	return f
}

// identify asks the fob who it is. The line end before the first request is
// done with what whoever had the port before left half sent.
func (f *fob) identify(ctx context.Context, tries int, within time.Duration) error {
	usual := f.within
	f.within, f.begin = within, true
	defer func() { f.within = usual }()
	id, err := f.identity(ctx, tries)
	if err != nil {
		return err
	}
	f.serial = id.Serial
	f.info.Serial, f.info.Model, f.info.Firmware = id.Serial, id.Model, id.Firmware
	return nil
}

func (f *fob) identity(ctx context.Context, tries int) (line.Identity, error) {
	frame, err := f.askTimes(ctx, line.VerbIdentity, plainly(line.VerbIdentity), tries)
	if err != nil {
		return line.Identity{}, err
	}
	id, err := line.ParseIdentity(frame)
	if err != nil {
		return id, refusal(err)
	}
	return id, nil
}

// Info tells what the fob is.
func (f *fob) Info() devices.Info { return f.info }

// Close closes the port; a call under way ends with devices.ErrRemoved, and the
// fob doesn't wait for its button any more.
func (f *fob) Close() error {
	var last []byte
	if f.asking.Load() {
		last = cancelRequest(1)
	}
	if err := f.wire.Close(last); err != nil {
		return f.failed("close", err)
	}
	return nil
}

// News gets a value when the fob said that its battery is low, that it lost its
// time, or that it was wiped.
func (f *fob) News() <-chan struct{} { return f.news }

// Credentials tells of the fob's one credential, and whether its button is
// wanted for a code. A fob that has another serial number than it was opened
// with, since it was wiped or sealed, isn't the one that was opened:
// devices.ErrRemoved.
func (f *fob) Credentials(ctx context.Context) ([]devices.Credential, error) {
	status, err := f.status(ctx)
	if err != nil {
		return nil, f.failed("list credentials", err)
	}
	f.info.Troubles = f.troubles(status)
	return []devices.Credential{{
		ID: f.info.Serial, Type: devices.TOTP, Algorithm: devices.SHA1,
		Digits: fobDigits, Period: fobPeriod, Touch: status.Manual,
	}}, nil
}

func (f *fob) status(ctx context.Context) (line.Status, error) {
	id, err := f.identity(ctx, tries)
	if err != nil {
		return line.Status{}, err
	}
	if id.Serial != f.serial {
		return line.Status{}, errOther
	}
	frame, err := f.ask(ctx, line.VerbStatus)
	if err != nil {
		return line.Status{}, err
	}
	status, err := line.ParseStatus(frame)
	if err != nil {
		return line.Status{}, refusal(err)
	}
	return status, nil
}

// errOther says that the fob was wiped or sealed since it was opened.
var errOther = fmt.Errorf("%w: the fob was wiped or took a seed, and has another serial number now", devices.ErrRemoved)

// troubles are what of a status keeps the fob from giving codes, or soon will.
// One without a seed gets its time with it.
func (f *fob) troubles(s line.Status) []error {
	var all []error
	if s.ClockLost && f.serial != "" {
		all = append(all, devices.ErrClockLost)
	}
	if s.Battery > 0 && s.Battery < line.LowBattery {
		all = append(all, &devices.BatteryError{Millivolts: s.Battery})
	}
	return all
}

// Code returns the code of the fob's present time step, by its own clock,
// after a press of its button where it wants one.
func (f *fob) Code(ctx context.Context, id string, _ time.Time) (devices.Code, error) {
	if err := ctx.Err(); err != nil {
		return devices.Code{}, f.failed("compute a code", err)
	}
	if id != f.info.Serial {
		return devices.Code{}, f.failed("compute a code", devices.ErrNoCredential)
	}
	frame, err := f.ask(ctx, line.VerbCode)
	if err != nil {
		return devices.Code{}, f.failed("compute a code", err)
	}
	c, err := line.ParseCode(frame)
	if err != nil {
		return devices.Code{}, f.failed("compute a code", refusal(err))
	}
	return devices.Code{Digits: devices.Digits(c.Digits), Counter: c.Step, Period: c.Period}, nil
}

// Time reads the fob's clock, to the millisecond.
func (f *fob) Time(ctx context.Context) (time.Time, error) {
	frame, err := f.ask(ctx, line.VerbClock)
	if err != nil {
		return time.Time{}, f.failed("read the clock", err)
	}
	t, err := line.ParseClock(frame)
	if err != nil {
		return time.Time{}, f.failed("read the clock", refusal(err))
	}
	return t, nil
}

func (f *fob) failed(op string, err error) error {
	return &devices.Error{Op: op, Token: f.info.Serial, Err: err}
}

// refusal gives what a fob answered in place of an answer its meaning
// (PROTOCOL.md, "Failures").
func refusal(err error) error {
	var failure *line.FailureError
	if !errors.As(err, &failure) {
		return fmt.Errorf("%w: %w", devices.ErrAnswer, err)
	}
	kind := devices.ErrAnswer
	switch failure.Code {
	case line.FailRate:
		return &devices.RateError{After: failure.After}
	case line.FailUnprovisioned:
		return errOther
	case line.FailClock:
		return devices.ErrClockLost
	case line.FailTimeout:
		kind = devices.ErrNoTouch
	case line.FailSuperseded, line.FailCancelled:
		kind = devices.ErrBusy
	case line.FailSealed:
		kind = devices.ErrFull
	case line.FailUnknown, line.FailFields, line.FailValue, line.FailVersion, line.FailFault, line.FailIncomplete:
		kind = devices.ErrUnsupported
	}
	return fmt.Errorf("%w: %w", kind, failure)
}
