package mfa

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"

	"github.com/fob-auth/fob/agent/api"
	people "github.com/fob-auth/fob/agent/ask"
	"github.com/fob-auth/fob/agent/broker"
	"github.com/fob-auth/fob/devices/prompt"
)

// A reader is a person with a fob that has only a display.
type reader struct {
	seed string
	// ahead is the fob's clock less AWS's.
	ahead time.Duration
	// slow is how long reading and typing takes.
	slow time.Duration
	// slips is how often the last digit goes wrong.
	slips int
	// asked is what the reader was asked.
	asked []string
}

// read types what the display shows, and waits for the next code where that
// won't do.
func (p *reader) read(ctx context.Context, q prompt.Question, check func(string) error) (string, error) {
	p.asked = append(p.asked, q.Message)
	for {
		code, err := hotp.GenerateCodeCustom(p.seed, uint64(time.Now().Add(p.ahead).Unix())/30, hotp.ValidateOpts{Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
		if err != nil {
			return "", err
		}
		if p.slips > 0 {
			p.slips--
			code = code[:5] + string('0'+(code[5]-'0'+1)%10)
		}
		typed := code[:3] + " " + code[3:]
		if check(typed[:5]) == nil {
			return "", errors.New("four digits were taken for a code")
		}
		if err := sleep(ctx, p.slow); err != nil {
			return "", err
		}
		if check(typed) == nil {
			return typed, nil
		}
		next := time.Now().Add(p.ahead).Truncate(30 * time.Second).Add(30 * time.Second)
		if err := sleep(ctx, time.Until(next.Add(-p.ahead))); err != nil {
			return "", err
		}
	}
}

func TestTypedCodesServeLikeOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, softDriver{})
		who := &reader{seed: daveSeed, slow: 12 * time.Second}
		r.person = who.read
		dave := asker("dave", fobSerial, "")
		told := r.refused(dave, api.Unbound)
		if !strings.Contains(told.Hint, "fob bind --profile dave --token prompt") {
			t.Errorf("hint %q doesn't say how a display serves", told.Hint)
		}
		r.bindOK(dave, prompt.Name, "")
		for range 5 {
			if _, err := r.make(dave); err != nil {
				t.Fatal(err)
			}
		}
		seen := map[string]bool{}
		for _, row := range r.aws.Requests("GetSessionToken") {
			if row["mfa_outcome"] != "accepted" || seen[row["mfa_counters"]] {
				t.Errorf("a session by %v", row)
			}
			seen[row["mfa_counters"]] = true
		}
		if len(seen) != 5 || len(who.asked) != 5 || !strings.Contains(who.asked[0], fobSerial) || !strings.Contains(who.asked[0], "profile dave") {
			t.Errorf("%d codes, asked %q", len(seen), who.asked)
		}
	})
}

func TestTypedByTheConfigsWord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, softDriver{"a": yubikey("12345678", totp("AWS:carol", carolSeed))})
		who := &reader{seed: carolSeed}
		r.person = who.read
		phone := asker("carol", carolARN, "")
		phone.Typed = true
		locate := func() {
			t.Helper()
			at, err := r.locate(t.Context(), phone)
			if err != nil || !at.typed() || at.credential.ID != carolARN {
				t.Fatalf("the code would come from %v, %v", at, err)
			}
		}
		locate()
		b, err := r.Bind(t.Context(), phone, Choice{})
		if err != nil || b.Token != prompt.Serial(carolARN) {
			t.Fatalf("bound to %q, %v", b.Token, err)
		}
		locate()
		if len(who.asked) != 0 {
			t.Errorf("asked %q for no code", who.asked)
		}
	})
}

// TestTypedFobThatIsPluggedIn: where nobody can be asked for the codes of a fob
// that is plugged in, the way to take them from there is named.
func TestTypedFobThatIsPluggedIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, softDriver{"a": serialFob(fobSerial, daveSeed, 0)})
		r.person = func(context.Context, prompt.Question, func(string) error) (string, error) {
			return "", people.ErrNobody
		}
		dave := asker("dave", fobSerial, "")
		r.bindOK(dave, prompt.Name, "")
		told := r.refused(dave, api.NobodyToAsk)
		if !strings.Contains(told.Hint, "'fob bind --profile dave --token "+fobSerial+"'") {
			t.Errorf("hint %q", told.Hint)
		}
		r.bindOK(dave, fobSerial, "")
		if _, err := r.make(dave); err != nil {
			t.Errorf("by the fob: %v", err)
		}
	})
}

func TestMistypedCodeCostsOneVerification(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, softDriver{})
		who := &reader{seed: daveSeed, slips: 1}
		r.person = who.read
		dave := asker("dave", fobSerial, "")
		dave.AutoResync = true
		r.bindOK(dave, prompt.Name, "")
		told := r.refused(dave, api.CodeRefused)
		if !strings.Contains(told.Message, "mistyped") || !strings.Contains(told.Hint, "fob resync") {
			t.Errorf("%q, hint %q", told.Message, told.Hint)
		}
		if n := len(r.aws.Requests("GetSessionToken")); n != 1 || len(who.asked) != 1 {
			t.Errorf("%d verifications for one code; asked %q", n, who.asked)
		}
		if _, err := r.make(dave); err != nil {
			t.Errorf("the next code: %v", err)
		}
	})
}

