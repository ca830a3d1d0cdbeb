package fob

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/fob-auth/fob/agent/api"
)

// A screen is what the full-screen view shows, as it is now.
type screen struct {
	status      api.Status
	tokens      []api.Token
	credentials []api.Credential
	sessions    []api.SessionInfo
	drift       []api.Drift
	// waits are the touches, codes and answers that are waited for, by what
	// ends them.
	waits map[string]api.Event
	// recent are the last events, the newest last.
	recent []api.Event
	// chosen is the credential that a key press is about.
	chosen int
	// code is the code that was asked for last, and note what else came of it.
	code api.Code
	note string
}

// kept is how many events are shown at most.
const kept = 8

// hear takes an event in.
func (s *screen) hear(e api.Event) {
	if s.waits == nil {
		s.waits = map[string]api.Event{}
	}
	token := "token " + e.Token + " " + e.Profile
	switch e.Type {
	case api.EventTouch, api.EventWaiting:
		s.waits[token] = e
	case api.EventTouchDone, api.EventSession, api.EventRefused, api.EventCodeHanded:
		delete(s.waits, token)
	case api.EventPrompt:
		s.waits["prompt "+e.Prompt.ID] = e
	case api.EventPromptOver:
		delete(s.waits, "prompt "+e.Prompt.ID)
	}
	s.recent = append(s.recent, e)
	if len(s.recent) > kept {
		s.recent = slices.Delete(s.recent, 0, 1)
	}
}

// move chooses another credential.
func (s *screen) move(by int) {
	s.chosen = max(0, min(len(s.credentials)-1, s.chosen+by))
}

// target is the credential that a key press is about.
func (s *screen) target() (api.Credential, bool) {
	if s.chosen < 0 || s.chosen >= len(s.credentials) {
		return api.Credential{}, false
	}
	return s.credentials[s.chosen], true
}

// lines are the screen's text at a moment.
func (s *screen) lines(now time.Time) []string {
	var b page
	b.line("fob %s, pid %d  %s", s.status.Version, s.status.PID, now.Local().Format(time.TimeOnly))
	if s.status.Locked {
		b.line("the agent is locked and tells of nothing; 'fob unlock' unlocks it")
	}
	for _, w := range s.status.Warnings {
		b.line("warning: %s", w)
	}
	b.line("")
	s.drawWaits(&b, now)
	b.row("TOKEN", "MODEL", "STATE", "DRIVER")
	for _, t := range s.tokens {
		b.row(t.Serial, t.Model, string(t.State), t.Driver)
	}
	b.line("")
	b.row("  CODE OF", "TOKEN", "DIGITS", "LEFT")
	for i, c := range s.credentials {
		digits, left := s.digits(c, now)
		mark := "  "
		if i == s.chosen {
			mark = "> "
		}
		b.row(mark+c.ID, c.Token, digits, left)
	}
	b.line("")
	b.row("SESSION OF", "CALL", "LEFT", "ROLE")
	for _, v := range s.sessions {
		b.row(v.Profile, v.Call, leftOf(v.Expiration, now), v.AssumedRole)
	}
	b.line("")
	if len(s.drift) > 0 {
		b.row("CLOCK OF", "STATE", "OFFSET", "LEAVES")
		for _, d := range s.drift {
			b.row(d.Token, string(d.State), offset(d), leaves(d))
		}
		b.line("")
	}
	for _, e := range s.recent {
		b.line("%s  %s", e.At.Local().Format(time.TimeOnly), e.Message)
	}
	if s.note != "" {
		b.line("%s", s.note)
	}
	return strings.Split(strings.TrimRight(string(b.bytes()), "\n"), "\n")
}

func (s *screen) drawWaits(b *page, now time.Time) {
	if s.status.Waiting > 0 {
		b.line("callers that wait for a session: %d", s.status.Waiting)
	}
	waits := slices.SortedFunc(maps.Values(s.waits), func(a, b api.Event) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Message, b.Message))
	})
	for _, e := range waits {
		text := e.Message
		if e.Caller != "" {
			text += ", for " + e.Caller
		}
		if left := leftOf(e.Until, now); left != "" {
			text += "  " + left
		}
		b.line("! %s", text)
	}
	if s.status.Waiting > 0 || len(waits) > 0 {
		b.line("")
	}
}

// digits are those of a credential's code, where they were asked for, and how
// long its time step has left.
func (s *screen) digits(c api.Credential, now time.Time) (digits, left string) {
	if s.code.Code != "" && s.code.Token == c.Token && s.code.Credential == c.ID && now.Before(s.code.ValidUntil) {
		return s.code.Code, leftOf(s.code.ValidUntil, now)
	}
	if c.PeriodSeconds <= 0 || s.ownClock(c.Token) {
		return "······", ""
	}
	period := time.Duration(c.PeriodSeconds) * time.Second
	return "······", leftOf(now.Truncate(period).Add(period), now)
}

func (s *screen) ownClock(serial string) bool {
	return slices.ContainsFunc(s.tokens, func(t api.Token) bool { return t.Serial == serial && t.OwnClock })
}

// leftOf writes how long it is until then; "" where that is over.
func leftOf(then, now time.Time) string {
	left := then.Sub(now).Round(time.Second)
	switch {
	case left <= 0:
		return ""
	case left < time.Minute:
		return fmt.Sprintf("%d s", int(left/time.Second))
	case left < time.Hour:
		return fmt.Sprintf("%d min", int(left/time.Minute))
	}
	return fmt.Sprintf("%d h %02d min", int(left/time.Hour), int(left%time.Hour/time.Minute))
}

// help is the last line.
const help = "up, down: choose  enter: show the code, which reserves it  r: read anew  q: quit"

// frame is the lines as a terminal of a size takes them: from the upper left
// corner, each cut, what doesn't fit left out before the last line (ECMA-48: CUP,
// EL, ED).
func frame(lines []string, width, height int) string {
	if height < 1 || width < 1 {
		return ""
	}
	var b strings.Builder
	b.WriteString("\x1b[H")
	for _, line := range lines[:min(len(lines), height-1)] {
		b.WriteString(cutTo(line, width) + "\x1b[K\r\n")
	}
	b.WriteString("\x1b[J" + fmt.Sprintf("\x1b[%d;1H", height) + cutTo(help, width) + "\x1b[K")
	return b.String()
}

// cutTo cuts a line to a width, in characters.
func cutTo(line string, width int) string {
	if utf8.RuneCountInString(line) <= width {
		return line
	}
	return string([]rune(line)[:width])
}
