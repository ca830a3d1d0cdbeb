package mfa

import (
	"context"
	"encoding/base32"
	"fmt"
	"strings"

	"github.com/fob-auth/fob/agent/api"
	"github.com/fob-auth/fob/devices"
	"github.com/fob-auth/fob/sts"
)

// writable finds the token that is to take a credential.
func (s *Service) writable(ctx context.Context, a Asker, serial string) (devices.Info, error) {
	var fit []devices.Info
	for _, t := range s.Broker.Tokens() {
		if t.Info.OwnClock && !isBlank(t.Info) || t.Info.Serial == "" || serial != "" && !named(t.Info, serial) {
			continue
		}
		if !t.Info.Slot.Emulated || a.AllowEmulated || serial != "" {
			fit = append(fit, t.Info)
		}
	}
	switch len(fit) {
	case 1:
		return fit[0], nil
	case 0:
		if fob, ok := s.sealed(serial); ok {
			return s.wiped(ctx, a, fob)
		}
		return devices.Info{}, &api.Error{Code: api.NoToken, Message: fmt.Sprintf("enrol for profile %s: no token %sthat takes credentials is plugged in", a.Profile, spaced(serial)),
			Hint: "plug in a YubiKey, or a fob without a seed (one that has a seed forgets it when its button is held for ten seconds); 'fob tokens' shows what is there. A fob that AWS knows is enrolled with --hardware SERIAL"}
	}
	return devices.Info{}, &api.Error{Code: api.Ambiguous, Message: fmt.Sprintf("enrol for profile %s: %d tokens that take credentials are plugged in", a.Profile, len(fit)),
		Hint: fmt.Sprintf("name one: 'fob enroll --profile %s --token SERIAL'", a.Profile)}
}

func spaced(serial string) string {
	if serial == "" {
		return ""
	}
	return serial + " "
}

// seed writes the seed to the token, and returns the target with the token as
// it is then.
func (s *Service) seed(ctx context.Context, t target, seed sts.Secret) (target, error) {
	key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(strings.TrimRight(seed.Reveal(), "="))
	if err != nil {
		return t, fmt.Errorf("the seed of MFA device %s isn't base32", t.device.Serial)
	}
	if isBlank(t.token) {
		t, err = s.seal(ctx, t, key)
	} else {
		err = s.put(ctx, t, key)
	}
	if err != nil {
		return t, err
	}
	return t, s.Ledger.Forget(ctx, t.device, t.token.Serial, t.credential.ID)
}

// put writes a credential to a token that holds several. The key is cleared
// once the token has it, which may be after a caller has left.
func (s *Service) put(ctx context.Context, t target, key devices.Secret) error {
	err := s.Broker.Do(ctx, t.token.Serial, "write a credential", func(ctx context.Context, token devices.Token) error {
		defer clear(key)
		w, ok := token.(devices.Writer)
		if !ok {
			return devices.ErrUnsupported
		}
		return w.Put(ctx, devices.NewCredential{Credential: t.credential, Secret: key})
	})
	if err != nil {
		return err
	}
	return s.Broker.Refresh(ctx, t.token.Serial)
}
