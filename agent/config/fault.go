package config

import (
	"fmt"
	"strings"
)

// A Fault is one thing wrong with a file, and where.
type Fault struct {
	File string `json:"file"`
	// Line and Column begin at 1; 0 where the whole file is meant.
	Line   int `json:"line"`
	Column int `json:"column"`
	// Key is the path of the key, as in profiles[0].duration; empty where the
	// fault isn't about one.
	Key     string `json:"key"`
	Message string `json:"message"`
}

// String is one line: file:line:column: key: message.
func (f Fault) String() string {
	var b strings.Builder
	b.WriteString(f.File)
	if f.Line > 0 {
		fmt.Fprintf(&b, ":%d", f.Line)
		if f.Column > 0 {
			fmt.Fprintf(&b, ":%d", f.Column)
		}
	}
	b.WriteString(": ")
	if f.Key != "" {
		b.WriteString(f.Key + ": ")
	}
	b.WriteString(f.Message)
	return b.String()
}

// An Error is everything wrong with a file, in its order.
type Error struct{ Faults []Fault }

func (e *Error) Error() string {
	lines := make([]string, len(e.Faults))
	for i, f := range e.Faults {
		lines[i] = f.String()
	}
	return strings.Join(lines, "\n")
}

// nearest returns the known word that is most like word, or "" where none is
// like it.
func nearest(word string, known []string) string {
	best, bestDistance := "", max(1, len(word)/3)+1
	for _, k := range known {
		if d := distance(word, k); d < bestDistance {
			best, bestDistance = k, d
		}
	}
	return best
}

// maxWord bounds the words that are compared.
const maxWord = 64

// distance counts the letters to insert, delete or replace to get from a to b
// (Levenshtein); words beyond maxWord are like nothing.
func distance(a, b string) int {
	if len(a) > maxWord || len(b) > maxWord {
		return maxWord
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		corner := row[0]
		row[0] = i + 1
		for j := range len(b) {
			next := corner
			if a[i] != b[j] {
				next = 1 + min(corner, row[j], row[j+1])
			}
			corner, row[j+1] = row[j+1], next
		}
	}
	return row[len(b)]
}
