package serialfob

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fob-auth/fob/devices"
	"github.com/fob-auth/fob/devices/devicetest"
	"github.com/fob-auth/fob/firmware/otp"
)

// Three made-up gadgets: a plain one, one that wants the time sent with the
// question, one that answers after a press, of which no question tells.
var (
	plainDialect = Dialect{
		Name: "plain", AskSerial: "ID?\r", Serial: `SN=(\w+)`, AskCode: "OTP?\r", Code: `^OTP (\d{3}) (\d{3})$`,
		AskClock: "T?\r", Clock: `^T=(\d+\.\d)$`,
	}
	toldDialect = Dialect{
		Name: "told", AskSerial: "who\n", Serial: `I am (\S+)\.`, AskCode: "code {unix} at {time}\n", Code: `^(\d{8})$`,
		Digits: 8, Period: time.Minute,
	}
	pressDialect = Dialect{Name: "press", Code: `"code":"(\d{6})"`, Clock: `"at":(\d+)`, Press: true, Patience: time.Minute}
	// askedDialect is the same with a question.
	askedDialect = Dialect{Name: "asked", AskSerial: "ID?\r", Serial: `SN=(\w+)`, AskCode: "go\r", Code: `"code":"(\d{6})"`, Clock: `"at":(\d+)`, Press: true}
)

const gadgetSeed = "12345678901234567890"

