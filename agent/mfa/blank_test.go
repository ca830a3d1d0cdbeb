package mfa

import (
	"context"
	"encoding/base32"
	"errors"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fob-auth/fob/agent/api"
	"github.com/fob-auth/fob/devices"
	"github.com/fob-auth/fob/devices/serialfob"
	"github.com/fob-auth/fob/sts"
)

// A blankToken is a software fob that takes one seed, and has its serial from
// then on.
type blankToken struct {
	clockedToken
	// flaw goes before the seed that it is given.
	flaw []byte
	// wiped, where it points to true, has its next listing find it wiped.
	wiped *bool
}

func blankFob(port string, ahead time.Duration) blankToken {
	t := serialFob(serialfob.BlankPrefix+port, "", ahead)
	clear(t.creds)
	return blankToken{clockedToken: t, wiped: new(bool)}
}

func (t blankToken) Credentials(ctx context.Context) ([]devices.Credential, error) {
	if *t.wiped {
		*t.wiped = false
		t.mu.Lock()
		defer t.mu.Unlock()
		t.info.Serial = serialfob.BlankPrefix + "a"
		clear(t.creds)
		return nil, devices.ErrRemoved
	}
	return t.clockedToken.Credentials(ctx)
}

func (t blankToken) Put(_ context.Context, c devices.NewCredential) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.creds) > 0 {
		return devices.ErrFull
	}
	seed := base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(append(t.flaw, c.Secret...))
	t.info.Serial, t.creds[c.ID] = c.ID, softCredential{c.Credential, seed}
	return nil
}

func (t blankToken) Delete(context.Context, string) error { return devices.ErrUnsupported }

func TestEnrolABlankFob(t *testing.T) {
	for _, name := range []string{"", "fob1", serialfob.BlankPrefix + "fob1"} {
		synctest.Test(t, func(t *testing.T) {
			fob := blankFob("fob1", -7*time.Second)
			r := newRig(t, softDriver{"a": fob, "b": serialFob(fobSerial, daveSeed, 0)})
			erin := asker("erin", "", "AWS:erin")
			begin := time.Now()
			b, err := r.enrol(erin, Enrolment{Token: name})
			if err != nil {
				t.Fatal(err)
			}
			if waited := time.Since(begin); waited > time.Minute {
				t.Errorf("the enrolment took %v, want two codes' time", waited)
			}
			if !r.noted(api.EventWaiting) {
				t.Error("nobody was told of the wait for the second code")
			}
			if !regexp.MustCompile(`^VMFA[0-9]{8}$`).MatchString(b.Token) || b.Credential != b.Token || b.Token != fob.info.Serial {
				t.Errorf("bound to credential %q on token %q; the fob is %q", b.Credential, b.Token, fob.info.Serial)
			}
			erin.MFASerial = b.Device.Serial
			if _, err := r.make(erin); err != nil {
				t.Fatal(err)
			}
			if enabled, made := len(r.aws.Requests("EnableMFADevice")), len(r.aws.Requests("GetSessionToken")); enabled != 1 || made != 1 {
				t.Errorf("enabled %d times, %d sessions; want one each", enabled, made)
			}
		})
	}
}

// TestWipedFobIsEnrolledAgain: a fob whose word that it was wiped was lost is
// looked at before it is refused; one that has its seed is refused with what
// helps, by whose it is.
func TestWipedFobIsEnrolledAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fob := blankFob("a", 0)
		r := newRig(t, softDriver{"a": fob})
		erin := asker("erin", "", "")
		b, err := r.enrol(erin, Enrolment{Token: "a"})
		if err != nil {
			t.Fatal(err)
		}
		own := erin
		own.MFASerial = b.Device.Serial
		for _, test := range []struct {
			asker      Asker
			says, hint string
		}{
			{own, "has its seed already", "'fob unenroll --profile erin'"},
			{asker("carol", carolARN, ""), "it is bound to MFA device " + b.Device.Serial, "'fob unenroll --profile PROFILE'"},
		} {
			_, err = r.writable(t.Context(), test.asker, b.Token)
			var told *api.Error
			if !errors.As(err, &told) || !strings.Contains(told.Message, test.says) || !strings.Contains(told.Hint, test.hint) {
				t.Errorf("sealed: %+v", told)
			}
		}
		*fob.wiped = true
		again, err := r.writable(t.Context(), own, b.Token)
		if err != nil || again.Serial != serialfob.BlankPrefix+"a" {
			t.Errorf("wiped: %+v, %v", again, err)
		}
	})
}

func TestSealedFobCantBeEnrolled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, softDriver{"a": serialFob(fobSerial, daveSeed, 0)})
		_, err := r.Enroll(t.Context(), asker("erin", "", ""), Enrolment{Token: fobSerial})
		var told *api.Error
		if !errors.As(err, &told) || told.Code != api.NoToken {
			t.Errorf("got %v, want no token that takes credentials", err)
		}
		if n := len(r.aws.Requests("CreateVirtualMFADevice")); n != 0 {
			t.Errorf("%d devices were made for nothing", n)
		}
	})
}

func TestBlankFobTakesNoTouch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fob := blankFob("fob1", 0)
		r := newRig(t, softDriver{"a": fob})
		_, err := r.Enroll(t.Context(), asker("erin", "", ""), Enrolment{Touch: true})
		var told *api.Error
		if !errors.As(err, &told) || told.Code != api.BadRequest || len(fob.creds) != 0 {
			t.Errorf("got %v, want a bad request and an untouched fob", err)
		}
	})
}

func TestFailedEnrolmentOfABlankFobSaysWhatHelps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fob := blankFob("fob1", 0)
		fob.flaw = []byte{1}
		r := newRig(t, softDriver{"a": fob})
		_, err := r.Enroll(t.Context(), asker("erin", "", ""), Enrolment{})
		var refusal *sts.Refusal
		if !errors.As(err, &refusal) || refusal.Class != sts.WrongPair {
			t.Fatalf("got %v, want AWS's refusal of the pair", err)
		}
		var told *api.Error
		if !errors.As(err, &told) || !strings.Contains(told.Message, fob.info.Serial) || !strings.Contains(told.Hint, "ten seconds") {
			t.Errorf("told %+v, want the fob's serial and its button", told)
		}
		if n := len(r.aws.Requests("DeleteVirtualMFADevice")); n != 1 {
			t.Errorf("the device was deleted %d times, want once", n)
		}
		// Its port's name in the rig is "a".
		_, err = r.Enroll(t.Context(), asker("erin", "", ""), Enrolment{Token: "a"})
		if !errors.As(err, &told) || told.Code != api.NoToken || !strings.Contains(told.Hint, "ten seconds") {
			t.Errorf("got %v, want to hear of the button again", err)
		}
		if list, err := r.Bindings.All(t.Context()); err != nil || len(list) != 0 {
			t.Errorf("bindings %v, error %v", list, err)
		}
	})
}
