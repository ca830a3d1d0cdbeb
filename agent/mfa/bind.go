package mfa

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/fob-auth/fob/agent/api"
	"github.com/fob-auth/fob/agent/broker"
	"github.com/fob-auth/fob/sts"
	"github.com/fob-auth/fob/sts/binding"
	"github.com/fob-auth/fob/sts/resync"
)

// A Choice says which credential is meant, and whether its token has to prove
// its serial. Empty fields leave it open.
type Choice struct {
	// Token is the token's serial, Credential the credential's name.
	Token, Credential string
	// Slot is the PIV slot of the key that proves the token's serial, now and
	// at each connect; "" asks for a proof only where the asker does, or the
	// binding that there was.
	Slot string
}

// Bind ties the asker's device to a credential on a token that is plugged in;
// c narrows down which. AWS is asked whether the device is the user's; no code
// is spent.
func (s *Service) Bind(ctx context.Context, a Asker, c Choice) (broker.Binding, error) {
	id, err := s.Identify(ctx, a)
	if err != nil {
		return broker.Binding{}, err
	}
	if a.MFASerial == "" {
		return broker.Binding{}, &api.Error{Code: api.Config, Message: fmt.Sprintf("profile %s names no MFA device", a.Profile),
			Hint: "set mfa_serial in fob.yaml; 'aws iam list-mfa-devices' shows the user's devices"}
	}
	if err := binding.CheckSerial(a.MFASerial, id); err != nil {
		return broker.Binding{}, &api.Error{Code: api.MFARefused, Message: fmt.Sprintf("profile %s: %v", a.Profile, err),
			Hint: "correct mfa_serial; 'aws iam list-mfa-devices' shows the user's devices"}
	}
	if err := s.checkDevice(ctx, a); err != nil {
		return broker.Binding{}, err
	}
	if c.Token, err = s.typedToken(ctx, a, c.Token); err != nil {
		return broker.Binding{}, err
	}
	found, err := s.pick(ctx, a, c.Token, c.Credential)
	if err != nil {
		return broker.Binding{}, err
	}
	t := target{asker: a, id: id, token: found.Token, credential: found.Credential,
		device: sts.Device{Endpoint: a.Endpoint.Name(), Account: id.Account, Serial: a.MFASerial}}
	if err := t.serves(); err != nil {
		return broker.Binding{}, err
	}
	old, err := s.Bindings.OfDevice(ctx, t.device)
	if err != nil && !errors.Is(err, broker.ErrUnbound) {
		return broker.Binding{}, err
	}
	if t, err = s.attestWanted(ctx, t, cmp.Or(c.Slot, old.Attestation.Slot)); err != nil {
		return broker.Binding{}, err
	}
	return s.bind(ctx, t)
}

// checkDevice asks IAM whether the device is the user's. A user who may not
// list devices is taken at the profile's word: AWS has the last one.
func (s *Service) checkDevice(ctx context.Context, a Asker) error {
	list, err := s.AWS.ListMFADevices(ctx, s.caller(a), "")
	var r *sts.Refusal
	if errors.As(err, &r) && r.Class == sts.Denied {
		s.Log.Info("may not list MFA devices; the profile is taken at its word", "profile", a.Profile)
		return nil
	}
	if err != nil {
		return fmt.Errorf("list the MFA devices of profile %s: %w", a.Profile, err)
	}
	var serials []string
	for _, d := range list {
		if d.Serial == a.MFASerial {
			return nil
		}
		serials = append(serials, d.Serial)
	}
	has := "has none"
	if len(serials) > 0 {
		has = "has " + strings.Join(serials, ", ")
	}
	return &api.Error{Code: api.MFARefused, Message: fmt.Sprintf("MFA device %s of profile %s isn't enabled for the user, who %s", a.MFASerial, a.Profile, has),
		Hint: fmt.Sprintf("correct mfa_serial, or run 'fob enroll --profile %s'", a.Profile)}
}

// pick finds the one credential that is meant.
func (s *Service) pick(ctx context.Context, a Asker, token, credential string) (broker.Found, error) {
	found, err := s.candidates(ctx, a, token, credential)
	if err != nil {
		return broker.Found{}, err
	}
	if len(found) == 0 && a.Credential == "" && credential == "" && token == "" {
		return broker.Found{}, &api.Error{Code: api.Ambiguous, Message: fmt.Sprintf("neither profile %s nor the command names a token or a credential", a.Profile),
			Hint: fmt.Sprintf("'fob list' shows the credentials; 'fob bind --profile %s --token SERIAL --credential NAME'", a.Profile)}
	}
	if len(found) > 1 && credential == "" && a.Credential == "" {
		// A token holds other accounts too; those that AWS can't take, or that
		// serve another device, aren't meant.
		var usable []broker.Found
		for _, f := range found {
			if Unusable(f.Credential) == "" {
				usable = append(usable, f)
			}
		}
		found = usable
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return broker.Found{}, &api.Error{Code: api.NoToken, Message: fmt.Sprintf("profile %s: no token that is plugged in fits (token %q, credential %q)", a.Profile, token, credential),
			Hint: "'fob list' shows the credentials on each token"}
	}
	return broker.Found{}, ambiguous(a, found)
}

// bind writes the binding of a target.
func (s *Service) bind(ctx context.Context, t target) (broker.Binding, error) {
	var shown uint64
	if t.token.OwnClock {
		now, err := s.tokenTime(ctx, t)
		if err != nil {
			return broker.Binding{}, err
		}
		shown = resync.Counter(now)
	}
	b, err := s.Bindings.Bind(ctx, broker.Binding{Device: t.device, Token: t.token.Serial, Credential: t.credential.ID,
		Emulated: t.token.Slot.Emulated, Bound: time.Now(), Attestation: t.attested}, shown)
	if err != nil {
		return b, err
	}
	s.Notify(api.Event{Type: api.EventBound, Token: t.token.Serial, Profile: t.asker.Profile,
		Message: fmt.Sprintf("MFA device %s is bound to credential %q on token %s", t.device.Serial, t.credential.ID, t.token.Serial)})
	return b, nil
}
