package fob

import (
	"strings"
	"testing"
	"time"

	"github.com/fob-auth/fob/agent/api"
)

// drifting is a clock that gained 2 s a day for twenty days.
func drifting() api.Drift {
	d := api.Drift{Token: "GAHT1", OwnClock: true, State: api.DriftWarn, OffsetSeconds: 40, ResidualSeconds: 40, AdjustmentKnown: true,
		RatePPM: 2 / 0.0864, RateErrorPPM: 0.2, Readings: 21, ResyncDue: true, Hint: "run 'fob resync --profile dave'"}
	for i := range 21 {
		d.History = append(d.History, api.DriftReading{At: noon.AddDate(0, 0, i), OffsetSeconds: float64(2 * i)})
	}
	d.Leaves = noon.AddDate(0, 0, 30)
	return d
}

func TestPlot(t *testing.T) {
	var b page
	plot(&b, drifting())
	lines := strings.Split(strings.TrimSuffix(string(b.bytes()), "\n"), "\n")
	if len(lines) != plotHeight+3 {
		t.Fatalf("%d lines:\n%s", len(lines), b.bytes())
	}
	chart := lines[2 : 2+plotHeight]
	line := func(seconds int) string { return chart[(int(plotTop)-seconds)/int(plotStep)][7:] }
	if !strings.HasPrefix(line(0), "*") {
		t.Errorf("it didn't begin in the middle: %q", line(0))
	}
	// It is at 40 s after two thirds of the time, and at the edge at its end.
	if at := strings.LastIndexByte(line(40), '*'); at < plotWidth/2 || at > plotWidth*3/4 {
		t.Errorf("40 s at %d of %d: %q", at, plotWidth, line(40))
	}
	if !strings.HasSuffix(line(60), "·") || !strings.HasPrefix(line(60), "-") {
		t.Errorf("the edge: %q", line(60))
	}
	if !strings.Contains(lines[len(lines)-1], noon.Local().Format(time.DateOnly)) {
		t.Errorf("no date: %q", lines[len(lines)-1])
	}
}

// A clock that isn't shown is where its last reading leads to: that one, of days
// ago, is drawn where it was.
func TestPlotOfAnOldReading(t *testing.T) {
	d := drifting()
	d.History = d.History[:11] // ten days old, at 20 s
	var b page
	plot(&b, d)
	chart := strings.Split(string(b.bytes()), "\n")[2:]
	line := func(seconds int) string { return chart[(int(plotTop)-seconds)/int(plotStep)][7:] }
	if !strings.HasPrefix(line(0), "*") || !strings.Contains(line(20), "*") || strings.Contains(line(40), "*") {
		t.Errorf("readings from 0 to 20 s aren't drawn there:\n%s", b.bytes())
	}
	if !strings.HasSuffix(line(60), "·") {
		t.Errorf("it doesn't leave at the edge:\n%s", b.bytes())
	}
}

func TestPlotOfAlmostNothing(t *testing.T) {
	var b page
	plot(&b, api.Drift{Token: "12345678"})
	if len(b.bytes()) != 0 {
		t.Errorf("a clock without readings: %s", b.bytes())
	}
	far := api.Drift{Token: "GAHT1", State: api.DriftOutside, ResidualSeconds: -1e9, OffsetSeconds: -1e9, RatePPM: -1e6,
		History: []api.DriftReading{{At: noon, OffsetSeconds: -1e9}}}
	plot(&b, far)
	if !strings.Contains(string(b.bytes()), "*") {
		t.Errorf("a clock far away isn't drawn:\n%s", b.bytes())
	}
}

func TestDriftInColumns(t *testing.T) {
	d := drifting()
	if got := rate(d); got != "+23.1±0.2 ppm" {
		t.Errorf("rate %q", got)
	}
	if got, want := leaves(d), d.Leaves.Local().Format(time.DateOnly); got != want {
		t.Errorf("leaves %q, want %q", got, want)
	}
	d.Leaves, d.LeavesEarliest = time.Time{}, noon
	if got := leaves(d); !strings.HasPrefix(got, "after ") {
		t.Errorf("leaves %q", got)
	}
	for _, c := range []struct {
		known     bool
		low, high int
		want      string
	}{{true, -3, -3, "-3 steps"}, {true, -2, 2, "-2 to +2 steps"}, {false, 0, 0, "unknown"}} {
		d := api.Drift{AdjustmentKnown: c.known, Adjustment: (c.low + c.high) / 2, AdjustmentLow: c.low, AdjustmentHigh: c.high}
		if got := adjustment(d); got != c.want {
			t.Errorf("adjustment %q, want %q", got, c.want)
		}
	}
	for _, c := range []struct {
		change func(*api.Drift)
		want   string
	}{
		{func(*api.Drift) {}, "time for a resync"},
		{func(d *api.Drift) { d.AutoResync = true }, "the agent resyncs it"},
		{func(d *api.Drift) { d.State = api.DriftOutside }, "brings it back"},
		{func(d *api.Drift) { d.ResyncDue = false }, "fob resync"},
		{func(d *api.Drift) { d.ResyncDue, d.Hint = false, "" }, ""},
	} {
		var b page
		d := drifting()
		c.change(&d)
		warn(&b, d)
		if got := string(b.bytes()); !strings.Contains(got, c.want) || c.want == "" && got != "" {
			t.Errorf("warned %q, want %q", got, c.want)
		}
	}
}
