// Package fault is what goes wrong with an emulated token: the [Plan] of its
// commands that do, what each kind of fault makes of an answer, and the [Line]
// that is bad all the time. Taking the token out, and its power away, is up to
// the device.
package fault

import (
	"fmt"
	"io"
	"time"

	"github.com/fob-auth/fob/emulator/api"
)

// Bounds of a plan: faults that wait at once, commands that go well before
// one, bytes that one makes up, and how late one answers.
const (
	maxPending = 1000
	maxAfter   = 1_000_000
	maxBytes   = api.MaxFrame
	maxDelay   = 10 * time.Minute
)

// Check says what is wrong with a fault for a token of the given kind.
func Check(kind api.Kind, f api.Fault) error {
	switch f.Kind {
	case api.FaultDrop, api.FaultTruncate, api.FaultDelay, api.FaultGarbage, api.FaultRemove:
	case api.FaultStatus:
		if kind != api.YubiKey {
			return fmt.Errorf("fault %q: only a card answers with a status word", f.Kind)
		}
	case api.FaultHang, api.FaultMove, api.FaultBrownOut, api.FaultLine:
		if kind != api.Fob {
			return fmt.Errorf("fault %q: only a fob has a line and a battery", f.Kind)
		}
	default:
		return fmt.Errorf("unknown fault %q (drop, truncate, status, delay, garbage, remove, hang, move, brownout, line)", f.Kind)
	}
	if f.Line != nil {
		if f.Kind != api.FaultLine {
			return fmt.Errorf("fault %q: it has no line", f.Kind)
		}
		if err := CheckLine(*f.Line); err != nil {
			return fmt.Errorf("fault %q: %w", f.Kind, err)
		}
	}
	if f.After < 0 || f.After > maxAfter {
		return fmt.Errorf("fault %q: after %d is out of 0 to %d", f.Kind, f.After, maxAfter)
	}
	if f.Bytes < 0 || f.Bytes > maxBytes {
		return fmt.Errorf("fault %q: bytes %d is out of 0 to %d", f.Kind, f.Bytes, maxBytes)
	}
	if f.DelayMS < 0 || f.DelayMS > maxDelay.Milliseconds() {
		return fmt.Errorf("fault %q: delay of %d ms is out of 0 to %v", f.Kind, f.DelayMS, maxDelay)
	}
	return nil
}

// A Plan is the faults still to come, in the order they were asked for. The
// zero value is a plan of none. A plan is not for several goroutines.
type Plan struct {
	pending []api.Fault
}

// Add puts a checked fault into the plan; its After counts from now.
func (p *Plan) Add(f api.Fault) error {
	if len(p.pending) >= maxPending {
		return fmt.Errorf("%d faults wait already", maxPending)
	}
	p.pending = append(p.pending, f)
	return nil
}

// Next counts one command and returns the fault that it meets, if any. Of two
// faults that are due at once the second meets the following command.
func (p *Plan) Next() (f api.Fault, ok bool) {
	rest := p.pending[:0]
	for _, q := range p.pending {
		switch {
		case q.After > 0:
			q.After--
		case !ok:
			f, ok = q, true
			continue
		}
		rest = append(rest, q)
	}
	p.pending = rest
	return f, ok
}

// Pending is the faults still to come; each After counts from now.
func (p *Plan) Pending() []api.Fault { return append([]api.Fault(nil), p.pending...) }

// Spoil is what becomes of an answer by fault f: nil for no answer at all.
// Made-up bytes are read from random.
func Spoil(f api.Fault, answer []byte, random io.Reader) ([]byte, error) {
	switch f.Kind {
	case api.FaultDrop, api.FaultRemove, api.FaultMove, api.FaultBrownOut:
		return nil, nil
	case api.FaultTruncate, api.FaultHang:
		return answer[:min(f.Bytes, len(answer))], nil
	case api.FaultStatus:
		return []byte{byte(f.SW >> 8), byte(f.SW)}, nil
	case api.FaultGarbage:
		b := make([]byte, f.Bytes)
		if _, err := io.ReadFull(random, b); err != nil {
			return nil, fmt.Errorf("making up an answer: %w", err)
		}
		return b, nil
	}
	return answer, nil
}
