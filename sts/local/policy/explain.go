package policy

import (
	"fmt"
	"strings"
)

// Explanation tells how a decision came about: each policy that was asked, and
// for each of its statements why it applied or didn't.
type Explanation struct {
	Outcome  Outcome       `json:"outcome"`
	By       PolicyType    `json:"by"`
	Reason   string        `json:"reason,omitempty"`
	Action   string        `json:"action"`
	Resource string        `json:"resource"`
	Policies []PolicyTrace `json:"policies"`
}

// PolicyTrace is one policy's part in a decision.
type PolicyTrace struct {
	Type       PolicyType       `json:"type"`
	Name       string           `json:"name"`
	Statements []StatementTrace `json:"statements"`
}

// Mismatch is the element by which a statement doesn't apply.
type Mismatch string

// The elements that a statement can fail to match by, in the order in which
// they are looked at: what comes after the first isn't.
const (
	Matches          Mismatch = ""
	ByAction         Mismatch = "action"
	ByResource       Mismatch = "resource"
	ByPrincipal      Mismatch = "principal"
	ByCondition      Mismatch = "condition"
	ByUnboundElement Mismatch = "missing element" // no Action, or no Resource on an identity
)

// StatementTrace is one statement's part in a decision.
type StatementTrace struct {
	Index      int              `json:"index"`
	Sid        string           `json:"sid,omitempty"`
	Effect     Effect           `json:"effect"`
	Mismatch   Mismatch         `json:"mismatch,omitempty"`
	Conditions []ConditionTrace `json:"conditions,omitempty"` // where all else matches
	Start      Position         `json:"-"`
	End        Position         `json:"-"`
}

// ConditionTrace is one condition with what the request held for its key.
type ConditionTrace struct {
	Operator string   `json:"operator"`
	Key      string   `json:"key"`
	Want     []string `json:"want"`          // as written in the policy
	Present  bool     `json:"present"`       // the request has the key
	Got      []string `json:"got,omitempty"` // its values
	Matched  bool     `json:"matched"`
	Note     string   `json:"note,omitempty"` // what made a value incomparable
}

// Explain looks at the request again, policy by policy, so that Evaluate need
// not keep notes. The request must not have been changed in between.
func (d Decision) Explain() Explanation {
	x := Explanation{Outcome: d.Outcome, By: d.By, Reason: d.Reason()}
	r := d.request
	if r == nil {
		return x
	}
	x.Action, x.Resource = r.Action, r.Resource
	e := evaluation{r: r, action: strings.ToLower(r.Action)}
	for _, level := range r.ServiceControl {
		x.Policies = e.trace(x.Policies, ServiceControlPolicy, level)
	}
	if r.ResourcePolicy != nil {
		x.Policies = e.trace(x.Policies, r.resourceType(), []Named{*r.ResourcePolicy})
	}
	x.Policies = e.trace(x.Policies, IdentityBased, r.Identity)
	if r.Boundary != nil {
		x.Policies = e.trace(x.Policies, PermissionsBoundary, []Named{*r.Boundary})
	}
	x.Policies = e.trace(x.Policies, SessionPolicy, r.Session)
	return x
}

// Conditions are those that a denial hangs on, each with its statement and what
// the request holds for its key: those of the statements that deny, which hold;
// where none denies those that fail, of the statements that would else allow.
func (x Explanation) Conditions() []string {
	effect, mismatch, matched := EffectAllow, ByCondition, false
	switch x.Outcome {
	case Allow:
		return nil
	case ExplicitDeny:
		effect, mismatch, matched = EffectDeny, Matches, true
	}
	var found []string
	for _, p := range x.Policies {
		for _, s := range p.Statements {
			if s.Effect != effect || s.Mismatch != mismatch {
				continue
			}
			for _, c := range s.Conditions {
				if c.Matched == matched {
					found = append(found, nameStatement(p.Name, s.Index, s.Sid)+": "+c.String())
				}
			}
		}
	}
	return found
}

func (e *evaluation) trace(to []PolicyTrace, t PolicyType, policies []Named) []PolicyTrace {
	for _, p := range policies {
		trace := PolicyTrace{Type: t, Name: p.Name}
		if p.Document != nil {
			for i := range p.Document.statements {
				s := e.traceStatement(&p.Document.statements[i], t == ResourceBased || t == RoleTrust)
				s.Index = i
				trace.Statements = append(trace.Statements, s)
			}
		}
		to = append(to, trace)
	}
	return to
}

