package mfa

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/fob-auth/fob/agent/api"
	"github.com/fob-auth/fob/agent/broker"
	"github.com/fob-auth/fob/agent/explain"
	"github.com/fob-auth/fob/devices"
	"github.com/fob-auth/fob/sts"
	"github.com/fob-auth/fob/sts/binding"
)

// An Enrolment says what to make an MFA device of.
type Enrolment struct {
	// Name is the virtual device's name; "" takes the one in the asker's
	// MFASerial, or the user's name.
	Name string
	// Token is the token's serial, or the name of a blank fob's port; "" where
	// only one can take a credential.
	Token string
	// Hardware enrols the fob of that serial, whose seed AWS has; "" makes a
	// virtual device.
	Hardware string
	// Slot is the PIV slot of the key that proves the token's serial; "" asks
	// for a proof only where the asker does.
	Slot string
	// Touch has the token ask for a touch for each code.
	Touch bool
	// User is somebody else, for whom the asker enrols as an administrator; ""
	// for the asker's own user.
	User string
	// Seed is that of a device which was made elsewhere, as base32; "" has AWS
	// make one.
	Seed sts.Secret
	// Session gives the keys of the asker's MFA session, for calls that AWS or
	// the user's policies want one for; nil where there can't be one.
	Session func(ctx context.Context) (sts.Keys, error)
	// Shown gets the seed of a device that AWS made, once it is on the token;
	// nil shows it to nobody.
	Shown func(device string, seed sts.Secret)
}

// An Enrolled is what came of an enrolment.
type Enrolled struct {
	Binding broker.Binding
	// Adjustment is what AWS adds for the device, in steps.
	Adjustment int
	// User is whose device it is.
	User string
	// Own says that it is the asker's own, so that a session can prove it.
	Own bool
}

// Enroll makes a token an MFA device of the asker's user, or of another one, and
// binds it. What a failed step leaves behind is taken back: the credential on
// the token, and the device nobody uses. The seed of a fob can't be: the error
// says what helps.
func (s *Service) Enroll(ctx context.Context, a Asker, e Enrolment) (Enrolled, error) {
	id, err := s.Identify(ctx, a)
	if err != nil {
		return Enrolled{}, err
	}
	own, isUser := binding.UserName(id)
	if !isUser && e.User == "" {
		return Enrolled{}, &api.Error{Code: api.Denied, Message: fmt.Sprintf("profile %s: its keys belong to %s, and only an IAM user can be given an MFA device", a.Profile, id.ARN),
			Hint: "'aws sts get-caller-identity' shows whose the keys are; an administrator names a user with --user"}
	}
	out := Enrolled{User: own, Own: e.User == "" || e.User == own}
	if !out.Own {
		out.User = e.User
	}
	t := target{asker: a, id: id, user: out.User}
	if e.Hardware != "" {
		// Nothing is asked, and no session bought, for a serial or by a token that
		// can't be.
		if err := binding.CheckSerial(e.Hardware, id); err != nil {
			return out, &api.Error{Code: api.MFARefused, Message: fmt.Sprintf("profile %s: %v", a.Profile, err),
				Hint: "leave --hardware out to enrol a virtual device: 'fob enroll --help'"}
		}
		if err := s.findHardware(ctx, &t, e); err != nil {
			return out, err
		}
	}
	if t.enabled, err = s.authorise(ctx, &t, e, out.Own); err != nil {
		return out, err
	}
	if !out.Own {
		// The profile's device and credential are the administrator's own.
		t.asker.MFASerial, t.asker.Credential = "", ""
	}
	switch {
	case e.Hardware != "":
		out.Binding, out.Adjustment, err = s.enrollHardware(ctx, t, e)
	case e.Seed != "":
		out.Binding, out.Adjustment, err = s.enrollSeed(ctx, t, e)
	default:
		out.Binding, out.Adjustment, err = s.enrollVirtual(ctx, t, e)
	}
	return out, err
}

// findHardware finds the token of a fob whose seed AWS has from its maker. The
// credential that the profile names is that of the profile's own device, and of
// no other.
func (s *Service) findHardware(ctx context.Context, t *target, e Enrolment) error {
	a := t.asker
	if e.Hardware != a.MFASerial {
		a.MFASerial, a.Credential = e.Hardware, ""
	}
	found, err := s.fobFor(ctx, a, e.Token)
	if err != nil {
		return err
	}
	t.token, t.credential = found.Token, found.Credential
	t.device = sts.Device{Endpoint: a.Endpoint.Name(), Account: t.id.Account, Serial: e.Hardware}
	if err := t.serves(); err != nil {
		return err
	}
	return s.notTaken(ctx, *t)
}

// enrollHardware enables the fob that was found.
func (s *Service) enrollHardware(ctx context.Context, t target, e Enrolment) (broker.Binding, int, error) {
	t.asker.MFASerial = e.Hardware
	t, err := s.attestWanted(ctx, t, e.Slot)
	if err != nil {
		return broker.Binding{}, 0, err
	}
	b, adjustment, err := s.enable(ctx, t)
	if maybeDone(err) {
		err = s.inDoubt(t, err, "")
	}
	return b, adjustment, err
}

