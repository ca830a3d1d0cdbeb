package serialfob

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fob-auth/fob/devices"
	"github.com/fob-auth/fob/firmware/fob/line"
)

// TestLines: what becomes of a request for a code, by what the fob sends as
// the answer to the first and to every further request.
func TestLines(t *testing.T) {
	stale := func(f line.Frame) line.Frame { f.Seq--; return f }
	noise := bytes.Repeat([]byte("noise*/+"), 4096)
	tests := map[string]struct {
		first, further func(line.Frame) []byte
		requests       int
		err            error
	}{
		"fine":                      {fine, nil, 1, nil},
		"event first":               {func(f line.Frame) []byte { return append(encode(line.PressFrame(f.Seq, 1)), fine(f)...) }, nil, 1, nil},
		"stale answer first":        {func(f line.Frame) []byte { return append(fine(stale(f)), fine(f)...) }, nil, 1, nil},
		"echo first":                {func(f line.Frame) []byte { return append(encode(f), fine(f)...) }, nil, 1, nil},
		"noise lines first":         {func(f line.Frame) []byte { return append([]byte("\x00\xff\r\nrubbish\n\n\r"), fine(f)...) }, nil, 1, nil},
		"long noise line first":     {func(f line.Frame) []byte { return append(append(bytes.Clone(noise), '\n'), fine(f)...) }, nil, 1, nil},
		"answer of another verb":    {func(f line.Frame) []byte { f.Verb = line.VerbStatus; return fine(f) }, fine, 2, nil},
		"no checksum":               {func(f line.Frame) []byte { b := fine(f); return append(b[:len(b)-7], "\r\n"...) }, fine, 2, nil},
		"damaged":                   {func(f line.Frame) []byte { return damage(fine(f)) }, fine, 2, nil},
		"damaged, and the CRC fits": {func(f line.Frame) []byte { return crcFits(f, "step=5", "step=") }, fine, 2, nil},
		"and so thrice":             {func(f line.Frame) []byte { return crcFits(f, "123456", "123457") }, nil, 3, devices.ErrAnswer},
		"damaged thrice":            {func(f line.Frame) []byte { return damage(fine(f)) }, nil, 3, devices.ErrAnswer},
		"glued to noise":            {func(f line.Frame) []byte { return append([]byte("noise"), fine(f)...) }, fine, 2, nil},
		"request unreadable":        {func(f line.Frame) []byte { f.Seq, f.Verb = 0, line.VerbLine; return refuse(f, line.FailCRC) }, fine, 2, nil},
		"cut short":                 {func(f line.Frame) []byte { b := fine(f); return b[:len(b)/2] }, func(f line.Frame) []byte { return append([]byte("\r\n"), fine(f)...) }, 3, nil},
		"lost":                      {func(line.Frame) []byte { return nil }, fine, 2, nil},
		"silent":                    {func(line.Frame) []byte { return nil }, nil, 3, devices.ErrSilent},
		"noise alone":               {func(line.Frame) []byte { return noise }, nil, 3, devices.ErrSilent},
		"unknown verb":              {func(f line.Frame) []byte { f.Verb = line.VerbLine; return refuse(f, line.FailUnknown) }, nil, 3, devices.ErrUnsupported},
		"request mistaken":          {func(f line.Frame) []byte { f.Verb = line.VerbLine; return refuse(f, line.FailUnknown) }, fine, 2, nil},
		"wiped":                     {func(f line.Frame) []byte { return refuse(f, line.FailUnprovisioned) }, nil, 1, devices.ErrRemoved},
		"clock lost":                {func(f line.Frame) []byte { return refuse(f, line.FailClock) }, nil, 1, devices.ErrClockLost},
		"not touched":               {func(f line.Frame) []byte { return refuse(f, line.FailTimeout) }, nil, 1, devices.ErrNoTouch},
		"superseded":                {func(f line.Frame) []byte { return refuse(f, line.FailSuperseded) }, nil, 1, devices.ErrBusy},
		"failure of tomorrow":       {func(f line.Frame) []byte { return refuse(f, "tomorrow") }, nil, 1, devices.ErrAnswer},
		"other version":             {func(f line.Frame) []byte { return fmt.Appendf(nil, "f2=%d code\r\n", f.Seq) }, nil, 1, devices.ErrUnsupported},
		"a code of five digits": {func(f line.Frame) []byte {
			return encode(line.Frame{Kind: line.Answer, Seq: f.Seq, Verb: f.Verb, Fields: []line.Field{
				{Key: "digits", Value: "12345"}, {Key: "step", Value: "1"}, {Key: "ms", Value: "0"}, {Key: "period", Value: "30"}}})
		}, nil, 1, devices.ErrAnswer},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if test.further == nil {
				test.further = test.first
			}
			codes := 0
			on(t, func(n int, f line.Frame) []byte {
				if f.Verb == line.VerbCancel {
					return nil
				}
				if codes++; codes == 1 {
					return test.first(f)
				}
				return test.further(f)
			}, func(t *testing.T, f *fob, _ *desk, _ *fake) {
				began := time.Now()
				code, err := f.Code(t.Context(), "GAHT1", time.Time{})
				if !errors.Is(err, test.err) || (err == nil) != (code.Digits.Reveal() == "123456") {
					t.Errorf("code %q of step %d, %v; want %v", code.Digits.Reveal(), code.Counter, err, test.err)
				}
				synctest.Wait()
				if codes != test.requests {
					t.Errorf("asked %d times, want %d", codes, test.requests)
				}
				if took := time.Since(began); took > tries*answerWithin {
					t.Errorf("it took %v", took)
				}
			})
		})
	}
}

