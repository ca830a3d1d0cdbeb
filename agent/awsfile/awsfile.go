// Package awsfile edits the AWS tools' files, config and credentials, line by
// line: whatever it isn't told to change, comments, blank lines and other tools'
// settings among it, stays byte for byte.
//
// It knows the files' form (AWS SDKs and Tools Reference Guide, "Shared config
// and credentials files") and not what a setting means; to find out what a
// profile says, with all sources merged, sts/profile asks the SDK.
package awsfile

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
)

// MaxSize bounds a file, in bytes.
const MaxSize = 1 << 20

// byteOrderMark is U+FEFF in UTF-8 (RFC 3629, section 6), which some editors put
// before a text.
const byteOrderMark = "\xEF\xBB\xBF"

// A File is the lines of a file. Use [Parse].
type File struct {
	// lines have their line ends.
	lines []string
}

// Parse reads a file's bytes; none are an empty file. A file that is too large,
// has a byte 0 in it, or begins with a byte order mark, is an error.
func Parse(b []byte) (*File, error) {
	if len(b) > MaxSize {
		return nil, fmt.Errorf("is larger than %d bytes", MaxSize)
	}
	if bytes.IndexByte(b, 0) >= 0 {
		return nil, errors.New("isn't a text")
	}
	if bytes.HasPrefix(b, []byte(byteOrderMark)) {
		return nil, errors.New("begins with a byte order mark, behind which AWS's tools don't find its first section: save it as UTF-8 without one")
	}
	f := &File{}
	for line := range strings.Lines(string(b)) {
		f.lines = append(f.lines, line)
	}
	return f, nil
}

// Bytes returns the file.
func (f *File) Bytes() []byte { return []byte(strings.Join(f.lines, "")) }