// prepare finds the token that is to take the credential, and settles what that
// is called.
func (s *Service) prepare(ctx context.Context, t target, e Enrolment) (target, error) {
	var err error
	if t.token, err = s.writable(ctx, t.asker, e.Token); err != nil {
		return t, err
	}
	t.credential = devices.Credential{
		ID: t.asker.Credential, Type: devices.TOTP, Algorithm: devices.SHA1, Digits: 6, Period: 30 * time.Second, Touch: e.Touch}
	if t.second && e.Name != "" {
		t.credential.ID = "AWS:" + e.Name // the profile's own is the first device's
	}
	if err := t.nameCredential(); err != nil {
		return t, err
	}
	if err := t.serves(); err != nil {
		return t, err
	}
	there, err := s.find(t.credential.ID, t.token.Serial)
	if err != nil {
		return t, err
	}
	if len(there) > 0 {
		other := "name another in the profile's credential"
		if own, _ := binding.UserName(t.id); own != t.user {
			other = "take another token with --token" // the profile's credential is the administrator's
		}
		return t, &api.Error{Code: api.Ambiguous, Message: fmt.Sprintf("token %s has a credential %q already", t.token.Serial, t.credential.ID),
			Hint: other + ", or delete it with 'ykman oath accounts delete'"}
	}
	return s.attestWanted(ctx, t, e.Slot)
}

// enrollVirtual makes a device, writes its seed to the token and enables it.
func (s *Service) enrollVirtual(ctx context.Context, t target, e Enrolment) (broker.Binding, int, error) {
	t, err := s.prepare(ctx, t, e)
	if err != nil {
		return broker.Binding{}, 0, err
	}
	path, name := deviceName(t.asker.MFASerial, t.user)
	name = cmp.Or(e.Name, name)
	made, err := s.AWS.CreateVirtualMFADevice(ctx, s.iamCaller(t), name, path)
	if err != nil {
		return broker.Binding{}, 0, fmt.Errorf("make the MFA device %s for user %s: %w", name, t.user, err)
	}
	t.made = true
	t.device = sts.Device{Endpoint: t.asker.Endpoint.Name(), Account: t.id.Account, Serial: made.Serial}
	if t, err = s.seed(ctx, t, made.Seed); err != nil {
		return broker.Binding{}, 0, s.takeBack(ctx, t, err)
	}
	if e.Shown != nil {
		e.Shown(made.Serial, made.Seed)
	}
	b, adjustment, err := s.enable(ctx, t)
	if err != nil {
		return b, 0, s.takeBack(ctx, t, err)
	}
	return b, adjustment, nil
}

// seedSerial is the device that a seed is of: the profile's, unless another is
// named.
func seedSerial(t target, e Enrolment) string {
	if t.asker.MFASerial != "" && e.Name == "" {
		return t.asker.MFASerial
	}
	path, name := deviceName(t.asker.MFASerial, t.user)
	return binding.VirtualSerial(t.id, path, cmp.Or(e.Name, name))
}

// enrollSeed writes a seed that was made elsewhere to the token. The device is
// enabled, unless it is already, as where the token is a second one for it.
func (s *Service) enrollSeed(ctx context.Context, t target, e Enrolment) (broker.Binding, int, error) {
	serial := seedSerial(t, e)
	if err := binding.CheckSerial(serial, t.id); err != nil || binding.Hardware(serial) {
		return broker.Binding{}, 0, &api.Error{Code: api.MFARefused, Message: fmt.Sprintf("a seed is a virtual device's, and %s isn't one of account %s", serial, t.id.Account),
			Hint: "name the device with --name, or set mfa_serial to its ARN"}
	}
	t, err := s.prepare(ctx, t, e)
	if err != nil {
		return broker.Binding{}, 0, err
	}
	t.device = sts.Device{Endpoint: t.asker.Endpoint.Name(), Account: t.id.Account, Serial: serial}
	if t, err = s.seed(ctx, t, e.Seed); err != nil {
		return broker.Binding{}, 0, s.takeBack(ctx, t, err)
	}
	if slices.Contains(t.enabled, serial) {
		b, err := s.bind(ctx, t)
		return b, 0, err
	}
	b, adjustment, err := s.enable(ctx, t)
	if err != nil {
		return b, 0, s.takeBack(ctx, t, err)
	}
	return b, adjustment, nil
}

// nameCredential settles what the new credential is called: as the profile has
// it, or after the user; that of a fob is called by the fob's serial.
func (t *target) nameCredential() (err error) {
	switch {
	case isBlank(t.token) && t.credential.Touch:
		return &api.Error{Code: api.BadRequest, Message: "a fob's own setting says whether its codes want a press, and enrolment doesn't change it",
			Hint: "leave --touch out"}
	case isBlank(t.token):
		t.credential.ID, err = newSerial()
	case t.credential.ID == "":
		t.credential.ID = "AWS:" + t.user
	}
	return err
}

