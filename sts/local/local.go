// Package local is an AWS to test against: IAM and STS on one endpoint, with
// real TOTP verification, real condition keys and real policy evaluation, in
// AWS's own codes, statuses and messages. A [Server] is an http.Handler; the
// program fobaws gives it a listener.
//
// A request goes from [Server.ServeHTTP] to package access, which finds out
// who signed it (sigv4, token) and later asks the policies (policy, managed);
// to an operation of package sts or iam, which reads its parameters (query)
// and works on the state (store, journal); codes go through device to mfa, the
// verifier. Package world says what there is at the beginning, clock what time
// it is.
//
// It isn't a place to keep secrets safe, and no model of AWS's scale: it is
// there so that what is protected by MFA at AWS can be tried without AWS.
package local

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/fob-auth/fob/sts/local/access"
	"github.com/fob-auth/fob/sts/local/clock"
	"github.com/fob-auth/fob/sts/local/device"
	"github.com/fob-auth/fob/sts/local/iam"
	"github.com/fob-auth/fob/sts/local/s3"
	"github.com/fob-auth/fob/sts/local/s3/blob"
	"github.com/fob-auth/fob/sts/local/sigv4"
	"github.com/fob-auth/fob/sts/local/store"
	"github.com/fob-auth/fob/sts/local/sts"
	"github.com/fob-auth/fob/sts/local/token"
	"github.com/fob-auth/fob/sts/local/world"
)

// Options are what a Server is made of. The zero Options are an empty AWS on
// the system clock.
type Options struct {
	// World is what there is at the beginning. Where Journal holds a state,
	// that state counts.
	World *world.World
	// Journal keeps the state; nil for a state that ends with the process.
	Journal store.Journal
	// Objects is the folder that keeps the content of objects, beside a
	// Journal; "" for a temporary one that ends with the Server.
	Objects string
	// Clock is AWS's time; nil for the host's.
	Clock *clock.Clock
	// Propagation is how long STS doesn't see a change that IAM made to an
	// MFA device; 0 for at once.
	Propagation time.Duration
	// SignatureSkew is how far a signature's time may lie from Clock; 0 for
	// AWS's 15 minutes. However wide it is, a presigned URL is over by Clock
	// when its own time is.
	SignatureSkew time.Duration
	// InheritMFA lets role sessions carry on the MFA context of the session
	// that assumed them; AWS's guide says that they don't.
	InheritMFA bool
	// Log gets one record for each request; nil for none.
	Log *slog.Logger
	// Rand makes keys, ids and seeds; nil for crypto/rand.
	Rand io.Reader
}

// A Server is the local AWS.
type Server struct {
	store    *store.Store
	clock    *clock.Clock
	guard    access.Guard
	policies access.Policies
	services []service
	s3       *s3.Service
	log      *slog.Logger
	admin    http.Handler
}

// New returns a server in the state that the journal or the world gives.
func New(o Options) (*Server, error) {
	if o.Clock == nil {
		o.Clock = clock.System()
	}
	if o.SignatureSkew == 0 {
		o.SignatureSkew = sigv4.DefaultSkew
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	st, err := store.Open(o.Journal)
	if err != nil {
		return nil, err
	}
	blobs := blob.Temporary()
	if o.Objects != "" {
		if blobs, err = blob.Open(o.Objects); err != nil {
			return nil, errors.Join(err, st.Close())
		}
	}
	sealer, err := prepare(st, blobs, o)
	if err != nil {
		return nil, errors.Join(err, blobs.Close(), st.Close())
	}
	rules := device.Rules{Propagation: o.Propagation}
	s := &Server{
		store: st, clock: o.Clock, log: o.Log,
		guard: access.Guard{Sealer: sealer, Skew: o.SignatureSkew},
		services: services(
			&sts.Service{Sealer: sealer, Devices: rules, InheritMFA: o.InheritMFA, Rand: o.Rand},
			&iam.Service{Devices: rules, Rand: o.Rand}),
	}
	s.s3 = &s3.Service{
		Store: st, Guard: s.guard, Policies: &s.policies, Devices: rules, Blobs: blobs, Rand: o.Rand,
		HostTime: time.Now,
	}
	if o.Objects != "" {
		if err := s.s3.Sweep(); err != nil {
			return nil, errors.Join(err, s.Close())
		}
	}
	s.admin = s.adminRoutes()
	return s, nil
}

// Clock is the server's clock, for tests that move it.
func (s *Server) Clock() *clock.Clock { return s.clock }

// Close ends the use of the journal and of the objects' folder. No request may
// be under way.
func (s *Server) Close() error { return errors.Join(s.s3.Blobs.Close(), s.store.Close()) }

// prepare puts what an empty state lacks: the world and a sealing key.
func prepare(st *store.Store, blobs *blob.Store, o Options) (*token.Sealer, error) {
	var keys []token.Key
	err := st.Update(context.Background(), func(tx *store.Tx) error {
		switch empty := tx.SealingKeys.Len() == 0; {
		case empty:
			if err := checkLost(blobs, o); err != nil {
				return err
			}
			if err := begin(tx, o); err != nil {
				return err
			}
		case o.World != nil:
			o.Log.Info("the state is not empty: it counts, and not the world file")
		}
		for _, k := range tx.SealingKeys.All() {
			keys = append(keys, k.Key)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return token.NewSealer(o.Rand, keys...)
}

// ErrLostState is a folder of objects beside an empty state. What they were is
// not known any more; the state that knew may still be somewhere, so they stay.
var ErrLostState = errors.New("the state is empty, though there are objects")

// checkLost looks for objects of another state than the empty one.
func checkLost(blobs *blob.Store, o Options) error {
	if o.Objects == "" {
		return nil
	}
	n, err := blobs.Len()
	if err == nil && n > 0 {
		err = fmt.Errorf("%w: %d in %s", ErrLostState, n, o.Objects)
	}
	return err
}

// begin makes the first state.
func begin(tx *store.Tx, o Options) error {
	now := o.Clock.Now().Truncate(time.Second)
	key := token.Key{ID: 1, Secret: make([]byte, token.KeySize)}
	if _, err := io.ReadFull(o.Rand, key.Secret); err != nil {
		return fmt.Errorf("sealing key: %w", err)
	}
	tx.SealingKeys.Put(store.SealingKey{Key: key, Created: now})
	if o.World == nil {
		return nil
	}
	if err := (populator{tx: tx, now: now}).world(o.World); err != nil {
		return &WorldError{err}
	}
	return nil
}

// A WorldError says why no state can be made of a world, though each of its
// lines is well-formed: for one, a policy names a user who isn't there.
type WorldError struct{ Err error }

func (e *WorldError) Error() string { return e.Err.Error() }

func (e *WorldError) Unwrap() error { return e.Err }
