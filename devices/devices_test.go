package devices_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/fob-auth/fob/devices"
)

func TestCodeKnowsItsStep(t *testing.T) {
	for _, test := range []struct {
		counter    uint64
		period     time.Duration
		start, end string
	}{
		{0, 30 * time.Second, "1970-01-01T00:00:00Z", "1970-01-01T00:00:30Z"},
		{0x23523EC, 30 * time.Second, "2005-03-18T01:58:00Z", "2005-03-18T01:58:30Z"}, // RFC 6238, appendix B
		{0x27BC86AA, 30 * time.Second, "2603-10-11T11:33:00Z", "2603-10-11T11:33:30Z"},
		{3, time.Minute, "1970-01-01T00:03:00Z", "1970-01-01T00:04:00Z"},
	} {
		code := devices.Code{Counter: test.counter, Period: test.period}
		if start, end := code.Start().Format(time.RFC3339), code.End().Format(time.RFC3339); start != test.start || end != test.end {
			t.Errorf("step %d of %v is from %s to %s, want %s to %s", test.counter, test.period, start, end, test.start, test.end)
		}
	}
}

func TestErrorSaysWhatWasTriedOnWhat(t *testing.T) {
	var err error = &devices.Error{Op: "read the clock", Token: "GAHT12345678", Err: context.DeadlineExceeded}
	if want := "read the clock on token GAHT12345678: context deadline exceeded"; err.Error() != want {
		t.Errorf("error is %q, want %q", err, want)
	}
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Error("the cause can't be found")
	}
}
