package emulator

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/fob-auth/fob/emulator/api"
	"github.com/fob-auth/fob/emulator/clock"
	"github.com/fob-auth/fob/emulator/fault"
	"github.com/fob-auth/fob/firmware/piv"
)

// A body is the inside of a token: firmware on a board.
type body interface {
	// start lets the token run until the stay's power ends.
	start(s *stay) error
	// stop returns once nothing runs on power that was cut. The error says what
	// of the token was left behind.
	stop() error
	// reset makes the token as the bench file has it; it isn't running.
	reset() error
	// press presses the button; the error is ErrNotWaiting where nobody waits,
	// ErrUnplugged where the stay ends meanwhile, or ctx's.
	press(ctx context.Context, s *stay) error
}

// A Token is one emulated token and what hands can do to it. Its methods may be
// called from any goroutine.
type Token struct {
	spec     *Spec
	options  Options
	announce func()
	// authority certifies a YubiKey's attestation key.
	authority *piv.Authority
	heart     *heart
	clock     *clock.Clock // nil for a token without one
	body      body

	// hand is held by whoever plugs, unplugs or resets. Those wait for the
	// token's own goroutine to end and for nothing else.
	hand   sync.Mutex
	closed bool
	left   error // what the last stay left behind

	mu   sync.Mutex // guards what follows; never held while anything is awaited
	stay *stay      // nil while the token is unplugged
	now  vitals
	plan fault.Plan
}

// A stay is the time from plugging a token in to unplugging it.
type stay struct {
	power  context.Context
	cancel context.CancelFunc
	seat   chan struct{} // holds a value while a client has the card
	// over, where a body sets it when it starts, is what comes of a cut: once,
	// on a goroutine of its own.
	over func()
	once sync.Once
}

// cut ends the stay's power. It may be cut again.
func (s *stay) cut() {
	s.cancel()
	s.once.Do(func() {
		if s.over != nil {
			go s.over()
		}
	})
}

// vitals is what a token shows of itself from moment to moment.
type vitals struct {
	plugs, presses, commands, codes uint64
	waiting                         bool
}

// newToken makes a token of bench b that isn't plugged in yet.
func newToken(spec *Spec, o Options, b *Bench) (*Token, error) {
	t := &Token{spec: spec, options: o, heart: &b.heart, authority: b.authority, announce: b.announce}
	var err error
	switch spec.Kind {
	case api.YubiKey:
		t.body, err = newYubiKey(t)
	case api.Fob:
		if t.clock, err = clock.New(o.Now, spec.Offset, spec.PPM); err == nil {
			err = t.clock.Change(spec.clockAsNew())
		}
		if err == nil {
			t.body, err = newFob(t)
		}
	default:
		err = fmt.Errorf("%w: %q", ErrKind, spec.Kind)
	}
	return t, err
}

// State is what the bench's socket says of the token.
func (t *Token) State() api.Token {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := api.Token{
		Name:     t.spec.Name,
		Kind:     t.spec.Kind,
		Serial:   t.spec.Serial,
		Attach:   t.spec.Attach,
		Plugged:  t.stay != nil,
		Plugs:    t.now.plugs,
		Waiting:  t.now.waiting,
		Presses:  t.now.presses,
		Commands: t.now.commands,
		Codes:    t.now.codes,
		Faults:   t.plan.Pending(),
	}
	if t.spec.Kind == api.YubiKey {
		s.Firmware = versionText(t.spec.Firmware)
	}
	if t.clock != nil {
		c := t.clock.State()
		s.Clock = &api.Clock{Now: c.Now.UTC(), OffsetMS: c.Offset.Milliseconds(),
			PPM: c.PPM, RatePPM: c.Rate, Frozen: c.Frozen, Lost: c.Lost}
	}
	if f, ok := t.body.(*serialFob); ok {
		f.describe(&s)
	}
	return s
}

func versionText(v [3]byte) string { return fmt.Sprintf("%d.%d.%d", v[0], v[1], v[2]) }

// note changes what the token shows of itself.
func (t *Token) note(change func(*vitals)) {
	t.mu.Lock()
	before := t.now
	change(&t.now)
	after := t.now
	t.mu.Unlock()
	// Commands and codes alone aren't news.
	after.commands, after.codes = before.commands, before.codes
	if after != before {
		t.announce()
	}
}

// Plug plugs the token in; one that is plugged in stays so.
func (t *Token) Plug() error {
	t.hand.Lock()
	defer t.hand.Unlock()
	return t.plug()
}

// plugWhere plugs the token in where that is still wanted.
func (t *Token) plugWhere(wanted func() bool) {
	t.hand.Lock()
	defer t.hand.Unlock()
	if !wanted() {
		return
	}
	if err := t.plug(); err != nil {
		t.left = err
	}
}

