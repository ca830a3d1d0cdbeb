package policy

import (
	"strings"
	"unicode/utf8"
)

// Versions of the policy language (Grammar, "Version"). A document without
// one is read as Version2008.
const (
	Version2008 = "2008-10-17"
	Version2012 = "2012-10-17" // the only one that knows policy variables
)

// Effect is what a statement says of the requests that it matches.
type Effect string

// The two effects; names are case-sensitive on the wire.
const (
	EffectAllow Effect = "Allow"
	EffectDeny  Effect = "Deny"
)

// Document is a parsed and compiled policy. It never changes, so that any
// number of goroutines may evaluate it at once.
type Document struct {
	version    string // "" where the text has none
	id         string
	single     bool // Statement was an object
	statements []statement
}

// texts is a string or a list of strings, and which of them was written.
type texts struct {
	values []string
	single bool
}

type statement struct {
	sid        string
	effect     Effect
	principal  *principals // nil: the element is missing
	action     texts
	notAction  bool
	hasAction  bool
	resource   texts
	notRes     bool
	hasRes     bool
	conditions []condition

	actions    []glob // lower case
	resources  []resourcePattern
	start, end Position
}

// Version returns the document's Version element, or "" where it has none.
func (d *Document) Version() string { return d.version }

// ID returns the document's Id element, or "" where it has none.
func (d *Document) ID() string { return d.id }

// Len returns the number of statements.
func (d *Document) Len() int { return len(d.statements) }

// Position is a place in a text; both numbers begin at 1, columns count
// characters.
type Position struct{ Line, Column int }

// Position returns where statement i stands in the parsed text, as the
// Simulate operations of IAM report it: from behind the opening brace of an
// only statement, or else from behind the bracket or the statement before, to
// behind the closing brace (Captures). ok is false where there is no such
// statement.
func (d *Document) Position(i int) (start, end Position, ok bool) {
	if i < 0 || i >= len(d.statements) {
		return Position{}, Position{}, false
	}
	return d.statements[i].start, d.statements[i].end, true
}

// locate turns the offsets of the statements into positions. list is the
// Statement element, items are its statements in the order of the text.
func (d *Document) locate(text []byte, list *node, items []*node) {
	at, line, column := 0, 1, 1
	advance := func(offset int) Position {
		for at < offset && at < len(text) {
			r, w := utf8.DecodeRune(text[at:])
			if r == '\n' {
				line, column = line+1, 0
			}
			column++
			at += w
		}
		return Position{line, column}
	}
	from := list.start + 1
	for i, item := range items {
		d.statements[i].start, d.statements[i].end = advance(from), advance(item.end)
		from = item.end
	}
}

// ContextKeys returns the condition keys and the keys of policy variables that
// the document asks for, as first written, in the order of the text, each once.
func (d *Document) ContextKeys() []string {
	var keys []string
	seen := map[string]bool{}
	add := func(key string) {
		if low := strings.ToLower(key); !seen[low] {
			seen[low] = true
			keys = append(keys, key)
		}
	}
	for i := range d.statements {
		s := &d.statements[i]
		for j := range s.resources {
			s.resources[j].text.keys(add)
		}
		for j := range s.conditions {
			add(s.conditions[j].key)
			for k := range s.conditions[j].operands {
				s.conditions[j].operands[k].text.keys(add)
			}
		}
	}
	return keys
}
