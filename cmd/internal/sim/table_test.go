package sim

import (
	"fmt"
	"strings"
	"sync"
)

// A report is the table, in the order of the fleet.
type report struct {
	mu     sync.Mutex
	groups []string
	rows   map[string]*row
}

func newReport(plans []plan) *report {
	r := &report{rows: map[string]*row{}}
	for _, p := range plans {
		if r.rows[p.group] == nil {
			r.groups = append(r.groups, p.group)
			r.rows[p.group] = &row{}
		}
	}
	return r
}

// A row adds up the fobs of a group.
type row struct {
	fobs int
	tally
}

func (r *report) add(p plan, got *tally) {
	r.mu.Lock()
	defer r.mu.Unlock()
	sum := r.rows[p.group]
	sum.fobs++
	sum.days += got.days
	sum.lost += got.lost
	sum.told += got.told
	sum.codes += got.codes
	sum.refused += got.refused
	sum.exhausted += got.exhausted
	sum.pairs += got.pairs
	sum.pairsRefused += got.pairsRefused
	sum.worstRefused = max(sum.worstRefused, got.worstRefused)
	sum.forecasts += got.forecasts
	sum.worstForecast = max(sum.worstForecast, got.worstForecast)
}

// String is the table in Markdown, of the groups that had a fob.
func (r *report) String() string {
	var b strings.Builder
	b.WriteString("| clock | fobs | days | without a session | told why | codes | codes refused | most on a day | pairs | pairs refused | budget exhausted | forecasts | worst |\n")
	b.WriteString("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n")
	for _, g := range r.groups {
		s := r.rows[g]
		if s.fobs == 0 {
			continue
		}
		worst := "–"
		if s.forecasts > 0 {
			worst = fmt.Sprintf("%.1f %%", 100*s.worstForecast)
		}
		fmt.Fprintf(&b, "| %s | %d | %d | %d | %d | %d | %d | %d | %d | %d | %d | %d | %s |\n",
			g, s.fobs, s.days, s.lost, s.told, s.codes, s.refused, s.worstRefused, s.pairs, s.pairsRefused, s.exhausted, s.forecasts, worst)
	}
	return b.String()
}
