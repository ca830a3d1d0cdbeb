package emulator

import (
	"context"
	"sync"
	"time"

	"github.com/fob-auth/fob/firmware"
)

// touchPatience is how long a YubiKey waits for its touch, in host time, where
// the bench file doesn't say.
const touchPatience = 15 * time.Second

// A button is the touch of a card: the firmware waits on it, a hand or the
// bench presses it. Its methods may be called from any goroutine.
type button struct {
	mode ButtonMode
	// onMove is told of each change, in order; it must not call the button.
	onMove func(waiting, pressed bool)

	mu sync.Mutex
	// pressed is closed by a press; nil while nobody waits.
	pressed chan struct{}
}

// await waits for a press, until the limit or ctx ends.
func (b *button) await(ctx context.Context, limit time.Duration) error {
	if ctx.Err() != nil {
		return firmware.ErrRemoved
	}
	if b.mode == ButtonAuto {
		b.onMove(false, true)
		return nil
	}
	err := wait(ctx, b.lift(), limit)
	if took := b.drop(); took {
		return nil // pressed, if only in the moment that the wait ended
	}
	return err
}

// lift lets the button be pressed.
func (b *button) lift() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pressed = make(chan struct{})
	b.onMove(true, false)
	return b.pressed
}

// drop ends the wait, and says whether a press had ended it already.
func (b *button) drop() (took bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.pressed == nil {
		return true
	}
	b.pressed = nil
	b.onMove(false, false)
	return false
}

// press presses the button for the one that waits: either it takes the press
// or the error is [ErrNotWaiting].
func (b *button) press() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.pressed == nil {
		return ErrNotWaiting
	}
	close(b.pressed)
	b.pressed = nil
	b.onMove(false, true)
	return nil
}

func wait(ctx context.Context, pressed <-chan struct{}, limit time.Duration) error {
	patience := time.NewTimer(limit)
	defer patience.Stop()
	select {
	case <-pressed:
		return nil
	case <-ctx.Done():
		return firmware.ErrRemoved
	case <-patience.C:
		return firmware.ErrNoTouch
	}
}
