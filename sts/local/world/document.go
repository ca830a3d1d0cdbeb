package world

import (
	"encoding/json"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// A Text is a scalar with the line it stands on, for errors that are found
// after reading.
type Text struct {
	Value string
	Line  int
}

// UnmarshalYAML takes a scalar as it is written, so that 012 stays 012.
func (t *Text) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		return &yaml.TypeError{Errors: []string{fmt.Sprintf("line %d: want a text", n.Line)}}
	}
	*t = Text{Value: n.Value, Line: n.Line}
	return nil
}

// A Document is a policy: a YAML mapping that becomes JSON, or a string that
// is JSON.
type Document struct {
	JSON string // "" where the key is missing or null
	Line int
}

// Bounds of a document in YAML: aliases make a small file a large document.
const (
	maxDepth    = 32
	maxDocument = 128 << 10
)

// UnmarshalYAML turns the node into JSON.
func (d *Document) UnmarshalYAML(n *yaml.Node) error {
	d.Line = n.Line
	if n.Kind == yaml.ScalarNode && n.Tag == "!!str" {
		d.JSON = n.Value
		return nil
	}
	w := jsonWriter{}
	if err := w.node(n, 0); err != nil {
		return &yaml.TypeError{Errors: []string{err.Error()}}
	}
	d.JSON = w.b.String()
	return nil
}

type jsonWriter struct{ b strings.Builder }

func (w *jsonWriter) node(n *yaml.Node, depth int) error {
	if depth > maxDepth || w.b.Len() > maxDocument {
		return fmt.Errorf("line %d: document is too deep or too large", n.Line)
	}
	switch n.Kind {
	case yaml.AliasNode:
		return w.node(n.Alias, depth+1)
	case yaml.MappingNode:
		return w.mapping(n, depth)
	case yaml.SequenceNode:
		w.b.WriteByte('[')
		for i, item := range n.Content {
			if i > 0 {
				w.b.WriteByte(',')
			}
			if err := w.node(item, depth+1); err != nil {
				return err
			}
		}
		w.b.WriteByte(']')
		return nil
	case yaml.ScalarNode:
		return w.scalar(n)
	}
	return fmt.Errorf("line %d: not a document", n.Line)
}

func (w *jsonWriter) mapping(n *yaml.Node, depth int) error {
	w.b.WriteByte('{')
	for i := 0; i+1 < len(n.Content); i += 2 {
		if i > 0 {
			w.b.WriteByte(',')
		}
		key := n.Content[i]
		if key.Kind != yaml.ScalarNode {
			return fmt.Errorf("line %d: key is not a text", key.Line)
		}
		w.text(key.Value)
		w.b.WriteByte(':')
		if err := w.node(n.Content[i+1], depth+1); err != nil {
			return err
		}
	}
	w.b.WriteByte('}')
	return nil
}

// scalar writes booleans and numbers as such where JSON writes them alike, and
// everything else, dates included, as the text that stands there.
func (w *jsonWriter) scalar(n *yaml.Node) error {
	switch n.Tag {
	case "!!null":
		w.b.WriteString("null")
	case "!!bool", "!!int", "!!float":
		if lower := strings.ToLower(n.Value); json.Valid([]byte(lower)) {
			w.b.WriteString(lower)
			return nil
		}
		w.text(n.Value)
	default:
		w.text(n.Value)
	}
	return nil
}

func (w *jsonWriter) text(s string) {
	b, _ := json.Marshal(s) // a string always encodes
	w.b.Write(b)
}
