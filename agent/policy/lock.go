// Package policy decides who may ask the agent for what, beyond being of its
// own user: a [Lock] that refuses everybody, [Rules] on the programs that may
// ask for a profile, a [Limiter] on how often, and [Tickets] that stand in for
// the user on the restricted socket.
//
// Rules and limits among one user's own programs are advice and no protection:
// such a program can run another's code. The package knows no route and no
// socket; it is asked with what is known of the caller.
package policy

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/crypto/scrypt"
)

// The cost of a guess at the lock's password (RFC 7914 section 2): about a
// tenth of a second and 32 MiB.
const (
	scryptN = 1 << 15
	scryptR = 8
	scryptP = 1
	keyLen  = 32
	saltLen = 16
)

// How long a client waits after a wrong password: firstWait, then twice as long
// each time, up to maxWait.
const (
	firstWait = 500 * time.Millisecond
	maxWait   = 10 * time.Second
	// maxClients bounds how many clients' failures are remembered.
	maxClients = 256
)

// maxPassword bounds the lock's password, in bytes.
const maxPassword = 1024

// Errors of a lock.
var (
	ErrLocked        = errors.New("it is locked already")
	ErrNotLocked     = errors.New("it isn't locked")
	ErrWrongPassword = errors.New("the password is another")
	ErrPassword      = fmt.Errorf("a password has 1 to %d bytes", maxPassword)
)

// A WaitError says that a client guessed wrong and has to wait.
type WaitError struct{ After time.Duration }

func (e *WaitError) Error() string {
	return fmt.Sprintf("the password was wrong; the next try is in %s", e.After.Round(100*time.Millisecond))
}

// A Lock is closed and opened by a password of which only a hash is kept, in
// memory alone. The zero value is open. Its methods may be called at once from
// many goroutines.
type Lock struct {
	// guessing holds one value while a password is hashed: guesses take turns,
	// so that they can't take the machine.
	guessing sync.Mutex

	// cost is scrypt's N; 0 for scryptN.
	cost int

	mu     sync.Mutex
	locked bool
	salt   []byte
	// key is the password's hash; nil where none was set, and then none is
	// needed to unlock.
	key    []byte
	misses map[string]miss
}

// A miss is how often a client guessed wrong, and until when it waits.
type miss struct {
	count int
	until time.Time
}

// Locked reports whether the lock is closed.
func (l *Lock) Locked() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.locked
}

// Lock closes the lock with a password. Of a lock that is closed it is
// ErrLocked, and the password stays.
func (l *Lock) Lock(password []byte) error { return l.set(password, true) }

// Arm sets the password that Close then locks with, and leaves the lock open.
func (l *Lock) Arm(password []byte) error { return l.set(password, false) }

func (l *Lock) set(password []byte, locked bool) error {
	if len(password) == 0 || len(password) > maxPassword {
		return ErrPassword
	}
	l.guessing.Lock()
	defer l.guessing.Unlock()
	if l.Locked() {
		return ErrLocked
	}
	salt := make([]byte, saltLen)
	rand.Read(salt)
	key, err := l.hash(password, salt)
	if err != nil {
		return fmt.Errorf("lock: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.locked {
		return ErrLocked
	}
	l.salt, l.key, l.locked = salt, key, locked
	return nil
}

// Close closes an open lock with the password that was last set; where none
// was, any opens it. It reports whether the lock was open.
func (l *Lock) Close() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	was := !l.locked
	l.locked = true
	return was
}

// Unlock opens the lock. A wrong password is ErrWrongPassword, and a client
// that guessed wrong is a *WaitError until its time is over, whatever it says;
// others don't wait for it. ctx bounds the wait for the turn, and now is the
// clock of the waits, which begin when a guess was found wrong.
func (l *Lock) Unlock(ctx context.Context, client string, password []byte, now func() time.Time) error {
	if len(password) > maxPassword {
		return ErrPassword
	}
	if err := l.mayGuess(client, now()); err != nil {
		return err
	}
	l.guessing.Lock()
	defer l.guessing.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	// Another guess of the same client may have been wrong meanwhile.
	if err := l.mayGuess(client, now()); err != nil {
		return err
	}
	l.mu.Lock()
	salt, key := l.salt, l.key
	l.mu.Unlock()
	if key != nil {
		guess, err := l.hash(password, salt)
		if err != nil {
			return fmt.Errorf("unlock: %w", err)
		}
		if subtle.ConstantTimeCompare(guess, key) != 1 {
			l.missed(client, now())
			return ErrWrongPassword
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.locked = false
	delete(l.misses, client)
	return nil
}

func (l *Lock) hash(password, salt []byte) ([]byte, error) {
	cost := l.cost
	if cost == 0 {
		cost = scryptN
	}
	return scrypt.Key(password, salt, cost, scryptR, scryptP, keyLen)
}

func (l *Lock) mayGuess(client string, now time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.locked {
		return ErrNotLocked
	}
	if m := l.misses[client]; now.Before(m.until) {
		return &WaitError{After: m.until.Sub(now)}
	}
	return nil
}

// missed notes a wrong guess. Where too many clients are remembered, the one
// whose wait is over first is forgotten.
func (l *Lock) missed(client string, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.misses == nil {
		l.misses = map[string]miss{}
	}
	m := l.misses[client]
	m.count++
	m.until = now.Add(min(maxWait, firstWait<<min(m.count-1, 10)))
	l.misses[client] = m
	if len(l.misses) <= maxClients {
		return
	}
	first := ""
	for name, other := range l.misses {
		if first == "" || other.until.Before(l.misses[first].until) {
			first = name
		}
	}
	delete(l.misses, first)
}
