package mfa

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fob-auth/fob/agent/api"
	"github.com/fob-auth/fob/devices"
	"github.com/fob-auth/fob/sts/resync"
)

// A moodyFob refuses what its mood is against.
type moodyFob struct {
	clockedToken
	mood *mood
}

type mood struct {
	clock error
	// codes are what comes of the next codes; nil is a code.
	codes []error
}

func (t moodyFob) Time(ctx context.Context) (time.Time, error) {
	if t.mood.clock != nil {
		return time.Time{}, &devices.Error{Op: "read the clock", Token: t.info.Serial, Err: t.mood.clock}
	}
	return t.clockedToken.Time(ctx)
}

func (t moodyFob) Code(ctx context.Context, id string, at time.Time) (devices.Code, error) {
	if len(t.mood.codes) > 0 {
		err := t.mood.codes[0]
		t.mood.codes = t.mood.codes[1:]
		if err != nil {
			return devices.Code{}, &devices.Error{Op: "compute a code", Token: id, Err: err}
		}
	}
	return t.clockedToken.Code(ctx, id, at)
}

// TestDriftOfOneThatLostItsTime: it is told what became of the fob and what
// helps, and the clocks of the others are told as ever.
func TestDriftOfOneThatLostItsTime(t *testing.T) {
	for name, test := range map[string]struct {
		clock error
		state api.DriftState
		says  string
		hint  string
	}{
		"lost":   {devices.ErrClockLost, api.DriftLost, "lost its time", "'fob unenroll --profile carol'"},
		"silent": {devices.ErrSilent, api.DriftUnread, "doesn't answer", "fob tokens"},
	} {
		synctest.Test(t, func(t *testing.T) {
			const serial = "VMFA00000001"
			moody := moodyFob{serialFob(serial, carolSeed, 0), &mood{}}
			r := newRig(t, softDriver{"a": moody, "b": serialFob(fobSerial, daveSeed, 0)})
			carol, dave := asker("carol", carolARN, serial), asker("dave", fobSerial, "")
			r.bindOK(carol, "", "")
			r.bindOK(dave, "", "")
			moody.mood.clock = test.clock
			for _, alone := range []bool{false, true} {
				askers := []Asker{carol, dave}
				if alone {
					askers = askers[:1]
				}
				list, err := r.Drift(t.Context(), askers)
				if alone && test.state == api.DriftUnread {
					if !errors.Is(err, test.clock) {
						t.Errorf("%s, none else: %v, %v", name, list, err)
					}
					continue
				}
				if err != nil || len(list) != len(askers) {
					t.Fatalf("%s: %v, %v", name, list, err)
				}
				for _, d := range list {
					want := test.state
					if d.Token == fobSerial {
						want = api.DriftUnknown // it has given no code yet
					}
					if d.State != want {
						t.Errorf("%s: %+v", name, d)
					}
					if d.Token == serial && (!strings.Contains(d.Message, serial) || !strings.Contains(d.Message, test.says) || !strings.Contains(d.Hint, test.hint)) {
						t.Errorf("%s: %q, hint %q", name, d.Message, d.Hint)
					}
				}
			}
			if test.state == api.DriftLost {
				if told := r.refused(carol, api.Drifted); !strings.Contains(told.Message, test.says) || !strings.Contains(told.Hint, test.hint) {
					t.Errorf("a session: told %+v", told)
				}
			}
		})
	}
}

// TestFobThatLimitsItsCodes: it is waited for, while that isn't for long and
// not for ever.
func TestFobThatLimitsItsCodes(t *testing.T) {
	soon, late := &devices.RateError{After: 5 * time.Second}, &devices.RateError{After: time.Hour}
	for name, test := range map[string]struct {
		codes []error
		want  time.Duration // that it waited, at least; 0 where it gave up
	}{
		"once":    {[]error{soon}, 5 * time.Second},
		"thrice":  {[]error{soon, soon, soon}, 15 * time.Second},
		"always":  {[]error{soon, soon, soon, soon}, 0},
		"an hour": {[]error{late}, 0},
	} {
		for _, pair := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				moody := moodyFob{serialFob(fobSerial, daveSeed, 0), &mood{}}
				r := newRig(t, softDriver{"a": moody})
				dave := asker("dave", fobSerial, "")
				r.bindOK(dave, "", "")
				time.Sleep(resync.Step)
				moody.mood.codes = test.codes
				begin := time.Now()
				_, err := r.make(dave)
				if pair {
					begin = time.Now()
					moody.mood.codes = append([]error{nil}, test.codes...)
					_, err = r.Resync(t.Context(), dave)
				}
				var limited *devices.RateError
				switch {
				case test.want == 0 && !errors.As(err, &limited):
					t.Errorf("%s, pair %t: %v", name, pair, err)
				case test.want > 0 && (err != nil || time.Since(begin) < test.want || !r.noted(api.EventWaiting)):
					t.Errorf("%s, pair %t: %v after %v", name, pair, err, time.Since(begin))
				}
			})
		}
	}
}
