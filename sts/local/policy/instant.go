package policy

import (
	"strconv"
	"strings"
)

// instant is a point in time at the precision of date conditions, which
// compare milliseconds (Captures).
type instant struct {
	seconds int64 // since 1970-01-01T00:00:00Z
	millis  int64 // 0…999
}

// Years that a date may have: those of a 64-bit count of milliseconds.
const (
	minYear = -292275054
	maxYear = 292278993
)

func (i instant) compare(j instant) int {
	switch {
	case i.seconds < j.seconds, i.seconds == j.seconds && i.millis < j.millis:
		return -1
	case i == j:
		return 0
	}
	return 1
}

// parseInstant reads a date in one of the forms of the W3C note "Date and
// Time Formats", as widely as IAM does (lower-case t and z, one-digit fields,
// no zone for UTC), or seconds since 1970. Four digits are a year.
func parseInstant(s string) (instant, bool) {
	if len(s) != 4 && !strings.ContainsAny(s, "-tT") || s == "" {
		return parseEpoch(s)
	}
	date, clock, timed := s, "", false
	if i := strings.IndexAny(s, "tT"); i >= 0 {
		date, clock, timed = s[:i], s[i+1:], true
	}
	days, ok := parseDate(date)
	if !ok {
		return instant{}, false
	}
	var t instant
	if timed && clock != "" {
		if t, ok = parseClock(clock); !ok {
			return instant{}, false
		}
	}
	t.seconds += days * 86400
	return t, true
}

// parseEpoch reads seconds since 1970, with or without a fraction.
func parseEpoch(s string) (instant, bool) {
	whole, fraction, _ := strings.Cut(s, ".")
	seconds, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || seconds < 0 || whole[0] == '+' {
		return instant{}, false
	}
	millis, ok := parseMillis(fraction)
	return instant{seconds: seconds, millis: millis}, ok
}

// parseMillis reads the digits after a decimal point.
func parseMillis(fraction string) (int64, bool) {
	if !digits(fraction) {
		return 0, false
	}
	n := int64(0)
	for i := 0; i < 3; i++ {
		n *= 10
		if i < len(fraction) {
			n += int64(fraction[i] - '0')
		}
	}
	return n, true
}

// parseDate reads year, year-month or year-month-day and returns the days
// since 1970-01-01.
func parseDate(s string) (int64, bool) {
	sign := int64(1)
	if rest, ok := strings.CutPrefix(s, "-"); ok {
		sign, s = -1, rest
	}
	yearText, rest, hasMonth := strings.Cut(s, "-")
	monthText, dayText, hasDay := strings.Cut(rest, "-")
	year, ok := parseField(yearText, 0, 999999999)
	if year *= sign; !ok || year < minYear || year > maxYear {
		return 0, false
	}
	month, day := int64(1), int64(1)
	if hasMonth {
		if month, ok = parseField(monthText, 1, 12); !ok {
			return 0, false
		}
	}
	if hasDay {
		if day, ok = parseField(dayText, 1, 31); !ok {
			return 0, false
		}
	}
	return civilDays(year, month, day), true
}

// parseClock reads hour[:minute[:second[.fraction]]] and a zone.
func parseClock(s string) (instant, bool) {
	offset := int64(0)
	if i := strings.IndexAny(s, "zZ+-"); i >= 0 {
		var ok bool
		if offset, ok = parseZone(s[i:]); !ok {
			return instant{}, false
		}
		s = s[:i]
	}
	hourText, rest, hasMinute := strings.Cut(s, ":")
	minuteText, secondText, hasSecond := strings.Cut(rest, ":")
	secondText, fraction, hasFraction := strings.Cut(secondText, ".")
	hour, ok := parseField(hourText, 0, 23)
	minute, second := int64(0), int64(0)
	if ok && hasMinute {
		minute, ok = parseField(minuteText, 0, 59)
	}
	if ok && hasSecond {
		second, ok = parseField(secondText, 0, 59)
	}
	if !ok || hasFraction && (fraction == "" || len(fraction) > 9) {
		return instant{}, false
	}
	millis, ok := parseMillis(fraction)
	return instant{seconds: hour*3600 + minute*60 + second - offset, millis: millis}, ok
}

// parseZone reads Z, ±hh or ±hh:mm and returns seconds east of UTC.
func parseZone(s string) (int64, bool) {
	if s == "z" || s == "Z" {
		return 0, true
	}
	sign := int64(1)
	if s[0] == '-' {
		sign = -1
	}
	hourText, minuteText, hasMinute := strings.Cut(s[1:], ":")
	if len(hourText) != 2 || hasMinute && len(minuteText) != 2 {
		return 0, false
	}
	hour, ok := parseField(hourText, 0, 23)
	minute := int64(0)
	if ok && hasMinute {
		minute, ok = parseField(minuteText, 0, 59)
	}
	return sign * (hour*3600 + minute*60), ok
}

// parseField reads one to nine digits within bounds.
func parseField(s string, low, high int64) (int64, bool) {
	if s == "" || len(s) > 9 || !digits(s) {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil && low <= n && n <= high
}

// civilDays counts the days from 1970-01-01 in the Gregorian calendar, whose
// cycle is 400 years of 146097 days. The year is taken to begin in March, so
// that a leap day is its last.
func civilDays(year, month, day int64) int64 {
	if month <= 2 {
		year--
		month += 12
	}
	cycle := year / 400
	if year < 0 {
		cycle = (year - 399) / 400
	}
	ofCycle := year - cycle*400
	ofYear := (153*(month-3)+2)/5 + day - 1
	return cycle*146097 + ofCycle*365 + ofCycle/4 - ofCycle/100 + ofYear - 719468
}
