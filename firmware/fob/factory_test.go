package fob

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/fob-auth/fob/firmware/fob/line"
	"github.com/fob-auth/fob/firmware/fob/pages"
	"github.com/fob-auth/fob/firmware/otp"
)

// equipped is a board with all the powers there are.
type equipped struct {
	board
	up    time.Duration
	lost  bool
	volts int
	kicks int
	stuck bool      // the clock can't be set
	last  time.Time // that the clock can show; zero for any
}

func (b *equipped) Uptime() time.Duration { return b.up }
func (b *equipped) ClockLost() bool       { return b.lost }
func (b *equipped) Millivolts() int       { return b.volts }
func (b *equipped) Kick()                 { b.kicks++ }

func (b *equipped) SetClock(t time.Time) error {
	if b.stuck {
		return errors.New("stuck")
	}
	if !b.last.IsZero() && t.After(b.last) {
		return ErrTime
	}
	b.now, b.lost = t, false
	return nil
}

func (b *equipped) pass(d time.Duration) {
	b.now = b.now.Add(d)
	b.up += d
}

var factoryTime = time.Unix(1790253732, 34_000_000)

// newEquipped is an unprovisioned fob that doesn't know the time, past its
// event about that.
func newEquipped(t testing.TB, o Options) (*Fob, *equipped) {
	t.Helper()
	b := &equipped{lost: true, volts: 3000}
	f, err := New(b, o)
	if err != nil {
		t.Fatal(err)
	}
	if got := only(t, f.Tick()); got.Kind != line.Event || got.Verb != line.VerbClock {
		t.Fatalf("at its start: %+v", got)
	}
	return f, b
}

func give(t testing.TB, f *Fob, req line.Frame) line.Frame {
	t.Helper()
	raw, err := req.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	return only(t, f.Input(raw))
}

// provisioning is what a factory sends.
func provisioning(serial string, seed []byte) []line.Frame {
	return []line.Frame{
		line.TimeRequest(1, factoryTime),
		line.SerialRequest(2, serial, ""),
		line.SeedRequest(3, seed),
		line.SealRequest(4),
	}
}

func provision(t testing.TB, f *Fob, serial string, seed []byte) {
	t.Helper()
	for _, req := range provisioning(serial, seed) {
		if err := line.ParseDone(give(t, f, req), req.Verb); err != nil {
			t.Fatalf("%s: %v", req.Verb, err)
		}
	}
}

func wantCode(t testing.TB, f *Fob, now time.Time, seed []byte) {
	t.Helper()
	got, err := line.ParseCode(ask(t, f, 99, line.VerbCode))
	want, _ := otp.HOTP(otp.SHA1, seed, otp.Step(now, Period), Digits)
	if err != nil || got.Digits != want || !got.Time().Equal(now.Truncate(time.Millisecond)) {
		t.Fatalf("%v, %v; want the code of %v", got, err, now)
	}
}

func TestUnprovisioned(t *testing.T) {
	f, b := newEquipped(t, Options{})
	if id, err := line.ParseIdentity(ask(t, f, 1, line.VerbIdentity)); err != nil || id.Serial != "" || id.Model != DefaultModel {
		t.Errorf("identity %+v, %v", id, err)
	}
	if h, err := line.ParseHello(ask(t, f, 2, line.VerbHello)); err != nil || h.Protocol != line.Version {
		t.Errorf("hello %+v, %v", h, err)
	}
	if s, err := line.ParseStatus(ask(t, f, 3, line.VerbStatus)); err != nil || !s.ClockLost || s.Battery != 3000 {
		t.Errorf("status %+v, %v", s, err)
	}
	if s, err := line.ParseSelfTest(ask(t, f, 4, line.VerbSelfTest)); err != nil || s != (line.SelfTest{Vectors: 6}) {
		t.Errorf("self-test %+v, %v", s, err)
	}
	wantFailure(t, ask(t, f, 5, line.VerbCode), 5, line.VerbCode, line.FailUnprovisioned)
	wantFailure(t, ask(t, f, 6, line.VerbClock), 6, line.VerbClock, line.FailClock)
	if f.Sealed() || b.stored != nil {
		t.Error("sealed by questions")
	}
}

