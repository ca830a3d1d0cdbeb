package query

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// An Input reads a form's parameters. Violations of constraints are collected,
// so that all of them are told at once; [Input.Err] ends the reading.
type Input struct {
	form       Form
	violations []string
	malformed  *Error
}

// NewInput reads from f.
func NewInput(f Form) *Input { return &Input{form: f} }

// Err returns the refusal of what was read so far: MalformedInput for a value
// that isn't of its type, else ValidationError with every violated constraint.
func (in *Input) Err() error {
	if in.malformed != nil {
		return in.malformed
	}
	switch n := len(in.violations); n {
	case 0:
		return nil
	case 1:
		return ValidationError("1 validation error detected: %s", in.violations[0])
	default:
		return ValidationError("%d validation errors detected: %s", n, strings.Join(in.violations, "; "))
	}
}

// Has tells whether the parameter was sent, be it empty.
func (in *Input) Has(name string) bool {
	_, ok := in.form[name]
	return ok
}

// A Rule is a constraint on a string. It returns the broken constraint in
// AWS's words, or "".
type Rule func(v string) string

// MinLen asks for at least n characters.
func MinLen(n int) Rule {
	return func(v string) string {
		if utf8.RuneCountInString(v) >= n {
			return ""
		}
		return fmt.Sprintf("Member must have length greater than or equal to %d", n)
	}
}

// MaxLen allows at most n characters.
func MaxLen(n int) Rule {
	return func(v string) string {
		if utf8.RuneCountInString(v) <= n {
			return ""
		}
		return fmt.Sprintf("Member must have length less than or equal to %d", n)
	}
}

// Match asks for a pattern over the whole value, in the model's notation,
// which is also how it is told. A pattern that isn't a regular expression is a
// mistake in the program: rules are made once, as package variables.
func Match(pattern string) Rule { return MatchAs(pattern, pattern) }

// MatchAs is [Match] for a pattern of the model's that Go writes in another
// way: told is the model's, pattern is Go's.
func MatchAs(told, pattern string) Rule {
	re := regexp.MustCompile(`\A(?:` + pattern + `)\z`)
	return func(v string) string {
		if re.MatchString(v) {
			return ""
		}
		return "Member must satisfy regular expression pattern: " + told
	}
}

// OneOf asks for one of an enumeration's values.
func OneOf(values ...string) Rule {
	return func(v string) string {
		if slices.Contains(values, v) {
			return ""
		}
		return "Member must satisfy enum value set: [" + strings.Join(values, ", ") + "]"
	}
}

// String reads an optional string, "" where it wasn't sent.
func (in *Input) String(name string, rules ...Rule) string {
	v, ok := in.form[name]
	if !ok {
		return ""
	}
	if !utf8.ValidString(v) {
		in.fail("the value of %s is not UTF-8", name)
		return ""
	}
	for _, rule := range rules {
		if broken := rule(v); broken != "" {
			in.violate("'"+v+"'", name, broken)
		}
	}
	return v
}

// Required reads a string that must be there.
func (in *Input) Required(name string, rules ...Rule) string {
	if !in.Has(name) {
		in.violate("null", name, "Member must not be null")
		return ""
	}
	return in.String(name, rules...)
}

// Int reads an optional integer of min…max; without one it returns def. On the
// wire it is an optional sign and decimal digits in 32 bits, leading zeros
// allowed, nothing else (observed).
func (in *Input) Int(name string, def, minimum, maximum int) int {
	v, ok := in.form[name]
	if !ok {
		return def
	}
	n, ok := integer(v)
	if !ok {
		in.fail("the value of %s is not an integer", name)
		return def
	}
	if n < minimum {
		in.violate("'"+strconv.Itoa(n)+"'", name,
			fmt.Sprintf("Member must have value greater than or equal to %d", minimum))
	}
	if n > maximum {
		in.violate("'"+strconv.Itoa(n)+"'", name,
			fmt.Sprintf("Member must have value less than or equal to %d", maximum))
	}
	return n
}

func integer(v string) (int, bool) {
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil || n > math.MaxInt32 || n < math.MinInt32 {
		return 0, false
	}
	return int(n), true
}

// Bool reads an optional boolean: true, 1, false or 0 (observed).
func (in *Input) Bool(name string) bool {
	switch v, ok := in.form[name]; {
	case !ok, v == "false", v == "0":
		return false
	case v == "true", v == "1":
		return true
	}
	in.fail("the value of %s is not a boolean", name)
	return false
}

func (in *Input) fail(format string, args ...any) {
	if in.malformed == nil {
		in.malformed = malformed(format, args...)
	}
}

// violate notes a broken constraint; value is quoted already, or null.
func (in *Input) violate(value, name, constraint string) {
	in.violations = append(in.violations,
		fmt.Sprintf("Value %s at '%s' failed to satisfy constraint: %s", value, memberPath(name), constraint))
}

// memberPath turns a parameter's name into the path that AWS tells: each part
// in lower camel case, an element's number before "member"
// ("Tags.member.1.Key" is "tags.1.member.key").
func memberPath(name string) string {
	parts := strings.Split(name, ".")
	for i, p := range parts {
		if p != "" {
			parts[i] = strings.ToLower(p[:1]) + p[1:]
		}
	}
	for i := 0; i+1 < len(parts); i++ {
		if parts[i] == "member" {
			parts[i], parts[i+1] = parts[i+1], parts[i]
			i++
		}
	}
	return strings.Join(parts, ".")
}
