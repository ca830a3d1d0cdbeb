package clock

import (
	"math"
	"testing"
	"testing/synctest"
	"time"
)

func p[T any](v T) *T { return &v }

func mustNew(t *testing.T, offset time.Duration, ppm float64) *Clock {
	t.Helper()
	c, err := New(time.Now, offset, ppm)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func mustChange(t *testing.T, c *Clock, ch Change) {
	t.Helper()
	if err := c.Change(ch); err != nil {
		t.Fatal(err)
	}
}

func wantOffset(t *testing.T, c *Clock, want time.Duration) {
	t.Helper()
	if got := c.State().Offset; got != want {
		t.Errorf("offset is %v, want %v", got, want)
	}
}

func TestClockRunsWithTheHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := mustNew(t, -40*time.Second, 0)
		wantOffset(t, c, -40*time.Second)
		time.Sleep(365 * 24 * time.Hour)
		wantOffset(t, c, -40*time.Second)
		if got, want := c.Now(), time.Now().Add(-40*time.Second); !got.Equal(want) {
			t.Errorf("now is %v, want %v", got, want)
		}
	})
}

func TestRateErrorAccumulatesFromWhenItWasSet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := mustNew(t, 0, 0)
		time.Sleep(time.Hour)
		before := c.Now()
		mustChange(t, c, Change{PPM: p(20.0)})
		if got := c.Now(); !got.Equal(before) {
			t.Errorf("a new rate made the clock jump by %v", got.Sub(before))
		}
		wantOffset(t, c, 0)

		time.Sleep(1_000_000 * time.Second)
		wantOffset(t, c, 20*time.Second)

		mustChange(t, c, Change{PPM: p(-100.0)})
		wantOffset(t, c, 20*time.Second)
		time.Sleep(100_000 * time.Second)
		wantOffset(t, c, 10*time.Second)

		mustChange(t, c, Change{PPM: p(0.0)})
		time.Sleep(24 * time.Hour)
		wantOffset(t, c, 10*time.Second)
	})
}

func TestOffsetAndAdvance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := mustNew(t, time.Minute, 20)
		time.Sleep(1_000_000 * time.Second)
		wantOffset(t, c, 80*time.Second)

		mustChange(t, c, Change{Advance: p(30 * time.Second)})
		wantOffset(t, c, 110*time.Second)
		mustChange(t, c, Change{Advance: p(-10 * time.Second)})
		wantOffset(t, c, 100*time.Second)

		// An offset is counted from the host's time, whatever was before, and
		// the rate goes on from there.
		mustChange(t, c, Change{Offset: p(-time.Second)})
		wantOffset(t, c, -time.Second)
		time.Sleep(1_000_000 * time.Second)
		wantOffset(t, c, 19*time.Second)

		mustChange(t, c, Change{Offset: p(time.Minute), Advance: p(time.Second)})
		wantOffset(t, c, 61*time.Second)
	})
}

func TestFreezeStopsAndGoesOnFromThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := mustNew(t, 0, 20)
		mustChange(t, c, Change{Freeze: p(true)})
		stood := c.Now()
		time.Sleep(time.Hour)
		if got := c.Now(); !got.Equal(stood) {
			t.Errorf("a frozen clock moved by %v", got.Sub(stood))
		}
		if s := c.State(); !s.Frozen || s.Offset != -time.Hour || s.PPM != 20 {
			t.Errorf("state of the frozen clock is %+v", s)
		}

		// A frozen clock is still moved by hand.
		mustChange(t, c, Change{Advance: p(time.Minute)})
		wantOffset(t, c, -59*time.Minute)

		mustChange(t, c, Change{Freeze: p(false)})
		wantOffset(t, c, -59*time.Minute)
		time.Sleep(1_000_000 * time.Second)
		wantOffset(t, c, -59*time.Minute+20*time.Second)
	})
}

func TestChangeOutOfBoundsChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := mustNew(t, time.Second, 1)
		for _, ch := range []Change{
			{Offset: p(-50 * 365 * 24 * time.Hour)},
			{Advance: p(time.Duration(math.MinInt64))},
			{Offset: p(time.Duration(math.MaxInt64)), Advance: p(time.Duration(math.MaxInt64)), PPM: p(2.0)},
			{PPM: p(MaxPPM + 1.0)},
			{PPM: p(math.NaN())},
			{PPM: p(math.Inf(-1))},
			{Freeze: p(true), Advance: p(time.Hour), PPM: p(math.Inf(1))},
		} {
			if err := c.Change(ch); err == nil {
				t.Errorf("%+v was accepted", ch)
			}
		}
		if s := c.State(); s.Offset != time.Second || s.PPM != 1 || s.Frozen {
			t.Errorf("a refused change left %+v", s)
		}
		if _, err := New(time.Now, 0, MaxPPM+1); err == nil {
			t.Error("New took a rate out of bounds")
		}
	})
}
