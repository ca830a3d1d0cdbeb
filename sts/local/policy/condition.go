package policy

import "strings"

// family groups the operators that compare values alike.
type family uint8

const (
	familyString family = iota
	familyStringFold
	familyStringLike
	familyNumeric
	familyDate
	familyBool
	familyBinary
	familyIP
	familyARN
	familyNull
)

// relation is what an ordered family asks of request value and policy value.
type relation uint8

const (
	equal relation = iota
	less
	lessEqual
	greater
	greaterEqual
)

type operator struct {
	family   family
	relation relation
	negated  bool // values are joined by NOR, a missing key matches
}

// operators are the names without prefix and suffix (Operators). ArnEquals and
// ArnLike are the same.
var operators = map[string]operator{
	"StringEquals":              {family: familyString},
	"StringNotEquals":           {family: familyString, negated: true},
	"StringEqualsIgnoreCase":    {family: familyStringFold},
	"StringNotEqualsIgnoreCase": {family: familyStringFold, negated: true},
	"StringLike":                {family: familyStringLike},
	"StringNotLike":             {family: familyStringLike, negated: true},
	"NumericEquals":             {family: familyNumeric},
	"NumericNotEquals":          {family: familyNumeric, negated: true},
	"NumericLessThan":           {family: familyNumeric, relation: less},
	"NumericLessThanEquals":     {family: familyNumeric, relation: lessEqual},
	"NumericGreaterThan":        {family: familyNumeric, relation: greater},
	"NumericGreaterThanEquals":  {family: familyNumeric, relation: greaterEqual},
	"DateEquals":                {family: familyDate},
	"DateNotEquals":             {family: familyDate, negated: true},
	"DateLessThan":              {family: familyDate, relation: less},
	"DateLessThanEquals":        {family: familyDate, relation: lessEqual},
	"DateGreaterThan":           {family: familyDate, relation: greater},
	"DateGreaterThanEquals":     {family: familyDate, relation: greaterEqual},
	"Bool":                      {family: familyBool},
	"BinaryEquals":              {family: familyBinary},
	"IpAddress":                 {family: familyIP},
	"NotIpAddress":              {family: familyIP, negated: true},
	"ArnEquals":                 {family: familyARN},
	"ArnLike":                   {family: familyARN},
	"ArnNotEquals":              {family: familyARN, negated: true},
	"ArnNotLike":                {family: familyARN, negated: true},
	"Null":                      {family: familyNull},
}

// quantifier says how a set operator joins the request's values.
type quantifier uint8

const (
	scalar quantifier = iota
	forAll
	forAny
)

// condition is one operator with one key and its values.
type condition struct {
	name     string // operator as written
	key      string // as written
	lowerKey string
	values   texts

	op       operator
	quant    quantifier
	ifExists bool
	operands []operand
}

func parseConditions(n *node, variables bool) ([]condition, *SyntaxError) {
	if n.kind != nodeObject {
		return nil, wrongType(n, "an object")
	}
	var out []condition
	for i, name := range n.keys {
		block, err := parseBlock(name, n.items[i], variables)
		if err != nil {
			return nil, err.under(name)
		}
		out = append(out, block...)
	}
	return out, nil
}

// parseBlock reads the keys of one operator. An empty block asks nothing, and
// IAM takes it under any name.
func parseBlock(name string, n *node, variables bool) ([]condition, *SyntaxError) {
	if n.kind == nodeObject && len(n.keys) == 0 {
		return nil, nil
	}
	operator, ok := parseOperator(name)
	if !ok {
		return nil, syntaxError(UnknownOperator, n, "")
	}
	if n.kind != nodeObject {
		return nil, wrongType(n, "an object")
	}
	var out []condition
	for i, key := range n.keys {
		values, err := textsOf(n.items[i], true)
		if err != nil {
			return nil, err.under(key)
		}
		c := operator
		c.key, c.lowerKey, c.values = key, strings.ToLower(key), values
		c.compile(variables)
		out = append(out, c)
	}
	return out, nil
}

// parseOperator splits ForAllValues:StringLikeIfExists and its like.
func parseOperator(name string) (condition, bool) {
	c := condition{name: name}
	base := name
	if rest, ok := strings.CutPrefix(base, "ForAllValues:"); ok {
		c.quant, base = forAll, rest
	} else if rest, ok := strings.CutPrefix(base, "ForAnyValue:"); ok {
		c.quant, base = forAny, rest
	}
	if rest, ok := strings.CutSuffix(base, "IfExists"); ok && rest != "Null" { // Null takes no suffix (Operators)
		c.ifExists, base = true, rest
	}
	op, ok := operators[base]
	c.op = op
	return c, ok && (op.family != familyNull || c.quant == scalar)
}

func (c *condition) compile(variables bool) {
	for _, v := range c.values.values {
		c.operands = append(c.operands, compileOperand(c.op, v, variables))
	}
}

// match says whether the condition holds for a statement of the given effect.
func (c *condition) match(ctx *Context, effect Effect) bool {
	e, present := ctx.entries[c.lowerKey]
	a := no
	switch {
	case c.op.family == familyNull:
		a = c.matchNull(present)
	case len(c.operands) == 0:
		a = is(c.matchNothing(len(e.values), present))
	case c.quant == forAll:
		a = c.matchAll(ctx, e.values)
	case c.quant == forAny:
		a = c.matchAny(ctx, e.values)
	case len(e.values) == 0:
		a = is(c.op.negated || c.ifExists && !present)
	case !e.list: // a multivalued key never matches a scalar operator, negated or not (Captures)
		a = c.matchValue(ctx, e.values[0])
	}
	return a == yes || a == broken && effect == EffectDeny
}

func (c *condition) matchNull(present bool) answer {
	for i := range c.operands {
		if c.operands[i].truth == !present {
			return yes
		}
	}
	return no
}

// matchNothing is for a condition with an empty list of values, which no
// present value matches, negated or not (Captures).
func (c *condition) matchNothing(values int, present bool) bool {
	switch c.quant {
	case forAll:
		return values == 0
	case forAny:
		return false
	}
	return c.ifExists && !present
}

// matchAll holds for no values at all, matchAny doesn't, whatever the operator
// and its suffix ("Creating a condition with multiple keys or values").
func (c *condition) matchAll(ctx *Context, values []string) answer {
	for _, v := range values {
		if a := c.matchValue(ctx, v); a != yes {
			return a
		}
	}
	return yes
}

func (c *condition) matchAny(ctx *Context, values []string) answer {
	any := no
	for _, v := range values {
		switch c.matchValue(ctx, v) {
		case yes:
			any = yes
		case broken:
			return broken
		}
	}
	return any
}

// matchValue joins the policy's values by OR, or by NOR for a negated
// operator. A request value that isn't of the operator's type is unequal to
// every number and date; to an address or ARN it compares not at all (Captures).
func (c *condition) matchValue(ctx *Context, s string) answer {
	v, ok := convert(c.op.family, s)
	if !ok {
		return is(c.op.negated && (c.op.family == familyNumeric || c.op.family == familyDate))
	}
	for i := range c.operands {
		switch c.operands[i].match(c.op, ctx, &v) {
		case yes:
			return is(!c.op.negated)
		case broken:
			return broken
		}
	}
	return is(c.op.negated)
}