// Sections returns the names of the sections as they stand in the brackets,
// each once.
func (f *File) Sections() []string {
	var names []string
	seen := map[string]bool{}
	for _, line := range f.lines {
		if name, ok := header(line); ok && !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	return names
}

// Get returns a section's setting. Where it stands there twice the last one
// counts, as for the SDKs.
func (f *File) Get(section, key string) (value string, ok bool) {
	for i := range f.settings(section, key) {
		_, value, _ = setting(f.lines[i])
		ok = true
	}
	return value, ok
}

// Set gives a section's setting a value: in its place where it is there, else
// behind the section's other settings, in a new section at the end where there
// is none. Settings that stand there twice become one.
func (f *File) Set(section, key, value string) {
	line := key + " = " + value + f.lineEnd()
	first := -1
	for i := range f.settings(section, key) {
		first = i
		break
	}
	if first >= 0 {
		rest := f.lines[first+1:]
		f.lines = append(f.lines[:first:first], line)
		f.lines = append(f.lines, rest[continued(rest):]...)
		f.removeAfter(section, key, first)
		return
	}
	at := f.end(section)
	if at < 0 {
		if n := len(f.lines); n > 0 {
			f.finishLine(n - 1)
			if strings.TrimSpace(f.lines[n-1]) != "" {
				f.lines = append(f.lines, f.lineEnd())
			}
		}
		f.lines = append(f.lines, "["+section+"]"+f.lineEnd())
		at = len(f.lines)
	}
	f.finishLine(at - 1)
	f.lines = append(f.lines[:at:at], append([]string{line}, f.lines[at:]...)...)
}

// Remove takes a setting away, and reports whether it was there.
func (f *File) Remove(section, key string) bool { return f.removeAfter(section, key, -1) }

func (f *File) removeAfter(section, key string, after int) bool {
	removed := false
	for {
		at := -1
		for i := range f.settings(section, key) {
			if i > after {
				at = i
				break
			}
		}
		if at < 0 {
			return removed
		}
		rest := f.lines[at+1:]
		f.lines = append(f.lines[:at:at], rest[continued(rest):]...)
		removed = true
	}
}

// Rename gives a section another name, and reports whether it was there.
func (f *File) Rename(section, name string) bool {
	renamed := false
	for i, line := range f.lines {
		if is, ok := header(line); ok && is == section {
			open, closing := strings.IndexByte(line, '['), strings.IndexByte(line, ']')
			f.lines[i] = line[:open+1] + name + line[closing:]
			renamed = true
		}
	}
	return renamed
}

// settings walks the lines on which a section's setting begins.
func (f *File) settings(section, key string) func(yield func(int) bool) {
	return func(yield func(int) bool) {
		in := false
		for i, line := range f.lines {
			if name, ok := header(line); ok {
				in = name == section
				continue
			}
			if is, _, ok := setting(line); ok && in && strings.EqualFold(is, key) && !yield(i) {
				return
			}
		}
	}
}

// end returns the line behind a section's last setting, or behind its header
// where it has none; -1 where there is no such section.
func (f *File) end(section string) int {
	at, in := -1, false
	for i, line := range f.lines {
		if name, ok := header(line); ok {
			if in = name == section; in {
				at = i + 1
			}
			continue
		}
		if in && strings.TrimSpace(line) != "" && !comment(line) {
			at = i + 1
		}
	}
	return at
}

// lineEnd is the line end that the file uses.
func (f *File) lineEnd() string {
	if len(f.lines) > 0 && strings.HasSuffix(f.lines[0], "\r\n") {
		return "\r\n"
	}
	return "\n"
}

// finishLine gives a last line that has no end one.
func (f *File) finishLine(i int) {
	if !strings.HasSuffix(f.lines[i], "\n") {
		f.lines[i] += f.lineEnd()
	}
}

// continued counts the lines that belong to the setting before them: indented
// ones, as of nested settings.
func continued(lines []string) int {
	n := 0
	for n < len(lines) && indented(lines[n]) && strings.TrimSpace(lines[n]) != "" {
		n++
	}
	return n
}

func indented(line string) bool { return line != "" && (line[0] == ' ' || line[0] == '\t') }

func comment(line string) bool {
	line = strings.TrimSpace(line)
	return strings.HasPrefix(line, "#") || strings.HasPrefix(line, ";")
}

// header returns the name of a section that begins on a line.
func header(line string) (string, bool) {
	line = strings.TrimRight(line, "\r\n")
	if !strings.HasPrefix(line, "[") {
		return "", false
	}
	name, _, ok := strings.Cut(line[1:], "]")
	return strings.TrimSpace(name), ok
}

// setting returns the setting that begins on a line.
func setting(line string) (key, value string, ok bool) {
	if indented(line) || comment(line) {
		return "", "", false
	}
	at := strings.IndexAny(line, "=:")
	if at < 0 {
		return "", "", false
	}
	key, value = strings.TrimSpace(line[:at]), strings.TrimSpace(line[at+1:])
	// A comment may follow a value behind a blank.
	for _, mark := range []string{" #", " ;", "\t#", "\t;"} {
		value, _, _ = strings.Cut(value, mark)
	}
	return key, strings.TrimSpace(value), key != ""
}

// ConfigSection is the section of a profile as a config file has it to be seen
// by all AWS tools: a name with a blank in it wants quotes (botocore,
// configloader.py, build_profile_map). The credentials file has the bare name.
func ConfigSection(profile string) string {
	switch {
	case profile == "default":
		return profile
	case !strings.ContainsAny(profile, " \t\"'"):
		return "profile " + profile
	case strings.Contains(profile, `"`):
		return "profile '" + profile + "'"
	}
	return `profile "` + profile + `"`
}

// Profile returns the profile that a section of the config file is of.
func Profile(section string) (string, bool) {
	if section == "default" {
		return section, true
	}
	name, ok := bareName(section)
	name = strings.Trim(name, `"'`)
	return name, ok && name != ""
}

// Overlooked reports whether some of the AWS tools don't take a profile's section
// for one: its name has a blank in it and no quotes around.
func Overlooked(section string) bool {
	name, ok := bareName(section)
	return ok && strings.ContainsAny(name, " \t") && !strings.ContainsAny(name[:1], `"'`)
}

// bareName is what follows the word profile.
func bareName(section string) (string, bool) {
	name, ok := strings.CutPrefix(section, "profile")
	return strings.TrimSpace(name), ok && name != "" && indented(name)
}

// ProfileSections returns the sections of a config file that are a profile's, by
// whatever quotes; more than one is a mistake.
func (f *File) ProfileSections(profile string) []string {
	var list []string
	for _, section := range f.Sections() {
		if name, ok := Profile(section); ok && name == profile {
			list = append(list, section)
		}
	}
	return list
}

// ProfileSection returns the section of a config file that is a profile's: as it
// stands there, or else as it is to be written.
func (f *File) ProfileSection(profile string) string {
	if list := f.ProfileSections(profile); len(list) > 0 {
		return list[len(list)-1] // the AWS tools take the last
	}
	return ConfigSection(profile)
}
