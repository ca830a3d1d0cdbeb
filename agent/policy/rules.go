package policy

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/fob-auth/fob/agent/caller"
)

// A Rule lets programs ask. Of what it says, all has to hold; an empty rule
// lets nobody ask.
type Rule struct {
	// Exe is a pattern for the path of the program that asks: a star stands for
	// anything but a slash (path/filepath.Match), and /** at the end for
	// everything below.
	Exe string
	// StartedBy is a pattern for that of any program above it.
	StartedBy string
}

// String is the rule as fob.yaml has it.
func (r Rule) String() string {
	var says []string
	if r.Exe != "" {
		says = append(says, "exe: "+r.Exe)
	}
	if r.StartedBy != "" {
		says = append(says, "started_by: "+r.StartedBy)
	}
	return "{" + strings.Join(says, ", ") + "}"
}

// fits reports whether a path is one of a pattern's.
func fits(pattern, path string) bool {
	if pattern == "/**" {
		return true
	}
	if below, ok := strings.CutSuffix(pattern, "/**"); ok {
		for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
			if yes, _ := filepath.Match(below, dir); yes {
				return true
			}
			if dir == filepath.Dir(dir) {
				return false
			}
		}
	}
	yes, _ := filepath.Match(pattern, path)
	return yes
}

// admits reports whether the rule lets the first of the chain ask.
func (r Rule) admits(chain []caller.Process) bool {
	if r == (Rule{}) || len(chain) == 0 {
		return false
	}
	if r.Exe != "" && !fits(r.Exe, chain[0].Exe) {
		return false
	}
	if r.StartedBy == "" {
		return true
	}
	for _, p := range chain[1:] {
		if fits(r.StartedBy, p.Exe) {
			return true
		}
	}
	return false
}

// Rules say which programs may ask for a profile: those that one of them lets.
// No rules let every program.
type Rules []Rule

// A RuleError says that no rule lets a program ask.
type RuleError struct {
	Profile string
	Rules   Rules
	// Caller is the program that asked, and those above it.
	Caller []caller.Process
}

func (e *RuleError) Error() string {
	who := "a program that can't be told"
	if len(e.Caller) > 0 {
		who = e.Caller[0].String()
		for _, p := range e.Caller[1:] {
			who += ", started by " + p.String()
		}
	}
	var rules []string
	for _, r := range e.Rules {
		rules = append(rules, r.String())
	}
	return fmt.Sprintf("profile %s is for the callers %s alone, and %s asked", e.Profile, strings.Join(rules, " or "), who)
}

// Admit returns a *RuleError where no rule lets the first process of the chain
// ask for the profile.
func (r Rules) Admit(profile string, chain []caller.Process) error {
	if len(r) == 0 {
		return nil
	}
	for _, rule := range r {
		if rule.admits(chain) {
			return nil
		}
	}
	return &RuleError{Profile: profile, Rules: r, Caller: chain}
}
