package mfa

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/fob-auth/fob/agent/api"
	"github.com/fob-auth/fob/agent/broker"
	"github.com/fob-auth/fob/sts"
	"github.com/fob-auth/fob/sts/awsissuer"
	"github.com/fob-auth/fob/sts/binding"
)

// AWS lets a user who has an MFA device add or take away their own devices with
// an MFA session only, whatever the policies say; a first device, and those of
// another user, go by the policies alone (AWS security bulletin AWS-2023-001).

// authorise settles what signs the calls of an enrolment, and returns the
// devices that the user has. A user who may not list them is taken to have
// none: AWS has the last word.
func (s *Service) authorise(ctx context.Context, t *target, e Enrolment, own bool) ([]string, error) {
	if !own {
		return nil, s.signAsAdministrator(ctx, t, e)
	}
	enabled, err := s.devicesOf(ctx, t.asker, "")
	if err != nil || len(enabled) == 0 {
		return nil, err
	}
	if e.Seed != "" && slices.Contains(enabled, seedSerial(*t, e)) {
		return enabled, nil // a second token for a device: nothing changes at AWS
	}
	t.second = true
	if e.Session == nil || !slices.Contains(enabled, t.asker.MFASerial) {
		return nil, needsMFA(t.asker, enabled)
	}
	t.signing, err = e.Session(ctx)
	return enabled, err
}

// signAsAdministrator takes the profile's MFA session, where it names a device:
// policies that let devices be managed mostly want one.
func (s *Service) signAsAdministrator(ctx context.Context, t *target, e Enrolment) (err error) {
	if t.asker.MFASerial != "" && e.Session != nil {
		t.signing, err = e.Session(ctx)
	}
	return err
}

// devicesOf lists the serials of a user's devices, "" for the asker's own; none
// where the asker may not list them.
func (s *Service) devicesOf(ctx context.Context, a Asker, user string) ([]string, error) {
	list, err := s.AWS.ListMFADevices(ctx, s.caller(a), user)
	var r *sts.Refusal
	if errors.As(err, &r) && (r.Class == sts.Denied || r.Class == sts.NeedsMFA) {
		s.Log.Info("may not list MFA devices", "profile", a.Profile)
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list the MFA devices of profile %s: %w", a.Profile, err)
	}
	var serials []string
	for _, d := range list {
		serials = append(serials, d.Serial)
	}
	return serials, nil
}

// Enabled asks AWS who the asker's user is, and whether the asker's device is one
// of theirs. No code is taken for that.
func (s *Service) Enabled(ctx context.Context, a Asker) (user string, enabled bool, err error) {
	id, err := s.Identify(ctx, a)
	if err != nil {
		return "", false, err
	}
	user, _ = binding.UserName(id)
	list, err := s.AWS.ListMFADevices(ctx, s.caller(a), "")
	if err != nil {
		return user, false, fmt.Errorf("list the MFA devices of user %s: %w", user, err)
	}
	return user, slices.ContainsFunc(list, func(d awsissuer.Device) bool { return d.Serial == a.MFASerial }), nil
}

func needsMFA(a Asker, enabled []string) error {
	return &api.Error{Code: api.Denied,
		Message: fmt.Sprintf("profile %s: the user has %s, and AWS lets a user who has an MFA device change devices with a session of it only", a.Profile, strings.Join(enabled, ", ")),
		Hint:    fmt.Sprintf("use a profile with mfa_serial: %s, whose token is at hand, or ask an administrator for 'fob enroll --user'", enabled[0])}
}

// A Removed is what came of it.
type Removed struct {
	Serial string
	// Token and Credential are where the device's codes came from; "" where
	// nothing was bound.
	Token, Credential string
	// CredentialDeleted says that the token doesn't have the seed any more,
	// Deleted that AWS doesn't either.
	CredentialDeleted, Deleted bool
}

