package agent

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/fob-auth/fob/agent/api"
	"github.com/fob-auth/fob/agent/broker"
	"github.com/fob-auth/fob/agent/mfa"
	"github.com/fob-auth/fob/devices"
	"github.com/fob-auth/fob/devices/piv"
)

func pid() int { return os.Getpid() }

func seconds(n int) time.Duration { return time.Duration(n) * time.Second }

// withWork returns ctx such that it also ends when the agent stops.
func (a *agent) withWork(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(a.work, cancel)
	return ctx, func() { stop(); cancel() }
}

// Code hands out one code.
func (a *agent) Code(ctx context.Context, req api.CodeRequest) (api.Code, error) {
	ctx, done := a.withWork(ctx)
	defer done()
	asker, found, err := a.meant(ctx, req)
	if err == nil && req.MFA {
		err = a.hasDevice(ctx, found)
	}
	if err == nil {
		err = a.admitCode(ctx, asker, found)
	}
	if err != nil {
		return api.Code{}, a.told(err, asker.Endpoint.Name())
	}
	if err := a.leaveForCode(ctx, asker, found.Credential.ID); err != nil {
		return api.Code{}, a.told(err, asker.Endpoint.Name())
	}
	asker.Caller = callerOf(ctx)
	code, err := a.mfa.Code(ctx, asker, found, req.Peek)
	return code, a.told(err, asker.Endpoint.Name())
}

// hasDevice says, before the token is asked, where a credential is bound to no
// MFA device.
func (a *agent) hasDevice(ctx context.Context, f broker.Found) error {
	_, err := a.bindings.OfCredential(ctx, f.Token.Serial, f.Credential.ID)
	if errors.Is(err, broker.ErrUnbound) {
		return &api.Error{Code: api.Unbound, Message: fmt.Sprintf("credential %q on token %s is bound to no MFA device, so there is no serial to go with a code", f.Credential.ID, f.Token.Serial),
			Hint: "'fob bind --profile NAME' binds it"}
	}
	return err
}

// meant finds the credential that a request for a code names: by a profile, by
// the credential's own name, or by a token's serial.
func (a *agent) meant(ctx context.Context, req api.CodeRequest) (mfa.Asker, broker.Found, error) {
	if _, ok := a.config.Load().Profile(req.Name); ok && req.Token == "" {
		asker, err := a.profiles.asker(ctx, req.Name)
		if err != nil {
			return asker, broker.Found{}, err
		}
		found, err := a.mfa.Find(ctx, asker)
		return asker, found, err
	}
	found, err := a.broker.Find(req.Name, req.Token)
	if err != nil && req.Token == "" && req.Name != "" {
		if bySerial, serialErr := a.broker.Find("", req.Name); serialErr == nil {
			found, err = bySerial, nil
		}
	}
	if err != nil {
		found, err = a.broker.Seek(ctx, req.Name, req.Token)
	}
	switch {
	case err != nil:
		return mfa.Asker{}, broker.Found{}, err
	case len(found) > 1:
		return mfa.Asker{}, broker.Found{}, &api.Error{Code: api.Ambiguous,
			Message: ambiguous(len(found), req),
			Hint:    "'fob list' shows them; 'fob code NAME --token SERIAL' names one"}
	}
	return a.askerOf(ctx, found[0]), found[0], nil
}

// ambiguous says how a request for a code names more than one credential.
func ambiguous(n int, req api.CodeRequest) string {
	switch {
	case req.Name != "":
		return fmt.Sprintf("%d credentials fit %q", n, req.Name)
	case req.Token != "":
		return fmt.Sprintf("token %s has %d credentials, and none was named", req.Token, n)
	}
	return fmt.Sprintf("%d credentials are plugged in, and none was named", n)
}

