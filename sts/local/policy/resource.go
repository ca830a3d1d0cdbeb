package policy

import "strings"

// arnParts is how many parts an ARN has; the last one may hold colons.
const arnParts = 6

// resourcePattern is one value of a Resource or NotResource element.
//
// A wildcard stays within its part of the ARN, but a star that ends a part
// runs on over colons ("Resource": "Specifying a resource"); in the last part
// nothing holds a wildcard back. An ARN cut short means any ARN that begins
// so: the missing parts are stars.
type resourcePattern struct {
	text    template
	limited bool // some wildcard may not match a colon
}

func compileResource(text string, variables bool) resourcePattern {
	if variables && strings.Contains(text, "${") {
		// Variables count anywhere in the value, and a short one is not
		// filled up (Captures; the guide promises them for the last part).
		return resourcePattern{text: compileTemplate(text, true, true), limited: limitedWild(text)}
	}
	if n := strings.Count(text, ":"); strings.HasPrefix(text, "arn:") && n < arnParts-1 {
		text += strings.Repeat(":*", arnParts-1-n)
	}
	return resourcePattern{text: compileTemplate(text, true, false), limited: limitedWild(text)}
}

// limitedWild says whether text has a wildcard before its last part that
// doesn't end a part.
func limitedWild(text string) bool {
	part := 1
	for i := 0; i < len(text) && part < arnParts; i++ {
		switch text[i] {
		case ':':
			part++
		case '?':
			return true
		case '*':
			if i+1 < len(text) && text[i+1] != ':' {
				return true
			}
		}
	}
	return false
}

func (r *resourcePattern) match(ctx *Context, resource string) bool {
	if !r.limited {
		return r.text.match(ctx, resource)
	}
	g, ok := r.text.resolve(ctx)
	return ok && matchLimited(g.pattern, resource)
}

// matchLimited is matchWild for patterns in which some wildcards may not match
// a colon. It keeps the set of all places in s that the pattern read so far
// can end at, so that the cost is len(p)·len(s) in every case.
func matchLimited(p, s string) bool {
	if hasSupplementary(s) {
		p, s = splitSurrogates(p), splitSurrogates(s)
	}
	at, next := make([]bool, len(s)+1), make([]bool, len(s)+1)
	at[0] = true
	part := 1
	for i := 0; i < len(p); i++ {
		clear(next)
		free := part >= arnParts || p[i] == starByte && (i+1 == len(p) || p[i+1] == ':')
		switch c := p[i]; c {
		case starByte:
			star(at, next, s, free)
		case oneByte:
			for j := 0; j < len(s); j++ {
				if at[j] && (free || s[j] != ':') {
					next[j+unitWidth(s, j)] = true
				}
			}
		default:
			for j := 0; j < len(s); j++ {
				next[j+1] = at[j] && s[j] == c
			}
			if c == ':' {
				part++
			}
		}
		at, next = next, at
	}
	return at[len(s)]
}

// star marks every place that a star can end at, by whole characters.
func star(at, next []bool, s string, free bool) {
	for j := 0; j <= len(s); j++ {
		next[j] = next[j] || at[j]
		if next[j] && j < len(s) && (free || s[j] != ':') {
			next[j+unitWidth(s, j)] = true
		}
	}
}