func (e *evaluation) traceStatement(s *statement, resource bool) StatementTrace {
	t := StatementTrace{Sid: s.sid, Effect: s.effect, Start: s.start, End: s.end}
	t.Mismatch = e.mismatch(s, resource)
	if t.Mismatch != Matches {
		return t
	}
	for i := range s.conditions {
		c := s.conditions[i].trace(&e.r.Context, s.effect)
		if !c.Matched {
			t.Mismatch = ByCondition
		}
		t.Conditions = append(t.Conditions, c)
	}
	return t
}

// mismatch names the first element but the conditions that doesn't match.
func (e *evaluation) mismatch(s *statement, resource bool) Mismatch {
	switch {
	case !s.hasAction || !s.hasRes && !resource || resource && s.principal == nil:
		return ByUnboundElement
	case !e.matchAction(s):
		return ByAction
	case !e.matchResource(s, resource):
		return ByResource
	case resource && s.principal.applies(e.r, s.effect) == gripNone:
		return ByPrincipal
	}
	return Matches
}

func (c *condition) trace(ctx *Context, effect Effect) ConditionTrace {
	e, present := ctx.entries[c.lowerKey]
	t := ConditionTrace{Operator: c.name, Key: c.key, Present: present, Matched: c.match(ctx, effect)}
	t.Want = append(t.Want, c.values.values...)
	t.Got = append(t.Got, e.values...)
	switch {
	case c.op.family == familyNull:
	case e.list && c.quant == scalar:
		t.Note = "the key has a list of values, which only ForAllValues and ForAnyValue compare"
	default:
		t.Note = c.note(ctx, e.values)
	}
	return t
}

// note says which value can't be compared, if any.
func (c *condition) note(ctx *Context, values []string) string {
	for _, v := range values {
		if _, ok := convert(c.op.family, v); !ok {
			return fmt.Sprintf("the request's %q is not %s", v, c.op.family)
		}
	}
	for i := range c.operands {
		o := &c.operands[i]
		if o.malformed {
			return fmt.Sprintf("the policy's %q is not %s", c.values.values[i], c.op.family)
		}
		if g, ok := o.text.resolve(ctx); !ok {
			return fmt.Sprintf("a policy variable in %q has no single value", c.values.values[i])
		} else if o.text.parts != nil && len(values) > 0 {
			return fmt.Sprintf("%q stands for %q", c.values.values[i], shown(g.pattern))
		}
	}
	return ""
}

// shown writes wildcards as they stood in the policy.
func shown(pattern string) string {
	return strings.NewReplacer(string([]byte{starByte}), "*", string([]byte{oneByte}), "?").Replace(pattern)
}

func (f family) String() string {
	switch f {
	case familyNumeric:
		return "a number"
	case familyDate:
		return "a date"
	case familyBinary:
		return "base64"
	case familyIP:
		return "an IP address"
	case familyARN:
		return "an ARN"
	}
	return "a string"
}

// String writes the explanation in lines: the decision, then each statement
// that speaks of the action and resource, with its conditions.
func (x Explanation) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s on %s", x.Outcome, x.Action, x.Resource)
	if x.Reason != "" {
		b.WriteString(", " + x.Reason)
	}
	for _, p := range x.Policies {
		for _, s := range p.Statements {
			if s.Mismatch == ByAction || s.Mismatch == ByResource || s.Mismatch == ByUnboundElement {
				continue
			}
			fmt.Fprintf(&b, "\n%s %s, %s", p.Type, p.Name, s)
		}
	}
	return b.String()
}

// String writes the statement's name, its effect and whether it applies.
func (s StatementTrace) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "statement %d", s.Index)
	if s.Sid != "" {
		b.WriteString(" (" + s.Sid + ")")
	}
	fmt.Fprintf(&b, ", %s: ", s.Effect)
	if s.Mismatch == Matches {
		b.WriteString("applies")
	} else {
		fmt.Fprintf(&b, "does not apply by its %s", s.Mismatch)
	}
	for _, c := range s.Conditions {
		fmt.Fprintf(&b, "; %s", c)
	}
	return b.String()
}

// String writes the condition and what the request held against it.
func (c ConditionTrace) String() string {
	verdict := "fails"
	if c.Matched {
		verdict = "holds"
	}
	got := "the request has no such key"
	if c.Present {
		got = fmt.Sprintf("the request has %q", c.Got)
	}
	if c.Note != "" {
		got += ", " + c.Note
	}
	return fmt.Sprintf("%s %s %q %s: %s", c.Operator, c.Key, c.Want, verdict, got)
}