// askerOf finds a profile whose device is bound to a credential, best one that
// lets the token serve it; the zero Asker where there is none.
func (a *agent) askerOf(ctx context.Context, f broker.Found) mfa.Asker {
	b, err := a.bindings.OfCredential(ctx, f.Token.Serial, f.Credential.ID)
	if err != nil {
		return mfa.Asker{}
	}
	var any mfa.Asker
	for _, asker := range a.profiles.askers(ctx) {
		if asker.MFASerial != b.Device.Serial || asker.Endpoint.Name() != b.Device.Endpoint {
			continue
		}
		if asker.AllowEmulated || !f.Token.Slot.Emulated {
			return asker
		}
		any = asker
	}
	return any
}

// UnlockToken opens a token's accounts with their password.
func (a *agent) UnlockToken(ctx context.Context, req api.TokenUnlockRequest) (api.Token, error) {
	ctx, done := a.withWork(ctx)
	defer done()
	password := devices.Secret(req.Password)
	defer password.Clear()
	if err := a.unlocker.Unlock(ctx, req.Token, password, req.Remember); err != nil {
		return api.Token{}, a.told(err, "")
	}
	for _, t := range a.broker.Tokens() {
		if t.Info.Serial == req.Token {
			return wireToken(t), nil
		}
	}
	return api.Token{}, a.told(&broker.NoTokenError{Serial: req.Token}, "")
}

// Bind ties a profile's MFA device to a credential.
func (a *agent) Bind(ctx context.Context, req api.BindRequest) (api.Binding, error) {
	ctx, done := a.withWork(ctx)
	defer done()
	if err := a.admit(ctx, req.Profile); err != nil {
		return api.Binding{}, err
	}
	asker, err := a.profiles.asker(ctx, req.Profile)
	if err != nil {
		return api.Binding{}, a.told(err, "")
	}
	b, err := a.mfa.Bind(ctx, asker, mfa.Choice{Token: req.Token, Credential: req.Credential, Slot: slotOf(req.Attest, req.Slot)})
	return wireBinding(b), a.told(err, asker.Endpoint.Name())
}

// slotOf is the PIV slot to ask for a proof; "" where none is asked for.
func slotOf(attest bool, slot string) string {
	if attest && slot == "" {
		return piv.DefaultSlot
	}
	return slot
}

// Bindings lists the bindings.
func (a *agent) Bindings(ctx context.Context) ([]api.Binding, error) {
	bound, err := a.bindings.All(ctx)
	list := []api.Binding{}
	for _, b := range bound {
		list = append(list, wireBinding(b))
	}
	return list, a.told(err, "")
}

// Unbind drops a binding.
func (a *agent) Unbind(ctx context.Context, id string) error {
	b, err := a.bindings.Unbind(ctx, id)
	if err == nil {
		a.unplugTyped(b.Token)
		a.notify(api.Event{Type: api.EventUnbound, Token: b.Token, Message: fmt.Sprintf("MFA device %s is no longer bound to token %s", b.Device.Serial, b.Token)})
	}
	return a.told(err, "")
}

func wireBinding(b broker.Binding) api.Binding {
	return api.Binding{ID: b.ID, Endpoint: b.Device.Endpoint, Account: b.Device.Account, MFASerial: b.Device.Serial,
		Token: b.Token, Credential: b.Credential, Emulated: b.Emulated || b.Attestation.Emulated, AttestedBy: b.Attestation.Slot, Bound: b.Bound.UTC()}
}

// Resync hands AWS two consecutive codes of a profile's device.
func (a *agent) Resync(ctx context.Context, req api.ResyncRequest) (api.Resync, error) {
	ctx, done := a.withWork(ctx)
	defer done()
	if err := a.admit(ctx, req.Profile); err != nil {
		return api.Resync{}, err
	}
	asker, err := a.profiles.asker(ctx, req.Profile)
	if err != nil {
		return api.Resync{}, a.told(err, "")
	}
	asker.Caller = callerOf(ctx)
	r, err := a.mfa.Resync(ctx, asker)
	return r, a.told(err, asker.Endpoint.Name())
}

// Drift measures the tokens that are bound and plugged in.
func (a *agent) Drift(ctx context.Context) ([]api.Drift, error) {
	ctx, done := a.withWork(ctx)
	defer done()
	list, err := a.mfa.Drift(ctx, a.profiles.askers(ctx))
	return list, a.told(err, "")
}
