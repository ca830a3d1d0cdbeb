package ask

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fob-auth/fob/agent/api"
)

// A witness keeps what watchers are told.
type witness struct {
	mu     sync.Mutex
	events []api.Event
}

func (w *witness) note(e api.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events = append(w.events, e)
}

func (w *witness) types() []api.EventType {
	w.mu.Lock()
	defer w.mu.Unlock()
	var list []api.EventType
	for _, e := range w.events {
		list = append(list, e.Type)
	}
	return list
}

type answer struct {
	digits string
	err    error
}

// asking asks for a code of profile dev, beside the test.
func asking(ctx context.Context, d *Desk) <-chan answer {
	got := make(chan answer, 1)
	go func() {
		digits, err := d.Code(ctx, Question{Profile: "dev", Token: "prompt:GAHT1", Message: "type it", Within: time.Minute,
			Check: func(digits string) error {
				if len(digits) != 6 {
					return &DigitsError{Reason: "six"}
				}
				return nil
			}})
		got <- answer{digits, err}
	}()
	return got
}

func no() *bool  { b := false; return &b }
func yes() *bool { b := true; return &b }

func TestNobodyToAsk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w witness
		d := &Desk{Notify: w.note}
		begin := time.Now()
		if a := <-asking(t.Context(), d); !errors.Is(a.err, ErrNobody) {
			t.Errorf("got %v, want ErrNobody", a.err)
		}
		d.Attend(t.Context(), "another")
		if a := <-asking(t.Context(), d); !errors.Is(a.err, ErrNobody) {
			t.Errorf("with a watcher of another profile: %v", a.err)
		}
		if time.Since(begin) != 0 || len(w.types()) != 0 {
			t.Errorf("it took %v, and watchers were told %v", time.Since(begin), w.types())
		}
	})
}

func TestOneWatcherAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w witness
		d := &Desk{Notify: w.note}
		all := d.Attend(t.Context(), api.AnswersAll)
		first, leave := context.WithCancel(t.Context())
		mine := d.Attend(first, "dev")
		got := asking(t.Context(), d)
		e := <-mine
		if !e.Prompt.Offered || e.Prompt.Kind != api.PromptCode || e.Prompt.Message != "type it" || e.Prompt.Until != time.Now().Add(time.Minute).UTC() {
			t.Errorf("offered %+v", e.Prompt)
		}
		synctest.Wait()
		if len(all) != 0 {
			t.Error("two watchers were asked at once")
		}
		leave()
		e = <-all
		var bad *DigitsError
		if _, err := d.Answer(e.Prompt.ID, api.PromptAnswer{Digits: "12345"}); !errors.As(err, &bad) {
			t.Errorf("five digits: %v", err)
		}
		if _, err := d.Answer(e.Prompt.ID, api.PromptAnswer{Allow: yes()}); !errors.Is(err, ErrKind) {
			t.Errorf("a yes to a question for digits: %v", err)
		}
		if _, err := d.Answer(e.Prompt.ID, api.PromptAnswer{Digits: "123456"}); err != nil {
			t.Error(err)
		}
		if a := <-got; a.err != nil || a.digits != "123456" {
			t.Errorf("got %+v", a)
		}
		if _, err := d.Answer(e.Prompt.ID, api.PromptAnswer{Digits: "123456"}); !errors.Is(err, ErrUnknown) {
			t.Errorf("a second answer: %v", err)
		}
		synctest.Wait()
		if types := w.types(); len(types) != 2 || types[0] != api.EventPrompt || types[1] != api.EventPromptOver || len(d.List()) != 0 {
			t.Errorf("told %v, standing %v", types, d.List())
		}
	})
}

func TestNoAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &Desk{Notify: func(api.Event) {}}
		offers := d.Attend(t.Context(), "dev")
		begin := time.Now()
		if a := <-asking(t.Context(), d); !errors.Is(a.err, ErrUnanswered) || time.Since(begin) != time.Minute {
			t.Errorf("after %v: %v", time.Since(begin), a.err)
		}
		<-offers
		got := asking(t.Context(), d)
		e := <-offers
		if _, err := d.Answer(e.Prompt.ID, api.PromptAnswer{Allow: no()}); err != nil {
			t.Error(err)
		}
		if a := <-got; !errors.Is(a.err, ErrRefused) {
			t.Errorf("refused: %v", a.err)
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		got = asking(ctx, d)
		<-offers
		gone := errors.New("gone")
		cancel(gone)
		if a := <-got; !errors.Is(a.err, gone) {
			t.Errorf("without a caller: %v", a.err)
		}
		ctx, leave := context.WithCancel(t.Context())
		d.Attend(ctx, "prod")
		asked := make(chan error, 1)
		go func() { asked <- d.Confirm(t.Context(), Question{Profile: "prod", Within: time.Minute}) }()
		synctest.Wait()
		leave()
		if err := <-asked; !errors.Is(err, ErrNobody) {
			t.Errorf("the last watcher left: %v", err)
		}
	})
}

// A way answers as it is told to.
type way struct {
	answers chan answer
	again   []string
}

func (w *way) Ask(ctx context.Context, _ Question, again string) (string, error) {
	w.again = append(w.again, again)
	select {
	case a := <-w.answers:
		return a.digits, a.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

func TestWaysInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken, works := &way{answers: make(chan answer, 4)}, &way{answers: make(chan answer, 4)}
		d := &Desk{Notify: func(api.Event) {}, Ways: []Way{broken, works}}
		broken.answers <- answer{err: ErrCannot}
		works.answers <- answer{digits: "12"}
		works.answers <- answer{digits: "123456"}
		if a := <-asking(t.Context(), d); a.err != nil || a.digits != "123456" {
			t.Errorf("got %+v", a)
		}
		if len(works.again) != 2 || works.again[0] != "" || works.again[1] == "" {
			t.Errorf("asked again with %q", works.again)
		}
		// Who answers on the socket meanwhile is heard.
		broken.answers <- answer{err: ErrCannot}
		got := asking(t.Context(), d)
		synctest.Wait()
		if _, err := d.Answer(d.List()[0].ID, api.PromptAnswer{Digits: "654321"}); err != nil {
			t.Error(err)
		}
		if a := <-got; a.digits != "654321" {
			t.Errorf("got %+v", a)
		}
		synctest.Wait()
		broken.answers <- answer{err: ErrCannot}
		works.answers <- answer{err: ErrRefused}
		if a := <-asking(t.Context(), d); !errors.Is(a.err, ErrRefused) {
			t.Errorf("got %+v", a)
		}
	})
}