func gadgetCode(t testing.TB, counter uint64, digits int) string {
	t.Helper()
	code, err := otp.HOTP(otp.SHA1, []byte(gadgetSeed), counter, digits)
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// A toy is one of the gadgets; its clock is ahead of the host's.
type toy struct {
	t     *testing.T
	port  *fake
	ahead time.Duration
	asked []string
	// wanted holds a value once the press of a button is asked for.
	wanted chan struct{}
	// spoil changes what it says.
	spoil func([]byte) []byte
}

func newToy(t *testing.T) *toy {
	y := &toy{t: t, ahead: 90 * time.Second, wanted: make(chan struct{}, 1), spoil: func(b []byte) []byte { return b }}
	y.port = newFake(y.answer)
	return y
}

func (y *toy) now() time.Time { return time.Now().Add(y.ahead) }

func (y *toy) answer(question []byte) []byte {
	q := string(question)
	y.asked = append(y.asked, q)
	switch {
	case q == "ID?\r":
		return y.spoil([]byte("hello\r\nSN=A17\r\n"))
	case q == "T?\r":
		return y.spoil(fmt.Appendf(nil, "T=%d.5\r\n", y.now().Unix()))
	case q == "OTP?\r":
		code := gadgetCode(y.t, uint64(y.now().Unix())/30, 6)
		return y.spoil(fmt.Appendf(nil, "OTP %s %s\r\n", code[:3], code[3:]))
	case q == "go\r":
		select {
		case y.wanted <- struct{}{}:
		default:
		}
		return nil
	case q == "who\n":
		return y.spoil([]byte("I am B/2.\n"))
	case strings.HasPrefix(q, "code "):
		words := strings.Fields(q)
		unix, err := strconv.ParseInt(words[1], 10, 64)
		if err != nil || len(words) != 4 || words[3] != time.Unix(unix, 0).UTC().Format(time.RFC3339) {
			return []byte("what?\n")
		}
		return y.spoil([]byte(gadgetCode(y.t, uint64(unix)/60, 8) + "\n"))
	}
	return []byte("what?\n")
}

// press is the button of the one that says its codes unasked.
func (y *toy) press() { y.port.in <- y.pressed() }

// pressed is what a press makes it say.
func (y *toy) pressed() []byte {
	now := uint64(y.now().Unix())
	return y.spoil(fmt.Appendf(nil, "{\"at\":%d,\"code\":\"%s\"}\r\n", now, gadgetCode(y.t, now/30, 6)))
}

// wait returns once a press is asked for.
func (y *toy) wait(ctx context.Context) error {
	select {
	case <-y.wanted:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// onToy runs a test in a bubble with an opened gadget.
func onToy(t *testing.T, d Dialect, serial string, test func(t *testing.T, token devices.Token, y *toy)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		y := newToy(t)
		driver, err := NewOn(toyPorts{y}, Config{Port: "toy", Serial: serial, Baud: 9600, Dialect: &d})
		if err != nil {
			t.Fatal(err)
		}
		token, err := driver.Open(t.Context(), devices.Slot{Path: "toy"})
		if err != nil {
			t.Fatal(err)
		}
		test(t, token, y)
		if err := token.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		<-y.port.closed
	})
}

// toyPorts is the one port that a toy is on.
type toyPorts struct{ toy *toy }

func (p toyPorts) Find(string) []Place           { return []Place{{Path: "toy", Device: "/dev/toy"}} }
func (p toyPorts) Open(Place, int) (Port, error) { return p.toy.port, nil }

func wantCode(t *testing.T, token devices.Token, at time.Time, counter uint64, digits int) {
	t.Helper()
	id := token.Info().Serial
	code, err := token.(devices.Coder).Code(t.Context(), id, at)
	if err != nil {
		t.Fatal(err)
	}
	if code.Counter != counter || code.Digits.Reveal() != gadgetCode(t, counter, digits) {
		t.Errorf("code %s of step %d, want %s of %d", code.Digits.Reveal(), code.Counter, gadgetCode(t, counter, digits), counter)
	}
}

func TestPlainGadget(t *testing.T) {
	onToy(t, plainDialect, "", func(t *testing.T, token devices.Token, y *toy) {
		if i := token.Info(); i.Serial != "A17" || i.Model != "plain" || !i.OwnClock {
			t.Errorf("info is %+v", i)
		}
		wantCode(t, token, time.Time{}, uint64(y.now().Unix())/30, 6)
		clock, err := token.(devices.Clock).Time(t.Context())
		if want := time.Unix(y.now().Unix(), 5e8); err != nil || !clock.Equal(want) {
			t.Errorf("its clock is %v, %v, want %v", clock, err, want)
		}
		list, err := token.(devices.Coder).Credentials(t.Context())
		if err != nil || len(list) != 1 || list[0].ID != "A17" || list[0].Touch || list[0].Digits != 6 {
			t.Errorf("credentials are %+v, %v", list, err)
		}
	})
}

func TestToldGadget(t *testing.T) {
	onToy(t, toldDialect, "B/2", func(t *testing.T, token devices.Token, y *toy) {
		if i := token.Info(); i.Serial != "B/2" || i.OwnClock {
			t.Errorf("info is %+v", i)
		}
		at := time.Unix(1234567890, 0)
		wantCode(t, token, at, 1234567890/60, 8)
		if _, ok := token.(devices.Clock); ok {
			t.Error("a gadget that is told the time has a clock")
		}
	})
}

func TestPressGadget(t *testing.T) {
	onToy(t, pressDialect, "C3", func(t *testing.T, token devices.Token, y *toy) {
		if i := token.Info(); i.Serial != "C3" || !i.OwnClock {
			t.Errorf("info is %+v", i)
		}
		y.press() // before anybody asked: nobody's
		synctest.Wait()
		y.ahead += time.Hour
		time.AfterFunc(50*time.Second, y.press)
		began := time.Now()
		wantCode(t, token, time.Time{}, uint64(y.now().Add(50*time.Second).Unix())/30, 6)
		if took := time.Since(began); took != 50*time.Second {
			t.Errorf("it took %v", took)
		}
		began = time.Now()
		_, err := token.(devices.Coder).Code(t.Context(), "C3", time.Time{})
		if !errors.Is(err, devices.ErrNoTouch) || time.Since(began) != time.Minute {
			t.Errorf("not pressed: %v after %v", err, time.Since(began))
		}
		if _, ok := token.(devices.Clock); ok {
			t.Error("a gadget that tells its time with a press alone can be asked for it")
		}
		time.AfterFunc(time.Second, y.press)
		code, err := token.(devices.Coder).Code(t.Context(), "C3", time.Time{})
		if want := y.now().Truncate(time.Second); err != nil || !code.Clock.Equal(want) {
			t.Errorf("its clock with a code is %v, %v, want %v", code.Clock, err, want)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := token.(devices.Coder).Code(ctx, "C3", time.Time{}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("given up: %v", err)
		}
		time.AfterFunc(time.Second, func() { close(y.port.hung) })
		if _, err := token.(devices.Coder).Code(t.Context(), "C3", time.Time{}); !errors.Is(err, devices.ErrRemoved) {
			t.Errorf("unplugged: %v", err)
		}
		if len(y.asked) != 0 {
			t.Errorf("it was asked %q", y.asked)
		}
	})
}

// TestClocklessGadget: one that shows no clock can't be asked for it; the step of
// its codes is the host's.
func TestClocklessGadget(t *testing.T) {
	d := plainDialect
	d.AskClock, d.Clock = "", ""
	onToy(t, d, "", func(t *testing.T, token devices.Token, y *toy) {
		y.ahead = 0
		wantCode(t, token, time.Time{}, uint64(time.Now().Unix())/30, 6)
		if _, ok := token.(devices.Clock); ok || !token.Info().OwnClock || len(token.Info().Notes) != 1 {
			t.Errorf("it tells its clock: %v; info %+v", ok, token.Info())
		}
	})
}

// TestGadgetsOnABadLine: nothing has a checksum, and yet no wrong code comes of
// a line that turns bits, as what is said twice has to be the same and the
// patterns take whole lines alone.
func TestGadgetsOnABadLine(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	onToy(t, plainDialect, "", func(t *testing.T, token devices.Token, y *toy) {
		y.spoil = func(b []byte) []byte {
			for i := range b {
				if random.IntN(150) == 0 {
					b[i] ^= 1 << random.IntN(8)
				}
			}
			return b
		}
		good := 0
		const rounds = 1000
		for range rounds {
			time.Sleep(time.Minute)
			began := time.Now()
			code, err := token.(devices.Coder).Code(t.Context(), "A17", time.Time{})
			if took := time.Since(began); took > 2*2*tries*tries*answerWithin {
				t.Fatalf("it took %v", took)
			}
			switch {
			case err != nil && !errors.Is(err, devices.ErrAnswer) && !errors.Is(err, devices.ErrSilent):
				t.Fatalf("an error of no kind: %v", err)
			case err != nil:
				continue
			case code.Digits.Reveal() != gadgetCode(t, code.Counter, 6):
				t.Fatalf("a wrong code: %s of step %d", code.Digits.Reveal(), code.Counter)
			}
			good++
		}
		if good < rounds/2 || good == rounds {
			t.Errorf("%d of %d went well: the line wasn't as bad as meant", good, rounds)
		}
	})
}

// FuzzGadget: whatever a gadget says, there is a code of six digits or a typed
// error, and nothing hangs.
func FuzzGadget(f *testing.F) {
	f.Add("SN=A17\r\n", "OTP 123 456\r\nT=1234\r\n")
	f.Add("SN=\xff\r\n", "OTP 123456\r\n")
	f.Add("SN=A17\r\n", "OTP 123 456\r\nT=99999999999999999999.1\r\nT=1.1234567890\r\n")
	f.Add("SN=A17\r\n", "OTP 123 456\r\nT=.\r\n")
	f.Fuzz(func(t *testing.T, serial, answer string) {
		synctest.Test(t, func(t *testing.T) {
			p := newFake(func(q []byte) []byte {
				if string(q) == "ID?\r" {
					return []byte(serial)
				}
				return []byte(answer)
			})
			d, err := plainDialect.compile()
			if err != nil {
				t.Fatal(err)
			}
			g := newGadget(newWire(p), devices.Slot{}, d, time.Now)
			defer func() { g.Close(); <-p.closed }()
			if err := g.identify(t.Context(), 1, answerWithin); err != nil {
				return
			}
			code, err := g.Code(t.Context(), g.info.Serial, time.Time{})
			if err == nil && (len(code.Digits.Reveal()) != 6 || !strings.Contains(answer, "OTP "+code.Digits.Reveal()[:3])) {
				t.Fatalf("code %q of %q", code.Digits.Reveal(), answer)
			}
		})
	})
}

// freshPorts is a port that a toy is on, which can be opened again and again.
type freshPorts struct {
	toy *toy
	mu  sync.Mutex
	// open is the port as it was opened last.
	open *fake
}

func (p *freshPorts) Find(string) []Place { return []Place{{Path: "toy", Device: "/dev/toy"}} }

func (p *freshPorts) Open(Place, int) (Port, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open = newFake(p.toy.answer)
	return p.open, nil
}

func (p *freshPorts) press() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open.in <- p.toy.pressed()
}

// TestGadgetsConform runs the suite that every driver passes over the gadgets
// that can be asked.
func TestGadgetsConform(t *testing.T) {
	for serial, dialects := range map[string][]Dialect{"A17": {plainDialect, askedDialect}, "B/2": {toldDialect}} {
		for _, d := range dialects {
			t.Run(d.Name, func(t *testing.T) {
				devicetest.Run(t, func(t *testing.T) devicetest.Fixture { return gadgetFixture(t, serial, d) })
			})
		}
	}
}

func gadgetFixture(t *testing.T, serial string, d Dialect) devicetest.Fixture {
	ports := &freshPorts{toy: newToy(t)}
	driver, err := NewOn(ports, Config{Port: "toy", Baud: 9600, Dialect: &d})
	if err != nil {
		t.Fatal(err)
	}
	account := devices.NewCredential{Secret: devices.Secret(gadgetSeed), Credential: devices.Credential{
		ID: serial, Type: devices.TOTP, Algorithm: devices.SHA1, Digits: 6, Period: 30 * time.Second, Touch: d.Press}}
	if d.Digits != 0 {
		account.Digits, account.Period = d.Digits, d.Period
	}
	return devicetest.Fixture{
		Driver: driver, Serial: serial, Model: d.Name, Accounts: []devices.NewCredential{account}, Faceless: d.Press,
		Waiting: ports.toy.wait, Press: ports.press,
	}
}