func TestProvisioningOverTheLine(t *testing.T) {
	f, b := newEquipped(t, Options{})
	provision(t, f, "GAHT12345678", secretSeed())
	if !f.Sealed() {
		t.Fatal("not sealed")
	}
	b.pass(45 * time.Second)
	wantCode(t, f, factoryTime.Add(45*time.Second), secretSeed())
	again, err := New(b, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if id, err := line.ParseIdentity(ask(t, again, 1, line.VerbIdentity)); err != nil || id.Serial != "GAHT12345678" {
		t.Errorf("after a start %+v, %v", id, err)
	}
	wantCode(t, again, b.now, secretSeed())
}

func TestSealWantsEverything(t *testing.T) {
	for skipped, req := range provisioning("S", secretSeed()) {
		if req.Verb == line.VerbSeal {
			continue
		}
		f, b := newEquipped(t, Options{})
		for i, other := range provisioning("S", secretSeed()) {
			if i == skipped {
				continue
			}
			got := give(t, f, other)
			if other.Verb == line.VerbSeal {
				wantFailure(t, got, other.Seq, line.VerbSeal, line.FailIncomplete)
			}
		}
		if f.Sealed() || b.stored != nil {
			t.Errorf("sealed without %s", req.Verb)
		}
	}
}

func TestFactoryValues(t *testing.T) {
	f, b := newEquipped(t, Options{})
	for _, c := range []struct {
		req  line.Frame
		code line.FailureCode
	}{
		{line.SeedRequest(1, make([]byte, MinSeed-1)), line.FailValue},
		{line.SerialRequest(1, strings.Repeat("s", MaxSerial+1), ""), line.FailValue},
		{line.SerialRequest(1, "a,b", ""), line.FailValue},
		{line.SerialRequest(1, "S", strings.Repeat("m", MaxModel+1)), line.FailValue},
		{line.NewRequest(1, line.VerbTime), line.FailFields},
		{line.NewRequest(1, line.VerbSerial), line.FailFields},
		{line.NewRequest(1, line.VerbSeed), line.FailFields},
		{line.Frame{Kind: line.Request, Seq: 1, Verb: line.VerbSeal, Fields: []line.Field{{Key: "x", Value: "1"}}}, line.FailFields},
	} {
		wantFailure(t, give(t, f, c.req), 1, c.req.Verb, c.code)
	}
	b.last = factoryTime
	wantFailure(t, give(t, f, line.TimeRequest(1, factoryTime.Add(time.Second))), 1, line.VerbTime, line.FailValue)
	b.stuck = true
	wantFailure(t, give(t, f, line.TimeRequest(1, factoryTime)), 1, line.VerbTime, line.FailFault)
	simple, err := New(&board{now: factoryTime}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	wantFailure(t, give(t, simple, line.TimeRequest(1, factoryTime)), 1, line.VerbLine, line.FailUnknown)
	for _, req := range provisioning("S", secretSeed())[1:] {
		if err := line.ParseDone(give(t, simple, req), req.Verb); err != nil {
			t.Errorf("a fob whose clock runs, %s: %v", req.Verb, err)
		}
	}
	wantCode(t, simple, factoryTime, secretSeed())
}

// A person can't provision by typing: a seed with a slip in it would be sealed.
func TestFactoryWantsChecksums(t *testing.T) {
	f, _ := newEquipped(t, Options{})
	for _, req := range provisioning("S", secretSeed()) {
		raw, err := req.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		bare := append(raw[:bytes.IndexByte(raw, '*')], '\n')
		wantFailure(t, only(t, f.Input(bare)), req.Seq, req.Verb, line.FailNoCRC)
	}
	wantFailure(t, give(t, f, line.SealRequest(5)), 5, line.VerbSeal, line.FailIncomplete)
}

// Of the seed the fob keeps what it computes codes with, and of that nothing
// once it is wiped.
func TestSeedIsForgotten(t *testing.T) {
	f, b := newEquipped(t, Options{})
	provision(t, f, "S", secretSeed())
	if f.lines != (line.Splitter{}) {
		t.Error("the line's buffer still holds something")
	}
	kept := f.record.seed
	f.Down()
	b.pass(WipeHold)
	only(t, f.Tick())
	if !bytes.Equal(kept, make([]byte, len(kept))) {
		t.Error("the seed is still in memory")
	}
}

// The last of each counts, and none is kept over a loss of power.
func TestLastValueCounts(t *testing.T) {
	f, _ := newEquipped(t, Options{})
	give(t, f, line.SerialRequest(1, "WRONG", "wrong"))
	give(t, f, line.SeedRequest(1, bytes.Repeat([]byte{1}, MaxSeed)))
	give(t, f, line.TimeRequest(1, time.Unix(1, 0)))
	provision(t, f, "S", secretSeed())
	wantCode(t, f, factoryTime, secretSeed())
	if f.record.serial != "S" || f.record.model != DefaultModel {
		t.Errorf("%s %s", f.record.model, f.record.serial)
	}
	b := &equipped{}
	f, err := New(b, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, req := range provisioning("S", secretSeed())[:3] {
		give(t, f, req)
	}
	again, err := New(b, Options{})
	if err != nil || again.record.check() == nil || b.stored != nil {
		t.Errorf("kept what wasn't sealed: %v", err)
	}
}

// Storage that fails while it seals: what it holds afterwards counts.
func TestSealOnFailingStorage(t *testing.T) {
	for name, hw := range map[string]*failing{
		"writes nothing": {},
		"lies":           {lies: true},
		"late":           {late: true},
		"unreadable":     {late: true, unreadable: true},
	} {
		hw.lost = false
		f, err := New(hw, Options{})
		if err != nil {
			t.Fatal(err)
		}
		hw.now = factoryTime
		for _, req := range provisioning("S", secretSeed())[:3] {
			give(t, f, req)
		}
		wantFailure(t, give(t, f, line.SealRequest(4)), 4, line.VerbSeal, line.FailFault)
		if f.Sealed() != (name == "late") {
			t.Errorf("%s: sealed %v", name, f.Sealed())
		}
	}
}

// failing is a board whose storage fails.
type failing struct {
	equipped
	lies, late, unreadable bool
	wrote                  bool
}

func (b *failing) Store(p []byte) error {
	b.wrote = true
	if b.late {
		b.stored = bytes.Clone(p)
	}
	if b.lies {
		return nil
	}
	return errors.New("flash")
}

func (b *failing) Load() ([]byte, error) {
	if b.unreadable && b.wrote {
		return nil, errors.New("flash")
	}
	return b.stored, nil
}

// onFlash is a board whose record lies in two pages of flash.
type onFlash struct {
	equipped
	store *pages.Store
}

func (b *onFlash) Load() ([]byte, error) { return b.store.Load() }
func (b *onFlash) Store(p []byte) error  { return b.store.Store(p) }

// cells is flash whose power goes after a number of steps.
type cells struct {
	pages [2][128]byte
	steps int
}

var errCut = errors.New("no power")

func (c *cells) Size() int { return len(c.pages[0]) }

func (c *cells) Read(page int, p []byte) error {
	copy(p, c.pages[page][:])
	return nil
}

func (c *cells) Erase(page int) error {
	for i := range c.pages[page] {
		if c.steps--; c.steps < 0 {
			return errCut
		}
		c.pages[page][i] = 0xFF
	}
	return nil
}

func (c *cells) Program(page int, p []byte) error {
	for i, b := range p {
		if c.steps--; c.steps < 0 {
			return errCut
		}
		c.pages[page][i] &= b
	}
	return nil
}

// powerUp starts a fob on flash as it was left.
func powerUp(t *testing.T, c *cells) *Fob {
	t.Helper()
	c.steps = 1 << 30
	store, err := pages.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	f, err := New(&onFlash{equipped{board: board{now: factoryTime}}, store}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// Power goes at every step of what provisioning writes, on new flash and on
// flash that held another fob: the fob is unprovisioned, with no trace of the
// seed and ready to be provisioned, or it is whole.
func TestPowerCutsInProvisioning(t *testing.T) {
	for name, before := range map[string]string{"new": "", "wiped": "BEFORE"} {
		cuts := 0
		for cut := 0; ; cut++ {
			var c cells
			if f := powerUp(t, &c); before != "" {
				provision(t, f, before, bytes.Repeat([]byte{7}, 20))
				hold10s(t, f)
			}
			f := powerUp(t, &c)
			c.steps = cut
			var last line.Frame
			for _, req := range provisioning("GAHT12345678", secretSeed()) {
				last = give(t, f, req)
			}
			if last.Err() == nil {
				break
			}
			cuts++
			f = powerUp(t, &c)
			if f.Sealed() {
				wantCode(t, f, factoryTime, secretSeed())
				continue
			}
			wantFailure(t, ask(t, f, 1, line.VerbCode), 1, line.VerbCode, line.FailUnprovisioned)
			for page := range c.pages {
				if bytes.Contains(c.pages[page][:], secretSeed()[:5]) {
					t.Fatalf("%s, cut at %d: a trace of the seed", name, cut)
				}
			}
			provision(t, f, "SECOND", secretSeed())
			wantCode(t, powerUp(t, &c), factoryTime, secretSeed())
		}
		if cuts < 50 {
			t.Errorf("%s: only %d cuts", name, cuts)
		}
	}
}

// Power goes at every step of a wipe: the fob is as it was, or unprovisioned
// with no trace of the seed.
func TestPowerCutsInWiping(t *testing.T) {
	cuts := 0
	for cut := 0; ; cut++ {
		var c cells
		f := powerUp(t, &c)
		provision(t, f, "S", secretSeed())
		c.steps = cut
		f.Down()
		f.hw.(*onFlash).pass(WipeHold)
		if got := only(t, f.Tick()); got.Kind == line.Event {
			break
		}
		wantFailure(t, ask(t, f, 1, line.VerbCode), 1, line.VerbCode, line.FailFault)
		cuts++
		if f = powerUp(t, &c); f.Sealed() {
			wantCode(t, f, factoryTime, secretSeed())
			continue
		}
		for page := range c.pages {
			if bytes.Contains(c.pages[page][:], secretSeed()[:5]) {
				t.Fatalf("cut at %d: a trace of the seed", cut)
			}
		}
	}
	if cuts < 50 {
		t.Errorf("only %d cuts", cuts)
	}
}

// hold10s holds the button of a fob on flash until it is wiped.
func hold10s(t *testing.T, f *Fob) {
	t.Helper()
	f.Down()
	f.hw.(*onFlash).pass(WipeHold)
	if got := only(t, f.Up()); got.Kind != line.Event || got.Verb != line.VerbWiped {
		t.Fatalf("%+v", got)
	}
}
