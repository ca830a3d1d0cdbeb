package setup

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// ErrFlow says that fob.yaml has its profiles in a form that can't be added to
// by the line.
var ErrFlow = errors.New("profiles stand in braces or brackets; add the new ones by hand")

var topProfiles = regexp.MustCompile(`^profiles:[ \t]*(\[[ \t]*\])?[ \t]*(#.*)?\r?\n?$`)

// AddProfiles adds profiles to the text of a fob.yaml; everything else stays as
// it is. A profile that it has already is left alone.
func AddProfiles(text string, profiles []Profile) (string, error) {
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	lines := strings.SplitAfter(text, "\n")
	lines = lines[:len(lines)-1] // behind the last line end
	at := -1
	for i, line := range lines {
		if strings.HasPrefix(line, "profiles:") {
			at = i
		}
	}
	if at < 0 {
		if len(lines) > 0 && strings.TrimSpace(lines[len(lines)-1]) != "" {
			lines = append(lines, "\n")
		}
		lines = append(lines, "profiles:\n")
		at = len(lines) - 1
	}
	match := topProfiles.FindStringSubmatch(lines[at])
	if match == nil {
		return "", ErrFlow
	}
	if match[1] != "" {
		lines[at] = strings.Replace(lines[at], match[1], "", 1)
	}
	names := ProfileNames(text)
	indent, end := "  ", at+1
	for i := at + 1; i < len(lines); i++ {
		trimmed := strings.TrimSpace(lines[i])
		if trimmed == "" || strings.HasPrefix(trimmed, "#") {
			continue
		}
		dash := strings.HasPrefix(trimmed, "-")
		if lead := lines[i][:len(lines[i])-len(strings.TrimLeft(lines[i], " "))]; lead == "" && !dash {
			break // the next top-level key
		} else if dash && end == at+1 {
			indent = lead
		}
		end = i + 1
	}
	var added []string
	for _, p := range profiles {
		if !slices.Contains(names, p.Name) {
			added = append(added, p.yaml(indent))
		}
	}
	return strings.Join(lines[:end], "") + strings.Join(added, "") + strings.Join(lines[end:], ""), nil
}

// nameSetting is a profile's name as it stands in fob.yaml, in a line of its own or
// within braces.
var nameSetting = regexp.MustCompile(`(?m)^[^#\n]*?(?:^|[ \t{,])name:[ \t]+("[^"\n]*"|'[^'\n]*'|[^\s"',}#][^,}#\n]*)`)

// ProfileNames returns the names of the profiles in the text of a fob.yaml.
func ProfileNames(text string) []string {
	_, list, _ := strings.Cut("\n"+text, "\nprofiles:")
	if end := topLevel.FindStringIndex(list); end != nil {
		list = list[:end[0]]
	}
	var names []string
	for _, match := range nameSetting.FindAllStringSubmatch(list, -1) {
		names = append(names, strings.Trim(strings.TrimSpace(match[1]), `"'`))
	}
	return names
}

// topLevel is where the next of fob.yaml's own settings begins.
var topLevel = regexp.MustCompile(`(?m)^[a-z_]+:`)

// yaml is the profile's entry in fob.yaml.
func (p Profile) yaml(indent string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s- name: %s\n", indent, strconv.Quote(p.Name))
	row := func(key, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%s  %s: %s\n", indent, key, value)
		}
	}
	text := func(key, value string) {
		if value != "" {
			row(key, strconv.Quote(value))
		}
	}
	text("source_profile", p.Keys)
	row("mfa_serial", p.MFASerial)
	text("credential", p.Account)
	row("role_arn", p.RoleARN)
	text("role_session_name", p.RoleSessionName)
	text("external_id", p.ExternalID)
	row("region", p.Region)
	if p.RoleDuration > 0 {
		row("role_duration", p.RoleDuration.String())
	}
	if p.Emulated {
		row("allow_emulated", "true")
	}
	return b.String()
}