// deviceName takes path and name from a virtual device's ARN; without one, the
// device is called after the user.
func deviceName(serial, user string) (path, name string) {
	_, resource, ok := strings.Cut(serial, ":mfa/")
	if !ok {
		return "", user
	}
	if i := strings.LastIndexByte(resource, '/'); i >= 0 {
		return "/" + resource[:i+1], resource[i+1:]
	}
	return "", resource
}

// enable hands AWS two codes and binds the device.
func (s *Service) enable(ctx context.Context, t target) (broker.Binding, int, error) {
	if err := t.serves(); err != nil {
		return broker.Binding{}, 0, err
	}
	t.purpose = enrolling
	k, err := s.handPair(ctx, t, func(ctx context.Context, first, second string) (time.Time, error) {
		return s.AWS.EnableMFADevice(ctx, s.iamCaller(t), t.user, t.device.Serial, first, second)
	})
	if err != nil {
		return broker.Binding{}, 0, err
	}
	b, err := s.bind(ctx, t)
	return b, k.Middle(), err
}

// maybeDone reports whether AWS may have done what was asked, though it didn't
// say so: another's page may stand in place of its answer.
func maybeDone(err error) bool {
	var r *sts.Refusal
	if !errors.As(err, &r) {
		return false
	}
	return r.Class == sts.Unanswered || r.Class == sts.Fault || r.Class == sts.Other && r.Status == http.StatusOK
}

// takeBack undoes what an enrolment that failed has made. A device that AWS
// may have enabled is left: its credential is the only one of its kind.
func (s *Service) takeBack(ctx context.Context, t target, why error) error {
	if maybeDone(why) {
		undo := "delete the credential with 'ykman oath accounts delete'"
		if t.token.OwnClock {
			undo = "hold the fob's button for ten seconds, which wipes it"
		}
		if t.made {
			undo += fmt.Sprintf(" and the device with 'aws iam delete-virtual-mfa-device --serial-number %s'", t.device.Serial)
		}
		return s.inDoubt(t, why, undo+", and ")
	}
	ctx = context.WithoutCancel(ctx)
	if t.token.OwnClock {
		why = s.leaving(t, why, s.dropDevice(ctx, t))
		if isBlank(t.token) {
			return why
		}
		s.Log.Warn("an enrolment failed, and its fob stays sealed", "token", t.token.Serial, "profile", t.asker.Profile)
		return stillSealed(t, why)
	}
	return s.leaving(t, why, s.deleteCredential(ctx, t.token.Serial, t.credential.ID), s.dropDevice(ctx, t))
}

// leaving tells of what couldn't be taken back, after why the enrolment failed.
func (s *Service) leaving(t target, why error, left ...error) error {
	said := ""
	for _, err := range left {
		if err != nil {
			said += "; " + err.Error()
		}
	}
	if said == "" {
		return why
	}
	told := *explain.Error(why, s.Clock.Now(t.asker.Endpoint.Name()))
	told.Message += said
	return &toldError{&told, errors.Join(append([]error{why}, left...)...)}
}

// inDoubt tells of a device that AWS may have enabled, and how to go on from
// either; undo comes before another try.
func (s *Service) inDoubt(t target, why error, undo string) error {
	told := *explain.Error(why, s.Clock.Now(t.asker.Endpoint.Name()))
	told.Message += fmt.Sprintf("; AWS may have enabled %s, so token %s keeps credential %q", t.device.Serial, t.token.Serial, t.credential.ID)
	told.Hint = fmt.Sprintf("'aws iam list-mfa-devices --user-name %s' shows whether it did: if so, 'fob bind --profile NAME --token %s --credential %q' with a profile of that mfa_serial goes on; if not, %senrol again",
		t.user, t.token.Serial, t.credential.ID, undo)
	return &toldError{&told, why}
}

// dropDevice deletes the device that an enrolment made and nobody has. The keys
// may not be allowed to: then the error names the permission, and the device.
func (s *Service) dropDevice(ctx context.Context, t target) error {
	if !t.made {
		return nil
	}
	if err := s.AWS.DeleteVirtualMFADevice(ctx, s.iamCaller(t), t.device.Serial); err != nil {
		return fmt.Errorf("MFA device %s, which nobody uses, is left at AWS: %w", t.device.Serial, err)
	}
	return nil
}

// deleteCredential takes a credential off a token; one that isn't there is no
// error.
func (s *Service) deleteCredential(ctx context.Context, token, credential string) error {
	err := s.Broker.Do(ctx, token, "delete the credential", func(ctx context.Context, token devices.Token) error {
		w, ok := token.(devices.Writer)
		if !ok {
			return devices.ErrUnsupported
		}
		if err := w.Delete(ctx, credential); !errors.Is(err, devices.ErrNoCredential) {
			return err
		}
		return nil
	})
	if err != nil {
		return err
	}
	return s.Broker.Refresh(ctx, token)
}
