// Package reader puts tokens of a bench into PC/SC readers: [Start] runs a
// private pcscd with one reader for each token that the bench file attaches to
// one, so that any PC/SC client finds them there.
//
// pcscd loads the library of package handler, which speaks to the bench in the
// protocol of package ifd. Nothing here knows what the cards are asked.
package reader

import (
	"errors"
	"log/slog"

	"github.com/fob-auth/fob/emulator"
)

// Errors of [Start]; callers tell them apart with errors.Is.
var (
	// ErrNotInstalled says that there is no pcscd on this machine.
	ErrNotInstalled = errors.New("pcscd is not installed")
	// ErrNoReaders says that no token of the bench is attached to a reader.
	ErrNoReaders = errors.New("no token of the bench is attached to a reader")
	// ErrPlatform says that a private pcscd is for Linux alone.
	ErrPlatform = errors.New("a private pcscd needs Linux")
)

// maxReaders is how many readers one pcscd has
// (PCSCLITE_MAX_READERS_CONTEXTS).
const maxReaders = 16

// Options are what [Start] needs from outside.
type Options struct {
	// Handler is the path of the library made from package handler.
	Handler string
	// Dir is the folder to make for pcscd's socket and the readers', and to take
	// away; "" stands for a new one among the system's temporary folders. Its
	// path must be short, as a socket's is.
	Dir string
	// Log takes what pcscd says.
	Log *slog.Logger
}

// SocketVariable is the environment variable by which libpcsclite finds a
// service other than the system's.
const SocketVariable = "PCSCLITE_CSOCK_NAME"

// A seat is one reader and the token in it.
type seat struct {
	emulator.Reader
	token *emulator.Token
	// told is called once pcscd has published that the reader is there, and what
	// is in it; or where it isn't.
	told func()
}

// seats are the bench's readers, in the bench file's order.
func seats(b *emulator.Bench) ([]seat, error) {
	var list []seat
	for _, t := range b.Tokens() {
		token, err := b.Token(t.Name)
		if err != nil {
			return nil, err
		}
		if r, ok := token.Reader(); ok {
			list = append(list, seat{r, token, func() {}})
		}
	}
	if len(list) == 0 {
		return nil, ErrNoReaders
	}
	return list, nil
}

// plug tells one presence of the reader from another; 0 stands for none. A
// reader that cards are put into stays.
func (s seat) plug() uint64 {
	state := s.token.State()
	switch {
	case !s.Own:
		return 1
	case !state.Plugged:
		return 0
	}
	return state.Plugs + 1
}
