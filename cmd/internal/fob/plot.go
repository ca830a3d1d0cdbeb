package fob

import (
	"math"
	"strings"
	"time"

	"github.com/fob-auth/fob/agent/api"
)

// What a plot shows: time from left to right, the clock's distance from the
// middle of AWS's window from +90 s down to −90 s, 10 s a line.
const (
	plotWidth  = 64
	plotTop    = 90.0
	plotStep   = 10.0
	plotHeight = int(2*plotTop/plotStep) + 1
	// windowEdge is where codes begin to be refused, either way.
	windowEdge = 60.0
)

// plot draws the readings of a clock as '*', and the way it will go as '·' up
// to the day it leaves the window. Readings from before the last resync are
// drawn against the window as it lies now; what is off the paper is at its
// edge.
func plot(b *page, d api.Drift) {
	if len(d.History) == 0 {
		return
	}
	b.line("")
	b.line("token %s: seconds from the middle of AWS's window", d.Token)
	from, to := span(d)
	paper := make([][]rune, plotHeight)
	for i := range paper {
		paper[i] = []rune(strings.Repeat(background(i), plotWidth))
	}
	put := func(at time.Time, seconds float64, mark rune) {
		column := int(at.Sub(from).Seconds() / to.Sub(from).Seconds() * (plotWidth - 1))
		line := int(math.Round((plotTop - seconds) / plotStep))
		paper[min(max(line, 0), plotHeight-1)][min(max(column, 0), plotWidth-1)] = mark
	}
	// The middle of the window, as an offset. The last reading of a clock that
	// isn't shown may be of long ago.
	last := d.History[len(d.History)-1]
	middle := d.OffsetSeconds - d.ResidualSeconds
	for i := range plotWidth {
		at := from.Add(time.Duration(float64(to.Sub(from)) * float64(i) / (plotWidth - 1)))
		if ahead := at.Sub(last.At).Seconds(); ahead > 0 {
			put(at, last.OffsetSeconds-middle+ahead*d.RatePPM/1e6, '·')
		}
	}
	for _, r := range d.History {
		put(r.At, r.OffsetSeconds-middle, '*')
	}
	for i, line := range paper {
		b.line("%+4.0f s %s", plotTop-float64(i)*plotStep, string(line))
	}
	const date = "2006-01-02"
	b.line("       %s%s%s", from.Local().Format(date), strings.Repeat(" ", plotWidth-2*len(date)), to.Local().Format(date))
}

// span is the time that a plot shows: from the first reading to the day the
// clock leaves the window, but at most thrice as long as it was read.
func span(d api.Drift) (from, to time.Time) {
	from, to = d.History[0].At, d.History[len(d.History)-1].At
	read := max(to.Sub(from), 24*time.Hour)
	to = to.Add(read / 4)
	if d.Leaves.After(to) {
		to = d.Leaves
	}
	if longest := from.Add(3 * read); to.After(longest) {
		to = longest
	}
	return from, to
}

// background is what a line of a plot has where nothing is drawn.
func background(line int) string {
	switch math.Abs(plotTop - float64(line)*plotStep) {
	case windowEdge:
		return "-"
	case 0:
		return "."
	}
	return " "
}
