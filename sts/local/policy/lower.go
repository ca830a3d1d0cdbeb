package policy

import (
	"strings"
	"unicode"
)

// lower is the lower case that StringEqualsIgnoreCase compares (Captures): the
// full Unicode mapping rather than case folding, so that İ becomes two
// characters, and a capital sigma depends on its place in the word.
func lower(s string) string {
	if !strings.ContainsAny(s, "İΣ") {
		return strings.ToLower(s)
	}
	runes := []rune(s)
	var b strings.Builder
	for i, r := range runes {
		switch {
		case r == 'İ':
			b.WriteString("i\u0307")
		case r == 'Σ' && endsWord(runes, i):
			b.WriteRune('ς')
		default:
			b.WriteRune(unicode.ToLower(r))
		}
	}
	return b.String()
}

// endsWord says whether the letter at i has a cased letter before it and none
// after it, not counting what has no case (Unicode, 3.13, Final_Sigma).
func endsWord(runes []rune, i int) bool {
	before, after := i-1, i+1
	for before >= 0 && caseIgnorable(runes[before]) {
		before--
	}
	for after < len(runes) && caseIgnorable(runes[after]) {
		after++
	}
	return before >= 0 && cased(runes[before]) && (after == len(runes) || !cased(runes[after]))
}

func cased(r rune) bool {
	return unicode.In(r, unicode.Lu, unicode.Ll, unicode.Lt, unicode.Other_Lowercase, unicode.Other_Uppercase)
}

func caseIgnorable(r rune) bool {
	return unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf, unicode.Lm, unicode.Sk) || strings.ContainsRune("'.:·’․", r)
}

// equalLower compares s, lowered, with a text that is lower case already,
// without allocating where s is ASCII.
func equalLower(s, lowered string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= 0x80 {
			return lower(s) == lowered
		}
	}
	if len(s) != len(lowered) {
		return false
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lowered[i] {
			return false
		}
	}
	return true
}
