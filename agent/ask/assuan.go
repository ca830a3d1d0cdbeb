package ask

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
)

// The Assuan protocol as pinentry speaks it (The Assuan Manual, "Client
// responses" and "Server responses"; the pinentry manual, "Protocol"): a line
// each way, with %XX for what a line can't hold.

// maxLine is the longest line of the protocol, in bytes, without its end.
const maxLine = 1000

// maxLines bounds what a pinentry may say before it answers.
const maxLines = 1000

// Error codes of libgpg-error, without their source.
const (
	gpgTimeout      = 62
	gpgCanceled     = 99
	gpgNotConfirmed = 114
	gpgCodeMask     = 0xffff
)

// errAssuan says that what was started isn't a pinentry.
var errAssuan = errors.New("the program doesn't speak as a pinentry does")

// A conversation is one with a pinentry.
type conversation struct {
	in  *bufio.Reader
	out io.Writer
}

func talk(in io.Reader, out io.Writer) *conversation {
	return &conversation{in: bufio.NewReaderSize(in, maxLine+2), out: out}
}

// say sends a command and returns the data of its answer.
func (c *conversation) say(command, argument string) (string, error) {
	line := command
	if argument != "" {
		line += " " + argument
	}
	if len(line) > maxLine {
		return "", fmt.Errorf("command %s: %w", command, bufio.ErrTooLong)
	}
	if _, err := io.WriteString(c.out, line+"\n"); err != nil {
		return "", err
	}
	return c.hear()
}

// hear reads up to the answer's end, and returns its data. An ERR is
// ErrRefused, ErrUnanswered, or an error that names its number.
func (c *conversation) hear() (string, error) {
	var data strings.Builder
	for range maxLines {
		line, err := c.line()
		if err != nil {
			return "", err
		}
		word, rest, _ := strings.Cut(line, " ")
		switch word {
		case "OK":
			return data.String(), nil
		case "D":
			text, err := url.PathUnescape(rest)
			if err != nil || data.Len()+len(text) > maxLine {
				return "", errAssuan
			}
			data.WriteString(text)
		case "ERR":
			return "", refusalOf(rest)
		case "S", "#", "":
		default:
			if !strings.HasPrefix(line, "#") {
				return "", errAssuan
			}
		}
	}
	return "", errAssuan
}

func (c *conversation) line() (string, error) {
	b, err := c.in.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return "", errAssuan
	case err != nil:
		return "", err
	}
	return strings.TrimRight(string(b), "\r\n"), nil
}

// refusalOf reads what follows ERR: a number, and words.
func refusalOf(rest string) error {
	number, _, _ := strings.Cut(rest, " ")
	n, err := strconv.ParseUint(number, 10, 32)
	if err != nil {
		return errAssuan
	}
	switch n & gpgCodeMask {
	case gpgCanceled, gpgNotConfirmed:
		return ErrRefused
	case gpgTimeout:
		return ErrUnanswered
	}
	return fmt.Errorf("pinentry failed with error %d", n)
}

// escaped writes text for a line.
func escaped(s string) string {
	var b strings.Builder
	for i := range len(s) {
		switch ch := s[i]; {
		case ch == '%' || ch < ' ' || ch == 0x7f:
			fmt.Fprintf(&b, "%%%02X", ch)
		default:
			b.WriteByte(ch)
		}
	}
	return b.String()
}
