package clock

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestParse(t *testing.T) {
	for text, movable := range map[string]bool{"": false, "system": false, "manual=2026-09-01T00:00:00Z": true, "offset=-40s": true, "offset=0s": true} {
		c, err := Parse(text)
		if err != nil || c.Movable() != movable {
			t.Errorf("%q: %v", text, err)
		}
	}
	for _, text := range []string{"manual", "manual=", "manual=today", "offset", "offset=x", "System", "ntp=pool"} {
		if _, err := Parse(text); err == nil {
			t.Errorf("%q is accepted", text)
		}
	}
}

func TestClocks(t *testing.T) {
	start := time.Date(2026, 9, 1, 0, 0, 0, 0, time.FixedZone("x", 3600))
	synctest.Test(t, func(t *testing.T) {
		host := time.Now()
		system, manual, offset := System(), Manual(start), Offset(time.Hour)
		check := func(step string, c *Clock, want time.Time) {
			t.Helper()
			if got := c.Now(); !got.Equal(want) || got.Location() != time.UTC {
				t.Errorf("%s: %v, want %v in UTC", step, got, want)
			}
		}
		move := func(err error) {
			t.Helper()
			if err != nil {
				t.Error(err)
			}
		}
		time.Sleep(time.Minute)
		host = host.Add(time.Minute)
		check("system", system, host)
		check("manual stands", manual, start)
		check("offset runs", offset, host.Add(time.Hour))

		move(manual.Advance(-time.Second))
		check("manual back", manual, start.Add(-time.Second))
		move(manual.Set(start.AddDate(1, 0, 0)))
		check("manual set", manual, start.AddDate(1, 0, 0))
		move(offset.Advance(90 * time.Second))
		check("offset moved", offset, host.Add(time.Hour+90*time.Second))
		move(offset.Set(start))
		time.Sleep(time.Second)
		check("offset runs on", offset, start.Add(time.Second))

		for _, c := range []*Clock{manual, offset} {
			if err := c.Set(time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)); c == offset && !errors.Is(err, ErrRange) || c == manual && err != nil {
				t.Errorf("the year 9999: %v", err)
			}
			move(c.Set(start))
			for range 200 { // beyond what an offset can hold, and what four digits can
				if err := c.Advance(50 * 365 * 24 * time.Hour); err != nil && !errors.Is(err, ErrRange) {
					t.Errorf("advanced: %v", err)
				}
			}
			if year := c.Now().Year(); c == offset && year > host.Year()+292 || year < 2200 || year > 9999 {
				t.Errorf("the year is %d", year)
			}
		}
		if err := system.Set(start); !errors.Is(err, ErrFixed) {
			t.Errorf("system set: %v", err)
		}
		if err := system.Advance(1); !errors.Is(err, ErrFixed) {
			t.Errorf("system advanced: %v", err)
		}
	})
}
