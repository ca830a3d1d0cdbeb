package policy

import "encoding/json"

// MarshalJSON prints the document in the grammar's order of elements. The
// text parses to a document of the same meaning.
func (d *Document) MarshalJSON() ([]byte, error) {
	out := members{}
	if d.version != "" {
		out.add("Version", d.version)
	}
	if d.id != "" {
		out.add("Id", d.id)
	}
	list := make([]members, len(d.statements))
	for i := range d.statements {
		list[i] = d.statements[i].print()
	}
	if d.single && len(list) == 1 {
		out.add("Statement", list[0])
	} else {
		out.add("Statement", list)
	}
	return json.Marshal(out)
}

func (s *statement) print() members {
	out := members{}
	if s.sid != "" {
		out.add("Sid", s.sid)
	}
	out.add("Effect", s.effect)
	if s.principal != nil {
		out.add(either(s.principal.not, "NotPrincipal", "Principal"), s.principal.print())
	}
	if s.hasAction {
		out.add(either(s.notAction, "NotAction", "Action"), s.action)
	}
	if s.hasRes {
		out.add(either(s.notRes, "NotResource", "Resource"), s.resource)
	}
	if len(s.conditions) > 0 {
		out.add("Condition", printConditions(s.conditions))
	}
	return out
}

func (p *principals) print() any {
	if p.all {
		return "*"
	}
	out := members{}
	for _, e := range p.entries {
		out.add(e.kind, e.values)
	}
	return out
}

// printConditions groups the conditions by operator again; they are in the
// order of the text, so that equal operators stand together.
func printConditions(conditions []condition) members {
	out := members{}
	for i := 0; i < len(conditions); {
		name, block := conditions[i].name, members{}
		for ; i < len(conditions) && conditions[i].name == name; i++ {
			block.add(conditions[i].key, conditions[i].values)
		}
		out.add(name, block)
	}
	return out
}

func either(first bool, a, b string) string {
	if first {
		return a
	}
	return b
}

// MarshalJSON prints one value bare where it was written bare.
func (t texts) MarshalJSON() ([]byte, error) {
	if t.single && len(t.values) == 1 {
		return json.Marshal(t.values[0])
	}
	if t.values == nil {
		return []byte("[]"), nil
	}
	return json.Marshal(t.values)
}

// members is a JSON object that keeps the order of its members.
type members []member

type member struct {
	key   string
	value any
}

func (m *members) add(key string, value any) { *m = append(*m, member{key, value}) }

// MarshalJSON prints the members in order.
func (m members) MarshalJSON() ([]byte, error) {
	b := []byte{'{'}
	for i, e := range m {
		if i > 0 {
			b = append(b, ',')
		}
		k, err := json.Marshal(e.key)
		if err != nil {
			return nil, err
		}
		v, err := json.Marshal(e.value)
		if err != nil {
			return nil, err
		}
		b = append(append(append(b, k...), ':'), v...)
	}
	return append(b, '}'), nil
}