// Unenroll takes the asker's MFA device away: from the user, from AWS where it is
// a virtual one, its credential from the token, and its binding. session gives
// the keys of a session that the device itself has bought.
func (s *Service) Unenroll(ctx context.Context, a Asker, session func(context.Context) (sts.Keys, error)) (Removed, error) {
	out := Removed{Serial: a.MFASerial}
	id, err := s.Identify(ctx, a)
	if err != nil {
		return out, err
	}
	user, ok := binding.UserName(id)
	if err := binding.CheckSerial(a.MFASerial, id); err != nil || !ok {
		return out, &api.Error{Code: api.MFARefused, Message: fmt.Sprintf("profile %s: MFA device %q isn't one of an IAM user whose keys these are (%s)", a.Profile, a.MFASerial, id.ARN),
			Hint: "correct mfa_serial; 'aws iam list-mfa-devices' shows the user's devices"}
	}
	t := target{asker: a, id: id, user: user}
	if t.signing, err = session(ctx); err != nil {
		return out, noSession(a, err)
	}
	bound, err := s.Bindings.OfDevice(ctx, sts.Device{Endpoint: a.Endpoint.Name(), Account: id.Account, Serial: a.MFASerial})
	if err != nil && !errors.Is(err, broker.ErrUnbound) {
		return out, err
	}
	out.Token, out.Credential = bound.Token, bound.Credential
	if err := s.AWS.DeactivateMFADevice(ctx, s.iamCaller(t), user, a.MFASerial); err != nil && !refusedAs(err, sts.Missing) {
		return out, fmt.Errorf("deactivate MFA device %s of user %s: %w", a.MFASerial, user, err)
	}
	if !binding.Hardware(a.MFASerial) {
		err := s.AWS.DeleteVirtualMFADevice(ctx, s.iamCaller(t), a.MFASerial)
		switch {
		case err == nil || refusedAs(err, sts.Missing):
			out.Deleted = true
		case refusedAs(err, sts.Denied):
			// AWS's own policy for users who manage their devices leaves it out.
			s.Log.Info("may not delete the MFA device, which is nobody's now", "mfa_serial", a.MFASerial)
		default:
			return out, fmt.Errorf("MFA device %s is deactivated; delete it: %w", a.MFASerial, err)
		}
	}
	if bound.ID == "" {
		return out, nil
	}
	if !binding.Hardware(a.MFASerial) {
		// The seed is of no use any more. A token that isn't there, or that
		// can't forget, keeps it.
		err := s.deleteCredential(ctx, bound.Token, bound.Credential)
		out.CredentialDeleted = err == nil
		if err != nil {
			s.Log.Info("the credential stays on the token", "token", bound.Token, "error", err)
		}
	}
	_, err = s.Bindings.Unbind(ctx, bound.ID)
	return out, err
}

// noSession says what is left to do where a device buys no session of its own.
func noSession(a Asker, err error) error {
	err = fmt.Errorf("a session of the device, without which AWS lets nobody take away their own: %w", err)
	var absent *api.Error
	if !errors.As(err, &absent) || absent.Code != api.NoToken {
		return err
	}
	return &api.Error{Code: api.NoToken, Message: err.Error(),
		Hint: fmt.Sprintf("plug the token in; if it is lost: 'fob unenroll --profile %s --lost'", a.Profile)}
}

func refusedAs(err error, class sts.Class) bool {
	var r *sts.Refusal
	return errors.As(err, &r) && r.Class == class
}

// takePresent looks for another device of the user whose token is plugged in,
// after that of the profile's device was found absent, or nothing bound to it. AWS is asked whose it is;
// a user who may not list devices has the profile's alone.
func (s *Service) takePresent(ctx context.Context, t *target, absent error) error {
	all, err := s.Bindings.All(ctx)
	if err != nil {
		return err
	}
	var there []broker.Binding
	for _, b := range all {
		if b.Device.Endpoint != t.device.Endpoint || b.Device.Account != t.device.Account || b.Device == t.device {
			continue
		}
		if found, err := s.find(b.Credential, b.Token); err == nil && len(found) == 1 && found[0].Token.Slot.Emulated == b.Emulated {
			there = append(there, b)
		}
	}
	if len(there) == 0 {
		return absent
	}
	enabled, err := s.devicesOf(ctx, t.asker, "")
	if err != nil {
		return errors.Join(absent, err)
	}
	for _, b := range there {
		if slices.Contains(enabled, b.Device.Serial) {
			s.Log.Info("another device of the user is at hand", "profile", t.asker.Profile, "mfa_serial", b.Device.Serial, "token", b.Token)
			t.device = b.Device
			return s.findBound(ctx, t, b)
		}
	}
	return absent
}