// TestButton: a fob that waits for its button is given the time it asks for,
// asked once, and told when nobody waits any more.
func TestButton(t *testing.T) {
	waits := func(_ int, f line.Frame) []byte {
		if f.Verb != line.VerbCode {
			return fine(f)
		}
		return encode(line.Wait{For: 15 * time.Second}.Frame(f.Seq))
	}
	press := func(d *desk, p *fake) { p.in <- fine(d.requests[0]) }
	verbs := func(d *desk) (all []string) {
		for _, f := range d.requests {
			all = append(all, f.Verb)
		}
		return all
	}

	t.Run("pressed late", func(t *testing.T) {
		on(t, waits, func(t *testing.T, f *fob, d *desk, p *fake) {
			time.AfterFunc(14*time.Second, func() { press(d, p) })
			code, err := f.Code(t.Context(), "GAHT1", time.Time{})
			if err != nil || code.Counter != 59000000 || len(d.requests) != 1 {
				t.Errorf("code of step %d, %v, asked %v", code.Counter, err, verbs(d))
			}
		})
	})
	t.Run("damaged in between", func(t *testing.T) {
		on(t, waits, func(t *testing.T, f *fob, d *desk, p *fake) {
			time.AfterFunc(13*time.Second, func() { p.in <- damage(encode(line.PressFrame(1, 1))) })
			time.AfterFunc(14*time.Second, func() { press(d, p) })
			if _, err := f.Code(t.Context(), "GAHT1", time.Time{}); err != nil || len(d.requests) != 1 {
				t.Errorf("code: %v, asked %v", err, verbs(d))
			}
		})
	})
	t.Run("answer damaged", func(t *testing.T) {
		on(t, waits, func(t *testing.T, f *fob, d *desk, p *fake) {
			time.AfterFunc(14*time.Second, func() { p.in <- damage(fine(d.requests[0])) })
			if _, err := f.Code(t.Context(), "GAHT1", time.Time{}); !errors.Is(err, devices.ErrAnswer) {
				t.Errorf("code: %v", err)
			}
		})
	})
	t.Run("a fob whose clock stands still", func(t *testing.T) {
		on(t, waits, func(t *testing.T, f *fob, d *desk, p *fake) {
			began := time.Now()
			_, err := f.Code(t.Context(), "GAHT1", time.Time{})
			if took := time.Since(began); !errors.Is(err, devices.ErrNoTouch) || took != 15*time.Second+grace {
				t.Errorf("code: %v after %v", err, took)
			}
			synctest.Wait()
			if got := fmt.Sprint(verbs(d)); got != "[code cancel]" {
				t.Errorf("asked %v", got)
			}
			press(d, p) // too late: it must be nobody's answer
			d.answer = func(_ int, f line.Frame) []byte { return fine(f) }
			if _, err := f.Credentials(t.Context()); err != nil {
				t.Errorf("list: %v", err)
			}
		})
	})
	t.Run("closed", func(t *testing.T) {
		on(t, waits, func(t *testing.T, f *fob, d *desk, _ *fake) {
			time.AfterFunc(3*time.Second, func() { f.Close() })
			if _, err := f.Code(t.Context(), "GAHT1", time.Time{}); !errors.Is(err, devices.ErrRemoved) {
				t.Errorf("code: %v", err)
			}
			<-f.wire.done
			if got := fmt.Sprint(verbs(d)); got != "[code cancel]" {
				t.Errorf("asked %v", got)
			}
		})
	})
	t.Run("given up", func(t *testing.T) {
		on(t, waits, func(t *testing.T, f *fob, d *desk, p *fake) {
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			defer cancel()
			began := time.Now()
			_, err := f.Code(ctx, "GAHT1", time.Time{})
			if took := time.Since(began); !errors.Is(err, context.DeadlineExceeded) || took != 3*time.Second {
				t.Errorf("code: %v after %v", err, took)
			}
			synctest.Wait()
			if got := fmt.Sprint(verbs(d)); got != "[code cancel]" {
				t.Errorf("asked %v", got)
			}
		})
	})
}

