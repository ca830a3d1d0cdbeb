// Package unlock opens tokens whose accounts a password protects, and
// remembers with what: not the password, but the key that it stands for on one
// token. A [Service] keeps keys in memory until the agent ends, and hands a
// token its key whenever the token is opened; a [Vault] keeps them longer,
// sealed, where the user says so.
package unlock

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/fob-auth/fob/agent/broker"
	"github.com/fob-auth/fob/devices"
)

// ErrNoPassword says that a token has no password.
var ErrNoPassword = errors.New("the token has no password")

// A KeptError says that a token is unlocked, and that its key could not be
// remembered beyond the agent's end.
type KeptError struct {
	Token string
	Err   error
}

func (e *KeptError) Error() string {
	return fmt.Sprintf("token %s is unlocked until the agent ends, and its key can't be remembered for longer: %v", e.Token, e.Err)
}

// Unwrap returns the cause.
func (e *KeptError) Unwrap() error { return e.Err }

// A Memory keeps keys beyond the agent's end.
type Memory interface {
	Remember(ctx context.Context, token string, key []byte) error
	// Recall returns what was remembered, or nil.
	Recall(ctx context.Context, token string) ([]byte, error)
	Forget(ctx context.Context, token string) error
}

// A Service unlocks tokens. Its fields are set before its first use; its
// methods may be called from many goroutines.
type Service struct {
	Broker *broker.Broker
	Memory Memory
	Log    *slog.Logger

	mu   sync.Mutex
	keys map[string]known
}

// A known key opens one token; kept says that Memory has it too.
type known struct {
	key  devices.Secret
	kept bool
}

// Unlock opens a token's accounts with its password, from now on until the
// agent ends; with remember also after that, and without what was remembered
// is forgotten. Errors are those of [broker.Broker.Do], devices.ErrPassword for
// a wrong password, ErrNoPassword, and a *KeptError.
func (s *Service) Unlock(ctx context.Context, serial string, password devices.Secret, remember bool) error {
	keys := make(chan devices.Secret, 1)
	password = append(devices.Secret(nil), password...) // the caller may leave before it is used
	none := &devices.Error{Op: unlocking, Token: serial, Err: ErrNoPassword}
	err := s.Broker.Do(ctx, serial, unlocking, func(ctx context.Context, token devices.Token) error {
		defer password.Clear()
		u, ok := token.(devices.Unlocker)
		if !ok {
			return none
		}
		key, err := u.Unlock(ctx, password)
		if errors.Is(err, devices.ErrUnsupported) {
			return none
		}
		if err == nil {
			keys <- key
		}
		return err
	})
	if err != nil {
		return err
	}
	key := <-keys
	err = s.keep(ctx, serial, key, remember)
	s.put(serial, known{key, remember && err == nil})
	if failed := s.Broker.Refresh(ctx, serial); failed != nil {
		return failed
	}
	return err
}

// unlocking is what was tried, in errors.
const unlocking = "unlock the accounts"

// keep remembers a key beyond the agent's end, or forgets what was remembered.
func (s *Service) keep(ctx context.Context, serial string, key devices.Secret, remember bool) error {
	var err error
	if remember {
		err = s.Memory.Remember(ctx, serial, key.Reveal())
	} else {
		err = s.Memory.Forget(ctx, serial)
	}
	if err != nil {
		return &KeptError{Token: serial, Err: err}
	}
	return nil
}

// Greet unlocks a token that was just opened, if its key is known. It runs on
// the goroutine that owns the token. A key that isn't good any more is
// forgotten.
func (s *Service) Greet(ctx context.Context, token devices.Token) {
	u, ok := token.(devices.Unlocker)
	if !ok {
		return
	}
	serial := token.Info().Serial
	k := s.get(serial)
	if k.key == nil {
		kept, err := s.Memory.Recall(ctx, serial)
		if err != nil {
			s.Log.Warn("the key to a token's accounts can't be recalled", "token", serial, "error", err)
		}
		if kept == nil {
			return
		}
		k = known{kept, true}
	}
	err := u.UnlockWith(ctx, k.key)
	switch {
	case err == nil:
		s.put(serial, k)
	case errors.Is(err, devices.ErrPassword), errors.Is(err, devices.ErrUnsupported):
		s.Log.Info("a token's password isn't the one that was known", "token", serial)
		s.put(serial, known{})
		if err := s.Memory.Forget(ctx, serial); err != nil {
			s.Log.Warn("the key to a token's accounts can't be forgotten", "token", serial, "error", err)
		}
	default:
		s.Log.Info("a token wasn't unlocked", "token", serial, "error", err)
	}
}

// Volatile reports whether a key is known that would be lost with the agent.
func (s *Service) Volatile() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.keys {
		if !k.kept {
			return true
		}
	}
	return false
}

func (s *Service) get(serial string) known {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.keys[serial]
	k.key = append(devices.Secret(nil), k.key...)
	return k
}

// put keeps a key in memory in place of the one there is; one without bytes
// forgets it.
func (s *Service) put(serial string, k known) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.keys == nil {
		s.keys = map[string]known{}
	}
	s.keys[serial].key.Clear()
	delete(s.keys, serial)
	if k.key != nil {
		k.key = append(devices.Secret(nil), k.key...)
		s.keys[serial] = k
	}
}
