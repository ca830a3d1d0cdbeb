package policy

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Wildcards in a compiled pattern. These bytes never occur in UTF-8, so that
// an asterisk that came out of ${*} or of a variable's value stays a character.
const (
	starByte = 0xFF // any number of characters
	oneByte  = 0xFE // one UTF-16 unit (Captures)
)

// glob is a compiled pattern with the wildcards * and ?.
type glob struct {
	pattern string // with starByte and oneByte
	head    int    // how much of pattern stands before the first wildcard
}

var wildcards = strings.NewReplacer("*", string([]byte{starByte}), "?", string([]byte{oneByte}))

func compileGlob(text string) glob { return newGlob(wildcards.Replace(text)) }

// newGlob takes a pattern whose wildcards are already bytes.
func newGlob(pattern string) glob {
	g := glob{pattern: pattern}
	for g.head < len(pattern) && pattern[g.head] < oneByte {
		g.head++
	}
	return g
}

func (g *glob) match(s string) bool {
	if g.head == len(g.pattern) {
		return s == g.pattern
	}
	if !strings.HasPrefix(s, g.pattern[:g.head]) {
		return false
	}
	rest := g.pattern[g.head:]
	return len(rest) == 1 && rest[0] == starByte || matchWild(rest, s[g.head:])
}

// matchWild matches with one point of return, the last star seen: an earlier
// star never has to take more, so the cost is at most len(p)·len(s).
func matchWild(p, s string) bool {
	if hasSupplementary(s) && strings.IndexByte(p, oneByte) >= 0 {
		p, s = splitSurrogates(p), splitSurrogates(s)
	}
	pi, si, star, mark := 0, 0, -1, 0
	for si < len(s) {
		switch {
		case pi < len(p) && p[pi] == starByte:
			star, mark = pi, si
			pi++
		case pi < len(p) && p[pi] == oneByte:
			pi++
			si += unitWidth(s, si)
		case pi < len(p) && p[pi] == s[si]:
			pi++
			si++
		case star >= 0:
			mark += unitWidth(s, mark)
			pi, si = star+1, mark
		default:
			return false
		}
	}
	for pi < len(p) && p[pi] == starByte {
		pi++
	}
	return pi == len(p)
}

// unitWidth is the number of bytes of the character at i: one for a byte that
// belongs to none, so that no text can hide what follows such a byte.
func unitWidth(s string, i int) int {
	if s[i] < utf8.RuneSelf {
		return 1
	}
	if _, w := utf8.DecodeRuneInString(s[i:]); w > 1 {
		return w
	}
	if i+2 < len(s) && s[i] == 0xED && s[i+1]&0xE0 == 0xA0 && s[i+2]&0xC0 == 0x80 {
		return 3 // a surrogate, from splitSurrogates
	}
	return 1
}

func hasSupplementary(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= 0xF0 {
			return true
		}
	}
	return false
}

// splitSurrogates writes each character beyond U+FFFF as its two surrogates,
// three bytes each, so that a character is a UTF-16 unit.
func splitSurrogates(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		r, w := utf8.DecodeRuneInString(s[i:])
		if hi, lo := utf16.EncodeRune(r); r != utf8.RuneError && w == 4 {
			for _, u := range [...]rune{hi, lo} {
				b.Write([]byte{0xE0 | byte(u>>12), 0x80 | byte(u>>6)&0x3F, 0x80 | byte(u)&0x3F})
			}
		} else {
			b.WriteString(s[i : i+w])
		}
		i += w
	}
	return b.String()
}
