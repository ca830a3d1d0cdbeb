package mfa

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/fob-auth/fob/devices"
)

// TestCodeIsValidByTheHostsClock takes codes of tokens whose clocks are off, on
// hosts whose own are: what is told of a code is when it comes and goes by the
// host's clock, which callers read.
func TestCodeIsValidByTheHostsClock(t *testing.T) {
	yk := yubikey("12345678", totp("AWS:carol", carolSeed))
	carol, dave := asker("carol", carolARN, "AWS:carol"), asker("dave", fobSerial, "")
	for name, c := range map[string]struct {
		asker Asker
		token devices.Token
		// ahead is the clock that the codes are of, less the host's; skew AWS's
		// less the host's.
		ahead, skew time.Duration
	}{
		"told the time":                   {carol, yk, 0, 0},
		"told the time by AWS":            {carol, yk, 7*time.Minute + 11*time.Second, 7*time.Minute + 11*time.Second},
		"slow":                            {dave, serialFob(fobSerial, daveSeed, -40*time.Second), -40 * time.Second, 0},
		"fast":                            {dave, serialFob(fobSerial, daveSeed, 17*time.Second), 17 * time.Second, 0},
		"slower than AWS, not the host's": {dave, serialFob(fobSerial, daveSeed, 6*time.Minute), 6 * time.Minute, 7 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, softDriver{"a": c.token})
				r.aws.Advance(c.skew)
				time.Sleep(10 * time.Second) // no clock is near a step's end
				r.bindOK(c.asker, "", "")
				found, err := r.Find(t.Context(), c.asker)
				if err != nil {
					t.Fatal(err)
				}
				for _, peek := range []bool{true, false} {
					got, err := r.Code(t.Context(), c.asker, found, peek)
					if err != nil {
						t.Fatal(err)
					}
					begins := time.Now().Add(c.ahead).Truncate(30 * time.Second).Add(-c.ahead)
					// AWS tells its time to the second.
					if got.ValidFrom.Sub(begins).Abs() > time.Second || got.ValidUntil.Sub(got.ValidFrom) != 30*time.Second {
						t.Errorf("at %s valid from %s until %s, want from %s", time.Now(), got.ValidFrom, got.ValidUntil, begins)
					}
				}
			})
		})
	}
}
