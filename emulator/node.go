package emulator

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// A FileError is one thing wrong with a bench file. It never holds a value of
// the file, which could be a secret that stands in the wrong place.
type FileError struct {
	File string
	// Line counts from 1; 0 means the file as a whole.
	Line    int
	Message string
}

func (e *FileError) Error() string {
	if e.Line == 0 {
		return e.File + ": " + e.Message
	}
	return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Message)
}

// A reader takes a bench file's nodes apart and collects what is wrong with
// them. It reads nodes rather than decoding into structs because yaml.v3 gives
// the line of neither an unknown key nor a bad value once it has decoded them,
// and because which keys are known depends on the kind of token.
type reader struct {
	file string
	errs []error
}

// Bounds of a reader: how many errors of one file it reports, and how many keys
// a mapping may have, known or not.
const (
	maxFileErrors = 20
	maxKeys       = 64
)

func (r *reader) fail(line int, format string, args ...any) {
	if len(r.errs) < maxFileErrors {
		r.errs = append(r.errs, &FileError{File: r.file, Line: line, Message: fmt.Sprintf(format, args...)})
	}
}

// A mapping is a YAML mapping whose keys are taken one by one; those never
// asked for are unknown.
type mapping struct {
	r    *reader
	what string
	line int
	keys []*yaml.Node
	vals []*yaml.Node
}

// mapping opens node, which is what, as a mapping. It reports keys that are
// there twice.
func (r *reader) mapping(node *yaml.Node, what string) *mapping {
	node = resolve(node)
	m := &mapping{r: r, what: what, line: node.Line}
	if node.Kind != yaml.MappingNode {
		r.fail(node.Line, "%s must be a mapping", what)
		return m
	}
	if len(node.Content) > 2*maxKeys {
		r.fail(node.Line, "%s has more than %d keys", what, maxKeys)
		return m
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key := node.Content[i]
		if slices.ContainsFunc(m.keys, func(k *yaml.Node) bool { return k.Value == key.Value }) {
			r.fail(key.Line, "key %q is there twice", key.Value)
			continue
		}
		m.keys = append(m.keys, key)
		m.vals = append(m.vals, resolve(node.Content[i+1]))
	}
	return m
}

// resolve follows an alias to what it stands for.
func resolve(node *yaml.Node) *yaml.Node {
	if node.Kind == yaml.AliasNode && node.Alias != nil {
		return node.Alias
	}
	return node
}

// take returns the value of key, or nil where there is none.
func (m *mapping) take(key string) *yaml.Node {
	i := slices.IndexFunc(m.keys, func(k *yaml.Node) bool { return k.Value == key })
	if i < 0 {
		return nil
	}
	v := m.vals[i]
	m.keys, m.vals = slices.Delete(m.keys, i, i+1), slices.Delete(m.vals, i, i+1)
	return v
}

// need returns the value of key and reports where there is none.
func (m *mapping) need(key string) *yaml.Node {
	v := m.take(key)
	if v == nil {
		m.r.fail(m.line, "%s has no %q", m.what, key)
	}
	return v
}

// end reports the keys that nobody took.
func (m *mapping) end() {
	for _, k := range m.keys {
		m.r.fail(k.Line, "unknown key %q of %s", k.Value, m.what)
	}
}

// list is the elements of the sequence at node; nil stands for none.
func (r *reader) list(node *yaml.Node, what string) []*yaml.Node {
	if node == nil {
		return nil
	}
	if node.Kind != yaml.SequenceNode {
		r.fail(node.Line, "%s must be a list", what)
		return nil
	}
	return node.Content
}

// text is the words of a scalar as they are written: 012 stays 012.
func (r *reader) text(node *yaml.Node, what string) string {
	if node == nil {
		return ""
	}
	if node.Kind != yaml.ScalarNode || node.Tag == "!!null" {
		r.fail(node.Line, "%s must be one word or a quoted text", what)
		return ""
	}
	return node.Value
}

// oneOf is a scalar that must be one of words, the first where it is left out.
func (r *reader) oneOf(node *yaml.Node, what string, words ...string) string {
	if node == nil {
		return words[0]
	}
	v := r.text(node, what)
	if !slices.Contains(words, v) {
		r.fail(node.Line, "%s must be one of %s", what, strings.Join(words, ", "))
	}
	return v
}

// number is a whole number from low to high, or otherwise where left out.
func (r *reader) number(node *yaml.Node, what string, low, high, otherwise int) int {
	if node == nil {
		return otherwise
	}
	n, err := strconv.Atoi(node.Value)
	if node.Kind != yaml.ScalarNode || err != nil || n < low || n > high {
		r.fail(node.Line, "%s must be a whole number from %d to %d", what, low, high)
		return otherwise
	}
	return n
}

// float is a number of at most bound either way, 0 where left out.
func (r *reader) float(node *yaml.Node, what string, bound float64) float64 {
	if node == nil {
		return 0
	}
	f, err := strconv.ParseFloat(node.Value, 64)
	// Written so that NaN is out of bounds too.
	if node.Kind != yaml.ScalarNode || err != nil || !(math.Abs(f) <= bound) {
		r.fail(node.Line, "%s must be a number from %g to %g", what, -bound, bound)
		return 0
	}
	return f
}

// flag is true or false, false where left out.
func (r *reader) flag(node *yaml.Node, what string) bool {
	if node == nil {
		return false
	}
	var b bool
	if err := node.Decode(&b); err != nil {
		r.fail(node.Line, "%s must be true or false", what)
	}
	return b
}

// duration is a time with its unit, like -40s or 1m30s, of at most bound either
// way; 0 where left out.
func (r *reader) duration(node *yaml.Node, what string, bound time.Duration) time.Duration {
	if node == nil {
		return 0
	}
	d, err := time.ParseDuration(node.Value)
	if node.Kind != yaml.ScalarNode || err != nil {
		r.fail(node.Line, "%s must be a time with its unit, like -40s or 1m30s", what)
		return 0
	}
	if d < -bound || d > bound {
		r.fail(node.Line, "%s must be from %v to %v", what, -bound, bound)
		return 0
	}
	return d
}
