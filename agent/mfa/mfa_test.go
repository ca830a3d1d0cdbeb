package mfa

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fob-auth/fob/agent/api"
	"github.com/fob-auth/fob/agent/broker"
	"github.com/fob-auth/fob/agent/session"
	"github.com/fob-auth/fob/devices"
	"github.com/fob-auth/fob/sts"
	"github.com/fob-auth/fob/sts/local"
	"github.com/fob-auth/fob/sts/resync"
)

func TestFiveSessionsInOneStep(t *testing.T) {
	for _, into := range []time.Duration{10 * time.Second, 26 * time.Second, 28900 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			yk := yubikey("12345678", totp("AWS:carol", carolSeed))
			r := newRig(t, softDriver{"a": yk})
			carol := asker("carol", carolARN, "AWS:carol")
			r.bindOK(carol, "", "")
			time.Sleep(time.Until(time.Now().Truncate(resync.Step).Add(resync.Step + into)))
			begin := time.Now()
			seen := map[string]bool{}
			for range 5 {
				if _, err := r.make(carol); err != nil {
					t.Fatal(err)
				}
			}
			if waited := time.Since(begin); waited > time.Second {
				t.Errorf("%v into a step: five sessions took %v", into, waited)
			}
			if _, err := r.make(carol); err != nil {
				t.Fatal(err)
			}
			if waited, left := time.Since(begin), resync.Step-into; waited < left || waited > left+resync.Step/3 {
				t.Errorf("%v into a step: the sixth waited %v, want until the next step", into, waited)
			}
			if !r.noted(api.EventWaiting) {
				t.Error("nobody was told of the wait")
			}
			for _, row := range r.aws.Requests("GetSessionToken") {
				if row["mfa_outcome"] != "accepted" || seen[row["mfa_counters"]] {
					t.Errorf("a session by a used counter: %v", row)
				}
				seen[row["mfa_counters"]] = true
			}
			if len(seen) != 6 {
				t.Errorf("%d counters were used, want 6", len(seen))
			}
		})
	}
}

// TestTouchThatComesTooLate: the code of a counter that AWS took when the touch
// was asked for, and doesn't any more, stays here.
func TestTouchThatComesTooLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		yk := yubikey("12345678", totp("AWS:carol", carolSeed))
		r := newRig(t, softDriver{"a": yk})
		carol := asker("carol", carolARN, "AWS:carol")
		r.bindOK(carol, "", "")
		time.Sleep(time.Until(time.Now().Truncate(resync.Step).Add(resync.Step + 20*time.Second)))
		for range 4 {
			if _, err := r.make(carol); err != nil {
				t.Fatal(err)
			}
		}
		yk.once = func() { time.Sleep(11 * time.Second) }
		if _, err := r.make(carol); err != nil {
			t.Fatal(err)
		}
		for _, row := range r.aws.Requests("GetSessionToken") {
			if row["mfa_outcome"] != "accepted" {
				t.Errorf("a verification was wasted: %v", row)
			}
		}
	})
}

func TestFobThatJumpsIsSeenBeforeAWSIsAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fob := serialFob(fobSerial, daveSeed, -40*time.Second)
		r := newRig(t, softDriver{"a": fob})
		dave := asker("dave", fobSerial, "")
		r.bindOK(dave, "", "")
		if _, err := r.make(dave); err != nil {
			t.Fatal(err)
		}
		fob.turn(5 * time.Minute)
		told := r.refused(dave, api.Drifted)
		if !strings.Contains(told.Hint, "fob resync --profile dave") {
			t.Errorf("hint %q names no resync", told.Hint)
		}
		if n := len(r.aws.Requests("GetSessionToken")); n != 1 {
			t.Errorf("AWS was asked %d times, want once", n)
		}
		got, err := r.Resync(t.Context(), dave)
		if err != nil {
			t.Fatal(err)
		}
		if got.Adjustment < 7 || got.Adjustment > 9 {
			t.Errorf("adjustment %d after 4:20 min, want about 8", got.Adjustment)
		}
		if _, err := r.make(dave); err != nil {
			t.Fatalf("after the resync: %v", err)
		}
	})
}

