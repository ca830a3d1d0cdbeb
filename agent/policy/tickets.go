package policy

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/fob-auth/fob/agent/store"
)

const (
	// ticketPrefix begins each ticket, so that one that was left somewhere is
	// recognised.
	ticketPrefix = "fobticket_"
	ticketBytes  = 32
	// maxTicketLife bounds how long a ticket is good for, and maxTickets how
	// many there are.
	maxTicketLife = 30 * 24 * time.Hour
	maxTickets    = 100
)

// Errors of tickets.
var (
	ErrNoTicket    = errors.New("no such ticket")
	ErrTicketName  = errors.New("a ticket of that name is there already")
	ErrTooMany     = fmt.Errorf("there are %d tickets already", maxTickets)
	ErrTicketTerms = errors.New("a ticket needs a name, profiles and a life of at most 30 days")
)

// Tickets are what stands in for the user on the restricted socket. They are
// kept in the state file by their digest, and outlive the agent. Use
// OpenTickets.
type Tickets struct {
	state *store.Store

	mu    sync.Mutex
	known []store.Ticket
}

// OpenTickets reads the tickets of the state file.
func OpenTickets(ctx context.Context, s *store.Store) (*Tickets, error) {
	t := &Tickets{state: s}
	err := s.View(ctx, func(tx *store.Tx) (err error) {
		t.known, err = tx.Tickets()
		return err
	})
	return t, err
}

// Issue makes a ticket for some profiles and returns its secret, which can't be
// had again.
func (t *Tickets) Issue(ctx context.Context, name string, profiles []string, life time.Duration, now time.Time) (store.Ticket, string, error) {
	if name == "" || len(profiles) == 0 || slices.Contains(profiles, "") || life <= 0 || life > maxTicketLife {
		return store.Ticket{}, "", ErrTicketTerms
	}
	b := make([]byte, ticketBytes+8)
	rand.Read(b)
	secret := ticketPrefix + base64.RawURLEncoding.EncodeToString(b[:ticketBytes])
	made := store.Ticket{ID: hex.EncodeToString(b[ticketBytes:]), Name: name, Digest: digest(secret), Profiles: slices.Clone(profiles),
		Issued: now.UTC().Truncate(time.Millisecond), Expires: now.Add(life).UTC().Truncate(time.Millisecond)}
	t.mu.Lock()
	defer t.mu.Unlock()
	kept := slices.DeleteFunc(slices.Clone(t.known), func(k store.Ticket) bool { return !now.Before(k.Expires) })
	if slices.ContainsFunc(kept, func(k store.Ticket) bool { return k.Name == name }) {
		return store.Ticket{}, "", ErrTicketName
	}
	if len(kept) >= maxTickets {
		return store.Ticket{}, "", ErrTooMany
	}
	err := t.state.Update(ctx, func(tx *store.Tx) error {
		for _, k := range t.known {
			if now.Before(k.Expires) {
				continue
			}
			if err := tx.RemoveTicket(k.ID); err != nil {
				return err
			}
		}
		return tx.AddTicket(made)
	})
	if err != nil {
		return store.Ticket{}, "", err
	}
	t.known = append(kept, made)
	return made, secret, nil
}

// List returns the tickets that are good, the oldest first.
func (t *Tickets) List(now time.Time) []store.Ticket {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(t.known), func(k store.Ticket) bool { return !now.Before(k.Expires) })
}

// Revoke takes a ticket away, by its ID or its name; one that isn't there is
// ErrNoTicket.
func (t *Tickets) Revoke(ctx context.Context, id string) (store.Ticket, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	i := slices.IndexFunc(t.known, func(k store.Ticket) bool { return k.ID == id || k.Name == id })
	if i < 0 {
		return store.Ticket{}, ErrNoTicket
	}
	gone := t.known[i]
	if err := t.state.Update(ctx, func(tx *store.Tx) error { return tx.RemoveTicket(gone.ID) }); err != nil {
		return store.Ticket{}, err
	}
	t.known = slices.Delete(slices.Clone(t.known), i, i+1)
	return gone, nil
}

// Check returns the ticket that a secret is of; ErrNoTicket where it is of
// none, or of one whose time is over.
func (t *Tickets) Check(secret string, now time.Time) (store.Ticket, error) {
	if !strings.HasPrefix(secret, ticketPrefix) {
		return store.Ticket{}, ErrNoTicket
	}
	want := []byte(digest(secret))
	for _, k := range t.List(now) {
		if subtle.ConstantTimeCompare([]byte(k.Digest), want) == 1 {
			return k, nil
		}
	}
	return store.Ticket{}, ErrNoTicket
}

// digest needs no salt and no work: a secret of 256 random bits can't be
// guessed.
func digest(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}
