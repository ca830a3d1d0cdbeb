package policy

import (
	"encoding/base64"
	"net/netip"
	"strings"
)

// operand is one policy value, compiled for its operator.
type operand struct {
	malformed bool // the literal makes no sense to its operator, or can't be stored
	truth     bool
	num       decimal
	date      instant
	network   netip.Prefix
	binary    string
	text      template
	arn       *[arnParts]glob // where the ARN has no variables
}

// answer is the result of one comparison.
type answer uint8

const (
	no answer = iota
	yes
	broken // a malformed ARN in the policy: it holds for Deny, not for Allow (Captures)
)

func compileOperand(op operator, v string, variables bool) operand {
	var o operand
	ok := true
	switch op.family {
	case familyString:
		o.text = compileTemplate(v, false, variables)
	case familyStringFold:
		o.text = compileTemplate(v, false, variables)
		if o.text.parts == nil {
			o.text.fixed = newGlob(lower(o.text.fixed.pattern))
		}
	case familyStringLike:
		o.text = compileTemplate(v, true, variables)
	case familyARN:
		o.text = compileTemplate(v, true, variables)
		if o.text.parts == nil {
			o.arn, ok = splitARN(o.text.fixed.pattern)
		}
	case familyNumeric:
		o.num, ok = parseDecimal(v)
	case familyDate:
		o.date, ok = parseInstant(v)
	case familyBool:
		o.text = compileTemplate(v, false, variables)
		o.truth = strings.EqualFold(v, "true")
	case familyNull:
		o.truth = strings.EqualFold(v, "true") // anything else is false (Captures)
		ok = !variables || !strings.Contains(v, "${")
	case familyBinary:
		o.binary, ok = decodeBinary(v)
	case familyIP:
		o.network, ok = parseNetwork(v)
	}
	o.malformed = !ok
	return o
}

// splitARN cuts a pattern into the six parts of an ARN, which are matched each
// for itself. A star alone is any ARN.
func splitARN(pattern string) (parts *[arnParts]glob, ok bool) {
	parts = new([arnParts]glob)
	if pattern == string([]byte{starByte}) {
		for i := range parts {
			parts[i] = newGlob(pattern)
		}
		return parts, true
	}
	for i := range parts {
		part, rest, more := strings.Cut(pattern, ":")
		if i == arnParts-1 {
			part, more = pattern, true
		}
		if !more {
			return parts, false
		}
		parts[i], pattern = newGlob(part), rest
	}
	return parts, parts[0].pattern == "arn"
}

func matchARN(parts *[arnParts]glob, arn string) bool {
	for i := range parts {
		part, rest, _ := strings.Cut(arn, ":")
		if i == arnParts-1 {
			part = arn
		}
		if !parts[i].match(part) {
			return false
		}
		arn = rest
	}
	return true
}

func isARN(s string) bool {
	return strings.HasPrefix(s, "arn:") && strings.Count(s, ":") >= arnParts-1
}

func decodeBinary(s string) (string, bool) {
	b, err := base64.StdEncoding.Strict().DecodeString(s)
	return string(b), err == nil
}

// value is one request value, converted for an operator's family.
type value struct {
	text   string
	num    decimal
	date   instant
	addr   netip.Addr
	binary string
}

// convert reads a request value. ok is false where it can't be converted.
func convert(f family, s string) (v value, ok bool) {
	v.text, ok = s, true
	switch f {
	case familyNumeric:
		v.num, ok = parseDecimal(s)
	case familyDate:
		v.date, ok = parseInstant(s)
	case familyBinary:
		v.binary, ok = decodeBinary(s)
	case familyIP:
		v.addr, ok = parseAddress(s)
		v.addr = v.addr.Unmap()
	case familyARN:
		ok = isARN(s)
	}
	return v, ok
}

// match compares a converted request value with the operand.
func (o *operand) match(op operator, ctx *Context, v *value) answer {
	if o.malformed {
		if op.family == familyARN {
			return broken
		}
		return no
	}
	switch op.family {
	case familyString, familyStringLike:
		return is(o.text.match(ctx, v.text))
	case familyStringFold:
		return is(o.equalFold(ctx, v.text))
	case familyNumeric:
		return is(holds(op.relation, v.num.compare(o.num)))
	case familyDate:
		return is(holds(op.relation, v.date.compare(o.date)))
	case familyBool:
		return is(o.boolean(ctx, v.text))
	case familyBinary:
		return is(v.binary == o.binary)
	case familyIP:
		return is(o.network.Contains(v.addr))
	}
	return o.matchARN(ctx, v.text)
}

func (o *operand) equalFold(ctx *Context, v string) bool {
	if o.text.parts == nil {
		return equalLower(v, o.text.fixed.pattern)
	}
	g, ok := o.text.resolve(ctx)
	return ok && equalLower(v, lower(g.pattern))
}

func (o *operand) matchARN(ctx *Context, arn string) answer {
	if o.text.parts == nil {
		return is(matchARN(o.arn, arn))
	}
	g, ok := o.text.resolve(ctx)
	if !ok {
		return no
	}
	parts, ok := splitARN(g.pattern)
	if !ok {
		return broken
	}
	return is(matchARN(parts, arn))
}

// boolean compares truth values: "true" in any case is true, all else false.
func (o *operand) boolean(ctx *Context, v string) bool {
	truth := o.truth
	if o.text.parts != nil {
		g, ok := o.text.resolve(ctx)
		if !ok {
			return false
		}
		truth = strings.EqualFold(g.pattern, "true")
	}
	return strings.EqualFold(v, "true") == truth
}

func is(b bool) answer {
	if b {
		return yes
	}
	return no
}

// holds says whether a comparison result satisfies r.
func holds(r relation, cmp int) bool {
	switch r {
	case less:
		return cmp < 0
	case lessEqual:
		return cmp <= 0
	case greater:
		return cmp > 0
	case greaterEqual:
		return cmp >= 0
	}
	return cmp == 0
}
