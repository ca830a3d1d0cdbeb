package emulator

import (
	"context"
	"fmt"
	"time"
)

// Hold presses the token's button, whether or not it waits, and lets it go so
// long after, or when ctx ends. The error is [ErrKind] for a token that feels no
// such press, [ErrUnplugged], [ErrNever], or ctx's.
func (t *Token) Hold(ctx context.Context, long time.Duration) error {
	f, ok := t.body.(*serialFob)
	if !ok {
		return fmt.Errorf("%w: nothing comes of holding a %s's button", ErrKind, t.spec.Kind)
	}
	s := t.present()
	if s == nil {
		return ErrUnplugged
	}
	if t.spec.Button == ButtonNever {
		return ErrNever
	}
	return f.hold(ctx, s, long)
}

// A Power is something that happens to a fob's power supply.
type Power struct {
	// BrownOut is how long the supply fails: the clock stands meanwhile, and the
	// fob starts anew. 0 is no failure.
	BrownOut time.Duration
	// NewBattery has the fob start anew without its time.
	NewBattery bool
	// Battery is the battery's voltage from now on, in millivolts; 0 makes it
	// one that the fob can't tell, nil leaves it.
	Battery *int
}

// Bounds of a Power.
const (
	maxBrownOut   = 10 * time.Minute
	maxMillivolts = 9999
)

// ChangePower lets p happen, and waits for the end of it. The error is
// [ErrKind] for a token without a battery, [ErrUnplugged], ctx's, or says what
// is out of bounds.
func (t *Token) ChangePower(ctx context.Context, p Power) error {
	f, ok := t.body.(*serialFob)
	switch {
	case !ok:
		return fmt.Errorf("%w: a %s has no battery", ErrKind, t.spec.Kind)
	case p.BrownOut < 0 || p.BrownOut > maxBrownOut:
		return fmt.Errorf("%w: brown-out of %v is out of 0 to %v", ErrBounds, p.BrownOut, maxBrownOut)
	case p.Battery != nil && (*p.Battery < 0 || *p.Battery > maxMillivolts):
		return fmt.Errorf("%w: battery of %d mV is out of 0 to %d", ErrBounds, *p.Battery, maxMillivolts)
	}
	err := f.power(ctx, t.present(), p)
	if err == nil {
		t.announce()
	}
	return err
}
