package policy

import (
	"strconv"
	"strings"
)

// decimal is a number, exact whatever its length: 0.d₀d₁d₂… × 10^point, where
// the digits are those of whole and then of fraction. Both are pieces of the
// text that it was read from.
type decimal struct {
	sign     int    // -1, 0 or 1
	whole    string // without leading zeros
	fraction string // without leading zeros where whole is empty
	point    int64
}

// parseDecimal reads a sign, digits with or without a point, and an exponent
// of 32 bits. Leading zeros and a leading plus are accepted (Captures).
func parseDecimal(s string) (decimal, bool) {
	d := decimal{sign: 1}
	if s != "" && (s[0] == '+' || s[0] == '-') {
		if s[0] == '-' {
			d.sign = -1
		}
		s = s[1:]
	}
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		n, err := strconv.ParseInt(s[i+1:], 10, 32)
		if err != nil {
			return decimal{}, false
		}
		d.point, s = n, s[:i]
	}
	whole, fraction, _ := strings.Cut(s, ".")
	if whole == "" && fraction == "" || !digits(whole) || !digits(fraction) {
		return decimal{}, false
	}
	d.whole, d.fraction = strings.TrimLeft(whole, "0"), strings.TrimRight(fraction, "0")
	d.point += int64(len(d.whole))
	if d.whole == "" {
		trimmed := strings.TrimLeft(d.fraction, "0")
		d.point -= int64(len(d.fraction) - len(trimmed))
		d.fraction = trimmed
	}
	if d.whole == "" && d.fraction == "" {
		return decimal{}, true
	}
	return d, true
}

func digits(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// digit returns d's digit i, zero beyond the last.
func (d *decimal) digit(i int) byte {
	switch {
	case i < len(d.whole):
		return d.whole[i]
	case i < len(d.whole)+len(d.fraction):
		return d.fraction[i-len(d.whole)]
	}
	return '0'
}

// compare returns -1, 0 or +1 as d is below, equal to or above e.
func (d decimal) compare(e decimal) int {
	if d.sign != e.sign || d.sign == 0 {
		return order(d.sign < e.sign, d.sign > e.sign)
	}
	if d.point != e.point {
		return d.sign * order(d.point < e.point, true)
	}
	for i := 0; i < len(d.whole)+len(d.fraction) || i < len(e.whole)+len(e.fraction); i++ {
		if a, b := d.digit(i), e.digit(i); a != b {
			return d.sign * order(a < b, true)
		}
	}
	return 0
}

func order(below, above bool) int {
	switch {
	case below:
		return -1
	case above:
		return 1
	}
	return 0
}
