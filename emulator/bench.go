package emulator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/fob-auth/fob/emulator/api"
	"github.com/fob-auth/fob/firmware/piv"
)

// Options are what a bench needs from outside.
type Options struct {
	// Now is the host's time, which the tokens' clocks are off from.
	Now func() time.Time
	// Random is where tokens and faults get random bytes; several goroutines
	// read it.
	Random io.Reader
	// Line makes the serial line of a fob, with a link to its far end at path.
	// Its Write must not wait for a reader; Close must end a Read and take the
	// link away.
	Line func(path string) (io.ReadWriteCloser, error)
}

// A Bench is a set of emulated tokens. Its methods may be called from any
// goroutine.
type Bench struct {
	heart     heart
	authority *piv.Authority
	tokens    []*Token
	byName    map[string]*Token

	mu      sync.Mutex
	changed chan struct{} // closed by the next change
}

// New makes the tokens of a bench file, which is the bench's from then on, and
// plugs them in. Where one fails, those before it are unplugged again.
func New(f *File, o Options) (*Bench, error) {
	authority, err := openAuthority(f, o)
	if err != nil {
		return nil, err
	}
	b := &Bench{authority: authority, byName: make(map[string]*Token), changed: make(chan struct{})}
	for i := range f.Tokens {
		spec := &f.Tokens[i]
		t, err := newToken(spec, o, b)
		if err == nil {
			err = t.Plug()
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("token %s: %w", spec.Name, err), b.Close())
		}
		b.tokens = append(b.tokens, t)
		b.byName[spec.Name] = t
	}
	return b, nil
}

// Close unplugs every token for good and returns when nothing of the bench runs
// any more. The error says which line's link couldn't be taken away.
func (b *Bench) Close() error {
	var errs []error
	for _, t := range b.tokens {
		errs = append(errs, t.close())
	}
	return errors.Join(errs...)
}

// Tokens is the state of every token, in the bench file's order.
func (b *Bench) Tokens() []api.Token {
	states := make([]api.Token, 0, len(b.tokens))
	for _, t := range b.tokens {
		states = append(states, t.State())
	}
	return states
}

// Token is the token called name; the error is [ErrUnknown].
func (b *Bench) Token(name string) (*Token, error) {
	t, ok := b.byName[name]
	if !ok {
		return nil, fmt.Errorf("%w: %q", ErrUnknown, name)
	}
	return t, nil
}

// Changed is closed by the next change of a token: plugged or unplugged,
// waiting or pressed, its clock, its faults. Ask for it before Tokens, so that
// no change falls between. The counts of commands and codes are not news by
// themselves.
func (b *Bench) Changed() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.changed
}

func (b *Bench) announce() {
	b.mu.Lock()
	defer b.mu.Unlock()
	close(b.changed)
	b.changed = make(chan struct{})
}

// Await returns the state of token t once it is as wanted; the error is ctx's.
// Only what Changed tells of is noticed.
func (b *Bench) Await(ctx context.Context, t *Token, wanted func(api.Token) bool) (api.Token, error) {
	for {
		changed := b.Changed()
		if s := t.State(); wanted(s) {
			return s, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return api.Token{}, context.Cause(ctx)
		}
	}
}

// Press presses the button of token t, and waits for so long until the token
// waits for it. The errors are those of [Token.Press].
func (b *Bench) Press(ctx context.Context, t *Token, patience time.Duration) error {
	late := time.NewTimer(patience)
	defer late.Stop()
	for {
		changed := b.Changed()
		err := t.Press(ctx)
		if patience <= 0 || !errors.Is(err, ErrNotWaiting) {
			return err
		}
		select {
		case <-changed:
		case <-late.C:
			return err
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
