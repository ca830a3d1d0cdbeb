package mfa

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fob-auth/fob/agent/api"
	"github.com/fob-auth/fob/agent/broker"
	"github.com/fob-auth/fob/agent/explain"
	"github.com/fob-auth/fob/devices"
	"github.com/fob-auth/fob/devices/prompt"
	"github.com/fob-auth/fob/sts"
	"github.com/fob-auth/fob/sts/awsissuer"
	"github.com/fob-auth/fob/sts/binding"
	"github.com/fob-auth/fob/sts/resync"
)

// sessionOf gives the keys of a new session of the asker's.
func (r *rig) sessionOf(a Asker) func(context.Context) (sts.Keys, error) {
	return func(context.Context) (sts.Keys, error) {
		s, err := r.make(a)
		return s.Keys, err
	}
}

func TestSecondDeviceIsSignedByTheFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := yubikey("12345678", totp("AWS:carol", carolSeed)), yubikey("87654321")
		r := newRig(t, softDriver{"a": first, "b": second})
		carol := asker("carol", carolARN, "AWS:carol")
		r.bindOK(carol, "12345678", "")
		_, err := r.Enroll(t.Context(), carol, Enrolment{Name: "spare", Token: "87654321"})
		var told *api.Error
		if !errors.As(err, &told) || told.Code != api.Denied {
			t.Fatalf("without a session: %v, want it denied", err)
		}
		if n := len(r.aws.Requests("CreateVirtualMFADevice")); n != 0 {
			t.Errorf("%d devices were made for nothing", n)
		}
		var shown []sts.Secret
		out, err := r.Enroll(t.Context(), carol, Enrolment{Name: "spare", Token: "87654321", Session: r.sessionOf(carol),
			Shown: func(_ string, seed sts.Secret) { shown = append(shown, seed) }})
		if err != nil {
			t.Fatal(err)
		}
		if !out.Own || out.User != "carol" || out.Binding.Credential != "AWS:spare" || len(shown) != 1 || shown[0] == "" {
			t.Errorf("enrolled %+v, seeds shown: %d", out, len(shown))
		}
	})
}

// Of several devices, the one whose token is plugged in is taken; one that isn't
// the user's never is.
func TestDeviceThatIsPresentIsTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, softDriver{"a": yubikey("12345678", totp("AWS:carol", carolSeed)), "b": yubikey("87654321")})
		carol := asker("carol", carolARN, "AWS:carol")
		r.bindOK(carol, "12345678", "")
		out, err := r.Enroll(t.Context(), carol, Enrolment{Name: "spare", Token: "87654321", Session: r.sessionOf(carol)})
		if err != nil {
			t.Fatal(err)
		}
		// The first device moves to a token that isn't there.
		first, err := r.Bindings.OfDevice(t.Context(), sts.Device{Endpoint: out.Binding.Device.Endpoint, Account: out.Binding.Device.Account, Serial: carolARN})
		if err == nil {
			_, err = r.Bindings.Unbind(t.Context(), first.ID)
		}
		if gone := asker("carol", carolARN, "AWS:gone"); err == nil {
			if s, err := r.make(gone); err != nil || s.MFASerial != out.Binding.Device.Serial {
				t.Errorf("nothing is bound to the first: session by %q, %v", s.MFASerial, err)
			}
		}
		if err == nil {
			_, err = r.Bindings.Bind(t.Context(), broker.Binding{Device: first.Device, Token: "55555555", Credential: "AWS:carol", Bound: time.Now()}, 0)
		}
		if err != nil {
			t.Fatal(err)
		}
		s, err := r.make(carol)
		if err != nil || s.MFASerial != out.Binding.Device.Serial {
			t.Fatalf("session by %s, %v; want %s", s.MFASerial, err, out.Binding.Device.Serial)
		}
		if err := r.AWS.DeactivateMFADevice(t.Context(), awsissuer.Caller{Endpoint: carol.Endpoint, Keys: s.Keys}, "carol", out.Binding.Device.Serial); err != nil {
			t.Fatal(err)
		}
		told := r.refused(carol, api.WrongToken)
		if told.Hint == "" {
			t.Error("no hint")
		}
	})
}

