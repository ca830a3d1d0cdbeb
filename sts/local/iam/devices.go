package iam

import (
	"cmp"
	"net/http"
	"slices"
	"strings"

	"github.com/fob-auth/fob/sts/local/access"
	"github.com/fob-auth/fob/sts/local/device"
	"github.com/fob-auth/fob/sts/local/managed"
	"github.com/fob-auth/fob/sts/local/query"
	"github.com/fob-auth/fob/sts/local/store"
)

// AWS's refusals about devices, to the letter (captured).
var (
	errInvalidCode   = query.Errorf(http.StatusForbidden, "InvalidAuthenticationCode", "Authentication code for device is not valid.")
	errInvalidDevice = query.NoSuchEntity("MFA Device invalid for user.")
	errDeviceInUse   = query.EntityAlreadyExists("MFA Device is already in use.")
	errSelfNeedsMFA  = query.AccessDenied("To complete this action, please ensure that you are authenticated with an MFA device that is enabled for this user.")
	errNotFIDO       = query.ValidationError("The MFA device serial number sent in the request is invalid or not supported by this API. " +
		"Currently, only hardware FIDO security keys are supported. Please use the compatible device or API.")
)

// pairInput is the parameters of EnableMFADevice and ResyncMFADevice.
type pairInput struct{ user, serial, first, second string }

func readPair(in *query.Input) (pairInput, error) {
	p := pairInput{
		user:   in.Required("UserName", userNameRules...),
		serial: in.Required("SerialNumber", serialRules...),
		first:  in.Required("AuthenticationCode1", codeRules...),
		second: in.Required("AuthenticationCode2", codeRules...),
	}
	return p, in.Err()
}

// selfNeedsMFA is the rule of AWS-2023-001 (captured): whoever has a device
// may add or remove own ones in an MFA session only, whatever policies allow.
// It comes before anything about the device itself.
func selfNeedsMFA(r *access.Request, t target) error {
	self := r.Caller.MFAOwner() == t.owner
	if self && !r.Caller.HasMFA() && len(r.Tx.DevicesOwnedBy(t.owner)) > 0 {
		return errSelfNeedsMFA
	}
	return nil
}

func (s *Service) enableMFADevice(r *access.Request) (any, error) {
	in, err := readPair(r.In)
	if err != nil {
		return nil, err
	}
	t, err := allowedTarget(r, "EnableMFADevice", in.user)
	if err != nil {
		return nil, err
	}
	if err := selfNeedsMFA(r, t); err != nil {
		return nil, err
	}
	d, err := enrollable(r, in.serial)
	if err != nil {
		return nil, err
	}
	if d.Owner == t.owner {
		return nil, query.EntityAlreadyExists("MFA Device for user %s already exists.", t.user.Name)
	}
	if d.Owner != "" {
		return nil, errDeviceInUse
	}
	if len(r.Tx.DevicesOwnedBy(t.owner)) >= device.MaxPerUser {
		return nil, limitExceeded("MFADevicesPerUser", device.MaxPerUser)
	}
	return nil, s.pair(r, d, t, in)
}

// enrollable finds a device that could be enabled in the caller's account: a
// virtual one of its own, or a hardware one that the vendor has delivered. A
// hardware serial that nobody delivered is refused with no look at the codes.
func enrollable(r *access.Request, serial string) (store.Device, error) {
	account := r.Caller.Account
	d, ok := r.Tx.Devices.Get(serial)
	switch {
	case strings.HasPrefix(serial, "arn:") && (!ok || d.Account != account.ID):
		return d, noVirtualDevice(serial)
	case strings.HasPrefix(serial, "arn:"):
		return d, nil
	case account.Partition == managed.GovCloud: // AWS MFA FAQ; the sentence is ours
		return d, query.ValidationError("Hardware MFA devices are not supported in %s.", managed.GovCloud)
	case !ok: // the sentence is ours
		return d, query.NoSuchEntity("MFADevice with serial number %s doesn't exist.", serial)
	}
	return d, nil
}

func (s *Service) pair(r *access.Request, d store.Device, t target, in pairInput) error {
	report := s.Devices.Pair(r.Tx, d, r.Caller.Account.ID, t.owner, in.first, in.second, r.Now)
	r.Note.MFA = append(r.Note.MFA, report)
	if report.Outcome != device.Paired {
		return errInvalidCode
	}
	return nil
}

func (s *Service) resyncMFADevice(r *access.Request) (any, error) {
	in, err := readPair(r.In)
	if err != nil {
		return nil, err
	}
	t, err := allowedTarget(r, "ResyncMFADevice", in.user)
	if err != nil {
		return nil, err
	}
	d, err := owned(r, t, in.serial)
	if err != nil {
		return nil, err
	}
	return nil, s.pair(r, d, t, in)
}

// owned finds a device that is enabled for the user.
func owned(r *access.Request, t target, serial string) (store.Device, error) {
	d, ok := r.Tx.Devices.Get(serial)
	if !ok || d.Owner != t.owner {
		return d, errInvalidDevice
	}
	return d, nil
}

func (s *Service) deactivateMFADevice(r *access.Request) (any, error) {
	name := r.In.String("UserName", userNameRules...)
	serial := r.In.Required("SerialNumber", serialRules...)
	if err := r.In.Err(); err != nil {
		return nil, err
	}
	t, err := allowedTarget(r, "DeactivateMFADevice", name)
	if err != nil {
		return nil, err
	}
	if err := selfNeedsMFA(r, t); err != nil {
		return nil, err
	}
	d, err := owned(r, t, serial)
	if err != nil {
		return nil, err
	}
	s.Devices.Deactivate(r.Tx, d, r.Now)
	return nil, nil
}

// getMFADevice knows FIDO devices only, of which there are none here; any
// other serial is refused by its form (captured for a virtual device).
func (s *Service) getMFADevice(r *access.Request) (any, error) {
	name := r.In.String("UserName", userNameRules...)
	serial := r.In.Required("SerialNumber", serialRules...)
	if err := r.In.Err(); err != nil {
		return nil, err
	}
	if _, err := allowedTarget(r, "GetMFADevice", name); err != nil {
		return nil, err
	}
	if strings.HasPrefix(serial, "arn:") && strings.Contains(serial, ":u2f/") {
		return nil, errInvalidDevice
	}
	return nil, errNotFIDO
}

type mfaDevice struct {
	UserName     string `xml:",omitempty"`
	SerialNumber string
	EnableDate   query.Time
}

type listMFADevicesResult struct {
	MFADevices query.List[mfaDevice]
	page
}

func (s *Service) listMFADevices(r *access.Request) (any, error) {
	name := r.In.String("UserName", userNameRules...)
	cursor := readCursor(r.In)
	if err := r.In.Err(); err != nil {
		return nil, err
	}
	t, err := allowedTarget(r, "ListMFADevices", name)
	if err != nil {
		return nil, err
	}
	devices := r.Tx.DevicesOwnedBy(t.owner)
	slices.SortFunc(devices, func(a, b store.Device) int { return cmp.Compare(a.Serial, b.Serial) })
	devices, next, err := cut(cursor, devices, func(d store.Device) string { return d.Serial })
	if err != nil {
		return nil, err
	}
	result := listMFADevicesResult{page: next}
	for _, d := range devices {
		result.MFADevices.Member = append(result.MFADevices.Member, mfaDevice{
			UserName: t.user.Name, SerialNumber: d.Serial, EnableDate: query.Time(d.Enabled),
		})
	}
	return result, nil
}