func TestUnknownAdjustmentIsLearntFromAWS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fob := serialFob(fobSerial, daveSeed, 5*time.Minute)
		r := newRig(t, softDriver{"a": fob})
		dave := asker("dave", fobSerial, "")
		r.bindOK(dave, "", "")
		told := r.refused(dave, api.Drifted)
		if !strings.Contains(told.Message, "invalid MFA one time pass code") {
			t.Errorf("message %q hides what AWS said", told.Message)
		}
		if n := len(r.aws.Requests("GetSessionToken")); n != 1 {
			t.Errorf("%d verifications, want one", n)
		}
		if _, err := r.Resync(t.Context(), dave); err != nil {
			t.Fatal(err)
		}
		if _, err := r.make(dave); err != nil {
			t.Fatal(err)
		}
	})
}

func TestBudgetIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		yk := yubikey("12345678", totp("AWS:carol", daveSeed)) // the wrong seed
		r := newRig(t, softDriver{"a": yk})
		carol := asker("carol", carolARN, "AWS:carol")
		r.bindOK(carol, "", "")
		var told *api.Error
		for range 20 {
			_, err := r.make(carol)
			if !errors.As(err, &told) {
				t.Fatalf("got %v", err)
			}
			if told.Code == api.Throttled {
				break
			}
		}
		if told.Code != api.Throttled || !strings.Contains(told.Message, "throttled until") || told.RetryAfterMS <= 0 {
			t.Fatalf("got %+v, want throttled, with when to come back", told)
		}
		if n := len(r.aws.Requests("GetSessionToken")); n > broker.Budget {
			t.Errorf("%d verifications, more than the budget of %d", n, broker.Budget)
		}
	})
}

func TestBindingHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		right, wrong := yubikey("12345678", totp("AWS:carol", carolSeed)), yubikey("87654321", totp("AWS:carol", carolSeed))
		tokens := softDriver{"a": right}
		r := newRig(t, tokens)
		carol := asker("carol", carolARN, "AWS:carol")
		if _, err := r.make(carol); err != nil { // first use binds
			t.Fatal(err)
		}
		if b, err := r.Bindings.All(t.Context()); err != nil || len(b) != 1 || b[0].Token != "12345678" {
			t.Fatalf("bindings %v, error %v", b, err)
		}
		// The other token comes in the first one's place.
		other := broker.New(broker.Options{Drivers: []broker.NamedDriver{{Name: "soft", Driver: softDriver{"a": wrong}}}, Log: r.Log})
		ctx := t.Context()
		go other.Run(ctx)
		if err := other.Settled(ctx); err != nil {
			t.Fatal(err)
		}
		r.Broker = other
		told := r.refused(carol, api.WrongToken)
		for _, serial := range []string{"12345678", "87654321"} {
			if !strings.Contains(told.Message, serial) {
				t.Errorf("%q doesn't name %s", told.Message, serial)
			}
		}
		if n := len(r.aws.Requests("GetSessionToken")); n != 1 {
			t.Errorf("%d verifications, want one", n)
		}
	})
}

func TestEmulatedTokensNeedTheProfilesWord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		yk := yubikey("12345678", totp("AWS:carol", carolSeed))
		yk.info.Slot.Emulated = true
		r := newRig(t, softDriver{"a": yk})
		carol := asker("carol", carolARN, "AWS:carol")
		r.refused(carol, api.EmulatedToken)
		if _, err := r.Bind(t.Context(), carol, Choice{}); err == nil {
			t.Error("bound, without the profile's word")
		}
		carol.AllowEmulated = true
		if _, err := r.make(carol); err != nil {
			t.Fatal(err)
		}
		carol.AllowEmulated = false
		r.refused(carol, api.EmulatedToken)
	})
}

