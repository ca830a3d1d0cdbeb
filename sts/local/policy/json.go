package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// Limits of what Parse reads.
const (
	// MaxSize is the largest document in bytes: the maximum of the shape
	// policyDocumentType in the IAM service model (2010-05-08).
	MaxSize = 131072
	// maxDepth is how deeply objects and lists may nest. The grammar needs
	// six levels; the rest lets an error name what is too deep.
	maxDepth = 12
)

type nodeKind uint8

const (
	nodeNull nodeKind = iota
	nodeBool
	nodeNumber
	nodeString
	nodeList
	nodeObject
)

func (k nodeKind) String() string {
	return [...]string{"null", "a boolean", "a number", "a string", "a list", "an object"}[k]
}

// node is one JSON value with its place in the text. Objects keep the order
// of their members, since reports name statements and conditions in it.
type node struct {
	kind       nodeKind
	text       string // strings unquoted; numbers and booleans as written
	keys       []string
	items      []*node // values of keys, or elements of a list
	start, end int     // byte offsets, end exclusive
}

type jsonReader struct {
	dec *json.Decoder
}

// readJSON reads exactly one value from b, refusing what encoding/json lets
// pass: duplicate keys, invalid UTF-8, a second value, unbounded depth.
func readJSON(b []byte) (*node, *SyntaxError) {
	if len(b) > MaxSize {
		return nil, &SyntaxError{Kind: TooLarge, Detail: fmt.Sprintf("%d bytes, the limit is %d", len(b), MaxSize)}
	}
	if !utf8.Valid(b) {
		return nil, &SyntaxError{Kind: InvalidJSON, Detail: "the text is not UTF-8"}
	}
	r := jsonReader{dec: json.NewDecoder(bytes.NewReader(b))}
	r.dec.UseNumber()
	n, err := r.value(1)
	if err != nil {
		return nil, err
	}
	if _, err := r.dec.Token(); !errors.Is(err, io.EOF) {
		return nil, &SyntaxError{Kind: InvalidJSON, Offset: r.offset(), Detail: "text after the document's end"}
	}
	return n, nil
}

func (r *jsonReader) offset() int { return int(r.dec.InputOffset()) }

func (r *jsonReader) token() (json.Token, *SyntaxError) {
	t, err := r.dec.Token()
	if err == nil {
		return t, nil
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return nil, &SyntaxError{Kind: InvalidJSON, Offset: r.offset(), Detail: err.Error()}
}

func (r *jsonReader) value(depth int) (*node, *SyntaxError) {
	t, err := r.token()
	if err != nil {
		return nil, err
	}
	n := &node{end: r.offset()}
	switch v := t.(type) {
	case nil:
		n.kind = nodeNull
	case bool:
		n.kind, n.text = nodeBool, fmt.Sprint(v)
	case json.Number:
		n.kind, n.text = nodeNumber, v.String()
	case string:
		n.kind, n.text = nodeString, v
	case json.Delim:
		if depth > maxDepth {
			return nil, &SyntaxError{Kind: TooDeep, Offset: r.offset(), Detail: fmt.Sprintf("more than %d levels", maxDepth)}
		}
		n.start = r.offset() - 1
		if v == '{' {
			n.kind = nodeObject
			err = r.members(n, depth)
		} else {
			n.kind = nodeList
			err = r.elements(n, depth)
		}
		n.end = r.offset()
	}
	return n, err
}

func (r *jsonReader) members(n *node, depth int) *SyntaxError {
	seen := map[string]bool{}
	for r.dec.More() {
		t, err := r.token()
		if err != nil {
			return err
		}
		key, ok := t.(string)
		if !ok {
			return &SyntaxError{Kind: InvalidJSON, Offset: r.offset(), Detail: "a key that is not a string"}
		}
		if seen[key] {
			return &SyntaxError{Kind: DuplicateKey, Path: key, Offset: r.offset()}
		}
		seen[key] = true
		v, err := r.value(depth + 1)
		if err != nil {
			return err.under(key)
		}
		n.keys, n.items = append(n.keys, key), append(n.items, v)
	}
	_, err := r.token()
	return err
}

func (r *jsonReader) elements(n *node, depth int) *SyntaxError {
	for r.dec.More() {
		v, err := r.value(depth + 1)
		if err != nil {
			return err.under(fmt.Sprintf("[%d]", len(n.items)))
		}
		n.items = append(n.items, v)
	}
	_, err := r.token()
	return err
}
