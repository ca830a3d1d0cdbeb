package awsissuer

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/fob-auth/fob/sts"
)

// maxDevicePages bounds ListMFADevices: a user has 8 devices at most (IAM User
// Guide, "IAM and AWS STS quotas"), and one page holds 100.
const maxDevicePages = 4

var errNoDevice = errors.New("the answer holds no device")

// A VirtualDevice is an MFA device that AWS has just made and nobody uses yet.
type VirtualDevice struct {
	// Serial is the device's ARN.
	Serial string
	// Seed is the shared secret in base32. AWS shows it this once.
	Seed sts.Secret
}

// A Device is an MFA device that a user has.
type Device struct {
	Serial  string
	User    string
	Enabled time.Time
}

// A User is a user of IAM.
type User struct {
	Name string
	ARN  string
}

// call is what the device operations have in common. It returns AWS's time.
func (i *Issuer) call(ctx context.Context, action string, c Caller, f func(context.Context, *iam.Client) error, codes ...string) (time.Time, error) {
	ctx, cancel, w, err := i.prepare(ctx, action, c, codes...)
	if err != nil {
		return time.Time{}, err
	}
	defer cancel()
	if err := f(ctx, iamClient(c, w)); err != nil {
		return time.Time{}, w.refusal(err)
	}
	return w.date, nil
}

// CreateVirtualMFADevice makes a device of that name; path is "" or "/x/".
func (i *Issuer) CreateVirtualMFADevice(ctx context.Context, c Caller, name, path string) (VirtualDevice, error) {
	var d VirtualDevice
	_, err := i.call(ctx, "CreateVirtualMFADevice", c, func(ctx context.Context, client *iam.Client) error {
		out, err := client.CreateVirtualMFADevice(ctx, &iam.CreateVirtualMFADeviceInput{
			VirtualMFADeviceName: aws.String(name), Path: optional(path),
		})
		if err != nil {
			return err
		}
		v := out.VirtualMFADevice
		if v == nil || aws.ToString(v.SerialNumber) == "" || len(v.Base32StringSeed) == 0 {
			return errNoDevice
		}
		d = VirtualDevice{Serial: *v.SerialNumber, Seed: sts.Secret(v.Base32StringSeed)}
		return nil
	})
	return d, err
}

// EnableMFADevice gives a device to a user. code1 and code2 are of two time
// steps that follow each other. It returns AWS's time, from which the device's
// adjustment follows.
func (i *Issuer) EnableMFADevice(ctx context.Context, c Caller, user, serial, code1, code2 string) (time.Time, error) {
	return i.call(ctx, "EnableMFADevice", c, func(ctx context.Context, client *iam.Client) error {
		_, err := client.EnableMFADevice(ctx, &iam.EnableMFADeviceInput{
			UserName: aws.String(user), SerialNumber: aws.String(serial),
			AuthenticationCode1: aws.String(code1), AuthenticationCode2: aws.String(code2),
		})
		return err
	}, code1, code2)
}

// ResyncMFADevice moves the adjustment of a user's device, by two codes as for
// EnableMFADevice, and returns AWS's time.
func (i *Issuer) ResyncMFADevice(ctx context.Context, c Caller, user, serial, code1, code2 string) (time.Time, error) {
	return i.call(ctx, "ResyncMFADevice", c, func(ctx context.Context, client *iam.Client) error {
		_, err := client.ResyncMFADevice(ctx, &iam.ResyncMFADeviceInput{
			UserName: aws.String(user), SerialNumber: aws.String(serial),
			AuthenticationCode1: aws.String(code1), AuthenticationCode2: aws.String(code2),
		})
		return err
	}, code1, code2)
}

// DeactivateMFADevice takes a device from a user. AWS keeps a virtual one,
// with its seed, until it is deleted.
func (i *Issuer) DeactivateMFADevice(ctx context.Context, c Caller, user, serial string) error {
	_, err := i.call(ctx, "DeactivateMFADevice", c, func(ctx context.Context, client *iam.Client) error {
		_, err := client.DeactivateMFADevice(ctx, &iam.DeactivateMFADeviceInput{
			UserName: optional(user), SerialNumber: aws.String(serial),
		})
		return err
	})
	return err
}

// DeleteVirtualMFADevice deletes a virtual device that no user has.
func (i *Issuer) DeleteVirtualMFADevice(ctx context.Context, c Caller, serial string) error {
	_, err := i.call(ctx, "DeleteVirtualMFADevice", c, func(ctx context.Context, client *iam.Client) error {
		_, err := client.DeleteVirtualMFADevice(ctx, &iam.DeleteVirtualMFADeviceInput{SerialNumber: aws.String(serial)})
		return err
	})
	return err
}

// ListMFADevices lists a user's devices; user "" is the owner of the keys.
func (i *Issuer) ListMFADevices(ctx context.Context, c Caller, user string) ([]Device, error) {
	var devices []Device
	_, err := i.call(ctx, "ListMFADevices", c, func(ctx context.Context, client *iam.Client) error {
		in := &iam.ListMFADevicesInput{UserName: optional(user)}
		for range maxDevicePages {
			out, err := client.ListMFADevices(ctx, in)
			if err != nil {
				return err
			}
			for _, d := range out.MFADevices {
				devices = append(devices, Device{
					Serial: aws.ToString(d.SerialNumber), User: aws.ToString(d.UserName),
					Enabled: aws.ToTime(d.EnableDate).UTC(),
				})
			}
			if !out.IsTruncated || aws.ToString(out.Marker) == "" {
				return nil
			}
			in.Marker = out.Marker
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return devices, nil
}

// GetUser names a user; user "" is the owner of the keys.
func (i *Issuer) GetUser(ctx context.Context, c Caller, user string) (User, error) {
	var u User
	_, err := i.call(ctx, "GetUser", c, func(ctx context.Context, client *iam.Client) error {
		out, err := client.GetUser(ctx, &iam.GetUserInput{UserName: optional(user)})
		if err != nil {
			return err
		}
		if out.User != nil {
			u = User{Name: aws.ToString(out.User.UserName), ARN: aws.ToString(out.User.Arn)}
		}
		return nil
	})
	return u, err
}
