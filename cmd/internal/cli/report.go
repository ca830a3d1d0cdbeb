package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"

	"github.com/spf13/cobra"
)

// A Report tells a person, or who reads the log, what went wrong.
type Report struct {
	// Message says what was tried, on what; it may have several lines.
	Message string
	// Code names the error to programs, where it has a name.
	Code string
	// Hint names a command that helps; "" where none does.
	Hint string
}

// Write writes the report in one of the formats of --log-format: a line for each
// of the message's and one for the hint, or one record of the log.
func (r Report) Write(w io.Writer, program, format string) {
	if format == "json" {
		if log, err := Logger(w, format); err == nil {
			log.Error(r.Message, "code", r.Code, "hint", r.Hint)
		}
		return
	}
	for line := range strings.Lines(r.Message) {
		fmt.Fprintf(w, "%s: %s\n", program, Clean(strings.TrimRight(line, "\n")))
	}
	if r.Hint != "" {
		fmt.Fprintf(w, "%s: hint: %s\n", program, Clean(r.Hint))
	}
}

// Clean takes out what a terminal would obey or not show: names come from
// tokens, from AWS and from files, and may hold anything.
func Clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}

// A HintError is an error with a hint: a command that helps.
type HintError struct {
	Err  error
	Hint string
}

func (e *HintError) Error() string { return e.Err.Error() }
func (e *HintError) Unwrap() error { return e.Err }

// Hint gives an error a hint, which takes args as fmt's functions do.
func Hint(err error, hint string, args ...any) error {
	return &HintError{err, fmt.Sprintf(hint, args...)}
}

// Fail reports on w why a command failed, in the format of its --log-format,
// and returns its exit status. begun says that the command line was understood:
// what failed after that is no wrong call, unless the error says so.
func Fail(w io.Writer, cmd *cobra.Command, begun bool, err error) int {
	report, status := Report{Message: err.Error()}, ExitFailed
	var hint *HintError
	if errors.As(err, &hint) {
		report.Hint = hint.Hint
	}
	if usage := new(UsageError); !begun || errors.As(err, &usage) {
		report.Hint, status = cmd.CommandPath()+" --help", ExitUsage
	}
	format := ""
	if flag := cmd.Flag("log-format"); flag != nil {
		format = flag.Value.String()
	}
	report.Write(w, cmd.Root().Name(), format)
	return status
}
