// Package ask puts questions to the person before the machine: for the digits
// that a display shows, or for leave to hand something out ([Desk]).
//
// A question goes to one place at a time: to a watcher on the socket who said
// that it asks people, as fob does on a terminal, else by one of the desk's own
// ways, a pinentry or a notification with buttons. Whoever else is told of it
// may answer as well; the first answer counts. Where there is nowhere to ask,
// that is the answer, at once. What is asked, and what becomes of the answer, is
// decided elsewhere.
package ask

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/fob-auth/fob/agent/api"
)

// A Question is what a person is asked.
type Question struct {
	Kind api.PromptKind
	// Profile, Token and Caller name what it is about.
	Profile, Token, Caller string
	// Message is the question in words.
	Message string
	// Within is how long it stands.
	Within time.Duration
	// Check says, as a *DigitsError, why digits can't be the code; nil takes
	// any.
	Check func(digits string) error
}

// A Way is a place of the machine where a person can be asked.
type Way interface {
	// Ask returns digits for a question for a code, and true for leave. Again
	// is why the last digits wouldn't do; empty at first. Errors are
	// ErrCannot, ErrRefused, ErrUnanswered, or ctx's.
	Ask(ctx context.Context, q Question, again string) (digits string, err error)
}

// A Desk keeps the questions that stand. Its fields are set before its first
// use; its methods may be called from any goroutine.
type Desk struct {
	// Notify tells watchers; it must not block.
	Notify func(api.Event)
	// Ways are tried in order where no watcher asks people.
	Ways []Way

	mu         sync.Mutex
	standing   map[string]*standing
	attendants []*attendant
}

// A standing question waits for its answer.
type standing struct {
	Question
	prompt   api.Prompt
	answered chan reply
	// taken says that an answer was accepted.
	taken bool
}

type reply struct {
	digits string
	err    error
}

// An attendant is a watcher who asks people.
type attendant struct {
	// profile is whose questions it takes; AnswersAll takes all.
	profile string
	offers  chan api.Event
	gone    <-chan struct{}
}

// maxStanding bounds the questions that stand at once.
const maxStanding = 64

// maxOffers bounds how many offers wait for a watcher that reads slowly.
const maxOffers = 16

// Code asks for digits.
func (d *Desk) Code(ctx context.Context, q Question) (string, error) {
	q.Kind = api.PromptCode
	return d.ask(ctx, q)
}

// Confirm asks for leave, and returns nil where it is given.
func (d *Desk) Confirm(ctx context.Context, q Question) error {
	q.Kind = api.PromptConfirm
	_, err := d.ask(ctx, q)
	return err
}

// List returns the questions that stand, the oldest first.
func (d *Desk) List() []api.Prompt {
	d.mu.Lock()
	defer d.mu.Unlock()
	list := []api.Prompt{}
	for _, s := range d.standing {
		list = append(list, s.prompt)
	}
	slices.SortFunc(list, func(a, b api.Prompt) int { return a.Until.Compare(b.Until) })
	return list
}

// Attend has questions about a profile, or all of them, offered to a watcher
// until ctx ends. The channel is never closed.
func (d *Desk) Attend(ctx context.Context, profile string) <-chan api.Event {
	a := &attendant{profile: profile, offers: make(chan api.Event, maxOffers), gone: ctx.Done()}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.attendants = append(d.attendants, a)
	context.AfterFunc(ctx, func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.attendants = slices.DeleteFunc(d.attendants, func(b *attendant) bool { return b == a })
	})
	return a.offers
}

// Answer answers a question. Errors are ErrUnknown, ErrKind and *DigitsError;
// after the last two the question stands on.
func (d *Desk) Answer(id string, a api.PromptAnswer) (api.Prompt, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s, ok := d.standing[id]
	if !ok || s.taken {
		return api.Prompt{}, ErrUnknown
	}
	r := reply{digits: a.Digits}
	switch {
	case a.Allow != nil && !*a.Allow:
		r = reply{err: ErrRefused}
	case s.Kind == api.PromptConfirm && (a.Allow == nil || a.Digits != ""),
		s.Kind == api.PromptCode && (a.Digits == "" || a.Allow != nil):
		return s.prompt, ErrKind
	}
	if err := s.check(r); err != nil {
		return s.prompt, err
	}
	s.taken = true
	s.answered <- r
	return s.prompt, nil
}

