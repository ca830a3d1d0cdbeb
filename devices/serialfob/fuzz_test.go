package serialfob

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fob-auth/fob/devices"
	"github.com/fob-auth/fob/firmware/fob/line"
)

// TestFaultyLine exchanges over a line that drops, doubles and changes bytes,
// splits and glues: a code is right or there is a typed error, in bounded time.
func TestFaultyLine(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	fault := func(b []byte) []byte {
		out := make([]byte, 0, len(b)+8)
		for _, c := range b {
			switch random.IntN(1000) {
			case 0: // dropped
			case 1:
				out = append(out, c, c)
			case 2:
				out = append(out, c^byte(1<<random.IntN(8)))
			case 3:
				out = append(out, c, byte(random.IntN(256)))
			default:
				out = append(out, c)
			}
		}
		return out
	}
	var step atomic.Uint64
	step.Store(59000000)
	answer := func(_ int, f line.Frame) []byte {
		if f.Verb != line.VerbCode {
			return fault(fine(f))
		}
		now := step.Load()
		return fault(encode(line.Code{Digits: fmt.Sprintf("%06d", now%1e6), Step: now, Period: 30 * time.Second}.Frame(f.Seq)))
	}
	const rounds = 5000
	good := 0
	on(t, answer, func(t *testing.T, f *fob, _ *desk, _ *fake) {
		for range rounds {
			now := step.Add(1)
			began := time.Now()
			code, err := f.Code(t.Context(), "GAHT1", time.Time{})
			if took := time.Since(began); took > tries*answerWithin {
				t.Fatalf("an exchange took %v", took)
			}
			switch {
			case err == nil && (code.Counter != now || code.Digits.Reveal() != fmt.Sprintf("%06d", now%1e6)):
				t.Fatalf("a wrong code: %s of step %d, want step %d", code.Digits.Reveal(), code.Counter, now)
			case err == nil:
				good++
			case !errors.Is(err, devices.ErrAnswer) && !errors.Is(err, devices.ErrSilent):
				t.Fatalf("an error of no kind: %v", err)
			}
		}
	})
	if good < rounds*9/10 || good == rounds {
		t.Errorf("%d of %d exchanges went well: the line wasn't as faulty as meant", good, rounds)
	}
}

// FuzzLines lets the port give anything: nothing panics or hangs, and a code
// is only ever taken from a whole line with its checksum and number.
func FuzzLines(f *testing.F) {
	request := line.NewRequest(1, line.VerbCode)
	f.Add(fine(request))
	f.Add(append([]byte("noise\r\n"), fine(request)...))
	f.Add(append(damage(fine(request)), fine(line.NewRequest(2, line.VerbCode))...))
	f.Add(append(encode(line.Wait{For: time.Second}.Frame(1)), fine(request)...))
	f.Add(refuse(request, line.FailTimeout))
	f.Add([]byte("f2=1 code\r\nf1!0 line e=crc*0000\r\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		synctest.Test(t, func(t *testing.T) {
			p := newFake(func([]byte) []byte { return nil })
			first := true
			p.handle = func([]byte) []byte {
				if first {
					first = false
					return data
				}
				return nil
			}
			token := newFob(newWire(p), devices.Slot{}, 0)
			token.info.Serial = "GAHT1"
			code, err := token.Code(t.Context(), "GAHT1", time.Time{})
			token.Close()
			if err == nil && !contains(data, code) {
				t.Fatalf("code %s of step %d is not in %q", code.Digits.Reveal(), code.Counter, data)
			}
		})
	})
}

// contains looks for a code's line in what a port gave.
func contains(data []byte, code devices.Code) bool {
	for _, raw := range bytes.FieldsFunc(data, func(r rune) bool { return r == '\r' || r == '\n' }) {
		frame, err := line.Parse(raw)
		if err != nil || !frame.Checked || frame.Seq < 1 || frame.Seq > 2*tries {
			continue
		}
		if c, err := line.ParseCode(frame); err == nil && c.Digits == code.Digits.Reveal() && c.Step == code.Counter {
			return true
		}
	}
	return false
}
