package agent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/fob-auth/fob/agent/api"
	"github.com/fob-auth/fob/agent/mfa"
	"github.com/fob-auth/fob/agent/otpauth"
	"github.com/fob-auth/fob/agent/session"
	"github.com/fob-auth/fob/sts"
)

// Enroll makes a token an MFA device and, where it is the profile's user's own,
// proves it by a first session.
func (a *agent) Enroll(ctx context.Context, req api.EnrollRequest) (api.Enrollment, error) {
	ctx, done := a.withWork(ctx)
	defer done()
	if err := a.admit(ctx, req.Profile); err != nil {
		return api.Enrollment{}, err
	}
	asker, err := a.profiles.asker(ctx, req.Profile)
	if err != nil {
		return api.Enrollment{}, a.told(err, "")
	}
	asker.Caller = callerOf(ctx)
	out, err := a.enroll(ctx, asker, req)
	return out, a.told(err, asker.Endpoint.Name())
}

func (a *agent) enroll(ctx context.Context, asker mfa.Asker, req api.EnrollRequest) (api.Enrollment, error) {
	seed, err := seedOf(req)
	if err != nil {
		return api.Enrollment{}, err
	}
	e := mfa.Enrolment{Name: req.Name, Token: req.Token, Hardware: req.Hardware, Slot: req.Slot, Touch: req.Touch, User: req.User, Seed: seed,
		Session: func(ctx context.Context) (sts.Keys, error) { return a.mfaSession(ctx, asker, asker.MFASerial) }}
	var out api.Enrollment
	if req.ShowQR {
		e.Shown = func(device string, seed sts.Secret) {
			name := device[strings.LastIndexByte(device, '/')+1:]
			out.QR, err = otpauth.Terminal(otpauth.URI(name, cmp.Or(req.User, name), seed.Reveal()))
			if err != nil {
				a.opts.Log.Warn("the seed's QR code can't be drawn", "error", err)
			}
		}
	}
	made, err := a.mfa.Enroll(ctx, asker, e)
	if err != nil {
		return api.Enrollment{}, err
	}
	out.Binding, out.Adjustment, out.User = wireBinding(made.Binding), made.Adjustment, made.User
	serial := made.Binding.Device.Serial
	if !made.Own {
		out.Note = fmt.Sprintf("profiles of user %s name it: mfa_serial: %s", made.User, serial)
		return out, nil
	}
	out.Note = a.leftToDo(asker, req.Profile, serial)
	out.Expiration, err = a.proveDevice(ctx, asker, req.Profile, serial)
	if err != nil {
		return out, fmt.Errorf("MFA device %s is enrolled and bound; its first session failed: %w", serial, err)
	}
	return out, nil
}

// seedOf reads the seed that a request brings, however it does.
func seedOf(req api.EnrollRequest) (sts.Secret, error) {
	bad := func(message string) error {
		return &api.Error{Code: api.BadRequest, Message: message, Hint: "'fob enroll --help'"}
	}
	brought := req.Seed != "" || len(req.Image) > 0
	switch {
	case !brought:
		return "", nil
	case req.Seed != "" && len(req.Image) > 0:
		return "", bad("a seed comes as text or as a QR code, not as both")
	case req.Hardware != "":
		return "", bad("the seed of a hardware fob is in the fob and at AWS")
	case req.ShowQR:
		return "", bad("only a seed that AWS has just made is shown")
	}
	text := req.Seed
	if text == "" {
		if len(req.Image) > api.MaxImage {
			return "", bad(fmt.Sprintf("the image is larger than %d bytes", api.MaxImage))
		}
		var err error
		if text, err = otpauth.FromImage(req.Image); err != nil {
			return "", bad(err.Error())
		}
		if !strings.HasPrefix(strings.ToLower(text), "otpauth:") {
			return "", bad("the QR code is no otpauth URI")
		}
	}
	seed, err := otpauth.Parse(text)
	if err != nil {
		return "", bad(err.Error())
	}
	return sts.Secret(seed), nil
}

// leftToDo says what the config has to learn of a new device.
func (a *agent) leftToDo(asker mfa.Asker, profile, serial string) string {
	switch asker.MFASerial {
	case serial:
		return ""
	case "":
		return fmt.Sprintf("profile %s names no MFA device yet: set mfa_serial: %s in fob.yaml", profile, serial)
	}
	return fmt.Sprintf("profile %s names %s; the new device serves it where that one's token isn't plugged in", profile, asker.MFASerial)
}

