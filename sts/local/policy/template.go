package policy

import "strings"

// template is a pattern that may hold policy variables: ${key},
// ${key, 'default'} and the escapes ${*}, ${?} and ${$} (Variables).
type template struct {
	fixed     glob   // used where parts is nil
	parts     []part // literal and variable pieces, in order
	head      string // literal text that every value begins with
	malformed bool   // a variable is not closed, or has no name, or a default without quotes
}

type part struct {
	variable   bool
	literal    string // wildcards already as bytes
	name       string // of the key, as written
	key        string // lower case
	fallback   string
	hasDefault bool
}

// compileTemplate reads text. wild makes * and ? wildcards; variables says
// whether ${…} means anything, else it is literal text.
func compileTemplate(text string, wild, variables bool) template {
	c := templateCompiler{literal: func(s string) string { return s }}
	if wild {
		c.literal = wildcards.Replace
	}
	if !variables || !strings.Contains(text, "${") {
		return template{fixed: newGlob(c.literal(text))}
	}
	c.compile(text)
	if c.t.parts == nil {
		c.t.fixed = newGlob(c.run.String())
	} else {
		c.flush()
		if first := c.t.parts[0]; !first.variable {
			c.t.head = first.literal[:newGlob(first.literal).head]
		}
	}
	return c.t
}

// templateCompiler collects literal text until a variable ends it.
type templateCompiler struct {
	literal func(string) string
	t       template
	run     strings.Builder
}

func (c *templateCompiler) compile(text string) {
	for {
		before, rest, found := strings.Cut(text, "${")
		c.run.WriteString(c.literal(before))
		if !found {
			return
		}
		end := closingBrace(rest)
		if end < 0 {
			c.t.malformed = true
			c.run.WriteString(c.literal("${" + rest))
			return
		}
		switch body := rest[:end]; body {
		case "*", "?", "$":
			c.run.WriteString(body)
		default:
			p, ok := parseVariable(body)
			c.t.malformed = c.t.malformed || !ok
			c.flush()
			c.t.parts = append(c.t.parts, p)
		}
		text = rest[end+1:]
	}
}

func (c *templateCompiler) flush() {
	if c.run.Len() > 0 {
		c.t.parts = append(c.t.parts, part{literal: c.run.String()})
		c.run.Reset()
	}
}

// closingBrace returns the place of the first brace that isn't quoted, or -1.
func closingBrace(text string) int {
	quoted := false
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '\'':
			quoted = !quoted
		case text[i] == '}' && !quoted:
			return i
		}
	}
	return -1
}

// parseVariable reads what stands between the braces. A variable that is not
// well formed has no value.
func parseVariable(body string) (p part, ok bool) {
	name, rest, comma := strings.Cut(body, ",")
	p = part{variable: true, name: strings.TrimSpace(name)}
	p.key = strings.ToLower(p.name)
	ok = p.name != "" && !strings.ContainsAny(p.name, "${}'\"*?")
	if !comma {
		return p, ok
	}
	rest = strings.TrimSpace(rest)
	quoted := len(rest) >= 2 && rest[0] == '\'' && rest[len(rest)-1] == '\'' && strings.Count(rest, "'") == 2
	if quoted {
		p.fallback, p.hasDefault = rest[1:len(rest)-1], true
	}
	return p, ok && quoted
}

// resolve returns the pattern with the context's values in place of the
// variables, as literal text. ok is false where a variable has no value: such
// a pattern matches nothing.
func (t *template) resolve(ctx *Context) (g glob, ok bool) {
	if t.parts == nil {
		return t.fixed, true
	}
	var b strings.Builder
	for i := range t.parts {
		p := &t.parts[i]
		if !p.variable {
			b.WriteString(p.literal)
			continue
		}
		e, present := ctx.entries[p.key]
		switch {
		case present && !e.list:
			b.WriteString(strings.ToValidUTF8(e.values[0], "\uFFFD"))
		case !present && p.hasDefault:
			b.WriteString(p.fallback)
		default: // a multivalued key can't be filled in, nor its default (Captures)
			return glob{}, false
		}
	}
	return newGlob(b.String()), true
}

func (t *template) match(ctx *Context, s string) bool {
	if t.parts == nil {
		return t.fixed.match(s)
	}
	if !strings.HasPrefix(s, t.head) {
		return false
	}
	g, ok := t.resolve(ctx)
	return ok && g.match(s)
}

// keys calls add with each variable's key.
func (t *template) keys(add func(string)) {
	for i := range t.parts {
		if t.parts[i].variable && t.parts[i].name != "" {
			add(t.parts[i].name)
		}
	}
}