// TestStuckPort: a port whose other end reads nothing keeps its writer, and
// nobody else.
func TestStuckPort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newFake(func([]byte) []byte { return nil })
		p.blocked = make(chan struct{})
		f := newFob(newWire(p), devices.Slot{}, 1)
		f.info.Serial = "GAHT1"
		for i, want := range []error{devices.ErrSilent, devices.ErrSilent, devices.ErrSilent} {
			began := time.Now()
			_, err := f.Code(t.Context(), "GAHT1", time.Time{})
			if took := time.Since(began); !errors.Is(err, want) || took > tries*answerWithin {
				t.Errorf("call %d: %v after %v", i, err, took)
			}
		}
		began := time.Now()
		if err := f.Close(); !errors.Is(err, devices.ErrSilent) || time.Since(began) != closeWithin {
			t.Errorf("close: %v after %v", err, time.Since(began))
		}
		select {
		case <-p.closed:
			t.Error("the port was closed under its writer")
		default:
		}
		if _, err := f.Time(t.Context()); !errors.Is(err, devices.ErrRemoved) {
			t.Errorf("after close: %v", err)
		}
		close(p.blocked)
		<-p.closed
		if err := f.Close(); err != nil {
			t.Errorf("close of what is closed: %v", err)
		}
	})
}

// TestHangUp: a line that is hung up is a token that is gone, before, during
// and after a call.
func TestHangUp(t *testing.T) {
	silent := func(int, line.Frame) []byte { return nil }
	hangUp := func(p *fake) { p.hangUp.Do(func() { close(p.hung) }) }
	t.Run("during", func(t *testing.T) {
		on(t, silent, func(t *testing.T, f *fob, _ *desk, p *fake) {
			time.AfterFunc(300*time.Millisecond, func() { hangUp(p) })
			began := time.Now()
			_, err := f.Time(t.Context())
			if took := time.Since(began); !errors.Is(err, devices.ErrRemoved) || took > 500*time.Millisecond {
				t.Errorf("time: %v after %v", err, took)
			}
			if _, err := f.Time(t.Context()); !errors.Is(err, devices.ErrRemoved) {
				t.Errorf("time again: %v", err)
			}
		})
	})
	t.Run("before", func(t *testing.T) {
		on(t, silent, func(t *testing.T, f *fob, d *desk, p *fake) {
			hangUp(p)
			if _, err := f.Code(t.Context(), "GAHT1", time.Time{}); !errors.Is(err, devices.ErrRemoved) {
				t.Errorf("code: %v", err)
			}
			if len(d.requests) != 0 {
				t.Errorf("it was asked %d times", len(d.requests))
			}
		})
	})
}
