package emulator

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/fob-auth/fob/emulator/api"
	"github.com/fob-auth/fob/emulator/clock"
	"github.com/fob-auth/fob/emulator/fault"
	"github.com/fob-auth/fob/firmware/fob"
)

// A serialFob is the inside of a fob.
type serialFob struct {
	token   *Token
	storage *storage
	running sync.WaitGroup

	mu         sync.Mutex // guards what follows; never held while anything is awaited
	run        *fobRun    // nil while the fob is unplugged
	lineErr    error      // of closing the last run's line
	badness    api.Line   // of the line
	millivolts int        // of the battery; 0 where it can't tell
	moves      int        // how often it came back under another name
	comeBack   *time.Timer
	serial     string // that the firmware has; "" while it is to be provisioned
}

func newFob(t *Token) (*serialFob, error) {
	st, err := openStorage(t.spec.State, t.spec.Kind, t.spec.Serial)
	if err != nil {
		return nil, err
	}
	f := &serialFob{token: t, storage: st}
	f.asNew()
	if st.empty() {
		return f, f.provision()
	}
	return f, nil
}

// asNew makes line and battery as the bench file has them.
func (f *serialFob) asNew() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.badness, f.millivolts, f.moves, f.serial = f.token.spec.Line, f.token.spec.Battery, 0, ""
}

// reset makes the fob as the bench file has it.
func (f *serialFob) reset() error {
	f.asNew()
	return f.provision()
}

// provision does the factory's part: identity and seed, as the bench file has
// them. A fob without a seed stays unprovisioned.
func (f *serialFob) provision() error {
	return f.storage.refill(func(empty *storage) error {
		if len(f.token.spec.Seed) == 0 {
			return empty.Store(fobItem, nil)
		}
		hw := fobBoard{clock: f.token.clock, storage: empty}
		return fob.Provision(hw, fob.Identity{Serial: f.token.spec.Serial}, f.token.spec.Seed)
	})
}

// boot starts the firmware on its board.
func (f *serialFob) boot() (*fob.Fob, error) {
	o := fob.Options{Button: fob.ButtonManual, CodesPerMinute: f.token.spec.CodesPerMinute}
	if f.token.spec.Button == ButtonAuto {
		o.Button = fob.ButtonAuto
	}
	host := f.token.options.Now
	return fob.New(fobBoard{f.token.clock, f.storage, host, host(), f.battery}, o)
}

func (f *serialFob) battery() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.millivolts
}

func (f *serialFob) start(s *stay) error {
	firmware, err := f.boot()
	if err != nil {
		return err
	}
	line, err := f.token.options.Line(strings.TrimPrefix(f.attach(), "pty:"))
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	r := &fobRun{fob: f, firmware: firmware, line: fault.NewLine(line, f.badness), stay: s, seat: make(chan struct{}, 1)}
	f.run, f.serial = r, firmware.Serial()
	f.running.Add(1)
	s.over = r.end
	f.running.Go(r.read)
	f.token.heart.add(r)
	return nil
}

func (f *serialFob) stop() error {
	f.running.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.comeBack != nil { // a hand is quicker than the move that was under way
		f.comeBack.Stop()
		f.comeBack = nil
	}
	err := f.lineErr
	f.run, f.lineErr = nil, nil
	return err
}

// present is the run of the stay.
func (f *serialFob) present(s *stay) (*fobRun, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.run == nil || f.run.stay != s {
		return nil, ErrUnplugged
	}
	return f.run, nil
}

func (f *serialFob) press(ctx context.Context, s *stay) error {
	return f.do(ctx, s, (*fobRun).press)
}

// do does something to the fob that is plugged in, between its commands.
func (f *serialFob) do(ctx context.Context, s *stay, what func(*fobRun) error) error {
	r, err := f.present(s)
	if err != nil {
		return err
	}
	if err := r.sit(ctx); err != nil {
		return err
	}
	defer r.rise()
	return what(r)
}

// hold presses the button, and lets it go so long after.
func (f *serialFob) hold(ctx context.Context, s *stay, long time.Duration) error {
	if err := f.do(ctx, s, func(r *fobRun) error { r.button(r.firmware.Down); return nil }); err != nil {
		return err
	}
	late := time.NewTimer(long)
	defer late.Stop()
	select {
	case <-late.C:
	case <-s.power.Done():
		return ErrUnplugged
	case <-ctx.Done():
	}
	err := f.do(context.WithoutCancel(ctx), s, func(r *fobRun) error { r.button(r.firmware.Up); return nil })
	if err == nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// power lets the supply fail, and changes the battery.
func (f *serialFob) power(ctx context.Context, s *stay, p Power) error {
	f.mu.Lock()
	if p.NewBattery {
		f.millivolts = freshBattery
	}
	if p.Battery != nil {
		f.millivolts = *p.Battery
	}
	f.mu.Unlock()
	if p.BrownOut == 0 && !p.NewBattery {
		return nil
	}
	fail := func(r *fobRun) error { return r.brownOut(ctx, p) }
	if s != nil {
		return f.do(ctx, s, fail)
	}
	if p.NewBattery { // out of its port it has no supply but the battery
		lost := true
		return f.token.clock.Change(clock.Change{Lost: &lost})
	}
	return ErrUnplugged
}

// setLine makes the line as bad as l, now and after the next plug.
func (f *serialFob) setLine(l api.Line) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.badness = l
	if f.run != nil {
		f.run.line.Set(l)
	}
}

// attach is where the fob is plugged in now: where the bench file says, or
// beside it after a move.
func (f *serialFob) attach() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.moves == 0 {
		return f.token.spec.Attach
	}
	return fmt.Sprintf("%s-%d", f.token.spec.Attach, f.moves)
}

// move takes the fob out, and puts it back later where the port has another
// name, unless a hand does something else with it before.
func (f *serialFob) move(s *stay, later time.Duration) {
	f.token.end(s)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.moves++
	var back *time.Timer
	back = time.AfterFunc(later, func() {
		f.token.plugWhere(func() bool {
			f.mu.Lock()
			defer f.mu.Unlock()
			return f.comeBack == back
		})
	})
	f.comeBack = back
}

// named takes note of the serial number that the firmware has, which a fob may
// get while it runs.
func (f *serialFob) named(serial string) {
	f.mu.Lock()
	news := f.serial != serial
	f.serial = serial
	f.mu.Unlock()
	if news {
		f.token.announce()
	}
}

// describe adds to the token's state what a fob has beside.
func (f *serialFob) describe(s *api.Token) {
	s.Attach = f.attach()
	f.mu.Lock()
	defer f.mu.Unlock()
	s.BatteryMV = f.millivolts
	if f.serial != "" {
		s.Serial = f.serial
	}
	if f.badness != (api.Line{}) {
		bad := f.badness
		s.Line = &bad
	}
}

// lineOf is the line of a fault of kind line: a good one where it has none.
func lineOf(f api.Fault) api.Line {
	if f.Line == nil {
		return api.Line{}
	}
	return *f.Line
}