func (t *Token) plug() error {
	if t.closed {
		return ErrClosed
	}
	if t.present() != nil {
		return nil
	}
	t.settle() // a fault may have removed it just now
	s := &stay{seat: make(chan struct{}, 1)}
	s.power, s.cancel = context.WithCancel(context.Background())
	if err := t.body.start(s); err != nil {
		s.cut()
		return err
	}
	t.left = nil // the new line's link is in the place of the old one's
	t.mu.Lock()
	if s.power.Err() == nil { // no fault removed it in its first moment
		t.stay = s
	}
	t.mu.Unlock()
	t.note(func(v *vitals) { v.plugs++ })
	return nil
}

// Unplug takes the token out: whoever uses it loses it at once, a touch that
// is awaited included. The error says what it left behind; it is out all the
// same.
func (t *Token) Unplug() error {
	t.hand.Lock()
	defer t.hand.Unlock()
	t.unplug()
	return t.left
}

func (t *Token) unplug() {
	if s := t.present(); s != nil {
		t.end(s)
	}
	t.settle()
}

// settle waits until nothing runs on power that was cut.
func (t *Token) settle() {
	if err := t.body.stop(); err != nil {
		t.left = err
	}
}

// end cuts the power of a stay.
func (t *Token) end(s *stay) {
	t.mu.Lock()
	s.cut()
	news := t.stay == s
	if news {
		t.stay = nil
	}
	t.mu.Unlock()
	if news {
		t.announce()
	}
}

// present is the present stay, or nil.
func (t *Token) present() *stay {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.stay
}

// close unplugs the token for good. The error says what it left behind.
func (t *Token) close() error {
	t.hand.Lock()
	defer t.hand.Unlock()
	t.unplug()
	t.closed = true
	return t.left
}

// Reset makes the token as the bench file has it, with its clock, and without
// its state and faults; counts start again. A token that is plugged in is
// unplugged meanwhile, one that isn't stays so.
func (t *Token) Reset() error {
	t.hand.Lock()
	defer t.hand.Unlock()
	if t.closed {
		return ErrClosed
	}
	plugged := t.present() != nil
	t.unplug()
	if err := t.body.reset(); err != nil {
		return err
	}
	if t.clock != nil {
		if err := t.clock.Change(t.spec.clockAsNew()); err != nil {
			return err
		}
	}
	t.mu.Lock()
	t.now = vitals{plugs: t.now.plugs}
	t.plan = fault.Plan{}
	t.mu.Unlock()
	t.announce()
	if !plugged {
		return nil
	}
	return t.plug()
}

// Press presses the token's button. The error is [ErrUnplugged],
// [ErrNotWaiting], [ErrNever] where the bench file lets nobody press it, or
// ctx's.
func (t *Token) Press(ctx context.Context) error {
	s := t.present()
	if s == nil {
		return ErrUnplugged
	}
	if t.spec.Button == ButtonNever {
		return ErrNever
	}
	return t.body.press(ctx, s)
}

// ChangeClock moves the token's clock. The error is [ErrKind] for a token that
// has none, or says what is out of bounds.
func (t *Token) ChangeClock(ch clock.Change) error {
	if t.clock == nil {
		return fmt.Errorf("%w: a %s has no clock of its own", ErrKind, t.spec.Kind)
	}
	if err := t.clock.Change(ch); err != nil {
		return err
	}
	t.announce()
	return nil
}

// AddFault plans a fault; its After counts from now. [api.FaultLine] is none to
// come: it is there at once, until the next.
func (t *Token) AddFault(f api.Fault) error {
	if err := fault.Check(t.spec.Kind, f); err != nil {
		return err
	}
	var err error
	if fob, ok := t.body.(*serialFob); ok && f.Kind == api.FaultLine {
		fob.setLine(lineOf(f))
	} else {
		t.mu.Lock()
		err = t.plan.Add(f)
		t.mu.Unlock()
	}
	if err == nil {
		t.announce()
	}
	return err
}

// nextFault is the fault that the command at hand meets, if any.
func (t *Token) nextFault() (api.Fault, bool) {
	t.mu.Lock()
	f, ok := t.plan.Next()
	t.mu.Unlock()
	if ok {
		t.announce()
	}
	return f, ok
}

// delay waits as long as fault f says, or until ctx ends.
func delay(ctx context.Context, f api.Fault) {
	if f.Kind != api.FaultDelay {
		return
	}
	late := time.NewTimer(time.Duration(f.DelayMS) * time.Millisecond)
	defer late.Stop()
	select {
	case <-late.C:
	case <-ctx.Done():
	}
}

// spoil is what fault f leaves of an answer.
func (t *Token) spoil(f api.Fault, answer []byte) ([]byte, error) {
	return fault.Spoil(f, answer, t.options.Random)
}