func TestTypedPairResyncsAndEnrols(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, softDriver{})
		who := &reader{seed: daveSeed, ahead: 5 * time.Minute, slow: 9 * time.Second}
		r.person = who.read
		dave := asker("dave", fobSerial, "")
		r.bindOK(dave, prompt.Name, "")
		r.refused(dave, api.CodeRefused)
		if _, err := r.Resync(t.Context(), dave); err != nil {
			t.Fatal(err)
		}
		if _, err := r.make(dave); err != nil {
			t.Fatalf("after the resync: %v", err)
		}
		if n := len(r.aws.Requests("ResyncMFADevice")); n != 1 {
			t.Errorf("%d resyncs", n)
		}

		// A fob that nobody has plugged in is enrolled by what its display shows.
		who.seed, who.ahead = spareSeed, -40*time.Second
		erin := asker("erin", "", "")
		b, err := r.enrol(erin, Enrolment{Hardware: "GAHT87654321"})
		if err != nil || b.Token != prompt.Serial("GAHT87654321") {
			t.Fatalf("enrolled %+v, %v", b, err)
		}
		begin := time.Now()
		if _, err := r.make(asker("erin", "GAHT87654321", "")); err != nil {
			t.Errorf("the first session: %v", err)
		}
		if rows := r.aws.Requests("GetSessionToken"); len(rows) != 3 || time.Since(begin) > time.Minute {
			t.Errorf("%d calls for three sessions' codes, the last after %v", len(rows), time.Since(begin))
		}
	})
}

func TestSecondCodeThatComesTooLateIsAFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, softDriver{})
		who := &reader{seed: daveSeed}
		r.person = func(ctx context.Context, q prompt.Question, check func(string) error) (string, error) {
			if len(who.asked) == 1 {
				time.Sleep(75 * time.Second) // a telephone rang
			}
			return who.read(ctx, q, check)
		}
		dave := asker("dave", fobSerial, "")
		r.bindOK(dave, prompt.Name, "")
		if _, err := r.Resync(t.Context(), dave); err != nil {
			t.Fatal(err)
		}
		if len(who.asked) != 3 || len(r.aws.Requests("ResyncMFADevice")) != 1 {
			t.Errorf("asked %q, and AWS %d times", who.asked, len(r.aws.Requests("ResyncMFADevice")))
		}
	})
}

func TestNobodyTypesForNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, softDriver{})
		who := &reader{seed: carolSeed} // the wrong fob
		r.person = who.read
		dave := asker("dave", fobSerial, "")
		r.bindOK(dave, prompt.Name, "")
		window := time.Now().Truncate(broker.Window).Add(broker.Window)
		time.Sleep(time.Until(window))
		at := mustLocate(t, r, dave)
		for i := range uint64(broker.Budget) {
			if _, err := r.Ledger.Reserve(t.Context(), broker.Request{Device: at.device, Token: at.token.Serial, Credential: at.credential.ID,
				AWSNow: time.Now(), Candidates: []uint64{at.step(time.Now()) - i}, Verifies: true}); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := r.make(dave); !errors.As(err, new(*broker.ThrottledError)) {
			t.Errorf("got %v, want throttled", err)
		}
		_, err := r.Code(t.Context(), dave, broker.Found{Token: at.token, Credential: at.credential}, true)
		var told *api.Error
		if !errors.As(err, &told) || told.Code != api.UnusableToken {
			t.Errorf("peek: %v", err)
		}
		list, err := r.Drift(t.Context(), []Asker{dave})
		if err != nil || len(list) != 1 || list[0].State != api.DriftUnknown {
			t.Errorf("drift %+v, %v", list, err)
		}
		if len(who.asked) != 0 {
			t.Errorf("asked %q", who.asked)
		}
		r.Service.Prompts = nil
		told = r.refused(dave, api.Config)
		if !strings.Contains(told.Hint, "devices.prompt.enabled") {
			t.Errorf("hint %q", told.Hint)
		}
	})
}

func mustLocate(t *testing.T, r *rig, a Asker) target {
	t.Helper()
	at, err := r.locate(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func TestTypedCodeProvesNoToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, softDriver{})
		who := &reader{seed: daveSeed}
		r.person = who.read
		dave := asker("dave", fobSerial, "")
		r.bindOK(dave, prompt.Name, "")
		dave.Attested = true
		if _, err := r.make(dave); err == nil || len(who.asked) != 0 || len(r.aws.Requests("GetSessionToken")) != 0 {
			t.Errorf("an attested profile took a typed code: %v, asked %q", err, who.asked)
		}
	})
}
