package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

const (
	// maxFaults bounds how many faults are told at once.
	maxFaults = 20
	// maxItems bounds each list.
	maxItems = 1000
	// maxText bounds a text, in bytes: that of an external ID, the longest
	// that AWS takes.
	maxText = 1224
)

// A decoder walks the nodes of a file and gathers what is wrong with it. The
// nodes are read, rather than decoded into structs, because they alone still
// know line, column, case and which keys stood there.
type decoder struct {
	file   string
	faults []Fault
}

// A setter takes the node of one key's value. at is the key's path.
type setter func(at string, n *yaml.Node)

// fault notes what is wrong at a node.
func (d *decoder) fault(at string, n *yaml.Node, format string, args ...any) {
	if len(d.faults) >= maxFaults {
		return
	}
	f := Fault{File: d.file, Key: at, Message: fmt.Sprintf(format, args...)}
	if n != nil {
		f.Line, f.Column = n.Line, n.Column
	}
	d.faults = append(d.faults, f)
}

// document parses the file and returns its top node; nil where it is empty or
// can't be parsed.
func (d *decoder) document(b []byte) *yaml.Node {
	if at := foreign(b); at >= 0 {
		line := 1 + bytes.Count(b[:at], []byte("\n"))
		d.faults = append(d.faults, Fault{File: d.file, Line: line, Message: "has bytes in it that aren't printable UTF-8"})
		return nil
	}
	dec := yaml.NewDecoder(bytes.NewReader(b))
	var doc, more yaml.Node
	err := dec.Decode(&doc)
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err != nil {
		d.syntax(err)
		return nil
	}
	if err := dec.Decode(&more); err == nil {
		d.fault("", &more, "a second document begins here; the file holds one")
	} else if !errors.Is(err, io.EOF) {
		d.syntax(err)
	}
	if doc.Kind != yaml.DocumentNode || len(doc.Content) != 1 {
		return nil
	}
	return doc.Content[0]
}

// foreign returns where the first byte is that no text has, or -1.
func foreign(b []byte) int {
	for i := 0; i < len(b); {
		r, size := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && size == 1 || r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0x7f {
			return i
		}
		i += size
	}
	return -1
}

// syntax notes what the YAML parser says, with the line taken from its words,
// which leave out that of the first.
func (d *decoder) syntax(err error) {
	message := strings.TrimPrefix(err.Error(), "yaml: ")
	f := Fault{File: d.file, Line: 1}
	if rest, ok := strings.CutPrefix(message, "line "); ok {
		if number, words, ok := strings.Cut(rest, ": "); ok {
			if line, err := strconv.Atoi(number); err == nil {
				f.Line, message = line, words
			}
		}
	}
	f.Message = "isn't YAML: " + message
	d.faults = append(d.faults, f)
}

// mapping reads a mapping by its keys. Each may stand there once, and none but
// those in keys.
func (d *decoder) mapping(at string, n *yaml.Node, keys map[string]setter) {
	if null(n) {
		return
	}
	if n.Kind != yaml.MappingNode {
		d.fault(at, n, "has to be a mapping of keys to values, and is %s", kind(n))
		return
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		if k.Kind != yaml.ScalarNode {
			d.fault(at, k, "a key has to be a word, and is %s", kind(k))
			continue
		}
		path := k.Value
		if at != "" {
			path = at + "." + k.Value
		}
		if line, ok := seen[k.Value]; ok {
			d.fault(clip(path), k, "stands there twice; the first is in line %d", line)
			continue
		}
		seen[k.Value] = k.Line
		set, ok := keys[k.Value]
		if !ok {
			d.unknown(clip(path), k, keys)
			continue
		}
		set(path, v)
	}
}

// unknown notes a key that nobody reads.
func (d *decoder) unknown(path string, k *yaml.Node, keys map[string]setter) {
	known := slices.Sorted(maps.Keys(keys))
	if like := nearest(strings.ToLower(k.Value), known); like != "" {
		d.fault(path, k, "unknown key; is %q meant?", like)
		return
	}
	d.fault(path, k, "unknown key; known here: %s", strings.Join(known, ", "))
}

