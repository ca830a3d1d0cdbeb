package day

import (
	"context"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"

	"github.com/fob-auth/fob/devices"
	"github.com/fob-auth/fob/emulator/clock"
)

// A token computes codes with pquerna/otp. With a clock of its own it is a fob
// and shows the present code; without, it computes for the time it is told and
// wants a touch.
type token struct {
	serial, credential, seed string
	clock                    *clock.Clock
	dice                     *dice

	mu   sync.Mutex
	gave map[uint64]string // digits by counter
}

func (k *token) Info() devices.Info {
	return devices.Info{Serial: k.serial, Model: "a day's token", OwnClock: k.clock != nil}
}

func (k *token) Close() error { return nil }

func (k *token) Credentials(context.Context) ([]devices.Credential, error) {
	return []devices.Credential{{ID: k.credential, Type: devices.TOTP, Algorithm: devices.SHA1, Digits: 6, Period: 30 * time.Second,
		Touch: k.clock == nil}}, nil
}

// Time is a fob's own.
func (k *token) Time(context.Context) (time.Time, error) {
	return k.clock.Now().Truncate(time.Millisecond), nil
}

func (k *token) Code(ctx context.Context, _ string, at time.Time) (devices.Code, error) {
	if k.clock != nil {
		at = k.clock.Now()
	} else if err := k.touch(ctx); err != nil {
		return devices.Code{}, err
	}
	counter := uint64(at.Unix()) / 30
	digits, err := hotp.GenerateCodeCustom(k.seed, counter, hotp.ValidateOpts{Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.gave == nil {
		k.gave = map[uint64]string{}
	}
	k.gave[counter] = digits
	return devices.Code{Digits: devices.Digits(digits), Counter: counter, Period: 30 * time.Second}, err
}

// meantAnother says whether the digits that AWS found at counters, as its log has
// them, were given for another one as well: a code from outside of the window has
// the digits of one within it once in some hundred thousand times.
func (k *token) meantAnother(counters string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	found, digits := map[uint64]bool{}, map[string]bool{}
	for field := range strings.FieldsSeq(strings.Trim(counters, "[]")) {
		counter, err := strconv.ParseUint(field, 10, 64)
		if err != nil {
			return false
		}
		found[counter], digits[k.gave[counter]] = true, true
	}
	for counter, d := range k.gave {
		if digits[d] && !found[counter] {
			return true
		}
	}
	return false
}

// touch waits for a person, who now and then doesn't come.
func (k *token) touch(ctx context.Context) error {
	wait, never := k.dice.duration(0, 4*time.Second), k.dice.once(12)
	if never {
		wait = 15 * time.Second
	}
	select {
	case <-time.After(wait):
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if never {
		return devices.ErrNoTouch
	}
	return nil
}

// A hostToken is what a token without a clock is to the agent: it has no Time.
type hostToken struct{ t *token }

func (h hostToken) Info() devices.Info { return h.t.Info() }
func (h hostToken) Close() error       { return nil }
func (h hostToken) Credentials(ctx context.Context) ([]devices.Credential, error) {
	return h.t.Credentials(ctx)
}
func (h hostToken) Code(ctx context.Context, id string, at time.Time) (devices.Code, error) {
	return h.t.Code(ctx, id, at)
}

// A port holds tokens that are plugged in and out.
type port struct {
	mu      sync.Mutex
	tokens  map[string]*token
	there   map[string]bool
	times   map[string]uint64
	changed chan struct{}
}

func newPort(tokens ...*token) *port {
	p := &port{tokens: map[string]*token{}, there: map[string]bool{}, times: map[string]uint64{}, changed: make(chan struct{}, 1)}
	for _, t := range tokens {
		p.tokens[t.serial] = t
		p.plug(t.serial, true)
	}
	return p
}

// plug puts a token in or takes it out.
func (p *port) plug(serial string, in bool) {
	p.mu.Lock()
	p.there[serial] = in
	p.times[serial]++
	p.mu.Unlock()
	select {
	case p.changed <- struct{}{}:
	default:
	}
}

func (p *port) slots() []devices.Slot {
	p.mu.Lock()
	defer p.mu.Unlock()
	var list []devices.Slot
	for serial, in := range p.there {
		if in {
			list = append(list, devices.Slot{Path: serial, Generation: p.times[serial]})
		}
	}
	return list
}

func (p *port) Watch(ctx context.Context, out chan<- []devices.Slot) error {
	for {
		select {
		case out <- p.slots():
		case <-ctx.Done():
			return ctx.Err()
		}
		select {
		case <-p.changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (p *port) Open(_ context.Context, s devices.Slot) (devices.Token, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.tokens[s.Path]
	if !p.there[s.Path] {
		return nil, devices.ErrRemoved
	}
	if t.clock == nil {
		return hostToken{t}, nil
	}
	return t, nil
}

// dice decide by a seed. Each who throws has dice of its own, so that a seed
// throws the same again whatever runs first.
type dice struct {
	mu sync.Mutex
	r  *rand.Rand
}

func newDice(seed, who uint64) *dice { return &dice{r: rand.New(rand.NewPCG(seed, who))} }

// once is true one time in n.
func (d *dice) once(n int) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.r.IntN(n) == 0
}

func (d *dice) duration(from, to time.Duration) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	return from + time.Duration(d.r.Int64N(int64(to-from)))
}

func (d *dice) pick(n int) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.r.IntN(n)
}
