package transcript

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Bounds of a transcript.
const (
	// MaxSize is the longest text, in bytes.
	MaxSize = 16 << 20
	// maxAPDU is the longest command or answer, in bytes: an extended answer
	// with its status word (ISO/IEC 7816-4, 5.2), or a command around as much.
	maxAPDU = 65536 + 9
	// maxWord bounds what happened and the name of a session, in bytes.
	maxWord = 256
	// maxAfter bounds how long an answer took.
	maxAfter = 24 * time.Hour
)

// ErrSyntax says that a text is no transcript. The error around it names the
// line.
var ErrSyntax = errors.New("no transcript")

// A Kind tells lines apart; it is what a line begins with.
type Kind byte

// The kinds of line.
const (
	Command Kind = '>' // a command APDU
	Answer  Kind = '<' // the answer to it
	Failure Kind = '!' // no answer, and why
	Event   Kind = '*' // something that happened while the command was under way
)

// A Line is one thing that happened in a session.
type Line struct {
	Kind Kind
	// APDU is that of a Command or an Answer.
	APDU []byte
	// After is how long a command took until its Answer or Failure, in whole
	// microseconds.
	After time.Duration
	// Word says why an answer didn't come, or what happened.
	Word string
}

// Why an answer didn't come. A replay gives the driver the same error.
const (
	FailedRemoved = "removed" // devices.ErrRemoved
	FailedBusy    = "busy"    // devices.ErrBusy
	FailedSilent  = "silent"  // devices.ErrSilent
	FailedGivenUp = "givenup" // the caller's context ended
	FailedOther   = "failed"  // anything else
)

// EventClosed is the event of a transport that is closed while a command is
// under way.
const EventClosed = "close"

// A Session is what went between a driver and a card from opening to closing.
type Session struct {
	// Name says whose session it is: the driver and the slot. It is for people.
	Name  string
	Lines []Line
}

// Append appends the session's text.
func (s Session) Append(text []byte) []byte {
	text = append(text, "session "...)
	text = append(append(text, s.Name...), '\n')
	for _, l := range s.Lines {
		text = l.append(text)
	}
	return text
}

func (l Line) append(text []byte) []byte {
	text = append(text, byte(l.Kind), ' ')
	if l.Kind == Answer || l.Kind == Failure {
		text = append(append(text, l.After.String()...), ' ')
	}
	if l.Kind == Command || l.Kind == Answer {
		text = fmt.Appendf(text, "%X", l.APDU)
	} else {
		text = append(text, l.Word...)
	}
	return append(text, '\n')
}

// Decode reads sessions. Empty lines and those that begin with "#" are left
// out. The error wraps [ErrSyntax].
func Decode(text []byte) ([]Session, error) {
	if len(text) > MaxSize {
		return nil, fmt.Errorf("%w: over %d bytes", ErrSyntax, MaxSize)
	}
	var sessions []Session
	open := false // a command waits for its answer
	number := 0
	for raw := range bytes.Lines(text) {
		number++
		line := strings.TrimSpace(string(raw))
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		var err error
		if name, ok := strings.CutPrefix(line+" ", "session "); ok {
			err = word(strings.TrimSpace(name))
			sessions = append(sessions, Session{Name: strings.TrimSpace(name)})
			open = false
		} else if len(sessions) == 0 {
			err = errors.New("a line before the first session")
		} else {
			var l Line
			l, err = decodeLine(line)
			if err == nil && (l.Kind == Command) == open {
				err = errors.New("commands and answers don't take turns")
			}
			open = l.Kind == Command || l.Kind == Event
			s := &sessions[len(sessions)-1]
			s.Lines = append(s.Lines, l)
		}
		if err != nil {
			return nil, fmt.Errorf("%w: line %d: %w", ErrSyntax, number, err)
		}
	}
	return sessions, nil
}

func decodeLine(line string) (l Line, err error) {
	kind, rest, ok := strings.Cut(line, " ")
	if !ok || len(kind) != 1 {
		return l, errors.New("none of the kinds of line")
	}
	l.Kind = Kind(kind[0])
	switch l.Kind {
	case Command, Event:
	case Answer, Failure:
		var after string
		if after, rest, ok = strings.Cut(rest, " "); !ok {
			return l, errors.New("no time, or nothing behind it")
		}
		if l.After, err = time.ParseDuration(after); err != nil || l.After < 0 || l.After > maxAfter {
			return l, errors.New("the time isn't one")
		}
		l.After = l.After.Truncate(time.Microsecond)
	default:
		return l, errors.New("none of the kinds of line")
	}
	rest = strings.TrimSpace(rest)
	if l.Kind == Event || l.Kind == Failure {
		l.Word = rest
		return l, word(rest)
	}
	if len(rest) > 2*maxAPDU {
		return l, errors.New("longer than an APDU")
	}
	if l.APDU, err = hex.DecodeString(rest); err != nil || len(l.APDU) == 0 {
		return l, errors.New("not in hex")
	}
	return l, nil
}

// word checks what is free text.
func word(s string) error {
	if s == "" || len(s) > maxWord {
		return fmt.Errorf("a word of %d bytes", len(s))
	}
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return errors.New("a character that isn't plain")
		}
	}
	return nil
}
