package prompt

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fob-auth/fob/devices"
)

// asked answers with a list of what is typed, and gives up at its end.
func asked(typed ...string) Ask {
	return func(_ context.Context, _ string, _ Question, check func(string) error) (string, error) {
		for {
			if len(typed) == 0 {
				return "", context.Canceled
			}
			next := typed[0]
			typed = typed[1:]
			if check(next) == nil {
				return next, nil
			}
		}
	}
}

func open(t *testing.T, ask Ask) *Token {
	t.Helper()
	d := New(ask)
	d.Plug("GAHT12345678")
	token, err := d.Open(t.Context(), devices.Slot{Driver: Name, Path: "GAHT12345678"})
	if err != nil {
		t.Fatal(err)
	}
	return token.(*Token)
}

func TestTypedDigits(t *testing.T) {
	at := time.Date(2026, 11, 22, 10, 0, 10, 0, time.UTC)
	for _, test := range []struct {
		name  string
		typed []string
		want  string
		err   error
	}{
		{"digits", []string{"123456"}, "123456", nil},
		{"in two groups", []string{" 123 456\t"}, "123456", nil},
		{"after others", []string{"", "12345", "1234567", "12345a", "１２３４５６", "654321"}, "654321", nil},
		{"never", []string{"12"}, "", context.Canceled},
	} {
		t.Run(test.name, func(t *testing.T) {
			token := open(t, asked(test.typed...))
			code, err := token.Code(t.Context(), "GAHT12345678", at)
			if code.Digits.Reveal() != test.want || !errors.Is(err, test.err) || test.err == nil && err != nil {
				t.Errorf("got %q, %v", code.Digits.Reveal(), err)
			}
			if err == nil && code.Start() != at.Truncate(30*time.Second) {
				t.Errorf("the step begins at %v", code.Start())
			}
		})
	}
	token := open(t, asked())
	if _, err := token.Code(t.Context(), "another", at); !errors.Is(err, devices.ErrNoCredential) {
		t.Errorf("another credential: %v", err)
	}
}

// TestDigitsAreTakenOnce: what an Ask returns is checked whatever it made of the
// check it was given.
func TestDigitsAreTakenOnce(t *testing.T) {
	careless := func(context.Context, string, Question, func(string) error) (string, error) { return "111111", nil }
	token := open(t, careless)
	if _, err := token.Type(t.Context(), Question{}); err != nil {
		t.Fatal(err)
	}
	if _, err := token.Type(t.Context(), Question{}); !errors.Is(err, ErrAgain) {
		t.Errorf("the same digits: %v", err)
	}
}

func TestTokensComeAndGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := New(asked())
		ctx, cancel := context.WithCancel(t.Context())
		sets := make(chan []devices.Slot)
		ended := make(chan error, 1)
		go func() { ended <- d.Watch(ctx, sets) }()
		if set := <-sets; len(set) != 0 {
			t.Errorf("at first %v", set)
		}
		d.Plug("GAHT12345678")
		d.Plug("GAHT12345678")
		synctest.Wait()
		set := <-sets
		if len(set) != 1 || set[0].Path != "GAHT12345678" || set[0].Emulated {
			t.Errorf("plugged in: %v", set)
		}
		token, err := d.Open(ctx, set[0])
		if err != nil {
			t.Fatal(err)
		}
		if mfa, ok := Typed(token.Info().Serial); !ok || mfa != "GAHT12345678" || !token.Info().OwnClock {
			t.Errorf("info %+v", token.Info())
		}
		d.Unplug("GAHT12345678")
		synctest.Wait()
		for set = <-sets; len(set) > 0; set = <-sets {
		}
		if _, err := d.Open(ctx, devices.Slot{Path: "GAHT12345678"}); !errors.Is(err, devices.ErrRemoved) {
			t.Errorf("open after that: %v", err)
		}
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}
