package mfa

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fob-auth/fob/agent/api"
	"github.com/fob-auth/fob/devices"
	"github.com/fob-auth/fob/sts"
	"github.com/fob-auth/fob/sts/resync"
)

// A facelessFob has a clock and doesn't show it.
type facelessFob struct{ *softToken }

func (f facelessFob) Code(ctx context.Context, id string, at time.Time) (devices.Code, error) {
	code, err := f.softToken.Code(ctx, id, at)
	code.Counter = resync.Counter(time.Now())
	return code, err
}

// Of a fob that shows no clock, the moments when its digits change tell how it
// drifts; it is resynced in time, and no code of it is refused.
func TestAFobWithoutAFace(t *testing.T) {
	for _, daily := range []time.Duration{8 * time.Second, -1500 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			fob := facelessFob{serialFob(fobSerial, daveSeed, -12*time.Second).softToken}
			r, dave, wait := tended(t, fob, true)
			for range 30 {
				time.Sleep(24 * time.Hour)
				fob.turn(daily)
				if _, err := r.make(dave); err != nil {
					t.Fatal(err)
				}
				wait()
			}
			for _, row := range r.aws.Requests("GetSessionToken") {
				if row["mfa_outcome"] != "accepted" {
					t.Errorf("%v", row)
				}
			}
			want := daily.Seconds() / 0.0864
			if d := r.driftNow(dave); math.Abs(d.RatePPM-want) > 0.5 || d.State == api.DriftOutside || d.Break != nil {
				t.Errorf("want %.1f ppm: %+v", want, d)
			}
			if pairs := len(r.aws.Requests("ResyncMFADevice")); pairs < 2 {
				t.Errorf("%d resyncs", pairs-1)
			}
		})
	}
}

// Where it jumps by whole steps nothing is to be seen, and one code is refused.
func TestAFobWithoutAFaceJumps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fob := facelessFob{serialFob(fobSerial, daveSeed, 4*time.Second).softToken}
		r := newRig(t, softDriver{"a": fob})
		dave := asker("dave", fobSerial, "")
		dave.AutoResync = true
		r.bindOK(dave, "", "")
		for range 2 {
			if _, err := r.make(dave); err != nil {
				t.Fatal(err)
			}
			time.Sleep(24 * time.Hour)
			fob.turn(20 * resync.Step)
		}
		if _, err := r.make(dave); err != nil {
			t.Fatal(err)
		}
		refused := 0
		for _, row := range r.aws.Requests("GetSessionToken") {
			if row["mfa_outcome"] != "accepted" {
				refused++
			}
		}
		if pairs := len(r.aws.Requests("ResyncMFADevice")); refused != 2 || pairs != 2 {
			t.Errorf("two jumps: %d codes refused, %d resyncs", refused, pairs)
		}
	})
}

// A pressFob tells its time with its codes alone, each of which wants a press
// that takes a while.
type pressFob struct {
	*softToken
	presses *int
}

func (f pressFob) Code(ctx context.Context, id string, at time.Time) (devices.Code, error) {
	*f.presses++
	time.Sleep(9 * time.Second)
	code, err := f.softToken.Code(ctx, id, at)
	code.Clock = time.Now().Add(f.ahead)
	return code, err
}

func newPressFob(ahead time.Duration) pressFob {
	fob := serialFob(fobSerial, daveSeed, ahead).softToken
	wanting := fob.creds[fobSerial]
	wanting.Touch = true
	fob.creds[fobSerial] = wanting
	return pressFob{fob, new(int)}
}

// Of a fob whose clock comes with its codes alone, each press is a code that
// serves, whatever step it turns out to be of, and a reading of its clock.
func TestAFobThatTellsItsTimeWithAPress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fob := newPressFob(35 * time.Second)
		r := newRig(t, softDriver{"a": fob})
		dave := asker("dave", fobSerial, "")
		r.bindOK(dave, "", "")
		if d := r.driftNow(dave); d.State != api.DriftUnknown || *fob.presses != 0 {
			t.Errorf("before any press, of which there were %d: %+v", *fob.presses, d)
		}
		const days = 30
		for range days {
			if _, err := r.make(dave); err != nil {
				t.Fatal(err)
			}
			time.Sleep(24*time.Hour + 7*time.Second)
			fob.turn(-2 * time.Second)
		}
		for _, row := range r.aws.Requests("GetSessionToken") {
			if row["mfa_outcome"] != "accepted" {
				t.Errorf("%v", row)
			}
		}
		if d := r.driftNow(dave); *fob.presses != days || math.Abs(d.RatePPM+2/0.0864) > 0.5 || d.Readings < days-1 || d.State != api.DriftOK || d.Break != nil {
			t.Errorf("after %d presses on %d days: %+v", *fob.presses, days, d)
		}
	})
}

// Its first code may tell that it is outside: the code stays home, and a resync
// by presses helps.
func TestAPressTellsOfAClockOutside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fob := newPressFob(0)
		r := newRig(t, softDriver{"a": fob})
		dave := asker("dave", fobSerial, "")
		r.bindOK(dave, "", "")
		if _, err := r.make(dave); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		fob.turn(5 * time.Minute)
		*fob.presses = 0
		if told := r.refused(dave, api.Drifted); !strings.Contains(told.Message, "5m0s off") || *fob.presses != 1 {
			t.Errorf("%d presses: %s", *fob.presses, told.Message)
		}
		if _, err := r.Resync(t.Context(), dave); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if _, err := r.make(dave); err != nil {
			t.Fatal(err)
		}
		refused := 0
		for _, row := range r.aws.Requests("GetSessionToken") {
			if row["mfa_outcome"] != "accepted" {
				refused++
			}
		}
		if refused > 0 {
			t.Errorf("%d codes were sent in vain", refused)
		}
	})
}

// A slowFob is pressed a step later than it was asked, each time.
type slowFob struct {
	clockedToken
	presses *int
}

func (f slowFob) Code(ctx context.Context, id string, at time.Time) (devices.Code, error) {
	*f.presses++
	time.Sleep(resync.Step)
	return f.clockedToken.Code(ctx, id, at)
}

// The code of a late press serves: nobody presses again for it.
func TestALatePressIsEnough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fob := slowFob{serialFob(fobSerial, daveSeed, 0), new(int)}
		r := newRig(t, softDriver{"a": fob})
		dave := asker("dave", fobSerial, "")
		r.bindOK(dave, "", "")
		got, err := r.make(dave)
		if err != nil || got.Counter != resync.Counter(time.Now()) || *fob.presses != 1 {
			t.Fatalf("counter %d at %d after %d presses, %v", got.Counter, resync.Counter(time.Now()), *fob.presses, err)
		}
		if rows := r.aws.Requests("GetSessionToken"); len(rows) != 1 || rows[0]["mfa_outcome"] != "accepted" {
			t.Errorf("%v", rows)
		}
		// The counter is the code's own: it can't be had a second time.
		if spent, err := r.Ledger.Spent(t.Context(), sts.Device{Endpoint: endpoint, Account: "111122223333", Serial: fobSerial}, fobSerial, fobSerial, got.Counter-1, got.Counter); err != nil || !slices.Equal(spent, []uint64{got.Counter}) {
			t.Errorf("spent: %v, %v", spent, err)
		}
	})
}
