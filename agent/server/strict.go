package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
)

// A member's name that differs from a type's in case alone is none of its own:
// huma would let it through, since encoding/json takes it for one.
func init() { huma.ValidateStrictCasing = true }

// maxDepth bounds how deep a request's JSON nests. The types of package api
// need one level.
const maxDepth = 8

// maxMembers bounds how many members an object has: each name is held against
// those before it, and the types of package api have far fewer.
const maxMembers = 64

// errNotJSON takes the place of the decoder's words, which quote the body.
var errNotJSON = errors.New("the body isn't JSON")

var errMembers = fmt.Errorf("an object in the body has more than %d members", maxMembers)

// checkJSON holds a request's body to one JSON object in valid UTF-8, nested
// no deeper than maxDepth, of few members and none twice: what encoding/json would
// mend, overwrite or follow in silence is refused, so that no two readers of a
// request understand it differently (RFC 8259 sections 4 and 8.1).
func checkJSON(b []byte) error {
	b = bytes.TrimLeft(b, " \t\r\n")
	switch {
	case len(b) == 0:
		return errors.New("the request has no body")
	case !utf8.Valid(b):
		return errors.New("the body isn't UTF-8")
	case b[0] != '{':
		return errors.New("the body isn't a JSON object")
	}
	var w walk
	n, err := w.value(b)
	switch {
	case err != nil:
		return err
	case !json.Valid(b[:n]):
		return errNotJSON
	case len(bytes.TrimLeft(b[n:], " \t\r\n")) > 0:
		return errors.New("something follows the JSON object")
	}
	return nil
}

// A walk goes over JSON that may not be valid, and looks at brackets and names
// alone.
type walk struct {
	// open are the brackets that aren't closed; from says where the names of
	// each one's members begin in names.
	open  [maxDepth]byte
	from  [maxDepth]int
	depth int
	names [][]byte
}

// value returns the length of the object or array at b's beginning.
func (w *walk) value(b []byte) (int, error) {
	named := false // whether a string here is a member's name
	for i := 0; i < len(b); i++ {
		switch c := b[i]; c {
		case '{', '[':
			if w.depth == maxDepth {
				return 0, fmt.Errorf("the body nests deeper than %d levels", maxDepth)
			}
			w.open[w.depth], w.from[w.depth] = c, len(w.names)
			w.depth++
			named = c == '{'
		case '}', ']':
			w.depth--
			w.names = w.names[:w.from[w.depth]]
			if w.depth == 0 {
				return i + 1, nil
			}
		case ',':
			named = w.open[w.depth-1] == '{'
		case '"':
			text := quoted(b[i:])
			if text == nil {
				return 0, errNotJSON
			}
			if named {
				if err := w.name(text); err != nil {
					return 0, err
				}
			}
			named = false
			i += len(text) - 1
		}
	}
	return 0, errNotJSON
}

// quoted returns the string that b begins with, in its quotes; nil where it
// doesn't end.
func quoted(b []byte) []byte {
	for i := 1; i < len(b); i++ {
		switch b[i] {
		case '"':
			return b[:i+1]
		case '\\':
			i++
		}
	}
	return nil
}

// name takes a member's name, which may not be there twice. Names that differ
// in case alone count as the same, since encoding/json takes them so.
func (w *walk) name(text []byte) error {
	name := text[1 : len(text)-1]
	if bytes.IndexByte(name, '\\') >= 0 {
		var plain string
		if json.Unmarshal(text, &plain) != nil {
			return errNotJSON
		}
		name = []byte(plain)
	}
	others := w.names[w.from[w.depth-1]:]
	for _, other := range others {
		if bytes.EqualFold(other, name) {
			return fmt.Errorf("%q stands there twice", clip(string(name)))
		}
	}
	if len(others) == maxMembers {
		return errMembers
	}
	w.names = append(w.names, name)
	return nil
}
