package mfa

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/fob-auth/fob/agent/api"
	"github.com/fob-auth/fob/agent/broker"
	"github.com/fob-auth/fob/devices"
)

// Code hands out a code of a credential, for a person or a tool: reserved like
// one that goes to AWS, and so never given twice. The asker, where its keys are
// known, tells AWS's time. With peek nothing is
// reserved, and a fob that is outside AWS's window is asked all the same.
func (s *Service) Code(ctx context.Context, a Asker, found broker.Found, peek bool) (api.Code, error) {
	t := target{asker: a, token: found.Token, credential: found.Credential, purpose: "code"}
	if t.credential.Type != devices.TOTP || t.credential.Period < time.Second {
		return api.Code{}, &api.Error{Code: api.UnusableToken, Message: fmt.Sprintf("credential %q on token %s gives codes by a count, and fob takes timed ones only", t.credential.ID, t.token.Serial),
			Hint: "'ykman oath accounts code' gives it"}
	}
	b, err := s.Bindings.OfCredential(ctx, found.Token.Serial, found.Credential.ID)
	switch {
	case err == nil:
		t.device, t.attested = b.Device, b.Attestation
	case !errors.Is(err, broker.ErrUnbound):
		return api.Code{}, err
	}
	if err := t.stands(); err != nil {
		return api.Code{}, err
	}
	if peek {
		return s.peek(ctx, t)
	}
	got, err := s.take(ctx, t, 0)
	if err != nil {
		return api.Code{}, err
	}
	if err := s.Ledger.Settle(ctx, got.reservation, broker.Unknown); err != nil {
		return api.Code{}, err
	}
	s.Notify(api.Event{Type: api.EventCodeHanded, Token: t.token.Serial, Profile: a.Profile,
		Message: "a code of credential " + t.credential.ID + " on token " + t.token.Serial + " was handed out"})
	told := s.wireCode(t, got.code, got.offset)
	told.Reserved = true
	return told, nil
}

func (s *Service) peek(ctx context.Context, t target) (api.Code, error) {
	if t.typed() {
		return api.Code{}, noPeek(t)
	}
	code, err := s.code(ctx, t, t.step(s.Clock.Now(t.device.Endpoint)))
	if err != nil {
		return api.Code{}, err
	}
	var offset time.Duration
	if t.token.OwnClock {
		now, err := s.tokenTime(ctx, t)
		if err != nil {
			return api.Code{}, err
		}
		offset = now.Sub(s.Clock.Now(t.device.Endpoint))
	}
	told := s.wireCode(t, code, offset)
	told.Warning = "nothing is reserved: this code may be used, or have been used, elsewhere"
	return told, nil
}

// wireCode tells a code. Callers compare its times with the host's clock, neither
// with the token's, which is offset ahead of AWS's, nor with AWS's.
func (s *Service) wireCode(t target, c devices.Code, offset time.Duration) api.Code {
	ahead := offset + s.Clock.Skew(t.device.Endpoint)
	return api.Code{Code: c.Digits.Reveal(), Step: c.Counter, ValidFrom: c.Start().Add(-ahead), ValidUntil: c.End().Add(-ahead), Token: t.token.Serial,
		Credential: t.credential.ID, MFASerial: t.device.Serial, Emulated: t.emulated()}
}

// stands checks what the profile behind a code wants, where there is one: a
// code of its MFA device is as good as its session.
func (t target) stands() error {
	if t.asker.Profile == "" {
		return nil
	}
	if err := t.serves(); err != nil {
		return err
	}
	return t.attestedEnough()
}

// Find returns the credential that gives the codes of the asker's device, by
// the same rules as for a session.
func (s *Service) Find(ctx context.Context, a Asker) (broker.Found, error) {
	t, err := s.locate(ctx, a)
	return broker.Found{Token: t.token, Credential: t.credential}, err
}