func TestEnrol(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		yk := yubikey("12345678")
		r := newRig(t, softDriver{"a": yk})
		erin := asker("erin", "", "")
		begin := time.Now()
		b, err := r.enrol(erin, Enrolment{})
		if err != nil {
			t.Fatal(err)
		}
		if waited := time.Since(begin); waited > time.Second {
			t.Errorf("the enrolment took %v", waited)
		}
		erin.MFASerial, erin.Credential = b.Device.Serial, b.Credential
		for range 3 {
			if _, err := r.make(erin); err != nil {
				t.Fatal(err)
			}
		}
		seen := map[string]int{}
		for _, action := range []string{"EnableMFADevice", "GetSessionToken"} {
			for _, row := range r.aws.Requests(action) {
				for c := range strings.FieldsSeq(strings.Trim(row["mfa_counters"], "[]")) {
					seen[c]++
				}
			}
		}
		if len(seen) != 4 { // a pair's second, and three sessions
			t.Errorf("the counters %v were presented, want four", seen)
		}
		for c, n := range seen {
			if n > 1 {
				t.Errorf("counter %s was presented %d times", c, n)
			}
		}
		// A second device for the same user wants an MFA session: what was
		// made for it is taken back.
		if _, err := r.Enroll(t.Context(), erin, Enrolment{Name: "second"}); err == nil {
			t.Fatal("a second device was enrolled with long-term keys")
		}
	})
}

func TestFailedEnrolmentLeavesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		yk := yubikey("12345678")
		r := newRig(t, softDriver{"a": brokenSeed{yk}})
		_, err := r.Enroll(t.Context(), asker("erin", "", ""), Enrolment{})
		var refusal *sts.Refusal
		if !errors.As(err, &refusal) || refusal.Class != sts.WrongPair {
			t.Fatalf("got %v, want AWS's refusal of the pair", err)
		}
		if c, _ := yk.Credentials(t.Context()); len(c) != 0 {
			t.Errorf("the token keeps %v", c)
		}
		if n := len(r.aws.Requests("DeleteVirtualMFADevice")); n != 1 {
			t.Errorf("the device was deleted %d times, want once", n)
		}
	})
}

// A brokenSeed token stores another secret than it was given.
type brokenSeed struct{ writableToken }

func (t brokenSeed) Put(ctx context.Context, c devices.NewCredential) error {
	c.Secret = append(devices.Secret{1}, c.Secret...)
	return t.writableToken.Put(ctx, c)
}

func TestUnsentCodesAreFreeAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		yk := yubikey("12345678", totp("AWS:carol", carolSeed))
		r := newRig(t, softDriver{"a": yk})
		carol := asker("carol", carolARN, "AWS:carol")
		if _, err := r.make(carol); err != nil {
			t.Fatal(err)
		}
		first := r.aws.Requests("GetSessionToken")[0]["mfa_counters"]
		r.fail = errors.New("no route to host")
		for range 20 { // more than the budget: none of them is a verification
			if _, err := r.make(carol); err == nil {
				t.Fatal("a session without a network")
			}
		}
		r.fail = nil
		if _, err := r.make(carol); err != nil {
			t.Fatal(err)
		}
		if second := r.aws.Requests("GetSessionToken")[1]["mfa_counters"]; second == first {
			t.Errorf("counter %s was used twice", first)
		}
	})
}

func TestCodesForPeopleAreReserved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		yk := yubikey("12345678", totp("AWS:carol", carolSeed))
		r := newRig(t, softDriver{"a": yk})
		found, err := r.Broker.Find("AWS:carol", "")
		if err != nil {
			t.Fatal(err)
		}
		// While nothing is bound, the credential's own steps count.
		given, err := r.Code(t.Context(), Asker{}, found[0], false)
		if err != nil {
			t.Fatal(err)
		}
		peeked, err := r.Code(t.Context(), Asker{}, found[0], true)
		if err != nil || peeked.Reserved || peeked.Warning == "" || peeked.Code != given.Code {
			t.Fatalf("peeked %+v, error %v", peeked, err)
		}
		carol := asker("carol", carolARN, "AWS:carol")
		if _, err := r.make(carol); err != nil {
			t.Fatal(err)
		}
		row := r.aws.Requests("GetSessionToken")[0]
		if row["mfa_counters"] == "["+strconv.FormatUint(given.Step, 10)+"]" {
			t.Errorf("step %d was given to a person and then to AWS", given.Step)
		}
	})
}

