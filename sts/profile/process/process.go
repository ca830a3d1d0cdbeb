// Package process reads a credential_process of the AWS config. It is a leaf:
// fob, which starts without the AWS SDK, asks the same as the agent.
package process

import (
	"path"
	"strings"
)

// IsFob reports whether a credential_process is fob, by whatever path and with
// whatever arguments.
func IsFob(process string) bool {
	for _, word := range words(process) {
		base := path.Base(strings.ReplaceAll(word, `\`, "/"))
		if base == "env" || base == "exec" || base == "command" || strings.Contains(word, "=") {
			continue // what may stand before a command's name
		}
		return strings.EqualFold(base, "fob") || strings.EqualFold(base, "fob.exe")
	}
	return false
}

// words splits a command line at spaces outside of quotes. A backslash is part
// of a path, as on Windows.
func words(line string) []string {
	var list []string
	var quote rune
	var word strings.Builder
	for _, c := range line {
		switch {
		case c == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(c)
		case c == '"' || c == '\'':
			quote = c
		case c == ' ' || c == '\t' || c == '\n':
			if word.Len() > 0 {
				list = append(list, word.String())
				word.Reset()
			}
		default:
			word.WriteRune(c)
		}
	}
	if word.Len() > 0 {
		list = append(list, word.String())
	}
	return list
}
