package query

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Growth of a list by its indices (observed): the first may be up to 11, each
// further one may extend the list by 10 at most.
const listStep = 10

// List returns the elements of a list parameter, NAME.member.N: of each its
// prefix, under which its parts are read ("Tags.member.1" for
// "Tags.member.1.Key"). Positions that weren't sent are elements too, that
// miss everything. member.01 is member.1.
func (in *Input) List(name string) []string {
	prefix := name + ".member."
	seen := map[int]string{}
	extent := 0
	for _, index := range in.indices(prefix) {
		n, err := strconv.Atoi(index)
		if err != nil || n < 1 || index[0] == '+' || n > max(extent, 1)+listStep {
			in.fail("%s has an index that is out of place", name)
			return nil
		}
		in.alias(prefix, index, strconv.Itoa(n))
		seen[n] = prefix + strconv.Itoa(n)
		extent = max(extent, n)
	}
	elements := make([]string, 0, extent)
	for n := 1; n <= extent; n++ {
		elements = append(elements, prefix+strconv.Itoa(n))
	}
	return elements
}

// AtMost allows a list of n elements no more than most.
func (in *Input) AtMost(name string, n, most int) {
	if n > most {
		in.violations = append(in.violations, fmt.Sprintf(
			"Value at '%s' failed to satisfy constraint: Member must have length less than or equal to %d", memberPath(name), most))
	}
}

// RequireList refuses a call without the list. A list without elements is sent
// as its name alone.
func (in *Input) RequireList(name string) {
	if len(in.indices(name+".member.")) == 0 {
		in.Required(name)
	}
}

// Strings reads a list of strings, each under the rules.
func (in *Input) Strings(name string, rules ...Rule) []string {
	var values []string
	for _, element := range in.List(name) {
		values = append(values, in.Required(element, rules...))
	}
	return values
}

// indices gives the distinct index texts under prefix, lowest first.
func (in *Input) indices(prefix string) []string {
	found := map[string]bool{}
	for key := range in.form {
		if rest, ok := strings.CutPrefix(key, prefix); ok {
			index, _, _ := strings.Cut(rest, ".")
			found[index] = true
		}
	}
	return slices.SortedFunc(maps.Keys(found), func(a, b string) int {
		return cmp.Or(cmp.Compare(len(strings.TrimLeft(a, "0")), len(strings.TrimLeft(b, "0"))), cmp.Compare(a, b))
	})
}

// alias makes the parts of an element that was sent as member.01 readable as
// member.1.
func (in *Input) alias(prefix, sent, canonical string) {
	if sent == canonical {
		return
	}
	for key, value := range in.form {
		rest, ok := strings.CutPrefix(key, prefix+sent)
		if ok && (rest == "" || rest[0] == '.') {
			in.form[prefix+canonical+rest] = value
		}
	}
}