func (s *standing) check(r reply) error {
	if r.err != nil || s.Kind != api.PromptCode || s.Check == nil {
		return nil
	}
	return s.Check(r.digits)
}

func (d *Desk) ask(ctx context.Context, q Question) (string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, q.Within, ErrUnanswered)
	defer cancel()
	s, err := d.put(q)
	if err != nil {
		return "", err
	}
	told := false
	tell := func() {
		if !told {
			told = true
			d.Notify(s.event(api.EventPrompt, false))
		}
	}
	defer func() {
		d.remove(s)
		if told {
			d.Notify(s.event(api.EventPromptOver, false))
		}
	}()
	r := d.offer(ctx, s, tell)
	return r.digits, r.err
}

// offer puts the question before one after the other, until one answers.
func (d *Desk) offer(ctx context.Context, s *standing, tell func()) reply {
	var asked []*attendant
	for {
		a := d.next(s, asked)
		if a == nil {
			break
		}
		asked = append(asked, a)
		tell()
		select {
		case a.offers <- s.event(api.EventPrompt, true):
		default: // it reads too slowly to ask anybody
			continue
		}
		select {
		case r := <-s.answered:
			return r
		case <-a.gone:
		case <-ctx.Done():
			return reply{err: context.Cause(ctx)}
		}
	}
	for _, w := range d.Ways {
		tell()
		if r := d.by(ctx, s, w); !errors.Is(r.err, ErrCannot) {
			return r
		}
	}
	return reply{err: ErrNobody}
}

// next returns a watcher for the question: one of its profile before one that
// takes all.
func (d *Desk) next(s *standing, asked []*attendant) *attendant {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, profile := range []string{s.Profile, api.AnswersAll} {
		for _, a := range d.attendants {
			if profile != "" && a.profile == profile && !slices.Contains(asked, a) {
				return a
			}
		}
	}
	return nil
}

// by asks in one of the desk's own ways, unless a watcher answers first.
func (d *Desk) by(ctx context.Context, s *standing, w Way) reply {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	answered := make(chan reply, 1)
	go func() {
		again := ""
		for {
			digits, err := w.Ask(ctx, s.Question, again)
			r := reply{digits, err}
			if err == nil {
				if bad := s.check(r); bad != nil {
					again = bad.Error()
					continue
				}
			}
			answered <- r
			return
		}
	}()
	select {
	case r := <-s.answered:
		return r
	case r := <-answered:
		if r.err != nil && ctx.Err() != nil {
			r.err = context.Cause(ctx)
		}
		return r
	case <-ctx.Done():
		return reply{err: context.Cause(ctx)}
	}
}

func (d *Desk) put(q Question) (*standing, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.standing) >= maxStanding {
		return nil, fmt.Errorf("%d questions stand already: %w", maxStanding, ErrCannot)
	}
	if d.standing == nil {
		d.standing = map[string]*standing{}
	}
	s := &standing{Question: q, answered: make(chan reply, 1)}
	s.prompt = api.Prompt{ID: rand.Text(), Kind: q.Kind, Profile: q.Profile, Token: q.Token, Caller: q.Caller,
		Message: q.Message, Until: time.Now().Add(q.Within).UTC()}
	d.standing[s.prompt.ID] = s
	return s, nil
}

func (d *Desk) remove(s *standing) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.standing, s.prompt.ID)
}

func (s *standing) event(kind api.EventType, offered bool) api.Event {
	p := s.prompt
	p.Offered = offered
	message := p.Message
	if kind == api.EventPromptOver {
		message = "no longer asked: " + message
	}
	return api.Event{Type: kind, At: time.Now().UTC(), Token: p.Token, Profile: p.Profile, Caller: p.Caller, Message: message, Until: p.Until, Prompt: &p}
}