// proveDevice buys a session with a new device, and returns when it ends. The
// profile that names the device finds it cached.
func (a *agent) proveDevice(ctx context.Context, asker mfa.Asker, profile, serial string) (time.Time, error) {
	w := a.deviceWant(ctx, asker, serial)
	if asker.MFASerial == serial {
		var err error
		if w, err = a.profiles.want(ctx, profile); err != nil {
			return time.Time{}, err
		}
		w.Caller = asker.Caller
	}
	entry, _, err := a.engine.Get(ctx, w, true)
	return entry.Session.Expiration.UTC(), err
}

// mfaSession returns the keys of a session that a device of the asker's has
// bought, for calls that change devices.
func (a *agent) mfaSession(ctx context.Context, asker mfa.Asker, serial string) (sts.Keys, error) {
	entry, _, err := a.engine.Get(ctx, a.deviceWant(ctx, asker, serial), false)
	return entry.Session.Keys, err
}

// deviceWant is what a profile wants of a session that one device has to buy: the
// one that the profile's roles are chained from, where that is its device. A
// credential that the profile names is its own device's.
func (a *agent) deviceWant(ctx context.Context, asker mfa.Asker, serial string) session.Want {
	w, err := a.profiles.want(ctx, asker.Profile)
	if err != nil {
		w = session.Want{Profile: asker.Profile, Credential: asker.Credential, Typed: asker.Typed, AllowEmulated: asker.AllowEmulated,
			Attested: asker.Attested, AutoResync: asker.AutoResync}
	}
	w.Caller = asker.Caller
	if root := w.Plan.Root(); err == nil && root.Call == sts.GetSessionToken && root.MFASerial == serial {
		w.Plan = root
		return w
	}
	if serial != asker.MFASerial {
		w.Credential, w.Typed = "", false
	}
	w.Plan = sts.Plan{Call: sts.GetSessionToken, Endpoint: asker.Endpoint, Keys: asker.Keys, MFASerial: serial, Duration: sts.DefaultSessionToken}
	return w
}

// Unenroll takes a profile's MFA device away; where its token is lost, what the
// agent has of it.
func (a *agent) Unenroll(ctx context.Context, req api.UnenrollRequest) (api.Unenrollment, error) {
	ctx, done := a.withWork(ctx)
	defer done()
	if err := a.admit(ctx, req.Profile); err != nil {
		return api.Unenrollment{}, err
	}
	asker, err := a.profiles.asker(ctx, req.Profile)
	asker.Caller = callerOf(ctx)
	if err == nil && asker.MFASerial == "" {
		err = &api.Error{Code: api.Config, Message: fmt.Sprintf("profile %s names no MFA device", req.Profile), Hint: "set mfa_serial in fob.yaml; 'fob bindings' shows what is bound"}
	}
	if err != nil {
		return api.Unenrollment{}, a.told(err, "")
	}
	endpoint := asker.Endpoint.Name()
	out := api.Unenrollment{MFASerial: asker.MFASerial, Sessions: []api.SessionInfo{}}
	if req.Lost {
		a.lookAtAWS(ctx, asker, &out)
		err = a.dropBinding(ctx, endpoint, &out)
	} else {
		var gone mfa.Removed
		gone, err = a.mfa.Unenroll(ctx, asker, func(ctx context.Context) (sts.Keys, error) { return a.mfaSession(ctx, asker, asker.MFASerial) })
		out.Token, out.Credential, out.CredentialDeleted, out.Deleted = gone.Token, gone.Credential, gone.CredentialDeleted, gone.Deleted
	}
	if err != nil {
		return out, a.told(err, endpoint)
	}
	live, err := a.engine.ForgetDevice(endpoint, asker.MFASerial)
	for _, e := range live {
		out.Sessions = append(out.Sessions, a.wireSession(ctx, e))
	}
	return out, a.told(err, endpoint)
}

// lookAtAWS finds out what AWS has of a lost device. What is here is dropped
// whether AWS can be asked or not.
func (a *agent) lookAtAWS(ctx context.Context, asker mfa.Asker, out *api.Unenrollment) {
	ctx, cancel := context.WithTimeout(ctx, examination)
	defer cancel()
	var err error
	if out.User, out.AtAWS, err = a.mfa.Enabled(ctx, asker); err != nil {
		out.Unsure = err.Error()
	}
}

// dropBinding takes away what the agent has bound to a device, whether AWS and
// the token can be reached or not.
func (a *agent) dropBinding(ctx context.Context, endpoint string, out *api.Unenrollment) error {
	all, err := a.bindings.All(ctx)
	for _, b := range all {
		if b.Device.Endpoint != endpoint || b.Device.Serial != out.MFASerial {
			continue
		}
		out.Token, out.Credential = b.Token, b.Credential
		err = errors.Join(err, a.Unbind(ctx, b.ID))
	}
	return err
}
