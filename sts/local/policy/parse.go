package policy

import (
	"fmt"
	"strings"
)

// Parse reads a policy document and compiles it. The error is always a
// *SyntaxError. Parse holds to the grammar: a JSON text of at most MaxSize
// bytes, known elements, no duplicate keys, known condition operators. What
// depends on where a policy is stored (whether it needs a Principal, whether
// its literals must make sense, whether it needs statements at all) is
// [Document.Validate]'s: a document without statements says nothing.
func Parse(b []byte) (*Document, error) {
	d, err := parse(b)
	if err != nil {
		return nil, err
	}
	return d, nil
}

func parse(b []byte) (*Document, *SyntaxError) {
	root, err := readJSON(b)
	if err != nil {
		return nil, err
	}
	if root.kind != nodeObject {
		return nil, wrongType(root, "an object")
	}
	d := &Document{}
	var statements *node
	for i, key := range root.keys {
		if key == "Statement" {
			statements = root.items[i]
		} else if err := d.element(key, root.items[i]); err != nil {
			return nil, err.under(key)
		}
	}
	if statements == nil {
		return d, nil
	}
	if err := d.parseStatements(b, statements); err != nil {
		err.version = d.version
		return nil, err.under("Statement")
	}
	return d, nil
}

func (d *Document) element(key string, v *node) (err *SyntaxError) {
	switch key {
	case "Version":
		d.version, err = textOf(v)
		if err == nil && d.version != Version2008 && d.version != Version2012 {
			return syntaxError(InvalidValue, v, fmt.Sprintf("%q is no version of the language", d.version))
		}
	case "Id":
		d.id, err = textOf(v)
	default:
		return syntaxError(UnknownElement, v, "")
	}
	return err
}

func (d *Document) parseStatements(text []byte, n *node) *SyntaxError {
	items := n.items
	switch n.kind {
	case nodeObject:
		d.single = true
		items = []*node{n}
	case nodeList:
	default:
		return wrongType(n, "an object or a list")
	}
	d.statements = make([]statement, len(items))
	for i, item := range items {
		if err := d.statements[i].parse(item, d.version == Version2012); err != nil {
			if !d.single {
				err = err.under(fmt.Sprintf("[%d]", i))
			}
			return err
		}
	}
	d.locate(text, n, items)
	return nil
}

// parse reads and compiles a statement; variables says whether the document's
// version knows policy variables.
func (s *statement) parse(n *node, variables bool) *SyntaxError {
	if n.kind != nodeObject {
		return wrongType(n, "an object")
	}
	for i, key := range n.keys {
		if err := s.element(key, n.items[i], variables); err != nil {
			return err.under(key)
		}
	}
	if s.effect == "" {
		return syntaxError(MissingElement, n, "").under("Effect")
	}
	for _, a := range s.action.values {
		s.actions = append(s.actions, compileGlob(strings.ToLower(a)))
	}
	for _, r := range s.resource.values {
		s.resources = append(s.resources, compileResource(r, variables))
	}
	return nil
}

func (s *statement) element(key string, v *node, variables bool) (err *SyntaxError) {
	switch key {
	case "Sid":
		s.sid, err = textOf(v)
	case "Effect":
		s.effect, err = effectOf(v)
	case "Principal", "NotPrincipal":
		if s.principal != nil {
			return syntaxError(Conflict, v, "Principal and NotPrincipal")
		}
		s.principal, err = parsePrincipals(v, key == "NotPrincipal")
	case "Action", "NotAction":
		if s.hasAction {
			return syntaxError(Conflict, v, "Action and NotAction")
		}
		s.hasAction, s.notAction = true, key == "NotAction"
		s.action, err = textsOf(v, false)
	case "Resource", "NotResource":
		if s.hasRes {
			return syntaxError(Conflict, v, "Resource and NotResource")
		}
		s.hasRes, s.notRes = true, key == "NotResource"
		s.resource, err = textsOf(v, false)
	case "Condition":
		s.conditions, err = parseConditions(v, variables)
	default:
		return syntaxError(UnknownElement, v, "")
	}
	return err
}

func effectOf(v *node) (Effect, *SyntaxError) {
	text, err := textOf(v)
	if err != nil {
		return "", err
	}
	e := Effect(text)
	if e != EffectAllow && e != EffectDeny {
		err = syntaxError(InvalidValue, v, fmt.Sprintf("%q is neither Allow nor Deny", text))
		err.legacy = strings.EqualFold(text, string(EffectAllow)) || strings.EqualFold(text, string(EffectDeny))
		return "", err
	}
	return e, nil
}

func syntaxError(kind SyntaxKind, n *node, detail string) *SyntaxError {
	return &SyntaxError{Kind: kind, Offset: n.end, Detail: detail}
}

func wrongType(n *node, want string) *SyntaxError {
	return syntaxError(WrongType, n, fmt.Sprintf("%s where %s belongs", n.kind, want))
}

func textOf(n *node) (string, *SyntaxError) {
	if n.kind != nodeString {
		return "", wrongType(n, "a string")
	}
	return n.text, nil
}

// textsOf reads a string or a list of strings; scalars also lets numbers and
// booleans stand for their text, as condition values may be written.
func textsOf(n *node, scalars bool) (texts, *SyntaxError) {
	items, single := n.items, false
	if n.kind != nodeList {
		items, single = []*node{n}, true
	}
	t := texts{single: single, values: make([]string, 0, len(items))}
	for _, item := range items {
		switch {
		case item.kind == nodeString:
		case scalars && (item.kind == nodeNumber || item.kind == nodeBool):
		default:
			return texts{}, wrongType(item, "a string or a list of strings")
		}
		t.values = append(t.values, item.text)
	}
	return t, nil
}