// A device that was made elsewhere isn't deleted when its enrolment fails; the
// credential is.
func TestFailedSeedLeavesTheDevice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		yk := yubikey("12345678")
		r := newRig(t, softDriver{"a": yk})
		erin := asker("erin", "", "")
		made, err := r.AWS.CreateVirtualMFADevice(t.Context(), r.caller(erin), "erin", "")
		if err != nil {
			t.Fatal(err)
		}
		_, err = r.Enroll(t.Context(), erin, Enrolment{Seed: carolSeed})
		var refusal *sts.Refusal
		if !errors.As(err, &refusal) || refusal.Class != sts.WrongPair {
			t.Fatalf("another device's seed: %v, want AWS's refusal of the pair", err)
		}
		if c, _ := yk.Credentials(t.Context()); len(c) != 0 {
			t.Errorf("the token keeps %v", c)
		}
		if n := len(r.aws.Requests("DeleteVirtualMFADevice")); n != 0 {
			t.Errorf("the device was deleted")
		}
		if b, err := r.enrol(erin, Enrolment{Seed: made.Seed}); err != nil || b.Device.Serial != made.Serial {
			t.Errorf("its own seed: %+v, %v", b, err)
		}
	})
}

// A deafConn has another's words in place of the answer to one action.
type deafConn struct {
	net.Conn
	action, words string
	deaf          bool
}

func (c *deafConn) Write(b []byte) (int, error) {
	c.deaf = c.deaf || bytes.Contains(b, []byte("Action="+c.action+"&"))
	return c.Conn.Write(b)
}

func (c *deafConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if !c.deaf {
		return n, err
	}
	if c.words == "" {
		return 0, io.EOF
	}
	n = copy(b, c.words)
	c.words = ""
	return n, nil
}

// TestEnrolmentInDoubt: where AWS's answer is lost, the device may be enabled.
// What is left is told, and that it can be bound.
func TestEnrolmentInDoubt(t *testing.T) {
	for _, test := range []struct {
		words string
		code  api.ErrorCode
	}{
		{"", api.AWSUnanswered},
		{"HTTP/1.1 200 OK\r\nContent-Length: 19\r\n\r\n<html>log in</html>", api.AWSError},
		{"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n", api.AWSError},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, softDriver{"a": yubikey("12345678")})
			r.line = func(c net.Conn) net.Conn { return &deafConn{Conn: c, action: "EnableMFADevice", words: test.words} }
			_, err := r.Enroll(t.Context(), asker("erin", "", ""), Enrolment{})
			r.line = nil
			told := explain.Error(err, time.Now())
			if told.Code != test.code || !strings.Contains(told.Message, "mfa/erin, so token 12345678 keeps credential \"AWS:erin\"") {
				t.Errorf("%q: told %+v, want to hear of what the token keeps", test.words, told)
			}
			if !strings.Contains(told.Hint, "'fob bind --profile NAME --token 12345678 --credential \"AWS:erin\"'") ||
				!strings.Contains(told.Hint, "delete-virtual-mfa-device --serial-number arn:aws:iam::111122223333:mfa/erin") {
				t.Errorf("%q: the hint is %q", test.words, told.Hint)
			}
			r.bindOK(asker("erin", "arn:aws:iam::111122223333:mfa/erin", ""), "12345678", "AWS:erin")
		})
	}
}

// TestRefusedPairNamesItsCommand: who handed a pair is sent back to what hands
// one, and not to what takes a code.
func TestRefusedPairNamesItsCommand(t *testing.T) {
	busy := &sts.Refusal{Class: sts.Fault, Action: "ResyncMFADevice", Status: 503}
	for purpose, want := range map[string]string{"session": "credentials", enrolling: "enroll", resyncing: "resync"} {
		err := refusalError(target{asker: asker("carol", carolARN, ""), purpose: purpose}, busy, resync.Decision{Reason: resync.ComeBack}, time.Now())
		if told := explain.Error(err, time.Now()); !strings.Contains(told.Hint, "'fob "+want+" --profile carol'") {
			t.Errorf("of a pair for %s the hint is %q", purpose, told.Hint)
		}
	}
}