func TestHostClockThatIsWrong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		yk := yubikey("12345678", totp("AWS:carol", carolSeed))
		r := newRig(t, softDriver{"a": yk})
		r.aws.Advance(-90 * 24 * time.Hour)
		carol := asker("carol", carolARN, "AWS:carol")
		if _, err := r.make(carol); err != nil {
			t.Fatal(err)
		}
		// AWS's clock is moved once more, between the look at it and the code.
		yk.once = func() { r.aws.Advance(10 * time.Minute) }
		if _, err := r.make(carol); err != nil {
			t.Fatal(err)
		}
		if n := len(r.aws.Requests("GetSessionToken")); n != 3 {
			t.Errorf("%d verifications, want 3: one, and two for the moved clock", n)
		}
	})
}

func TestPropagationIsWaitedOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fob := serialFob(fobSerial, daveSeed, 0)
		r := newRig(t, softDriver{"a": fob}, func(o *local.Options) { o.Propagation = 12 * time.Second })
		dave := asker("dave", fobSerial, "")
		r.bindOK(dave, "", "")
		if _, err := r.make(dave); err != nil {
			t.Fatal(err)
		}
		fob.turn(time.Hour)
		if _, err := r.Resync(t.Context(), dave); err != nil {
			t.Fatal(err)
		}
		if _, err := r.make(dave); err != nil {
			t.Fatal(err)
		}
	})
}

func TestPairThatIsNotNewer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fob := serialFob(fobSerial, daveSeed, time.Hour)
		r := newRig(t, softDriver{"a": fob})
		dave := asker("dave", fobSerial, "")
		r.bindOK(dave, "", "")
		if _, err := r.Resync(t.Context(), dave); err != nil {
			t.Fatal(err)
		}
		fob.turn(-time.Hour)
		_, err := r.Resync(t.Context(), dave)
		var told *api.Error
		if !errors.As(err, &told) || told.Code != api.Drifted || !strings.Contains(told.Message, "behind the last two codes") {
			t.Fatalf("got %v, want to hear that the clock went back behind the last pair", err)
		}
		if n := len(r.aws.Requests("ResyncMFADevice")); n != 1 {
			t.Errorf("%d pairs were sent, want one", n)
		}
	})
}

// TestUnattended: only a token that wants neither a touch nor a typist gives a
// code with no person near.
func TestUnattended(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		touched := totp("AWS:carol", carolSeed)
		touched.Touch = true
		r := newRig(t, softDriver{"a": yubikey("12345678", touched), "b": serialFob(fobSerial, daveSeed, 0)})
		for name, tt := range map[string]struct {
			asker Asker
			want  bool
			code  api.ErrorCode
		}{
			"a touch":  {asker("carol", carolARN, "AWS:carol"), false, ""},
			"none":     {asker("dave", fobSerial, ""), true, ""},
			"no token": {asker("carol", carolARN, "AWS:elsewhere"), false, api.NoToken},
		} {
			got, err := r.Unattended(t.Context(), session.Want{Profile: tt.asker.Profile, Credential: tt.asker.Credential,
				Plan: sts.Plan{Call: sts.GetSessionToken, Endpoint: tt.asker.Endpoint, Keys: tt.asker.Keys, MFASerial: tt.asker.MFASerial, Duration: time.Hour}})
			var told *api.Error
			errors.As(err, &told)
			if got != tt.want || (told != nil) != (tt.code != "") || told != nil && told.Code != tt.code {
				t.Errorf("%s: %t, error %v; want %t", name, got, err, tt.want)
			}
		}
	})
}