// list reads each item of a list.
func (d *decoder) list(item setter) setter {
	return func(at string, n *yaml.Node) {
		if null(n) {
			return
		}
		if n.Kind != yaml.SequenceNode {
			d.fault(at, n, "has to be a list, and is %s", kind(n))
			return
		}
		if len(n.Content) > maxItems {
			d.fault(at, n, "has %d items, and %d are the most", len(n.Content), maxItems)
			return
		}
		for i, c := range n.Content {
			item(fmt.Sprintf("%s[%d]", at, i), c)
		}
	}
}

// scalar returns a node's text if it is of one of the types (YAML 1.2.2
// section 10.3); false where it is left empty, or isn't and that is noted.
func (d *decoder) scalar(at string, n *yaml.Node, want string, tags ...string) (string, bool) {
	if null(n) {
		return "", false
	}
	if n.Kind != yaml.ScalarNode || !slices.Contains(tags, n.ShortTag()) {
		d.fault(at, n, "has to be %s, and is %s", want, kind(n))
		return "", false
	}
	return n.Value, true
}

// text reads a string and lets check judge it; an empty one is as good as none.
func (d *decoder) text(into *string, check func(string) error) setter {
	return func(at string, n *yaml.Node) {
		s, ok := d.scalar(at, n, "text (put quotes around it)", "!!str")
		if !ok || s == "" {
			return
		}
		if err := printable(s); err != nil {
			d.fault(at, n, "%v", err)
			return
		}
		if check != nil {
			if err := check(s); err != nil {
				d.fault(at, n, "%v", err)
				return
			}
		}
		*into = s
	}
}

// flag reads true or false.
func (d *decoder) flag(into *bool) setter {
	return func(at string, n *yaml.Node) {
		s, ok := d.scalar(at, n, "true or false", "!!bool")
		if !ok {
			return
		}
		*into = strings.EqualFold(s, "true")
	}
}

// number reads a whole number between low and high.
func (d *decoder) number(into *int, low, high int) setter {
	return func(at string, n *yaml.Node) {
		s, ok := d.scalar(at, n, "a whole number", "!!int")
		if !ok {
			return
		}
		v, err := strconv.Atoi(s)
		if err != nil || v < low || v > high {
			d.fault(at, n, "has to be a whole number from %d to %d", low, high)
			return
		}
		*into = v
	}
}

// duration reads a duration between low and high, or 0 where that is allowed.
func (d *decoder) duration(into *time.Duration, low, high time.Duration, zero bool) setter {
	return func(at string, n *yaml.Node) {
		s, ok := d.scalar(at, n, `a duration such as "12h" or "20m"`, "!!str", "!!int")
		if !ok {
			return
		}
		v, err := time.ParseDuration(s)
		switch {
		case err != nil:
			d.fault(at, n, `has to be a duration with its unit, such as "12h" or "20m"`)
		case v == 0 && zero:
			*into = 0
		case v < low || v > high:
			d.fault(at, n, "has to be from %s to %s", short(low), short(high))
		default:
			*into = v
		}
	}
}

// short writes a duration as people do: 12h, not 12h0m0s.
func short(v time.Duration) string {
	s := v.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	if s == "0s" {
		return "0"
	}
	return s
}

// null reports whether a value was left empty.
func null(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

// kind names what a node is.
func kind(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	case yaml.AliasNode:
		return "an alias, which isn't followed here"
	}
	switch n.ShortTag() {
	case "!!str":
		return "text"
	case "!!int", "!!float":
		return "a number"
	case "!!bool":
		return "true or false"
	case "!!null":
		return "empty"
	case "!!timestamp":
		return "a date"
	}
	return "of another type"
}

// printable refuses what no name or path has.
func printable(s string) error {
	if len(s) > maxText {
		return fmt.Errorf("has %d bytes, and %d are the most", len(s), maxText)
	}
	for _, r := range s {
		if r < ' ' || r == 0x7f {
			return errors.New("has a control character in it")
		}
	}
	return nil
}

// clip shortens what the file says for a message.
func clip(s string) string {
	if len(s) > 2*maxWord {
		return s[:2*maxWord] + "…"
	}
	return s
}