// A lastWish does something when a credential is deleted.
type lastWish struct {
	brokenSeed
	wish func()
}

func (t lastWish) Delete(ctx context.Context, id string) error {
	t.wish()
	return t.brokenSeed.Delete(ctx, id)
}

// TestWhatAnEnrolmentLeavesIsNamed: a device that can't be deleted any more.
func TestWhatAnEnrolmentLeavesIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r *rig
		yk := yubikey("12345678")
		r = newRig(t, softDriver{"a": lastWish{brokenSeed{yk}, func() { r.fail = errors.New("no route to host") }}})
		_, err := r.Enroll(t.Context(), asker("erin", "", ""), Enrolment{})
		told := explain.Error(err, time.Now())
		if told.Code != api.CodeRefused || !strings.Contains(told.Message, "mfa/erin, which nobody uses, is left at AWS: ") {
			t.Errorf("told %+v, want to hear of the refused pair and the device that is left", told)
		}
	})
}

func TestUnenrolTakesAllAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		yk := yubikey("12345678")
		r := newRig(t, softDriver{"a": yk})
		erin := asker("erin", "", "")
		b, err := r.enrol(erin, Enrolment{})
		if err != nil {
			t.Fatal(err)
		}
		erin.MFASerial = b.Device.Serial
		out, err := r.Unenroll(t.Context(), erin, r.sessionOf(erin))
		if err != nil || !out.Deleted || !out.CredentialDeleted || out.Token != "12345678" {
			t.Fatalf("%+v, %v", out, err)
		}
		if c, _ := yk.Credentials(t.Context()); len(c) != 0 {
			t.Errorf("the token keeps %v", c)
		}
		if _, err := r.Bindings.OfDevice(t.Context(), b.Device); !errors.Is(err, broker.ErrUnbound) {
			t.Errorf("binding: %v", err)
		}
		// Enrolled anew at the same name, at once: AWS wants newer codes only
		// where the seed is the same.
		if _, err := r.enrol(asker("erin", "", ""), Enrolment{}); err != nil {
			t.Errorf("again: %v", err)
		}
	})
}

// TestFobIsEnrolledByItsOwnCodes: the credential that a profile names is its own
// device's. Enrolling a fob beside it asks for the fob's codes, and a credential
// that serves another device is refused before anything is asked of it.
func TestFobIsEnrolledByItsOwnCodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		yk := yubikey("12345678", totp("AWS:carol", carolSeed))
		computed := 0
		r := newRig(t, softDriver{"a": countedToken{yk, &computed}})
		who := &reader{seed: spareSeed, slow: 3 * time.Second}
		r.person = who.read
		carol := asker("carol", carolARN, "AWS:carol")
		r.bindOK(carol, "", "")
		none := func(context.Context) (sts.Keys, error) {
			t.Error("a session was bought")
			return sts.Keys{}, nil
		}
		_, err := r.Enroll(t.Context(), carol, Enrolment{Hardware: "GAHT87654321", Token: "12345678", Session: none})
		var taken *binding.TakenError
		if !errors.As(err, &taken) || taken.By.Serial != carolARN || computed != 0 || len(who.asked) != 0 {
			t.Fatalf("by a credential that serves %s: %v after %d codes, asked %q", carolARN, err, computed, who.asked)
		}
		out, err := r.Enroll(t.Context(), carol, Enrolment{Hardware: "GAHT87654321", Session: r.sessionOf(carol)})
		if err != nil || out.Binding.Token != prompt.Serial("GAHT87654321") || out.Binding.Credential != "GAHT87654321" {
			t.Fatalf("enrolled %+v, %v", out, err)
		}
		if computed != 1 || len(who.asked) != 2 || len(r.aws.Requests("EnableMFADevice")) != 1 {
			t.Errorf("%d codes of the YubiKey, want the session's; asked %q", computed, who.asked)
		}
	})
}

// A countedToken counts the codes that it gives.
type countedToken struct {
	writableToken
	computed *int
}

func (t countedToken) Code(ctx context.Context, id string, at time.Time) (devices.Code, error) {
	*t.computed++
	return t.writableToken.Code(ctx, id, at)
}
