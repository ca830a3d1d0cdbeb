package broker

import (
	"context"
	"errors"
	"time"

	"github.com/fob-auth/fob/agent/store"
	"github.com/fob-auth/fob/sts"
)

// A DeviceState is what the ledger knows of an MFA device.
type DeviceState struct {
	// Known says that AWS's adjustment for the device lies between Low and
	// High, in steps; they are equal where it is exact.
	Known     bool
	Low, High int
	// LastPair is the second counter of the last accepted pair; 0 where none
	// is known.
	LastPair uint64
	// Floor is the highest counter that counts as used since a ledger was
	// lost.
	Floor uint64
	// Attempts is how many verifications of the present window are taken, up
	// to Budget; the window ends at WindowEnd. WindowLost says that they count
	// as taken since a ledger was lost in it.
	Attempts   int
	WindowLost bool
	WindowEnd  time.Time
}

// floorOf returns the highest counter of a device that counts as used though
// it isn't written.
func floorOf(c store.Closure, d store.Device) uint64 {
	if d.Fresh {
		return d.Floor
	}
	return max(d.Floor, c.Floor(Step))
}

// Exact returns the adjustment where it is known exactly.
func (s DeviceState) Exact() (int, bool) { return s.Low, s.Known && s.Low == s.High }

// State returns what is known of a device at a moment of AWS's time.
func (l *Ledger) State(ctx context.Context, d sts.Device, awsNow time.Time) (DeviceState, error) {
	var s DeviceState
	err := l.store.View(ctx, func(tx *store.Tx) error {
		rec, err := tx.Device(d)
		if err != nil {
			return err
		}
		window := windowOf(awsNow)
		n, err := tx.Attempts(d, window)
		lost := lostWindow(tx.Closure(), window)
		if lost {
			n = Budget
		}
		s = DeviceState{Known: rec.Known, Low: rec.Low, High: rec.High, LastPair: rec.LastPair, Floor: floorOf(tx.Closure(), rec),
			Attempts: n, WindowLost: lost, WindowEnd: endOfWindow(window)}
		return err
	})
	return s, err
}

// Held returns the loss of a ledger for which codes are still held back at a
// moment of AWS's time, and when the last of them is free: of a bound token whose
// own clock is behind, that is later than of others. The zero Closure says that
// none is held back.
func (l *Ledger) Held(ctx context.Context, awsNow time.Time) (c store.Closure, until time.Time, err error) {
	err = l.store.View(ctx, func(tx *store.Tx) error {
		if !tx.Closure().Closed() {
			return nil
		}
		until, err = heldUntil(tx)
		if until.After(awsNow) {
			c = tx.Closure()
		}
		return err
	})
	return c, until, err
}

func heldUntil(tx *store.Tx) (time.Time, error) {
	c := tx.Closure()
	until := c.Until
	if end := endOfWindow(windowOf(c.At)); end.After(until) {
		until = end
	}
	bound, err := tx.Bindings()
	if err != nil {
		return until, err
	}
	for _, b := range bound {
		d, err := tx.Device(b.Device)
		if err != nil {
			return until, err
		}
		read, err := tx.Drifts(b.Device, b.Token, 1)
		if err != nil {
			return until, err
		}
		if len(read) == 0 {
			continue // it has no clock of its own
		}
		if free := startOf(floorOf(c, d)+1, Step).Add(-read[0].Offset); free.After(until) {
			until = free
		}
	}
	return until, nil
}

// Spent returns the counters from low to high that were taken for a device, or
// for a credential.
func (l *Ledger) Spent(ctx context.Context, d sts.Device, token, credential string, low, high uint64) ([]uint64, error) {
	var list []uint64
	err := l.store.View(ctx, func(tx *store.Tx) error {
		taken, err := tx.Taken(d, token, credential, low, high)
		for _, c := range taken {
			list = append(list, c.Counter)
		}
		return err
	})
	return list, err
}

// maxAdjustment bounds what is believed of an adjustment: a hundred resyncs in
// one direction.
const maxAdjustment = 100_000

var errAdjustment = errors.New("learn an adjustment: out of range")

// Learn narrows what is known of a device's adjustment: it lies between low
// and high, in steps. Where that can't be together with what was known, the
// device was resynced elsewhere, and the new knowledge replaces the old.
func (l *Ledger) Learn(ctx context.Context, d sts.Device, low, high int) error {
	if low > high || low < -maxAdjustment || high > maxAdjustment {
		return errAdjustment
	}
	return l.change(ctx, d, func(rec *store.Device) bool {
		was := *rec
		if rec.Known && max(low, rec.Low) <= min(high, rec.High) {
			low, high = max(low, rec.Low), min(high, rec.High)
		}
		rec.Known, rec.Low, rec.High = true, low, high
		return *rec != was
	})
}

// PairAccepted says that AWS took a pair: second is its second counter, and
// from now on AWS adds between low and high steps for the device. The two
// differ where AWS's answer came too near to a step's end to tell.
func (l *Ledger) PairAccepted(ctx context.Context, d sts.Device, second uint64, low, high int) error {
	if low > high || low < -maxAdjustment || high > maxAdjustment || second > maxCounter {
		return errAdjustment
	}
	return l.change(ctx, d, func(rec *store.Device) bool {
		rec.Known, rec.Low, rec.High, rec.LastPair = true, low, high, max(rec.LastPair, second)
		return true
	})
}

// change rewrites a device's record where f changed it.
func (l *Ledger) change(ctx context.Context, d sts.Device, f func(*store.Device) bool) error {
	return l.store.Update(context.WithoutCancel(ctx), func(tx *store.Tx) error {
		rec, err := tx.Device(d)
		if err != nil || !f(&rec) {
			return err
		}
		return tx.PutDevice(rec)
	})
}

// Forget forgets the used counters and the clock of a device whose credential
// has just got a new seed. Its verifications stay counted: AWS counts them by
// the device's name.
func (l *Ledger) Forget(ctx context.Context, d sts.Device, token, credential string) error {
	return l.store.Update(context.WithoutCancel(ctx), func(tx *store.Tx) error { return tx.ForgetSeed(d, token, credential) })
}

// Drift is one reading of a token's clock.
type Drift = store.Drift

// RecordDrift keeps a reading of a bound token's clock.
func (l *Ledger) RecordDrift(ctx context.Context, d Drift) error {
	return l.store.Update(ctx, func(tx *store.Tx) error { return tx.AddDrift(d) })
}

// Drifts returns the newest readings of a token's clock, newest first.
func (l *Ledger) Drifts(ctx context.Context, d sts.Device, token string, limit int) ([]Drift, error) {
	var list []Drift
	err := l.store.View(ctx, func(tx *store.Tx) (err error) {
		list, err = tx.Drifts(d, token, limit)
		return err
	})
	return list, err
}
