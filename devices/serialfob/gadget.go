package serialfob

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/fob-auth/fob/devices"
)

// A gadget is an opened gadget of some dialect. Nothing on its line has a
// checksum: what it says without a press is asked for until it has said the same
// twice. Its one credential has its serial as its ID. One owner calls it; Close
// may come from anywhere.
type gadget struct {
	wire    *wire
	info    devices.Info
	dialect *dialect
	now     func() time.Time
	within  time.Duration // how long an answer may take, the line included
	ears    chan chan string
}

var (
	_ devices.Coder = (*gadget)(nil)
	_ devices.Clock = (*clockedGadget)(nil)
)

// A clockedGadget is a gadget that tells its time when it is asked.
type clockedGadget struct{ *gadget }

// maxHeard is how many lines of an answer wait for who listens; what comes
// beyond is lost.
const maxHeard = 32

func newGadget(w *wire, s devices.Slot, d *dialect, now func() time.Time) *gadget {
	g := &gadget{wire: w, dialect: d, now: now, within: answerWithin, ears: make(chan chan string)}
	g.info = devices.Info{Slot: s, Model: d.Name, OwnClock: !d.sendsTime()}
	switch {
	case !g.info.OwnClock || d.showsClock():
	case d.clock != nil:
		g.info.Notes = []string{"tells its time with its codes alone"}
	case d.Press:
		g.info.Notes = []string{"shows no clock, nor its digits unasked: taken to be on time"}
	default:
		g.info.Notes = []string{"shows no clock: its time is reckoned from when its digits change"}
	}
	go g.listen()
	return g
}

// listen takes every line that comes, also while nobody asked: what was said
// before a question is no answer to it.
func (g *gadget) listen() {
	var ear chan string
	for {
		select {
		case ear = <-g.ears:
		case got := <-g.wire.in:
			if got.err != nil || ear == nil {
				continue
			}
			select {
			case ear <- string(got.raw):
			default:
			}
		case <-g.wire.gone:
			return
		case <-g.wire.stop:
			return
		}
	}
}

// lend sets who hears the lines from now on; nil is nobody.
func (g *gadget) lend(ear chan string) error {
	select {
	case g.ears <- ear:
		return nil
	case <-g.wire.gone:
	case <-g.wire.stop:
	}
	return devices.ErrRemoved
}

// Info tells what the gadget is.
func (g *gadget) Info() devices.Info { return g.info }

// Close closes the port; a call under way ends with devices.ErrRemoved.
func (g *gadget) Close() error {
	if err := g.wire.Close(nil); err != nil {
		return g.failed("close", err)
	}
	return nil
}

func (g *gadget) failed(op string, err error) error {
	return &devices.Error{Op: op, Token: g.info.Serial, Err: err}
}

// identify asks for the serial, where the dialect tells one.
func (g *gadget) identify(ctx context.Context, tries int, within time.Duration) error {
	if g.dialect.serial == nil {
		return ctx.Err()
	}
	usual := g.within
	g.within = within
	defer func() { g.within = usual }()
	serial, err := agreed(ctx, tries, func() (string, error) {
		said, err := g.ask(ctx, fill(g.dialect.AskSerial, g.now()), g.within, g.dialect.serial)
		if err != nil {
			return "", err
		}
		return readSerial(said[0])
	})
	g.info.Serial = serial
	return err
}

// Credentials tells of the gadget's one credential. It asks the gadget nothing
// but whether it is still there.
func (g *gadget) Credentials(ctx context.Context) ([]devices.Credential, error) {
	if err := g.present(ctx); err != nil {
		return nil, g.failed("list credentials", err)
	}
	return []devices.Credential{{
		ID: g.info.Serial, Type: devices.TOTP, Algorithm: devices.SHA1,
		Digits: g.dialect.Digits, Period: g.dialect.Period, Touch: g.dialect.Press,
	}}, nil
}

func (g *gadget) present(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case <-g.wire.gone:
		return devices.ErrRemoved
	case <-g.wire.stop:
		return devices.ErrRemoved
	default:
		return nil
	}
}

// Code returns a code: for the step of at where the gadget is sent the time,
// else for its present step.
func (g *gadget) Code(ctx context.Context, id string, at time.Time) (devices.Code, error) {
	code, err := g.code(ctx, id, at)
	if err != nil {
		return devices.Code{}, g.failed("compute a code", err)
	}
	return code, nil
}

