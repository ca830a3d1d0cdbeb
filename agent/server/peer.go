package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fob-auth/fob/agent/api"
	"github.com/fob-auth/fob/agent/caller"
	"github.com/fob-auth/fob/agent/policy"
	"github.com/fob-auth/fob/agent/store"
)

// A Peer is the process at the other end of a connection, as the kernel knew
// it when the connection was made. The process may have ended since.
type Peer struct {
	UID int
	// PID is 0 where the system doesn't tell.
	PID int
	// Ticket is the one that stands in for the user; nil where none does.
	Ticket *store.Ticket
	// Find finds the process and those above it, itself first; nil where
	// nothing finds them.
	Find func() []caller.Process
	// known keeps what was last made of what Find finds; nil keeps nothing.
	known *atomic.Pointer[words]
}

// words are what a process and those above it are called. They aren't changed.
type words struct {
	chain           []caller.Process
	client, started string
	audited         *api.AuditCaller
}

// words returns those for the peer's process.
func (p Peer) words() *words {
	chain := p.Chain()
	if p.known == nil {
		return p.wordsFor(chain)
	}
	w := p.known.Load()
	if w == nil || !slices.Equal(w.chain, chain) {
		w = p.wordsFor(chain)
		p.known.Store(w)
	}
	return w
}

func (p Peer) wordsFor(chain []caller.Process) *words {
	w := &words{chain: chain, client: policy.ClientOf(chain), audited: &api.AuditCaller{UID: p.UID, PID: p.PID}}
	var names []string
	for i, up := range chain {
		if i == 0 {
			w.audited.Exe = up.Exe
		} else {
			w.audited.Chain = append(w.audited.Chain, up.String())
		}
		if up.PID > 1 {
			names = append(names, up.String())
		}
	}
	switch {
	case len(names) > 0:
		w.started = fmt.Sprintf("%s (%d)", names[0], p.PID)
	case p.PID != 0:
		w.started = fmt.Sprintf("process %d", p.PID)
	}
	if len(names) > 1 {
		w.started += ", started by " + strings.Join(names[1:min(len(names), shownParents+1)], ", by ")
	}
	return w
}

// shownParents is how many of a caller's parents people are told of.
const shownParents = 3

// Chain returns the process and those above it, itself first: a hint and no
// proof, and empty where nothing is known.
func (p Peer) Chain() []caller.Process {
	if p.Find == nil {
		return nil
	}
	return p.Find()
}

// Exe is the path of the program; empty where it can't be read.
func (p Peer) Exe() string {
	if chain := p.Chain(); len(chain) > 0 {
		return chain[0].Exe
	}
	return ""
}

// Name is what people are told of who asks: the program, and those that started
// it; "" where nothing is known.
func (p Peer) Name() string { return p.words().started }

// Client names whom the peer's acts are counted as.
func (p Peer) Client() string {
	if p.Ticket != nil {
		return "ticket " + p.Ticket.Name
	}
	return p.words().client
}

// audited is the peer as the audit log has it.
func (p Peer) audited() *api.AuditCaller {
	c := p.words().audited
	if p.Ticket == nil {
		return c
	}
	with := *c
	with.Ticket = p.Ticket.Name
	return &with
}

// againAfter is how long a process that was found by its number alone stays one.
const againAfter = time.Second

// remembered returns a Peer's Find that looks once. Where no name was found,
// for which a scout that didn't answer is enough, it looks again after a while.
func remembered(find func() []caller.Process) func() []caller.Process {
	var mu sync.Mutex
	var found []caller.Process
	var until time.Time // zero where found is for good
	return func() []caller.Process {
		mu.Lock()
		defer mu.Unlock()
		if found != nil && (until.IsZero() || time.Now().Before(until)) {
			return found
		}
		found, until = find(), time.Time{}
		if len(found) == 0 || found[0].Exe == "" && found[0].Name == "" {
			until = time.Now().Add(againAfter)
		}
		return found
	}
}

// errNoPeer says that a connection isn't one whose peer can be known.
var errNoPeer = errors.New("the connection has no peer that the kernel knows")

type peerKey struct{}

// WithPeer returns ctx with who is asking, for the ways to the agent that
// aren't this socket.
func WithPeer(ctx context.Context, p Peer) context.Context {
	return context.WithValue(ctx, peerKey{}, p)
}

// PeerFrom returns who is asking in a request's context.
func PeerFrom(ctx context.Context) (Peer, bool) {
	p, ok := ctx.Value(peerKey{}).(Peer)
	return p, ok
}

// connContext looks up a new connection's peer. Where that fails there is no
// peer in the context, and the guard refuses each request. A peer that has too
// many connections is refused here.
func (s *Server) connContext(ctx context.Context, c net.Conn) context.Context {
	t, typed := c.(*typedConn)
	if typed {
		c = t.Conn
		ctx = context.WithValue(ctx, heardKey{}, t.heard)
	}
	p, err := s.peer(c)
	if err != nil {
		s.log.Warn("peer unknown", "error", err)
		return ctx
	}
	leave, err := s.crowd.enter(p.PID)
	if typed && err != nil {
		s.log.Debug("connection refused", "pid", p.PID, "error", err)
		t.refuse(s.failed(ctx, err).ErrorBody.Error)
	} else if typed {
		t.leave = leave
	}
	p.known = new(atomic.Pointer[words])
	return WithPeer(ctx, p)
}
