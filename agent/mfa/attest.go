package mfa

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/fob-auth/fob/agent/api"
	"github.com/fob-auth/fob/agent/broker"
	"github.com/fob-auth/fob/devices"
	"github.com/fob-auth/fob/devices/piv"
)

const (
	// challengeSize is how many random bytes a token signs, so that no
	// signature was ever made before.
	challengeSize = 32
	// greetBound bounds the proofs of a token that was just opened. One that
	// another program holds proves itself later, before its first code.
	greetBound = 2 * time.Second
)

// A Verifier says what a token's attestation proves. Anything short of a proof
// is devices.ErrUnattested.
type Verifier interface {
	Verify(a devices.Attestation, challenge []byte) (devices.Proof, error)
}

// proofs are what tokens have proved since they were opened, by serial.
type proofs struct {
	mu sync.Mutex
	of map[string]proven
}

// A proven token is what came of one opening: a token that is opened anew is
// another one, and has proved nothing.
type proven struct {
	token devices.Token
	held  []broker.Attestation
}

// has reports whether a token has proved what a binding wants of it.
func (p *proofs) has(token devices.Token, want broker.Attestation) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	known := p.of[token.Info().Serial]
	return known.token == token && slices.Contains(known.held, want)
}

// add notes that a token has proved what a binding wants of it.
func (p *proofs) add(token devices.Token, held broker.Attestation) {
	p.mu.Lock()
	defer p.mu.Unlock()
	serial := token.Info().Serial
	known := p.of[serial]
	if known.token != token {
		known = proven{token: token}
	}
	if !slices.Contains(known.held, held) {
		known.held = append(known.held, held)
	}
	if p.of == nil {
		p.of = map[string]proven{}
	}
	p.of[serial] = known
}

// forget forgets what a token of that serial has proved.
func (p *proofs) forget(serial string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.of, serial)
}

// Greet has a token that was just opened prove its serial, by each slot that a
// binding to it names. It runs on the goroutine that owns the token. A proof
// that fails is told of, and tried again before a code is taken.
func (s *Service) Greet(ctx context.Context, token devices.Token) {
	serial := token.Info().Serial
	s.proofs.forget(serial)
	bound, err := s.Bindings.All(ctx)
	if err != nil {
		s.Log.Warn("bindings can't be read, so a token isn't asked for its proof yet", "token", serial, "error", err)
		return
	}
	ctx, cancel := context.WithTimeout(ctx, greetBound)
	defer cancel()
	for _, b := range bound {
		if b.Token != serial || b.Attestation.Slot == "" {
			continue
		}
		if err := s.proves(ctx, token, b.Attestation); err != nil {
			s.Log.Warn("token didn't prove its serial", "token", serial, "slot", b.Attestation.Slot, "error", err)
			s.Notify(api.Event{Type: api.EventRefused, Token: serial, Message: err.Error()})
		}
	}
}

// Proved reports whether a token that is plugged in has proved its serial since
// it was opened.
func (s *Service) Proved(serial string) bool {
	s.proofs.mu.Lock()
	defer s.proofs.mu.Unlock()
	return len(s.proofs.of[serial].held) > 0
}

// proves checks that a token has proved, since it was opened, to be the one
// that was bound; one that hasn't yet is asked to. It runs on the goroutine
// that owns the token.
func (s *Service) proves(ctx context.Context, token devices.Token, want broker.Attestation) error {
	if want.Slot == "" {
		return nil
	}
	if s.proofs.has(token, want) {
		return nil
	}
	proof, err := s.prove(ctx, token, want.Slot)
	switch {
	case err != nil:
		return err
	case proof.Emulated != want.Emulated:
		return unproven(token, "who made it isn't who made the token that was bound")
	case proof.Key != want.Key:
		return unproven(token, fmt.Sprintf("the key in PIV slot %s isn't the one that was there when it was bound", want.Slot))
	}
	s.proofs.add(token, want)
	return nil
}

// prove has a token prove its serial by the key in a slot, with a challenge of
// its own. It runs on the goroutine that owns the token.
func (s *Service) prove(ctx context.Context, token devices.Token, slot string) (devices.Proof, error) {
	attester, ok := token.(devices.Attester)
	if !ok || s.Verifier == nil {
		return devices.Proof{}, unproven(token, fmt.Sprintf("it is reached by the driver %s, and only keys in PC/SC readers can be asked for a proof", token.Info().Slot.Driver))
	}
	challenge := make([]byte, challengeSize)
	rand.Read(challenge) // it never fails
	shown, err := attester.Attest(ctx, slot, challenge)
	if err != nil {
		return devices.Proof{}, err
	}
	proof, err := s.Verifier.Verify(shown, challenge)
	if err != nil {
		return devices.Proof{}, &devices.Error{Op: provingOp, Token: token.Info().Serial, Err: err}
	}
	if serial := token.Info().Serial; proof.Serial != serial || proof.Slot != slot {
		return devices.Proof{}, unproven(token, fmt.Sprintf("it says that it is token %s, and proves to be token %s", serial, proof.Serial))
	}
	return proof, nil
}

// provingOp is what was tried, in errors.
const provingOp = "prove the serial"

func unproven(token devices.Token, why string) error {
	return &devices.Error{Op: provingOp, Token: token.Info().Serial, Err: fmt.Errorf("%w: %s", devices.ErrUnattested, why)}
}

// attest has the target's token prove its serial now, and remembers how in the
// target.
func (s *Service) attest(ctx context.Context, t target, slot string) (target, error) {
	held, err := ask(ctx, s.Broker, t.token.Serial, provingOp, func(ctx context.Context, token devices.Token) (broker.Attestation, error) {
		proof, err := s.prove(ctx, token, slot)
		held := broker.Attestation{Slot: proof.Slot, Key: proof.Key, Emulated: proof.Emulated}
		if err == nil {
			s.proofs.add(token, held)
		}
		return held, err
	})
	if err != nil {
		return t, err
	}
	t.attested = held
	return t, nil
}

// Prove has the token of the asker's device prove its serial, where its binding
// wants that and it hasn't since it was connected.
func (s *Service) Prove(ctx context.Context, a Asker) error {
	t, err := s.locate(ctx, a)
	if err != nil || t.attested.Slot == "" {
		return err
	}
	return s.Broker.Do(ctx, t.token.Serial, provingOp, func(ctx context.Context, token devices.Token) error {
		return s.proves(ctx, token, t.attested)
	})
}

// attestWanted is attest where a slot is named or the asker wants a proof.
func (s *Service) attestWanted(ctx context.Context, t target, slot string) (target, error) {
	if slot == "" && !t.asker.Attested {
		return t, nil
	}
	t, err := s.attest(ctx, t, cmp.Or(slot, piv.DefaultSlot))
	if err != nil {
		return t, err
	}
	return t, t.serves() // now that it is known who made the token
}

// attestedEnough checks that the target's token proves its serial, where the
// profile wants that.
func (t target) attestedEnough() error {
	if !t.asker.Attested || t.attested.Slot != "" {
		return nil
	}
	return &api.Error{Code: api.Unattested,
		Message: fmt.Sprintf("profile %s wants a token that proves its serial, and token %s isn't bound that way", t.asker.Profile, t.token.Serial),
		Hint:    fmt.Sprintf("run 'fob bind --profile %s --attest'", t.asker.Profile)}
}