func (g *gadget) code(ctx context.Context, id string, at time.Time) (devices.Code, error) {
	if err := g.present(ctx); err != nil {
		return devices.Code{}, err
	}
	if id != g.info.Serial {
		return devices.Code{}, devices.ErrNoCredential
	}
	if !g.dialect.Press {
		return agreed(ctx, tries, func() (devices.Code, error) { return g.codeOnce(ctx, at, g.within) })
	}
	code, err := g.codeOnce(ctx, at, g.dialect.Patience)
	if err == errSilent {
		return devices.Code{}, devices.ErrNoTouch
	}
	return code, err
}

func (g *gadget) codeOnce(ctx context.Context, at time.Time, within time.Duration) (devices.Code, error) {
	want := []*regexp.Regexp{g.dialect.code}
	clockToo := g.dialect.clock != nil && g.dialect.AskClock == ""
	if clockToo {
		want = append(want, g.dialect.clock)
	}
	said, err := g.ask(ctx, fill(g.dialect.AskCode, at), within, want...)
	if err != nil {
		return devices.Code{}, err
	}
	digits, err := g.dialect.digits(said[0])
	if err != nil {
		return devices.Code{}, err
	}
	var told time.Time
	switch {
	case clockToo:
		at, err = readClock(said[1])
		if !g.dialect.showsClock() {
			told = at
		}
	case g.dialect.showsClock():
		at, err = g.time(ctx)
	case g.info.OwnClock:
		at = g.now()
	}
	if err != nil {
		return devices.Code{}, err
	}
	if at.Unix() < 0 {
		return devices.Code{}, fmt.Errorf("%w: a code of a time before 1970", devices.ErrUnsupported)
	}
	step := uint64(at.Unix()) / uint64(g.dialect.Period/time.Second)
	return devices.Code{Digits: digits, Counter: step, Period: g.dialect.Period, Clock: told}, nil
}

// Time is the gadget's clock.
func (g *clockedGadget) Time(ctx context.Context) (time.Time, error) {
	t, err := g.time(ctx)
	if err != nil {
		return time.Time{}, g.failed("read the clock", err)
	}
	return t, nil
}

func (g *gadget) time(ctx context.Context) (time.Time, error) {
	if err := g.present(ctx); err != nil {
		return time.Time{}, err
	}
	ask := cmp.Or(g.dialect.AskClock, g.dialect.AskCode)
	var err error
	for range tries {
		var said []string
		if said, err = g.ask(ctx, fill(ask, g.now()), g.within, g.dialect.clock); err == nil {
			return readClock(said[0])
		}
		if !worthAnother(err) {
			break
		}
	}
	return time.Time{}, err
}

// ask sends a question, or nothing, and returns what each pattern finds in the
// lines that come within the time. The error is errSilent where not all of it
// comes.
func (g *gadget) ask(ctx context.Context, question string, within time.Duration, want ...*regexp.Regexp) ([]string, error) {
	late := time.NewTimer(within)
	defer late.Stop()
	ear := make(chan string, maxHeard)
	if err := g.lend(ear); err != nil {
		return nil, err
	}
	defer g.lend(nil)
	if question != "" {
		if err := g.wire.put(ctx, []byte(question), late.C); err != nil {
			return nil, err
		}
	}
	said, missing := make([]string, len(want)), len(want)
	have := make([]bool, len(want))
	for missing > 0 {
		select {
		case text := <-ear:
			for i, re := range want {
				if found, ok := find(re, text); ok && !have[i] {
					said[i], have[i] = found, true
					missing--
				}
			}
		case <-late.C:
			return nil, errSilent
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-g.wire.gone:
			return nil, devices.ErrRemoved
		case <-g.wire.stop:
			return nil, devices.ErrRemoved
		}
	}
	return said, nil
}

// agreed asks until two answers in a row are the same. An answer that makes no
// sense, or doesn't come, is worth another try; so is one that differs, as a
// time step may have ended in between.
func agreed[T comparable](ctx context.Context, tries int, ask func() (T, error)) (T, error) {
	var none, last T
	have, failed := false, 0
	for range 2 * tries {
		got, err := ask()
		switch {
		case err != nil && !worthAnother(err):
			return none, err
		case err != nil:
			have = false
			if failed++; failed == tries {
				return none, err
			}
		case have && got == last:
			return got, nil
		default:
			last, have = got, true
		}
		if err := ctx.Err(); err != nil {
			return none, err
		}
	}
	return none, fmt.Errorf("%w: no two of its answers are the same", devices.ErrAnswer)
}

func worthAnother(err error) bool {
	return errors.Is(err, devices.ErrAnswer) || errors.Is(err, errSilent) && !errors.Is(err, errStuck)
}
