package cmd_test

import (
	"context"
	"encoding/base32"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"

	"github.com/fob-auth/fob/devices"
	"github.com/fob-auth/fob/devices/serialfob"
	"github.com/fob-auth/fob/emulator"
	"github.com/fob-auth/fob/emulator/api"
)

const wiredSerial = "GAHT12345678"

// wired runs a test in a bubble with a fob of a bench and the driver on the two
// ends of a line in memory.
func wired(t *testing.T, line api.Line, test func(t *testing.T, b *emulator.Bench, d *serialfob.Driver)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWiring()
		b := startFob(t, fobSpec("/fob1", string(emulator.ButtonAuto), line), w.Line)
		baud := line.Baud
		if baud == 0 {
			baud = 115200
		}
		d, err := serialfob.NewOn(w, serialfob.Config{Port: "/fob*", Serial: wiredSerial, Baud: baud})
		if err != nil {
			t.Fatal(err)
		}
		test(t, b, d)
	})
}

// rightCode says whether the oracle has these digits for that counter.
func rightCode(t *testing.T, c devices.Code) bool {
	t.Helper()
	want, err := hotp.GenerateCodeCustom(base32.StdEncoding.EncodeToString([]byte(rfcSecret)), c.Counter,
		hotp.ValidateOpts{Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
	if err != nil {
		t.Fatal(err)
	}
	return c.Digits.Reveal() == want
}

// typed says whether an error is one that callers can tell apart.
func typed(err error) bool {
	var tried *devices.Error
	if !errors.As(err, &tried) {
		return false
	}
	for _, kind := range []error{devices.ErrAnswer, devices.ErrSilent, devices.ErrRemoved, devices.ErrBusy, devices.ErrUnsupported} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}

// An exchanger asks a fob for codes and judges what comes.
type exchanger struct {
	t     *testing.T
	token *emulator.Token
	// within bounds each exchange, in the bubble's time.
	within     time.Duration
	good, lost int
	longest    time.Duration
}

// ask makes one exchange, and returns its error.
func (x *exchanger) ask(coder devices.Coder) error {
	x.t.Helper()
	began := time.Now()
	before := x.token.State().Clock.Now
	code, err := coder.Code(x.t.Context(), wiredSerial, time.Time{})
	took := time.Since(began)
	x.longest = max(x.longest, took)
	if took > x.within {
		x.t.Fatalf("an exchange took %v, and %v are the most", took, x.within)
	}
	if err != nil {
		if !typed(err) {
			x.t.Fatalf("an error of no kind: %v", err)
		}
		x.lost++
		return err
	}
	first, last := uint64(before.Unix())/30, uint64(x.token.State().Clock.Now.Unix())/30
	if !rightCode(x.t, code) || code.Counter < first || code.Counter > last {
		x.t.Fatalf("a wrong code: %s of step %d, the fob's clock was at %d to %d", code.Digits.Reveal(), code.Counter, first, last)
	}
	x.good++
	return nil
}

// TestFaultyLines exchanges 100,000 times over lines that are bad in every way:
// no wrong code, nothing beyond its deadline, every failure of a kind.
func TestFaultyLines(t *testing.T) {
	const each = 10_000
	usual := 3*time.Second + time.Second/2 // three tries of a second each
	for name, c := range map[string]struct {
		line   api.Line
		within time.Duration
		least  int // of each exchanges, that come to a code
		all    bool
	}{
		"flip":     {api.Line{Seed: 1, Flip: 0.002}, usual, 9000, false},
		"drop":     {api.Line{Seed: 2, Drop: 0.002}, usual, 9000, false},
		"double":   {api.Line{Seed: 3, Double: 0.002}, usual, 9000, false},
		"stray":    {api.Line{Seed: 4, Stray: 0.002}, usual, 9000, false},
		"split":    {api.Line{Seed: 5, Split: 0.3}, usual, each, true},
		"merge":    {api.Line{Seed: 6, MergeMS: 50}, usual, each, true},
		"slow":     {api.Line{Seed: 7, Baud: 1200}, 10 * time.Second, each, true},
		"noise":    {api.Line{Seed: 8, Flip: 0.01, Drop: 0.01, Double: 0.01, Stray: 0.01}, usual, 100, false},
		"all":      {api.Line{Seed: 9, Flip: 0.001, Drop: 0.001, Double: 0.001, Stray: 0.001, Split: 0.1, MergeMS: 5, Baud: 9600}, 5 * time.Second, 7000, false},
		"complete": {api.Line{Seed: 10, Flip: 0.05, Split: 0.1}, usual, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wired(t, c.line, func(t *testing.T, b *emulator.Bench, d *serialfob.Driver) {
				fob, err := b.Token("fob1")
				if err != nil {
					t.Fatal(err)
				}
				x := &exchanger{t: t, token: fob, within: c.within}
				var token devices.Token
				for x.good+x.lost < each {
					if token == nil {
						if token, err = d.Open(t.Context(), devices.Slot{Path: "/fob1"}); err != nil {
							if !typed(err) {
								t.Fatalf("open: an error of no kind: %v", err)
							}
							x.lost++ // it asks for the identity: an exchange too
							token = nil
							continue
						}
					}
					if errors.Is(x.ask(token.(devices.Coder)), devices.ErrRemoved) {
						t.Fatal("the fob was never gone")
					}
				}
				if token != nil {
					token.Close()
				}
				if x.good < c.least || x.lost == 0 != c.all {
					t.Errorf("%d of %d exchanges came to a code: the line wasn't as bad as meant", x.good, each)
				}
				t.Logf("%d codes, %d typed failures, the longest exchange %v", x.good, x.lost, x.longest)
			})
		})
	}
}

// TestThousandUnplugs takes the fob out a thousand times, before, while and
// after it is asked, by hand and by faults, and wants a code of it each time it
// is back.
func TestThousandUnplugs(t *testing.T) {
	faults := []api.Fault{
		{Kind: api.FaultRemove}, {Kind: api.FaultMove, DelayMS: 700}, {Kind: api.FaultHang, Bytes: 7},
		{Kind: api.FaultBrownOut, DelayMS: 400}, {Kind: api.FaultDelay, DelayMS: 600},
	}
	wired(t, api.Line{Seed: 1, Split: 0.1}, func(t *testing.T, b *emulator.Bench, d *serialfob.Driver) {
		fob, err := b.Token("fob1")
		if err != nil {
			t.Fatal(err)
		}
		sets, ended := make(chan []devices.Slot), make(chan error, 1)
		ctx, cancel := context.WithCancel(t.Context())
		go func() { ended <- d.Watch(ctx, sets) }()
		x := &exchanger{t: t, token: fob, within: 4 * time.Second}
		paths := map[string]bool{}
		for i := range 1000 {
			token := openNext(t, d, sets)
			paths[token.Info().Slot.Path] = true
			if err := x.ask(token.(devices.Coder)); err != nil {
				t.Fatalf("stay %d: %v", i, err)
			}
			out := time.AfterFunc(time.Duration(i%7)*90*time.Millisecond, func() {
				if err := fob.Unplug(); err != nil {
					t.Errorf("unplug: %v", err)
				}
			})
			if err := fob.AddFault(faults[i%len(faults)]); err != nil {
				t.Fatal(err)
			}
			for x.ask(token.(devices.Coder)) == nil {
				time.Sleep(10 * time.Millisecond)
			}
			out.Stop()
			if err := token.Close(); err != nil {
				t.Fatalf("stay %d: close: %v", i, err)
			}
			if err := fob.Unplug(); err != nil {
				t.Fatal(err)
			}
			for len(fob.State().Faults) > 0 { // the unplugging came before it
				if err := fob.Reset(); err != nil {
					t.Fatal(err)
				}
			}
			if i%3 > 0 {
				awaitSet(sets, 0)
			}
			if err := fob.Plug(); err != nil {
				t.Fatal(err)
			}
		}
		cancel()
		for {
			select {
			case <-sets:
				continue
			case <-ended:
			}
			break
		}
		if len(paths) < 2 {
			t.Errorf("the fob was at %v: it never moved", paths)
		}
		t.Logf("%d codes, %d typed failures, %d names of the port, the longest exchange %v", x.good, x.lost, len(paths), x.longest)
	})
}

// openNext opens the fob once the watch tells of it. A set may be older than the
// last unplugging: what it tells of can't be opened then.
func openNext(t *testing.T, d *serialfob.Driver, sets <-chan []devices.Slot) devices.Token {
	t.Helper()
	for {
		slot := awaitSet(sets, 1)
		token, err := d.Open(t.Context(), slot)
		if err == nil {
			return token
		}
		if !errors.Is(err, devices.ErrRemoved) {
			t.Fatalf("open %s: %v", slot.Path, err)
		}
	}
}

// awaitSet waits for a set of so many slots, and returns the first of it.
func awaitSet(sets <-chan []devices.Slot, want int) devices.Slot {
	for set := range sets {
		if len(set) == want {
			if want == 0 {
				return devices.Slot{}
			}
			return set[0]
		}
	}
	return devices.Slot{}
}
